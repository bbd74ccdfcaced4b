//! A module that no task reaches.

pub fn only_here() -> u64 {
    «unrelated_module -> nothing: 1 ¦ 2»
}
