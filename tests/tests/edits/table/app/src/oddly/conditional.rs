//! Found by `#[path]`.

pub fn found(x: u64) -> u64 {
    x + «module_by_conditional_path: 1 ¦ 2»
}
