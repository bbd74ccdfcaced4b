//! Twice, since the compiler advises a generic parameter for one of the two functions that the type stands in.

use daglite::task;

#[task(cache)]
fn use_it(value: Modle) -> u32 {
    drop(value);
    1
}

fn main() {}
