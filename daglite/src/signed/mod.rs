//! Stores whose entries are signed with a secret, so that nobody who does not know it can plant a result.
//!
//! Files in reading order: `key` (the secret, and what is made of it), `cache` and `checkpoint` (the two kinds of stores).

mod cache;
mod checkpoint;
mod key;

use std::fmt;
use std::sync::atomic::AtomicU64;

pub use key::SigningKey;

/// A store that signs what it is given, and takes nothing for sound that is not signed with the same key.
///
/// Put it around any [`CacheStore`](crate::CacheStore) or [`CheckpointStore`](crate::CheckpointStore) that others can write to.
/// An entry of a cache with no signature, or a wrong one, is a miss, and a notice says so; a checkpoint with none is an error.
/// The signature covers the key or the name and all that is known of the value, its digest too.
///
/// It does not hide anything, and a signed entry stays good: somebody who can write to the store can delete entries, move
/// tags, and bring back an old version of the same checkpoint.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::{Signed, SigningKey};
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let key = SigningKey::new("what only the team knows")?;
/// let session = Session::builder()
///     .cache(Signed::new(FileStore::builder(folder.join("cache")).open()?, key.clone()))
///     .checkpoints(Signed::new(FileCheckpoints::open(folder.join("checkpoints"))?, key))
///     .build()?;
/// # drop(session);
/// # Ok(())
/// # }
/// ```
pub struct Signed<S> {
    /// The store that keeps them.
    inner: S,
    /// The secret.
    key: SigningKey,
    /// How many entries were refused since somebody was told.
    refused: AtomicU64,
}

impl<S> Signed<S> {
    /// `inner`, whose entries are signed with `key` from now on. What is in it already has no signature.
    ///
    /// ```
    /// # use daglite::{MemoryStore, Signed, SigningKey};
    /// let store = Signed::new(MemoryStore::new(), SigningKey::new("at least sixteen bytes")?);
    /// # drop(store);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn new(inner: S, key: SigningKey) -> Self {
        Self { inner, key, refused: AtomicU64::new(0) }
    }

    /// The store inside, which knows nothing of signatures.
    ///
    /// ```
    /// # use daglite::{MemoryStore, Signed, SigningKey, CacheStore};
    /// let store = Signed::new(MemoryStore::new(), SigningKey::new("at least sixteen bytes")?);
    /// assert_eq!(store.inner().location(), store.location());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: fmt::Debug> fmt::Debug for Signed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("inner", &self.inner).finish_non_exhaustive()
    }
}
