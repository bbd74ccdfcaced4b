//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «beside_sources_that_do_not_parse: 1 ¦ 2»
}
