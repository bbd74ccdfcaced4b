//! Local stores for tests of what lies behind them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use daglite::Digest;
use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, KeyClaim, KeyHold, Lookup, Put, StoreFuture,
};

/// A local store that keeps nothing, so that whatever is found comes from the remote. Clones share their claims.
#[derive(Clone, Default)]
pub(crate) struct Forgetful(Arc<Mutex<HashSet<Digest>>>);

impl CacheStore for Forgetful {
    fn head<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(async { Ok(Lookup::Absent) })
    }

    fn get<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(async { Ok(Lookup::Absent) })
    }

    fn put<'a>(&'a self, _: &'a Digest, _: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(async { Ok(Put::Refused("it keeps nothing".to_owned())) })
    }

    fn remove<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn location(&self) -> String {
        "nowhere".to_owned()
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        Box::pin(async move {
            if !self.0.lock().unwrap().insert(*key) {
                return Ok(KeyClaim::Taken { by: None });
            }
            let (held, key) = (Arc::clone(&self.0), *key);
            Ok(KeyClaim::Granted(KeyHold::new(move || {
                held.lock().unwrap().remove(&key);
            })))
        })
    }
}
