//! Version 1.0.1 of a dependency that no task reaches.

pub fn number() -> u64 {
    1
}
