//! Stores whose entries are signed with a secret, so that nobody who does not know it can plant a result.
//!
//! Files in reading order: `key` (the secret, and what is made of it), `cache` and `checkpoint` (the two kinds of stores), `tag`.

mod cache;
mod checkpoint;
mod key;
mod tag;

use std::fmt;
use std::sync::atomic::AtomicU64;

pub use key::SigningKey;

/// A store that signs what it is given, and takes nothing for sound that is not signed with the same key.
///
/// Put it around any [`CacheStore`](crate::CacheStore) or [`CheckpointStore`](crate::CheckpointStore) that others can write to.
/// An entry of a cache with no signature, or a wrong one, is a miss, and a notice says so; a checkpoint with none is an error.
/// The signature covers the key or the name and all that is known of the value, its digest too. A tag that was not given by
/// somebody with the key is an error; the proof that one was is a further tag of the version (`signed.` and 52 letters
/// and digits), which is shown only by the store inside.
///
/// A session does the same to its stores with [`signing_key`](crate::SessionBuilder::signing_key).
///
/// # What it does not do
///
/// It hides nothing, and what was signed once stays good. Somebody who can write to the store and has no key cannot make anything
/// up, but can take things away and bring back what was there: delete entries, versions and tags, so that `latest`
/// is an older one; put an old version of a checkpoint there again under a later name, so that `latest` is that one,
/// or in the place of another one; and give a tag back to a version that had it before. Where that matters, let the bucket
/// keep what was deleted and written over (versions of objects, object lock), or note the digest of what you rely on
/// and compare it with that of the [metadata](crate::checkpoint::CheckpointMeta).
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
