//! The threads of a session: at most `concurrency` of them work, however many sleep in nested runs.
//!
//! Whoever executes tasks holds a permit, or as many as the task weighs. A thread whose task runs a graph of its own, and has
//! nothing to do for it, gives its permits back while it sleeps and takes them again, unasked, when it wakes: nobody who holds a
//! permit ever waits, so the permits cannot run out for good. Threads are made as they are needed and leave when idle.
//!
//! Jobs begin in the order in which they came. One that needs several permits is not passed by others, and those who hold a
//! permit for one piece of work after the other give it back while such a job waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, thread, thread_local};

/// Work for a thread of the pool.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// The threads of a session. Dropping it lets them go once they are idle.
pub(super) struct Pool {
    shared: Arc<Shared>,
    concurrency: usize,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Whether a job waits that needs several permits: for those who do not look at the state.
    pressed: AtomicBool,
}

struct State {
    /// Jobs, and how many permits each takes.
    jobs: VecDeque<(usize, Job)>,
    /// How many of them take several.
    heavy: usize,
    /// Jobs that take no permit, because they run no body.
    light: VecDeque<Job>,
    /// What is to be done, without a permit, when one is left that no job waits for.
    when_free: Vec<Job>,
    /// Permits left. Below zero while sleepers that woke share the permits of others.
    permits: isize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads yet, and with `concurrency` permits.
    pub(super) fn new(concurrency: usize) -> Self {
        let permits = signed(concurrency);
        let state = State {
            jobs: VecDeque::new(),
            heavy: 0,
            light: VecDeque::new(),
            when_free: Vec::new(),
            permits,
            idle: 0,
            closed: false,
        };
        let (state, wake, pressed) = (Mutex::new(state), Condvar::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { state, wake, pressed }), concurrency }
    }

    /// How many may work at once.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Has `job` done by a thread of the pool as soon as there is a permit for it.
    pub(super) fn submit(&self, job: Job) {
        self.submit_heavy(1, job);
    }

    /// Has `job` done by a thread of the pool as soon as there are `permits` for it, which are no more than there can be.
    pub(super) fn submit_heavy(&self, permits: usize, job: Job) {
        let mut state = self.shared.state.lock();
        state.jobs.push_back((permits, job));
        state.heavy += usize::from(permits > 1);
        self.shared.tell_pressed(&state);
        self.shared.dispatch(state);
    }

    /// Has `job` done by a thread of the pool at once, without a permit.
    pub(super) fn submit_light(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.light.push_back(job);
        self.shared.dispatch(state);
    }

    /// Has `job` done without a permit as soon as there is one that no job waits for: now, or when somebody gives one back.
    pub(super) fn when_free(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.when_free.push(job);
        if state.note_free() {
            self.shared.dispatch(state);
        }
    }

    /// A permit for the calling thread, if one is left that nobody waits for.
    pub(super) fn try_acquire(&self) -> Option<Permit> {
        let mut state = self.shared.state.lock();
        if state.permits <= 0 || state.heavy > 0 {
            return None;
        }
        state.permits -= 1;
        drop(state);
        Some(Permit::hold(Arc::clone(&self.shared), 1))
    }

    /// Whether a permit is left that nobody waits for.
    pub(super) fn has_permit(&self) -> bool {
        let state = self.shared.state.lock();
        state.permits > 0 && state.heavy == 0
    }

    /// Whether somebody waits for several permits, so that those who need theirs for no body should give them back.
    pub(super) fn is_pressed(&self) -> bool {
        self.shared.pressed.load(Ordering::Relaxed)
    }

    /// Whether the calling thread has a permit of this pool: its body, or one around it, got it.
    pub(super) fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// The permits of this pool that the calling thread has, those of the innermost body.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        HELD.with_borrow(|held| {
            let mut held = held.iter().rev();
            held.find(|held| Arc::ptr_eq(&held.pool, &self.shared)).cloned()
        })
    }
}

thread_local! {
    /// The permits that the thread has: of several pools, if sessions are nested in one another.
    static HELD: RefCell<Vec<Arc<Held>>> = const { RefCell::new(Vec::new()) };
}

/// Permits that were taken together, and what has become of them.
pub(super) struct Held {
    pool: Arc<Shared>,
    permits: usize,
    given: Mutex<Given>,
}

/// For how many reasons permits are given to others for a while.
#[derive(Default)]
struct Given {
    /// All of them: the thread sleeps, or its body was abandoned.
    all: isize,
    /// All but one: the thread works for a run inside its body.
    but_one: usize,
    /// Whether they were given back for good.
    over: bool,
}

impl Held {
    /// Gives all of the permits to others, until [`take_again`](Self::take_again).
    pub(super) fn lend(&self) {
        self.change(|given| given.all += 1);
    }

    /// Takes the permits again that were given to others, whether any are left or not.
    pub(super) fn take_again(&self) {
        self.change(|given| given.all -= 1);
    }

    fn kept(&self, given: &Given) -> usize {
        match given {
            Given { over: true, .. } | Given { all: 1.., .. } => 0,
            Given { but_one: 1.., .. } => 1,
            Given { .. } => self.permits,
        }
    }

    /// Does what follows from a change. Under the lock, so that two changes do not cross.
    fn change(&self, change: impl FnOnce(&mut Given)) {
        let mut given = self.given.lock();
        let before = self.kept(&given);
        change(&mut given);
        let after = self.kept(&given);
        if after < before {
            self.pool.give_back(before - after);
        } else if after > before {
            self.pool.state.lock().permits -= signed(after - before);
        }
    }
}

/// A thread's right to work. Given back when dropped, on the same thread.
pub(super) struct Permit(Arc<Held>);

impl Permit {
    /// Notes that this thread has so many permits, which were taken from `pool`.
    fn hold(pool: Arc<Shared>, permits: usize) -> Self {
        let held = Arc::new(Held { pool, permits, given: Mutex::default() });
        HELD.with_borrow_mut(|all| all.push(Arc::clone(&held)));
        Self(held)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| {
            if let Some(at) = held.iter().rposition(|held| Arc::ptr_eq(held, &self.0)) {
                held.remove(at);
            }
        });
        self.0.change(|given| given.over = true);
    }
}

/// Permits of a thread that others may use; taken again when dropped, on whatever thread, left or not.
pub(super) struct Lent {
    held: Vec<Arc<Held>>,
    but_one: bool,
}

impl Lent {
    /// All permits of the calling thread: it is about to wait for something.
    pub(super) fn all() -> Self {
        let held = HELD.with_borrow(Vec::clone);
        held.iter().for_each(|held| held.lend());
        Self { held, but_one: false }
    }

    /// All but one of those that the body around has of each pool; nothing if it has no more.
    pub(super) fn but_one() -> Option<Self> {
        let heavy =
            |held: &Vec<Arc<Held>>| held.iter().filter(|held| held.permits > 1).cloned().collect();
        let held: Vec<Arc<Held>> = HELD.with_borrow(heavy);
        if held.is_empty() {
            return None;
        }
        held.iter().for_each(|held| held.change(|given| given.but_one += 1));
        Some(Self { held, but_one: true })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        for held in &self.held {
            if self.but_one {
                held.change(|given| given.but_one -= 1);
            } else {
                held.take_again();
            }
        }
    }
}

/// Sleeps without the permits of the calling thread, and takes them again when `sleep` returns, left or not.
pub(super) fn without_permits(sleep: impl FnOnce()) {
    let lent = Lent::all();
    sleep();
    drop(lent);
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn give_back(self: &Arc<Self>, permits: usize) {
        let mut state = self.state.lock();
        state.permits += signed(permits);
        let has_more = state.note_free();
        if permits == 1 && !has_more {
            self.dispatch(state);
        } else {
            self.dispatch_all(state);
        }
    }

    fn tell_pressed(&self, state: &State) {
        self.pressed.store(state.heavy > 0, Ordering::Relaxed);
    }

    /// Sees to it that somebody takes the next job, if it may be done now.
    fn dispatch(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        let doable = state.doable();
        if doable == 0 {
            return;
        }
        // Threads that were told and have not come yet still count as idle: each of them is good for one job.
        if state.idle >= doable {
            self.wake.notify_one();
            return;
        }
        drop(state);
        self.spawn();
    }

    /// Sees to it that all jobs that may be done now are taken: those that could not be when they came, above all.
    fn dispatch_all(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        let (doable, idle) = (state.doable(), state.idle);
        drop(state);
        if idle > 0 && doable > 0 {
            self.wake.notify_all();
        }
        (idle..doable).for_each(|_| self.spawn());
    }

    fn spawn(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("daglite".into());
        // A machine that gives no more threads is no reason to fail: the caller of the run works too.
        if let Err(error) = thread.spawn(move || shared.work()) {
            tracing::warn!(target: "daglite", %error, "no further thread for daglite's pool");
        }
    }

    fn work(self: Arc<Self>) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.light.pop_front() {
                drop(state);
                run_job(job);
                state = self.state.lock();
                continue;
            }
            if let Some((permits, job)) = state.next_job() {
                if permits > 1 {
                    // Others could not be done as long as it was the first.
                    self.tell_pressed(&state);
                    self.dispatch_all(state);
                } else {
                    drop(state);
                }
                let permit = Permit::hold(Arc::clone(&self), permits);
                run_job(job);
                drop(permit);
                state = self.state.lock();
                continue;
            }
            if state.closed {
                return;
            }
            state.idle += 1;
            let timed_out = self.wake.wait_for(&mut state, IDLE).timed_out();
            state.idle -= 1;
            if timed_out && state.doable() == 0 {
                return;
            }
        }
    }
}

impl State {
    /// How many jobs could be done now, with threads enough.
    fn doable(&self) -> usize {
        let mut left = usize::try_from(self.permits).unwrap_or(0);
        if self.heavy == 0 {
            return self.jobs.len().min(left) + self.light.len();
        }
        let fits = |(permits, _): &&(usize, Job)| {
            let fits = *permits <= left;
            left = left.saturating_sub(*permits);
            fits
        };
        self.jobs.iter().take_while(fits).count() + self.light.len()
    }

    /// Has done what waits for a permit that no job waits for, if there is one; answers whether there is anything.
    fn note_free(&mut self) -> bool {
        let is_free = self.permits > 0 && self.jobs.is_empty() && !self.when_free.is_empty();
        if is_free {
            self.light.extend(self.when_free.drain(..));
        }
        is_free
    }

    /// The first job, if there are permits for it, which are taken.
    fn next_job(&mut self) -> Option<(usize, Job)> {
        let needs = signed(self.jobs.front()?.0);
        if needs > self.permits {
            return None;
        }
        let (permits, job) = self.jobs.pop_front()?;
        self.permits -= needs;
        self.heavy -= usize::from(permits > 1);
        Some((permits, job))
    }
}

fn signed(permits: usize) -> isize {
    isize::try_from(permits).unwrap_or(isize::MAX)
}

/// What a job leaves behind may panic as it is dropped: the thread and its permit must come back all the same.
fn run_job(job: Job) {
    if let Err(message) = super::caught(job) {
        tracing::warn!(target: "daglite", %message, "a thread of daglite's pool caught a panic");
    }
}
