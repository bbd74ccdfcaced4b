//! `FileCheckpoints`: checkpoints in a folder, for programs and for people with a file browser.
//!
//! ```text
//! <root>/<name>/<version>/value.<extension>
//! <root>/<name>/<version>/meta.json
//! <root>/<name>/.tags/<tag>                  the version that has the tag
//! <root>/.tmp/…                              what is being written
//! ```
//!
//! Files in reading order: `document` (the text of `meta.json`), `workplace` (what is being written), `intake` (a value
//! on its way in) and `verified` (on its way out), `save`, `load`, `browse` (lists, delete, prune), `tags`, `verify`; `values` and `manage` have the calls for people, which block. Here: the
//! type, and the contract, which wraps the same functions.

mod browse;
pub(super) mod document;
mod intake;
mod load;
mod manage;
mod save;
mod tags;
mod values;
mod verified;
mod verify;
mod workplace;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::contract::{CheckpointStore, ReadCheckpoint, Saved};
use super::meta::CheckpointMeta;
use super::version::Version;
use crate::error::{Error, ErrorKind};
use crate::store::{StoreFuture, WriteValue, folder_path};

pub use verify::{CheckpointFlaw, CheckpointVerification};

/// Keeps checkpoints in a folder, one folder a version, the value in a file of its own.
///
/// The methods here are for people and scripts: they block, need no async runtime and take and give typed values. The
/// engine uses the [`CheckpointStore`] that it is.
///
/// ```
/// use daglite::{Checkpoint, FileCheckpoints};
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// let first = checkpoints.save("weights", &vec![0.1, 0.9])?;
/// checkpoints.save(Checkpoint::named("weights").meta("alpha", 0.5), &vec![0.2, 0.8])?;
///
/// assert_eq!(checkpoints.load::<Vec<f64>>("weights", "latest")?, [0.2, 0.8]);
/// assert_eq!(checkpoints.load::<Vec<f64>>("weights", first.version())?, [0.1, 0.9]);
/// assert_eq!(checkpoints.versions("weights")?.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileCheckpoints {
    /// The folder, absolute.
    root: PathBuf,
    /// Held from picking a version to publishing it, so that threads do not race for one.
    publishing: Arc<Mutex<()>>,
}

impl FileCheckpoints {
    /// The checkpoints in the folder `path`, which need not exist; nothing is created yet.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let checkpoints = FileCheckpoints::open(folder.path().join("not there yet")).unwrap();
    /// assert!(checkpoints.names().unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// The path is empty, or there is a file in its place.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let root = folder_path(path.as_ref(), "the checkpoint store", ErrorKind::Checkpoint)?;
        Ok(Self { root, publishing: Arc::default() })
    }
}

/// The I/O blocks inside each call; the futures are ready when they are returned.
#[deny(clippy::missing_trait_methods)]
impl CheckpointStore for FileCheckpoints {
    fn is_signed(&self) -> bool {
        false
    }

    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        Box::pin(ready(self.save_checked(meta, &bytes)))
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        Box::pin(ready(self.load_version(name, version)))
    }

    fn save_with<'a>(
        &'a self,
        meta: CheckpointMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Saved> {
        Box::pin(ready(self.save_written(meta, write)))
    }

    fn load_with<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        read: &'a mut ReadCheckpoint<'_>,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(ready(self.load_version_with(name, version, read)))
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(ready(self.read_meta(name, version)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        Box::pin(ready(self.list_versions(name)))
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        Box::pin(ready(self.list_names()))
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.delete_version(name, version)))
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        Box::pin(ready(self.find_version(name, version)))
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.tag_version(name, version, tag)))
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.remove_tag(name, tag)))
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        Box::pin(ready(self.list_tags(name)))
    }
}
