//! Links lead in circles, folders look like files, and a pipe never ends.

mod helper;

use daglite::prelude::*;

#[task(cache)]
fn beside_links_in_circles(x: u64) -> u64 {
    helper::helper(x)
}

fn main() {
    report::show([beside_links_in_circles(3)]);
}
