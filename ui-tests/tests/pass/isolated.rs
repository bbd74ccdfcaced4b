//! Isolated tasks of all kinds, in a program that forbids unsafe code and is its own worker.
#![deny(warnings, missing_docs, unused)]
#![forbid(unsafe_code)]

use std::path::Path;

use daglite::prelude::*;

#[task(isolate, isolate_memory = "2GB", timeout = "1m", retries = 1)]
fn parse(text: &str, path: &Path, numbers: &[u32]) -> Result<u32, std::num::ParseIntError> {
    let _ = path;
    Ok(text.parse::<u32>()? + numbers.iter().sum::<u32>())
}

#[task(isolate, cache)]
async fn double(n: u64) -> u64 {
    2 * n
}

#[task(isolate, name = "nothing")]
fn unit() {}

fn lent<'a>(text: &'a str) -> usize {
    text.len()
}

#[task(isolate)]
fn with_a_lifetime<'a>(text: &'a str) -> usize {
    lent(text)
}

fn main() -> Result<(), daglite::Error> {
    daglite::worker_main();
    let session = Session::builder().cache(MemoryStore::new()).build()?;
    assert_eq!(parse("40", "a/b", vec![1, 1]).run_in(&session)?, 42);
    assert_eq!(double(21).run_in(&session)?, 42);
    unit().run_in(&session)?;
    assert_eq!(with_a_lifetime("four").run_in(&session)?, 4);
    Ok(())
}
