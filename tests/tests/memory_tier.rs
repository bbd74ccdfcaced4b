//! Results in memory: a second hit decodes nothing, and whatever makes an entry unusable holds for memory too.

mod spy_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daglite::CacheStore;
use daglite::clock::Clock;
use daglite::prelude::*;
use daglite_tests::{Log, logged, logged_with};
use serde::{Deserialize, Deserializer, Serialize};
use spy_store::{Claims, Handle, Spy, now};

static DECODED: AtomicUsize = AtomicUsize::new(0);

/// Counts how often it is decoded.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Counted(u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(from)?;
        // Not while the type is looked at for its shape.
        DECODED.fetch_add(usize::from(value == 77), Ordering::SeqCst);
        Ok(Self(value))
    }
}

#[task(cache)]
fn counted(n: u64) -> Counted {
    Counted(n)
}

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn block(n: u8, size: usize) -> Vec<u8> {
    vec![n; size]
}

#[test]
fn a_hit_in_memory_decodes_nothing_and_asks_the_store_nothing() {
    let spy = Spy::new(Claims::Alone);
    let (first, _) = logged_with(Session::builder().cache(Handle(Arc::clone(&spy))));
    counted(77).run_in(&first).unwrap();
    assert_eq!(counted(77).run_in(&first).unwrap(), Counted(77));
    assert_eq!(DECODED.load(Ordering::SeqCst), 0, "what was computed is in memory");

    let (second, log) = logged_with(Session::builder().cache(Handle(Arc::clone(&spy))));
    assert_eq!(counted(77).run_in(&second).unwrap(), Counted(77));
    assert_eq!(DECODED.load(Ordering::SeqCst), 1);
    spy.forget_seen();
    for _ in 0..10 {
        assert_eq!(counted(77).run_in(&second).unwrap(), Counted(77));
    }
    assert_eq!(DECODED.load(Ordering::SeqCst), 1, "what was loaded is in memory");
    assert_eq!((log.count("hit counted"), log.count("loaded counted")), (11, 1));
    let seen = spy.seen();
    assert_eq!((seen.finds, seen.gets, seen.claims), (0, 0, 0));
}

#[test]
fn without_memory_every_hit_is_decoded() {
    let builder = Session::builder().cache(MemoryStore::new()).without_memory();
    let (session, log) = logged_with(builder);
    (0..3).for_each(|_| assert_eq!(square(3).run_in(&session).unwrap(), 9));
    assert_eq!(log.count("loaded"), 2);
}

/// How many of 200 results of `size` bytes are in a memory of `bound`.
fn kept_of_200(bound: &str, size: usize) -> usize {
    let builder = Session::builder().cache(MemoryStore::new()).memory(bound);
    let (session, log) = logged_with(builder);
    let all = || join_all((0..200).map(|n| block(n, size))).map(|all| all.len());
    all().run_in(&session).unwrap();
    all().run_in(&session).unwrap();
    assert_eq!(log.count("computed"), 200, "the store has them all");
    200 - log.count("loaded")
}

#[test]
fn memory_is_bounded_by_bytes() {
    assert_eq!(kept_of_200("16 MB", 10_000), 200);
    let few = kept_of_200("1 MB", 10_000);
    assert!((1..=100).contains(&few), "{few} of 200 fit");
    assert_eq!(kept_of_200("64 kB", 10_000), 0, "none is larger than an eighth of the bound");
    assert!(kept_of_200("96 kB", 10_000) <= 9);
    assert!(kept_of_200("8 kB", 1) <= 32, "what has no size has a weight all the same");
    assert_eq!(kept_of_200("1 B", 1), 0);
}

#[test]
fn what_is_removed_on_purpose_is_forgotten() {
    let store = Arc::new(MemoryStore::new());
    let (session, log) = logged_with(Session::builder().cache(Arc::clone(&store)));
    square(3).run_in(&session).unwrap();
    now(store.clear()).unwrap();
    square(3).run_in(&session).unwrap();
    assert_eq!((log.count("computed"), log.count("hit")), (2, 0));
    square(3).run_in(&session).unwrap();
    assert_eq!((log.count("computed"), log.count("hit")), (2, 1));
}

#[test]
fn what_is_removed_while_it_is_put_is_forgotten() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = logged_with(Session::builder().cache(Handle(Arc::clone(&spy))));
    let (store, other) = (Arc::clone(&spy.inner), session.clone());
    *spy.after_put.lock().unwrap() = Some(Box::new(move || {
        now(store.clear()).unwrap();
        // Another run notices the removal before this put is over.
        let run = std::thread::spawn(move || square(8).run_in(&other).unwrap());
        assert_eq!(run.join().unwrap(), 64);
    }));
    square(7).run_in(&session).unwrap();
    square(7).run_in(&session).unwrap();
    square(8).run_in(&session).unwrap();
    assert_eq!((log.count("computed"), log.count("hit")), (3, 1), "only the later one is kept");
}

#[task(cache, cache_ttl = "1h")]
fn hourly(n: u64) -> u64 {
    n
}

#[test]
fn what_has_expired_is_computed_again() {
    let (clock, hands) = Clock::manual();
    let (session, log) = logged_with(Session::builder().cache(MemoryStore::new()).clock(clock));
    hourly(1).run_in(&session).unwrap();
    hands.advance(Duration::from_millis(3_599_999));
    hourly(1).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("loaded")), (1, 0));
    hands.advance(Duration::from_millis(1));
    hourly(1).run_in(&session).unwrap();
    assert_eq!(log.count("miss hourly: the entry has expired"), 1);
    hourly(1).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("computed"), log.count("loaded")), (2, 2, 0));
}

/// Another process has computed an expired result again: what is read of it takes the place of the old one in memory.
#[test]
fn a_younger_result_of_another_takes_the_place_of_an_expired_one() {
    let (clock, hands) = Clock::manual();
    let store = Arc::new(MemoryStore::new());
    let session = || {
        let builder = Session::builder().cache(Arc::clone(&store)).clock(clock.clone());
        logged_with(builder)
    };
    let ((one, log), (other, _)) = (session(), session());
    hourly(2).run_in(&one).unwrap();
    hands.advance(Duration::from_secs(3_600));
    hourly(2).run_in(&other).unwrap();
    for _ in 0..3 {
        hourly(2).run_in(&one).unwrap();
    }
    assert_eq!((log.count("hit"), log.count("computed"), log.count("loaded")), (3, 1, 1));
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn call_number() -> usize {
    CALLS.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn a_refresh_replaces_what_is_in_memory() {
    let (session, log) = logged();
    assert_eq!(call_number().run_in(&session).unwrap(), 0);
    assert_eq!(call_number().refresh().run_in(&session).unwrap(), 1);
    assert_eq!(call_number().run_in(&session).unwrap(), 1);
    assert_eq!(log.count("loaded"), 0);
}

#[test]
fn what_the_store_refuses_is_not_kept() {
    let spy = Spy::new(Claims::Alone);
    spy.refuses.store(true, Ordering::SeqCst);
    let (session, log) = logged_with(Session::builder().cache(Handle(Arc::clone(&spy))));
    square(3).run_in(&session).unwrap();
    square(3).run_in(&session).unwrap();
    assert_eq!((log.count("computed"), log.count("refused")), (2, 2));
}

/// A result that nobody can clone.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Single(u64);

#[task(cache)]
fn single(n: u64) -> Single {
    Single(n)
}

#[task]
fn takes(single: Single) -> u64 {
    single.0
}

#[test]
fn a_result_that_cannot_be_cloned_is_still_moved() {
    let (session, log) = logged();
    for _ in 0..3 {
        assert_eq!(single(4).run_in(&session).unwrap(), Single(4));
        assert_eq!(single(4).then(takes).run_in(&session).unwrap(), 4);
    }
    assert_eq!(log.count("failed"), 0);
}

/// Two types that look the same to serde, of two tasks that look the same to the cache.
macro_rules! twin {
    ($module:ident) => {
        mod $module {
            use daglite::prelude::*;
            use serde::{Deserialize, Serialize};

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub(crate) struct Twin {
                pub(crate) n: u32,
            }

            #[task(cache, name = "twin")]
            pub(crate) fn twin(n: u32) -> Twin {
                Twin { n }
            }
        }
    };
}
twin!(left);
twin!(right);

#[test]
fn a_result_of_another_type_is_never_taken_for_the_right_one() {
    let (session, log) = logged();
    assert_eq!(left::twin(1).run_in(&session).unwrap().n, 1);
    assert_eq!(right::twin(1).run_in(&session).unwrap().n, 1);
    assert_eq!(left::twin(1).run_in(&session).unwrap().n, 1);
    assert_eq!((log.count("computed"), log.count("hit"), log.count("loaded")), (2, 1, 0));
}

#[test]
fn what_a_consumer_does_to_its_value_stays_with_it() {
    #[task]
    fn spoils(mut list: Vec<u8>) -> usize {
        list.clear();
        list.len()
    }

    let (session, _) = logged();
    for _ in 0..3 {
        assert_eq!(block(1, 10).then(spoils).run_in(&session).unwrap(), 0);
        let mut own = block(1, 10).run_in(&session).unwrap();
        assert_eq!(own, [1; 10]);
        own.push(2);
    }
}

#[test]
fn many_threads_share_one_memory() {
    let (session, log): (Session, Log) = logged();
    join_all((0..100).map(square)).run_in(&session).unwrap();
    log.take();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..100 {
                    assert_eq!(square(n).run_in(&session).unwrap(), n * n);
                }
            });
        }
    });
    assert_eq!((log.count("hit"), log.count("loaded"), log.count("computed")), (400, 0, 0));
}
