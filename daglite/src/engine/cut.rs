//! Runs that are cancelled: nothing more is started, what is at work comes to its end, and what waits does not.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cancel::{Cancel, CancelToken};
use crate::error::{Error, ErrorKind};
use crate::graph::{Node, Slot};
#[cfg(feature = "ctrl-c")]
use crate::task::Body;

use super::Engine;
use super::execute::Flying;
use super::queue::Queue;
use super::run::Run;

/// Said of a run that was asked for after the end.
const TOO_LATE: &str = "nothing is started, as the cancel token of the session has been cancelled: make a session with a new token";

impl Cancel for Run {
    fn cancel(&self) {
        let mut queue = self.queue.lock();
        if queue.result.is_some() || queue.cancelled {
            return;
        }
        if queue.failure.is_none() {
            queue.is_cut = true;
            queue.failure = Some(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        drop(queue);
        self.stopping.store(true, Ordering::Relaxed);
        // Whoever polls the bodies drops them.
        self.cut.store(true, Ordering::Relaxed);
        self.end_pauses();
        self.leave_lines();
        let sent = mem::take(&mut *self.sent.lock());
        sent.iter().filter_map(|away| away.upgrade()).for_each(|away| away.call_off());
        self.wake_driver();
    }

    #[cfg(feature = "ctrl-c")]
    fn at_work(&self) -> Vec<&'static str> {
        let queue = self.queue.lock();
        let is_at_work = |node: &&Arc<Node>| matches!(&*node.slot.lock(), Slot::Running(_));
        let nodes = queue.cells.iter().filter_map(|cell| cell.node.as_ref());
        let sync = nodes.filter_map(|node| match node.task?.body {
            Body::Sync(_) => Some(node),
            Body::Async(_) => None,
        });
        sync.filter(is_at_work).filter_map(|node| Some(node.task?.spec.name)).collect()
    }
}

impl Run {
    /// Fails before it has begun.
    pub(super) fn refuse(&self) {
        self.queue.lock().failure = Some(Error::new(ErrorKind::Cancelled, TOO_LATE));
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Drops `async` bodies, or hands them to other runs that wait for them; `why` is what is said of those that are dropped.
    pub(super) fn drop_bodies(&self, flying: HashMap<u32, Arc<Flying>>, why: &str) {
        for body in flying.into_values() {
            body.leave(self, Error::new(ErrorKind::Cancelled, why));
        }
    }

    /// What is told of a run that was cancelled.
    pub(super) fn cut_error(&self, queue: &Queue) -> Error {
        let tally = &self.tally;
        let count = [&tally.hits, &tally.computed, &tally.resumed];
        let done: u64 = count.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let nodes = queue.cells.iter().filter_map(|cell| cell.node.as_ref());
        let tasks = nodes.filter(|node| node.task.is_some());
        let failed = |node: &&Arc<Node>| matches!(&*node.slot.lock(), Slot::Failed(_));
        let (stopped, left): (Vec<_>, Vec<_>) = tasks.partition(failed);
        let (stopped, left) = (stopped.len(), left.len());
        let counts = format!(
            "{} done, {stopped} stopped half-way, {left} not begun",
            if done == 1 { "1 task".to_owned() } else { format!("{done} tasks") }
        );
        let root = queue.cells.first().and_then(|cell| cell.node.as_ref());
        let hint = "run it again to go on with what the cache has";
        match root.and_then(|node| Some((node.task?.spec.name, node.location))) {
            Some((task, at)) => {
                let message = format!("was cancelled with {counts}: {hint}");
                Error::new(ErrorKind::Cancelled, message).in_task(task, at)
            }
            None => {
                let message = format!("the run was cancelled with {counts}: {hint}");
                Error::new(ErrorKind::Cancelled, message)
            }
        }
    }
}

impl Engine {
    /// Has all runs that begin from now on listen to `token`, unless they listen to another one already.
    #[cfg(feature = "ctrl-c")]
    pub(crate) fn listen_to(&self, token: CancelToken) {
        let _ = self.cancel.set(token);
    }

    /// Whether nothing more is started.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.get().is_some_and(CancelToken::is_cancelled)
    }
}
