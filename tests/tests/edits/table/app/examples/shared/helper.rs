//! A module that examples share.

pub fn there(x: u64) -> u64 {
    x + «in_a_module_of_an_example: 1 ¦ 2»
}
