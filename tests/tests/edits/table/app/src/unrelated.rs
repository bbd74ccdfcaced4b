//! What no task reaches but for one function, and edits that mean nothing.

use daglite::prelude::*;

«order_of_imports -> nothing: use std::collections::BTreeMap;
use std::fmt::Write as _; ¦ use std::fmt::Write as _;
use std::collections::BTreeMap;»

pub fn for_use_inside(x: u64) -> u64 {
    x + «use_inside_the_task: 1 ¦ 2»
}

#[task(cache)]
pub fn comment_in_the_body(x: u64) -> u64 {
    // «comment_in_the_body -> nothing: One. ¦ Another.»
    x + 1«comment_at_the_end_of_a_line -> nothing: ¦ // added»
}

/// «doc_comment_of_a_task -> nothing: One. ¦ Another.»
#[task(cache)]
pub fn doc_comment_of_a_task(x: u64) -> u64 {
    documented(x) + Documented { field: 1 }.field
}

/// «doc_comment_of_a_helper -> nothing: One. ¦ Another.»
fn documented(x: u64) -> u64 {
    x + 1
}

/// «doc_comment_of_a_type -> nothing: One. ¦ Another.»
struct Documented {
    /// «doc_comment_of_a_field -> nothing: One. ¦ Another.»
    field: u64,
}

#[task(cache)]
pub fn doc_comment_of_a_type_with_derives(x: u64) -> u64 {
    Derived { field: x }.clone().field
}

/// «doc_comment_of_a_type_with_derives -> nothing: One. ¦ Another.»
#[derive(Debug, Clone)]
struct Derived {
    /// «doc_comment_of_a_field_of_a_type_with_derives -> nothing: One. ¦ Another.»
    field: u64,
}

#[task(cache)]
pub fn blank_lines(x: u64) -> u64 {
    let y = x;«blank_lines -> nothing: ¦


»
    spaced(y)
}

fn spaced(x: u64) -> u64 {«blank_lines_in_a_helper -> nothing: ¦

»
    x + 1
}

«order_of_functions -> nothing: fn first_written(x: u64) -> u64 {
    x + 1
}

fn second_written(x: u64) -> u64 {
    x + 2
} ¦ fn second_written(x: u64) -> u64 {
    x + 2
}

fn first_written(x: u64) -> u64 {
    x + 1
}»

#[task(cache)]
pub fn order_of_functions(x: u64) -> u64 {
    first_written(second_written(x))
}

#[task(cache)]
pub fn layout(x: u64) -> u64 {
    let add =
        «layout -> nothing: |y: u64, z: u64| y + z ¦ |y: u64, z: u64,| { y + z }»;
    let mut values = BTreeMap::new();
    values.insert(1u64, x);
    let text = String::new();
    let mut text = text;
    write!(text, "{x}").expect("a string takes all");
    match x {
        «leading_pipe -> nothing: 0 | 1 ¦ | 0 | 1» => add(x, 1),
        _ => {
            return add(x, laid_out(text.len() as u64,«trailing_comma -> nothing: values[&1] ¦ values[&1],»));
        }
    }
}

fn laid_out(x: u64, y: u64) -> u64 {
    «layout_of_a_helper -> nothing: x + y ¦ x
        +
        y»
}

pub fn nobody_calls_this(x: u64) -> u64 {
    x + «unrelated_function -> nothing: 1 ¦ 2»
}

pub struct NobodyHasThis {
    pub value: «unrelated_type -> nothing: u8 ¦ u16»,
}

pub const NOBODY_READS_THIS: u64 = «unrelated_constant -> nothing: 1 ¦ 2»;

#[task(cache)]
pub fn a_task_beside_the_others(x: u64) -> u64 {
    x + «unrelated_task -> a_task_beside_the_others: 1 ¦ 2»
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_the_package_itself() {
        assert_eq!(super::nobody_calls_this(1), «unrelated_test -> nothing: 2 ¦ 3»);
    }
}

«added_function -> nothing: ¦ pub fn added(x: u64) -> u64 {
    x
}»

«added_use -> nothing: ¦ pub use std::collections::BTreeSet;»

pub fn number_from_a_registry() -> u64 {
    spare::number()
}
