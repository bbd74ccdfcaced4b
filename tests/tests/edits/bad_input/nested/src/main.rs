//! A file has more brackets than a parser can stack.

#[cfg(any())]
mod deep;
mod helper;

use daglite::prelude::*;

#[task(cache)]
fn beside_sources_that_are_nested_deeply(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([beside_sources_that_are_nested_deeply(3)]);
}
