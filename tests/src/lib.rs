//! What several tests need: a session that writes down what happens in it, and what a panic said; and, a module each, what
//! the attacks on stores need.

pub mod counted;
pub mod faults;
pub mod folders;
pub mod one_key;
pub mod pipeline;
pub mod processes;
pub mod random;
pub mod scratch;
pub mod shapes;
pub mod stores;

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::{Event, SessionBuilder};

/// The events of a session, one short line each.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// All lines since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines())
    }

    /// How many lines since the last [`take`](Self::take) start with `prefix`.
    pub fn count(&self, prefix: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(prefix)).count()
    }

    /// Writes an event down.
    pub fn write(&self, event: &Event) {
        if let Some(line) = line(event) {
            self.lines().push(line);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last part of a task's name.
fn short(task: &str) -> &str {
    task.rsplit("::").next().unwrap_or(task)
}

fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Hit { task, .. } => format!("hit {}", short(task)),
        Event::Miss { task, reason, .. } => format!("miss {}: {reason}", short(task)),
        Event::Waiting { task, .. } => format!("wait {}", short(task)),
        Event::WaitingForProcess { task, process, .. } => match process {
            Some(number) => format!("waits for process {number}: {}", short(task)),
            None => format!("waits for a process: {}", short(task)),
        },
        Event::WaitingForLimit { task, limits } => {
            format!("waits for {}: {}", limits.join(", "), short(task))
        }
        Event::Computed { task, .. } => format!("computed {}", short(task)),
        Event::Retried { task, attempt, retries, .. } => {
            format!("retried {}: attempt {attempt}, {retries} retries", short(task))
        }
        Event::TimedOut { task, attempt, still_running, .. } => {
            let fate = if *still_running { "still running" } else { "dropped" };
            format!("timed out {}: attempt {attempt}, {fate}", short(task))
        }
        Event::AbandonedEnded { task, .. } => format!("ended late {}", short(task)),
        Event::Failed { task, error } => format!("failed {}: {error}", short(task)),
        Event::Stored { task, .. } => format!("stored {}", short(task)),
        Event::Refused { task, reason, .. } => format!("refused {}: {reason}", short(task)),
        Event::InputChanged { task, path, .. } => {
            let name = path.file_name().unwrap_or_default();
            format!("input changed under {}: {}", short(task), name.display())
        }
        Event::Loaded { task, .. } => format!("loaded {}", short(task)),
        Event::CheckpointSaved { name, .. } => format!("saved {name}"),
        Event::CheckpointUnchanged { name, .. } => format!("unchanged {name}"),
        Event::AlsoPanicked { message } => format!("also panicked: {message}"),
        Event::Warning { message } => format!("warning: {message}"),
        _ => return None,
    })
}

/// A session with a cache in memory and a log.
pub fn logged() -> (Session, Log) {
    logged_with(Session::builder().cache(MemoryStore::new()))
}

/// The session that `builder` makes, with a log.
pub fn logged_with(builder: SessionBuilder) -> (Session, Log) {
    let log = Log::default();
    let observer = log.clone();
    let session = builder.observe(move |event: &Event| observer.write(event)).build();
    (session.expect("the settings of a test are right"), log)
}

/// What `work` makes on a thread of its own; a panic if that takes longer than a minute.
pub fn in_time<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || tell.send(work()));
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("it takes longer than a minute"),
        Err(RecvTimeoutError::Disconnected) => {
            resume_unwind(thread.join().expect_err("it has told nothing"))
        }
    }
}

/// Waits until `condition` holds; a panic if that takes longer than a minute.
pub fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come true in a minute");
        thread::yield_now();
    }
}

/// What a panic said.
pub fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).expect("a panic has a text")
}
