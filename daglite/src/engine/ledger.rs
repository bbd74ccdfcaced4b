//! What the cache store is told of a run: that it begins, that it has ended, and what it used.
//!
//! Runs inside bodies belong to the run around them, if they are of the same session.

use std::mem;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::digest::Digest;
use crate::event::Event;
use crate::store::{CacheStore, Evicted, RunReport};
use crate::sync::Mutex;

use super::block::wait;
use super::explain::Histories;
use super::run::Tally;
use super::{Engine, caught};

/// Above this number of uses, each key is reported once.
const MANY_USES: usize = 1 << 16;

/// A run and those inside it, as the store sees them.
#[derive(Default)]
pub(super) struct Ledger {
    /// The store's number for the run, once it knows of it: a run that asks it nothing costs it nothing.
    begun: OnceLock<u64>,
    hits: AtomicU64,
    misses: AtomicU64,
    saved_nanos: AtomicU64,
    /// The keys that memory answered.
    used: Mutex<Used>,
    /// The keys whose results were put, and whose bodies have saved how far they had come.
    finished: Mutex<Vec<Digest>>,
    /// What misses are explained with.
    pub(super) histories: Histories,
}

/// Keys, and how many there may be before those that are there twice go.
struct Used {
    keys: Vec<Digest>,
    limit: usize,
}

impl Default for Used {
    fn default() -> Self {
        Self { keys: Vec::new(), limit: MANY_USES }
    }
}

impl Ledger {
    /// Tells the store that a run begins, before its first question.
    pub(super) fn begin(&self, engine: &Engine, store: &dyn CacheStore) {
        let mut panicked = None;
        let mut is_first = false;
        self.begun.get_or_init(|| {
            is_first = true;
            caught(|| store.begin_run()).unwrap_or_else(|panic| {
                panicked = Some(panic);
                0
            })
        });
        // Outside: what is told may have an observer run tasks, which belong to the same run.
        if let Some(panic) = panicked {
            engine.warn(format!("{} panicked as a run began: {panic}", store.location()));
        }
        if is_first {
            engine.tell_notices(store);
        }
    }

    /// Notes that memory has answered `key`.
    pub(super) fn used(&self, key: Digest) {
        let mut used = self.used.lock();
        if used.keys.len() >= used.limit {
            used.keys.sort_unstable();
            used.keys.dedup();
            used.limit = MANY_USES.max(2 * used.keys.len());
        }
        used.keys.push(key);
    }

    /// Notes that the result of `key` has been put, so that what its body has saved may go once it is safe.
    pub(super) fn finished(&self, key: Digest) {
        self.finished.lock().push(key);
    }

    /// Adds what a run has counted.
    pub(super) fn add(&self, tally: &Tally) {
        let sums = [
            (&self.hits, &tally.hits),
            (&self.misses, &tally.misses),
            (&self.saved_nanos, &tally.saved_nanos),
        ];
        for (sum, part) in sums {
            sum.fetch_add(part.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Adds answers that were taken outside of runs.
    pub(super) fn add_hits(&self, hits: u64, saved_nanos: u64) {
        self.hits.fetch_add(hits, Ordering::Relaxed);
        self.saved_nanos.fetch_add(saved_nanos, Ordering::Relaxed);
    }

    /// Whether the store has anything to be told at the end.
    pub(super) fn is_blank(&self) -> bool {
        self.begun.get().is_none() && self.used.lock().keys.is_empty()
    }

    fn report(&self) -> RunReport {
        RunReport {
            run: self.begun.get().copied().unwrap_or_default(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            saved: Duration::from_nanos(self.saved_nanos.load(Ordering::Relaxed)),
            used: mem::take(&mut self.used.lock().keys),
        }
    }
}

/// What was used since the last run is told at the end.
impl Drop for Engine {
    fn drop(&mut self) {
        if self.has_used_shortcuts() {
            self.end_run(&Ledger::default());
        }
    }
}

impl Engine {
    /// Tells the store that a run has ended: afterwards, what the run has put is safe.
    pub(super) fn end_run(&self, ledger: &Ledger) {
        let Some(store) = self.cache.as_deref() else { return };
        self.note_shortcuts(ledger);
        if ledger.is_blank() {
            return;
        }
        ledger.begin(self, store);
        let report = ledger.report();
        let why = match caught(|| wait(store.end_run(&report))) {
            Ok(Ok(())) => {
                self.forget_states(mem::take(&mut *ledger.finished.lock()));
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(format!("it panicked: {panic}")),
        };
        if let Some(why) = why
            && !self.told_unwritable.load(Ordering::Relaxed)
        {
            self.warn_once(&self.told_unended, || {
                format!(
                    "{} could not be brought up to date at the end of a run, so results may be computed again: {why}",
                    store.location()
                )
            });
        }
        self.tell_notices(store);
    }

    /// Tells users what the store has for them.
    fn tell_notices(&self, store: &dyn CacheStore) {
        let Evicted { entries, bytes } = caught(|| store.evicted()).unwrap_or_default();
        if entries > 0 {
            self.tell_run(|| Event::Evicted { entries, bytes });
        }
        let notices = caught(|| store.notices()).unwrap_or_default();
        notices.into_iter().for_each(|notice| self.warn(notice));
    }
}
