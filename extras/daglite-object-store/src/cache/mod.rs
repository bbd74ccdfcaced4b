//! `RemoteCache`: a local cache with a shared, remote one behind it.
//!
//! Files in reading order: `settings` (what can be asked for), `entry` (the bytes of a remote entry), `tier` (the remote
//! entries), `switch` (leaves a remote alone that does not answer), `uploads` (what waits to be written there), `remote`
//! (look-ups through both), `contract` (the store).

mod contract;
mod entry;
mod remote;
mod settings;
mod switch;
mod tier;
mod uploads;

use std::fmt;
use std::sync::Arc;

use daglite::CacheStore;
use daglite::store::StoreError;

pub use settings::{Access, RemoteCacheBuilder, Upload};

use crate::place::Place;
use crate::runtime::Runtime;
use remote::Remote;

/// A cache store that asks a local one first, and then a remote one that many machines share.
///
/// What the remote one has is kept by the local one from then on. What is computed is put into the local one, and uploaded
/// while the run goes on. A remote that is slow, refuses or is gone costs a run no more than the
/// [deadline](RemoteCacheBuilder::deadline): it is left alone then until it answers again, the run is told once, and goes on
/// with the local one.
///
/// ```
/// use daglite::prelude::*;
/// use daglite_object_store::RemoteCache;
///
/// #[task(cache)]
/// fn mean(values: Vec<f64>) -> f64 {
///     values.iter().sum::<f64>() / values.len() as f64
/// }
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = &format!("file://{}", folder.path().display());
/// let machine = || -> Result<Session, daglite::Error> {
///     let cache = RemoteCache::open(url, MemoryStore::new())?; // "s3://bucket/cache", and a `FileStore`
///     Session::builder().cache(cache).build()
/// };
/// assert_eq!(mean(vec![1.0, 2.0]).run_in(&machine()?)?, 1.5);
///
/// let elsewhere = mean(vec![1.0, 2.0]).outcome_in(&machine()?)?;
/// assert_eq!((elsewhere.summary.hits, elsewhere.summary.computed), (1, 0));
/// # Ok(())
/// # }
/// ```
///
/// `remove` and `clear` reach the remote entries too, if the [`Access`] allows to write them: for all machines. A cache that
/// only reads looks for nothing there that was removed, until the process ends.
///
/// Keys are claimed among the processes that share the local store, and not among machines: two machines that need a result at
/// the same time both compute it.
pub struct RemoteCache {
    local: Arc<dyn CacheStore>,
    remote: Arc<Remote>,
    runtime: Runtime,
}

impl RemoteCache {
    /// The cache at `url` (see [`Place::at`]) behind `local`, read and written, with uploads in the background.
    ///
    /// ```
    /// use daglite::{CacheStore, MemoryStore};
    /// use daglite_object_store::RemoteCache;
    ///
    /// let cache = RemoteCache::open("memory:///team", MemoryStore::new())?;
    /// assert_eq!(cache.location(), "memory, and memory:///team behind it");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`Place::at`].
    pub fn open(url: &str, local: impl CacheStore) -> Result<Self, daglite::Error> {
        Self::builder(Place::at(url)?, local).open()
    }

    /// A cache with settings of its own.
    ///
    /// ```
    /// use daglite::MemoryStore;
    /// use daglite_object_store::{Access, Place, RemoteCache};
    ///
    /// let place = Place::at("memory:///team")?;
    /// let laptop = RemoteCache::builder(place, MemoryStore::new()).access(Access::ReadOnly).open()?;
    /// # drop(laptop);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn builder(place: Place, local: impl CacheStore) -> RemoteCacheBuilder {
        RemoteCacheBuilder::new(place, Arc::new(local))
    }

    /// A cache as it was asked for.
    fn start(
        place: Place,
        local: Arc<dyn CacheStore>,
        settings: settings::Settings,
    ) -> Result<Self, StoreError> {
        let runtime = Runtime::start()?;
        let remote = Remote::new(place, settings, runtime.handle().clone());
        Ok(Self { local, remote, runtime })
    }
}

/// The places alone.
impl fmt::Debug for RemoteCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteCache")
            .field("local", &self.local.location())
            .field("remote", &self.remote.tier.place)
            .finish()
    }
}

/// Waits for uploads, no longer than was asked for.
impl Drop for RemoteCache {
    fn drop(&mut self) {
        self.remote.finish_uploads();
    }
}
