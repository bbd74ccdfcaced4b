//! Timers: what is to be done later, by the clock of the session. One thread calls what is due; it is made when there is
//! something to wait for, and leaves when there has been nothing for a while.
//!
//! Bodies of `async` tasks run on any runtime, so timers belong to none. What is called has to be short, and is no code of
//! the user's: it says to somebody else that the time has come.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clock::{Clock, Moved};
use crate::sync::{Condvar, Mutex, MutexGuard, thread};

/// What is called when the time has come.
pub(super) type Action = Box<dyn FnOnce() + Send>;

/// How long the thread stays with nothing to wait for.
const IDLE: Duration = Duration::from_secs(1);

/// The timers of a session. Dropping it lets the thread go.
pub(super) struct Timers(Arc<Shared>);

struct Shared {
    clock: Clock,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be done, by when and by the order in which it was asked for.
    due: BTreeMap<Due, Action>,
    asked: u64,
    /// Whether the thread is there.
    watched: bool,
    closed: bool,
}

/// When something is due, and what tells it from others of that moment.
type Due = (Duration, u64);

/// Something that is to be done later. Dropping it calls it off.
pub(super) struct Timer {
    timers: Weak<Shared>,
    due: Due,
}

impl Timers {
    /// Timers that go by `clock`, and no thread yet.
    pub(super) fn new(clock: Clock) -> Self {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { clock, state, wake });
        let moved: Weak<dyn Moved> = Arc::downgrade(&(Arc::clone(&shared) as Arc<dyn Moved>));
        shared.clock.tell_when_moved(moved);
        Self(shared)
    }

    /// Time as it goes by, from some start.
    pub(super) fn now(&self) -> Duration {
        self.0.clock.reading()
    }

    /// Has `action` called after `delay`, unless the timer is dropped before.
    pub(super) fn after(&self, delay: Duration, action: Action) -> Option<Timer> {
        self.at(self.now().saturating_add(delay), action)
    }

    /// Has `action` called when it is `at`, unless the timer is dropped before; `None` if there is no thread to do it.
    pub(super) fn at(&self, at: Duration, action: Action) -> Option<Timer> {
        let shared = &self.0;
        let mut state = shared.state.lock();
        state.asked += 1;
        let due = (at, state.asked);
        state.due.insert(due, action);
        if state.watched {
            let is_first = state.due.first_key_value().is_some_and(|(first, _)| *first == due);
            drop(state);
            if is_first {
                shared.wake.notify_one();
            }
        } else {
            state.watched = true;
            drop(state);
            let watching = Arc::clone(shared);
            let thread = thread::Builder::new().name("daglite timers".into());
            if let Err(error) = thread.spawn(move || watching.watch()) {
                tracing::warn!(%error, "no thread for the timers of daglite");
                let mut state = shared.state.lock();
                state.watched = false;
                state.due.remove(&due);
                return None;
            }
        }
        Some(Timer { timers: Arc::downgrade(shared), due })
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(timers) = self.timers.upgrade() else { return };
        // What goes is dropped after the lock: it may hold the last handle on something large.
        let action = timers.state.lock().due.remove(&self.due);
        drop(action);
    }
}

impl Shared {
    fn watch(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let now = self.clock.reading();
            match state.due.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let action = first.remove();
                    // One that panics must not take the others down with it.
                    MutexGuard::unlocked(&mut state, || drop(super::caught(action)));
                }
                Some(first) => {
                    let left = first.key().0.saturating_sub(now);
                    if self.clock.is_manual() {
                        self.wake.wait(&mut state);
                    } else {
                        // Not longer, as it may be called off, and then nobody is here for nothing.
                        self.wake.wait_for(&mut state, left.min(IDLE));
                    }
                }
                None => {
                    let timed_out = self.wake.wait_for(&mut state, IDLE).timed_out();
                    if timed_out && state.due.is_empty() {
                        break;
                    }
                }
            }
        }
        state.watched = false;
    }
}

impl Moved for Shared {
    fn moved(&self) {
        // Under the lock, so that the thread sees it before it falls asleep or is woken after.
        let _state = self.state.lock();
        self.wake.notify_one();
    }
}
