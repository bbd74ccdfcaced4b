//! Excluded arguments are honest: what an entry recorded of them is there, and a hit that differs can be told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use daglite::prelude::*;
use daglite::store::{CacheStore, KeyPart, PartKind};
use daglite::{ContentHasher, Event};

/// Neither serde nor `ContentHash`: it cannot be hashed, and may be excluded all the same.
#[derive(Clone)]
struct Opaque;

/// What is hashed says so.
#[derive(Clone)]
struct Counted(Vec<u8>);

static HASHED: AtomicUsize = AtomicUsize::new(0);

impl ContentHash for Counted {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        HASHED.fetch_add(1, Ordering::SeqCst);
        self.0.content_hash(hasher);
    }
}

/// Its hash is broken.
#[derive(Clone)]
struct Broken(u8);

impl ContentHash for Broken {
    fn content_hash(&self, _: &mut ContentHasher) {
        panic!("no hash today, {}", self.0);
    }
}

#[task(cache, name = "noisy", cache_exclude = [verbose, note, opaque, big])]
fn noisy(n: u64, verbose: bool, note: &str, opaque: Opaque, big: &[f64]) -> u64 {
    let _ = (verbose, note, opaque, big);
    n
}

#[task(cache, name = "counted", cache_exclude = [data])]
fn counted(n: u64, data: Counted) -> u64 {
    n + data.0.len() as u64
}

#[task(cache, name = "broken", cache_exclude = [hash])]
fn broken(n: u64, hash: Broken) -> u64 {
    n + u64::from(hash.0)
}

#[task(cache, name = "threads", cache_exclude = [threads, password])]
fn work(n: u64, threads: u64, password: &str) -> u64 {
    let _ = (threads, password);
    n
}

#[task(cache, name = "pick")]
fn pick(n: u64) -> u64 {
    n
}

type Told = Arc<Mutex<Vec<String>>>;

/// A session on `store` that asks it every time if `memory` is off, and what it tells of excluded arguments.
fn session(store: &Arc<MemoryStore>, warn: bool, memory: bool) -> (Session, Told) {
    let told = Told::default();
    let log = Arc::clone(&told);
    let mut builder = Session::builder().cache(Arc::clone(store)).warn_excluded(warn).observe(
        move |event: &Event| {
            if let Event::ExcludedDiffers { task, parameter, from, to, .. } = event {
                log.lock().unwrap().push(format!("{task} {parameter} {from} {to}"));
            }
        },
    );
    if !memory {
        builder = builder.without_memory();
    }
    (builder.build().unwrap(), told)
}

fn take(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().unwrap())
}

/// The excluded parts of the last entry of `task`.
fn recorded(store: &MemoryStore, task: &str) -> Vec<KeyPart> {
    let mut history = std::pin::pin!(store.history(task, 1));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(history)) = history.as_mut().poll(&mut context) else {
        panic!("a store in memory does not wait");
    };
    let parts = history.into_iter().flat_map(|(_, meta)| meta.parts);
    parts.filter(|part| part.kind.is_excluded()).collect()
}

fn names(parts: &[KeyPart]) -> Vec<&str> {
    parts.iter().map(|part| part.name.as_str()).collect()
}

#[test]
fn cheap_values_are_always_recorded_and_others_if_somebody_wants_to_know() {
    let store = Arc::new(MemoryStore::new());
    let (off, _) = session(&store, false, true);
    noisy(1, true, "a", Opaque, [0.5; 100]).run_in(&off).unwrap();
    let parts = recorded(&store, "noisy");
    assert_eq!(names(&parts), ["verbose", "note"]);
    assert_eq!((parts[0].shown.as_str(), parts[1].shown.as_str()), ("true", "\"a\""));
    noisy(2, true, "x".repeat(5000), Opaque, [0.5; 100]).run_in(&off).unwrap();
    assert_eq!(names(&recorded(&store, "noisy")), ["verbose"], "the text is long");

    let (on, _) = session(&store, true, true);
    noisy(3, true, "x".repeat(5000), Opaque, [0.5; 100]).run_in(&on).unwrap();
    assert_eq!(names(&recorded(&store, "noisy")), ["verbose", "note", "big"]);
}

#[test]
fn a_hit_that_differs_is_told_from_the_store_and_from_memory() {
    for memory in [true, false] {
        let store = Arc::new(MemoryStore::new());
        let (session, told) = session(&store, true, memory);
        noisy(1, false, "a", Opaque, [0.5]).run_in(&session).unwrap();
        noisy(1, false, "a", Opaque, [0.5]).run_in(&session).unwrap();
        assert_eq!(take(&told), [""; 0], "the same is not told");
        let outcome = noisy(1, true, "b", Opaque, [1.5]).outcome_in(&session).unwrap();
        assert_eq!(outcome.summary.hits, 1, "it stays a hit");
        let expected =
            ["noisy verbose false true", "noisy note \"a\" \"b\"", "noisy big [0.5] [1.5]"];
        assert_eq!(take(&told), expected, "memory {memory}");
    }
}

#[test]
fn nothing_is_told_and_nothing_dear_is_hashed_if_nobody_asked() {
    let store = Arc::new(MemoryStore::new());
    let (off, told) = session(&store, false, true);
    counted(1, Counted(vec![1])).run_in(&off).unwrap();
    counted(1, Counted(vec![2])).run_in(&off).unwrap();
    assert_eq!(HASHED.load(Ordering::SeqCst), 0);
    assert_eq!(take(&told), [""; 0]);
    let (on, told) = session(&store, true, true);
    counted(1, Counted(vec![3])).run_in(&on).unwrap();
    assert_eq!(take(&told), [""; 0], "what was not recorded is not compared");
}

#[test]
fn a_hash_that_panics_does_not_make_the_call_uncached() {
    let store = Arc::new(MemoryStore::new());
    let (session, _) = session(&store, true, true);
    assert_eq!(broken(1, Broken(1)).run_in(&session).unwrap(), 2);
    let outcome = broken(1, Broken(2)).outcome_in(&session).unwrap();
    assert_eq!((outcome.value, outcome.summary.hits), (2, 1));
}

#[test]
fn an_excluded_result_of_a_cached_task_is_compared_by_its_artifact() {
    let store = Arc::new(MemoryStore::new());
    let (session, told) = session(&store, true, false);
    work(1, pick(4), "x").run_in(&session).unwrap();
    let parts = recorded(&store, "threads");
    assert_eq!(parts[0].kind, PartKind::ExcludedArtifact);
    work(1, pick(4), "x").run_in(&session).unwrap();
    assert_eq!(take(&told), [""; 0]);
    work(1, pick(8), "x").run_in(&session).unwrap();
    assert_eq!(take(&told), ["threads threads  "]);
    work(1, 4, "x").run_in(&session).unwrap();
    assert_eq!(take(&told), [""; 0], "a value and an artifact cannot be compared");
}

#[test]
fn an_excluded_secret_is_compared_and_not_shown() {
    let store = Arc::new(MemoryStore::new());
    let (session, told) = session(&store, true, true);
    work(2, 1, "hunter2").run_in(&session).unwrap();
    assert_eq!(recorded(&store, "threads")[1].shown, "");
    work(2, 1, "hunter3").run_in(&session).unwrap();
    assert_eq!(take(&told), ["threads password  "]);
}

#[test]
fn what_was_excluded_explains_no_miss() {
    let store = Arc::new(MemoryStore::new());
    let (session, _) = session(&store, false, true);
    work(3, 1, "x").run_in(&session).unwrap();
    let outcome = work(4, 2, "y").outcome_in(&session).unwrap();
    let reason = outcome.tasks[0].reason.as_ref().unwrap().to_string();
    assert_eq!(reason, "argument `n` changed from 3 to 4");
}
