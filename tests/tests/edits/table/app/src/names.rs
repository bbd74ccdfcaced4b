//! Names that mean something else than it seems.

use daglite::prelude::*;

extern crate helpers as aid;
extern crate self as me;

#[task(cache)]
pub fn extern_crate_by_another_name(x: u64) -> u64 {
    aid::under_another_name(x)
}

#[task(cache)]
pub fn own_crate_by_another_name(x: u64) -> u64 {
    me::names::behind_another_name(x)
}

pub fn behind_another_name(x: u64) -> u64 {
    x + «own_crate_by_another_name: 1 ¦ 2»
}

mod left {
    pub(super) fn twin(x: u64) -> u64 {
        x + «one_of_two_with_the_same_name: 1 ¦ 2»
    }
}

mod right {
    pub(super) fn twin(x: u64) -> u64 {
        x + «the_other_of_two_with_the_same_name: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn one_of_two_with_the_same_name(x: u64) -> u64 {
    left::twin(x)
}

#[task(cache)]
pub fn the_other_of_two_with_the_same_name(x: u64) -> u64 {
    use right::twin;
    twin(x)
}

mod star {
    pub(super) fn preferred(_: u64) -> u64 {
        100
    }
}

#[task(cache)]
pub fn item_before_a_glob(x: u64) -> u64 {
    chosen::call(x)
}

mod chosen {
    #[expect(unused_imports)]
    use super::star::*;

    fn preferred(x: u64) -> u64 {
        x + «item_before_a_glob: 1 ¦ 2»
    }

    pub(super) fn call(x: u64) -> u64 {
        preferred(x)
    }
}

#[task(cache)]
pub fn block_that_hides_an_item(x: u64) -> u64 {
    let before = hidden_by_a_block(x);
    {
        fn hidden_by_a_block(x: u64) -> u64 {
            x + 10
        }
        before + hidden_by_a_block(x)
    }
}

fn hidden_by_a_block(x: u64) -> u64 {
    x + «block_that_hides_an_item: 1 ¦ 2»
}

#[task(cache)]
pub fn local_that_is_named_as_a_function(x: u64) -> u64 {
    let named_twice = named_twice(x);
    named_twice + 1
}

fn named_twice(x: u64) -> u64 {
    x + «local_that_is_named_as_a_function: 1 ¦ 2»
}

#[task(cache)]
pub fn parameter_that_is_named_as_a_function(unrelated_by_name: u64) -> u64 {
    unrelated_by_name + 1
}

/// The task's parameter hides it.
pub fn unrelated_by_name(x: u64) -> u64 {
    x + «function_that_a_parameter_hides -> nothing: 1 ¦ 2»
}

#[task(cache)]
pub fn field_that_is_named_as_a_function(x: u64) -> u64 {
    Fielded { only_a_field: x }.only_a_field
}

struct Fielded {
    only_a_field: u64,
}

pub fn only_a_field(x: u64) -> u64 {
    x + «function_that_is_named_as_a_field -> nothing: 1 ¦ 2»
}

#[task(cache)]
pub fn text_that_names_a_function(x: u64) -> u64 {
    x + "only_in_a_text".len() as u64
}

pub fn only_in_a_text(x: u64) -> u64 {
    x + «function_that_a_text_names -> nothing: 1 ¦ 2»
}

#[task(cache)]
pub fn method_named_like_one_of_std(x: u64) -> u64 {
    Lengthy(x).len() + Lengthy(x).iter().sum() + Lengthy(x).unwrap()
}

struct Lengthy(u64);

impl Lengthy {
    fn len(&self) -> u64 {
        self.0 + «method_named_like_one_of_std: 1 ¦ 2»
    }

    fn iter(&self) -> Self {
        Self(self.0)
    }

    fn sum(&self) -> u64 {
        self.0
    }

    fn unwrap(self) -> u64 {
        self.0
    }
}

#[task(cache)]
pub fn type_named_like_one_of_std(x: u64) -> u64 {
    own_vec::Vec::new(x).0
}

mod own_vec {
    pub(super) struct Vec(pub(super) u64);

    impl Vec {
        pub(super) fn new(x: u64) -> Self {
            Self(x + «type_named_like_one_of_std: 1 ¦ 2»)
        }
    }
}

#[task(cache)]
pub fn macro_named_like_one_of_std(x: u64) -> u64 {
    own_macros::call(x)
}

mod own_macros {
    macro_rules! vec {
        ($value:expr) => {
            $value + «macro_named_like_one_of_std: 1 ¦ 2»
        };
    }

    pub(super) fn call(x: u64) -> u64 {
        vec!(x)
    }
}

macro_rules! defined_twice {
    () => {
        «unrelated_macro_of_the_same_name -> macro_that_is_defined_again ~macro_after_it_is_defined_again: 100 ¦ 200»
    };
}

#[task(cache)]
pub fn macro_that_is_defined_again(x: u64) -> u64 {
    x + defined_twice!()
}

macro_rules! defined_twice {
    () => {
        «macro_of_the_same_name_further_down -> macro_after_it_is_defined_again ~macro_that_is_defined_again: 1 ¦ 2»
    };
}

#[task(cache)]
pub fn macro_after_it_is_defined_again(x: u64) -> u64 {
    x + defined_twice!()
}

#[task(cache)]
pub fn inline_format_argument_in_a_macro(x: u64) -> u64 {
    own_format!("{GIVEN_TO_A_MACRO}{x}").parse().expect("digits")
}

macro_rules! own_format_below {
    ($($part:tt)*) => {
        format!($($part)*)
    };
}
use own_format_below as own_format;

const GIVEN_TO_A_MACRO: u64 = «inline_format_argument_in_a_macro: 1 ¦ 2»;

#[task(cache)]
pub fn inline_format_precision(x: u64) -> u64 {
    format!("{:.PRECISION$}", x as f64).len() as u64
}

const PRECISION: usize = «inline_format_precision: 3 ¦ 4»;

#[task(cache)]
pub fn macro_that_makes_a_path(x: u64) -> u64 {
    macro_rules! call {
        ($module:ident, $name:ident) => {
            $module::$name(x_of!())
        };
    }
    macro_rules! x_of {
        () => {
            3
        };
    }
    x + call!(made_paths, target)
}

mod made_paths {
    pub(super) fn target(x: u64) -> u64 {
        x + «macro_that_makes_a_path: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn module_inside_the_task(x: u64) -> u64 {
    mod inside {
        pub(super) fn call(x: u64) -> u64 {
            super::beside_the_task(x)
        }
    }
    inside::call(x)
}

fn beside_the_task(x: u64) -> u64 {
    x + «module_inside_the_task: 1 ¦ 2»
}

#[task(cache)]
pub fn variant_as_a_function(x: u64) -> u64 {
    [x].into_iter().map(Shape::Square).map(|shape| shape.area()).sum()
}

enum Shape {
    Square(u64),
}

impl Shape {
    fn area(&self) -> u64 {
        let Self::Square(side) = self;
        side * «variant_as_a_function: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn cfg_in_an_expression(x: u64) -> u64 {
    let mut sum = x;
    #[cfg(not(feature = "loud"))]
    {
        sum += quietly();
    }
    sum
}

#[cfg_attr(feature = "loud", expect(dead_code))]
fn quietly() -> u64 {
    1
}

#[macro_use]
mod with_macros {
    macro_rules! from_a_module {
        ($value:expr) => {
            $value + «macro_by_macro_use: 1 ¦ 2»
        };
    }
}

#[task(cache)]
pub fn macro_by_macro_use(x: u64) -> u64 {
    from_a_module!(x)
}

#[task(cache)]
pub fn task_in_a_private_module(x: u64) -> u64 {
    private::inner_task(x).run().expect("it cannot fail")
}

mod private {
    use daglite::prelude::*;

    #[task(cache)]
    pub(super) fn inner_task(x: u64) -> u64 {
        x + «task_in_a_private_module: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn unit_struct_as_a_value(x: u64) -> u64 {
    let marker = Marker;
    marker.value() + x
}

struct Marker;

impl Marker {
    fn value(self) -> u64 {
        «unit_struct_as_a_value: 1 ¦ 2»
    }
}
