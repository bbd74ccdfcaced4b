//! A module in a folder.

mod deepest;

pub fn deep(x: u64) -> u64 {
    deepest::deeper(x)
}
