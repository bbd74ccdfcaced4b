//! `ObjectCheckpoints`: checkpoints in an object store, laid out as in a folder.
//!
//! ```text
//! <prefix>/<name>/<version>/value.<extension>
//! <prefix>/<name>/<version>/meta.json          last: who sees it sees the whole version
//! <prefix>/<name>/.tags/<tag>                  the version that has the tag
//! ```
//!
//! Files in reading order: `browse` (lists, delete), `load`, `save`, `tags`. Here: the type and the contract.

mod browse;
mod load;
mod save;
mod tags;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version, check_name};
use daglite::store::{StoreError, StoreFuture};
use daglite::{Registry, ValueFormats};
use object_store::path::Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::place::Place;
use crate::runtime::Runtime;
use crate::trouble::Trouble;

/// Keeps checkpoints in a bucket, a container, a folder or on a server.
///
/// ```
/// use daglite::prelude::*;
/// use daglite_object_store::ObjectCheckpoints;
///
/// #[task]
/// fn train(alpha: f64) -> Vec<f64> {
///     vec![alpha, 1.0 - alpha]
/// }
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = &format!("file://{}", folder.path().display());
/// let checkpoints = ObjectCheckpoints::open(url)?; // "s3://bucket/checkpoints"
/// let session = Session::builder().checkpoints(checkpoints).build()?;
/// let weights = train(0.25).checkpoint("weights").run_in(&session)?;
/// assert_eq!(weights, [0.25, 0.75]);
/// # Ok(())
/// # }
/// ```
///
/// A version is written value first and `meta.json` last, each under the condition that it is not there yet, so that
/// nobody sees half of one and no two writers get the same. A place that knows no such condition, as a WebDAV server, can be
/// loaded from and not be saved to.
pub struct ObjectCheckpoints {
    runtime: Runtime,
    shelf: Arc<Shelf>,
}

impl ObjectCheckpoints {
    /// The checkpoints at `url`: see [`Place::at`]. Nothing is asked of the place yet.
    ///
    /// ```
    /// # use daglite_object_store::ObjectCheckpoints;
    /// use daglite::CheckpointStore;
    ///
    /// let checkpoints = ObjectCheckpoints::open("memory:///team")?;
    /// assert_eq!(checkpoints.location(), "memory:///team");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`Place::at`].
    pub fn open(url: &str) -> Result<Self, daglite::Error> {
        Self::in_place(Place::at(url)?)
    }

    /// The checkpoints in `place`.
    ///
    /// ```
    /// # use daglite_object_store::{ObjectCheckpoints, Place};
    /// use daglite::CheckpointStore;
    ///
    /// let place = Place::at("memory:///team")?.within("checkpoints");
    /// assert_eq!(ObjectCheckpoints::in_place(place)?.location(), "memory:///team/checkpoints");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn in_place(place: Place) -> Result<Self, daglite::Error> {
        Ok(Self { runtime: Runtime::start()?, shelf: Arc::new(Shelf { place }) })
    }

    /// The value of a version: `"latest"`, a tag, or the name of one. For programs without a session.
    ///
    /// ```
    /// # use daglite::{CheckpointStore, Digest, checkpoint::CheckpointMeta, clock::Timestamp};
    /// # use daglite::{Registry, ValueFormats};
    /// # use daglite_object_store::ObjectCheckpoints;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// let checkpoints = ObjectCheckpoints::open("memory:///team")?;
    /// # let encoded = ValueFormats::serde::<Vec<f64>>().encode(Registry::global(), &vec![0.5], None)?;
    /// # let meta = CheckpointMeta {
    /// #     format: encoded.format, extension: encoded.extension, shape: encoded.shape,
    /// #     ..CheckpointMeta::new("weights", &encoded.bytes, Timestamp::from_millis(0))
    /// # };
    /// # checkpoints.save(meta, encoded.bytes).await?;
    /// let weights: Vec<f64> = checkpoints.load_value("weights", "latest").await?;
    /// assert_eq!(weights, [0.5]);
    ///
    /// let missing = checkpoints.load_value::<Vec<f64>>("weight", "latest").await.unwrap_err();
    /// assert!(missing.to_string().ends_with("there are `weights`"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint or version (the message lists what there is), it is damaged, or it was saved from a
    /// type of another structure.
    pub async fn load_value<T>(
        &self,
        name: &str,
        version: impl Into<Version>,
    ) -> Result<T, daglite::Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let version = version.into();
        let Some((meta, bytes)) = CheckpointStore::load(self, name, &version).await? else {
            return Err(self.missing(name, &version).await?.into());
        };
        let formats = ValueFormats::serde::<T>();
        let value = formats.decode(Registry::global(), &bytes, &meta.format, meta.shape);
        let value = value.map_err(|cause| {
            let CheckpointMeta { version, type_name, format, .. } = &meta;
            StoreError::new(format!(
                "version {version} of checkpoint `{name}` cannot be read as `{}`: it was saved from `{type_name}` in format \
                 `{format}`: load it as that type",
                std::any::type_name::<T>()
            ))
            .with_source(cause)
        })?;
        let value = value.downcast::<T>().ok().and_then(Arc::into_inner);
        Ok(value.expect("the formats of a type decode to that type, and to a value of its own"))
    }

    /// The error for a version that is not there: it lists what there is.
    async fn missing(&self, name: &str, version: &Version) -> Result<StoreError, StoreError> {
        const FEW: usize = 5;
        let listed = |all: Vec<String>| match (all.len(), all.into_iter().take(FEW)) {
            (0, _) => "none yet".to_owned(),
            (1..=FEW, few) => few.collect::<Vec<_>>().join(", "),
            (all, few) => format!("{} and {} more", few.collect::<Vec<_>>().join(", "), all - FEW),
        };
        let versions = self.versions(name).await?;
        let place = &self.shelf.place;
        Ok(StoreError::new(if versions.is_empty() {
            let names = self.names().await?.iter().map(|name| format!("`{name}`")).collect();
            format!("no checkpoint is called `{name}` in `{place}`: there are {}", listed(names))
        } else {
            let versions = listed(versions.into_iter().rev().collect());
            format!(
                "checkpoint `{name}` has no version `{version}`: load `latest`, or one of {versions}"
            )
        }))
    }

    /// Does `work` with the shelf on the runtime.
    fn with_shelf<'a, T, W>(
        &'a self,
        work: impl FnOnce(Arc<Shelf>) -> W + Send + 'a,
    ) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let work = self.runtime.start_work(work(Arc::clone(&self.shelf)));
        Box::pin(async move { work.await? })
    }
}

/// The place alone: what is in it is known there.
impl fmt::Debug for ObjectCheckpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectCheckpoints").field(&self.shelf.place).finish()
    }
}

impl CheckpointStore for ObjectCheckpoints {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        self.with_shelf(async move |shelf| shelf.save(meta, bytes).await)
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        let (name, version) = (name.to_owned(), version.clone());
        self.with_shelf(async move |shelf| shelf.load(&name, &version).await)
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        let (name, version) = (name.to_owned(), version.clone());
        self.with_shelf(async move |shelf| shelf.head(&name, &version).await)
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        let name = name.to_owned();
        self.with_shelf(async move |shelf| Ok(shelf.list(&name).await?.complete))
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        self.with_shelf(async move |shelf| shelf.names().await)
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        let (name, version) = (name.to_owned(), version.to_owned());
        self.with_shelf(async move |shelf| shelf.delete(&name, &version).await)
    }

    fn location(&self) -> String {
        self.shelf.place.to_string()
    }

    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        let (name, version) = (name.to_owned(), version.clone());
        self.with_shelf(async move |shelf| shelf.resolve(&name, &version).await)
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        let (name, version, tag) = (name.to_owned(), version.to_owned(), tag.to_owned());
        self.with_shelf(async move |shelf| shelf.tag(&name, &version, &tag).await)
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        let (name, tag) = (name.to_owned(), tag.to_owned());
        self.with_shelf(async move |shelf| shelf.untag(&name, &tag).await)
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        let name = name.to_owned();
        self.with_shelf(async move |shelf| shelf.tags(&name).await)
    }
}

/// The checkpoints, for work on the runtime.
struct Shelf {
    place: Place,
}

impl Shelf {
    /// What holds all versions of a checkpoint, whose name must be one.
    fn above(&self, name: &str) -> Result<Path, StoreError> {
        check_name(name)?;
        Ok(self.place.path(name.split('/')))
    }

    /// What holds a version.
    fn folder(&self, name: &str, version: &str) -> Result<Path, StoreError> {
        self.above(name)?;
        Ok(self.place.path(name.split('/').chain([version])))
    }

    /// The error for something that could not be done to a checkpoint.
    fn failed(&self, act: &str, name: &str, trouble: &Trouble) -> StoreError {
        let place = &self.place;
        StoreError::new(format!("cannot {act} the checkpoint `{name}` in `{place}`: {trouble}"))
    }
}

/// The object that says what a version is.
const META: &str = "meta.json";
