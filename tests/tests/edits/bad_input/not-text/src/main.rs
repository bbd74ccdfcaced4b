//! Files are not UTF-8, or do not even have a name in it.

#[cfg(any())]
mod latin;
mod helper;

use daglite::prelude::*;

#[task(cache)]
fn beside_sources_that_are_no_text(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([beside_sources_that_are_no_text(3)]);
}
