//! An example with tasks of its own.

#[path = "shared/helper.rs"]
mod helper;

use daglite::prelude::*;

#[task(cache)]
fn in_an_example(x: u64) -> u64 {
    here(x)
}

fn here(x: u64) -> u64 {
    x + «in_an_example: 1 ¦ 2»
}

#[task(cache)]
fn in_a_module_of_an_example(x: u64) -> u64 {
    helper::there(x)
}

fn main() {
    report::show([in_an_example(3), in_a_module_of_an_example(3)]);
}
