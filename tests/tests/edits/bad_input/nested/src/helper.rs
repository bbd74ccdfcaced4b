//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «beside_sources_that_are_nested_deeply: 1 ¦ 2»
}
