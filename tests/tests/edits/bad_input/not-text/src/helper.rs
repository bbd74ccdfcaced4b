//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «beside_sources_that_are_no_text: 1 ¦ 2»
}
