//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «beside_links_in_circles: 1 ¦ 2»
}
