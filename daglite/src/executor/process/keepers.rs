//! The line of jobs, and the threads that see to it: each keeps one worker, for as long as there is something to do.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::HAS_WORKER_MAIN;
use super::settings::{Program, Settings};
use super::ticket::{Pending, Ticket};
use super::worker::{Answer, Worker};
use crate::executor::call::caught;
use crate::executor::{Job, JobError, JobFuture};
use crate::registry::Encoded;

/// How long a worker stays that has nothing to do.
const IDLE: Duration = Duration::from_secs(30);

/// What the threads of an executor share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    line: VecDeque<Arc<Ticket>>,
    /// For how many workers those count that are not in line any more, and not over.
    busy: usize,
    /// Threads that are there, or are about to be.
    keepers: usize,
    /// Those of them that are at no job.
    idle: usize,
    closed: bool,
}

impl Shared {
    /// No threads yet.
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::default(), wake: Condvar::new() })
    }

    /// Has all end that is not wanted any more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }

    /// Takes a job out of the line that nobody wants any more.
    pub(super) fn forget(&self, ticket: &Arc<Ticket>) {
        let mut state = self.state.lock();
        let is_first = state.line.front().is_some_and(|first| Arc::ptr_eq(first, ticket));
        state.line.retain(|other| !Arc::ptr_eq(other, ticket));
        drop(state);
        if is_first {
            // It may have kept others back.
            self.wake.notify_all();
        }
    }

    /// Notes that a job is over. From now on its thread counts as idle: what comes next needs no other worker.
    fn over(&self, ticket: &Ticket) {
        let mut state = self.state.lock();
        state.busy -= ticket.weight;
        state.idle += 1;
        let more = state.line.len() > 1;
        drop(state);
        // The first of those in line is for this thread.
        if more {
            self.wake.notify_all();
        }
    }

    /// The next job for a thread that is idle; `None` if there has been none for long, or there will be none. None passes the first
    /// in line: a heavy one would never have its turn.
    fn next(&self) -> Option<Arc<Ticket>> {
        let mut state = self.state.lock();
        loop {
            let room = self.settings.workers.saturating_sub(state.busy);
            if state.line.front().is_some_and(|first| first.weight <= room)
                && let Some(ticket) = state.line.pop_front()
            {
                state.busy += ticket.weight;
                state.idle -= 1;
                return Some(ticket);
            }
            if state.closed {
                break;
            }
            let timed_out = self.wake.wait_for(&mut state, IDLE).timed_out();
            if timed_out && state.line.is_empty() {
                break;
            }
        }
        state.idle -= 1;
        state.keepers -= 1;
        None
    }

    /// What a thread does: one job after the other, with one worker.
    fn keep(&self) {
        let mut worker = None;
        while let Some(ticket) = self.next() {
            let Some(mut job) = ticket.take() else {
                self.over(&ticket);
                continue;
            };
            let result = caught(|| self.serve(&mut worker, &mut job, &ticket));
            let result = result.unwrap_or_else(|panic| {
                worker = None;
                Err(JobError::Crashed(format!(
                    "its worker cannot be used, as daglite panicked: {panic}"
                )))
            });
            let is_worn = worker.as_ref().is_some_and(|it: &Worker| it.is_worn(&self.settings));
            let ends = is_worn || ticket.is_cancelled();
            drop(job);
            self.over(&ticket);
            ticket.settle(result);
            if ends {
                worker = None;
            }
        }
    }

    /// Runs a job, by a worker that is there or by a new one.
    fn serve(
        &self,
        place: &mut Option<Worker>,
        job: &mut Job,
        ticket: &Ticket,
    ) -> Result<Encoded, JobError> {
        let memory = job.memory_limit().or(self.settings.memory_limit);
        let mut gone = None;
        for _ in 0..2 {
            let arguments = job.arguments()?;
            let there = place.take().filter(Worker::is_there);
            let mut worker = match there {
                Some(worker) => worker,
                None => Worker::start(&self.settings)?,
            };
            match worker.run(job, arguments, memory, ticket) {
                Answer::Over(result) => {
                    *place = Some(worker);
                    return result;
                }
                Answer::Last(error) => return Err(error),
                // It may have ended before the job came, and that would be no fault of the job's.
                Answer::GoneBefore(how) => gone = Some(how),
            }
        }
        Err(JobError::Crashed(gone.unwrap_or_default()))
    }
}

/// Puts a job into the line; answers the future of its result.
pub(super) fn submit(shared: &Arc<Shared>, job: Job) -> JobFuture {
    let is_ours = matches!(shared.settings.program, Program::Ours);
    if is_ours && !HAS_WORKER_MAIN.load(Ordering::Acquire) {
        let why = format!(
            "`{}` is isolated, and this program cannot be started as its worker: write `daglite::worker_main();` as the first \
             line of `main`, or call `Session::builder().isolation(false)` to run it in this process",
            job.name()
        );
        return Box::pin(async move { Err(JobError::Refused(why)) });
    }
    let weight = job.weight_of(shared.settings.workers);
    let ticket = Ticket::new(job, weight);
    let mut state = shared.state.lock();
    state.line.push_back(Arc::clone(&ticket));
    if state.idle >= state.line.len() {
        drop(state);
        shared.wake.notify_one();
    } else if state.keepers < shared.settings.workers {
        state.keepers += 1;
        state.idle += 1;
        drop(state);
        start_keeper(shared);
    }
    let weak: Weak<Shared> = Arc::downgrade(shared);
    Box::pin(Pending { ticket, shared: weak })
}

fn start_keeper(shared: &Arc<Shared>) {
    let keeper = Arc::clone(shared);
    let thread = std::thread::Builder::new().name("daglite worker".into());
    if let Err(error) = thread.spawn(move || keeper.keep()) {
        tracing::warn!(target: "daglite", %error, "no further thread for a worker of daglite");
        let mut state = shared.state.lock();
        state.keepers -= 1;
        state.idle -= 1;
        if state.keepers > 0 {
            return;
        }
        let line = std::mem::take(&mut state.line);
        drop(state);
        for ticket in line {
            if ticket.take().is_some() {
                let why = format!("there is no thread for a worker: {error}");
                ticket.settle(Err(JobError::Crashed(why)));
            }
        }
    }
}
