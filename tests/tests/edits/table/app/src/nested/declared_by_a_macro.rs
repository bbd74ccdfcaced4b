//! Found through a macro alone.

pub fn found(x: u64) -> u64 {
    x + «module_declared_by_a_macro: 1 ¦ 2»
}
