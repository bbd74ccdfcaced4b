//! What the cache has: whether it may be used, and the value itself once somebody needs it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::event::{Event, MissReason};
use crate::graph::{Entry, Key, Known, Mode, Op, Origin, Slot};
use crate::store::{ArtifactMeta, CacheStore, Lookup};
use crate::task::Task;

use super::block::wait;
use super::key::reference;
use super::run::{Run, TaskOutcome};
use super::{Engine, caught};

/// The cache's answer to a key.
pub(super) enum Found {
    /// An entry that may be used.
    Entry(Box<Entry>),
    /// None, and why.
    Nothing(MissReason),
}

impl Run {
    /// Asks the cache for `key`, without reading the value.
    pub(super) fn look_up(&self, task: &'static Task, key: &Key) -> Found {
        let Some(store) = &self.engine.cache else { return Found::Nothing(MissReason::NoEntry) };
        let meta = match wait(store.head(&key.digest)) {
            Ok(Lookup::Found(meta)) => meta,
            Ok(Lookup::Absent) => return Found::Nothing(MissReason::NoEntry),
            Ok(Lookup::Damaged(why)) => return Found::Nothing(MissReason::Damaged(why)),
            Err(error) => {
                self.engine.unreadable(store.as_ref(), &error);
                return Found::Nothing(MissReason::StoreFailed(error.to_string()));
            }
        };
        if let Some(reason) = self.engine.why_unusable(task, &meta) {
            return Found::Nothing(reason);
        }
        let name = task.spec.name;
        let saved = meta.took;
        self.tally.hits.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(saved.as_nanos()).unwrap_or(u64::MAX);
        self.tally.saved_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.note(TaskOutcome { task: name, origin: Origin::Hit, took: Duration::ZERO, saved });
        self.engine.tell(|| Event::Hit { task: name, key: key.digest, saved });
        Found::Entry(Box::new(Entry { key: key.digest, meta }))
    }

    /// Reads the value of an entry; gives the operation back, to be done again, if that fails.
    pub(super) fn load(&self, known: Known) -> Result<Slot, Op> {
        let Known { digest, entry, op, made } = known;
        let (Some(entry), Some(store)) = (entry, &self.engine.cache) else { return Err(op) };
        let Op::Task(mut call) = op else { return Err(op) };
        let task = call.task;
        let reason = match wait(store.get(&entry.key)) {
            Ok(Lookup::Found(artifact)) if reference(&artifact.meta) == digest => {
                let meta = &artifact.meta;
                let decoded = task.result.map(|formats| {
                    let registry = &self.engine.registry;
                    caught(|| formats.decode(registry, &artifact.bytes, &meta.format, meta.shape))
                });
                match decoded {
                    Some(Ok(Ok(value))) => {
                        let (task, key, size) = (task.spec.name, entry.key, meta.size);
                        self.engine.tell(|| Event::Loaded { task, key, size });
                        return Ok(Slot::Done { value, digest: Some(digest), made });
                    }
                    Some(Ok(Err(error))) => MissReason::Undecodable(error.to_string()),
                    Some(Err(panic)) => {
                        MissReason::Undecodable(format!("decoding panicked: {panic}"))
                    }
                    None => MissReason::NoEntry,
                }
            }
            Ok(Lookup::Found(_)) => MissReason::Damaged("it was replaced meanwhile".to_string()),
            Ok(Lookup::Absent) => MissReason::NoEntry,
            Ok(Lookup::Damaged(why)) => MissReason::Damaged(why),
            Err(error) => {
                self.engine.unreadable(store.as_ref(), &error);
                MissReason::StoreFailed(error.to_string())
            }
        };
        // It was counted as a hit, and turns out to be none.
        let nanos = u64::try_from(entry.meta.took.as_nanos()).unwrap_or(u64::MAX);
        // Perhaps by an earlier run, so this one may have nothing to take back.
        for (tally, wrong) in [(&self.tally.hits, 1), (&self.tally.saved_nanos, nanos)] {
            let less = |count: u64| Some(count.saturating_sub(wrong));
            let _ = tally.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
        self.forget_hit(task.spec.name);
        call.mode = Mode::Recompute(reason);
        call.missed = None;
        Err(Op::Task(call))
    }

    /// Notes what became of a task, if somebody asked for it.
    pub(super) fn note(&self, outcome: TaskOutcome) {
        if let Some(report) = &self.report {
            report.lock().push(outcome);
        }
    }

    fn forget_hit(&self, task: &'static str) {
        let Some(report) = &self.report else { return };
        let mut report = report.lock();
        let is_it = |outcome: &TaskOutcome| outcome.task == task && outcome.origin == Origin::Hit;
        if let Some(at) = report.iter().rposition(is_it) {
            report.remove(at);
        }
    }
}

impl Engine {
    /// Why an entry that is there may not be used, if it may not.
    fn why_unusable(&self, task: &Task, meta: &ArtifactMeta) -> Option<MissReason> {
        let now = self.clock.now();
        if let Some(ttl) = task.spec.cache.as_ref().and_then(|cache| cache.ttl_millis) {
            match now.since(meta.created) {
                None => return Some(MissReason::FromTheFuture),
                Some(age) if age >= Duration::from_millis(ttl) => return Some(MissReason::Expired),
                Some(_) => {}
            }
        }
        let formats = task.result.as_ref()?;
        match formats.shape(&self.registry, &meta.format) {
            None => Some(MissReason::Undecodable(format!("no format `{}` is known", meta.format))),
            Some(shape) if shape != meta.shape => {
                Some(MissReason::Undecodable("the result type has another shape now".to_string()))
            }
            Some(_) => None,
        }
    }

    fn unreadable(&self, store: &dyn CacheStore, error: &dyn std::fmt::Display) {
        self.warn_once(&self.told_unreadable, || {
            format!("{} cannot be read, so tasks are computed again: {error}", store.location())
        });
    }
}

/// Keeps the compiler's eye on what the engine shares between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Run>>();
};
