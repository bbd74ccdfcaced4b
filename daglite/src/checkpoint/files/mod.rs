//! `FileCheckpoints`: checkpoints in a folder, for programs and for people with a file browser.
//!
//! ```text
//! <root>/<name>/<version>/value.<extension>
//! <root>/<name>/<version>/meta.json
//! <root>/.tmp/…                              what is being written
//! ```
//!
//! Files in reading order: `document` (the text of `meta.json`), `save`, `load`, `browse` (lists, delete, prune). Here:
//! the type, the calls for people, which block, and the contract, which wraps the same functions.

mod browse;
pub(super) mod document;
mod load;
mod save;

use std::any::type_name;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checkpoint::Checkpoint;
use super::contract::{CheckpointStore, Saved};
use super::meta::{CheckpointMeta, differences};
use super::version::Version;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::registry::{Registry, ValueFormats};
use crate::store::{StoreError, StoreFuture, folder_path};

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
#[derive(Debug)]
pub struct FileCheckpoints {
    /// The folder, absolute.
    root: PathBuf,
    /// Held from picking a version to publishing it, so that threads do not race for one.
    publishing: Mutex<()>,
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
        Ok(Self { root, publishing: Mutex::new(()) })
    }

    /// Saves `value` as the next version, unless it is what the latest version has.
    ///
    /// ```
    /// # use daglite::{FileCheckpoints, checkpoint::Saved};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let Saved::New(first) = checkpoints.save("answer", &42u32).unwrap() else { panic!("it is new") };
    /// assert_eq!(checkpoints.save("answer", &42u32).unwrap(), Saved::Unchanged(first));
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, the value cannot be encoded, or the folder cannot be written.
    pub fn save<T>(&self, checkpoint: impl Into<Checkpoint>, value: &T) -> Result<Saved, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let checkpoint = checkpoint.into();
        checkpoint.check()?;
        let formats = ValueFormats::serde::<T>();
        let encoded = formats.encode(Registry::global(), value, checkpoint.wanted_format())?;
        let meta = CheckpointMeta {
            format: encoded.format,
            extension: encoded.extension,
            type_name: type_name::<T>().to_owned(),
            shape: encoded.shape,
            user: checkpoint.user_meta().clone(),
            ..CheckpointMeta::new(checkpoint.name(), &encoded.bytes, Clock::system().now())
        };
        self.save_version(meta, &encoded.bytes).map_err(failed)
    }

    /// The value of a version: `"latest"`, or the name of one.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("model/airports", &vec!["JFK".to_owned()]).unwrap();
    /// let airports: Vec<String> = checkpoints.load("model/airports", "latest").unwrap();
    /// assert_eq!(airports, ["JFK"]);
    ///
    /// let error = checkpoints.load::<Vec<String>>("airports", "latest").unwrap_err();
    /// assert!(error.to_string().contains("there are `model/airports`"));
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint or version (the message lists what there is), it is damaged, or it was saved from a
    /// type of another structure.
    pub fn load<T>(&self, name: &str, version: impl Into<Version>) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let version = version.into();
        let (meta, bytes) = self.expect(name, &version, self.load_version(name, &version))?;
        let formats = ValueFormats::serde::<T>();
        let value = formats
            .decode(Registry::global(), &bytes, &meta.format, meta.shape)
            .map_err(|cause| unreadable(&meta, type_name::<T>()).with_source(cause))?;
        let value = value.downcast::<T>().ok().and_then(Arc::into_inner);
        Ok(value.expect(
            "the formats of a type decode to that type, and to a value that nobody shares yet",
        ))
    }

    /// The metadata of a version: `"latest"`, or the name of one.
    ///
    /// ```
    /// # use daglite::{Checkpoint, FileCheckpoints};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save(Checkpoint::named("model").format("json").meta("alpha", 0.1), &[1u8, 2]).unwrap();
    /// let meta = checkpoints.meta("model", "latest").unwrap();
    /// assert_eq!((meta.format.as_str(), &meta.user["alpha"]), ("json", &0.1.into()));
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint or version, or its `meta.json` is damaged.
    pub fn meta(&self, name: &str, version: impl Into<Version>) -> Result<CheckpointMeta, Error> {
        let version = version.into();
        self.expect(name, &version, self.read_meta(name, &version))
    }

    /// The versions of a checkpoint, oldest first; none if there is no such checkpoint.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// assert!(checkpoints.versions("model").unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, or the folder cannot be read.
    pub fn versions(&self, name: &str) -> Result<Vec<String>, Error> {
        self.list_versions(name).map_err(failed)
    }

    /// The names of all checkpoints, sorted.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("churn/model", &1u8).unwrap();
    /// checkpoints.save("churn", &1u8).unwrap();
    /// assert_eq!(checkpoints.names().unwrap(), ["churn", "churn/model"]);
    /// ```
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        self.list_names().map_err(failed)
    }

    /// Deletes one version.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let saved = checkpoints.save("model", &1u8).unwrap();
    /// checkpoints.delete("model", saved.version()).unwrap();
    /// assert!(checkpoints.names().unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such version, or it cannot be deleted.
    pub fn delete(&self, name: &str, version: &str) -> Result<(), Error> {
        if self.delete_version(name, version).map_err(failed)? {
            return Ok(());
        }
        Err(self.missing(name, &Version::Exact(version.to_owned()))?)
    }

    /// Deletes all but the newest `keep` versions, and answers with those deleted, oldest first.
    ///
    /// A damaged version does not count as one that is kept, so that the last sound one is never deleted; a damaged one
    /// newer than those kept stays for you to look at.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// for epoch in 0..5u32 {
    ///     checkpoints.save("model", &epoch).unwrap();
    /// }
    /// assert_eq!(checkpoints.prune("model", 2).unwrap().len(), 3);
    /// assert_eq!(checkpoints.load::<u32>("model", "latest").unwrap(), 4);
    /// ```
    ///
    /// # Errors
    ///
    /// `keep` is 0, there is no such checkpoint, or a version cannot be deleted.
    pub fn prune(&self, name: &str, keep: usize) -> Result<Vec<String>, Error> {
        if keep == 0 {
            let advice = format!(
                "prune of `{name}` would keep nothing: keep 1 or more, or delete each version by name"
            );
            return Err(Error::new(ErrorKind::Checkpoint, advice));
        }
        if self.versions(name)?.is_empty() {
            return Err(self.missing(name, &Version::Latest)?);
        }
        self.prune_versions(name, keep).map_err(failed)
    }

    /// The metadata in which two versions differ, as (field, value in `old`, value in `new`), sorted by field.
    ///
    /// Arguments and the user's notes are compared one by one, as `arguments.window` and `user.alpha`; what is in one
    /// version alone is null in the other. Version and time are left out, as they always differ.
    ///
    /// ```
    /// # use daglite::{Checkpoint, FileCheckpoints};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let old = checkpoints.save(Checkpoint::named("model").meta("alpha", 0.1), &1u8).unwrap();
    /// checkpoints.save(Checkpoint::named("model").meta("alpha", 0.2), &2u8).unwrap();
    /// let changes = checkpoints.diff("model", old.version(), "latest").unwrap();
    /// assert!(changes.contains(&("user.alpha".to_owned(), 0.1.into(), 0.2.into())));
    /// ```
    ///
    /// # Errors
    ///
    /// One of the versions is not there, or damaged.
    pub fn diff(
        &self,
        name: &str,
        old: impl Into<Version>,
        new: impl Into<Version>,
    ) -> Result<Vec<(String, serde_json::Value, serde_json::Value)>, Error> {
        Ok(differences(&self.meta(name, old)?, &self.meta(name, new)?))
    }

    /// What was found; an error that lists what there is if nothing was.
    fn expect<T>(
        &self,
        name: &str,
        version: &Version,
        found: Result<Option<T>, StoreError>,
    ) -> Result<T, Error> {
        match found.map_err(failed)? {
            Some(found) => Ok(found),
            None => Err(self.missing(name, version)?),
        }
    }

    /// The error for a version that is not there: it lists what there is.
    fn missing(&self, name: &str, version: &Version) -> Result<Error, Error> {
        let versions = self.versions(name)?;
        let message = if versions.is_empty() {
            let names = listed(&self.names()?, |name| format!("`{name}`"));
            let root = self.root.display();
            format!("no checkpoint is called `{name}` in `{root}`: there are {names}")
        } else {
            let newest: Vec<_> = versions.into_iter().rev().collect();
            let versions = listed(&newest, String::clone);
            format!(
                "checkpoint `{name}` has no version `{version}`: load `latest`, or one of {versions}"
            )
        };
        Ok(Error::new(ErrorKind::Checkpoint, message))
    }
}

/// The error of a checkpoint store as the one that users meet.
fn failed(error: StoreError) -> Error {
    error.into_error(ErrorKind::Checkpoint)
}

/// The error for a value that cannot be decoded as the type that was asked for.
fn unreadable(meta: &CheckpointMeta, wanted: &str) -> Error {
    let CheckpointMeta { name, version, type_name, format, .. } = meta;
    let message = format!(
        "version {version} of checkpoint `{name}` cannot be read as `{wanted}`: it was saved from `{type_name}` in format \
         `{format}`: load it as that type"
    );
    Error::new(ErrorKind::Checkpoint, message)
}

/// The first few of `items`, for a message.
fn listed(items: &[String], show: impl Fn(&String) -> String) -> String {
    const FEW: usize = 5;
    if items.is_empty() {
        return "none yet".to_owned();
    }
    let shown: Vec<_> = items.iter().take(FEW).map(show).collect();
    match items.len().checked_sub(FEW) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The I/O blocks inside each call; the futures are ready when they are returned.
impl CheckpointStore for FileCheckpoints {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        Box::pin(ready(self.save_version(meta, &bytes)))
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        Box::pin(ready(self.load_version(name, version)))
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
}
