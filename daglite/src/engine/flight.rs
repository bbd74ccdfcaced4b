//! Single flight: a key is computed once at a time in a session, others wait for the result.
//!
//! A waiter is never a blocked thread but a node put aside. Two bodies that wait for each other's keys would wait for
//! ever, so whoever is about to wait looks whether its own key is what the other side waits for, and then does not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;

use crate::digest::Digest;
use crate::error::Error;
use crate::task::Value;

/// Called when the computation that somebody waits for has ended.
pub(super) type OnLanding = Box<dyn FnOnce(&Landing) + Send + Sync>;

/// How a computation ended.
pub(super) enum Landing {
    /// Its result is in the store, or it was given up: look there, and compute if it has nothing.
    Look,
    /// Its result could not be stored.
    Value(Value, Option<Digest>),
    /// It failed.
    Failed(Error),
}

/// The computations that are under way.
#[derive(Default)]
pub(super) struct Flights {
    flying: DashMap<Digest, Vec<OnLanding>>,
    /// For each key under way, the keys that its body waits for.
    waits: Mutex<HashMap<Digest, Vec<Digest>>>,
    /// Goes up whenever a computation ends: as long as it stands still, a miss is still a miss.
    landed: AtomicU64,
}

/// The answer to whoever wants to compute a key.
pub(super) enum Claim {
    /// Nobody else is at it.
    Granted(Flight),
    /// Somebody is; `on_landing` will be called at the end.
    Waiting,
    /// A body inside which we are is at it: waiting would never end.
    Recursion,
    /// Somebody is, who waits for us: computing it twice is the way out.
    Cycle,
}

impl Flights {
    /// A number that changes whenever a computation ends.
    pub(super) fn landed(&self) -> u64 {
        self.landed.load(Ordering::Acquire)
    }

    /// Claims `key` for a body inside those that hold `ancestors`, or has `on_landing` called when
    /// it is free again.
    pub(super) fn claim(
        self: &Arc<Self>,
        key: Digest,
        ancestors: &[Digest],
        on_landing: impl FnOnce() -> OnLanding,
    ) -> Claim {
        if ancestors.contains(&key) {
            return Claim::Recursion;
        }
        match self.flying.entry(key) {
            Entry::Vacant(free) => {
                free.insert(Vec::new());
                Claim::Granted(Flight { flights: Arc::clone(self), key, landing: Landing::Look })
            }
            Entry::Occupied(mut taken) => {
                if !self.note_wait(key, ancestors) {
                    return Claim::Cycle;
                }
                taken.get_mut().push(on_landing());
                Claim::Waiting
            }
        }
    }

    /// Notes that the bodies of `ancestors` wait for `key`; false if that would close a circle.
    fn note_wait(&self, key: Digest, ancestors: &[Digest]) -> bool {
        if ancestors.is_empty() {
            return true;
        }
        let mut waits = self.waits.lock();
        let mut seen = vec![key];
        let mut next = 0;
        while let Some(at) = seen.get(next).copied() {
            next += 1;
            if ancestors.contains(&at) {
                return false;
            }
            for further in waits.get(&at).into_iter().flatten() {
                if !seen.contains(further) {
                    seen.push(*further);
                }
            }
        }
        for ancestor in ancestors {
            waits.entry(*ancestor).or_default().push(key);
        }
        true
    }

    fn land(&self, key: &Digest, landing: &Landing) {
        self.landed.fetch_add(1, Ordering::AcqRel);
        let waiters = self.flying.remove(key).map(|(_, waiters)| waiters).unwrap_or_default();
        if !waiters.is_empty() {
            let mut waits = self.waits.lock();
            waits.retain(|_, keys| {
                keys.retain(|waited| waited != key);
                !keys.is_empty()
            });
        }
        for wake in waiters {
            wake(landing);
        }
    }
}

/// The right to compute a key; ends when dropped, however that comes.
pub(super) struct Flight {
    flights: Arc<Flights>,
    key: Digest,
    landing: Landing,
}

impl Flight {
    /// Ends the computation with something that the store cannot tell the waiters.
    pub(super) fn land(mut self, landing: Landing) {
        self.landing = landing;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.land(&self.key, &self.landing);
    }
}
