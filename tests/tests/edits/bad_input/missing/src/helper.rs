//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «beside_sources_that_are_missing: 1 ¦ 2»
}
