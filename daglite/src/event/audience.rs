//! `Audience`: tells events to observers, each on a thread of its own, so that none can hold up or harm a run.
//!
//! An event goes into the queue of each observer that wants it. A thread takes what is there, all at once, and tells it. It looks again
//! after a few milliseconds, so that whoever tells rarely has to wake it; it leaves when nothing has come for a while.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clock::Clock;
use crate::sync::{AtomicU64, Condvar, Instant, Mutex, MutexGuard, thread, thread_local};

use super::{Event, Interest, Moment, Observer};

/// So many events are kept for an observer.
const MOST_KEPT: usize = 1 << 14;
/// So long a run waits for room.
const FOR_ROOM: Duration = Duration::from_secs(1);
/// It waits on if the observer has taken so many events in that time.
const ENOUGH: u64 = 1_000;
/// So long the end of a run waits for an observer that takes nothing.
const AT_THE_END: Duration = Duration::from_secs(2);
/// So long an observer's thread looks again by itself.
const TICK: Duration = Duration::from_millis(5);
/// After so long without an event it is quiet.
const QUIET: Duration = Duration::from_millis(100);
/// So long an observer's thread stays without an event.
const IDLE: Duration = Duration::from_secs(2);

/// Everybody who listens to a session.
pub(crate) struct Audience {
    hall: Arc<Hall>,
    clock: Clock,
    /// The most that any of them wants.
    interest: Option<Interest>,
    wants_reasons: bool,
}

/// The listeners, as their threads know of each other.
struct Hall(Vec<Arc<Listener>>);

/// An observer with its queue.
struct Listener {
    observer: Box<dyn Observer>,
    interest: Interest,
    state: Mutex<State>,
    /// Wakes the observer's thread.
    come: Condvar,
    /// Wakes those who wait for it.
    done: Condvar,
    /// How many events have come into its queue.
    came: AtomicU64,
    /// How many of them it has been told, or has lost.
    told: AtomicU64,
}

struct State {
    queue: VecDeque<Arc<Told>>,
    thread: Thread,
    /// How many events were dropped and not told of yet.
    missed: u64,
    /// Whether it was waited for in vain, and has not come back since.
    is_stuck: bool,
    has_panicked: bool,
    /// Whether no more will come.
    is_over: bool,
    /// Whether the observer knows that.
    has_ended: bool,
}

/// What the thread of an observer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// There is none.
    None,
    /// It tells, or will look by itself in a moment.
    Awake,
    /// It waits to be woken.
    Asleep,
}

/// An event and its moment, shared by all who are told.
struct Told(Event, Moment);

/// Where the work of a thread belongs to.
#[derive(Clone, Copy, Default)]
struct Place {
    run: u64,
    call: u64,
    is_async: bool,
}

thread_local! {
    /// What this thread is at.
    static PLACE: Cell<Place> = const { Cell::new(Place { run: 0, call: 0, is_async: false }) };
    /// The listener that this thread belongs to.
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    /// What the observer that this thread is telling has to say.
    static COMPLAINT: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The number and the name of this thread.
    static SELF: RefCell<Option<(u64, Option<Arc<str>>)>> = const { RefCell::new(None) };
}

/// Has the users told what is wrong with the observer that is being told an event on this thread.
pub(crate) fn complain(message: String) {
    COMPLAINT.set(Some(message));
}

/// While it lives, what this thread tells belongs to a call.
pub(crate) struct AtPlace(Place);

/// Has what this thread tells belong to a call, until the answer is dropped.
pub(crate) fn place(run: u64, call: u64, is_async: bool) -> AtPlace {
    AtPlace(PLACE.replace(Place { run, call, is_async }))
}

/// The call that what this thread tells belongs to.
pub(crate) fn current_call() -> u64 {
    PLACE.get().call
}

impl Drop for AtPlace {
    fn drop(&mut self) {
        PLACE.set(self.0);
    }
}

impl Audience {
    /// All of `observers`, with no threads yet.
    pub(crate) fn new(observers: Vec<Box<dyn Observer>>, clock: Clock) -> Self {
        let wants_reasons = observers.iter().any(|observer| observer.wants_reasons());
        let listeners: Vec<_> = observers.into_iter().map(Listener::new).map(Arc::new).collect();
        let interest = listeners.iter().map(|listener| listener.interest).max();
        Self { hall: Arc::new(Hall(listeners)), clock, interest, wants_reasons }
    }

    /// Whether anybody wants events of this kind.
    pub(crate) fn wants(&self, interest: Interest) -> bool {
        self.interest.is_some_and(|most| interest <= most)
    }

    /// Whether anybody makes use of the reasons of misses.
    pub(crate) fn wants_reasons(&self) -> bool {
        self.wants_reasons
    }

    /// Tells an event to all who want it.
    pub(crate) fn tell(&self, event: Event) {
        let told = Arc::new(Told(event, moment(&self.clock)));
        self.hall.tell(&told, None);
    }

    /// Waits until all that was told has been heard, by those who still listen.
    pub(crate) fn heard(&self) {
        if !LISTENING.get() {
            self.hall.0.iter().for_each(|listener| listener.heard());
        }
    }

    /// Whether all that was told has been heard.
    pub(crate) fn has_heard(&self) -> bool {
        self.hall.0.iter().all(|listener| listener.count() >= listener.came.load(Ordering::Acquire))
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        for listener in &self.hall.0 {
            listener.state.lock().is_over = true;
        }
        if !LISTENING.get() {
            self.hall.0.iter().for_each(|listener| listener.close(&self.hall));
        }
    }
}

/// What is known of now.
fn moment(clock: &Clock) -> Moment {
    let Place { run, call, is_async } = PLACE.get();
    let (thread, thread_name) = SELF.with_borrow_mut(|known| known.get_or_insert_with(who).clone());
    Moment { time: clock.now(), precise: clock.precise(), run, call, is_async, thread, thread_name }
}

/// A number for this thread, and its name.
fn who() -> (u64, Option<Arc<str>>) {
    // Not one of `sync`: it outlives every session.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let name = thread::current().name().map(Arc::from);
    (NEXT.fetch_add(1, Ordering::Relaxed), name)
}

impl Hall {
    /// Tells an event to all who want it, but for `but`.
    fn tell(self: &Arc<Self>, told: &Arc<Told>, but: Option<&Listener>) {
        for listener in &self.0 {
            let is_left_out = but.is_some_and(|but| std::ptr::eq(but, Arc::as_ptr(listener)));
            if told.0.interest() <= listener.interest && !is_left_out {
                listener.take(told, self);
            }
        }
    }

    /// Tells what is wrong with one observer to the others.
    fn warn(self: &Arc<Self>, of: &Listener, message: String) {
        tracing::warn!(target: "daglite", "{message}");
        if self.0.len() == 1 {
            // Nobody else listens. If standard error is closed there is nobody at all.
            let _ = writeln!(std::io::stderr(), "daglite: warning: {message}");
            return;
        }
        let told = Told(Event::Warning { message }, moment(&Clock::system()));
        self.tell(&Arc::new(told), Some(of));
    }
}

impl Listener {
    fn new(observer: Box<dyn Observer>) -> Self {
        let state = State {
            queue: VecDeque::new(),
            thread: Thread::None,
            missed: 0,
            is_stuck: false,
            has_panicked: false,
            is_over: false,
            has_ended: false,
        };
        Self {
            interest: observer.interest(),
            observer,
            state: Mutex::new(state),
            come: Condvar::new(),
            done: Condvar::new(),
            came: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    fn count(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    /// Takes an event into the queue, or counts it as missed.
    fn take(self: &Arc<Self>, told: &Arc<Told>, hall: &Arc<Hall>) {
        let mut state = self.state.lock();
        let mut is_stuck_now = false;
        if state.queue.len() >= MOST_KEPT && !state.is_stuck && !LISTENING.get() {
            is_stuck_now = !self.makes_room(&mut state) && !mem::replace(&mut state.is_stuck, true);
        }
        if state.queue.len() >= MOST_KEPT {
            state.missed += 1;
        } else {
            state.queue.push_back(Arc::clone(told));
            self.came.fetch_add(1, Ordering::AcqRel);
        }
        match state.thread {
            Thread::Awake => {}
            Thread::Asleep => {
                self.come.notify_one();
            }
            Thread::None => self.spawn(&mut state, hall),
        }
        drop(state);
        if is_stuck_now {
            hall.warn(self, format!("an observer has taken fewer than {ENOUGH} events in {FOR_ROOM:?}, and misses some now"));
        }
    }

    /// Waits for room in the queue, as long as the observer is not too slow; false if it is.
    fn makes_room(&self, state: &mut MutexGuard<'_, State>) -> bool {
        let is_full = |state: &mut State| state.queue.len() >= MOST_KEPT && !state.is_stuck;
        self.come.notify_one();
        let mut told = self.count();
        while self.done.wait_while_for(state, is_full, FOR_ROOM).timed_out() {
            let before = mem::replace(&mut told, self.count());
            if told - before < ENOUGH {
                return false;
            }
        }
        true
    }

    /// Starts a thread for what is in the queue. Without one, what is there is missed.
    fn spawn(self: &Arc<Self>, state: &mut State, hall: &Arc<Hall>) {
        let (listener, hall) = (Arc::clone(self), Arc::downgrade(hall));
        let thread = thread::Builder::new().name("daglite observer".into());
        match thread.spawn(move || listener.listen(&hall)) {
            Ok(_) => state.thread = Thread::Awake,
            Err(error) => {
                tracing::warn!(target: "daglite", %error, "no thread for an observer");
                let lost = mem::take(&mut state.queue).len() as u64;
                state.missed += lost;
                self.told.fetch_add(lost, Ordering::AcqRel);
            }
        }
    }

    /// What the thread of an observer does.
    fn listen(&self, hall: &Weak<Hall>) {
        LISTENING.set(true);
        let mut state = self.state.lock();
        loop {
            if state.queue.is_empty() && !self.rest(&mut state, hall) {
                if state.is_over && !mem::replace(&mut state.has_ended, true) {
                    MutexGuard::unlocked(&mut state, || {
                        self.guard(hall, "ended", |observer| observer.ended());
                    });
                }
                state.thread = Thread::None;
                self.done.notify_all();
                return;
            }
            let batch = mem::take(&mut state.queue);
            let missed = mem::take(&mut state.missed);
            state.is_stuck = false;
            self.done.notify_all();
            drop(state);
            for told in batch {
                self.tell(&told, hall);
                self.told.fetch_add(1, Ordering::AcqRel);
            }
            if missed > 0 {
                self.tell(&Told(Event::Missed { events: missed }, moment(&Clock::system())), hall);
            }
            state = self.state.lock();
            self.done.notify_all();
        }
    }

    /// Waits until something is in the queue; false if nothing has come for long.
    fn rest(&self, state: &mut MutexGuard<'_, State>, hall: &Weak<Hall>) -> bool {
        for (thread, most) in
            [(Thread::Awake, TICK), (Thread::Asleep, QUIET), (Thread::Asleep, IDLE)]
        {
            if !state.is_over {
                state.thread = thread;
                self.come.wait_for(state, most);
                state.thread = Thread::Awake;
            }
            if most != IDLE && state.queue.is_empty() {
                MutexGuard::unlocked(state, || {
                    self.guard(hall, "caught_up", |observer| observer.caught_up());
                });
            }
            if !state.queue.is_empty() {
                return true;
            }
            if state.is_over {
                break;
            }
        }
        false
    }

    /// Tells one event. What an observer panics with is its own affair.
    fn tell(&self, told: &Told, hall: &Weak<Hall>) {
        let Told(event, moment) = told;
        self.guard(hall, event.name(), |observer| observer.event_at(event, moment));
    }

    /// Has the observer do something; passes on what it complains of, and its first panic.
    fn guard(&self, hall: &Weak<Hall>, at: &str, act: impl FnOnce(&dyn Observer)) {
        let panicked = catch_unwind(AssertUnwindSafe(|| act(self.observer.as_ref()))).is_err();
        let is_first = panicked && !mem::replace(&mut self.state.lock().has_panicked, true);
        let panic = is_first.then(|| format!("an observer panicked at `{at}`: the run goes on"));
        let Some(hall) = hall.upgrade() else { return };
        for message in panic.into_iter().chain(COMPLAINT.take()) {
            hall.warn(self, message);
        }
    }

    /// Waits until it knows that nothing more will come, and has ended; not for ever.
    fn close(self: &Arc<Self>, hall: &Arc<Hall>) {
        let mut state = self.state.lock();
        if state.thread == Thread::None {
            if self.came.load(Ordering::Acquire) == 0 {
                // Who has been told nothing has nothing to end.
                return;
            }
            self.spawn(&mut state, hall);
        }
        self.come.notify_one();
        drop(state);
        self.heard();
        let mut state = self.state.lock();
        let is_open = |state: &mut State| state.thread != Thread::None && !state.is_stuck;
        self.done.wait_while_for(&mut state, is_open, AT_THE_END);
    }

    /// Waits until it has been told all that has come so far; not for ever if it takes nothing.
    fn heard(&self) {
        let mut state = self.state.lock();
        let goal = self.came.load(Ordering::Acquire);
        let mut last = (self.count(), Instant::now());
        while self.count() < goal && !state.is_stuck {
            self.come.notify_one();
            self.done.wait_for(&mut state, 4 * TICK);
            let count = self.count();
            if count != last.0 {
                last = (count, Instant::now());
            } else if last.1.elapsed() >= AT_THE_END {
                state.is_stuck = true;
            }
        }
    }
}
