//! One file an entry: for file systems on which an index cannot be shared.
//!
//! Files in reading order: `read`, `put`, `keep` (within the limits, and what people ask), `explain` (what explains a miss).

mod explain;
mod keep;
mod put;
mod read;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::layout::Layout;
use super::locks::{Locked, Locks};
use super::settings::Limits;
use crate::clock::{Clock, Timestamp};
use crate::digest::Digest;
use crate::store::{Evicted, KeyClaim, KeyHold, StoreError};

/// The entries of a store as files.
#[derive(Debug)]
pub(super) struct PlainFiles {
    /// What lies where.
    layout: Arc<Layout>,
    /// How much may be kept, and what goes first.
    limits: Limits,
    /// Where the time comes from.
    clock: Clock,
    /// Whether this store has made the folder and swept it; somebody may have deleted it since.
    prepared: AtomicBool,
    locks: Arc<Locks>,
    /// What users should be told.
    notices: Mutex<Vec<String>>,
    /// What has been evicted, and was not told yet.
    pub(super) evicted: Mutex<Evicted>,
    /// Goes up when entries are removed on purpose.
    removals: AtomicU64,
    /// How often was asked what other processes have put.
    asked: AtomicU64,
    /// The bytes that were put since the folder was last looked through.
    put_since: AtomicU64,
    /// The bytes that may be put before it is looked through again.
    look_after: AtomicU64,
    /// How full the folder is, where nothing is evicted.
    fill: Mutex<Fill>,
    /// The keys that were put since the last run ended, by task.
    recent: Mutex<HashMap<String, VecDeque<Digest>>>,
}

/// How full a folder is of which nothing is evicted.
#[derive(Debug, Default)]
struct Fill {
    /// Its bytes and entries, once they have been counted; what is put is added, what it replaces is not taken off.
    known: Option<(u64, u64)>,
    /// Whether it was counted and found full.
    is_full: bool,
    /// Whether users have been told.
    told: bool,
}

impl PlainFiles {
    /// The entries under `layout`.
    pub(super) fn new(
        layout: Arc<Layout>,
        limits: Limits,
        clock: Clock,
        notice: Option<String>,
    ) -> Self {
        Self {
            locks: Arc::new(Locks::new(Arc::clone(&layout))),
            layout,
            limits,
            clock,
            prepared: AtomicBool::new(false),
            notices: Mutex::new(notice.into_iter().collect()),
            evicted: Mutex::default(),
            removals: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            put_since: AtomicU64::new(0),
            look_after: AtomicU64::new(0),
            fill: Mutex::default(),
            recent: Mutex::default(),
        }
    }

    /// The folder that was named.
    pub(super) fn root(&self) -> &Path {
        self.layout.root()
    }

    /// What the clock shows.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What users should be told since the last call.
    pub(super) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock())
    }

    /// A number that changes when entries are removed on purpose.
    pub(super) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Acquire)
    }

    /// Another number each time.
    pub(super) fn asked(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }

    /// Claims `key` among processes.
    pub(super) fn claim(&self, key: &Digest) -> Result<KeyClaim, StoreError> {
        self.locks.forget_deleted();
        match self.locks.try_key(key) {
            Ok(Locked::Taken(by)) => Ok(KeyClaim::Taken { by }),
            Ok(Locked::Ours) => {
                let (locks, key) = (Arc::clone(&self.locks), *key);
                Ok(KeyClaim::Granted(KeyHold::new(move || locks.release(&key))))
            }
            Err(cause) => Err(StoreError::io("lock a key in", self.layout.locks(), cause)),
        }
    }
}
