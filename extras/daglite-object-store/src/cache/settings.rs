//! What can be asked of a remote cache: [`Access`], [`Upload`], deadlines and bounds.

use std::sync::Arc;
use std::time::Duration;

use daglite::CacheStore;

use super::RemoteCache;
use super::remote::DAY;
use crate::place::Place;

/// What a program does with the remote entries.
///
/// ```
/// assert_eq!(daglite_object_store::Access::default(), daglite_object_store::Access::ReadWrite);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Looks results up, and uploads what it computes.
    #[default]
    ReadWrite,
    /// Looks results up, and uploads nothing: for laptops.
    ReadOnly,
    /// Uploads what it computes, and looks nothing up: for servers whose results all trust.
    WriteOnly,
}

impl Access {
    /// Whether remote entries are looked up.
    pub(super) fn reads(self) -> bool {
        self != Self::WriteOnly
    }

    /// Whether remote entries are written.
    pub(super) fn writes(self) -> bool {
        self != Self::ReadOnly
    }
}

/// When results are uploaded.
///
/// ```
/// assert_eq!(daglite_object_store::Upload::default(), daglite_object_store::Upload::Background);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upload {
    /// While the run goes on. Its end waits for what is left, as long as that gets on.
    #[default]
    Background,
    /// Before the run goes on: what a task has computed is there for others when the next one starts.
    Inline,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) access: Access,
    pub(super) upload: Upload,
    pub(super) deadline: Duration,
    pub(super) flush_deadline: Duration,
    pub(super) rest: Duration,
    pub(super) queue_count: usize,
    pub(super) queue_bytes: u64,
    pub(super) max_value: u64,
}

/// Makes a [`RemoteCache`]: see [`RemoteCache::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use daglite::MemoryStore;
/// use daglite_object_store::{Access, Place, RemoteCache, Upload};
///
/// let server = RemoteCache::builder(Place::at("memory:///team")?, MemoryStore::new())
///     .access(Access::WriteOnly)
///     .upload(Upload::Inline)
///     .deadline(Duration::from_secs(5))
///     .flush_deadline(Duration::from_secs(60))
///     .rest(Duration::from_secs(10))
///     .queue(1_000, 64 << 20)
///     .max_value(1 << 30)
///     .open()?;
/// # drop(server);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct RemoteCacheBuilder {
    place: Place,
    local: Arc<dyn CacheStore>,
    settings: Settings,
}

impl std::fmt::Debug for RemoteCacheBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteCacheBuilder")
            .field("place", &self.place)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl RemoteCacheBuilder {
    /// With what is usual.
    pub(super) fn new(place: Place, local: Arc<dyn CacheStore>) -> Self {
        let settings = Settings {
            access: Access::default(),
            upload: Upload::default(),
            deadline: Duration::from_secs(2),
            flush_deadline: Duration::from_secs(30),
            rest: Duration::from_secs(30),
            queue_count: 10_000,
            queue_bytes: 256 << 20,
            max_value: 16 << 30,
        };
        Self { place, local, settings }
    }

    /// Whether it reads, writes or both: both unless this is called.
    pub fn access(mut self, access: Access) -> Self {
        self.settings.access = access;
        self
    }

    /// When results are uploaded: in the background unless this is called.
    pub fn upload(mut self, upload: Upload) -> Self {
        self.settings.upload = upload;
        self
    }

    /// How long a run waits for an answer before the remote is left alone: 2 seconds unless this is called.
    ///
    /// A value on its way may take as much longer as it took to compute, if it keeps coming.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How long the end of a run, and the end of the store, wait for uploads that get on: 30 seconds unless this is called.
    /// For uploads that do not, they wait no longer than the [`deadline`](Self::deadline).
    pub fn flush_deadline(mut self, deadline: Duration) -> Self {
        self.settings.flush_deadline = deadline;
        self
    }

    /// How long a remote that did not answer is left alone before it is tried again, in the background: 30 seconds unless this
    /// is called; longer each time that it still does not.
    pub fn rest(mut self, rest: Duration) -> Self {
        self.settings.rest = rest;
        self
    }

    /// How many results, and how many bytes of them, wait for their upload at most: 10,000 and 256 MiB unless this is
    /// called. What does not fit is not uploaded, and the run is told once.
    pub fn queue(mut self, count: usize, bytes: u64) -> Self {
        self.settings.queue_count = count;
        self.settings.queue_bytes = bytes;
        self
    }

    /// The largest value that is looked up or uploaded: 16 GiB unless this is called. Whatever the remote claims, no more
    /// memory is used for one.
    pub fn max_value(mut self, bytes: u64) -> Self {
        self.settings.max_value = bytes;
        self
    }

    /// The cache. Nothing is asked of the remote yet.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn open(self) -> Result<RemoteCache, daglite::Error> {
        let mut settings = self.settings;
        for time in [&mut settings.deadline, &mut settings.flush_deadline, &mut settings.rest] {
            *time = (*time).min(DAY);
        }
        Ok(RemoteCache::start(self.place, self.local, settings)?)
    }
}
