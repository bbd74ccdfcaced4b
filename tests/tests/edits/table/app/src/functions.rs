//! Functions, and what of them is named where.

use daglite::prelude::*;

#[task(cache)]
pub fn body_literal(x: u64) -> u64 {
    x + «body_literal: 1 ¦ 2»
}

#[task(cache)]
pub fn helper_body(x: u64) -> u64 {
    lift(x)
}

fn lift(x: u64) -> u64 {
    x + «helper_body: 10 ¦ 11»
}

#[task(cache)]
pub fn helper_of_a_helper(x: u64) -> u64 {
    first_step(x)
}

fn first_step(x: u64) -> u64 {
    second_step(x) + 1
}

fn second_step(x: u64) -> u64 {
    third_step(x) + 1
}

fn third_step(x: u64) -> u64 {
    x + «helper_of_a_helper: 1 ¦ 2»
}

#[task(cache)]
pub fn generic_helper(x: u64) -> u64 {
    doubled(x) + u64::from(doubled(3u8))
}

fn doubled<T: std::ops::Add<Output = T> + Copy>(x: T) -> T {
    x + x«generic_helper: ¦ + x»
}

#[task(cache)]
pub fn helpers_that_call_each_other(x: u64) -> u64 {
    down(x)
}

fn down(x: u64) -> u64 {
    if x == 0 { 0 } else { 1 + down_again(x - 1) }
}

fn down_again(x: u64) -> u64 {
    if x == 0 { «helpers_that_call_each_other: 0 ¦ 5» } else { 1 + down(x - 1) }
}

#[task(cache)]
pub fn constant_function(x: u64) -> u64 {
    const AT_COMPILE_TIME: u64 = computed_early(4);
    x + AT_COMPILE_TIME
}

const fn computed_early(x: u64) -> u64 {
    x * «constant_function: 2 ¦ 3»
}

#[task(cache)]
pub fn function_inside_the_task(x: u64) -> u64 {
    fn inner(x: u64) -> u64 {
        x + «function_inside_the_task: 1 ¦ 2»
    }
    inner(x)
}

#[task(cache)]
pub fn helper_of_a_function_inside_the_task(x: u64) -> u64 {
    fn inner(x: u64) -> u64 {
        outside(x)
    }
    inner(x)
}

fn outside(x: u64) -> u64 {
    x + «helper_of_a_function_inside_the_task: 1 ¦ 2»
}

#[task(cache)]
pub fn function_named_as_a_value(x: u64) -> u64 {
    [x].into_iter().map(mapped).sum()
}

fn mapped(x: u64) -> u64 {
    x * «function_named_as_a_value: 2 ¦ 3»
}

#[task(cache)]
pub fn method_named_as_a_value(x: u64) -> u64 {
    [Gauge(x)].iter().map(Gauge::level).sum()
}

struct Gauge(u64);

impl Gauge {
    fn level(&self) -> u64 {
        self.0 + «method_named_as_a_value: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn function_in_a_table(x: u64) -> u64 {
    TABLE.iter().map(|(_, function)| function(x)).sum()
}

static TABLE: [(&str, fn(u64) -> u64); 2] = [("one", in_the_table), ("two", in_the_table_too)];

fn in_the_table(x: u64) -> u64 {
    x + 1
}

fn in_the_table_too(x: u64) -> u64 {
    x + «function_in_a_table: 2 ¦ 3»
}

#[task(cache)]
pub fn closure_in_a_constant(x: u64) -> u64 {
    CLOSURE(x)
}

const CLOSURE: fn(u64) -> u64 = |x| x + «closure_in_a_constant: 1 ¦ 2»;

#[task(cache)]
pub fn helper_in_a_closure(x: u64) -> u64 {
    let add = |y| in_a_closure(x) + y;
    add(1)
}

fn in_a_closure(x: u64) -> u64 {
    x + «helper_in_a_closure: 1 ¦ 2»
}

#[task(cache)]
pub fn function_that_returns_a_closure(x: u64) -> u64 {
    adder(1)(x)
}

fn adder(y: u64) -> impl Fn(u64) -> u64 {
    move |x| x + y + «function_that_returns_a_closure: 1 ¦ 2»
}

#[task(cache)]
pub async fn helper_of_an_async_task(x: u64) -> u64 {
    awaited(x).await
}

async fn awaited(x: u64) -> u64 {
    x + «helper_of_an_async_task: 1 ¦ 2»
}

#[task(cache)]
pub fn helper_of_a_task_that_can_fail(x: u64) -> Result<u64, std::num::ParseIntError> {
    Ok(x + parsed()?)
}

fn parsed() -> Result<u64, std::num::ParseIntError> {
    "«helper_of_a_task_that_can_fail: 12 ¦ 13»".parse()
}

#[task(cache)]
pub fn task_called_by_a_task(x: u64) -> u64 {
    x + «inner_task -> task_called_by_a_task task_that_calls_a_task: 1 ¦ 2»
}

#[task(cache)]
pub fn task_that_calls_a_task(x: u64) -> u64 {
    task_called_by_a_task(x).run().expect("it cannot fail") + 1
}

#[task(cache, cache_hash_params(x = rounded))]
pub fn hash_of_a_parameter(x: u64) -> u64 {
    x + 1
}

fn rounded(x: &u64) -> u64 {
    x % «hash_of_a_parameter (same answer): 10 ¦ 100»
}

#[task(cache, cache_hash = both)]
pub fn hash_of_all_parameters(x: u64, y: u64) -> u64 {
    x + y
}

fn both(x: &u64, y: &u64) -> u64 {
    x % «hash_of_all_parameters (same answer): 10 ¦ 100» + y
}

#[task(cache)]
pub fn generic_argument<T>(x: u64) -> u64 {
    x + size_of::<T>() as u64
}

#[task(cache)]
pub fn associated_constant_of_a_generic_argument<T: Sized_>(x: u64) -> u64 {
    x + T::SIZE
}

pub trait Sized_ {
    const SIZE: u64;
}

pub struct Small;

impl Sized_ for Small {
    const SIZE: u64 = «associated_constant_of_a_generic_argument: 1 ¦ 2»;
}

#[task(cache)]
pub fn local_names(x: u64) -> u64 {
    let lower = x + 1;
    let upper = |y: u64| y + 2;
    upper(lower)
}
