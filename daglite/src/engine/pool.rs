//! The threads of a session: at most `concurrency` of them work, however many sleep in nested runs.
//!
//! Whoever executes tasks holds a permit. A thread whose task runs a graph of its own, and has nothing to do for it,
//! gives its permit back while it sleeps and takes it again, unasked, when it wakes: nobody who holds a permit ever
//! waits, so the permits cannot run out for good. Threads are made as they are needed and leave when idle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard, thread, thread_local};

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
}

struct State {
    jobs: VecDeque<Job>,
    /// Jobs that take no permit, because they run no body.
    light: VecDeque<Job>,
    /// Permits left. Below zero while sleepers that woke share the permits of others.
    permits: isize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads yet, and with `concurrency` permits.
    pub(super) fn new(concurrency: usize) -> Self {
        let permits = isize::try_from(concurrency).unwrap_or(isize::MAX);
        let state = State {
            jobs: VecDeque::new(),
            light: VecDeque::new(),
            permits,
            idle: 0,
            closed: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        Self { shared, concurrency }
    }

    /// How many may work at once.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Has `job` done by a thread of the pool as soon as there is a permit for it.
    pub(super) fn submit(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.jobs.push_back(job);
        self.shared.dispatch(state);
    }

    /// Has `job` done by a thread of the pool at once, without a permit.
    pub(super) fn submit_light(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.light.push_back(job);
        self.shared.dispatch(state);
    }

    /// A permit for the calling thread, if one is left.
    pub(super) fn try_acquire(&self) -> Option<Permit> {
        let mut state = self.shared.state.lock();
        if state.permits <= 0 {
            return None;
        }
        state.permits -= 1;
        drop(state);
        Some(Permit::hold(Arc::clone(&self.shared)))
    }

    /// Gives the permit of a thread that goes on without it to others, until [`take_again`](Self::take_again).
    pub(super) fn lend(&self) {
        self.shared.give_back();
    }

    /// Takes a permit for a thread that gave its own to others, whether one is left or not.
    pub(super) fn take_again(&self) {
        self.shared.state.lock().permits -= 1;
    }

    /// Whether a permit is left.
    pub(super) fn has_permit(&self) -> bool {
        self.shared.state.lock().permits > 0
    }

    /// Whether the calling thread has a permit of this pool: its body, or one around it, got it.
    pub(super) fn is_held(&self) -> bool {
        HELD.with_borrow(|held| held.iter().any(|pool| Arc::ptr_eq(pool, &self.shared)))
    }
}

thread_local! {
    /// The pools whose permits the thread has: several, if sessions are nested in one another.
    static HELD: RefCell<Vec<Arc<Shared>>> = const { RefCell::new(Vec::new()) };
}

/// A thread's right to work. Given back when dropped, on the same thread.
pub(super) struct Permit(Arc<Shared>);

impl Permit {
    /// Notes that this thread has a permit that was taken from `pool`.
    fn hold(pool: Arc<Shared>) -> Self {
        HELD.with_borrow_mut(|held| held.push(Arc::clone(&pool)));
        Self(pool)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| {
            if let Some(at) = held.iter().rposition(|pool| Arc::ptr_eq(pool, &self.0)) {
                held.remove(at);
            }
        });
        self.0.give_back();
    }
}

/// Sleeps without the permits of the calling thread, and takes them again when `sleep` returns, left or not.
pub(super) fn without_permits(sleep: impl FnOnce()) {
    let held = HELD.with_borrow(Vec::clone);
    held.iter().for_each(Shared::give_back);
    sleep();
    held.iter().for_each(|pool| pool.state.lock().permits -= 1);
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn give_back(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.permits += 1;
        self.dispatch(state);
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
            if state.permits > 0
                && let Some(job) = state.jobs.pop_front()
            {
                state.permits -= 1;
                drop(state);
                let permit = Permit::hold(Arc::clone(&self));
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
        self.jobs.len().min(usize::try_from(self.permits).unwrap_or(0)) + self.light.len()
    }
}

/// What a job leaves behind may panic as it is dropped: the thread and its permit must come back all the same.
fn run_job(job: Job) {
    if let Err(message) = super::caught(job) {
        tracing::warn!(target: "daglite", %message, "a thread of daglite's pool caught a panic");
    }
}
