//! A module of the path dependency in a file of its own.

pub mod round {
    pub fn circle(x: u64) -> u64 {
        x + «nested_module_of_a_path_dependency: 1 ¦ 2»
    }
}

pub fn of_the_macro(x: u64) -> u64 {
    x + «function_behind_an_exported_macro -> exported_macro_of_a_path_dependency exported_macro_by_another_name function_behind_an_exported_macro: 20 ¦ 30»
}

pub struct Square(pub u64);

impl std::ops::Mul<u64> for Square {
    type Output = u64;

    fn mul(self, factor: u64) -> u64 {
        self.0 * self.0 * factor + «operator_of_a_path_dependency: 1 ¦ 2»
    }
}
