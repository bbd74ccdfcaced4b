//! A handful of calls: what one thread takes along at once, so that it need not come back to the line for each.
//!
//! Only calls whose end lets nobody else go ahead are taken so, and while a thread is at one of them, others who find the
//! line empty take from the rest: nothing ever waits for what a hand holds, however long a body runs. How many are taken
//! depends on how fast the last ones went.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::graph::Node;
use crate::sync::{Instant, Mutex};

use super::context::Context;

/// The most calls that are taken at once.
pub(super) const MOST_IN_HAND: usize = 64;

/// A hand that was empty again so soon takes more next time.
const SOON: Duration = Duration::from_micros(50);

/// A call and its place in the run.
pub(super) type Place = (u32, Arc<Node>);

/// What one thread works with.
pub(super) struct Hand {
    /// What others may take from.
    pub(super) shared: Arc<Handful>,
    /// How many calls to take next time.
    pub(super) most: usize,
    /// Nodes that are settled while their dependents do not know yet.
    pub(super) settled: Vec<Place>,
    /// Whether the thread counts as one that is at work.
    pub(super) at_work: bool,
    /// The surroundings of bodies, unless one is running.
    pub(super) context: Option<Arc<Context>>,
    since: Option<Instant>,
}

/// Calls that one thread has taken along.
#[derive(Default)]
pub(super) struct Handful(Mutex<Held>);

#[derive(Default)]
struct Held {
    left: VecDeque<Place>,
    done: Vec<Place>,
}

impl Hand {
    /// An empty hand, for bodies in `context`.
    pub(super) fn new(context: &Arc<Context>) -> Self {
        Self {
            shared: Arc::default(),
            most: 1,
            settled: Vec::new(),
            at_work: false,
            context: Some(Arc::clone(context)),
            since: None,
        }
    }

    /// Takes `calls` along.
    pub(super) fn fill(&mut self, calls: impl Iterator<Item = Place>) {
        self.shared.0.lock().left.extend(calls);
        self.since = Some(Instant::now());
    }

    /// The next call, once `done` has been put aside.
    pub(super) fn next(&self, done: Option<Place>) -> Option<Place> {
        let mut held = self.shared.0.lock();
        held.done.extend(done);
        held.left.pop_front()
    }

    /// Calls `visit` with each call that was taken along and is settled.
    pub(super) fn each_done(&mut self, mut visit: impl FnMut(u32, Arc<Node>)) {
        let Some(since) = self.since.take() else { return };
        let soon = since.elapsed() < SOON;
        self.most = if soon { (self.most * 2).min(MOST_IN_HAND) } else { (self.most / 2).max(1) };
        let mut held = self.shared.0.lock();
        held.done.drain(..).for_each(|(idx, node)| visit(idx, node));
    }
}

impl Handful {
    /// How many calls are left.
    pub(super) fn len(&self) -> usize {
        self.0.lock().left.len()
    }

    /// Half of the calls that are left, and all if that is one; those that would have come last.
    pub(super) fn take_half(&self) -> VecDeque<Place> {
        let mut held = self.0.lock();
        let keep = held.left.len() / 2;
        held.left.split_off(keep)
    }

    /// All calls that are left.
    pub(super) fn drop_left(&self) {
        let left = mem::take(&mut self.0.lock().left);
        drop(left);
    }
}
