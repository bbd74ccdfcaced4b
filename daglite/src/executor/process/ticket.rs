//! `Ticket`: a job that waits for a worker or is with one, and the future of its result.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Shared;
use crate::executor::{Job, JobError};
use crate::registry::Encoded;

/// A job and how far it has come.
pub(super) struct Ticket {
    /// How many workers it counts for.
    pub(super) weight: usize,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Nobody has taken it.
    Waiting(Box<Job>, Option<Waker>),
    /// Somebody sees to it: over this line, once it is with a worker.
    Taken(Option<UnixStream>, Option<Waker>),
    /// It is over.
    Done(Result<Encoded, JobError>),
    /// Nobody wants the result.
    Cancelled,
}

impl Ticket {
    pub(super) fn new(job: Job, weight: usize) -> Arc<Self> {
        Arc::new(Self { weight, stage: Mutex::new(Stage::Waiting(Box::new(job), None)) })
    }

    /// Takes the job to see to it; `None` if nobody wants the result any more.
    pub(super) fn take(&self) -> Option<Box<Job>> {
        let mut stage = self.stage.lock();
        match std::mem::replace(&mut *stage, Stage::Cancelled) {
            Stage::Waiting(job, waker) => {
                *stage = Stage::Taken(None, waker);
                Some(job)
            }
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Notes over which line the job is at work; false if nobody wants the result any more.
    pub(super) fn at_work(&self, with: &UnixStream) -> bool {
        let line = with.try_clone().ok();
        match &mut *self.stage.lock() {
            Stage::Taken(place, _) => {
                *place = line;
                true
            }
            _ => false,
        }
    }

    /// Whether nobody wants the result any more.
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Cancelled)
    }

    /// Gives the result to whoever waits for it.
    pub(super) fn settle(&self, result: Result<Encoded, JobError>) {
        let mut stage = self.stage.lock();
        if let Stage::Taken(_, waker) = &mut *stage {
            let waker = waker.take();
            let before = std::mem::replace(&mut *stage, Stage::Done(result));
            drop(stage);
            drop(before);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Notes that nobody wants the result; who is at work on it is woken.
    fn cancel(&self) {
        let before = std::mem::replace(&mut *self.stage.lock(), Stage::Cancelled);
        if let Stage::Taken(Some(line), _) = &before {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
}

/// The future of a job's result.
pub(super) struct Pending {
    pub(super) ticket: Arc<Ticket>,
    pub(super) shared: Weak<Shared>,
}

impl Future for Pending {
    type Output = Result<Encoded, JobError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.ticket.stage.lock();
        match &mut *stage {
            Stage::Waiting(_, waker) | Stage::Taken(_, waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Stage::Done(_) => match std::mem::replace(&mut *stage, Stage::Cancelled) {
                Stage::Done(result) => Poll::Ready(result),
                _ => unreachable!("matched above"),
            },
            Stage::Cancelled => Poll::Ready(Err(JobError::Cancelled)),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.ticket.cancel();
        if let Some(shared) = self.shared.upgrade() {
            shared.forget(&self.ticket);
        }
    }
}
