//! Cache stores: where artifacts live by key, safe to delete at any time.
//!
//! Files in reading order: `contract` (what every store promises), `flow` (values bit by bit), `preimage` (what explains a miss), `error`, `memory` (the smallest store there is),
//! `file` (a folder that many processes share).

mod contract;
mod error;
mod file;
mod flow;
mod memory;
mod preimage;

pub use contract::{
    Artifact, ArtifactMeta, CacheStore, Evicted, Glimpse, KeyClaim, KeyHold, Lookup, Put,
    RunReport, StoreFuture,
};
pub use error::StoreError;
pub use file::{
    Collected, Entries, EntryInfo, Eviction, FileStore, FileStoreBuilder, FileStoreLayout, Problem,
    StoreStats, TaskStats, Verification,
};
pub use flow::{ReadValue, WriteValue, Written};
pub use memory::MemoryStore;
pub use preimage::{Fate, KeyPart, PartKind, TaskRecord};

pub(crate) use file::{
    Abandoned, Durable, Living, Staged, folder_path, is_missing, is_workplace, open_at_once,
    publish, set_aside, sweep_stale, sync_folder,
};
pub(crate) use flow::not_written;
