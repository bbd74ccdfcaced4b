//! A cache that other processes share, in many orders of the threads: who waits for one of them holds nobody up, and is woken.

extern crate daglite_interleavings as daglite;

mod scenes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use daglite::prelude::*;
use daglite::store::{Artifact, ArtifactMeta, KeyClaim, KeyHold, Lookup, Put, StoreFuture};
use daglite::sync::{Waits, explore};
use daglite::{CacheStore, Digest};
use scenes::{Count, all_places_are_there, built};
use shuttle::thread;

/// A store in memory. Another process is at every key when it is asked for at first.
#[derive(Clone, Default)]
struct Shared(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    asked: AtomicU64,
    is_held: AtomicBool,
}

impl CacheStore for Shared {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        thread::yield_now();
        self.0.store.head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        self.0.store.get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        thread::yield_now();
        self.0.store.put(key, artifact)
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        self.0.store.remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.0.store.clear()
    }

    fn location(&self) -> String {
        "a shared store".into()
    }

    fn claim<'a>(&'a self, _: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        thread::yield_now();
        let is_early = self.0.asked.fetch_add(1, Ordering::SeqCst) < 2;
        let claim = if is_early || self.0.is_held.swap(true, Ordering::SeqCst) {
            KeyClaim::Taken { by: Some(4711) }
        } else {
            let store = Arc::clone(&self.0);
            KeyClaim::Granted(KeyHold::new(move || store.is_held.store(false, Ordering::SeqCst)))
        };
        Box::pin(async move { Ok(claim) })
    }
}

#[task(cache, cache_exclude = [calls])]
fn square(number: u64, calls: &Count) -> u64 {
    calls.add();
    thread::yield_now();
    number * number
}

#[task]
fn plus(a: u64, b: u64) -> u64 {
    a + b
}

/// Shows: the thread that waits for others looks whether more came before it leaves (`watched` cleared without the lock: nobody can go
/// on), and what is told is told to all (`land` that wakes nobody).
#[test]
fn a_key_of_another_process_is_waited_for_and_then_computed_once() {
    explore(Waits::Ending, 600, || {
        let store = Shared::default();
        let session =
            built(Session::builder().cache(store.clone()).concurrency(2).without_memory());
        let calls = Count::default();
        let run = |calls: &Count| plus(square(3, calls.clone()), plus(1, 1));
        let other = {
            let (session, future) = (session.clone(), run(&calls));
            thread::spawn(move || future.run_in(&session).unwrap())
        };
        assert_eq!(run(&calls).run_in(&session).unwrap(), 11);
        assert_eq!(other.join().unwrap(), 11);
        assert_eq!(calls.now(), 1);
        assert!(!store.0.is_held.load(Ordering::SeqCst), "a key was not given back");
        all_places_are_there(&session, 2);
    });
}

/// Shows: who gets the right to a key looks once more, into memory too (without the second look in `step_task`: three calls).
#[test]
fn results_in_memory_are_the_same_for_all() {
    explore(Waits::Endless, 600, || {
        let store = Shared::default();
        store.0.asked.store(2, Ordering::SeqCst);
        let session = built(Session::builder().cache(store).concurrency(2).memory("64 kB"));
        let calls = Count::default();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let (session, calls) = (session.clone(), calls.clone());
                thread::spawn(move || {
                    for _ in 0..2 {
                        assert_eq!(square(3, calls.clone()).run_in(&session).unwrap(), 9);
                    }
                })
            })
            .collect();
        let again = square(3, calls.clone()).refresh().run_in(&session).unwrap();
        assert_eq!(again, 9);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!((1..=2).contains(&calls.now()), "{} calls", calls.now());
    });
}
