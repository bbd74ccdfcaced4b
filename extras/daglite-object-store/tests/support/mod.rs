//! What the tests share: places to keep objects in.

pub(crate) mod artifacts;
pub(crate) mod locals;
pub(crate) mod mini_s3;
pub(crate) mod seaweed;

use std::sync::atomic::{AtomicU32, Ordering};

use daglite_object_store::Place;

pub(crate) use mini_s3::{Fault, MiniS3};
pub(crate) use seaweed::Seaweed;

/// A prefix that nobody else has.
pub(crate) fn fresh_prefix() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// An empty place in memory.
pub(crate) fn memory() -> Place {
    Place::at("memory:///").unwrap()
}
