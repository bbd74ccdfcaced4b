//! Large graphs of other shapes than a chain run, fail and drop without deep recursion, and ask the store little.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use daglite::prelude::*;
use daglite::store::{Artifact, ArtifactMeta, Lookup, Put, StoreFuture};
use daglite::{CacheStore, Digest};
use daglite_tests::logged_with;

/// What `body` returns; a panic if it does not within the time.
fn in_time<T: Send + 'static>(seconds: u64, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(body()));
    receive.recv_timeout(Duration::from_secs(seconds)).expect("it hangs, or it panicked")
}

fn uncached() -> Session {
    Session::builder().without_cache().concurrency(2).build().unwrap()
}

#[task]
fn one() -> u64 {
    1
}

#[task]
fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

#[test]
fn a_ladder_of_a_hundred_thousand_diamonds_runs_and_drops() {
    in_time(60, || {
        let mut top = one();
        for _ in 0..100_000 {
            top = add(top.clone(), top);
        }
        let unrun = add(top.clone(), 1);
        assert_eq!(top.run_in(&uncached()).unwrap(), 0);
        drop(unrun);
    });
}

#[test]
fn joins_of_joins_run_and_drop() {
    in_time(60, || {
        let joined = join_all((0..150).map(|_| join_all((0..150).map(|_| one()))));
        let unrun = join_all((0..150).map(|_| join_all((0..150).map(|_| one()))));
        let rows = joined.run_in(&uncached()).unwrap();
        assert_eq!(rows.into_iter().flatten().sum::<u64>(), 22_500);
        drop(unrun);
    });
}

#[task]
fn breaks(n: u64) -> Result<u64, String> {
    Err(format!("{n} is too much"))
}

#[test]
fn an_error_in_the_middle_of_a_long_chain_ends_the_run_and_drops_the_rest() {
    in_time(60, || {
        let mut chain = one();
        for step in 0..100_000 {
            chain = if step == 50_000 { breaks(chain) } else { add(chain, 1) };
        }
        let error = chain.run_in(&uncached()).unwrap_err();
        assert!(error.to_string().contains("50001 is too much"), "{error}");
    });
}

#[test]
fn nothing_to_join_is_an_empty_list() {
    let session = uncached();
    assert_eq!(
        join_all(Vec::<TaskFuture<u64>>::new()).run_in(&session).unwrap(),
        Vec::<u64>::new()
    );
    let none = one().map(|_| Vec::<u64>::new()).map_each(|n| add(n, 1));
    assert_eq!(none.clone().run_in(&session).unwrap(), Vec::<u64>::new());
    assert_eq!(none.run_in(&session).unwrap(), Vec::<u64>::new());
    let empty = join_all(Vec::<TaskFuture<u64>>::new());
    assert_eq!(empty.clone().run_in(&session).unwrap(), Vec::<u64>::new());
    assert_eq!(empty.run_in(&session).unwrap(), Vec::<u64>::new());
}

#[derive(Default)]
struct Looks(AtomicUsize);

#[task(cache)]
fn tiny(n: u64) -> u64 {
    n
}

/// A store in memory that counts how often it is asked for an entry.
struct Counted(MemoryStore, Arc<Looks>);

impl CacheStore for Counted {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        self.1.0.fetch_add(1, Ordering::Relaxed);
        // As long as a file takes: there the threads meet.
        (0..20_000).for_each(|n| {
            std::hint::black_box(n);
        });
        self.0.head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        self.0.get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        self.0.put(key, artifact)
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

#[test]
fn a_miss_asks_the_store_no_more_than_twice() {
    let looks = Arc::new(Looks::default());
    let store = Counted(MemoryStore::new(), Arc::clone(&looks));
    let (session, _) = logged_with(Session::builder().cache(store).concurrency(8));
    join_all((0..2000).map(tiny)).run_in(&session).unwrap();
    let looks = looks.0.load(Ordering::Relaxed);
    assert!(looks <= 2 * 2000, "{looks} looks for 2000 tasks");
}
