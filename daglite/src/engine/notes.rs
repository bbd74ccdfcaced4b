//! The notes of the cache store, as hashing consults them: digests of large files that another process has read.

use std::sync::Arc;

use crate::Digest;
use crate::hash::Notes;
use crate::store::CacheStore;

use super::block::wait;
use super::caught;

/// The notes of a store. They save work alone: whatever goes wrong, the file is read.
pub(super) struct StoreNotes(Arc<dyn CacheStore>);

impl StoreNotes {
    /// Those of `store`.
    pub(super) fn of(store: &Arc<dyn CacheStore>) -> Arc<dyn Notes> {
        Arc::new(Self(Arc::clone(store)))
    }
}

impl Notes for StoreNotes {
    fn noted(&self, name: &Digest) -> Option<Vec<u8>> {
        match caught(|| wait(self.0.noted(name))) {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::debug!(target: "daglite", %error, "the store cannot tell what it has noted");
                None
            }
            Err(_) => None,
        }
    }

    fn note(&self, name: &Digest, bytes: &[u8]) {
        if let Ok(Err(error)) = caught(|| wait(self.0.note(name, bytes))) {
            tracing::debug!(target: "daglite", %error, "the store cannot note the digest of a file");
        }
    }
}
