//! What bodies and runs of these tests share: sessions, counts, bells, and stores where others get their turn.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use daglite::prelude::*;
use daglite::store::{Artifact, ArtifactMeta, Lookup, Put, StoreFuture};
use daglite::{CacheStore, Digest, SessionBuilder};
use daglite_interleavings as daglite;
use shuttle::sync::{Condvar, Mutex, MutexGuard};
use shuttle::thread;

/// A session of so many places without a cache.
pub(crate) fn plain(concurrency: usize) -> Session {
    built(Session::builder().without_cache().concurrency(concurrency))
}

/// A session of so many places whose cache is in memory, and lets others have their turn.
pub(crate) fn caching(concurrency: usize) -> Session {
    built(Session::builder().cache(Slow::default()).concurrency(concurrency).without_memory())
}

/// What `builder` makes.
pub(crate) fn built(builder: SessionBuilder) -> Session {
    builder.jitter_seed(7).build().expect("the settings are right")
}

/// A number that threads add to, and wait for.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<(Mutex<usize>, Condvar)>);

impl Count {
    /// One more; how many there are now.
    pub(crate) fn add(&self) -> usize {
        let mut number = locked(&self.0.0);
        *number += 1;
        self.0.1.notify_all();
        *number
    }

    /// Waits until there are so many.
    pub(crate) fn wait_for(&self, goal: usize) {
        let mut number = locked(&self.0.0);
        while *number < goal {
            number = self.0.1.wait(number).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many there are.
    pub(crate) fn now(&self) -> usize {
        *locked(&self.0.0)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `async` bodies wait for until another thread rings.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Mutex<Rung>>);

#[derive(Default)]
struct Rung {
    has_rung: bool,
    heard_by: Vec<Waker>,
}

impl Bell {
    /// Rings, for all and for good.
    pub(crate) fn ring(&self) {
        let mut rung = locked(&self.0);
        rung.has_rung = true;
        let wakers = std::mem::take(&mut rung.heard_by);
        drop(rung);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until it rings.
    pub(crate) async fn heard(&self) {
        std::future::poll_fn(|cx: &mut Context<'_>| {
            let mut rung = locked(&self.0);
            if rung.has_rung {
                return Poll::Ready(());
            }
            rung.heard_by.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A store in memory in which others get their turn.
#[derive(Default)]
pub(crate) struct Slow(MemoryStore);

impl CacheStore for Slow {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        thread::yield_now();
        self.0.head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        thread::yield_now();
        self.0.get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        thread::yield_now();
        let put = self.0.put(key, artifact);
        thread::yield_now();
        put
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        self.0.remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.0.clear()
    }

    fn location(&self) -> String {
        self.0.location()
    }
}

#[task]
fn meets(count: &Count, others: usize) -> usize {
    count.add();
    count.wait_for(others);
    others
}

/// As many bodies as the session has places are at work at once: no permit is lost, and no thread is stuck.
pub(crate) fn all_places_are_there(session: &Session, places: usize) {
    let count = Count::default();
    let met = join_all((0..places).map(|_| meets(count.clone(), places))).run_in(session);
    assert_eq!(met.expect("they meet"), vec![places; places]);
}
