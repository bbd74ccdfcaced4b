//! The parts of the engine where threads meet, each by itself, in many orders of the threads.

mod flights;
mod permits;

use std::sync::Arc;

use crate::sync::{Condvar, Mutex};

/// A number that threads add to, and wait for.
#[derive(Default)]
struct Count {
    number: Mutex<usize>,
    changed: Condvar,
}

impl Count {
    /// A count that is nought.
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One more.
    fn add(&self) {
        *self.number.lock() += 1;
        self.changed.notify_all();
    }

    /// Waits until it is so much.
    fn wait_for(&self, goal: usize) {
        let mut number = self.number.lock();
        while *number < goal {
            self.changed.wait(&mut number);
        }
    }

    /// Adds one, and waits until so many have.
    fn meet(&self, others: usize) {
        self.add();
        self.wait_for(others);
    }

    /// What it is now.
    fn now(&self) -> usize {
        *self.number.lock()
    }
}
