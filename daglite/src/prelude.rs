//! What nearly every program with daglite uses: `use daglite::prelude::*;`. A program with isolated tasks begins its `main` with
//! [`daglite::worker_main()`](crate::worker_main) besides.

pub use crate::{
    Checkpoint, CheckpointOwnFormat as _, ContentHash, Eviction, FileCheckpoints, FileStore,
    Format, InputDir, InputFile, MemoryStore, OutputFile, Progress, Registry, Session, TaskFuture,
    checkpoint_here, join, join_all, map_each, product, resume_here, task_seed, zip,
};
#[doc(no_inline)]
pub use daglite_macros::task;
