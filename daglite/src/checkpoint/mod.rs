//! Checkpoints: named, versioned results that people keep.
//!
//! Files in reading order: `checkpoint` (what a program asks for), `meta` (what is kept beside a value), `name` and
//! `version` (what may be called how), `contract` (what every checkpoint store promises), `files` (a folder of them),
//! `layout` (what all stores have in common),
//! `provenance` (the commit and the machine that the metadata names).

#[expect(clippy::module_inception, reason = "the file of `Checkpoint` is named after it")]
mod checkpoint;
mod contract;
mod files;
mod layout;
mod meta;
mod name;
mod provenance;
mod version;

pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::Policy;
pub use contract::{CheckpointStore, Saved};
pub use files::FileCheckpoints;
pub use layout::{case_twins, is_version, next_version};
pub use meta::CheckpointMeta;
pub use name::check_name;
pub use version::Version;
