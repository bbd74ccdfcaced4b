//! Lazy tasks with a cache that is never wrong.
//!
//! Put [`#[task]`](macro@task) on plain functions, compose the calls, and run the result:
//!
//! ```
//! use daglite::prelude::*;
//!
//! #[task(cache)]
//! fn load(rows: usize) -> Vec<f64> {
//!     (0..rows).map(|row| row as f64).collect()
//! }
//!
//! #[task(cache)]
//! fn mean(values: &[f64]) -> f64 {
//!     values.iter().sum::<f64>() / values.len() as f64
//! }
//!
//! fn main() -> Result<(), daglite::Error> {
//!     let session = Session::builder().cache(MemoryStore::new()).build()?;
//!     let answer = load(1001).then(mean); // nothing has run yet
//!     assert_eq!(answer.run_in(&session)?, 500.0);
//!
//!     // The same question again: answered from the cache, and the list is not even read.
//!     let again = load(1001).then(mean).outcome_in(&session)?;
//!     assert_eq!((again.summary.hits, again.summary.computed), (2, 0));
//!     Ok(())
//! }
//! ```
//!
//! # The parts
//!
//! * [`task`](macro@task) turns a function into a task: its call returns a [`TaskFuture`], a node of a graph.
//! * A parameter takes a value, a task future or an `Arc` of its type: see [`IntoArg`].
//! * [`TaskFuture`] has the combinators, and runs: `run()`, `.await`, [`outcome`](TaskFuture::outcome); or says what a run
//!   would do: [`plan`](TaskFuture::plan).
//! * [`join`] and [`join_all`] make one future of many; [`TaskFuture::map_each`] is a task for each element of a list.
//! * A [`Session`] has the stores, the threads and the observers; without one, the default session is used.
//! * Results of tasks with the option `cache` go to a [`CacheStore`]: [`FileStore`] or [`MemoryStore`].
//! * [`TaskFuture::checkpoint`] keeps a named, versioned copy in a [`CheckpointStore`]: [`FileCheckpoints`].
//! * [`ContentHash`] says how arguments are hashed, [`Format`] and [`Registry`] how results become bytes; types with
//!   serde's derives need neither.
//! * [`Event`]s tell [`Observer`]s what happens; [`Progress`] writes them for people.
//!
//! # When is a result used again?
//!
//! When its key is the same, which is made of the task's code, its name and place, the types of a generic function, the
//! arguments that are not excluded, and what the options `cache_version` and `cache_env` add. An argument that is the
//! result of a cached task counts by the digest of that result: if an upstream change gives the same result, everything
//! downstream is still a hit.
//!
//! The fingerprint of a task covers its signature and body, and everything that these reach in its package and in
//! those that it depends on by a path: helper functions, methods, impls, constants, types, macros, other tasks, included
//! files, variables and conditions of the build. Packages from a registry count by name, version and features. [`task`]
//! says what cannot be seen, and `cache_deps` adds it.
//!
//! # Why is it computed again?
//!
//! Each miss has a [`MissReason`], which displays as a sentence: "argument `window` changed from 30 to 90". It tells a call
//! from the most similar of the last 32 entries of its task. [`Event::Miss`] has it, [`TaskOutcome::reason`], and
//! [`plan`](TaskFuture::plan). For that an entry keeps its arguments cut to some 40 characters; those whose names look secret, and fields
//! and variables with such names, are kept as digests alone. Arguments that [`ContentHash`] or serde hash are shown as
//! they are hashed; what a function of the user's makes of one (`cache_hash`, `cache_hash_params`) is not shown.
//!
//! What `cache_exclude` leaves out is recorded beside the key, so that
//! [`warn_excluded`](SessionBuilder::warn_excluded) can tell of hits that differ in it.
//!
//! # The cache
//!
//! The default session keeps it in `.daglite/cache`: any number of processes may share it, and anyone may delete it at any
//! time. It holds up to 10 GiB; then those results go whose last use is longest ago. A result that another process is
//! computing is waited for. What cannot be read, or is damaged, is computed again, with a warning if there is something to do about
//! it. [`FileStore::stats`], [`entries`](FileStore::entries), [`gc`](FileStore::gc) and [`verify`](FileStore::verify) show
//! and mend what is in it; [`Session`] has a table of all settings.
//!
//! # Features
//!
//! | feature | default | what it adds | cost |
//! |---|---|---|---|
//! | `tokio` | yes | `run()` inside a tokio runtime is an error that says to await, and not a blocked runtime | tokio's `rt` |
//! | `zstd` | no | larger cached values are compressed, if [`compression`](store::FileStoreBuilder::compression) is set | the build of the C library zstd |
//! | `conformance` | no | the suites that every store must pass, for authors of stores: [how to run them](https://docs.rs/daglite/latest/daglite/conformance/) | none |

#![cfg_attr(docsrs, feature(doc_cfg))]

// The derive and the attribute write `::daglite::…`, in this crate's own tests too.
extern crate self as daglite;

pub mod checkpoint;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod engine;
mod error;
mod event;
mod future;
mod graph;
mod hash;
mod observe;
pub mod prelude;
mod registry;
mod session;
mod size;
pub mod store;
mod task;
mod threads;

pub use checkpoint::{Checkpoint, CheckpointStore, FileCheckpoints};
pub use digest::{Digest, ParseDigestError};
pub use engine::{Plan, PlannedNode, PlannedState, Resumption, TaskOutcome};
pub use error::{Error, ErrorKind};
pub use event::{Change, Event, ItemChange, MissReason, Observer, Summary};
pub use future::{CheckpointOwnFormat, Join, Outcome, TaskFuture, TaskRun, join, join_all};
pub use graph::{IntoArg, Origin};
pub use hash::{
    ContentHash, ContentHasher, Element, HashError, InputDir, InputFile, OutputFile, Strategy,
    Unordered, ValueHash, content_digest, serde_hash,
};
pub use observe::Progress;
pub use registry::{Encoded, Format, HasFormat, RawNumber, Registry, ValueFormats};
pub use session::{Session, SessionBuilder};
pub use size::{ByteSize, IntoByteSize};
pub use store::{CacheStore, Eviction, FileStore, FileStoreLayout, MemoryStore};

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// ```
/// use daglite::prelude::*;
///
/// #[derive(ContentHash)]
/// struct Settings {
///     window: usize,
///     #[content_hash(skip)]
///     verbose: bool,
/// }
///
/// let quiet = Settings { window: 3, verbose: false };
/// let loud = Settings { window: 3, verbose: true };
/// assert_eq!(daglite::content_digest(&quiet)?, daglite::content_digest(&loud)?);
/// # Ok::<(), daglite::Error>(())
/// ```
pub use daglite_macros::ContentHash;

/// ```
/// use daglite::prelude::*;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Reading {
///     station: String,
///     celsius: f64,
/// }
///
/// #[task(cache, cache_ttl = "1h")]
/// async fn fetch(station: String) -> Result<Reading, std::io::Error> {
///     Ok(Reading { station, celsius: 21.5 })
/// }
///
/// #[task(cache, cache_exclude = [verbose], cache_version = "2")]
/// fn mean(readings: &[Reading], verbose: bool) -> f64 {
///     if verbose {
///         println!("{} readings", readings.len());
///     }
///     readings.iter().map(|reading| reading.celsius).sum::<f64>() / readings.len() as f64
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), daglite::Error> {
///     let session = Session::builder().cache(MemoryStore::new()).build()?;
///     let readings = join_all(["north", "south"].map(fetch));
///     assert_eq!(mean(readings, false).await_in(&session).await?, 21.5);
///     Ok(())
/// }
/// ```
///
pub use daglite_macros::task;

/// What the code that the macros write calls. Not for people: it changes without notice.
#[doc(hidden)]
#[deprecated(
    note = "this module belongs to the macros of daglite; use the public items of the crate"
)]
pub mod __private {
    pub use crate::future::{call, unreachable_task};
    pub use crate::graph::Arg;
    pub use crate::hash::{ContentHasher, Strategy, ValueHash, serde_hash};
    pub use crate::registry::ValueFormats;
    pub use crate::task::*;
}
