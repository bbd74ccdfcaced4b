//! A module of the binary.

use daglite::prelude::*;

#[task(cache)]
pub fn in_a_module_of_the_binary(x: u64) -> u64 {
    crate::of_the_binary::helper(x)
}

fn helper(x: u64) -> u64 {
    x + «in_a_module_of_the_binary: 1 ¦ 2»
}
