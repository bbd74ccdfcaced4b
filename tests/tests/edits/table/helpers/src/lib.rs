//! A path dependency of the package with the tasks.

pub mod shapes;

pub use deeper::reexported;

pub const CONSTANT: u64 = «constant_of_a_path_dependency: 1 ¦ 2»;

pub fn function(x: u64) -> u64 {
    private_function(x) + 1
}

fn private_function(x: u64) -> u64 {
    x * «function_of_a_path_dependency: 3 ¦ 4»
}

pub struct Meter {
    pub value: u64,
}

impl Meter {
    pub fn method(&self) -> u64 {
        self.value + «method_of_a_path_dependency: 1 ¦ 2»
    }

    pub fn method_nobody_calls(&self) -> u64 {
        self.value * «unrelated_method_of_a_path_dependency -> nothing: 5 ¦ 6»
    }
}

pub trait Grow {
    fn seed(&self) -> u64;

    fn grow(&self) -> u64 {
        self.seed() + «default_method_of_a_path_dependency: 1 ¦ 2»
    }
}

pub fn calls_back(value: &dyn Fn(u64) -> u64) -> u64 {
    value(«function_of_a_path_dependency_that_calls_back: 1 ¦ 2»)
}

#[macro_export]
macro_rules! exported {
    ($value:expr) => {
        $crate::shapes::of_the_macro($value) + «exported_macro_of_a_path_dependency -> exported_macro_of_a_path_dependency exported_macro_by_another_name function_behind_an_exported_macro: 1 ¦ 2»
    };
}

#[cfg(feature = "resonant")]
pub fn loudness() -> u64 {
    11
}

#[cfg(not(feature = "resonant"))]
pub fn loudness() -> u64 {
    1
}

pub fn pitch() -> u64 {
    if cfg!(feature = "shrill") { 400 } else { 40 }
}

pub fn reaches_further(x: u64) -> u64 {
    deeper::further(x)
}

pub fn nobody_calls_this() -> u64 {
    «unrelated_function_of_a_path_dependency -> nothing: 1 ¦ 2»
}

pub fn under_another_name(x: u64) -> u64 {
    x + «extern_crate_by_another_name: 1 ¦ 2»
}

pub fn speaks(value: &dyn std::fmt::Display) -> String {
    value.to_string()
}
