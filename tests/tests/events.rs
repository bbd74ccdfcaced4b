//! Each kind of event has a promise: what makes it, and what of the same run comes before it.

mod spy_store;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite::{ContentHash, ContentHasher, Element, Event, Moment, Observer, SessionBuilder};
use daglite_tests::wait_until;
use spy_store::{Claims, Handle, Spy};

/// The events of a session: their names, and the calls they are of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(&'static str, u64)>>>);

impl Observer for Told {
    fn event(&self, _: &Event) {}
    fn event_at(&self, event: &Event, moment: &Moment) {
        self.0.lock().unwrap().push((event.name(), moment.call));
    }
}

/// What `run` tells in the session of `builder`.
fn told(builder: SessionBuilder, run: impl FnOnce(&Session)) -> Vec<(&'static str, u64)> {
    let told = Told::default();
    let session = builder.observe(told.clone()).build().unwrap();
    run(&session);
    drop(session);
    // A run that was dropped is not waited for by whoever drops it.
    let is_end = |(name, _): &(&str, u64)| ["run_finished", "run_cancelled"].contains(name);
    let start = std::time::Instant::now();
    while !told.0.lock().unwrap().last().is_some_and(is_end) {
        assert!(start.elapsed() < Duration::from_secs(10), "the run has no end: {:?}", told.0);
        std::thread::yield_now();
    }
    told.0.lock().unwrap().clone()
}

fn cached() -> SessionBuilder {
    Session::builder().cache(MemoryStore::new())
}

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache, cache_exclude = [verbose])]
fn cube(n: u64, verbose: bool) -> u64 {
    if verbose {
        println!("the cube of {n}");
    }
    n * n * n
}

#[task]
fn fails() -> Result<u64, String> {
    Err("on purpose".into())
}

fn cold() -> Vec<(&'static str, u64)> {
    told(cached(), |session| assert_eq!(square(3).run_in(session).unwrap(), 9))
}

fn warm() -> Vec<(&'static str, u64)> {
    told(cached().without_memory(), |session| {
        square(3).run_in(session).unwrap();
        square(3).run_in(session).unwrap();
    })
}

fn failing() -> Vec<(&'static str, u64)> {
    told(cached(), |session| assert!(fails().run_in(session).is_err()))
}

#[task(retries = 1, retry_delay = "1ms")]
fn fails_again() -> Result<u64, String> {
    Err("on purpose".into())
}

fn retried() -> Vec<(&'static str, u64)> {
    told(cached(), |session| assert!(fails_again().run_in(session).is_err()))
}

/// Something that has happened, or not yet.
#[derive(Clone, Copy)]
struct Flag(&'static AtomicBool);

impl Flag {
    fn new() -> Self {
        Self(Box::leak(Box::default()))
    }

    fn raise(self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Waits for it, and not for ever.
    fn wait(self) {
        wait_until(|| self.0.load(Ordering::SeqCst));
    }
}

#[task(timeout = "1ms")]
fn overdue(until: Flag) -> u64 {
    until.wait();
    1
}

#[task]
fn patient(until: Flag) -> u64 {
    until.wait();
    1
}

/// A body that is abandoned and ends at last, while its run is kept open by another one.
fn timed_out() -> Vec<(&'static str, u64)> {
    let (abandoned, ended) = (Flag::new(), Flag::new());
    let watch = move |event: &Event| match event {
        Event::TimedOut { .. } => abandoned.raise(),
        Event::AbandonedEnded { .. } => ended.raise(),
        _ => {}
    };
    let builder = cached().concurrency(3).keep_going(true).observe(watch);
    told(builder, |session| {
        let error = join((overdue(abandoned), patient(ended))).run_in(session).unwrap_err();
        assert_eq!(error.failures().len(), 1, "{error}");
    })
}

fn excluded() -> Vec<(&'static str, u64)> {
    told(cached().warn_excluded(true), |session| {
        cube(3, false).run_in(session).unwrap();
        cube(3, true).run_in(session).unwrap();
    })
}

fn sampled() -> Vec<(&'static str, u64)> {
    /// More than a gibibyte, though nothing of it is in memory.
    #[derive(Clone)]
    struct Huge;
    impl ContentHash for Huge {
        fn content_hash(&self, hasher: &mut ContentHasher) {
            hasher.bulk_from(Element::U8, (1 << 30) + 1, &|_, into| into.fill(7));
        }
    }
    #[task(cache)]
    fn measure(scan: Huge) -> u64 {
        let Huge = scan;
        1
    }
    told(cached(), |session| assert_eq!(measure(Huge).run_in(session).unwrap(), 1))
}

/// Goes on once the other call of the same key has been seen to wait.
#[task(cache, cache_exclude = [until])]
fn held_up(n: u64, until: Flag) -> u64 {
    until.wait();
    n
}

fn waiting() -> Vec<(&'static str, u64)> {
    let both = Flag::new();
    let builder = cached().concurrency(2).observe(move |event: &Event| {
        if let Event::Waiting { .. } = event {
            both.raise();
        }
    });
    told(builder, |session| {
        _ = join((held_up(1, both), held_up(1, both))).run_in(session).unwrap();
    })
}

/// Goes on once the other call that names the limit has been seen to wait.
#[task(limits = ["one"])]
fn limited(until: Flag) {
    until.wait();
}

fn waiting_for_limit() -> Vec<(&'static str, u64)> {
    let both = Flag::new();
    let builder = cached().limit("one", 1).concurrency(2).observe(move |event: &Event| {
        if let Event::WaitingForLimit { limits: ["one"], .. } = event {
            both.raise();
        }
    });
    told(builder, |session| {
        _ = join((limited(both), limited(both))).run_in(session).unwrap();
    })
}

fn waiting_for_process() -> Vec<(&'static str, u64)> {
    let store = Handle(Spy::new(Claims::Taken));
    let builder = Session::builder().cache(store).wait_for_others(Duration::from_millis(1));
    told(builder, |session| assert_eq!(square(3).run_in(session).unwrap(), 9))
}

fn refused() -> Vec<(&'static str, u64)> {
    #[task(cache)]
    fn large() -> Vec<u8> {
        vec![7; 100_000]
    }
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::builder(folder.path()).max_size("10 kB").open().unwrap();
    told(Session::builder().cache(store), |session| _ = large().run_in(session).unwrap())
}

fn evicted() -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let store = || FileStore::builder(folder.path()).max_entries(10).open().unwrap();
    let fill = |session: &Session| {
        for n in 0..40 {
            square(n).run_in(session).unwrap();
        }
        join_all((40..80).map(square)).run_in(session).unwrap();
    };
    told(Session::builder().cache(store()), fill)
}

fn input_changed() -> Vec<(&'static str, u64)> {
    #[task(cache)]
    fn appends(file: InputFile) -> u64 {
        fs::write(file.path(), "something else").unwrap();
        1
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "text").unwrap();
    told(cached(), |session| assert_eq!(appends(path).run_in(session).unwrap(), 1))
}

fn checkpoints() -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let store = FileCheckpoints::open(folder.path()).unwrap();
    told(cached().checkpoints(store), |session| {
        let graph = || square(3).checkpoint("nine");
        graph().run_in(session).unwrap();
        graph().run_in(session).unwrap();
        graph().run_from_in("nine", session).unwrap();
    })
}

fn also() -> Vec<(&'static str, u64)> {
    let graph = || square(3).also(|_| -> () { panic!("on purpose") });
    told(cached(), |session| assert_eq!(graph().run_in(session).unwrap(), 9))
}

fn warning() -> Vec<(&'static str, u64)> {
    let store = Handle(Spy::new(Claims::Fails));
    let builder = Session::builder().cache(store).clock(Clock::system());
    told(builder, |session| assert_eq!(square(3).run_in(session).unwrap(), 9))
}

#[task]
async fn never(at_work: Flag) -> u64 {
    at_work.raise();
    std::future::pending::<()>().await;
    1
}

fn cancelled() -> Vec<(&'static str, u64)> {
    let at_work = Flag::new();
    told(cached(), |session| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = std::pin::pin!(never(at_work).await_in(session));
            std::future::poll_fn(|cx| {
                let _ = run.as_mut().poll(cx);
                cx.waker().wake_by_ref();
                match at_work.0.load(Ordering::SeqCst) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            })
            .await;
        });
    })
}

/// Tells the other observers nothing: it misses events itself, as it is held up.
fn missed() -> Vec<(&'static str, u64)> {
    struct Held(Told, Mutex<std::sync::mpsc::Receiver<()>>, Flag);
    impl Observer for Held {
        fn event(&self, _: &Event) {}
        fn event_at(&self, event: &Event, moment: &Moment) {
            let _ = self.1.lock().unwrap().recv();
            self.0.event_at(event, moment);
            if let Event::Missed { .. } = event {
                self.2.raise();
            }
        }
    }
    let (free, held) = std::sync::mpsc::channel();
    let (names, has_missed) = (Told::default(), Flag::new());
    let observer = Held(names.clone(), Mutex::new(held), has_missed);
    let session = Session::builder().without_cache().observe(observer).build().unwrap();
    #[task]
    fn tiny(n: u64) -> u64 {
        n
    }
    // More than an observer's thread may have taken along when it is held up, and more than is kept for it then.
    join_all((0..50_000).map(tiny)).run_in(&session).unwrap();
    drop(free);
    drop(session);
    // Not by a look at the names: who looks all the time keeps the observer from its lock.
    has_missed.wait();
    names.0.lock().unwrap().clone()
}

/// Of which events of a run another one is told before.
struct Promise {
    event: &'static str,
    /// Those of the same call, if it is of one, that come before it.
    after: &'static [&'static str],
    made_by: fn() -> Vec<(&'static str, u64)>,
}

/// A promise for each event.
#[rustfmt::skip]
const PROMISES: &[Promise] = &[
    Promise { event: "run_started", after: &[], made_by: cold },
    Promise { event: "queued", after: &[], made_by: cold },
    Promise { event: "miss", after: &["queued"], made_by: cold },
    Promise { event: "started", after: &["queued", "miss"], made_by: cold },
    Promise { event: "computed", after: &["queued", "miss", "started"], made_by: cold },
    Promise { event: "stored", after: &["queued", "miss", "started", "computed"], made_by: cold },
    Promise { event: "run_finished", after: &[], made_by: cold },
    Promise { event: "hit", after: &["queued"], made_by: warm },
    Promise { event: "loaded", after: &["queued", "hit"], made_by: warm },
    Promise { event: "failed", after: &["queued", "started"], made_by: failing },
    Promise { event: "excluded_differs", after: &["queued", "hit"], made_by: excluded },
    Promise { event: "sampled", after: &["queued"], made_by: sampled },
    Promise { event: "waiting", after: &["queued"], made_by: waiting },
    Promise { event: "waiting_for_limit", after: &["queued"], made_by: waiting_for_limit },
    Promise { event: "waiting_for_process", after: &["queued"], made_by: waiting_for_process },
    Promise { event: "refused", after: &["queued", "miss", "started", "computed"], made_by: refused },
    Promise { event: "evicted", after: &[], made_by: evicted },
    Promise { event: "input_changed", after: &["queued", "miss", "started", "computed"], made_by: input_changed },
    Promise { event: "checkpoint_saved", after: &[], made_by: checkpoints },
    Promise { event: "checkpoint_unchanged", after: &[], made_by: checkpoints },
    Promise { event: "resumed", after: &[], made_by: checkpoints },
    Promise { event: "also_panicked", after: &[], made_by: also },
    Promise { event: "warning", after: &[], made_by: warning },
    Promise { event: "cancelled", after: &["queued", "started"], made_by: cancelled },
    Promise { event: "run_cancelled", after: &[], made_by: cancelled },
    Promise { event: "retried", after: &["queued", "started"], made_by: retried },
    Promise { event: "timed_out", after: &["queued", "started"], made_by: timed_out },
    Promise { event: "abandoned_ended", after: &["queued", "started", "timed_out"], made_by: timed_out },
    Promise { event: "missed", after: &[], made_by: missed },
];

/// The names of all events, from the source.
fn names() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daglite/src/event/mod.rs");
    let source = fs::read_to_string(path).unwrap();
    let facts = source.split("fn facts").nth(1).unwrap();
    let names = facts.split("=> (\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn each_event_has_a_promise() {
    let mut promised: Vec<&str> = PROMISES.iter().map(|promise| promise.event).collect();
    let mut there = names();
    promised.sort_unstable();
    there.sort_unstable();
    assert_eq!(there, promised);
}

#[test]
fn each_event_is_told_when_it_is_promised_and_after_what_is_promised() {
    for Promise { event, after, made_by } in PROMISES {
        let told = made_by();
        let at = told.iter().position(|(name, _)| name == event);
        let at = at.unwrap_or_else(|| panic!("`{event}` is not among {told:?}"));
        let call = told[at].1;
        for before in *after {
            let is_before = told[..at].contains(&(before, call));
            assert!(is_before, "`{before}` does not come before `{event}` in {told:?}");
        }
    }
}

#[test]
fn each_run_begins_with_its_start_and_ends_with_its_end() {
    for Promise { event, made_by, .. } in PROMISES.iter().filter(|it| it.event != "missed") {
        let told = made_by();
        let mut is_open = false;
        for (name, call) in &told {
            match *name {
                "run_started" => assert!(!std::mem::replace(&mut is_open, true), "{told:?}"),
                "run_finished" | "run_cancelled" => {
                    assert!(std::mem::replace(&mut is_open, false), "{told:?}");
                }
                name => assert!(is_open, "`{name}` of {call} is outside of a run: {told:?}"),
            }
        }
        assert!(!is_open, "a run of `{event}` has no end: {told:?}");
    }
}

#[test]
fn each_call_is_queued_once_and_has_one_end() {
    let told = told(cached().concurrency(2), |session| {
        let list = square(3).map(|n| (0..n).collect::<Vec<_>>()).map_each(square);
        assert_eq!(list.run_in(session).unwrap().len(), 9);
    });
    let of = |name: &str| {
        let mut calls: Vec<u64> =
            told.iter().filter(|(told, _)| *told == name).map(|(_, call)| *call).collect();
        calls.sort_unstable();
        calls
    };
    let queued = of("queued");
    assert_eq!(queued.len(), 10);
    let mut ended = [of("computed"), of("hit")].concat();
    ended.sort_unstable();
    assert_eq!(ended, queued);
}

#[test]
fn hits_that_are_looked_for_together_are_told_of_their_own_calls() {
    let told = told(cached().without_memory(), |session| {
        join_all((0..100).map(square)).run_in(session).unwrap();
        let outcome = join_all((0..100).map(square)).outcome_in(session).unwrap();
        assert_eq!(outcome.summary.hits, 100);
        assert!(outcome.graph().mermaid().contains("square<br/>hit: "));
        assert!(!outcome.graph().mermaid().contains(":::ready"));
    });
    let of = |name: &str| {
        let mut calls: Vec<u64> =
            told.iter().filter(|(told, _)| *told == name).map(|(_, call)| *call).collect();
        calls.sort_unstable();
        calls
    };
    assert_eq!(of("hit").len(), 100);
    assert_eq!(of("queued"), [of("computed"), of("hit")].concat());
}
