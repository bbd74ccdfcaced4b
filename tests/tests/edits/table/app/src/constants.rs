//! Constants and statics.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use daglite::prelude::*;

#[task(cache)]
pub fn constant(x: u64) -> u64 {
    x + OFFSET
}

const OFFSET: u64 = «constant: 1 ¦ 2»;

#[task(cache)]
pub fn constant_of_a_constant(x: u64) -> u64 {
    x + UPPER
}

const UPPER: u64 = LOWER * 2;
const LOWER: u64 = «constant_of_a_constant: 1 ¦ 2»;

#[task(cache)]
pub fn static_value(x: u64) -> u64 {
    x + STATIC[1]
}

static STATIC: [u64; 2] = [1, «static_value: 2 ¦ 3»];

#[task(cache)]
pub fn atomic_static(x: u64) -> u64 {
    x + ATOMIC.load(Ordering::Relaxed)
}

static ATOMIC: AtomicU64 = AtomicU64::new(«atomic_static: 1 ¦ 2»);

#[task(cache)]
pub fn lazy_static(x: u64) -> u64 {
    x + LAZY.len() as u64
}

static LAZY: LazyLock<String> = LazyLock::new(|| made_lazily(3));

fn made_lazily(times: usize) -> String {
    "«lazy_static: ab ¦ abc»".repeat(times)
}

thread_local! {
    static OF_THE_THREAD: Cell<u64> = const { Cell::new(«thread_local_value: 1 ¦ 2») };
}

#[task(cache)]
pub fn thread_local_value(x: u64) -> u64 {
    x + OF_THE_THREAD.get()
}

#[task(cache)]
pub fn array_length(x: u64) -> u64 {
    x + [1; WIDTH].iter().sum::<u64>()
}

const WIDTH: usize = «array_length: 3 ¦ 4»;

#[task(cache)]
pub fn array_length_in_a_type(x: u64) -> u64 {
    x + Row::default().len() as u64
}

type Row = [u8; COLUMNS];
const COLUMNS: usize = «array_length_in_a_type: 3 ¦ 4»;

#[task(cache)]
pub fn constant_in_a_pattern(x: u64) -> u64 {
    match x {
        LIMIT => 1,
        _ => 2,
    }
}

const LIMIT: u64 = «constant_in_a_pattern: 3 ¦ 4»;

#[task(cache)]
pub fn constant_in_a_range_pattern(x: u64) -> u64 {
    match x {
        ..END => 1,
        _ => 2,
    }
}

const END: u64 = «constant_in_a_range_pattern: 3 ¦ 4»;

#[task(cache)]
pub fn constant_as_a_generic_argument(x: u64) -> u64 {
    x + sized::<TIMES>()
}

const TIMES: u64 = «constant_as_a_generic_argument: 3 ¦ 4»;

fn sized<const N: u64>() -> u64 {
    N
}

#[task(cache)]
pub fn associated_constant(x: u64) -> u64 {
    x + Holder::HELD
}

struct Holder;

impl Holder {
    const HELD: u64 = «associated_constant -> associated_constant ~constant_of_a_trait: 1 ¦ 2»;
}

#[task(cache)]
pub fn inline_format_argument(x: u64) -> u64 {
    format!("{SCALE}{x}").parse().expect("digits")
}

const SCALE: u64 = «inline_format_argument: 1 ¦ 2»;

#[task(cache)]
pub fn inline_format_width(x: u64) -> u64 {
    format!("{x:PADDING$}").len() as u64
}

const PADDING: usize = «inline_format_width: 6 ¦ 7»;

#[task(cache)]
pub fn constant_inside_the_task(x: u64) -> u64 {
    const INSIDE: u64 = «constant_inside_the_task: 1 ¦ 2»;
    x + INSIDE
}

#[task(cache)]
pub fn constant_of_a_trait(x: u64) -> u64 {
    x + <Holder as Bounded>::BOUND
}

trait Bounded {
    const BOUND: u64 = «constant_of_a_trait -> constant_of_a_trait ~associated_constant: 1 ¦ 2»;
}

impl Bounded for Holder {}
