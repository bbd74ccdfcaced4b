//! Items that are known by other names than their own, and by other paths.

use self::renamed::original as known_as;
use daglite::prelude::*;
use globs::*;
use helpers::function as of_the_helpers;
use macros_too::exported as known_macro;

use super::imports::groups::{self as gang, one, two::{Deep as Shallow, three}};

mod macros_too {
    pub(super) use helpers::exported;
}

mod renamed {
    pub(super) fn original(x: u64) -> u64 {
        x + «item_behind_use_as: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn item_behind_use_as(x: u64) -> u64 {
    known_as(x)
}

mod globs {
    pub(super) use super::glob_of_a_glob::*;

    pub(super) fn behind_a_glob(x: u64) -> u64 {
        x + «item_behind_a_glob: 1 ¦ 2»
    }
}

mod glob_of_a_glob {
    pub(in crate::imports) use super::last::renamed_once as renamed_twice;

    pub(in crate::imports) fn behind_two_globs(x: u64) -> u64 {
        x + «item_behind_a_glob_of_a_glob: 1 ¦ 2»
    }
}

mod last {
    pub(in crate::imports) use self::first_name as renamed_once;

    pub(in crate::imports) fn first_name(x: u64) -> u64 {
        x + «reexport_of_a_reexport: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn item_behind_a_glob(x: u64) -> u64 {
    behind_a_glob(x)
}

#[task(cache)]
pub fn item_behind_a_glob_of_a_glob(x: u64) -> u64 {
    behind_two_globs(x)
}

#[task(cache)]
pub fn reexport_of_a_reexport(x: u64) -> u64 {
    renamed_twice(x)
}

mod groups {
    pub(super) fn zero(x: u64) -> u64 {
        x + «item_by_a_module_in_a_group: 1 ¦ 2»
    }

    pub(super) fn one(x: u64) -> u64 {
        x + «item_in_a_group: 1 ¦ 2»
    }

    pub(super) mod two {
        pub(in crate::imports) fn three(x: u64) -> u64 {
            x + «item_in_a_nested_group: 1 ¦ 2»
        }

        pub(in crate::imports) struct Deep;

        impl Deep {
            pub(in crate::imports) fn depth() -> u64 {
                «renamed_type: 1 ¦ 2»
            }
        }
    }
}

#[task(cache)]
pub fn item_by_a_module_in_a_group(x: u64) -> u64 {
    gang::zero(x)
}

#[task(cache)]
pub fn item_in_a_group(x: u64) -> u64 {
    one(x)
}

#[task(cache)]
pub fn item_in_a_nested_group(x: u64) -> u64 {
    three(x)
}

#[task(cache)]
pub fn renamed_type(x: u64) -> u64 {
    x + Shallow::depth()
}

#[task(cache)]
pub fn use_inside_the_task(x: u64) -> u64 {
    use crate::unrelated::for_use_inside as near;
    near(x)
}

#[task(cache)]
pub fn glob_inside_the_task(x: u64) -> u64 {
    use Direction::*;
    x + turned(Left)
}

enum Direction {
    Left,
}

fn turned(direction: Direction) -> u64 {
    use Direction::Left as L;
    match direction {
        L => «glob_inside_the_task: 1 ¦ 2»,
    }
}

#[task(cache)]
pub fn item_by_super(x: u64) -> u64 {
    below::up(x)
}

mod below {
    pub(super) fn up(x: u64) -> u64 {
        super::beside_the_module(x) + self::again(x)
    }

    fn again(x: u64) -> u64 {
        super::super::imports::beside_the_module(x)
    }
}

fn beside_the_module(x: u64) -> u64 {
    x + «item_by_super: 1 ¦ 2»
}

#[task(cache)]
pub fn reexport_at_the_root(x: u64) -> u64 {
    crate::at_the_root(x)
}

pub fn behind_the_root(x: u64) -> u64 {
    x + «reexport_at_the_root -> reexport_at_the_root from_the_binary_into_the_library: 1 ¦ 2»
}

#[task(cache)]
pub fn item_named_as_its_module(x: u64) -> u64 {
    same_name::same_name(x)
}

mod same_name {
    pub(super) fn same_name(x: u64) -> u64 {
        x + «item_named_as_its_module: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn raw_identifier(x: u64) -> u64 {
    r#match(x)
}

fn r#match(x: u64) -> u64 {
    x + «raw_identifier: 1 ¦ 2»
}

// From here on: items of path dependencies.

#[task(cache)]
pub fn function_of_a_path_dependency(x: u64) -> u64 {
    of_the_helpers(x)
}

#[task(cache)]
pub fn constant_of_a_path_dependency(x: u64) -> u64 {
    x + helpers::CONSTANT
}

#[task(cache)]
pub fn method_of_a_path_dependency(x: u64) -> u64 {
    helpers::Meter { value: x }.method()
}

#[task(cache)]
pub fn default_method_of_a_path_dependency(x: u64) -> u64 {
    use helpers::Grow;
    Seeded(x).grow()
}

struct Seeded(u64);

impl helpers::Grow for Seeded {
    fn seed(&self) -> u64 {
        self.0
    }
}

#[task(cache)]
pub fn function_of_a_path_dependency_that_calls_back(x: u64) -> u64 {
    helpers::calls_back(&|y| x + y)
}

#[task(cache)]
pub fn exported_macro_of_a_path_dependency(x: u64) -> u64 {
    helpers::exported!(x)
}

#[task(cache)]
pub fn exported_macro_by_another_name(x: u64) -> u64 {
    known_macro!(x)
}

#[task(cache)]
pub fn function_behind_an_exported_macro(x: u64) -> u64 {
    helpers::exported!(x) + 1
}

#[task(cache)]
pub fn nested_module_of_a_path_dependency(x: u64) -> u64 {
    helpers::shapes::round::circle(x)
}

#[task(cache)]
pub fn operator_of_a_path_dependency(x: u64) -> u64 {
    helpers::shapes::Square(x) * 2
}

#[task(cache)]
pub fn path_dependency_of_a_path_dependency(x: u64) -> u64 {
    helpers::reaches_further(x)
}

#[task(cache)]
pub fn reexport_of_a_path_dependency(x: u64) -> u64 {
    helpers::reexported(x)
}

#[task(cache)]
pub fn renamed_path_dependency(x: u64) -> u64 {
    second::function(x)
}
