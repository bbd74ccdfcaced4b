//! A lone call that nobody watches is looked for before there is a run around it; neither the store nor the user notices.

mod spy_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite::{ContentHash, ContentHasher};
use daglite_tests::counted;
use daglite_tests::counted::ran;
use serde::{Deserialize, Serialize};
use spy_store::{Claims, Handle, Seen, Spy};

/// A session whose memory is empty, and that tells nobody of runs.
fn quiet(spy: &Arc<Spy>) -> Session {
    Session::builder().cache(Handle(Arc::clone(spy))).build().unwrap()
}

/// The runs that a store was told of: their hits and misses.
fn told(seen: &Seen) -> Vec<(u64, u64)> {
    assert_eq!(seen.begins, seen.ends.len());
    seen.ends.iter().map(|(end, _)| (end.hits, end.misses)).collect()
}

counted! { SQUARED, #[task(cache)] fn square(n: u64) -> u64 { n * n } }

#[test]
fn a_hit_in_the_store_is_a_run_to_it_and_one_look() {
    let spy = Spy::new(Claims::Alone);
    assert_eq!(square(3).run_in(&quiet(&spy)).unwrap(), 9);
    spy.forget_seen();
    assert_eq!(square(3).run_in(&quiet(&spy)).unwrap(), 9);
    assert_eq!(*square(3).run_shared_in(&quiet(&spy)).unwrap(), 9);
    let seen = spy.seen();
    assert_eq!(told(&seen), [(1, 0), (1, 0)]);
    assert_eq!((seen.finds, seen.keys, seen.gets, seen.claims), (2, 2, 0, 0));
    assert!(seen.ends.iter().all(|(end, _)| end.used.is_empty()), "the store was asked itself");
    assert_eq!(ran(&SQUARED), 1);
}

counted! { MISSED, #[task(cache)] fn missed(n: u64) -> u64 { n + 1 } }

#[test]
fn a_miss_is_one_run_to_the_store_and_one_look() {
    let spy = Spy::new(Claims::Alone);
    let session = quiet(&spy);
    assert_eq!(missed(3).run_in(&session).unwrap(), 4);
    let seen = spy.seen();
    assert_eq!(told(&seen), [(0, 1)]);
    assert_eq!((seen.finds, seen.puts), (1, 1));
    assert_eq!(ran(&MISSED), 1);
}

counted! { SHARED, #[task(cache)] fn shared(n: u64) -> String { n.to_string() } }

#[test]
fn what_memory_has_is_reported_as_used() {
    let spy = Spy::new(Claims::Alone);
    let session = quiet(&spy);
    for _ in 0..3 {
        assert_eq!(*shared(3).run_shared_in(&session).unwrap(), "3");
    }
    let seen = spy.seen();
    assert_eq!(told(&seen), [(0, 1), (1, 0), (1, 0)]);
    assert!(seen.ends[1..].iter().all(|(end, _)| end.used.len() == 1));
    assert_eq!((seen.finds, ran(&SHARED)), (1, 1));
}

counted! { AGED, #[task(cache, cache_ttl = "1h")] fn aged() -> u64 { 7 } }

#[test]
fn an_expired_entry_is_recomputed() {
    let spy = Spy::new(Claims::Alone);
    let (clock, hands) = Clock::manual();
    let aged = || {
        let session = Session::builder().cache(Handle(Arc::clone(&spy))).clock(clock.clone());
        assert_eq!(aged().run_in(&session.build().unwrap()).unwrap(), 7);
        ran(&AGED)
    };
    assert_eq!((aged(), aged()), (1, 0));
    hands.advance(Duration::from_secs(3_601));
    assert_eq!((aged(), aged()), (1, 0));
}

counted! { DAMAGED, #[task(cache)] fn damaged(n: u64) -> Vec<u8> { vec![n as u8; 5_000] } }

#[test]
fn a_value_that_did_not_come_along_is_read_and_a_damaged_one_is_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let store = FileStore::builder(folder.path()).open().unwrap();
        Session::builder().cache(store).build().unwrap()
    };
    let read = || assert_eq!(damaged(8).run_in(&open()).unwrap(), [8; 5_000]);
    read();
    read();
    assert_eq!(ran(&DAMAGED), 1);
    for found in std::fs::read_dir(folder.path().join("v1")).unwrap() {
        let path = found.unwrap().path();
        let Ok(mut bytes) = std::fs::read(&path) else { continue };
        if path.file_name().unwrap().to_string_lossy().starts_with("index.sqlite") {
            let values = bytes.windows(64).enumerate();
            let places: Vec<_> = values.filter(|(_, some)| *some == [8; 64]).collect();
            let Some(at) = places.first().map(|(at, _)| *at) else { continue };
            bytes[at + 32] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    read();
    assert_eq!(ran(&DAMAGED), 1);
    read();
    assert_eq!(ran(&DAMAGED), 0);
}

/// Whether values of [`Odd`] panic now.
static IS_ODD: AtomicBool = AtomicBool::new(false);

/// An argument that may panic when it is hashed, and when it goes.
#[derive(Clone)]
struct Odd(&'static str);

impl ContentHash for Odd {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        assert!(self.0 != "hash" || !IS_ODD.load(Ordering::SeqCst), "a bug of the user's hash");
        hasher.str(self.0);
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let is_bad = self.0 == "drop" && IS_ODD.load(Ordering::SeqCst);
        assert!(!is_bad || std::thread::panicking(), "a bug of the user's drop");
    }
}

counted! { ODD, #[task(cache)] fn odd(what: &Odd) -> usize { what.0.len() } }

#[test]
fn arguments_that_panic_break_no_call() {
    let spy = Spy::new(Claims::Alone);
    let run = |what| odd(Odd(what)).run_in(&quiet(&spy)).unwrap();
    assert_eq!((run("drop"), run("hash"), ran(&ODD)), (4, 4, 2));
    IS_ODD.store(true, Ordering::SeqCst);
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let (dropped, hashed) = (run("drop"), run("hash"));
    std::panic::set_hook(silent);
    IS_ODD.store(false, Ordering::SeqCst);
    // The one is a hit; the other has no key, and runs uncached.
    assert_eq!((dropped, hashed, ran(&ODD)), (4, 4, 1));
}

/// A result that cannot be decoded when it is told so.
#[derive(Clone, Serialize)]
struct Stubborn(u64);

/// Whether it is told so.
static REFUSES: AtomicBool = AtomicBool::new(false);

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(from)?;
        assert!(!REFUSES.load(Ordering::SeqCst), "a bug of the user's");
        Ok(Self(number))
    }
}

counted! { STUBBORN, #[task(cache)] fn stubborn(n: u64) -> Stubborn { Stubborn(n) } }

#[test]
fn a_value_that_cannot_be_decoded_is_computed_again_and_is_no_hit() {
    let spy = Spy::new(Claims::Alone);
    assert_eq!(stubborn(5).run_in(&quiet(&spy)).unwrap().0, 5);
    spy.forget_seen();
    REFUSES.store(true, Ordering::SeqCst);
    assert_eq!(stubborn(5).run_in(&quiet(&spy)).unwrap().0, 5);
    REFUSES.store(false, Ordering::SeqCst);
    assert_eq!(told(&spy.seen()), [(0, 1)]);
    assert_eq!(ran(&STUBBORN), 2);
}

counted! { TOGETHER, #[task(cache)] fn together(n: u64) -> u64 { n * 5 } }

#[test]
fn many_threads_that_call_alone_agree() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let store = FileStore::builder(folder.path()).open().unwrap();
        Session::builder().cache(store).build().unwrap()
    };
    for round in 0..4 {
        let session = open();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..300 {
                        assert_eq!(together(n).run_in(&session).unwrap(), n * 5);
                    }
                });
            }
        });
        assert_eq!(ran(&TOGETHER), if round == 0 { 300 } else { 0 });
    }
}

counted! { DELETED, #[task(cache)] fn deleted(n: u64) -> u64 { n * 6 } }

#[test]
fn a_folder_that_is_deleted_between_two_calls_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    // Nothing in memory: the store has to answer.
    let builder = Session::builder().cache(FileStore::builder(&path).open().unwrap()).memory("0");
    let session = builder.build().unwrap();
    for _ in 0..3 {
        assert_eq!(deleted(1).run_in(&session).unwrap(), 6);
    }
    assert_eq!(ran(&DELETED), 1);
    std::fs::remove_dir_all(&path).unwrap();
    // At once, but for the twinkling of an eye.
    daglite_tests::wait_until(|| {
        assert_eq!(deleted(1).run_in(&session).unwrap(), 6);
        ran(&DELETED) == 1
    });
    for _ in 0..3 {
        assert_eq!(deleted(1).run_in(&session).unwrap(), 6);
    }
    assert_eq!(ran(&DELETED), 0);
}
