//! Found by `#[path]`.

pub fn found(x: u64) -> u64 {
    x + «module_by_path_in_an_inline_module: 1 ¦ 2»
}
