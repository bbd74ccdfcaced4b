//! `FileStore`: a cache in a folder that many processes share and anyone may delete, a file an entry.
//!
//! Files in reading order: `layout` (what lies where), `entry` (the bytes of one entry), `read`, `publish` (how something
//! becomes visible), `staged` (what is not visible yet).

mod entry;
mod layout;
mod publish;
mod read;
mod staged;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::contract::{Artifact, ArtifactMeta, CacheStore, Lookup, Put, StoreFuture};
use super::error::StoreError;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use layout::Layout;

pub(crate) use publish::{Durable, publish, set_aside, sync_folder};
pub(crate) use read::{is_missing, open_at_once};
pub(crate) use staged::{Staged, sweep_stale};

/// Keeps artifacts in a folder: on local disks and on network file systems, for any number of processes.
///
/// Nothing is created before the first entry is put. The folder is private to its user (on Unix), holds a
/// `CACHEDIR.TAG` that keeps backups away, and may be deleted at any time, while it is used too.
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
pub struct FileStore {
    /// What lies where.
    layout: Layout,
    /// Whether this store has made the folder and swept it; somebody may have deleted it since.
    prepared: AtomicBool,
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
        FileStoreBuilder { path: path.as_ref().to_owned() }
    }
}

/// Settings of a [`FileStore`] that is not open yet.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let builder = FileStore::builder(folder.path());
/// assert!(builder.open().is_ok());
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `open` to get the store"]
pub struct FileStoreBuilder {
    /// The folder, as it was given.
    path: PathBuf,
}

impl FileStoreBuilder {
    /// The store. Looks at the folder, and creates nothing.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path().join("not/there/yet")).open();
    /// assert!(store.is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// The path is empty, or there is a file in its place. A folder that cannot be written shows at the first put.
    pub fn open(self) -> Result<FileStore, Error> {
        let root = folder_path(&self.path, "the cache", ErrorKind::Store)?;
        Ok(FileStore { layout: Layout::new(root), prepared: AtomicBool::new(false) })
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
impl CacheStore for FileStore {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(ready(self.read_head(key)))
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(ready(self.read_artifact(key)))
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(ready(self.publish_entry(key, artifact).map(|()| Put::Kept)))
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.remove_entry(key)))
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.remove_all()))
    }

    fn location(&self) -> String {
        self.layout.root().display().to_string()
    }
}
