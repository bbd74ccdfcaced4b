//! The deepest module.

pub fn deeper(x: u64) -> u64 {
    x + «module_in_a_folder: 1 ¦ 2»
}
