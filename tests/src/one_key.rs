//! A cache in which all keys are one: what a task wrote yesterday is what another one, with another result type, finds today
//! under the same key.

use std::sync::Arc;

use daglite::Digest;
use daglite::store::{Artifact, ArtifactMeta, CacheStore, Lookup, MemoryStore, Put, StoreFuture};

/// The one key.
const KEY: Digest = Digest::from_bytes([1; 32]);

/// The cache. Clones share it.
#[derive(Clone, Default)]
pub struct OneKey(Arc<MemoryStore>);

impl CacheStore for OneKey {
    fn head<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        self.0.head(&KEY)
    }

    fn get<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        self.0.get(&KEY)
    }

    fn put<'a>(&'a self, _: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        self.0.put(&KEY, artifact)
    }

    fn remove<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, bool> {
        self.0.remove(&KEY)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.0.clear()
    }

    fn location(&self) -> String {
        "the cache with one key".to_owned()
    }
}
