//! Many look-ups at once: the calls that stand next in line are looked for together, and each finds its answer waiting.
//!
//! A worker that comes upon the first of many cached calls takes some of the next ones out of the line, makes their keys,
//! asks the store once, leaves each answer with its call and puts them back. It takes no more than its share of
//! what waits, so that others find work meanwhile, and few at first, so that a small graph pays nothing.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::graph::{Ahead, Key, Mode, Node, Op, Slot, TaskOp};

use super::block::wait;
use super::caught;
use super::run::Run;

/// The most calls that are looked for at once.
pub(super) const MOST_AHEAD: usize = 256;

/// Calls that are looked for together, by their places in the run.
pub(super) type Batch = SmallVec<[(u32, Arc<Node>); 8]>;

/// A number that no other run of the process has.
pub(super) fn run_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Run {
    /// Asks the store for the calls of `batch`, and leaves each answer with its call.
    pub(super) fn look_ahead(&self, batch: &Batch) {
        let Some(store) = self.store() else { return };
        let (removals, changes) = (store.removals(), store.changes());
        let mut asked = Vec::with_capacity(batch.len());
        let mut digests = Vec::with_capacity(batch.len());
        for (_, node) in batch {
            let Some(key) = self.make_key_of(node) else { continue };
            let task = node.task.expect("only calls are planned");
            if self.engine.remembered(task, &key.digest, removals).is_none() {
                let landed = self.engine.flights.landed(&key.digest);
                digests.push(key.digest);
                asked.push((node, key, landed));
            }
        }
        if digests.is_empty() {
            return;
        }
        let found = match wait(store.find(&digests)) {
            Ok(found) if found.len() == digests.len() => found,
            // Whoever looks alone will be told what is wrong.
            _ => return,
        };
        for ((node, key, landed), found) in asked.into_iter().zip(found) {
            let run = self.number();
            if let Slot::Idle(Op::Task(call)) = &mut *node.slot.lock()
                && call.key().is_some_and(|made| Arc::ptr_eq(made, &key))
                && call.learnt().missed.is_none()
            {
                call.learn().ahead = Some(Ahead { run, removals, landed, changes, found });
            }
        }
    }

    /// The key of a call that the cache may answer, made now if that needs no values that are not there.
    fn make_key_of(&self, node: &Node) -> Option<Arc<Key>> {
        let mut call = {
            let mut slot = node.slot.lock();
            match &*slot {
                Slot::Idle(Op::Task(call)) if is_open(call) => {}
                _ => return None,
            }
            match mem::replace(&mut *slot, Slot::Running(Vec::new())) {
                Slot::Idle(Op::Task(call)) => call,
                _ => unreachable!("matched above"),
            }
        };
        // Hashing may be long and is code of the user: never under the lock.
        let _ = caught(|| self.make_key(&mut call));
        let key = call.key().cloned();
        self.settle(node, Slot::Idle(Op::Task(call)));
        key
    }
}

/// Whether nothing is known of a call yet.
fn is_open(call: &TaskOp) -> bool {
    let learnt = call.learnt();
    matches!(learnt.mode, Mode::Normal) && learnt.missed.is_none() && learnt.ahead.is_none()
}
