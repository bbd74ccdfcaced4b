//! Many look-ups at once: the calls that stand next in line are looked for together, and each finds its answer waiting.
//!
//! A worker that comes upon the first of many cached calls takes some of the next ones out of the line, makes their keys
//! and asks the store once. A hit whose value has come along ends there; each other answer is left with its call, which
//! goes back into the line. It takes no more than its share of what waits, so that others find work meanwhile, and few at
//! first, so that a small graph pays nothing.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::graph::{Ahead, Key, Mode, Node, Op, Slot, TaskOp};
use crate::store::{Glimpse, Lookup};

use super::block::wait;
use super::caught;
use super::hand::Place;
use super::key::Keyed;
use super::run::Run;

/// The most calls that are looked for at once.
pub(super) const MOST_AHEAD: usize = 256;

/// Calls that are looked for together.
pub(super) type Batch = SmallVec<[Planned; 8]>;

/// A call that is looked for together with others.
pub(super) struct Planned {
    /// Its place in the run.
    pub(super) idx: u32,
    pub(super) node: Arc<Node>,
    /// Whether its value is needed.
    pub(super) want_value: bool,
}

/// What came of looking for many.
#[derive(Default)]
pub(super) struct Looked {
    /// Those that are settled.
    pub(super) settled: Vec<Place>,
    /// Those that have to be seen to one by one, in order.
    pub(super) left: Vec<u32>,
}

/// A call that the store is asked for.
struct Asked {
    planned: Planned,
    call: TaskOp,
    key: Arc<Key>,
    landed: u64,
}

/// A number that no other run of the process has.
pub(super) fn run_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Run {
    /// Asks the store for the calls of `batch`.
    pub(super) fn look_ahead(&self, batch: Batch) -> Looked {
        let mut looked = Looked::default();
        let Some(store) = self.store() else {
            looked.left.extend(batch.iter().map(|planned| planned.idx));
            return looked;
        };
        let (removals, changes) = (store.removals(), store.changes());
        let mut asked = Vec::with_capacity(batch.len());
        let mut digests = Vec::with_capacity(batch.len());
        for planned in batch {
            let Some(call) = take_open(&planned.node) else {
                looked.left.push(planned.idx);
                continue;
            };
            match self.ask_for(planned, call, removals) {
                Ok(one) => {
                    digests.push(one.key.digest);
                    asked.push(one);
                }
                Err(idx) => looked.left.push(idx),
            }
        }
        let found = match caught(|| wait(self.engine.find(store.as_ref(), &digests))) {
            Ok(Ok(found)) if found.len() == digests.len() => found,
            // Whoever looks alone will be told what is wrong.
            _ => Vec::new(),
        };
        let mut found = found.into_iter();
        for asked in asked {
            self.answer_ahead(asked, found.next(), (removals, changes), &mut looked);
        }
        looked
    }

    /// The question for a call that memory has no answer to; its place in the run if there is none.
    fn ask_for(&self, planned: Planned, mut call: TaskOp, removals: u64) -> Result<Asked, u32> {
        let _place = self.noted_place_of(planned.idx, &planned.node);
        let engine = &self.engine;
        let key = match engine.key_for(&call, &self.hashes) {
            Some(Keyed::Key(key)) => Some(Arc::new(key)),
            None => call.key().cloned(),
            Some(Keyed::NeedsValues) => None,
            Some(Keyed::Unhashable(why)) => {
                engine.has_no_key(&mut call, why);
                None
            }
        };
        let may_draw = self.why_unseeded(call.task).is_none();
        match key {
            Some(key)
                if may_draw && engine.remembered(call.task, &key.digest, removals).is_none() =>
            {
                let landed = engine.flights.landed(&key.digest);
                Ok(Asked { planned, call, key, landed })
            }
            key => {
                if key.is_some() {
                    call.learn().key = key;
                }
                self.put_back(&planned.node, Op::Task(call));
                Err(planned.idx)
            }
        }
    }

    /// Settles a call with what the store has found, or leaves that with it.
    fn answer_ahead(
        &self,
        asked: Asked,
        found: Option<Lookup<Glimpse>>,
        (removals, changes): (u64, u64),
        looked: &mut Looked,
    ) {
        let Asked { planned: Planned { idx, node, want_value }, mut call, key, landed } = asked;
        let _place = self.noted_place_of(idx, &node);
        let found = match found {
            Some(Lookup::Found(glimpse)) if want_value => {
                match self.hit_ahead(&node, &call, &key, glimpse, removals) {
                    Ok(done) => {
                        self.settle(&node, done);
                        // The arguments are values of the user, which may panic as they go.
                        let _ = caught(|| drop(call));
                        looked.settled.push((idx, node));
                        return;
                    }
                    Err(glimpse) => Some(Lookup::Found(*glimpse)),
                }
            }
            other => other,
        };
        call.learn().key = Some(key);
        if let Some(found) = found {
            let run = Some(self.number());
            call.learn().ahead = Some(Box::new(Ahead { run, removals, landed, changes, found }));
        }
        self.put_back(&node, Op::Task(call));
        looked.left.push(idx);
    }
}

/// A call of which nothing is known yet, taken out of its node.
fn take_open(node: &Node) -> Option<TaskOp> {
    let mut slot = node.slot.lock();
    match &*slot {
        Slot::Idle(Op::Task(call)) if is_open(call) => {}
        _ => return None,
    }
    match mem::replace(&mut *slot, Slot::Running(Vec::new())) {
        Slot::Idle(Op::Task(call)) => Some(call),
        _ => unreachable!("matched above"),
    }
}

/// Whether nothing is known of a call yet.
fn is_open(call: &TaskOp) -> bool {
    let learnt = call.learnt();
    matches!(learnt.mode, Mode::Normal) && learnt.missed.is_none() && learnt.ahead.is_none()
}
