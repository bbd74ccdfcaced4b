//! A test target with a task of its own.

use daglite::prelude::*;

#[task(cache)]
fn in_a_test(x: u64) -> u64 {
    here(x)
}

fn here(x: u64) -> u64 {
    x + «in_a_test: 1 ¦ 2»
}

fn main() {
    report::show([in_a_test(3)]);
}
