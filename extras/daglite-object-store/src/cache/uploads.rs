//! `Uploads`: what waits to be written to the remote: bounded, in order for each key, several at once.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use daglite::Digest;
use daglite::store::{ArtifactMeta, TaskRecord};
use parking_lot::Mutex;
use tokio::sync::watch;

/// How many are on their way at once.
const AT_ONCE: usize = 8;

/// Something to write.
pub(super) enum Job {
    /// An entry.
    Entry { key: Digest, meta: ArtifactMeta, value: Bytes },
    /// What entries have in common.
    Record(TaskRecord),
}

impl Job {
    /// What it is written under.
    pub(super) fn key(&self) -> Digest {
        match self {
            Self::Entry { key, .. } => *key,
            Self::Record(record) => record.id(),
        }
    }

    /// How many bytes it holds.
    fn size(&self) -> u64 {
        match self {
            Self::Entry { value, .. } => value.len() as u64,
            Self::Record(_) => 0,
        }
    }
}

/// What waits, and what is on its way.
#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The keys of those on their way.
    flying: HashSet<Digest>,
    /// The bytes of both.
    bytes: u64,
    workers: usize,
}

/// The queue.
pub(super) struct Uploads {
    state: Mutex<State>,
    /// Counts what has gone on: parts that have arrived, jobs that have ended.
    progress: watch::Sender<u64>,
    max_count: usize,
    max_bytes: u64,
}

/// What became of a job that was to wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Queued {
    /// It waits.
    Yes,
    /// It waits, and a further worker is needed.
    StartWorker,
    /// There is no room.
    Full,
}

impl Uploads {
    /// An empty queue.
    pub(super) fn new(max_count: usize, max_bytes: u64) -> Self {
        Self { state: Mutex::default(), progress: watch::Sender::new(0), max_count, max_bytes }
    }

    /// Puts `job` at the end, in place of one of its key that still waits.
    pub(super) fn push(&self, job: Job) -> Queued {
        let mut state = self.state.lock();
        let key = job.key();
        if let Some(at) = state.waiting.iter().position(|waiting| waiting.key() == key) {
            let older = state.waiting.remove(at);
            state.bytes -= older.map(|older| older.size()).unwrap_or_default();
        }
        let count = state.waiting.len() + state.flying.len();
        if count >= self.max_count || state.bytes.saturating_add(job.size()) > self.max_bytes {
            return Queued::Full;
        }
        state.bytes += job.size();
        state.waiting.push_back(job);
        if state.workers >= AT_ONCE || state.workers > count {
            return Queued::Yes;
        }
        state.workers += 1;
        Queued::StartWorker
    }

    /// The next one for a worker, which ends if there is none. Two of one key are never on their way at once.
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        let State { waiting, flying, workers, .. } = &mut *state;
        let Some(at) = waiting.iter().position(|job| !flying.contains(&job.key())) else {
            *workers -= 1;
            return None;
        };
        let job = waiting.remove(at)?;
        flying.insert(job.key());
        Some(job)
    }

    /// A job of `key` and `size` bytes has ended.
    pub(super) fn ended(&self, key: &Digest, size: u64) {
        let mut state = self.state.lock();
        state.flying.remove(key);
        state.bytes -= size;
        drop(state);
        self.went_on();
    }

    /// Something has gone on.
    pub(super) fn went_on(&self) {
        self.progress.send_modify(|count| *count += 1);
    }

    /// What tells that something has gone on.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// How many wait or are on their way.
    pub(super) fn count(&self) -> usize {
        let state = self.state.lock();
        state.waiting.len() + state.flying.len()
    }

    /// Forgets what waits: all of it, or that of one key. Answers how many that were.
    pub(super) fn forget(&self, key: Option<&Digest>) -> usize {
        let mut state = self.state.lock();
        let before = state.waiting.len();
        let goes = |job: &Job| key.is_none_or(|key| job.key() == *key);
        let freed: u64 = state.waiting.iter().filter(|job| goes(job)).map(Job::size).sum();
        state.waiting.retain(|job| !goes(job));
        state.bytes -= freed;
        let forgotten = before - state.waiting.len();
        drop(state);
        self.went_on();
        forgotten
    }

    /// Waits until nothing is on its way: at all, or of one key.
    pub(super) async fn landed(&self, key: Option<Digest>) {
        let mut progress = self.watch();
        let is_flying = || {
            let state = self.state.lock();
            key.map_or(!state.flying.is_empty(), |key| state.flying.contains(&key))
        };
        while is_flying() {
            // The sender lives as long as this.
            let _ = progress.changed().await;
        }
    }
}
