//! Version 1.0.1 of what a used dependency depends on.

pub fn size() -> u64 {
    10 * (1 + 1)
}
