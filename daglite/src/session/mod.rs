//! `Session`: what a run needs. `builder` puts one together (`isolation`: where isolated bodies run), `settings` reads `daglite.toml` and `DAGLITE_*`.

mod builder;
mod isolation;
mod settings;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::engine::{Engine, current};
use crate::error::Error;

pub use builder::SessionBuilder;

/// Stores, threads, registry and observers: what runs share. Cheap to clone; clones are the same session.
///
/// A program that names no session uses the [default one](Self::default_session). Each setting can be made in three
/// places; the earlier one wins:
///
/// | builder | variable | `daglite.toml` | if none is given |
/// |---|---|---|---|
/// | [`cache`](SessionBuilder::cache), [`without_cache`](SessionBuilder::without_cache) | `DAGLITE_CACHE` (a folder, or `off`) | `cache` | `.daglite/cache` |
/// | [`max_size`](crate::store::FileStoreBuilder::max_size), [`without_max_size`](crate::store::FileStoreBuilder::without_max_size) of the store | `DAGLITE_CACHE_MAX_SIZE` (a size such as `10GB`, or `unlimited`) | `cache_max_size` | 10 GiB |
/// | [`max_entries`](crate::store::FileStoreBuilder::max_entries) of the store | `DAGLITE_CACHE_MAX_ENTRIES` (1 or more) | `cache_max_entries` | as many as fit |
/// | [`eviction`](crate::store::FileStoreBuilder::eviction) of the store | `DAGLITE_CACHE_EVICTION` (`lru`, `lfu`, `largest-first`, `oldest-first`, `none`) | `cache_eviction` | `lru` |
/// | [`layout`](crate::store::FileStoreBuilder::layout) of the store | `DAGLITE_CACHE_LAYOUT` (`auto`, `index`, `files`) | `cache_layout` | `auto` |
/// | [`compression`](crate::store::FileStoreBuilder::compression) of the store | `DAGLITE_CACHE_COMPRESSION` (1 to 22) | `cache_compression` | none |
/// | [`checkpoints`](SessionBuilder::checkpoints) | `DAGLITE_CHECKPOINTS` (a folder) | `checkpoints` | `.daglite/checkpoints` |
/// | [`concurrency`](SessionBuilder::concurrency) | `DAGLITE_CONCURRENCY` (1 or more) | `concurrency` | the machine's threads |
/// | [`memory`](SessionBuilder::memory), [`without_memory`](SessionBuilder::without_memory) | `DAGLITE_MEMORY` (a size such as `256MB`, or `off`) | `memory` | 256 MiB |
/// | [`wait_for_others`](SessionBuilder::wait_for_others) | `DAGLITE_WAIT_FOR_OTHERS` (a time such as `10m`) | `wait_for_others` | an hour |
/// | [`warn_excluded`](SessionBuilder::warn_excluded) | `DAGLITE_WARN_EXCLUDED` (`true` or `false`) | `warn_excluded` | `false` |
/// | [`resume`](SessionBuilder::resume) | `DAGLITE_RESUME` (`true` or `false`) | `resume` | `false` |
/// | [`hash_strategy`](SessionBuilder::hash_strategy) | `DAGLITE_HASH_STRATEGY` (`auto`, `exact`, `fast`, `sampled`) | `hash_strategy` | `auto` |
/// | [`keep_going`](SessionBuilder::keep_going) | `DAGLITE_KEEP_GOING` (`true` or `false`) | `keep_going` | `false` |
/// | [`seed`](SessionBuilder::seed) | `DAGLITE_SEED` (0 or more) | `seed` | 0 |
/// | [`limit`](SessionBuilder::limit) | `DAGLITE_LIMITS` (such as `db=2,net=8`) | `[limits]`, with `db = 2` | no limits |
/// | [`isolation`](SessionBuilder::isolation) | `DAGLITE_ISOLATION` (`true` or `false`) | `isolation` | `true` |
/// | [`signing_key`](SessionBuilder::signing_key) | `DAGLITE_SIGNING_KEY_FILE` (a file with the secret), or `DAGLITE_SIGNING_KEY` (the secret) | `signing_key_file` | nothing is signed |
/// | [`observe`](SessionBuilder::observe), [`Progress`](crate::Progress) | `DAGLITE_PROGRESS` (`off`, `summary`, `bars`, `tasks`) | `progress` | warnings on standard error |
/// | `observe`, [`JsonLines`](crate::JsonLines) | `DAGLITE_LOG` (a file, or `off`) | `log` | no log |
/// | `observe`, [`ChromeTrace`](crate::ChromeTrace) | `DAGLITE_TRACE` (a file, or `off`) | `trace` | no trace |
///
/// The signing key holds for all stores of the session, whoever names them.
///
/// The settings of the store are those of a `FileStore`, which is told them by its [builder](crate::store::FileStoreBuilder); in variables
/// and the file they hold for the store that is made from there.
///
/// `daglite.toml` is searched for in the working directory and in the folders above it. Relative folders in it, and the
/// default ones if there is such a file, start where it lies; those in variables, and the default ones if there is none, start in
/// the working directory.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(cache)]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let folder = tempfile::tempdir()?;
/// let session = Session::builder()
///     .cache(FileStore::builder(folder.path().join("cache")).open()?)
///     .checkpoints(FileCheckpoints::open(folder.path().join("checkpoints"))?)
///     .concurrency(2)
///     .build()?;
/// assert_eq!(square(12).run_in(&session)?, 144);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Session(Arc<Engine>);

impl Session {
    /// A session to be put together.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().concurrency(4).without_cache().build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// The session of programs that name none, made at its first use from `daglite.toml` and the `DAGLITE_*`
    /// variables.
    ///
    /// # Errors
    ///
    /// When a setting is malformed: with the place and what is expected there.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::default_session()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn default_session() -> Result<Self, Error> {
        Self::default_ref().cloned()
    }

    /// The same, without another handle on it.
    pub(crate) fn default_ref() -> Result<&'static Self, Error> {
        static DEFAULT: OnceLock<Result<Session, Error>> = OnceLock::new();
        DEFAULT.get_or_init(|| Self::builder().build()).as_ref().map_err(Error::clone)
    }

    /// The session of the task that the calling thread is in, else the default one.
    ///
    /// # Errors
    ///
    /// As [`default_session`](Self::default_session).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::current()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn current() -> Result<Self, Error> {
        match current() {
            Some(body) => Ok(Self(Arc::clone(&body.engine))),
            None => Self::default_session(),
        }
    }

    pub(crate) fn by_ref(&self) -> &Arc<Engine> {
        &self.0
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.0.describe())
    }
}
