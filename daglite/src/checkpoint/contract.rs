//! `CheckpointStore`: what a checkpoint store is asked for, and what it promises.

use std::sync::Arc;

use super::meta::CheckpointMeta;
use super::version::Version;
use crate::store::StoreFuture;

/// What came of a save.
///
/// ```
/// use daglite::checkpoint::Saved;
///
/// let saved = Saved::Unchanged("20261122T193015.123456Z".to_owned());
/// assert_eq!(saved.version(), "20261122T193015.123456Z");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// A new version, of this name.
    New(String),
    /// The latest version, of this name, has the value already.
    Unchanged(String),
}

impl Saved {
    /// The version that has the value.
    ///
    /// ```
    /// # use daglite::checkpoint::Saved;
    /// assert_eq!(Saved::New("20261122T193015.123456Z".to_owned()).version(), "20261122T193015.123456Z");
    /// ```
    pub fn version(&self) -> &str {
        match self {
            Self::New(version) | Self::Unchanged(version) => version,
        }
    }
}

/// Keeps named, versioned results that people trust it with.
///
/// # Contract
///
/// 1. **Saved is saved.** Once `save` has answered, the version is there after a crash of the process or the machine.
///    What cannot be saved is an error that names the place; it is never silent.
/// 2. **Whole or not at all.** Nobody sees a version before it is complete, nor after `delete` has begun.
/// 3. **Versions sort by time, as text.** The store picks the version from `meta.created`, and later than every version
///    of that name, also when the clock went back or many save at once. A version is never written over.
/// 4. **Unchanged adds nothing.** If the latest version has the same value ([`CheckpointMeta::same_value`]), and is
///    sound, `save` answers [`Saved::Unchanged`] with it.
/// 5. **Verified.** `load` answers only with bytes that match `meta.size` and `meta.digest`. A damaged version is an error
///    that names it and the versions before it; it is not removed. All fields of the metadata come back as they were
///    saved, with the version filled in.
/// 6. **Missing is not an error.** `load` and `head` answer `None`, the lists are empty, `delete` answers `false`.
/// 7. **Names.** What [`check_name`](super::check_name) refuses is refused by every method, and so is a save under a name
///    that differs from one that is there in the case of letters alone. The lists are sorted: versions oldest first,
///    names as text.
/// 8. **Any thread.** As for a [`CacheStore`](crate::store::CacheStore): called and polled on threads of the engine, many at once, with no
///    async runtime around.
///
/// `daglite::conformance::checkpoint_store` (feature `conformance`) tests these rules: run it on your store.
///
/// # Examples
///
/// ```
/// use daglite::checkpoint::{CheckpointStore, FileCheckpoints, Version};
///
/// async fn versions_of_model(store: &impl CheckpointStore) -> usize {
///     store.versions("model").await.map_or(0, |versions| versions.len())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileCheckpoints::open(folder.path())?;
/// assert_eq!(versions_of_model(&store).await, 0);
/// # Ok(())
/// # }
/// ```
pub trait CheckpointStore: Send + Sync + 'static {
    /// Saves `bytes` as the next version of `meta.name`, unless the latest has that value. `meta.version` is empty.
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved>;

    /// A version with its value, verified.
    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>>;

    /// The metadata of a version.
    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>>;

    /// The versions of a checkpoint, oldest first.
    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>>;

    /// The names of all checkpoints.
    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>>;

    /// Deletes a version; answers whether it was there.
    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool>;

    /// Where the checkpoints are, for messages: a path, an address.
    fn location(&self) -> String;
}

/// A shared store is a store: give one to several sessions.
#[deny(clippy::missing_trait_methods)]
impl<S: CheckpointStore + ?Sized> CheckpointStore for Arc<S> {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        (**self).save(meta, bytes)
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        (**self).load(name, version)
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        (**self).head(name, version)
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        (**self).versions(name)
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        (**self).names()
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        (**self).delete(name, version)
    }

    fn location(&self) -> String {
        (**self).location()
    }
}
