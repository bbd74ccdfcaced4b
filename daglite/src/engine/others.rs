//! Waiting for other processes: keys that they are computing, looked at again and again by one thread a session.
//!
//! Nobody else waits: a node whose key another process has is put aside, together with the flight of this process, so
//! that whoever wants the key here waits for that flight. The thread is made on demand and ends with the last wait.

use std::mem;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::digest::Digest;
use crate::event::Short;
use crate::store::{CacheStore, KeyClaim};
use crate::sync::{Condvar, Instant, Mutex, thread};

use super::block::wait;
use super::flight::{Flight, Flights, Landing};
use super::run::WeakRun;
use super::{Engine, caught};

/// The first pause between two looks.
const SHORTEST: Duration = Duration::from_millis(1);

/// The longest pause between two looks.
const LONGEST: Duration = Duration::from_millis(20);

/// How long a body waits for another process. That process may be waiting for the body's own key, and neither of the
/// two can know: so whoever waits inside a body gives up soon and computes by itself.
const INSIDE_A_BODY: Duration = Duration::from_secs(3);

/// The keys that other processes are computing and somebody here wants.
#[derive(Default)]
pub(super) struct Others {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waits: Vec<Waiting>,
    /// Whether the thread is there.
    watched: bool,
}

/// One such key.
pub(super) struct Waiting {
    /// The right to compute it in this process: it lands when the wait is over.
    pub(super) flight: Flight,
    /// The key.
    pub(super) key: Digest,
    /// The task, for messages.
    pub(super) task: &'static str,
    /// The process that has it, if known.
    pub(super) by: Option<u32>,
    /// The run that wants it: once it is over, nobody waits here for its sake.
    pub(super) run: WeakRun,
    /// Who tells the warning.
    pub(super) engine: Weak<Engine>,
    /// Where it is claimed.
    pub(super) store: Arc<dyn CacheStore>,
    /// When the wait began.
    pub(super) since: Instant,
    /// How long it may take.
    pub(super) limit: Duration,
}

/// A wait in the hands of the thread.
struct Watched {
    waiting: Waiting,
    pause: Duration,
    next: Instant,
    /// Since when a body has been waiting too.
    inside_since: Option<Instant>,
}

impl Others {
    /// Lands the flight of `waiting` once the key is free, or when that takes too long.
    pub(super) fn wait(self: &Arc<Self>, waiting: Waiting) {
        let mut state = self.state.lock();
        state.waits.push(waiting);
        if state.watched {
            drop(state);
            self.wake.notify_one();
            return;
        }
        state.watched = true;
        drop(state);
        let others = Arc::clone(self);
        let thread = thread::Builder::new().name("daglite waits".into());
        if let Err(error) = thread.spawn(move || others.watch()) {
            tracing::warn!(target: "daglite", %error, "no thread to wait for another process");
            let stranded = {
                let mut state = self.state.lock();
                state.watched = false;
                mem::take(&mut state.waits)
            };
            stranded.into_iter().for_each(|waiting| waiting.flight.land(Landing::Alone));
        }
    }

    fn watch(&self) {
        let mut watched: Vec<Watched> = Vec::new();
        loop {
            let mut state = self.state.lock();
            if watched.is_empty() && state.waits.is_empty() {
                state.watched = false;
                return;
            }
            let now = Instant::now();
            let next = watched.iter().map(|watched| watched.next).min();
            if let Some(next) = next
                && state.waits.is_empty()
                && next > now
            {
                self.wake.wait_until(&mut state, next);
            }
            let new = mem::take(&mut state.waits);
            drop(state);
            let now = Instant::now();
            watched.extend(new.into_iter().map(|waiting| Watched {
                waiting,
                pause: SHORTEST,
                next: now + SHORTEST,
                inside_since: None,
            }));
            // One whose store or whose wakers panic must not take the others down with it.
            let due = watched.extract_if(.., |watched| watched.next <= now).collect::<Vec<_>>();
            watched.extend(due.into_iter().filter_map(|due| caught(|| due.look()).ok().flatten()));
        }
    }
}

impl Watched {
    /// Looks whether the key is free; gives the wait back if it goes on.
    fn look(mut self) -> Option<Self> {
        let Waiting { key, store, run, .. } = &self.waiting;
        if run.upgrade().is_none_or(|run| run.has_ended()) {
            // Others who want the key claim it themselves.
            self.waiting.flight.land(Landing::Look);
            return None;
        }
        match caught(|| wait(store.claim(key))) {
            Ok(Ok(KeyClaim::Taken { by })) => self.waiting.by = by.or(self.waiting.by),
            Ok(Ok(KeyClaim::Granted(hold))) => {
                // Whoever looks first and still finds nothing claims again.
                drop(hold);
                self.waiting.flight.land(Landing::Look);
                return None;
            }
            // Whoever claims next is told of the error.
            Ok(Err(_)) | Err(_) => {
                self.waiting.flight.land(Landing::Look);
                return None;
            }
        }
        if self.waiting.flight.is_awaited_inside() {
            let since = self.inside_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= INSIDE_A_BODY {
                self.give_up();
                return None;
            }
        }
        if self.waiting.since.elapsed() >= self.waiting.limit {
            self.give_up();
            return None;
        }
        self.pause = (self.pause * 3 / 2).min(LONGEST);
        self.next = Instant::now() + self.pause;
        Some(self)
    }

    fn give_up(self) {
        let Waiting { flight, task, by, engine, since, .. } = self.waiting;
        if let Some(engine) = engine.upgrade() {
            let who = process(by);
            let waited = Short(since.elapsed());
            let hint = match self.inside_since {
                Some(_) => "a task that waits inside another one does not wait longer",
                None => "`wait_for_others` says how long is waited",
            };
            engine.warn(format!(
                "{who} has not finished `{task}` in {waited}, so it is computed here too: {hint}"
            ));
        }
        flight.land(Landing::Alone);
    }
}

/// A process, for people.
fn process(by: Option<u32>) -> String {
    by.map_or_else(|| "another process".to_string(), |number| format!("process {number}"))
}

impl Flight {
    /// Whether a body waits for the end of this flight.
    fn is_awaited_inside(&self) -> bool {
        self.flights().is_awaited_inside(&self.key())
    }
}

/// Keeps the compiler's eye on what the thread shares with others.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Others>();
    shared::<Flights>();
};
