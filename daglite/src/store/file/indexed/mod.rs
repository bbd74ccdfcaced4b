//! Entries in a SQLite index that many processes share, larger values as files beside it.
//!
//! Files in reading order: `schema` (the tables), `rows` (what is done with them), `connections`, `trouble` (what can go
//! wrong), `queue` (what is put and not written yet), `objects` and `pack` (larger values), `read`, `round` (many rows at once), `put`, `write`, `usage` (who
//! used what), `evict`, `explain` (what explains a miss), `notes` (what saves work), `recover` (a damaged index), `verify`, `browse` (what is in the store, for people).

mod browse;
mod changes;
mod connections;
mod evict;
mod explain;
mod notes;
mod objects;
mod pack;
mod put;
mod queue;
mod read;
mod recover;
mod round;
mod rows;
mod schema;
mod trouble;
mod usage;
mod verify;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::layout::Layout;
use super::locks::{Locked, Locks};
use super::settings::Limits;
use super::workplace::Workplace;
use crate::clock::{Clock, Timestamp};
use crate::digest::Digest;
use crate::store::{Evicted, KeyClaim, KeyHold, RunReport, StoreError};

use changes::Changes;
use connections::Connections;
use queue::Queue;
use trouble::Trouble;
use usage::{Ended, Usage};

/// The entries of a store in an index.
#[derive(Debug)]
pub(super) struct Indexed {
    /// What lies where.
    layout: Arc<Layout>,
    /// How much may be kept, and what goes first.
    limits: Limits,
    /// Where the time comes from.
    clock: Clock,
    connections: Connections,
    changes: Changes,
    queue: Queue,
    usage: Usage,
    locks: Arc<Locks>,
    /// Our folder for what is not visible yet, once something has been put.
    workplace: Mutex<Option<Arc<Workplace>>>,
    /// One batch at a time.
    writing: Mutex<()>,
    /// What users should be told.
    notices: Mutex<Vec<String>>,
    /// What has been evicted, and was not told yet.
    pub(super) evicted: Mutex<Evicted>,
    /// Goes up when entries are removed on purpose.
    removals: AtomicU64,
    /// About how many bytes the store has, as far as this process knows.
    bytes: AtomicU64,
    /// About how many entries it has.
    entries: AtomicU64,
    /// The generation of the connections when a run last began.
    known_generation: AtomicU64,
    /// Whether rows have been written since the log was last looked at.
    has_written: AtomicBool,
    /// Whether nothing more may be put until runs end: all that is there is in use.
    is_full: AtomicBool,
    /// How many bytes and entries wait to be written, where nothing is evicted.
    waiting: Mutex<(u64, u64)>,
    /// Whether all that is there was in use when something was to be evicted: until runs end, a look at every entry would
    /// find the same.
    is_futile: AtomicBool,
    /// Whether users have been told that the cache is full and nothing in it can go.
    told_full: AtomicBool,
    /// Whether it was seen since the last run began that nothing has gone, so that no miss is explained by it.
    nothing_gone: AtomicBool,
}

impl Indexed {
    /// The entries under `layout`.
    pub(super) fn new(layout: Arc<Layout>, limits: Limits, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            connections: Connections::new(Arc::clone(&layout)),
            changes: Changes::new(Arc::clone(&layout)),
            locks: Arc::new(Locks::new(Arc::clone(&layout))),
            layout,
            limits,
            clock,
            queue: Queue::default(),
            usage: Usage::default(),
            workplace: Mutex::default(),
            writing: Mutex::default(),
            notices: Mutex::default(),
            evicted: Mutex::default(),
            removals: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            known_generation: AtomicU64::new(0),
            has_written: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            waiting: Mutex::default(),
            is_futile: AtomicBool::new(false),
            told_full: AtomicBool::new(false),
            nothing_gone: AtomicBool::new(false),
        })
    }

    /// The folder that was named.
    pub(super) fn root(&self) -> &Path {
        self.layout.root()
    }

    /// What the clock shows.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Claims `key` among processes.
    pub(in crate::store::file) fn claim(
        self: &Arc<Self>,
        key: &Digest,
    ) -> Result<KeyClaim, StoreError> {
        // A run has looked when it began.
        if !self.usage.is_running() {
            self.locks.forget_deleted();
        }
        // Ours still, if it was to be given back with a row that waits.
        let locked =
            if self.queue.reclaim(key) { Ok(Locked::Ours) } else { self.locks.try_key(key) };
        match locked {
            Ok(Locked::Taken(by)) => Ok(KeyClaim::Taken { by }),
            Ok(Locked::Ours) => {
                let (store, key) = (Arc::clone(self), *key);
                Ok(KeyClaim::Granted(KeyHold::new(move || store.release(&key))))
            }
            Err(cause) => Err(StoreError::io("lock a key in", self.layout.locks(), cause)),
        }
    }

    /// Gives the lock on `key` back: now, or when others can see the row.
    fn release(&self, key: &Digest) {
        if !self.queue.release_with_row(key) {
            self.locks.release(key);
        }
    }

    /// A run begins; answers its number.
    pub(in crate::store::file) fn begin_run(&self) -> u64 {
        self.nothing_gone.store(false, Ordering::Relaxed);
        self.connections.refresh_soon();
        let generation = self.connections.generation();
        if self.known_generation.swap(generation, Ordering::AcqRel) != generation {
            // The whole folder may be another one.
            self.changes.forget();
            self.locks.forget_deleted();
        }
        self.usage.begin_run()
    }

    /// A run has ended: what it put is written.
    pub(in crate::store::file) fn end_run(
        self: &Arc<Self>,
        report: &RunReport,
    ) -> Result<(), StoreError> {
        let Ended { is_worth_writing, lets_go } = self.usage.end_run(report);
        if lets_go {
            self.is_full.store(false, Ordering::Relaxed);
            self.is_futile.store(false, Ordering::Relaxed);
        }
        if is_worth_writing || !self.queue.is_empty() {
            self.write_now()?;
        }
        self.evict_if_needed();
        if self.has_written.swap(false, Ordering::Relaxed) {
            self.shorten_log();
        }
        match self.queue.take_failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// What users should be told since the last call.
    pub(in crate::store::file) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock())
    }

    /// Has users told something.
    fn notify(&self, notice: String) {
        tracing::warn!("{notice}");
        self.notices.lock().push(notice);
    }

    /// A number that changes when another process has put something.
    pub(super) fn changes(&self) -> u64 {
        self.changes.of_others()
    }

    /// A number that changes when entries are removed on purpose.
    pub(in crate::store::file) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Acquire)
    }

    /// Our folder for what is not visible yet; made, and those of dead processes swept, if need be.
    fn workplace(&self) -> Result<Arc<Workplace>, StoreError> {
        let mut place = self.workplace.lock();
        if let Some(workplace) = &*place
            && !workplace.is_gone()
        {
            return Ok(Arc::clone(workplace));
        }
        let layout = &self.layout;
        layout.clear_the_way();
        layout.prepare(&[layout.objects(), layout.tmp(), layout.locks()])?;
        let failed = |cause| StoreError::io("create a folder in", layout.tmp(), cause);
        let workplace = Arc::new(Workplace::open(layout.tmp()).map_err(failed)?);
        *place = Some(Arc::clone(&workplace));
        drop(place);
        self.sweep();
        Ok(workplace)
    }

    /// Sees to it that the folders are there before the first put.
    fn prepare(&self) -> Result<(), StoreError> {
        if self.workplace.lock().is_some() {
            return Ok(());
        }
        self.workplace().map(drop)
    }

    /// Where objects are put aside before they are removed: where a sweep finds them if we are killed.
    fn aside(&self) -> PathBuf {
        let place = self.workplace.lock();
        place.as_ref().map_or(self.layout.tmp(), |workplace| workplace.path()).to_owned()
    }

    /// Writes what waits and lets go of the folder: the store is dropped.
    pub(in crate::store::file) fn close(&self) {
        self.queue.close();
        // Whoever drops a store has no use for its errors.
        let _ = self.write_now();
        self.connections.close();
        self.workplace.lock().take();
    }

    /// Does `work` with the index; if it is damaged and moved aside, with the new one.
    fn guarded_twice<T>(&self, work: impl Fn() -> Result<T, Trouble>) -> Result<T, Failed> {
        match self.guarded(&work) {
            Err(Failed::Damaged(_)) => self.guarded(&work),
            done => done,
        }
    }

    /// Does `work` with the index; a damaged one is moved aside, and `work` not done.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Failed> {
        let generation = self.connections.generation();
        match work() {
            Ok(done) => Ok(done),
            Err(Trouble::Damaged(what)) => Err(self.set_index_aside(generation, &what)),
            Err(trouble) => Err(Failed::Error(trouble.into_error(self.connections.path()))),
        }
    }
}

/// Why something could not be done with the index.
enum Failed {
    /// It was damaged, and has been moved aside.
    Damaged(String),
    /// It could not be used.
    Error(StoreError),
}

impl Failed {
    /// For those who cannot go on without the index.
    fn into_error(self, layout: &Layout) -> StoreError {
        match self {
            Self::Damaged(what) => StoreError::new(format!(
                "the index `{}` was damaged and has been moved aside ({what}): try again",
                layout.index().display()
            )),
            Self::Error(error) => error,
        }
    }
}
