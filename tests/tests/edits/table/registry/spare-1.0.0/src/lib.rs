//! Version 1.0.0 of a dependency that no task reaches.

pub fn number() -> u64 {
    0
}
