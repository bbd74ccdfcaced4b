//! What the task reaches.

pub fn helper(x: u64) -> u64 {
    x + «among_five_thousand_files: 1 ¦ 2»
}
