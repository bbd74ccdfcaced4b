//! Code, values and conditions come from a build script.

mod named {
    include!(env!("NAMED"));
}

use daglite::prelude::*;

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

#[task(cache)]
fn from_a_generated_file(x: u64) -> u64 {
    generated_helper(x)
}

#[task(cache)]
fn from_a_file_that_a_variable_names(x: u64) -> u64 {
    named::named_helper(x)
}

#[task(cache)]
fn from_a_generated_file_of_a_path_dependency(x: u64) -> u64 {
    generated_helpers::generated(x)
}

#[task(cache)]
fn value_that_a_build_script_sets(x: u64) -> u64 {
    x + env!("STAMP").parse::<u64>().expect("a number")
}

#[task(cache)]
fn condition_that_a_build_script_sets(x: u64) -> u64 {
    x + speed()
}

macro_rules! asset {
    ($name:literal) => {
        include_str!(concat!("../assets/", $name))
    };
}

#[task(cache)]
fn file_that_a_macro_names(x: u64) -> u64 {
    x + asset!("by_macro.txt").len() as u64
}

#[cfg(fast)]
fn speed() -> u64 {
    2
}

#[cfg(not(fast))]
fn speed() -> u64 {
    1
}

fn main() {
    report::show([
        from_a_generated_file(3),
        from_a_file_that_a_variable_names(3),
        from_a_generated_file_of_a_path_dependency(3),
        value_that_a_build_script_sets(3),
        condition_that_a_build_script_sets(3),
        file_that_a_macro_names(3),
    ]);
}
