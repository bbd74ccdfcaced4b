//! The memory tier: results that were loaded or computed lately, as they are, in front of the store.
//!
//! A hit here decodes nothing and asks the store nothing but whether entries have been removed on purpose since.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

use crate::clock::Timestamp;
use crate::digest::{ByDigest, Digest};
use crate::size::ByteSize;
use crate::store::{ArtifactMeta, KeyPart};
use crate::sync::{AtomicBool, AtomicU64, Mutex};
use crate::task::{Task, Value};

/// What the memory of a session may hold if nobody says anything.
pub(crate) const DEFAULT_MEMORY: ByteSize = ByteSize::new(256 << 20);

/// The most values that the memory of a session holds, whatever their size.
const MOST_VALUES: u64 = 100_000;

/// What a value weighs at least: its place in the table, its metadata.
const LEAST_WEIGHT: u64 = 256;

/// The memory is divided into parts with a lock each, and a value has to fit into one.
const PARTS: u64 = 8;

/// A result that is kept.
pub(super) struct Kept {
    /// The task that made it. Another one with the same key may have another result type.
    pub(super) task: &'static Task,
    /// The result.
    pub(super) value: Value,
    /// What stands for its artifact in keys.
    pub(super) digest: Digest,
    /// How long its computation took.
    pub(super) took: Duration,
    /// The format of its artifact.
    pub(super) format: String,
    /// The shape of its artifact.
    pub(super) shape: Digest,
    /// When it was computed.
    pub(super) created: Timestamp,
    /// How many bytes its artifact has.
    pub(super) size: u64,
    /// What was recorded of its excluded arguments, if somebody wants to know when they differ.
    pub(super) excluded: Box<[KeyPart]>,
    /// The store's count of removals before it was read or put.
    pub(super) removals: u64,
    /// Whether another has taken its place.
    pub(super) is_past: AtomicBool,
}

impl Kept {
    /// A result that is in the store: `digest` stands for its artifact in keys.
    pub(super) fn of(
        task: &'static Task,
        value: &Value,
        digest: Digest,
        meta: ArtifactMeta,
        excluded: Box<[KeyPart]>,
        removals: u64,
    ) -> Self {
        let ArtifactMeta { format, shape, size, created, took, .. } = meta;
        let value = Arc::clone(value);
        let is_past = AtomicBool::new(false);
        Self {
            task,
            value,
            digest,
            took,
            format,
            shape,
            created,
            size,
            excluded,
            removals,
            is_past,
        }
    }

    /// Whether no other has taken its place, nor has it been forgotten.
    pub(super) fn is_current(&self) -> bool {
        !self.is_past.load(Ordering::Acquire)
    }
}

/// Results by key, no more of them than the bound allows.
pub(super) struct Memory {
    kept: Cache<Digest, Arc<Kept>, ByWeight, ByDigest, Evicted>,
    /// Whoever looks before changing what is under a key has one of these locks.
    places: [Mutex<()>; PARTS as usize],
    /// The bound.
    size: ByteSize,
    /// The most bytes of a value that is kept; none at all if there is room for none.
    largest: Option<u64>,
    /// The store's count of removals that what is here was last checked against.
    removals: AtomicU64,
}

impl Memory {
    /// An empty memory of `size`, in front of a store with this count of removals.
    pub(super) fn new(size: ByteSize, removals: u64) -> Self {
        let bytes = size.bytes().max(1);
        let overhead = bytes.div_ceil(MOST_VALUES).max(LEAST_WEIGHT);
        let values = usize::try_from(bytes / overhead).unwrap_or(usize::MAX).max(1);
        let options = OptionsBuilder::new()
            .shards(PARTS as usize)
            .estimated_items_capacity(values)
            .weight_capacity(bytes)
            .build()
            .expect("both capacities are given");
        let kept =
            Cache::with_options(options, ByWeight { overhead }, ByDigest::default(), Evicted);
        let removals = AtomicU64::new(removals);
        let largest = (bytes / PARTS).checked_sub(overhead);
        Self { kept, places: Default::default(), size, largest, removals }
    }

    /// How much it may hold.
    pub(super) fn size(&self) -> ByteSize {
        self.size
    }

    /// The result of `task` under `key`, if it is here and no entry has been removed since.
    pub(super) fn get(&self, task: &Task, key: &Digest, removals: u64) -> Option<Arc<Kept>> {
        if self.removals.load(Ordering::Acquire) != removals {
            self.forget_all(removals);
        }
        let kept = self.kept.get(key)?;
        (kept.removals == removals && ptr::eq(kept.task, task)).then_some(kept)
    }

    /// Keeps a result that was put after the store's count of removals was `removals`, in place of what was here.
    pub(super) fn keep(&self, key: Digest, kept: Kept) {
        if self.takes(&kept) {
            self.replace(key, kept, |_| true);
        } else {
            self.forget(&key);
        }
    }

    /// Keeps a result that was read, unless one is here that is as young: that one was put since, or is the same. An older
    /// one has been replaced in the store by another process, perhaps because it had expired.
    pub(super) fn keep_read(&self, key: Digest, kept: Kept) {
        if self.takes(&kept) {
            let (removals, created) = (kept.removals, kept.created);
            self.replace(key, kept, |other| other.removals != removals || other.created < created);
        }
    }

    /// Puts `kept` in the place of what is here, if there is nothing or `goes` says so.
    fn replace(&self, key: Digest, kept: Kept, goes: impl FnOnce(&Kept) -> bool) {
        let place = self.place_of(&key).lock();
        let past = self.kept.peek(&key);
        if let Some(past) = &past {
            if !goes(past) {
                return;
            }
            past.is_past.store(true, Ordering::Release);
        }
        let mut evicted = Vec::new();
        self.kept.insert_with_lifecycle(key, Arc::new(kept), &mut evicted);
        // The values go after the locks are free: their `Drop` is code of the user.
        drop(place);
        drop((evicted, past));
    }

    /// The lock of those who change what is under `key`.
    fn place_of(&self, key: &Digest) -> &Mutex<()> {
        &self.places[usize::from(key.as_bytes()[0]) % self.places.len()]
    }

    /// Whether a result is kept: not if it is too large, or cannot be cloned, as whoever takes it by value could not have
    /// it.
    fn takes(&self, kept: &Kept) -> bool {
        kept.task.clone.is_some() && self.largest.is_some_and(|largest| kept.size <= largest)
    }

    /// Forgets the result under `key`.
    pub(super) fn forget(&self, key: &Digest) {
        let place = self.place_of(key).lock();
        let past = self.kept.remove(key);
        if let Some((_, past)) = &past {
            past.is_past.store(true, Ordering::Release);
        }
        drop(place);
        drop(past);
    }

    fn forget_all(&self, removals: u64) {
        if self.removals.swap(removals, Ordering::AcqRel) == removals {
            return;
        }
        // The values go after the locks are free: their `Drop` is code of the user.
        let all: Vec<_> = self.kept.iter().collect();
        self.kept.clear();
        drop(all);
    }
}

/// Gathers what has to go, all of it: it is dropped when no lock is held.
#[derive(Clone)]
struct Evicted;

impl Lifecycle<Digest, Arc<Kept>> for Evicted {
    type RequestState = Vec<Arc<Kept>>;

    fn on_evict(&self, evicted: &mut Self::RequestState, _: Digest, kept: Arc<Kept>) {
        evicted.push(kept);
    }
}

/// What a value counts against the bound.
#[derive(Clone)]
struct ByWeight {
    /// What a value weighs besides its bytes: so much that the number of values is bounded, too.
    overhead: u64,
}

impl Weighter<Digest, Arc<Kept>> for ByWeight {
    fn weight(&self, _: &Digest, kept: &Arc<Kept>) -> u64 {
        kept.size.saturating_add(self.overhead)
    }
}
