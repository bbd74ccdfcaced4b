//! What the tests share: places to keep objects in.

pub(crate) mod artifacts;
#[cfg(feature = "azure")]
pub(crate) mod azurite;
pub(crate) mod locals;
pub(crate) mod mini_objects;
pub(crate) mod mini_s3;
pub(crate) mod seaweed;

use std::sync::atomic::{AtomicU32, Ordering};

use std::sync::Arc;
use std::time::Duration;

use daglite_object_store::Place;
use daglite_object_store::object_store::memory::InMemory;
use daglite_object_store::object_store::throttle::{ThrottleConfig, ThrottledStore};

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

/// The root of a store in memory whose lists and puts take `wait` each, so that those of several writers mix.
pub(crate) fn slow_memory(wait: Duration) -> Place {
    let config = ThrottleConfig {
        wait_list_per_call: wait,
        wait_put_per_call: wait,
        ..ThrottleConfig::default()
    };
    Place::of(Arc::new(ThrottledStore::new(InMemory::new(), config)), "slow memory")
}
