//! Checkpoints: named, versioned results that people keep.
//!
//! Files in reading order: `checkpoint` (what a program asks for), `meta` (what is kept beside a value), `name` and
//! `version` (what may be called how), `contract` (what every checkpoint store promises), `files` (a folder of them), `flow` (values on
//! their way to a version and back), `lineage`,
//! `diff` and `prune` (what one may ask about versions), `nearest` (what is like a thing that is not there), `layout` (what all stores have in common), `provenance`
//! (the commit and the machine that the metadata names).

#[expect(clippy::module_inception, reason = "the file of `Checkpoint` is named after it")]
mod checkpoint;
mod contract;
mod diff;
mod files;
mod flow;
mod layout;
mod lineage;
mod meta;
mod name;
mod nearest;
mod provenance;
mod prune;
mod version;

pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::Policy;
pub use contract::{CheckpointStore, ReadCheckpoint, Saved};
pub use diff::{CheckpointDiff, ContentDiff, FieldChange};
pub use files::{CheckpointFlaw, CheckpointVerification, FileCheckpoints};
pub(crate) use flow::{Incoming, Outgoing};
pub use layout::{case_twins, is_version, next_version};
pub use lineage::{Ancestor, AncestorState, Lineage, lineage};
pub use meta::CheckpointMeta;
pub use name::{check_name, check_tag, split_reference};
pub(crate) use nearest::{by_likeness, no_such_version};
pub use prune::Prune;
pub use version::Version;
