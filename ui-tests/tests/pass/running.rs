//! The options that say how a body is run, on all kinds of functions.

use std::fmt;

use daglite::prelude::*;

fn passes<E: fmt::Display>(error: &E) -> bool {
    error.to_string().contains("busy")
}

struct NotClone(u32);

#[task(retries = 3, retry_delay = "200ms", retry_if = passes, timeout = "30s", weight = 4, limits = ["db", "net"])]
fn parse(text: String, scale: &NotClone) -> Result<u32, std::num::ParseIntError> {
    Ok(text.parse::<u32>()? * scale.0)
}

#[task(cache, retries = 1, retry_if = passes::<String>)]
async fn fetch(url: &str) -> Result<usize, String> {
    if url.is_empty() { Err("busy".to_string()) } else { Ok(url.len()) }
}

#[task(retries = 1, retry_delay = "0s")]
fn pick<T: Clone>(values: Vec<T>, first: T) -> Vec<T> {
    [vec![first], values].concat()
}

#[task(timeout = "1h30m")]
fn moved(value: NotClone) -> u32 {
    value.0
}

fn main() -> Result<(), daglite::Error> {
    let session = Session::builder().cache(MemoryStore::new()).build()?;
    assert_eq!(parse("20", NotClone(2)).run_in(&session)?, 40);
    assert_eq!(fetch("four").run_in(&session)?, 4);
    assert_eq!(pick(vec![1, 2], 0).run_in(&session)?, [0, 1, 2]);
    assert_eq!(moved(NotClone(7)).run_in(&session)?, 7);
    Ok(())
}
