//! A small graph of cached tasks with small, large, empty and equal results, whose one answer depends on every byte.

use std::sync::LazyLock;

use daglite::prelude::*;
use daglite::{CacheStore, Digest};

use crate::logged_with;
use crate::random::Random;

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn next(n: u64) -> u64 {
    n + 1
}

#[task(cache)]
fn text(seed: u64, length: u64) -> String {
    let mut random = Random::new(seed);
    let line: String = (0..100).map(|_| char::from(b'a' + (random.below(26)) as u8)).collect();
    let lines = (0..length / 100).map(|number| format!("{number:08}{}", &line[8..]));
    lines.collect()
}

#[task(cache)]
fn same(text: &str) -> String {
    text.to_owned()
}

#[task(cache)]
fn weight(text: &str) -> u64 {
    text.bytes().map(u64::from).sum()
}

#[task]
fn total(numbers: &[u64], texts: &[String]) -> u64 {
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    texts.iter().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
    let digest = Digest::of_bytes(&bytes);
    digest.as_bytes()[..8].iter().fold(0, |answer, byte| answer << 8 | u64::from(*byte))
}

/// How many cached results the graph has.
pub const RESULTS: usize = 13;

/// The graph. Every cached result is an argument of the last task, so that a run has to read them all.
pub fn graph() -> TaskFuture<u64> {
    let texts = [text(1, 100_000), text(2, 100_000), text(3, 5_000), text(4, 0)];
    let copies = [same(texts[0].clone()), same(texts[2].clone())];
    let weights = [weight(copies[0].clone()), weight(texts[2].clone())];
    let squares = [square(3), square(4)];
    let sums = [next(squares[0].clone()), next(squares[1].clone())];
    let last = next(sums[1].clone());
    let numbers = join_all(weights.into_iter().chain(squares).chain(sums).chain([last]));
    total(numbers, join_all(texts.into_iter().chain(copies)))
}

/// The right answer, computed without a cache.
pub fn answer() -> u64 {
    static ANSWER: LazyLock<u64> = LazyLock::new(|| {
        let session = Session::builder().without_cache().build();
        let session = session.expect("the settings of a test are right");
        graph().run_in(&session).expect("no task of the graph fails")
    });
    *ANSWER
}

/// What a run of the graph gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer, or the error of the run.
    pub answer: Result<u64, String>,
    /// How many cached results were found.
    pub hits: usize,
    /// How many results had to be computed, besides the last one, which is not cached.
    pub computed: usize,
    /// What the session warned of, and why entries were no use.
    pub complaints: Vec<String>,
}

impl Outcome {
    /// The outcome of a run that found everything.
    pub fn all_hits() -> Self {
        Self { answer: Ok(answer()), hits: RESULTS, computed: 0, complaints: Vec::new() }
    }
}

/// Runs the graph in a new session on `store`, on `concurrency` threads.
pub fn run(store: impl CacheStore, concurrency: usize) -> Outcome {
    let (session, log) = logged_with(Session::builder().cache(store).concurrency(concurrency));
    let answer = graph().run_in(&session).map_err(|error| error.to_string());
    let lines = log.take();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    Outcome {
        answer,
        hits: count("hit"),
        computed: count("computed") - count("computed total"),
        complaints: lines.iter().filter(|line| is_complaint(line)).cloned().collect(),
    }
}

/// Whether a line of the log tells of something that a healthy store does not do.
fn is_complaint(line: &str) -> bool {
    // An argument that no entry of the task has had yet, and entries that another process takes away.
    let usual = ["no entry yet", "the entry was removed by hand", "the entry was evicted"];
    let is_usual = !line.starts_with("miss")
        || usual.iter().any(|reason| line.contains(reason))
        || line.contains(": argument `") && line.contains(" changed");
    line.starts_with("warning") || line.starts_with("refused") || !is_usual
}
