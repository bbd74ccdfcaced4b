//! Failures that are results like others: where they stop, and what is made of them.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::graph::{GatherSettled, Node, Op, Slot, take_value};

use super::caught;
use super::queue::{Cell, DOOMED, Queue};
use super::run::{Progress, Run};

impl Queue {
    /// Whether failures are results like others to a node.
    pub(super) fn settles(&self, idx: u32) -> bool {
        self.settling.contains(&idx) || self.fans.get(&idx).is_some_and(|open| open.fan.settles)
    }

    /// Keeps a failure to what does not mind it, if nothing else needs the node. That a run was cancelled is no failure of a node.
    pub(super) fn absorb(&mut self, idx: u32, error: &Error) -> bool {
        // What another run has made meanwhile needs nothing any more.
        let is_made = |cells: &[Cell], idx: &u32| cells[*idx as usize].node.is_none();
        let may_settle = !self.settling.is_empty()
            || self.fans.values().any(|open| open.fan.settles)
            || self.cells[idx as usize].dependents.iter().any(|next| is_made(&self.cells, next));
        if !may_settle || error.kind() == ErrorKind::Cancelled {
            return false;
        }
        let (mut lost, mut ends) = (HashSet::from([idx]), Vec::new());
        let mut open = vec![idx];
        while let Some(at) = open.pop() {
            let dependents = &self.cells[at as usize].dependents;
            if at == 0 || dependents.is_empty() {
                return false;
            }
            for next in dependents {
                if is_made(&self.cells, next) {
                    continue;
                }
                if self.settles(*next) {
                    ends.push((at, *next));
                } else if lost.insert(*next) {
                    open.push(*next);
                }
            }
        }
        let error = error.clone().on_path(self.path_from(idx, error));
        // Those that have been given up before were told then.
        ends.retain(|(at, _)| !self.cells[*at as usize].is_doomed());
        lost.into_iter().for_each(|at| self.cells[at as usize].missing |= DOOMED);
        ends.into_iter().for_each(|(at, next)| self.give_up(at, next, &error));
        true
    }

    /// Notes that `at` cannot be made, and has `by` go on without it.
    pub(super) fn give_up(&mut self, at: u32, by: u32, error: &Error) {
        let mut before = None;
        if let Some(node) = &self.cells[at as usize].node {
            let mut slot = node.slot.lock();
            if let Slot::Idle(_) = &*slot {
                before = Some(mem::replace(&mut *slot, Slot::Failed(error.clone())));
            }
        }
        if self.note_item(at, by) {
            let held = self.cells[at as usize].node.take();
            self.litter.push((before, held));
            return;
        }
        self.litter.push((before, None));
        let cell = &mut self.cells[by as usize];
        if cell.missing & !DOOMED > 0 {
            cell.missing -= 1;
            if cell.missing == 0 {
                self.push_front(by);
            }
        }
    }
}

impl Run {
    /// Makes one value of many of which some may have failed.
    pub(super) fn settle_all(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        sources: Vec<Arc<Node>>,
        gather: GatherSettled,
    ) -> Progress {
        let is_lacking = |source: &&Arc<Node>| matches!(self.try_value(source), Ok(false));
        let lacking: Vec<_> = sources.iter().filter(is_lacking).map(Arc::clone).collect();
        if !lacking.is_empty() {
            self.put_back(node, Op::Settle { sources, gather });
            self.line_up(idx, &lacking, true);
            return Progress::Parked;
        }
        let mut values = Vec::with_capacity(sources.len());
        for source in sources {
            let error = match &*source.slot.lock() {
                Slot::Failed(error) => Some(error.clone()),
                _ => None,
            };
            match error {
                Some(error) => values.push(Err(error)),
                None => match take_value(source) {
                    Some(value) => values.push(Ok(value)),
                    None => return self.lost(node),
                },
            }
        }
        match caught(|| gather(values)) {
            Ok(Ok(value)) => self.done(node, value, None, None),
            Ok(Err(error)) => self.failed(node, error),
            Err(message) => self.failed(node, self.closure_panicked(node, "join", &message)),
        }
    }
}
