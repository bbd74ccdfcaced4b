//! `Strategies`: how closely bulk data of single types is read, where a registry says so.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use crate::hash::Strategy;

/// The strategies of types.
#[derive(Default)]
pub(super) struct Strategies {
    /// Read without a lock.
    of: ArcSwap<HashMap<TypeId, Strategy>>,
    /// Whether there are any: every argument of every key asks.
    any: AtomicBool,
}

impl Strategies {
    /// Sets that of a type.
    pub(super) fn set(&self, id: TypeId, strategy: Strategy) {
        self.of.rcu(|of| {
            let mut of = HashMap::clone(of);
            of.insert(id, strategy);
            of
        });
        self.any.store(true, Ordering::Release);
    }

    /// That of a type, if it has one.
    #[inline]
    pub(super) fn of(&self, id: impl FnOnce() -> TypeId) -> Option<Strategy> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.of.load().get(&id()).copied()
    }
}

impl Clone for Strategies {
    fn clone(&self) -> Self {
        let of = self.of.load_full();
        Self { any: AtomicBool::new(!of.is_empty()), of: ArcSwap::new(of) }
    }
}
