//! What is in a folder, for people: counts, lists, and removing by what a list shows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::FileStore;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::error::Error;
use crate::size::{ByteSize, IntoByteSize};
use crate::store::{ArtifactMeta, StoreError};

/// One entry of a store.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileStore::builder(folder.path()).open()?;
/// for entry in store.entries().list()? {
///     println!("{} {} {}", entry.key, entry.meta.task, entry.meta.size);
/// }
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// Its cache key.
    pub key: Digest,
    /// What is known of its value.
    pub meta: ArtifactMeta,
    /// How many bytes it takes on the disk, metadata included. An object that several entries share counts for each.
    pub on_disk: u64,
}

/// The counts that a store keeps of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Entries.
    pub(super) entries: u64,
    /// Their bytes on the disk, shared objects once.
    pub(super) bytes: u64,
    /// Hits that runs reported.
    pub(super) hits: u64,
    /// Misses that runs reported.
    pub(super) misses: u64,
    /// The time that the hits saved.
    pub(super) saved: Duration,
    /// Entries evicted.
    pub(super) evicted: u64,
    /// Their bytes.
    pub(super) evicted_bytes: u64,
    /// Entries that were swept because they had expired.
    pub(super) expired: u64,
}

/// A store in figures.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let stats = FileStore::builder(folder.path()).open()?.stats()?;
/// assert_eq!((stats.entries, stats.hit_rate()), (0, None));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreStats {
    /// How many entries there are.
    pub entries: u64,
    /// How many bytes they take on the disk, about.
    pub bytes: u64,
    /// The tasks that have entries, by name.
    pub tasks: BTreeMap<String, TaskStats>,
    /// Cached tasks that were answered, in all runs since the folder was made. Always zero where each entry is a file.
    pub hits: u64,
    /// Cached tasks that had to be computed, in all runs.
    pub misses: u64,
    /// The computing time that the hits saved.
    pub saved: Duration,
    /// Entries that were evicted.
    pub evicted: u64,
    /// Their bytes.
    pub evicted_bytes: u64,
    /// Entries that were swept because they had expired.
    pub expired: u64,
}

/// One task's part of a store.
///
/// ```
/// assert_eq!(daglite::store::TaskStats::default().entries, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TaskStats {
    /// How many entries it has.
    pub entries: u64,
    /// The bytes of their values.
    pub bytes: u64,
    /// How long it took to compute them.
    pub took: Duration,
}

impl StoreStats {
    /// The part of all cached tasks that was answered, from 0 to 1; `None` if there has been no run.
    ///
    /// ```
    /// assert_eq!(daglite::store::StoreStats::default().hit_rate(), None);
    /// ```
    pub fn hit_rate(&self) -> Option<f64> {
        let asked = self.hits + self.misses;
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }
}

/// What a [`FileStore::gc`] has freed.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let collected = FileStore::builder(folder.path()).open()?.gc()?;
/// assert_eq!(collected.bytes, 0);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// Entries that had expired.
    pub expired: u64,
    /// Entries that were evicted to keep within the limits.
    pub evicted: u64,
    /// Files that no entry needed.
    pub orphans: u64,
    /// The bytes of the entries.
    pub bytes: u64,
}

/// A choice of entries: all, or those that pass each filter.
///
/// ```
/// # use daglite::FileStore;
/// use std::time::Duration;
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileStore::builder(folder.path()).open()?;
/// let month = Duration::from_secs(30 * 24 * 60 * 60);
/// let removed = store.entries().task("features").older_than(month).clear()?;
/// assert_eq!(removed, 0);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "call `list` or `clear`"]
pub struct Entries<'a> {
    store: &'a FileStore,
    task: Option<String>,
    older_than: Option<Duration>,
    larger_than: Option<Result<ByteSize, Error>>,
}

impl<'a> Entries<'a> {
    /// All entries of `store`.
    pub(super) fn of(store: &'a FileStore) -> Self {
        Self { store, task: None, older_than: None, larger_than: None }
    }

    /// Only those of this task: `module::path::name`, or the end of it, such as `name`.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.entries().task("features").list()?.is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn task(mut self, name: impl Into<String>) -> Self {
        self.task = Some(name.into());
        self
    }

    /// Only those that were computed longer ago than `age`.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.entries().older_than(std::time::Duration::ZERO).list()?.is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Only those whose values have more than `size` bytes: text as in `"100MB"`, or a number.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.entries().larger_than("100MB").list()?.is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn larger_than(mut self, size: impl IntoByteSize) -> Self {
        self.larger_than = Some(size.into_byte_size());
        self
    }

    /// The entries, oldest first. What other processes put or remove meanwhile may be missing or there.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or a size is none.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.entries().list()?.is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn list(self) -> Result<Vec<EntryInfo>, Error> {
        let mut entries = self.chosen()?;
        entries.sort_by_key(|entry| entry.meta.created);
        Ok(entries)
    }

    /// Removes them, and answers how many they were.
    ///
    /// # Errors
    ///
    /// The store cannot be read or written, or a size is none.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert_eq!(store.entries().clear()?, 0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn clear(self) -> Result<u64, Error> {
        if self.task.is_none() && self.older_than.is_none() && self.larger_than.is_none() {
            let entries = self.store.totals()?.entries;
            self.store.remove_all()?;
            return Ok(entries);
        }
        let store = self.store;
        let keys: Vec<Digest> = self.chosen()?.into_iter().map(|entry| entry.key).collect();
        Ok(store.remove_keys(&keys)?)
    }

    /// Those that pass the filters.
    fn chosen(self) -> Result<Vec<EntryInfo>, Error> {
        let Self { store, task, older_than, larger_than } = self;
        let larger_than = larger_than.transpose()?;
        let now = store.now();
        let mut chosen = Vec::new();
        store.walk(&mut |entry| {
            let meta = &entry.meta;
            let passes = task.as_ref().is_none_or(|name| is_of(&meta.task, name))
                && older_than.is_none_or(|age| is_older(meta.created, now, age))
                && larger_than.is_none_or(|size| meta.size > size.bytes());
            if passes {
                chosen.push(entry);
            }
        })?;
        Ok(chosen)
    }
}

/// Whether `name` is the task, or the last part of its path.
fn is_of(task: &str, name: &str) -> bool {
    task.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// Whether something of that time is older than `age`; what is dated in the future has no age.
fn is_older(created: Timestamp, now: Timestamp, age: Duration) -> bool {
    now.since(created).is_some_and(|passed| passed > age)
}

impl FileStore {
    /// A choice of entries, to be listed or removed.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.entries().task("fit").list()?.is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn entries(&self) -> Entries<'_> {
        Entries::of(self)
    }

    /// The store in figures. Looks at every entry: about a second for a million.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).open()?;
    /// assert_eq!(store.stats()?.entries, 0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn stats(&self) -> Result<StoreStats, Error> {
        let mut tasks: BTreeMap<String, TaskStats> = BTreeMap::new();
        self.walk(&mut |entry| {
            let task = match tasks.get_mut(&entry.meta.task) {
                Some(task) => task,
                None => tasks.entry(entry.meta.task.clone()).or_default(),
            };
            task.entries += 1;
            task.bytes = task.bytes.saturating_add(entry.meta.size);
            task.took = task.took.saturating_add(entry.meta.took);
        })?;
        let totals = self.totals()?;
        Ok(StoreStats {
            entries: totals.entries,
            bytes: totals.bytes,
            tasks,
            hits: totals.hits,
            misses: totals.misses,
            saved: totals.saved,
            evicted: totals.evicted,
            evicted_bytes: totals.evicted_bytes,
            expired: totals.expired,
        })
    }

    /// Removes what has expired, what is above the limits, and files that no entry needs; gives free space back.
    ///
    /// A session does the first two by itself.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).open()?;
    /// store.gc()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn gc(&self) -> Result<Collected, Error> {
        Ok(self.collect()?)
    }

    /// Removes the entries under `keys`; answers how many there were.
    fn remove_keys(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        let mut removed = 0;
        for some in keys.chunks(500) {
            removed += self.remove_some(some)?;
        }
        Ok(removed)
    }
}
