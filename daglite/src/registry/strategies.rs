//! `Strategies`: how closely bulk data of single types is read, where a registry says so.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::hash::Strategy;

/// The strategies of types.
#[derive(Default)]
pub(super) struct Strategies {
    of: RwLock<HashMap<TypeId, Strategy>>,
    /// Whether there are any: every argument of every key asks.
    any: AtomicBool,
}

impl Strategies {
    /// Sets that of a type.
    pub(super) fn set(&self, id: TypeId, strategy: Strategy) {
        self.of.write().insert(id, strategy);
        self.any.store(true, Ordering::Release);
    }

    /// That of a type, if it has one.
    #[inline]
    pub(super) fn of(&self, id: impl FnOnce() -> TypeId) -> Option<Strategy> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.of.read().get(&id()).copied()
    }
}

impl Clone for Strategies {
    fn clone(&self) -> Self {
        let of = self.of.read().clone();
        Self { any: AtomicBool::new(!of.is_empty()), of: RwLock::new(of) }
    }
}
