//! Thousands of files lie here that nobody includes.

mod helper;

use daglite::prelude::*;

#[task(cache)]
fn among_five_thousand_files(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([among_five_thousand_files(3)]);
}
