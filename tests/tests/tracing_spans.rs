//! What `tracing` is told: a span for each run and each body, with their fields; and that the events of bodies are inside.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use daglite::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down spans and events with the spans around them.
#[derive(Clone, Default)]
struct Notes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    next: AtomicU64,
    spans: Mutex<BTreeMap<u64, Span>>,
    events: Mutex<Vec<String>>,
    stacks: Mutex<HashMap<std::thread::ThreadId, Vec<u64>>>,
}

/// Name, parent and fields of a span.
type Span = (String, Option<u64>, String);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Keys, times and messages differ.
        match field.name() {
            "message" => _ = write!(self.0, " {value:?}"),
            name @ ("task" | "reason" | "origin") => _ = write!(self.0, " {name}={value:?}"),
            name => _ = write!(self.0, " {name}"),
        }
    }
}

impl Inner {
    fn current(&self) -> Option<u64> {
        self.stacks.lock().unwrap().get(&std::thread::current().id())?.last().copied()
    }

    /// The names of a span and of those around it, the outermost first.
    fn path(&self, span: Option<u64>) -> String {
        let spans = self.spans.lock().unwrap();
        let mut names = Vec::new();
        let mut at = span;
        while let Some(span) = at {
            let (name, parent, fields) = &spans[&span];
            names.push(format!("{name}{{{}}}", fields.trim()));
            at = *parent;
        }
        names.reverse();
        names.join(" > ")
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["daglite", "tracing_spans"].contains(&metadata.target())
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.next.fetch_add(1, Ordering::SeqCst) + 1;
        let parent = match span.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if span.is_contextual() => self.0.current(),
            None => None,
        };
        let mut fields = String::new();
        span.record(&mut Fields(&mut fields));
        let name = span.metadata().name().to_owned();
        self.0.spans.lock().unwrap().insert(id, (name, parent, fields));
        Id::from_u64(id)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.0.spans.lock().unwrap();
        values.record(&mut Fields(&mut spans.get_mut(&span.into_u64()).unwrap().2));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let parent = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None => self.0.current(),
        };
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        let line = format!("{}:{text}", self.0.path(parent));
        self.0.events.lock().unwrap().push(line);
    }
    fn enter(&self, span: &Id) {
        let mut stacks = self.0.stacks.lock().unwrap();
        stacks.entry(std::thread::current().id()).or_default().push(span.into_u64());
    }
    fn exit(&self, span: &Id) {
        let mut stacks = self.0.stacks.lock().unwrap();
        let left = stacks.get_mut(&std::thread::current().id()).unwrap().pop();
        assert_eq!(left, Some(span.into_u64()), "spans are left in the order of their entries");
    }
}

#[task(cache, name = "sync")]
fn sync(n: u64) -> u64 {
    tracing::info!("in the sync body");
    n
}

#[task(name = "later")]
async fn later(n: u64) -> u64 {
    tracing::info!("before the pause");
    tokio::task::yield_now().await;
    tracing::info!("after the pause");
    n
}

#[task(name = "outer")]
fn outer() -> u64 {
    sync(7).run().unwrap()
}

// One test: a subscriber of the whole program sees the threads of the pool too.
#[test]
fn a_run_and_each_body_have_spans_and_the_events_of_bodies_are_inside() {
    let notes = Notes::default();
    tracing::subscriber::set_global_default(notes.clone()).unwrap();
    let take = || {
        let mut events = std::mem::take(&mut *notes.0.events.lock().unwrap());
        events.sort();
        events
    };
    let session = Session::builder().cache(MemoryStore::new()).concurrency(4).build().unwrap();

    sync(1).run_in(&session).unwrap();
    sync(1).run_in(&session).unwrap();
    assert_eq!(
        take(),
        [
            // A lone call whose result is in memory needs no run.
            ": hit task=\"sync\" origin=\"hit\"",
            "run{} > task{task=\"sync\" key reason=no entry yet}: in the sync body",
            "run{}: computed task=\"sync\" key origin=\"computed\" took",
        ]
    );

    // On the threads of the pool.
    let values = join_all((10..40).map(sync)).run_in(&session).unwrap();
    assert_eq!(values.len(), 30);
    let told = take();
    let inside: Vec<_> = told.iter().filter(|line| line.ends_with("in the sync body")).collect();
    assert_eq!(inside.len(), 30);
    assert!(inside.iter().all(|line| line.starts_with("run{} > task{task=\"sync\" key reason")));

    // Several async bodies at once, in turns on one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(join((later(1), later(2))).await_in(&session)).unwrap();
    let told = take();
    for what in ["before the pause", "after the pause"] {
        let line = format!("run{{}} > task{{task=\"later\"}}: {what}");
        assert_eq!(told.iter().filter(|told| **told == line).count(), 2, "{told:?}");
    }

    // A run inside of a body is inside of its span.
    outer().run_in(&session).unwrap();
    let told = take();
    let deep = "run{} > task{task=\"outer\"} > run{} > task{task=\"sync\" key reason=";
    assert!(
        told.iter().any(|line| line.starts_with(deep) && line.ends_with("in the sync body")),
        "{told:?}"
    );
}
