//! Modules in files of their own, in every way that Rust finds them; and files that are no modules.

pub mod inner;
#[path = "../oddly/named.txt.rs"]
pub mod by_path;
#[cfg_attr(all(), path = "../oddly/conditional.rs")]
pub mod by_conditional_path;

pub mod inline {
    pub mod file;
    #[path = "beside.rs"]
    pub mod by_path_in_an_inline_module;
}

macro_rules! modules {
    ($($name:ident),*) => {
        $(pub mod $name;)*
    };
}
modules!(declared_by_a_macro);

macro_rules! items {
    (else { $($other:item)* } then { $($item:item)* }) => {
        $($item)*
    };
}
items! {
    else {
        pub mod never_there;
    }
    then {
        pub mod given_to_a_macro;
    }
}

use daglite::prelude::*;

#[task(cache)]
pub fn module_declared_by_a_macro(x: u64) -> u64 {
    declared_by_a_macro::found(x)
}

#[task(cache)]
pub fn module_given_to_a_macro(x: u64) -> u64 {
    given_to_a_macro::found(x)
}

#[task(cache)]
pub fn module_in_a_folder(x: u64) -> u64 {
    inner::deep(x)
}

#[task(cache)]
pub fn module_by_path(x: u64) -> u64 {
    by_path::found(x)
}

#[task(cache)]
pub fn module_by_conditional_path(x: u64) -> u64 {
    by_conditional_path::found(x)
}

#[task(cache)]
pub fn module_by_path_in_an_inline_module(x: u64) -> u64 {
    inline::by_path_in_an_inline_module::found(x)
}

#[task(cache)]
pub fn include_str_in_the_task(x: u64) -> u64 {
    x + include_str!("../../assets/text.txt").len() as u64
}

#[task(cache)]
pub fn include_bytes_in_a_helper(x: u64) -> u64 {
    x + read().iter().map(|&byte| u64::from(byte)).sum::<u64>()
}

fn read() -> &'static [u8] {
    include_bytes!("../../assets/bytes.bin")
}

#[task(cache)]
pub fn include_str_by_concat(x: u64) -> u64 {
    x + include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/by_concat.txt")).len() as u64
}

#[task(cache)]
pub fn include_of_an_expression(x: u64) -> u64 {
    x + include!("../../assets/expression.in")
}

include!("../../assets/items.in");

#[task(cache)]
pub fn include_of_items(x: u64) -> u64 {
    from_an_included_file(x)
}

#[task(cache)]
pub fn value_of_env(x: u64) -> u64 {
    x + env!("SCRATCH_WORD").parse::<u64>().expect("a number")
}

const WORD: &str = env!("SCRATCH_WORD");

#[task(cache)]
pub fn value_of_env_in_a_constant(x: u64) -> u64 {
    x + WORD.parse::<u64>().expect("a number")
}

#[task(cache)]
pub fn value_of_option_env(x: u64) -> u64 {
    x + option_env!("SCRATCH_OPTION").map_or(0, |text| text.parse().expect("a number"))
}

#[task(cache)]
pub fn version_as_text(x: u64) -> u64 {
    x + env!("CARGO_PKG_VERSION").bytes().map(u64::from).sum::<u64>()
}
