//! `MemoryStore`: a cache that lives and dies with the process.

use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::contract::{Artifact, ArtifactMeta, CacheStore, Glimpse, Lookup, Put, StoreFuture};
use super::error::StoreError;
use crate::digest::Digest;

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
/// #         task: "t".into(), fingerprint: Digest::of_bytes(b""), took: Default::default(), parts: vec![],
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
        Ok(Put::Kept)
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

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        let removed = self.entries.remove(key).is_some();
        self.removals.fetch_add(1, Ordering::Release);
        Box::pin(ready(Ok(removed)))
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.entries.clear();
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
}
