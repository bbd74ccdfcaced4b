//! A value that several calls of a run share is hashed once, and is nobody's but theirs.
//!
//! What is counted is how often its `content_hash` is called: once for all keys of a run, and, if there was a miss, once
//! more for the first bytes that are shown to people.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daglite::prelude::*;
use daglite::{ContentHasher, Origin, Strategy};

/// A value that counts how often it is hashed.
#[derive(Clone)]
struct Counted {
    content: u64,
    hashed: Arc<AtomicUsize>,
}

impl Counted {
    fn new(content: u64) -> Self {
        Self { content, hashed: Arc::default() }
    }

    fn count(&self) -> usize {
        self.hashed.load(Ordering::SeqCst)
    }
}

impl ContentHash for Counted {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        hasher.u64(self.content);
    }
}

#[task(cache)]
fn plus(value: &Counted, n: u64) -> u64 {
    value.content + n
}

#[task(cache, cache_hash_params(value = content_of))]
fn times(value: &Counted, n: u64) -> u64 {
    value.content * n
}

fn content_of(value: &Counted) -> u64 {
    value.hashed.fetch_add(1, Ordering::SeqCst);
    value.content
}

#[task]
fn given(value: Counted) -> Counted {
    value
}

fn session(threads: usize) -> Session {
    let builder = Session::builder().cache(MemoryStore::new()).concurrency(threads);
    builder.without_memory().build().unwrap()
}

#[test]
fn a_hundred_calls_of_a_run_hash_a_shared_value_once() {
    for threads in [1, 2, 4] {
        let session = session(threads);
        let shared = Arc::new(Counted::new(1000));
        for run in 1..=3 {
            // In the first run all are misses.
            let calls = (0..100).map(|n| plus(Arc::clone(&shared), n));
            let sums = join_all(calls).run_in(&session).unwrap();
            assert_eq!(sums, (1000..1100).collect::<Vec<_>>());
            assert_eq!(shared.count(), run + 1, "{threads} threads");
        }
    }
}

#[test]
fn it_is_hashed_once_even_if_nobody_else_keeps_it() {
    let session = session(1);
    let shared = Arc::new(Counted::new(1));
    let hashed = Arc::clone(&shared.hashed);
    let calls: Vec<_> = (0..100).map(|n| plus(Arc::clone(&shared), n)).collect();
    drop(shared);
    join_all(calls).run_in(&session).unwrap();
    assert_eq!(hashed.load(Ordering::SeqCst), 2);
}

#[test]
fn the_result_of_a_task_without_a_cache_is_hashed_once_too() {
    let session = session(2);
    let value = Counted::new(5);
    let hashed = Arc::clone(&value.hashed);
    let node = given(value);
    let calls: Vec<_> = (0..100).map(|n| plus(node.clone(), n)).collect();
    drop(node);
    join_all(calls).run_in(&session).unwrap();
    assert_eq!(hashed.load(Ordering::SeqCst), 2);
}

#[test]
fn what_another_function_makes_of_it_is_another_question() {
    let session = session(1);
    let shared = Arc::new(Counted::new(3));
    let sums = join_all((0..50).map(|n| plus(Arc::clone(&shared), n)));
    let products = join_all((0..50).map(|n| times(Arc::clone(&shared), n)));
    let (sums, products) = join((sums, products)).run_in(&session).unwrap();
    assert_eq!((sums[2], products[2]), (5, 6));
    // What a function of the user's makes of it is not shown.
    assert_eq!(shared.count(), 3);
}

#[task(cache, cache_hash_params(values = exact))]
fn exactly(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash_params(values = sampled))]
fn by_sample(values: &[u8]) -> usize {
    values.len()
}

#[test]
fn another_strategy_is_another_question() {
    // A change that a sample does not see: were the answer for one strategy taken for the other, nobody would.
    let sampled = |values: &[u8]| {
        let mut hasher = ContentHasher::new(Strategy::Sampled);
        values.content_hash(&mut hasher);
        hasher.finish().unwrap()
    };
    let before = vec![0_u8; 300_000];
    let changed = |at: usize| {
        let mut values = before.clone();
        values[at] = 1;
        values
    };
    let unseen = (1024..200_000).step_by(1024).map(changed);
    let after = unseen.into_iter().find(|values| sampled(values) == sampled(&before)).unwrap();
    let session = session(1);
    let origins = |values: Vec<u8>| {
        let shared = Arc::new(values);
        let both = join((by_sample(Arc::clone(&shared)), exactly(shared)));
        let outcome = both.outcome_in(&session).unwrap();
        let origin = |name| outcome.tasks.iter().find(|task| task.task.ends_with(name));
        ["by_sample", "exactly"].map(|name| origin(name).unwrap().origin)
    };
    assert_eq!(origins(before.clone()), [Origin::Computed, Origin::Computed]);
    assert_eq!(origins(after), [Origin::Hit, Origin::Computed]);
}

#[task(cache)]
fn length(file: &InputFile, n: u64) -> u64 {
    std::fs::metadata(file.path()).unwrap().len() + n
}

#[test]
fn each_key_of_a_shared_file_covers_the_file() {
    // A body that changes its own input is not cached: every one of the calls has to know of the file.
    #[task(cache)]
    fn spoil(file: &InputFile, n: u64) -> u64 {
        std::fs::write(file.path(), format!("{n} spoilt")).unwrap();
        n
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    std::fs::write(&path, "before").unwrap();
    let file = Arc::new(InputFile::from(path.as_path()));
    let session = session(1);
    join_all((0..3).map(|n| length(Arc::clone(&file), n))).run_in(&session).unwrap();
    join_all((0..3).map(|n| spoil(Arc::clone(&file), n))).run_in(&session).unwrap();
    std::fs::write(&path, "before").unwrap();
    let again = join_all((0..3).map(|n| spoil(Arc::clone(&file), n))).outcome_in(&session).unwrap();
    let computed = again.tasks.iter().filter(|task| task.origin == Origin::Computed);
    assert_eq!(computed.count(), 3, "{:?}", again.tasks);
}

/// A value that says when it is cloned.
struct Dear(Arc<AtomicUsize>);

impl Clone for Dear {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl ContentHash for Dear {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.unit();
    }
}

#[task(cache)]
fn taken(value: Dear, n: u64) -> u64 {
    drop(value);
    n
}

#[test]
fn the_last_call_is_still_given_the_value_itself() {
    let clones = Arc::new(AtomicUsize::new(0));
    let shared = Arc::new(Dear(Arc::clone(&clones)));
    let session = session(1);
    let calls: Vec<_> = (0..10).map(|n| taken(Arc::clone(&shared), n)).collect();
    drop(shared);
    join_all(calls).run_in(&session).unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 9, "the last use moves the value");
}
