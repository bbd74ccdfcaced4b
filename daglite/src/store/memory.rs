//! `MemoryStore`: a cache that lives and dies with the process.

use std::collections::{HashSet, VecDeque};
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::{DashMap, DashSet};

use super::contract::{Artifact, ArtifactMeta, CacheStore, Glimpse, Lookup, Put, StoreFuture};
use super::error::StoreError;
use super::flow::{WriteValue, Written, not_written};
use super::preimage::{Fate, TaskRecord};
use crate::digest::Digest;

/// So many puts of a task are remembered, to explain misses.
const REMEMBERED_PUTS: usize = 32;

/// So many removals are remembered.
const REMEMBERED_REMOVALS: usize = 20_000;

/// Up to this size a value is copied along with its metadata.
const COMES_ALONG: usize = 1 << 10;

/// Keeps artifacts in memory, for tests and for programs that must not touch the disk.
///
/// ```
/// # use daglite::{Digest, clock::Timestamp, store::{Artifact, ArtifactMeta}};
/// use daglite::store::{CacheStore, MemoryStore};
///
/// # fn artifact(bytes: &[u8]) -> Artifact {
/// #     let meta = ArtifactMeta {
/// #         digest: Digest::of_bytes(bytes), format: "json".into(), extension: "json".into(),
/// #         shape: Digest::of_bytes(b""), size: bytes.len() as u64, created: Timestamp::from_millis(0), expires: None,
/// #         task: "t".into(), fingerprint: Digest::of_bytes(b""), took: Default::default(), record: None, parts: vec![],
/// #     };
/// #     Artifact { meta, bytes: bytes.to_vec() }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::store::StoreError> {
/// let store = MemoryStore::new();
/// let key = Digest::of_bytes(b"some key");
/// store.put(&key, &artifact(b"[1,2]")).await?;
/// assert_eq!(store.get(&key).await?.found().unwrap().bytes, b"[1,2]");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// The entries; each was verified when it was put.
    entries: DashMap<Digest, Artifact>,
    /// How often entries were removed.
    removals: AtomicU64,
    /// What was said of tasks.
    records: DashMap<Digest, TaskRecord>,
    notes: DashMap<Digest, Vec<u8>>,
    /// The keys that were put last, by task, the last one at the end.
    recent: DashMap<String, VecDeque<Digest>>,
    /// The keys that were removed, as many as are remembered.
    removed: DashSet<Digest>,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// ```
    /// # use daglite::{MemoryStore, store::CacheStore};
    /// assert_eq!(MemoryStore::new().location(), "memory");
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// What `read` sees in the entry under `key`.
    fn look_up<T>(&self, key: &Digest, read: impl FnOnce(&Artifact) -> T) -> Lookup<T> {
        match self.entries.get(key) {
            Some(artifact) => Lookup::Found(read(&artifact)),
            None => Lookup::Absent,
        }
    }

    /// Takes `artifact` in if its bytes are what its metadata says.
    fn insert(&self, key: &Digest, artifact: &Artifact) -> Result<Put, StoreError> {
        let Artifact { meta, bytes } = artifact;
        if meta.size != bytes.len() as u64 || meta.digest != Digest::of_bytes(bytes) {
            return Err(StoreError::new(format!(
                "the artifact of `{}` does not match its own metadata: set `size` and `digest` from its bytes",
                meta.task
            )));
        }
        self.entries.insert(*key, artifact.clone());
        self.note_put(&meta.task, *key);
        Ok(Put::Kept)
    }

    /// Takes in what `write` writes.
    fn insert_written(
        &self,
        key: &Digest,
        mut meta: ArtifactMeta,
        write: &mut WriteValue<'_>,
    ) -> Result<Written, StoreError> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(not_written)?;
        let (digest, size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
        (meta.digest, meta.size) = (digest, size);
        let task = meta.task.clone();
        self.entries.insert(*key, Artifact { meta, bytes });
        self.note_put(&task, *key);
        Ok(Written { digest, size, put: Ok(Put::Kept) })
    }

    /// Notes that an entry of `task` was put.
    fn note_put(&self, task: &str, key: Digest) {
        let push = |recent: &mut VecDeque<Digest>| {
            if recent.len() >= REMEMBERED_PUTS {
                recent.pop_front();
            }
            recent.push_back(key);
        };
        match self.recent.get_mut(task) {
            Some(mut recent) => push(&mut recent),
            // Another thread may be faster.
            None => push(&mut self.recent.entry(task.to_owned()).or_default()),
        }
    }

    /// Notes that an entry was removed.
    fn note_removed(&self, key: Digest) {
        if self.removed.len() < REMEMBERED_REMOVALS {
            self.removed.insert(key);
        }
    }

    /// The last entries of `task`.
    fn last_of(&self, task: &str, most: usize) -> Vec<(Digest, ArtifactMeta)> {
        let keys = self.recent.get(task).map(|recent| recent.clone()).unwrap_or_default();
        let mut seen = HashSet::new();
        let new = keys.into_iter().rev().filter(|key| seen.insert(*key));
        let sound = new.filter_map(|key| {
            let entry = self.entries.get(&key).filter(|entry| entry.meta.task == task)?;
            Some((key, entry.meta.clone()))
        });
        sound.take(most).collect()
    }

    /// What became of an entry.
    fn fate_of(&self, key: &Digest) -> Option<Fate> {
        (self.removed.contains(key) && !self.entries.contains_key(key)).then_some(Fate::Removed)
    }
}

impl CacheStore for MemoryStore {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(ready(Ok(self.look_up(key, |artifact| artifact.meta.clone()))))
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(ready(Ok(self.look_up(key, Artifact::clone))))
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(ready(self.insert(key, artifact)))
    }

    fn put_with<'a>(
        &'a self,
        key: &'a Digest,
        meta: ArtifactMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(ready(self.insert_written(key, meta, write)))
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        let removed = self.entries.remove(key).is_some();
        if removed {
            self.note_removed(*key);
        }
        self.removals.fetch_add(1, Ordering::Release);
        Box::pin(ready(Ok(removed)))
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        for entry in self.entries.iter().take(REMEMBERED_REMOVALS) {
            self.note_removed(*entry.key());
        }
        self.entries.clear();
        self.recent.clear();
        self.removals.fetch_add(1, Ordering::Release);
        Box::pin(ready(Ok(())))
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        let glimpse = |artifact: &Artifact| {
            let bytes = (artifact.bytes.len() <= COMES_ALONG).then(|| artifact.bytes.clone());
            Glimpse { meta: artifact.meta.clone(), bytes }
        };
        let found = keys.iter().map(|key| self.look_up(key, glimpse)).collect();
        Box::pin(ready(Ok(found)))
    }

    fn removals(&self) -> u64 {
        self.removals.load(Ordering::Acquire)
    }

    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        self.records.entry(record.id()).or_insert_with(|| record.clone());
        Box::pin(ready(Ok(())))
    }

    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        Box::pin(ready(Ok(self.records.get(id).map(|record| record.clone()))))
    }

    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        Box::pin(ready(Ok(self.last_of(task, most))))
    }

    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        Box::pin(ready(Ok(self.fate_of(key))))
    }

    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        self.notes.insert(*name, bytes.to_vec());
        Box::pin(ready(Ok(())))
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(ready(Ok(self.notes.get(name).map(|bytes| bytes.clone()))))
    }
}
