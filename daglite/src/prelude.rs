//! What nearly every program with daglite uses: `use daglite::prelude::*;`.

pub use crate::{
    Checkpoint, CheckpointOwnFormat as _, ContentHash, Eviction, FileCheckpoints, FileStore,
    Format, InputDir, InputFile, MemoryStore, OutputFile, Progress, Registry, Session, TaskFuture,
    join, join_all,
};
#[doc(no_inline)]
pub use daglite_macros::task;
