//! `CacheStore`: what a cache store is asked for, and what it promises.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::flow::{ReadValue, WriteValue, Written, not_written};
use super::preimage::{Fate, KeyPart, TaskRecord};
use crate::clock::Timestamp;
use crate::digest::Digest;

/// What a store's methods return: a future that can be polled on any thread.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What is known of an artifact without reading its value.
///
/// ```
/// # use daglite::{Digest, clock::Timestamp, store::ArtifactMeta};
/// # use std::time::Duration;
/// let meta = ArtifactMeta {
///     digest: Digest::of_bytes(b"[1,2]"),
///     format: "json".to_owned(),
///     extension: "json".to_owned(),
///     shape: Digest::of_bytes(b"Vec<u32>"),
///     size: 5,
///     created: Timestamp::from_millis(946_728_000_000),
///     expires: None,
///     task: "pipeline::features".to_owned(),
///     fingerprint: Digest::of_bytes(b"the code of features"),
///     took: Duration::from_millis(12),
///     record: None,
///     parts: Vec::new(),
/// };
/// assert_eq!(meta.size, 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactMeta {
    /// The digest of the value's bytes.
    pub digest: Digest,
    /// The format the bytes are in.
    pub format: String,
    /// The usual file extension of that format, without the dot.
    pub extension: String,
    /// The digest of the structure of the type that was written.
    pub shape: Digest,
    /// How many bytes the value has.
    pub size: u64,
    /// When the value was computed.
    pub created: Timestamp,
    /// When it goes stale, if the task said so at that time. The store keeps it; whoever reads decides.
    pub expires: Option<Timestamp>,
    /// The task that computed it, as `module::path::name`.
    pub task: String,
    /// The fingerprint of the code that computed it.
    pub fingerprint: Digest,
    /// How long the computation took.
    pub took: Duration,
    /// What stands for the rest of what is known of that task: see [`CacheStore::describe`].
    #[serde(default)]
    pub record: Option<Digest>,
    /// What the key was made from: the arguments and variables, and excluded arguments as far as they were hashed.
    pub parts: Vec<KeyPart>,
}

/// A task's result as bytes, with what is known of it.
///
/// ```
/// # use daglite::{Digest, clock::Timestamp, store::ArtifactMeta};
/// use daglite::store::Artifact;
///
/// # let meta = ArtifactMeta {
/// #     digest: Digest::of_bytes(b"[1,2]"), format: "json".into(), extension: "json".into(),
/// #     shape: Digest::of_bytes(b""), size: 5, created: Timestamp::from_millis(0), expires: None,
/// #     task: "t".into(), fingerprint: Digest::of_bytes(b""), took: Default::default(), record: None, parts: vec![],
/// # };
/// let artifact = Artifact { meta, bytes: b"[1,2]".to_vec() };
/// assert_eq!(artifact.meta.digest, Digest::of_bytes(&artifact.bytes));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What is known of the value.
    pub meta: ArtifactMeta,
    /// The value, encoded.
    pub bytes: Vec<u8>,
}

/// What a look-up found.
///
/// ```
/// use daglite::store::Lookup;
///
/// assert_eq!(Lookup::Found(7).found(), Some(7));
/// assert_eq!(Lookup::<u8>::Damaged("truncated: 12 of 96 bytes".to_owned()).found(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The entry is there and sound.
    Found(T),
    /// There is no entry.
    Absent,
    /// There was an entry that cannot be trusted. Says what was wrong; the entry has been removed.
    Damaged(String),
}

impl<T> Lookup<T> {
    /// What was found, if the entry is there and sound.
    ///
    /// ```
    /// # use daglite::store::Lookup;
    /// assert_eq!(Lookup::<u8>::Absent.found(), None);
    /// ```
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(entry) => Some(entry),
            Self::Absent | Self::Damaged(_) => None,
        }
    }
}

/// What a store says of an entry that was looked for.
///
/// ```
/// use daglite::store::{CacheStore, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::store::StoreError> {
/// let store = MemoryStore::new();
/// assert!(store.find(&[]).await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// What is known of the value.
    pub meta: ArtifactMeta,
    /// The value, verified, if it came along for nothing; else [`CacheStore::get`] reads it.
    pub bytes: Option<Vec<u8>>,
}

/// What became of an artifact that was put.
///
/// ```
/// use daglite::store::Put;
///
/// assert_ne!(Put::Kept, Put::Refused("larger than the whole cache".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is in the store.
    Kept,
    /// The store's own limits do not allow it; the reason is for people. Nothing is wrong with the store.
    Refused(String),
}

/// The answer to a process that wants to compute a key.
///
/// ```
/// use daglite::Digest;
/// use daglite::store::{CacheStore, KeyClaim, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::store::StoreError> {
/// // A store that one process has for itself always says yes.
/// let claim = MemoryStore::new().claim(&Digest::of_bytes(b"key")).await?;
/// assert!(matches!(claim, KeyClaim::Granted(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum KeyClaim {
    /// Nobody else is at it, until the hold is dropped.
    Granted(KeyHold),
    /// Another process is computing it: ask again later.
    Taken {
        /// The number of that process, if it is known.
        by: Option<u32>,
    },
}

/// The right to compute a key, among all processes that share a store. It ends when it is dropped, or with the
/// process, however that ends.
///
/// ```
/// use daglite::store::KeyHold;
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let hold = KeyHold::new(move || drop(sender.send("over")));
/// drop(hold);
/// assert_eq!(receiver.recv(), Ok("over"));
/// ```
#[derive(Default)]
#[must_use = "the right ends when the hold is dropped"]
pub struct KeyHold(Option<Box<dyn FnOnce() + Send + Sync>>);

impl KeyHold {
    /// A hold that calls `release` when it ends.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(release)))
    }

    /// A hold of nothing: of a store that no other process uses.
    ///
    /// ```
    /// # use daglite::store::KeyHold;
    /// drop(KeyHold::nothing());
    /// ```
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Whether nothing ends with it: no other process can have put the key since it was last looked for.
    ///
    /// ```
    /// # use daglite::store::KeyHold;
    /// assert!(KeyHold::nothing().is_nothing());
    /// assert!(!KeyHold::new(|| ()).is_nothing());
    /// ```
    pub fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for KeyHold {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl fmt::Debug for KeyHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHold")
    }
}

/// What a store has removed by itself.
///
/// ```
/// use daglite::store::{CacheStore, Evicted, MemoryStore};
///
/// assert_eq!(MemoryStore::new().evicted(), Evicted { entries: 0, bytes: 0 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// How many entries.
    pub entries: u64,
    /// About how many bytes they had.
    pub bytes: u64,
}

/// What a run tells its store at the end.
///
/// ```
/// use daglite::store::RunReport;
///
/// assert_eq!(RunReport::default().hits, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    /// What `begin_run` answered; zero if it was not asked.
    pub run: u64,
    /// Cached tasks that were answered from the cache, or from memory.
    pub hits: u64,
    /// Cached tasks that had to be computed.
    pub misses: u64,
    /// The computing time that the hits saved.
    pub saved: Duration,
    /// The keys that memory answered, so that the store was not asked: they were used all the same.
    pub used: Vec<Digest>,
}

/// Keeps artifacts by key. Whatever it forgets is computed again.
///
/// # Contract
///
/// 1. **Whole or not at all.** A reader sees the entry that one `put` wrote, with every field of its metadata, or no
///    entry; never a part, never a mixture of two puts. This holds for readers in other threads and, if the store is
///    shared by them, in other processes.
/// 2. **The last put wins.** `put` replaces. Once it has returned, a look-up finds that entry or a later one, unless
///    it was refused. Other processes may see it later, but no later than `end_run` returns; from then on no crash of
///    a process loses it.
/// 3. **Verified.** `get` answers [`Lookup::Found`] only if the bytes match `meta.size` and `meta.digest`; `head` only if
///    the metadata is as it was written, and equal to what `get` answers. What fails is removed and answered
///    as [`Lookup::Damaged`] with a reason for people; where it cannot be removed, the reason says so. An
///    artifact whose bytes do not match its own metadata is refused by `put` or found damaged later.
/// 4. **Missing is not an error.** No entry, no folder, no bucket: [`Lookup::Absent`], and `remove` answers `false`. An
///    error means that the store could not answer; its message names the place and what to do.
/// 5. **`head` is cheap.** It does not read the value, whatever its size.
/// 6. **Time is not its business.** `created` and `expires` are kept and given back; an expired entry is an entry.
/// 7. **Any thread.** Methods are called, and their futures polled, on threads of the engine, many at once, with no async
///    runtime around. A store whose I/O blocks does it inside the call and returns a ready future; a store whose I/O
///    is asynchronous may wait, if it wakes the task itself and brings the runtime that it needs.
/// 8. **Gone means gone.** After `remove` or `clear` has returned, the entries that were there before are absent, and
///    `removals` answers another number than before.
/// 9. **`find` is `head` of many.** It answers in the order of the keys, each as `head` would. `find_for_use` answers the same,
///    but may leave `extension`, `task` and `parts` of the metadata empty.
/// 10. **One at a time.** While a [`KeyHold`] lives, no other process is granted the key; it ends at once when its
///     process dies. Whoever is granted the key next sees what was put under it before. A store that is not shared by
///     processes grants everything, with [holds of nothing](KeyHold::nothing).
/// 11. **`changes` is never too late.** Whoever is granted a key that another process held, and looked before that process
///     put it, sees another number than at the time of the look.
///
/// 12. **What explains may be missing, and is never wrong.** `describe`, `described`, `history` and `fate` serve messages
///     to people alone: a store may know nothing, as it does unless they are overridden. `described` answers nothing but what
///     was given to `describe`. `history` answers sound entries of that task that are there, the last put first, no more
///     than were asked for, those of other processes and of the present run not necessarily. `fate` answers of an entry that
///     is absent what became of the last one that was there.
/// 13. **Notes may be missing, and are never wrong.** `noted` answers the bytes that were last given to `note` under that
///     name, or nothing: a store may keep none, or forget them.
/// 14. **`put_with` is `put`, and `get_with` is `get`**, of bytes that need not be in memory all at once. `put_with` ignores
///     `digest` and `size` of the metadata it is given, and answers the real ones, also if the store keeps nothing: then it
///     takes the bytes all the same. If `write` fails, nothing is kept, what was there stays, and the answer is an error.
///     What `read` has made counts only if `get_with` answers [`Lookup::Found`]: then all bytes are verified, also those
///     that it has not read. `read` sees no byte more than `meta.size`.
///
/// `daglite::conformance::cache_store` (feature `conformance`) tests these rules, and `shared_cache_store` what they say of
/// several processes: run them on your store.
///
/// # Examples
///
/// ```
/// use daglite::Digest;
/// use daglite::store::{CacheStore, Lookup, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::store::StoreError> {
/// let store = MemoryStore::new();
/// assert_eq!(store.get(&Digest::of_bytes(b"some key")).await?, Lookup::Absent);
/// # Ok(())
/// # }
/// ```
pub trait CacheStore: Send + Sync + 'static {
    /// The metadata of the entry under `key`, without its value.
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>>;

    /// The entry under `key`, its value verified.
    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>>;

    /// Puts `artifact` under `key`, in place of what was there.
    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put>;

    /// Puts what `write` writes under `key`, in place of what was there: for values that are large. `meta` is theirs but for
    /// `digest` and `size`.
    ///
    /// Unless this is overridden, the bytes are gathered in memory.
    fn put_with<'a>(
        &'a self,
        key: &'a Digest,
        mut meta: ArtifactMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            write(&mut bytes).map_err(not_written)?;
            (meta.digest, meta.size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
            let artifact = Artifact { meta, bytes };
            let put = self.put(key, &artifact).await;
            Ok(Written { digest: artifact.meta.digest, size: artifact.meta.size, put })
        })
    }

    /// Lets `read` make something of the value under `key`, and verifies it: for values that are large. Answers the
    /// metadata.
    ///
    /// Unless this is overridden, the bytes are gathered in memory.
    fn get_with<'a>(
        &'a self,
        key: &'a Digest,
        read: &'a mut ReadValue<'_>,
    ) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(async move {
            Ok(match self.get(key).await? {
                Lookup::Found(Artifact { meta, bytes }) => {
                    read(&meta, &mut &bytes[..]);
                    Lookup::Found(meta)
                }
                Lookup::Absent => Lookup::Absent,
                Lookup::Damaged(why) => Lookup::Damaged(why),
            })
        })
    }

    /// Removes the entry under `key`; answers whether there was one.
    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool>;

    /// Removes every entry.
    fn clear<'a>(&'a self) -> StoreFuture<'a, ()>;

    /// Where the entries are, for messages: a path, an address.
    fn location(&self) -> String;

    /// Whether what is not signed is refused here, so that a session with a signing key need not see to it.
    fn is_signed(&self) -> bool {
        false
    }

    /// What is under each of `keys`, in their order: for stores that answer many questions faster than one by one.
    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(match self.head(key).await? {
                    Lookup::Found(meta) => Lookup::Found(Glimpse { meta, bytes: None }),
                    Lookup::Absent => Lookup::Absent,
                    Lookup::Damaged(why) => Lookup::Damaged(why),
                });
            }
            Ok(found)
        })
    }

    /// As [`find`](Self::find), for whoever uses what is found and has nothing to tell of it: what serves people alone may be left
    /// out, since to read it costs as much as all else.
    fn find_for_use<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        self.find(keys)
    }

    /// Claims the right to compute `key`, among all processes that share the store. Never waits.
    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        let _ = key;
        Box::pin(ready(Ok(KeyClaim::Granted(KeyHold::nothing()))))
    }

    /// A run begins: what it uses until the matching `end_run` must not be evicted. Answers a number of the store's choice,
    /// which comes back in [`RunReport::run`]: runs may end in another order than they began.
    fn begin_run(&self) -> u64 {
        0
    }

    /// A run has ended: when this returns, what was put before is safe from a crash of the process.
    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        let _ = report;
        Box::pin(ready(Ok(())))
    }

    /// What users should be told of the store, a sentence each, since the last call.
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// What was removed since the last call to stay within the store's limits, or because it had expired, and not because
    /// somebody asked for it.
    fn evicted(&self) -> Evicted {
        Evicted::default()
    }

    /// A number that changes whenever another process may have put something. As long as it stands still, whatever was
    /// absent for this process is absent still, unless this process has put it. A store that cannot tell answers another
    /// number each time, as it does unless this is overridden.
    fn changes(&self) -> u64 {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        ASKED.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that changes whenever entries are removed on purpose: what is kept in memory of them counts no more.
    fn removals(&self) -> u64 {
        0
    }

    /// Keeps what entries have in common, under [`TaskRecord::id`]. Told once a process, before the first of them is put.
    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        let _ = record;
        Box::pin(ready(Ok(())))
    }

    /// The record under `id`, if it is known.
    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        let _ = id;
        Box::pin(ready(Ok(None)))
    }

    /// The last entries of `task`, at most `most`, the last one first. Asked once a run and task.
    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        let _ = (task, most);
        Box::pin(ready(Ok(Vec::new())))
    }

    /// What became of the entry under `key`, if it is absent and that is known.
    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        let _ = key;
        Box::pin(ready(Ok(None)))
    }

    /// Keeps a few bytes under `name`, in place of those that were there. They save work and nothing else: the digest of a
    /// large input file, say.
    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        let _ = (name, bytes);
        Box::pin(ready(Ok(())))
    }

    /// The bytes that were noted under `name`.
    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        let _ = name;
        Box::pin(ready(Ok(None)))
    }
}

/// A shared store is a store: give one to several sessions.
#[deny(clippy::missing_trait_methods)]
impl<S: CacheStore + ?Sized> CacheStore for Arc<S> {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        (**self).head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        (**self).get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        (**self).put(key, artifact)
    }

    fn put_with<'a>(
        &'a self,
        key: &'a Digest,
        meta: ArtifactMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Written> {
        (**self).put_with(key, meta, write)
    }

    fn get_with<'a>(
        &'a self,
        key: &'a Digest,
        read: &'a mut ReadValue<'_>,
    ) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        (**self).get_with(key, read)
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        (**self).remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        (**self).clear()
    }

    fn location(&self) -> String {
        (**self).location()
    }

    fn is_signed(&self) -> bool {
        (**self).is_signed()
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        (**self).find(keys)
    }

    fn find_for_use<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        (**self).find_for_use(keys)
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        (**self).claim(key)
    }

    fn begin_run(&self) -> u64 {
        (**self).begin_run()
    }

    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        (**self).end_run(report)
    }

    fn notices(&self) -> Vec<String> {
        (**self).notices()
    }

    fn evicted(&self) -> Evicted {
        (**self).evicted()
    }

    fn changes(&self) -> u64 {
        (**self).changes()
    }

    fn removals(&self) -> u64 {
        (**self).removals()
    }

    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        (**self).describe(record)
    }

    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        (**self).described(id)
    }

    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        (**self).history(task, most)
    }

    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        (**self).fate(key)
    }

    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        (**self).note(name, bytes)
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        (**self).noted(name)
    }
}
