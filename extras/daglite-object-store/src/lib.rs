#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Files in reading order: `place` (where objects lie), `runtime` (what drives the transfers), `trouble` (what went wrong,
// without secrets), `transfer` (bytes there and back), `checkpoints` (a `CheckpointStore`), `cache` (a `CacheStore`).

mod cache;
mod checkpoints;
mod place;
mod runtime;
mod transfer;
mod trouble;

pub use cache::{Access, RemoteCache, RemoteCacheBuilder, Upload};
pub use checkpoints::ObjectCheckpoints;
pub use place::Place;

/// The crate that does the transfers: its builders make stores for [`Place::of`].
pub use object_store;
