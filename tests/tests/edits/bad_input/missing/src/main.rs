//! Modules are named that have no file.

#[cfg(any())]
mod missing;
#[cfg(any())]
#[path = "/nowhere/to/be/found.rs"]
mod missing_by_path;
mod helper;

use daglite::prelude::*;

#[task(cache)]
fn beside_sources_that_are_missing(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([beside_sources_that_are_missing(3)]);
}
