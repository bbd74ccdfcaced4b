//! What was put and has no row yet: seen by the look-ups of this process, written in batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::super::layout::ObjectName;
use super::rows::Row;
use crate::digest::{ByDigest, Digest};
use crate::store::{StoreError, TaskRecord};

/// How long a row waits for others.
const PATIENCE: Duration = Duration::from_millis(15);
/// So many rows are written without waiting for more.
const ENOUGH: usize = 2_000;
/// So many bytes are written without waiting for more.
const ENOUGH_BYTES: usize = 4 << 20;
/// Who puts more than is written waits when so many bytes are in the queue.
const MOST_BYTES: usize = 64 << 20;
/// How long the writing thread stays when there is nothing to write.
const IDLE: Duration = Duration::from_millis(500);

/// The rows that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something has come, or has been written.
    changed: Condvar,
}

/// What is in the queue.
#[derive(Debug, Default)]
struct State {
    /// Rows that nobody writes yet.
    fresh: HashMap<Digest, Arc<Row>, ByDigest>,
    /// Rows that are being written.
    writing: HashMap<Digest, Arc<Row>, ByDigest>,
    /// How many rows have come.
    next: u64,
    /// The bytes of the fresh rows.
    bytes: usize,
    /// When the oldest fresh row came.
    since: Option<Instant>,
    /// Objects of rows that were replaced before they were written.
    superseded: Vec<ObjectName>,
    /// What entries have in common, that nobody writes yet.
    records: Vec<TaskRecord>,
    /// Notes that nobody writes yet.
    notes: HashMap<Digest, Vec<u8>, ByDigest>,
    /// Keys whose locks are to be given back once their rows are written.
    locked: HashSet<Digest, ByDigest>,
    /// Why the last batch was lost.
    failure: Option<StoreError>,
    /// Whether there is a writing thread.
    has_writer: bool,
    /// Whether the store is closed.
    closed: bool,
}

/// What is to be written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The rows, in the order of their puts.
    pub(super) rows: Vec<Arc<Row>>,
    /// Objects of rows that were replaced before they were written.
    pub(super) superseded: Vec<ObjectName>,
    /// What entries have in common.
    pub(super) records: Vec<TaskRecord>,
    /// Notes by name.
    pub(super) notes: HashMap<Digest, Vec<u8>, ByDigest>,
}

impl Batch {
    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        let Self { rows, superseded, records, notes } = self;
        rows.is_empty() && superseded.is_empty() && records.is_empty() && notes.is_empty()
    }
}

/// What a row's arrival asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Somebody will write it.
    Expected,
    /// There is no writing thread: make one.
    NeedsWriter,
}

impl Queue {
    /// Adds a row; waits if there are too many already.
    pub(super) fn add(&self, mut row: Row) -> Arrival {
        let mut state = self.state.lock();
        while state.bytes > MOST_BYTES && state.has_writer && !state.closed {
            self.changed.wait_for(&mut state, PATIENCE);
        }
        state.bytes += row.bytes.len() + row.object.as_ref().map_or(0, |_| 1 << 10);
        if state.since.is_none() {
            state.since = Some(Instant::now());
        }
        let is_enough = state.fresh.len() + 1 >= ENOUGH || state.bytes >= ENOUGH_BYTES;
        let is_first = state.fresh.is_empty();
        row.order = state.next;
        state.next += 1;
        if let Some(before) = state.fresh.insert(row.key, Arc::new(row))
            && let Some(object) = &before.object
        {
            state.superseded.push(object.clone());
        }
        if !state.has_writer {
            state.has_writer = true;
            return Arrival::NeedsWriter;
        }
        if is_first || is_enough {
            self.changed.notify_all();
        }
        Arrival::Expected
    }

    /// Adds what entries have in common: written with them.
    pub(super) fn describe(&self, record: TaskRecord) {
        self.state.lock().records.push(record);
    }

    /// The record under `id`, if it waits.
    pub(super) fn described(&self, id: &Digest) -> Option<TaskRecord> {
        let state = self.state.lock();
        state.records.iter().find(|record| record.id() == *id).cloned()
    }

    /// Adds a note: written with the next batch.
    pub(super) fn note(&self, name: Digest, bytes: Vec<u8>) {
        self.state.lock().notes.insert(name, bytes);
    }

    /// The note under `name`, if it waits.
    pub(super) fn noted(&self, name: &Digest) -> Option<Vec<u8>> {
        self.state.lock().notes.get(name).cloned()
    }

    /// No writing thread could be made.
    pub(super) fn has_no_writer(&self) {
        self.state.lock().has_writer = false;
    }

    /// The rows of `keys` that wait, in their order.
    pub(super) fn find_all(&self, keys: &[Digest]) -> Option<Vec<Option<Arc<Row>>>> {
        let state = self.state.lock();
        if state.fresh.is_empty() && state.writing.is_empty() {
            return None;
        }
        let find = |key| state.fresh.get(key).or_else(|| state.writing.get(key)).cloned();
        Some(keys.iter().map(find).collect())
    }

    /// The objects of the rows that wait.
    pub(super) fn objects(&self) -> HashSet<ObjectName> {
        let state = self.state.lock();
        let rows = state.fresh.values().chain(state.writing.values());
        rows.filter_map(|row| row.object.clone()).collect()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.fresh.is_empty()
            && state.writing.is_empty()
            && state.superseded.is_empty()
            && state.records.is_empty()
            && state.notes.is_empty()
    }

    /// Has the lock on `key` given back when its row is written; false if no row of it waits.
    pub(super) fn release_with_row(&self, key: &Digest) -> bool {
        let mut state = self.state.lock();
        let waits = state.fresh.contains_key(key) || state.writing.contains_key(key);
        if waits {
            state.locked.insert(*key);
        }
        waits
    }

    /// Keeps the lock on `key`, if it was to be given back with its row.
    pub(super) fn reclaim(&self, key: &Digest) -> bool {
        self.state.lock().locked.remove(key)
    }

    /// Takes all fresh rows. They are found until [`written`](Self::written) is called.
    pub(super) fn take(&self) -> Batch {
        let mut state = self.state.lock();
        let fresh = std::mem::take(&mut state.fresh);
        state.bytes = 0;
        state.since = None;
        let mut rows: Vec<_> = fresh.values().cloned().collect();
        state.writing = fresh;
        let superseded = std::mem::take(&mut state.superseded);
        let records = std::mem::take(&mut state.records);
        let notes = std::mem::take(&mut state.notes);
        drop(state);
        // Neighbours in a graph are neighbours in the index: its next run reads few pages.
        rows.sort_unstable_by_key(|row| row.order);
        Batch { rows, superseded, records, notes }
    }

    /// Notes that the rows that were taken have been written, or lost; answers whose locks are to be given back.
    pub(super) fn written(&self, failure: Option<StoreError>) -> HashSet<Digest, ByDigest> {
        let mut state = self.state.lock();
        state.writing.clear();
        if failure.is_some() {
            state.failure = failure;
        }
        let State { fresh, locked, .. } = &mut *state;
        let (stay, go): (HashSet<_, ByDigest>, HashSet<_, ByDigest>) =
            std::mem::take(locked).into_iter().partition(|key| fresh.contains_key(key));
        *locked = stay;
        drop(state);
        self.changed.notify_all();
        go
    }

    /// Forgets the rows that nobody writes yet.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock();
        state.bytes = 0;
        state.since = None;
        state.superseded.clear();
        state.records.clear();
        state.notes.clear();
        state.fresh.clear();
    }

    /// Why the last batch was lost, once.
    pub(super) fn take_failure(&self) -> Option<StoreError> {
        self.state.lock().failure.take()
    }

    /// Waits until there is a batch worth writing; false if the thread that asks is to end.
    pub(super) fn wait_for_batch(&self) -> bool {
        let mut state = self.state.lock();
        let mut idle_since = Instant::now();
        loop {
            if state.closed {
                state.has_writer = false;
                return false;
            }
            match state.since {
                Some(since) => {
                    let is_enough = state.fresh.len() >= ENOUGH || state.bytes >= ENOUGH_BYTES;
                    let waited = since.elapsed();
                    if is_enough || waited >= PATIENCE {
                        return true;
                    }
                    self.changed.wait_for(&mut state, PATIENCE - waited);
                    idle_since = Instant::now();
                }
                None => {
                    let idle = idle_since.elapsed();
                    if idle >= IDLE {
                        state.has_writer = false;
                        return false;
                    }
                    self.changed.wait_for(&mut state, IDLE - idle);
                }
            }
        }
    }

    /// Has the writing thread end.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}
