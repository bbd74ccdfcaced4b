//! `FileStore`: a cache in a folder that many processes share and anyone may delete.
//!
//! Files in reading order: `settings` (the builder), `layout` (what lies where), `filesystem` (where an index can be
//! shared), `entry` and `header` (the bytes of one entry), `access` and `publish` (how something is opened, and becomes visible),
//! `staged`, `living` and `workplace` (what is not visible yet), `spool` (a value on its way in) and `verified` (on its way out), `locks`; then the two ways to keep entries, `indexed` and `plain`;
//! and what people ask: `browse`, `verify`.

mod access;
mod browse;
mod entry;
mod filesystem;
mod header;
mod indexed;
mod layout;
mod living;
mod locks;
mod plain;
mod publish;
mod settings;
mod spool;
mod staged;
mod verified;
mod verify;
mod workplace;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contract::{
    Artifact, ArtifactMeta, CacheStore, Evicted, Glimpse, KeyClaim, Lookup, Put, RunReport,
    StoreFuture,
};
use super::error::StoreError;
use super::flow::{ReadValue, WriteValue, Written};
use super::preimage::{Fate, TaskRecord};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use browse::Totals;
use header::Depth;
use indexed::Indexed;
use plain::PlainFiles;
use verify::Found;

pub(crate) use access::{is_missing, open_at_once};
pub use browse::{Collected, Entries, EntryInfo, StoreStats, TaskStats};
pub(crate) use living::{Abandoned, Living, is_workplace};
pub(crate) use publish::{Durable, publish, set_aside, sync_folder};
pub use settings::{Eviction, FileStoreBuilder, FileStoreLayout};
pub(crate) use staged::{Staged, sweep_stale};
pub use verify::{Problem, Verification};

/// Keeps artifacts in a folder, for any number of processes.
///
/// An index has every entry's metadata and small values, larger values are files named by their content, so that equal
/// results are stored once. What it holds is bounded by [`max_size`](FileStoreBuilder::max_size). On network file systems,
/// where processes cannot share an index, each entry is a file.
///
/// Nothing is created before the first entry is put. The folder is private to its user (on Unix), holds a
/// `CACHEDIR.TAG` that keeps backups away, and may be deleted at any time, while it is used too.
///
/// What is put is written with others, within 50 ms; at the end of a run, and when the store is dropped, at once.
///
/// ```
/// use daglite::FileStore;
/// use daglite::store::CacheStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cache");
/// let store = FileStore::builder(&path).open()?;
/// assert_eq!(store.location(), path.display().to_string());
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileStore(Kind);

/// The two ways to keep entries.
#[derive(Debug)]
enum Kind {
    /// In an index.
    Indexed(Arc<Indexed>),
    /// In files.
    Files(Box<PlainFiles>),
}

impl FileStore {
    /// A store in the folder `path`, which need not exist.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// let error = FileStore::builder("").open().unwrap_err();
    /// assert!(error.to_string().contains("name a folder"));
    /// ```
    pub fn builder(path: impl AsRef<Path>) -> FileStoreBuilder {
        FileStoreBuilder::new(path.as_ref())
    }

    /// One with an index.
    fn indexed(store: Arc<Indexed>) -> Self {
        Self(Kind::Indexed(store))
    }

    /// One of files.
    fn in_files(store: PlainFiles) -> Self {
        Self(Kind::Files(Box::new(store)))
    }

    /// What the clock of the store shows.
    fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Indexed(store) => store.now(),
            Kind::Files(store) => store.now(),
        }
    }

    /// Shows `visit` each entry.
    fn walk(&self, visit: &mut dyn FnMut(EntryInfo)) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.walk(visit),
            Kind::Files(store) => store.walk(visit),
        }
    }

    /// The counts.
    fn totals(&self) -> Result<Totals, StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.totals(),
            Kind::Files(store) => store.totals(),
        }
    }

    /// Removes every entry.
    fn remove_all(&self) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.clear(),
            Kind::Files(store) => store.remove_all(),
        }
    }

    /// Removes the entries under `keys`; answers how many there were.
    fn remove_some(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.remove_all_of(keys),
            Kind::Files(store) => {
                let mut removed = 0;
                for key in keys {
                    removed += u64::from(store.remove(key)?);
                }
                Ok(removed)
            }
        }
    }

    /// Removes what is not needed.
    fn collect(&self) -> Result<Collected, StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.collect(),
            Kind::Files(store) => store.collect(true),
        }
    }

    /// What is wrong.
    fn inspect(&self) -> Result<Found, StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.inspect(),
            Kind::Files(store) => store.inspect(),
        }
    }

    /// Mends what was found.
    fn mend(&self, found: &Found) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Indexed(store) => store.mend(),
            Kind::Files(store) => store.mend(found),
        }
    }
}

/// What was put is written.
impl Drop for FileStore {
    fn drop(&mut self) {
        if let Kind::Indexed(store) = &self.0 {
            store.close();
        }
    }
}

/// `path` made absolute, so that a program that changes its working directory keeps its store; an error if it cannot
/// be a folder for `what`.
pub(crate) fn folder_path(path: &Path, what: &str, kind: ErrorKind) -> Result<PathBuf, Error> {
    if path.as_os_str().is_empty() {
        return Err(Error::new(kind, format!("the path of {what} is empty: name a folder")));
    }
    let root = std::path::absolute(path)
        .map_err(|cause| StoreError::io("find", path, cause).into_error(kind))?;
    match root.metadata() {
        Ok(found) if !found.is_dir() => Err(Error::new(
            kind,
            format!("{what} needs a folder, but `{}` is a file: name another path", root.display()),
        )),
        // Whatever else is wrong shows when the folder is used, with the act that failed.
        _ => Ok(root),
    }
}

/// The I/O blocks inside each call; the futures are ready when they are returned.
#[deny(clippy::missing_trait_methods)]
impl CacheStore for FileStore {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.head(key),
            Kind::Files(store) => store.read_head(key),
        }))
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.get(key),
            Kind::Files(store) => store.read_artifact(key),
        }))
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.put(key, artifact),
            Kind::Files(store) => store.put(key, artifact),
        }))
    }

    fn put_with<'a>(
        &'a self,
        key: &'a Digest,
        meta: ArtifactMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.put_with(key, meta, write),
            Kind::Files(store) => store.put_with(key, meta, write),
        }))
    }

    fn get_with<'a>(
        &'a self,
        key: &'a Digest,
        read: &'a mut ReadValue<'_>,
    ) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.get_with(key, read),
            Kind::Files(store) => store.read_with(key, read),
        }))
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.remove(key),
            Kind::Files(store) => store.remove(key),
        }))
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.remove_all()))
    }

    fn location(&self) -> String {
        let root = match &self.0 {
            Kind::Indexed(store) => store.root(),
            Kind::Files(store) => store.root(),
        };
        root.display().to_string()
    }

    /// Whoever signs is around it.
    fn is_signed(&self) -> bool {
        false
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.find(keys, Depth::Whole),
            Kind::Files(store) => keys.iter().map(|key| store.glimpse(key)).collect(),
        }))
    }

    fn find_for_use<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        match &self.0 {
            Kind::Indexed(store) => Box::pin(ready(store.find(keys, Depth::ForUse))),
            Kind::Files(_) => self.find(keys),
        }
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.claim(key),
            Kind::Files(store) => store.claim(key),
        }))
    }

    fn begin_run(&self) -> u64 {
        match &self.0 {
            Kind::Indexed(store) => store.begin_run(),
            Kind::Files(_) => 0,
        }
    }

    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.end_run(report),
            Kind::Files(store) => store.end_run(),
        }))
    }

    fn notices(&self) -> Vec<String> {
        match &self.0 {
            Kind::Indexed(store) => store.notices(),
            Kind::Files(store) => store.notices(),
        }
    }

    fn evicted(&self) -> Evicted {
        std::mem::take(&mut *match &self.0 {
            Kind::Indexed(store) => store.evicted.lock(),
            Kind::Files(store) => store.evicted.lock(),
        })
    }

    fn changes(&self) -> u64 {
        match &self.0 {
            Kind::Indexed(store) => store.changes(),
            // Nobody counts what is put there: another number each time.
            Kind::Files(store) => store.asked(),
        }
    }

    fn removals(&self) -> u64 {
        match &self.0 {
            Kind::Indexed(store) => store.removals(),
            Kind::Files(store) => store.removals(),
        }
    }

    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => {
                store.describe(record);
                Ok(())
            }
            Kind::Files(store) => store.describe(record),
        }))
    }

    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.described(id),
            Kind::Files(store) => Ok(store.described(id)),
        }))
    }

    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.history(task, most),
            Kind::Files(store) => Ok(store.history(task, most)),
        }))
    }

    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.fate(key),
            // Nobody writes down there what went.
            Kind::Files(_) => Ok(None),
        }))
    }

    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        if let Kind::Indexed(store) = &self.0 {
            store.note(name, bytes);
        }
        Box::pin(ready(Ok(())))
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(ready(match &self.0 {
            Kind::Indexed(store) => store.noted(name),
            // A file for each note would cost more than it saves.
            Kind::Files(_) => Ok(None),
        }))
    }
}
