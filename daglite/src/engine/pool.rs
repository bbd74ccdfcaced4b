//! The threads of a session: at most `concurrency` of them work, however many sleep in nested runs.
//!
//! Whoever executes tasks holds a permit. A thread whose task runs a graph of its own, and has nothing to do for it,
//! gives its permit back while it sleeps and takes it again, unasked, when it wakes: nobody who holds a permit ever
//! waits, so the permits cannot run out for good. Threads are made as they are needed and leave when idle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

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
    /// Permits left. Below zero while sleepers that woke share the permits of others.
    permits: isize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads yet, and with `concurrency` permits.
    pub(super) fn new(concurrency: usize) -> Self {
        let permits = isize::try_from(concurrency).unwrap_or(isize::MAX);
        let state = State { jobs: VecDeque::new(), permits, idle: 0, closed: false };
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

    /// A permit for the calling thread, if one is left.
    pub(super) fn try_acquire(&self) -> bool {
        let mut state = self.shared.state.lock();
        let free = state.permits > 0;
        if free {
            state.permits -= 1;
        }
        free
    }

    /// A permit for the calling thread, left or not: for sleepers that wake.
    pub(super) fn force_acquire(&self) {
        self.shared.state.lock().permits -= 1;
    }

    /// Gives a permit back.
    pub(super) fn release(&self) {
        let mut state = self.shared.state.lock();
        state.permits += 1;
        self.shared.dispatch(state);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// Sees to it that somebody takes the next job, if it may be done now.
    fn dispatch(self: &Arc<Self>, state: parking_lot::MutexGuard<'_, State>) {
        if state.jobs.is_empty() || state.permits <= 0 {
            return;
        }
        // Threads that were told and have not come yet still count as idle: each of them is good for one job.
        let permits = usize::try_from(state.permits).unwrap_or(0);
        if state.idle >= state.jobs.len().min(permits) {
            self.wake.notify_one();
            return;
        }
        drop(state);
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("daglite".into());
        // A machine that gives no more threads is no reason to fail: the caller of the run works too.
        if let Err(error) = thread.spawn(move || shared.work()) {
            tracing::warn!(%error, "no further thread for daglite's pool");
        }
    }

    fn work(self: Arc<Self>) {
        let mut state = self.state.lock();
        loop {
            if state.permits > 0
                && let Some(job) = state.jobs.pop_front()
            {
                state.permits -= 1;
                drop(state);
                // What a job leaves behind may panic as it is dropped: the permit must come back all the same.
                if let Err(message) = super::caught(job) {
                    tracing::warn!(%message, "a thread of daglite's pool caught a panic");
                }
                state = self.state.lock();
                state.permits += 1;
                continue;
            }
            if state.closed {
                return;
            }
            state.idle += 1;
            let timed_out = self.wake.wait_for(&mut state, IDLE).timed_out();
            state.idle -= 1;
            if timed_out && (state.jobs.is_empty() || state.permits <= 0) {
                return;
            }
        }
    }
}
