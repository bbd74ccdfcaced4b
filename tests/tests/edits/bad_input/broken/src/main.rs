//! Files that do not parse lie here; the compiler never sees them.

#[cfg(any())]
mod broken;
mod helper;

use daglite::prelude::*;

#[task(cache)]
fn beside_sources_that_do_not_parse(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([beside_sources_that_do_not_parse(3)]);
}
