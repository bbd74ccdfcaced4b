//! Failures of a run: what each was needed for, and what is left to be done where a run keeps going.

use std::collections::HashSet;

use crate::error::{Error, PathStep};
use crate::graph::{Node, Op, Slot};

/// How many steps of a path are told from each of its ends.
const STEPS: usize = 8;

/// For how many failures of a run it is worked out what they were needed for: each is a walk through the graph.
const PATHS: usize = 1_000;

/// The failures of a run that keeps going.
#[derive(Default)]
pub(super) struct Failures {
    /// Where each was found, as it was and as it is told.
    found: Vec<Found>,
    /// Those that have been found, as several nodes may fail by one.
    known: HashSet<usize>,
}

/// One failure.
struct Found {
    idx: u32,
    /// Keeps the failure where it is, so that it is known again.
    _original: Error,
    told: Error,
}

impl Failures {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes the failure of node `idx`, unless it is known; `path` is what that was needed for.
    pub(super) fn note(&mut self, idx: u32, error: Error, path: impl FnOnce() -> Vec<PathStep>) {
        if !self.known.insert(error.address()) {
            return;
        }
        let path = if self.found.len() < PATHS { path() } else { Vec::new() };
        self.found.push(Found { idx, told: error.clone().on_path(path), _original: error });
    }

    /// All of them as one error, in the order of the graph, which is the same every time.
    pub(super) fn as_one(&mut self) -> Option<Error> {
        self.found.sort_by_key(|found| found.idx);
        Error::of_all(self.found.iter().map(|found| found.told.clone()).collect())
    }
}

/// What the failure of a node was needed for. `above` gives the next node on the way to what was asked for.
pub(super) fn path_of<'a>(
    error: &Error,
    node: Option<&'a Node>,
    above: impl Iterator<Item = Option<&'a Node>>,
) -> Vec<PathStep> {
    // A failure that was noticed by who needed the value: that is the first step.
    let is_other = |node: &&Node| {
        let is_its_task = error.task() == node.task.map(|task| task.spec.name);
        let is_its_place = error.location().is_none_or(|at| at == node.location);
        error.task().is_some() && !(is_its_task && is_its_place)
    };
    let own = node.filter(is_other);
    let (mut first, mut last) = (Vec::new(), std::collections::VecDeque::new());
    let mut left_out = 0;
    for node in own.into_iter().map(Some).chain(above) {
        if first.len() < STEPS {
            first.extend(node.map(step));
            continue;
        }
        last.push_back(node);
        if last.len() > STEPS {
            last.pop_front();
            left_out += 1;
        }
    }
    if left_out > 0 {
        first.push(PathStep::left_out(left_out));
    }
    first.extend(last.into_iter().flatten().map(step));
    first
}

/// A node as a step of a path.
fn step(node: &Node) -> PathStep {
    let at = node.location;
    if let Some(task) = node.task {
        return PathStep::task(task.spec.name, at);
    }
    match &*node.slot.lock() {
        Slot::Idle(Op::Map { .. }) => PathStep::other("map", at),
        Slot::Idle(Op::AndThen { .. } | Op::Forward { .. }) => PathStep::other("and_then", at),
        Slot::Idle(Op::Also { .. }) => PathStep::other("also", at),
        Slot::Idle(Op::Join { .. } | Op::Settle { .. }) => PathStep::other("join", at),
        Slot::Idle(Op::Fan { fan, .. }) => PathStep::other(fan.what, at),
        Slot::Idle(Op::Checkpoint(save)) => {
            PathStep::other(format!("checkpoint {}", save.checkpoint.name()), at)
        }
        _ => PathStep::other("a step", at),
    }
}
