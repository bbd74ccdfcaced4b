//! Single flight: a key is computed once at a time in a session, others wait for the result.
//!
//! A waiter is never a blocked thread but a node put aside. Two bodies that wait for each other's keys would wait for
//! ever, so whoever is about to wait looks whether its own key is what the other side waits for, and then does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::digest::{ByDigest, Digest};
use crate::error::Error;
use crate::store::KeyHold;
use crate::sync::{AtomicU64, DashMap, Entry};
use crate::task::Value;

use super::caught;
use super::waits::{Thing, Waits};

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
    /// Another process took too long over it: look, and then compute without waiting for others.
    Alone,
}

/// One who waits for a key.
struct Waiter {
    /// What waits with it.
    things: SmallVec<[Thing; 2]>,
    on_landing: OnLanding,
}

/// How many counts of ended computations there are: keys share them.
const COUNTS: usize = 1 << 10;

/// The computations that are under way.
pub(super) struct Flights {
    flying: DashMap<Digest, Vec<Waiter>, ByDigest>,
    /// What bodies wait for.
    waits: Arc<Waits>,
    /// By some of a key's bits: goes up whenever a computation of such a key ends. As long as it stands still, a
    /// miss is still a miss.
    landed: Box<[AtomicU64]>,
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

impl Default for Flights {
    fn default() -> Self {
        let landed = (0..COUNTS).map(|_| AtomicU64::new(0)).collect();
        Self { flying: DashMap::default(), waits: Arc::default(), landed }
    }
}

impl Flights {
    /// Nothing is under way yet; what waits is noted in `waits`.
    pub(super) fn new(waits: Arc<Waits>) -> Arc<Self> {
        Arc::new(Self { waits, ..Self::default() })
    }

    /// A number that changes whenever a computation of `key` ends.
    pub(super) fn landed(&self, key: &Digest) -> u64 {
        self.count(key).load(Ordering::Acquire)
    }

    fn count(&self, key: &Digest) -> &AtomicU64 {
        // Not the bytes that the tables are divided by.
        let [.., high, low] = *key.as_bytes();
        &self.landed[usize::from(u16::from_le_bytes([low, high])) % COUNTS]
    }

    /// Whether a body waits for `key`.
    pub(super) fn is_awaited_inside(&self, key: &Digest) -> bool {
        self.waits.is_awaited(&Thing::Key(*key))
    }

    /// Claims `key` for a body inside those that hold `ancestors`, or has `on_landing` called when
    /// it is free again.
    pub(super) fn claim(
        self: &Arc<Self>,
        key: Digest,
        ancestors: &[Thing],
        on_landing: impl FnOnce() -> OnLanding,
    ) -> Claim {
        if ancestors.contains(&Thing::Key(key)) {
            return Claim::Recursion;
        }
        match self.flying.entry(key) {
            Entry::Vacant(free) => {
                free.insert(Vec::new());
                let flights = Arc::clone(self);
                Claim::Granted(Flight { flights, key, landing: Landing::Look, hold: None })
            }
            Entry::Occupied(mut taken) => {
                if !self.waits.note_unless_circle(ancestors, Thing::Key(key)) {
                    return Claim::Cycle;
                }
                let things = ancestors.into();
                taken.get_mut().push(Waiter { things, on_landing: on_landing() });
                Claim::Waiting
            }
        }
    }

    fn land(&self, key: &Digest, landing: &Landing) {
        self.count(key).fetch_add(1, Ordering::AcqRel);
        let waiters = self.flying.remove(key).map(|(_, waiters)| waiters).unwrap_or_default();
        // One by one: the key may be under way again, and others wait for it.
        waiters.iter().for_each(|waiter| self.waits.forget(&waiter.things, Thing::Key(*key)));
        for waiter in waiters {
            (waiter.on_landing)(landing);
        }
    }
}

/// The right to compute a key; ends when dropped, however that comes.
pub(super) struct Flight {
    flights: Arc<Flights>,
    key: Digest,
    landing: Landing,
    /// The same right among all processes.
    hold: Option<KeyHold>,
}

impl Flight {
    /// The key.
    pub(super) fn key(&self) -> Digest {
        self.key
    }

    /// The flights it is one of.
    pub(super) fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Keeps the right among processes for as long.
    pub(super) fn hold(&mut self, hold: KeyHold) {
        self.hold = Some(hold);
    }

    /// Has `on_landing` called at the end, as if somebody else had the key. `ancestors` are those inside whom we are;
    /// no circle can come of it, as no body of this process has the key.
    pub(super) fn await_landing(&self, ancestors: &[Thing], on_landing: OnLanding) {
        if let Some(mut waiters) = self.flights.flying.get_mut(&self.key) {
            self.flights.waits.note(ancestors, Thing::Key(self.key));
            waiters.push(Waiter { things: ancestors.into(), on_landing });
        }
    }

    /// Ends the computation with something that the store cannot tell the waiters.
    pub(super) fn land(mut self, landing: Landing) {
        self.landing = landing;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // First for other processes: who is woken here may claim at once. The store's code must not keep the key.
        if let Some(hold) = self.hold.take()
            && let Err(message) = caught(|| drop(hold))
        {
            tracing::warn!(target: "daglite", %message, "the cache store panicked as a key was given back");
        }
        self.flights.land(&self.key, &self.landing);
    }
}
