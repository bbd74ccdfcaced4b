//! `CheckpointStore`: what a checkpoint store is asked for, and what it promises.

use std::io::Read;
use std::sync::Arc;

use super::meta::CheckpointMeta;
use super::version::{Moment, Version};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::store::{StoreError, StoreFuture, WriteValue, not_written};

/// Makes something of the bytes of a version, which are not verified yet: what [`CheckpointStore::load_with`] calls, perhaps
/// more than once. It need not read to the end.
pub type ReadCheckpoint<'a> = dyn FnMut(&CheckpointMeta, &mut dyn Read) + Send + 'a;

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
///    of that name, also when the clock went back or many save at once. A version is never written over. Its name begins
///    with a digit and has no `@`.
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
/// 9. **A version in other words.** `load` and `head` take all that [`Version`] can say: they answer with the version that
///    [`resolve`](Self::resolve) finds. A moment means the last version before the first that was saved later; a tag the version
///    that has it.
/// 10. **Tags move at once.** If `keeps_tags`, then `tag` gives a tag to a version that is there, `false` if it is not, and takes
///     it from the one that had it: whoever looks sees the one or the other, also after a crash, and once it has
///     answered, a crash of the machine does not undo it. What [`check_tag`](super::check_tag) refuses is refused. `tags` answers the
///     tags of versions that are there, sorted; those of a deleted version are gone.
///
/// 11. **`save_with` is `save`, and `load_with` is `load`**, of bytes that need not be in memory all at once. `save_with` ignores
///     `digest` and `size` of the metadata that it is given, and keeps the real ones. If `write` fails, nothing is saved, and
///     the answer is an error. What `read` has made counts only if `load_with` answers with the metadata: then all bytes are
///     verified, also those that it has not read. `read` sees no byte more than `meta.size`.
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

    /// Saves what `write` writes as the next version of `meta.name`, unless the latest has that value: for values that are
    /// large. `meta` is theirs but for `digest` and `size`.
    ///
    /// Unless this is overridden, the bytes are gathered in memory.
    fn save_with<'a>(
        &'a self,
        mut meta: CheckpointMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            write(&mut bytes).map_err(not_written)?;
            (meta.digest, meta.size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
            self.save(meta, bytes).await
        })
    }

    /// Lets `read` make something of the value of a version, and verifies it: for values that are large. Answers the
    /// metadata.
    ///
    /// Unless this is overridden, the bytes are gathered in memory.
    fn load_with<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        read: &'a mut ReadCheckpoint<'_>,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move {
            let Some((meta, bytes)) = self.load(name, version).await? else { return Ok(None) };
            read(&meta, &mut &bytes[..]);
            Ok(Some(meta))
        })
    }

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

    /// The name of the version that is meant. An exact one is answered as it is, whether it is there or not; for the others
    /// `None` means that there is none. A store that knows a quicker way than this one overrides it.
    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        Box::pin(async move {
            match version {
                Version::Exact(version) => Ok(Some(version.clone())),
                Version::Latest => Ok(self.versions(name).await?.pop()),
                Version::Tag(tag) => {
                    let tags = self.tags(name).await?;
                    Ok(tags.into_iter().find(|(there, _)| there == tag).map(|(_, version)| version))
                }
                Version::At(time) => {
                    let mut last = None;
                    for version in self.versions(name).await? {
                        let saved = match Moment::parse(&version) {
                            Some(moment) => Some(moment.time()),
                            None => {
                                created(self.head(name, &Version::Exact(version.clone())).await?)
                            }
                        };
                        match saved {
                            Some(saved) if saved > *time => break,
                            Some(_) => last = Some(version),
                            None => {}
                        }
                    }
                    Ok(last)
                }
            }
        })
    }

    /// Whether versions can have tags here.
    fn keeps_tags(&self) -> bool {
        false
    }

    /// Gives a tag to a version, and takes it from the one that had it; `false` if there is no such version.
    fn tag<'a>(&'a self, _name: &'a str, _version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        let place = self.location();
        let error = StoreError::new(format!(
            "{place} keeps no tags, so `{tag}` cannot be one: name the version itself"
        ));
        Box::pin(std::future::ready(Err(error)))
    }

    /// Takes a tag away; answers whether it was there.
    fn untag<'a>(&'a self, _name: &'a str, _tag: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// The tags of a checkpoint, sorted, each with its version.
    fn tags<'a>(&'a self, _name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// When a version was saved, if it is still there.
fn created(meta: Option<CheckpointMeta>) -> Option<Timestamp> {
    meta.map(|meta| meta.created)
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

    fn save_with<'a>(
        &'a self,
        meta: CheckpointMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Saved> {
        (**self).save_with(meta, write)
    }

    fn load_with<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        read: &'a mut ReadCheckpoint<'_>,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        (**self).load_with(name, version, read)
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

    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        (**self).resolve(name, version)
    }

    fn keeps_tags(&self) -> bool {
        (**self).keeps_tags()
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        (**self).tag(name, version, tag)
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        (**self).untag(name, tag)
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        (**self).tags(name)
    }
}
