//! A lone call whose arguments are at hand is looked for before there is a run around it.
//!
//! In a program that is run again, most calls are hits, and what a run is made of (a queue, contexts, what threads share)
//! costs more than the answer. So the caller's thread makes the key, and asks memory and the store by itself. The store is
//! told of a run all the same: that it begins, what it used, that it has ended. What is no hit with its value at hand becomes a
//! run, which takes along what was found out.

use std::mem;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use crate::error::Error;
use crate::event::Interest;
use crate::graph::{Ahead, Input, Key, Node, Op, Slot, TaskOp};
use crate::store::{CacheStore, Lookup};
use crate::task::Value;

use super::block::wait;
use super::context::with_current;
use super::drive::{RunFuture, block_on};
use super::hashes::Hashes;
use super::key::reference;
use super::ledger::Ledger;
use super::memory::Kept;
use super::run::Finished;
use super::{Engine, caught};

/// A result, and the key of the call that made it if it has one.
type Answer = (Value, Option<Arc<Key>>);

/// What came of looking for a call.
enum Looked {
    /// Its result.
    Hit(Value, Arc<Key>),
    /// It needs a run; the store has been told of that one, if it was asked.
    Open(Option<Arc<Ledger>>),
}

impl Engine {
    /// Runs all that `node` needs on this thread, and tells of no more than its result.
    pub(crate) fn run_here(self: &Arc<Self>, mut node: Arc<Node>) -> Result<Answer, Error> {
        match self.look_for_lone(&mut node) {
            Looked::Hit(value, key) => Ok((value, Some(key))),
            Looked::Open(begun) => {
                let Finished { value, key, .. } =
                    block_on(RunFuture::begun(Arc::clone(self), node, begun))?;
                Ok((value, key))
            }
        }
    }

    /// Looks for the call that `node` is, if it is a lone one and nobody is told of runs.
    fn look_for_lone(&self, node: &mut Arc<Node>) -> Looked {
        let (Some(store), Some(node)) = (&self.cache, Arc::get_mut(node)) else {
            return Looked::Open(None);
        };
        // The calls of a body belong to the run around it.
        let is_told = self.audience.wants(Interest::Runs)
            || self.is_cancelled()
            || self.warn_excluded
            || tracing::enabled!(target: "daglite", Level::DEBUG)
            || with_current(|body| body.is_some());
        let Slot::Idle(Op::Task(call)) = node.slot.get_mut() else { return Looked::Open(None) };
        if is_told || !is_lone(call) {
            return Looked::Open(None);
        }
        let ledger = Arc::<Ledger>::default();
        // Whatever a store does, the run does it again and tells.
        let answer = caught(|| self.answer_lone(store.as_ref(), call, &ledger));
        let Ok(Some((value, key, took))) = answer else { return Looked::Open(Some(ledger)) };
        ledger.add_hits(1, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        // The arguments are values of the user, which may panic as they go.
        let call = mem::replace(node.slot.get_mut(), Slot::Running(Vec::new()));
        let _ = caught(|| drop(call));
        self.end_run(&ledger);
        if !self.audience.has_heard() {
            self.audience.heard();
        }
        Looked::Hit(value, key)
    }

    /// The result of a lone call, its key, and how long its computation took; or nothing, and the call has learnt why.
    fn answer_lone(
        &self,
        store: &dyn CacheStore,
        call: &mut TaskOp,
        ledger: &Ledger,
    ) -> Option<(Value, Arc<Key>, Duration)> {
        let _consulting = self.consulting();
        self.make_key(call, &Hashes::default());
        let (task, key) = (call.task, Arc::clone(call.key()?));
        let removals = store.removals();
        if let Some(kept) = self.remembered(task, &key.digest, removals) {
            ledger.used(key.digest);
            return Some((Arc::clone(&kept.value), key, kept.took));
        }
        let (landed, changes) = (self.flights.landed(&key.digest), self.changes_before());
        ledger.begin(self, store);
        let found = wait(store.find_for_use(slice::from_ref(&key.digest))).ok()?.pop()?;
        if let Lookup::Found(glimpse) = &found
            && let Some(value) = self.value_along(task, glimpse)
        {
            let Lookup::Found(glimpse) = found else { unreachable!("matched above") };
            let took = glimpse.meta.took;
            self.in_memory(|memory| {
                let digest = reference(&glimpse.meta);
                let kept = Kept::of(task, &value, digest, glimpse.meta, Box::default(), removals);
                memory.keep_read(key.digest, kept);
            });
            return Some((value, key, took));
        }
        call.learn().ahead = Some(Box::new(Ahead { run: None, removals, landed, changes, found }));
        None
    }
}

/// Whether nothing but its arguments is needed to look for a call, and all of them are there.
fn is_lone(call: &TaskOp) -> bool {
    call.task.spec.cache.is_some()
        && !call.is_learnt()
        && !call.task.has_files()
        && call.args.iter().all(|arg| matches!(arg.0, Input::Value(_)))
}
