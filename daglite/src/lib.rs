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
//! * [`join`] and [`join_all`] make one future of many; [`TaskFuture::map_each`] is a task for each element of a list,
//!   [`map_each`](fn@map_each) for each element of an iterator; [`fold`](TaskFuture::fold) and [`reduce`](TaskFuture::reduce) make one value of
//!   them, and [`settled`](TaskFuture::settled) takes failures for results. [`zip`] and [`product`] make a list of two.
//! * [`task_seed`] gives random numbers that are the same on any schedule.
//! * A [`Session`] has the stores, the threads and the observers; without one, the default session is used.
//! * Results of tasks with the option `cache` go to a [`CacheStore`]: [`FileStore`] or [`MemoryStore`].
//! * [`TaskFuture::checkpoint`] keeps a named, versioned copy in a [`CheckpointStore`]: [`FileCheckpoints`].
//! * [`ContentHash`] says how arguments are hashed, [`Format`] and [`Registry`] how results become bytes; types with
//!   serde's derives need neither.
//! * Bodies of tasks with the option `isolate` run in other processes: [`Executor`], [`ProcessExecutor`], [`worker_main`].
//! * [`Event`]s tell [`Observer`]s what happens: [`Progress`] draws and writes for people, [`JsonLines`] writes a log, and
//!   [`ChromeTrace`] a trace. A [`Graph`] is a picture.
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
//! # Checkpoints
//!
//! A checkpoint is a named version of a result, kept until somebody deletes it: a folder with the value and a `meta.json` that people can
//! read. It is loaded by any program, with no task and no session: [`FileCheckpoints`] loads by version, tag or time, lists, tags, prunes,
//! compares and verifies versions, and tells what made them ([`lineage`](FileCheckpoints::lineage)). A long task keeps how far
//! it has come with [`checkpoint_here`], and goes on from there with [`resume_here`] when it was killed.
//!
//! Where others can write to a store, [`Signed`] takes nothing that was not put by somebody with the same [`SigningKey`].
//!
//! # Features
//!
//! | feature | default | what it adds | cost |
//! |---|---|---|---|
//! | `tokio` | yes | `run()` inside a tokio runtime is an error that says to await, and not a blocked runtime | tokio's `rt` |
//! | `ctrl-c` | yes | [`run_main`] and [`CancelToken::ctrl_c`]: Ctrl-C ends runs in good order | `signal-hook`; `ctrlc` on Windows |
//! | `zstd` | no | larger cached values are compressed, if [`compression`](store::FileStoreBuilder::compression) is set | the build of the C library zstd |
//! | `conformance` | no | the suites that every store must pass, for authors of stores: [how to run them](https://docs.rs/daglite/latest/daglite/conformance/) | none |
//! | `arrow` | no | arrow's `RecordBatch`, arrays and schemas as arguments, `RecordBatch` and `Vec<RecordBatch>` as results, in the formats `ipc`, `parquet` and `csv`. Arrays count by what their rows hold, batches of a list one by one | `arrow` and `parquet` |
//! | `polars` | no | polars' `DataFrame` and `Series` as arguments and results, in the same formats. Chunks do not count. A `LazyFrame` is refused by the compiler: `collect()` it first | `polars` with `ipc` and `parquet`; which types of columns there are is for you to turn on |
//! | `image` | no | `DynamicImage` and `ImageBuffer` as arguments and results, kept as PNG or, what PNG cannot hold, as raw samples | the crate `image` with its `png` |
//!
//! # Types of other crates
//!
//! A feature with the name of a crate lets its types be arguments and results of tasks; there is nothing to register. They are
//! hashed by what a task can see of them. Where `==` sees less than that, two equal values may have two digests: a
//! computation too many, and never a wrong hit. Each
//! feature turns on the crate's own serde too.
//!
//! | feature | types | formats, the default first | what counts |
//! |---|---|---|---|
//! | `bytes` | `Bytes`, `BytesMut` | `raw` | as in a list of `u8` |
//! | `chrono` | `NaiveDate`, `NaiveTime`, `NaiveDateTime`, `DateTime` of any zone, `TimeDelta`, `Weekday`, `Month`; `FixedOffset` as an argument alone | `postcard`, `json` | of a `DateTime` the moment, its offset and the zone's name; not the rules of `Local`, so write `cache_env = ["TZ"]` where they matter |
//! | `either` | `Either` | `postcard`, `json` | the side and its value |
//! | `half` | `f16`, `bf16` | `postcard`, `json` | the bits |
//! | `indexmap` | `IndexMap`, `IndexSet` | `postcard`, `json` | the order of the entries too |
//! | `jiff` | `Timestamp`, `Zoned`, `Span`, `SignedDuration`, the types of `civil`; `Offset` and `TimeZone` as arguments alone | `postcard`, `json` | of a `Zoned` the moment, its offset and the zone by name, offset or POSIX rule (jiff's text, and so its formats, keep of a rule the offset alone); of a `Span` each unit, so that 1 hour is not 60 minutes |
//! | `ndarray` | `ArrayBase` of any dimension: `Array`, `ArcArray`, `CowArray`; views are hashed too | `npy` for [`NpyElement`](https://docs.rs/daglite/latest/daglite/trait.NpyElement.html)s, else `postcard`, `json` | element type, shape and elements in the order of their indexes; not how they lie in memory |
//! | `num-complex` | `Complex` of `f32` and `f64` | `postcard`, `json` | the bits of both parts |
//! | `rust_decimal` | `Decimal` | `json` | the scale too, so that 1.0 is not 1.00, and the sign of zero |
//! | `serde_json` | `Value`, `Map`, `Number` | `json` | the order of an object's entries only if some package turns on `preserve_order` |
//! | `smallvec` | `SmallVec` | `postcard`, `json` | as in a list |
//! | `uuid` | `Uuid` | `postcard`, `json` | the sixteen bytes |
//!
//! A struct of yours that has such fields derives [`ContentHash`] to be hashed the same way. With serde's derive alone it is
//! hashed by what serde says: element by element, and maps without an order.
//!
//! An array in C order is hashed and written without a copy and without a loop over its elements, one in Fortran order is
//! written so; all others take less than 2 MiB more. `npy` is numpy's own format: `numpy.load` opens such a checkpoint, and what
//! `numpy.save` wrote is decoded, in both orders, of both byte orders.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The derive and the attribute write `::daglite::…`, in this crate's own tests too.
extern crate self as daglite;

mod cancel;
pub mod checkpoint;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod engine;
mod error;
mod event;
pub mod executor;
mod future;
mod graph;
mod hash;
mod observe;
pub mod prelude;
#[cfg(feature = "ctrl-c")]
mod program;
mod registry;
mod session;
mod signed;
mod size;
pub mod store;
#[cfg(not(daglite_scheduled))]
mod sync;
#[cfg(daglite_scheduled)]
pub mod sync;
mod task;
mod threads;
mod times;
mod worker;

pub use cancel::CancelToken;
pub use checkpoint::{Checkpoint, CheckpointStore, FileCheckpoints};
pub use digest::{Digest, ParseDigestError};
pub use engine::{
    Estimate, Plan, PlannedNode, PlannedState, Resumption, TaskOutcome, checkpoint_here,
    is_cancelled, resume_here, task_seed, task_seed_bytes,
};
pub use error::{Error, ErrorKind, PathStep};
pub use event::{Change, Event, Interest, ItemChange, MissReason, Moment, Observer, Summary};
pub use executor::{Executor, ProcessExecutor};
pub use future::{
    CheckpointOwnFormat, Join, Outcome, TaskFuture, TaskRun, join, join_all, map_each, product, zip,
};
pub use graph::{Graph, IntoArg, Origin};
pub use hash::{
    ContentHash, ContentHasher, Element, HashError, InputDir, InputFile, OutputFile, Strategy,
    Unordered, ValueHash, content_digest, serde_hash,
};
pub use observe::{ChromeTrace, JsonLines, Progress};
#[cfg(feature = "ctrl-c")]
#[cfg_attr(docsrs, doc(cfg(feature = "ctrl-c")))]
pub use program::run_main;
#[cfg(feature = "ndarray")]
#[cfg_attr(docsrs, doc(cfg(feature = "ndarray")))]
pub use registry::NpyElement;
pub use registry::{Encoded, Format, HasFormat, RawNumber, Registry, TypeFormats, ValueFormats};
pub use session::{Session, SessionBuilder};
pub use signed::{Signed, SigningKey};
pub use size::{ByteSize, IntoByteSize};
pub use store::{CacheStore, Eviction, FileStore, FileStoreLayout, MemoryStore};
pub use times::IntoDuration;
pub use worker::worker_main;

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
    pub use crate::executor::{ArgumentFormats, TaskEntry};
    pub use crate::future::{call, unreachable_task};
    pub use crate::graph::Arg;
    pub use crate::hash::{ContentHasher, Strategy, ValueHash, serde_hash};
    pub use crate::registry::ValueFormats;
    pub use crate::task::*;
    pub use inventory;
}
