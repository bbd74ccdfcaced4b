//! Random graphs of tasks with limits, weights and keys, nested in one another and in several runs at once: all of them end, and
//! no limit is exceeded by more than a circle that was broken costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use daglite::Error;
use daglite::prelude::*;
use daglite_tests::in_time;
use daglite_tests::random::{Random, rounds, seed};

/// How many places of each limit, and how many threads. (Of those, a body that comes back from its own graph may be one too many.)
const MOST: [usize; 3] = [1, 2, 3];

/// How many of each are at work. The tests of this file take turns, so one is enough.
static NOW: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// The most that there ever were.
static EVER: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

fn enter(limits: [usize; 3]) {
    for ((limit, now), ever) in limits.into_iter().zip(&NOW).zip(&EVER) {
        let now = now.fetch_add(limit, Ordering::SeqCst) + limit;
        ever.fetch_max(now, Ordering::SeqCst);
    }
}

fn leave(limits: [usize; 3]) {
    for (limit, now) in limits.into_iter().zip(&NOW) {
        now.fetch_sub(limit, Ordering::SeqCst);
    }
}

/// What a body of `level` asks for: some calls of lower levels, of any task.
fn below(level: u64, seed: u64) -> Vec<TaskFuture<u64>> {
    let mut random = Random::new(seed);
    let count = if level == 0 { 0 } else { random.below(4) };
    let call = |_| {
        // Few numbers, so that keys are wanted by several at once.
        let number = random.below(6);
        match random.below(6) {
            0 => plain(level - 1, number),
            1 => first(level - 1, number),
            2 => second(level - 1, number),
            3 => both(level - 1, number),
            4 => flying(level - 1, number),
            _ => heavy(level - 1, number),
        }
    };
    (0..count).map(call).collect()
}

/// The work of a sync body.
fn work(limits: [usize; 3], level: u64, number: u64) -> Result<u64, Error> {
    enter(limits);
    thread::yield_now();
    leave(limits);
    // A body that runs a graph is not at work meanwhile: its places are lent.
    let sum = join_all(below(level, level * 100 + number))
        .run()?
        .into_iter()
        .fold(number, u64::wrapping_add);
    enter(limits);
    thread::yield_now();
    leave(limits);
    Ok(sum)
}

#[task(cache)]
fn plain(level: u64, number: u64) -> Result<u64, Error> {
    work([0, 0, 1], level, number)
}

#[task(cache, limits = ["first"])]
fn first(level: u64, number: u64) -> Result<u64, Error> {
    work([1, 0, 1], level, number)
}

#[task(cache, limits = ["second"])]
fn second(level: u64, number: u64) -> Result<u64, Error> {
    work([0, 1, 1], level, number)
}

#[task(limits = ["second", "first"])]
fn both(level: u64, number: u64) -> Result<u64, Error> {
    work([1, 1, 1], level, number)
}

#[task(cache, weight = 2)]
fn heavy(level: u64, number: u64) -> Result<u64, Error> {
    work([0, 0, 2], level, number)
}

#[task(cache, limits = ["first", "second"])]
async fn flying(level: u64, number: u64) -> Result<u64, Error> {
    enter([1, 1, 0]);
    leave([1, 1, 0]);
    tokio::task::yield_now().await;
    let sum = join_all(below(level, level * 100 + number))
        .await?
        .into_iter()
        .fold(number, u64::wrapping_add);
    enter([1, 1, 0]);
    leave([1, 1, 0]);
    Ok(sum)
}

#[test]
fn all_runs_end_and_nothing_is_exceeded() {
    let seed = seed();
    for round in 0..rounds(30) {
        println!("DAGLITE_TEST_SEED={seed}, round {round}");
        in_time(move || {
            let mut random = Random::new(seed.wrapping_add(round));
            let session = Session::builder()
                .cache(MemoryStore::new())
                .without_memory()
                .limit("first", MOST[0])
                .limit("second", MOST[1])
                .concurrency(MOST[2])
                .build()
                .unwrap();
            let runs: Vec<_> = (0..4)
                .map(|_| {
                    let (session, seed) = (session.clone(), random.number());
                    thread::spawn(move || join_all(below(5, seed)).run_in(&session))
                })
                .collect();
            runs.into_iter().for_each(|run| drop(run.join().unwrap().unwrap()));
        });
    }
    let ever = EVER.each_ref().map(|ever| ever.load(Ordering::SeqCst));
    // Where a circle of waits is broken by computing a key twice, the two are not told apart, and one place may be lent too early:
    // about once in a thousand rounds. `docs/architecture.md` says so; `limits.rs` has the strict promise where there is no circle.
    let is_kept = ever[0] <= MOST[0] + 1 && ever[1] <= MOST[1] + 1;
    assert!(is_kept, "{ever:?} at once, DAGLITE_TEST_SEED={seed}");
    println!("at most {ever:?} at once");
}
