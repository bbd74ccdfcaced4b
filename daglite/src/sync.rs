//! Locks, conditions, atomics, threads and what belongs to a thread: all that threads of a session meet at comes from here, so that
//! tests can say which of them goes next.
//!
//! These are the well-known ones. In the package `interleavings/` the same names stand for those of a scheduler that tries one order
//! after the other. There a lock from elsewhere that is held while another thread gets its turn hangs for good, and so does what
//! belongs to a thread and comes from elsewhere mix up. Statics are not to be of these: they outlive what is tried.

#[cfg(daglite_scheduled)]
#[path = "../../interleavings/src/sync.rs"]
mod scheduled;

#[cfg(daglite_scheduled)]
pub use scheduled::*;

#[cfg(not(daglite_scheduled))]
pub(crate) use {
    dashmap::{DashMap, Entry},
    parking_lot::{Condvar, Mutex, MutexGuard, RwLock},
    std::sync::atomic::{AtomicBool, AtomicU64},
    std::time::Instant,
    std::{thread, thread_local},
};
