//! What `macro_rules!` write and call.

use daglite::prelude::*;

macro_rules! plus {
    ($value:expr) => {
        $value + «macro_body: 1 ¦ 2»
    };
}

#[task(cache)]
pub fn macro_body(x: u64) -> u64 {
    plus!(x)
}

macro_rules! outer_macro {
    ($value:expr) => {
        inner_macro!($value) + 1
    };
}

macro_rules! inner_macro {
    ($value:expr) => {
        $value + «macro_in_a_macro: 1 ¦ 2»
    };
}

#[task(cache)]
pub fn macro_in_a_macro(x: u64) -> u64 {
    outer_macro!(x)
}

macro_rules! calls_a_function {
    ($value:expr) => {
        only_in_the_macro($value)
    };
}

#[task(cache)]
pub fn function_named_in_a_macro(x: u64) -> u64 {
    calls_a_function!(x)
}

fn only_in_the_macro(x: u64) -> u64 {
    x + «function_named_in_a_macro: 1 ¦ 2»
}

macro_rules! keep {
    ($value:expr) => {
        $value
    };
}

#[task(cache)]
pub fn function_in_the_arguments_of_a_macro(x: u64) -> u64 {
    keep!(given_to_a_macro(x))
}

fn given_to_a_macro(x: u64) -> u64 {
    x + «function_in_the_arguments_of_a_macro: 1 ¦ 2»
}

#[task(cache)]
pub fn function_in_the_arguments_of_assert(x: u64) -> u64 {
    assert!(checked_twice(x) > 0);
    vec![checked_twice(x)][0]
}

fn checked_twice(x: u64) -> u64 {
    x + «function_in_the_arguments_of_assert: 1 ¦ 2»
}

macro_rules! functions {
    ($($name:ident => $value:expr;)*) => {
        $(fn $name(x: u64) -> u64 {
            x + $value + «function_made_by_a_macro: 1 ¦ 2»
        })*
    };
}

functions! {
    made_by_a_macro => 1;
}

#[task(cache)]
pub fn function_made_by_a_macro(x: u64) -> u64 {
    made_by_a_macro(x)
}

macro_rules! more_functions {
    ($($name:ident => $value:expr;)*) => {
        $(fn $name(x: u64) -> u64 {
            x + $value
        })*
    };
}

more_functions! {
    made_by_arguments => «function_made_by_arguments_of_a_macro: 1 ¦ 2»;
}

#[task(cache)]
pub fn function_made_by_arguments_of_a_macro(x: u64) -> u64 {
    made_by_arguments(x)
}

trait Unit {
    fn unit(&self) -> u64;
}

macro_rules! unit {
    ($($ty:ty => $value:expr),*) => {
        $(impl Unit for $ty {
            fn unit(&self) -> u64 {
                $value + «impl_made_by_a_macro: 1 ¦ 2»
            }
        })*
    };
}

struct Second;
unit!(Second => 1);

#[task(cache)]
pub fn impl_made_by_a_macro(x: u64) -> u64 {
    x + Second.unit()
}

trait Symbol {
    fn symbol(&self) -> u64;
}

macro_rules! symbol {
    ($($ty:ty => $value:expr),*) => {
        $(impl Symbol for $ty {
            fn symbol(&self) -> u64 {
                $value
            }
        })*
    };
}

struct Kelvin;
symbol!(Kelvin => «impl_made_by_arguments_of_a_macro: 1 ¦ 2»);

#[task(cache)]
pub fn impl_made_by_arguments_of_a_macro(x: u64) -> u64 {
    x + Kelvin.symbol()
}

macro_rules! newtype {
    ($name:ident) => {
        struct $name(u64);

        impl $name {
            fn unwrap_it(&self) -> u64 {
                self.0 + «type_made_by_a_macro: 1 ¦ 2»
            }
        }
    };
}

newtype!(Stamp);

#[task(cache)]
pub fn type_made_by_a_macro(x: u64) -> u64 {
    Stamp(x).unwrap_it()
}

macro_rules! task_of_a_macro {
    ($name:ident) => {
        #[task(cache)]
        pub fn $name(x: u64) -> u64 {
            called_by_a_made_task(x)
        }
    };
}

task_of_a_macro!(task_made_by_a_macro);

fn called_by_a_made_task(x: u64) -> u64 {
    x + «task_made_by_a_macro: 1 ¦ 2»
}

#[task(cache)]
pub fn macro_inside_the_task(x: u64) -> u64 {
    macro_rules! inside {
        ($value:expr) => {
            by_the_inner_macro($value)
        };
    }
    inside!(x)
}

fn by_the_inner_macro(x: u64) -> u64 {
    x + «macro_inside_the_task: 1 ¦ 2»
}

mod with_a_macro {
    #[macro_export]
    macro_rules! exported_by_the_crate {
        ($value:expr) => {
            $crate::macros::of_the_crate($value)
        };
    }
}

#[task(cache)]
pub fn macro_by_its_path(x: u64) -> u64 {
    crate::exported_by_the_crate!(x)
}

pub fn of_the_crate(x: u64) -> u64 {
    x + «macro_by_its_path: 1 ¦ 2»
}

#[task(cache)]
pub fn derive_of_a_path_dependency(x: u64) -> u64 {
    WithDerive(x).derived()
}

#[derive(derives::Derived)]
struct WithDerive(u64);

#[task(cache)]
pub fn function_like_macro_of_a_path_dependency(x: u64) -> u64 {
    derives::increased!(x)
}

#[task(cache)]
pub fn attribute_of_a_path_dependency(x: u64) -> u64 {
    x + rewritten()
}

#[derives::doubled]
fn rewritten() -> u64 {
    111
}
