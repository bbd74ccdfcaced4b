//! A path dependency of a path dependency.

pub fn further(x: u64) -> u64 {
    x + «path_dependency_of_a_path_dependency: 1 ¦ 2»
}

pub fn reexported(x: u64) -> u64 {
    x + «reexport_of_a_path_dependency: 1 ¦ 2»
}
