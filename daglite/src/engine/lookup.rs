//! What the cache has: whether it may be used, and the value itself once somebody needs it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::event::{Event, MissReason, current_call};
use crate::graph::{Ahead, Entry, Key, Known, Mode, Node, Op, Origin, Slot, TaskOp};
use crate::store::{ArtifactMeta, CacheStore, Glimpse, Lookup, StoreError};
use crate::sync::AtomicBool;
use crate::task::{Task, Value};

use super::block::wait;
use super::key::reference;
use super::memory::{Kept, Memory};
use super::run::{Run, TaskOutcome};
use super::{Engine, caught};

/// How many bytes of values may come along with the look-ups of a run: nobody may ever need them.
const MOST_CARRIED: u64 = 64 << 20;

/// The cache's answer to a key.
pub(super) enum Found {
    /// The result, from memory.
    Value(Arc<Kept>),
    /// An entry that may be used, and what stands for it in keys.
    Entry(Digest, Entry),
    /// The result, which may hold files, and how long it once took.
    WithFiles(Value, Duration),
    /// None, and why.
    Nothing(MissReason),
}

impl Run {
    /// The cache store, which knows of this run from now on.
    pub(super) fn store(&self) -> Option<&Arc<dyn CacheStore>> {
        let store = self.engine.cache.as_ref()?;
        self.context.ledger.begin(&self.engine, store.as_ref());
        Some(store)
    }

    /// Asks memory and then the cache store for `key`, without reading the value.
    pub(super) fn look_up(
        &self,
        task: &'static Task,
        key: &Key,
        ahead: Option<Box<Ahead>>,
        landed: u64,
    ) -> Found {
        let Some(store) = &self.engine.cache else { return Found::Nothing(MissReason::NoEntry) };
        let removals = store.removals();
        if let Some(kept) = self.engine.remembered(task, &key.digest, removals) {
            self.context.ledger.used(key.digest);
            self.count_hit(task, key, kept.took);
            return Found::Value(kept);
        }
        let still_true = |ahead: &Ahead| {
            ahead.run == self.number() && ahead.removals == removals && ahead.landed == landed
        };
        let found = match ahead.filter(|ahead| still_true(ahead)) {
            Some(ahead) => Ok(ahead.found),
            None => self.ask(key),
        };
        let glimpse = match found {
            Ok(Lookup::Found(glimpse)) => glimpse,
            Ok(Lookup::Absent) => return Found::Nothing(MissReason::NoEntry),
            Ok(Lookup::Damaged(why)) => return Found::Nothing(MissReason::Damaged(why)),
            Err(error) => {
                self.engine.unreadable(store.as_ref(), &error);
                return Found::Nothing(MissReason::StoreFailed(error.to_string()));
            }
        };
        let (meta, engine) = (&glimpse.meta, &self.engine);
        if let Some(reason) = engine.why_unusable(task, meta.created, &meta.format, &meta.shape) {
            return Found::Nothing(engine.explain_result(reason, meta));
        }
        if task.has_files() {
            return self.look_at_files(task, key, glimpse);
        }
        let Glimpse { meta, bytes } = glimpse;
        self.count_hit(task, key, meta.took);
        let bytes = bytes.filter(|bytes| {
            let more = bytes.len() as u64;
            let sum = |carried: u64| Some(carried + more).filter(|sum| *sum <= MOST_CARRIED);
            self.carried.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
        });
        let digest = reference(&meta);
        let excluded = engine.excluded_of(&meta);
        let ArtifactMeta { format, shape, size, created, took, .. } = meta;
        let key = key.digest;
        let entry = Entry { key, format, shape, size, created, took, bytes, excluded, removals };
        Found::Entry(digest, entry)
    }

    /// The result of a call that was looked for together with others, if its bytes have come along and make a value. What
    /// does not, goes the long way, which tells why.
    pub(super) fn hit_ahead(
        &self,
        node: &Node,
        call: &TaskOp,
        key: &Arc<Key>,
        glimpse: Glimpse,
        removals: u64,
    ) -> Result<Slot, Box<Glimpse>> {
        let task = call.task;
        let Glimpse { meta, bytes: Some(bytes) } = &glimpse else { return Err(Box::new(glimpse)) };
        let unusable = self.engine.why_unusable(task, meta.created, &meta.format, &meta.shape);
        if unusable.is_some() || task.has_files() {
            return Err(Box::new(glimpse));
        }
        let Ok(value) = self.decode(task, bytes, &meta.format, meta.shape) else {
            return Err(Box::new(glimpse));
        };
        let meta = glimpse.meta;
        self.count_hit(task, key, meta.took);
        let excluded = self.engine.excluded_of(&meta);
        self.engine.tell_excluded(call, &key.digest, &excluded);
        let (key_digest, size) = (key.digest, meta.size);
        self.engine.tell_task(|| Event::Loaded { task: task.spec.name, key: key_digest, size });
        let digest = reference(&meta);
        let made = self.made_by_hit(node, call, Arc::clone(key), meta.took);
        let kept = Kept::of(task, &value, digest, meta, excluded, removals);
        self.engine.in_memory(|memory| memory.keep_read(key_digest, kept));
        Ok(Slot::Done { value, digest: Some(digest), made: Some(made) })
    }

    /// What the cache store has under `key`.
    fn ask(&self, key: &Key) -> Result<Lookup<Glimpse>, StoreError> {
        let Some(store) = self.store() else { return Ok(Lookup::Absent) };
        let mut found = wait(store.find(std::slice::from_ref(&key.digest)))?;
        Ok(found.pop().unwrap_or(Lookup::Absent))
    }

    pub(super) fn count_hit(&self, task: &'static Task, key: &Key, saved: Duration) {
        let name = task.spec.name;
        self.tally.hits.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(saved.as_nanos()).unwrap_or(u64::MAX);
        self.tally.saved_nanos.fetch_add(nanos, Ordering::Relaxed);
        let (origin, took, reason) = (Origin::Hit, Duration::ZERO, None);
        self.note(TaskOutcome { task: name, origin, took, saved, reason, resumed: None });
        tracing::debug!(
            target: "daglite",
            parent: &self.span,
            task = name,
            key = %key.digest,
            origin = "hit",
            ?saved,
            "hit",
        );
        self.engine.tell_task(|| Event::Hit { task: name, key: key.digest, saved });
    }

    /// Reads the value of an entry; gives the operation back, to be done again, if that fails.
    pub(super) fn load(&self, known: Known) -> Result<Slot, Op> {
        let Known { digest, entry, op, made } = known;
        let Some(entry) = entry else { return Err(op) };
        let Op::Task(mut call) = op else { return Err(op) };
        let task = call.task;
        let took = entry.took;
        let reason = match self.read(task, entry, digest) {
            Ok(value) => return Ok(Slot::Done { value, digest: Some(digest), made }),
            Err(reason) => reason,
        };
        // It was counted as a hit, and turns out to be none.
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Perhaps by an earlier run, so this one may have nothing to take back.
        for (tally, wrong) in [(&self.tally.hits, 1), (&self.tally.saved_nanos, nanos)] {
            let less = |count: u64| Some(count.saturating_sub(wrong));
            let _ = tally.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
        self.forget_hit(task.spec.name);
        let learnt = call.learn();
        learnt.mode = Mode::Recompute(reason);
        learnt.missed = None;
        Err(Op::Task(call))
    }

    /// The value of an entry, decoded, and kept in memory from now on.
    fn read(&self, task: &'static Task, entry: Entry, digest: Digest) -> Result<Value, MissReason> {
        let Entry { key, format, shape, size, created, took, bytes, excluded, removals } = entry;
        let flows = || task.result.is_some_and(|it| it.flows(&self.engine.registry, &format));
        let value = match bytes {
            Some(bytes) => {
                let freed = bytes.len() as u64;
                let less = |carried: u64| Some(carried.saturating_sub(freed));
                let _ = self.carried.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
                self.decode(task, &bytes, &format, shape)?
            }
            None if flows() => self.fetch_value(task, &key, digest)?,
            None => self.decode(task, &self.fetch(&key, digest)?, &format, shape)?,
        };
        let name = task.spec.name;
        self.engine.tell_task(|| Event::Loaded { task: name, key, size });
        let kept = value.clone();
        let kept = Kept {
            task,
            value: kept,
            digest,
            took,
            format,
            shape,
            created,
            size,
            excluded,
            removals,
            is_past: AtomicBool::new(false),
        };
        self.engine.in_memory(|memory| memory.keep_read(key, kept));
        Ok(value)
    }

    /// The value of an entry's bytes.
    pub(super) fn decode(
        &self,
        task: &Task,
        bytes: &[u8],
        format: &str,
        shape: Digest,
    ) -> Result<Value, MissReason> {
        let formats = task.result.ok_or(MissReason::NoEntry)?;
        let registry = &self.engine.registry;
        caught(|| formats.decode(registry, bytes, format, shape))
            .map_err(|panic| MissReason::Undecodable(format!("decoding panicked: {panic}")))?
            .map_err(|error| MissReason::Undecodable(error.to_string()))
    }

    /// The value of the entry under `key`, made of its bytes as they are read: they are never in memory all at once.
    fn fetch_value(&self, task: &Task, key: &Digest, digest: Digest) -> Result<Value, MissReason> {
        let store = self.store().ok_or(MissReason::NoEntry)?;
        let formats = task.result.ok_or(MissReason::NoEntry)?;
        let registry = &self.engine.registry;
        let mut made = None;
        let mut read = |meta: &ArtifactMeta, bytes: &mut dyn Read| {
            // What was made before was of another entry, or of a damaged one: its memory is needed.
            made = None;
            let value =
                caught(|| formats.read(registry, bytes, meta.size, &meta.format, meta.shape));
            made = Some(match value {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(MissReason::Undecodable(error.to_string())),
                Err(panic) => Err(MissReason::Undecodable(format!("decoding panicked: {panic}"))),
            });
        };
        let found = wait(store.get_with(key, &mut read));
        self.same_entry(store.as_ref(), found, digest)?;
        made.unwrap_or_else(|| Err(MissReason::Damaged("the store has not read it".to_string())))
    }

    /// The bytes of the entry under `key`, if it is still the one that `digest` stands for.
    pub(super) fn fetch(&self, key: &Digest, digest: Digest) -> Result<Vec<u8>, MissReason> {
        let store = self.store().ok_or(MissReason::NoEntry)?;
        let mut bytes = Vec::new();
        let found = wait(store.get(key)).map(|found| match found {
            Lookup::Found(artifact) => {
                bytes = artifact.bytes;
                Lookup::Found(artifact.meta)
            }
            Lookup::Absent => Lookup::Absent,
            Lookup::Damaged(why) => Lookup::Damaged(why),
        });
        self.same_entry(store.as_ref(), found, digest).map(|()| bytes)
    }

    /// Whether what the store has found is still the entry that `digest` stands for.
    fn same_entry(
        &self,
        store: &dyn CacheStore,
        found: Result<Lookup<ArtifactMeta>, StoreError>,
        digest: Digest,
    ) -> Result<(), MissReason> {
        match found {
            Ok(Lookup::Found(meta)) if reference(&meta) == digest => Ok(()),
            Ok(Lookup::Found(_)) => {
                Err(MissReason::Damaged("it was replaced meanwhile".to_string()))
            }
            Ok(Lookup::Absent) => Err(MissReason::NoEntry),
            Ok(Lookup::Damaged(why)) => Err(MissReason::Damaged(why)),
            Err(error) => {
                self.engine.unreadable(store, &error);
                Err(MissReason::StoreFailed(error.to_string()))
            }
        }
    }

    /// Notes what became of a task, if somebody asked for it.
    pub(super) fn note(&self, outcome: TaskOutcome) {
        if let Some(report) = &self.report {
            let mut report = report.lock();
            report.tasks.push(outcome);
            report.places.push(current_call() as u32);
        }
    }

    fn forget_hit(&self, task: &'static str) {
        let Some(report) = &self.report else { return };
        let mut report = report.lock();
        let is_it = |outcome: &TaskOutcome| outcome.task == task && outcome.origin == Origin::Hit;
        if let Some(at) = report.tasks.iter().rposition(is_it) {
            report.tasks.remove(at);
            report.places.remove(at);
        }
    }
}

impl Engine {
    /// What memory has under `key`, if it may be used.
    pub(super) fn remembered(&self, task: &Task, key: &Digest, removals: u64) -> Option<Arc<Kept>> {
        let kept = self.memory.as_ref()?.get(task, key, removals)?;
        let unusable = self.why_unusable(task, kept.created, &kept.format, &kept.shape);
        unusable.is_none().then_some(kept)
    }

    /// Changes what is in memory. What has to go may panic as it is dropped, and is no part of this run.
    pub(super) fn in_memory(&self, change: impl FnOnce(&Memory)) {
        if let Some(memory) = &self.memory
            && let Err(message) = caught(|| change(memory))
        {
            tracing::warn!(target: "daglite", %message, "a value panicked as it was dropped from memory");
        }
    }

    /// Why an entry that is there may not be used, if it may not.
    pub(super) fn why_unusable(
        &self,
        task: &Task,
        created: Timestamp,
        format: &str,
        shape: &Digest,
    ) -> Option<MissReason> {
        if let Some(ttl) = task.spec.cache.as_ref().and_then(|cache| cache.ttl_millis) {
            match self.clock.now().since(created) {
                None => return Some(MissReason::FromTheFuture),
                Some(age) if age >= Duration::from_millis(ttl) => return Some(MissReason::Expired),
                Some(_) => {}
            }
        }
        let formats = task.result.as_ref()?;
        match formats.fits(&self.registry, format, shape) {
            None => Some(MissReason::Undecodable(format!("no format `{format}` is known"))),
            Some(false) => {
                let (from, to) = (String::new(), formats.type_name().to_string());
                Some(MissReason::ResultChanged { from, to })
            }
            Some(true) => None,
        }
    }

    pub(super) fn unreadable(&self, store: &dyn CacheStore, error: &dyn std::fmt::Display) {
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
