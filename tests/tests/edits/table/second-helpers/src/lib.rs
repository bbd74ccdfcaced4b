//! A path dependency that its user knows by another name.

pub fn function(x: u64) -> u64 {
    x + «renamed_path_dependency: 1 ¦ 2»
}
