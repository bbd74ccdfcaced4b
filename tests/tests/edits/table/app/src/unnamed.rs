//! Traits of the standard library that are called without being named: by formatting, by the end of a block, by loops.

use std::fmt;
use std::ops::Deref;

use daglite::prelude::*;

#[task(cache)]
pub fn display_in_format(x: u64) -> u64 {
    format!("{}", Shown(x)).len() as u64
}

struct Shown(u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«display_in_format: ¦ value» {}", self.0)
    }
}

#[task(cache)]
pub fn display_by_to_string(x: u64) -> u64 {
    Printed(x).to_string().len() as u64
}

struct Printed(u64);

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«display_by_to_string: ¦ value» {}", self.0)
    }
}

#[task(cache)]
pub fn debug_in_format(x: u64) -> u64 {
    let value = Some(Looked(x));
    format!("{value:?}").len() as u64
}

struct Looked(u64);

impl fmt::Debug for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«debug_in_format: ¦ value» {}", self.0)
    }
}

#[task(cache)]
pub fn drop_with_an_effect(x: u64) -> u64 {
    let mut sum = x;
    drop(Closing(&mut sum));
    sum
}

struct Closing<'a>(&'a mut u64);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        *self.0 += «drop_with_an_effect: 1 ¦ 2»;
    }
}

#[task(cache)]
pub fn drop_at_the_end_of_a_block(x: u64) -> u64 {
    let mut sum = x;
    {
        let _guard = guard(&mut sum);
    }
    sum
}

fn guard(sum: &mut u64) -> impl Sized + '_ {
    Guard { sum }
}

struct Guard<'a> {
    sum: &'a mut u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        *self.sum += «drop_at_the_end_of_a_block: 1 ¦ 2»;
    }
}

#[task(cache)]
pub fn deref(x: u64) -> u64 {
    *Pointer { x, y: x + 1 }
}

struct Pointer {
    x: u64,
    y: u64,
}

impl Deref for Pointer {
    type Target = u64;

    fn deref(&self) -> &u64 {
        let _ = (&self.x, &self.y);
        &self.«deref: x ¦ y»
    }
}

#[task(cache)]
pub fn method_through_deref(x: u64) -> u64 {
    Smart(Target { x }).through()
}

struct Smart(Target);

impl Deref for Smart {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.0
    }
}

struct Target {
    x: u64,
}

impl Target {
    fn through(&self) -> u64 {
        self.x + «method_through_deref: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn iterator_in_a_for_loop(x: u64) -> u64 {
    let mut sum = 0;
    for value in Down(x) {
        sum += value;
    }
    sum
}

struct Down(u64);

impl Iterator for Down {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0 + «iterator_in_a_for_loop: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn into_iterator_in_a_for_loop(x: u64) -> u64 {
    let mut sum = 0;
    for value in &Basket(vec![x]) {
        sum += value;
    }
    sum
}

struct Basket(Vec<u64>);

impl<'a> IntoIterator for &'a Basket {
    type Item = u64;
    type IntoIter = std::vec::IntoIter<u64>;

    fn into_iter(self) -> Self::IntoIter {
        vec![self.0[0], «into_iterator_in_a_for_loop: 1 ¦ 2»].into_iter()
    }
}

#[task(cache)]
pub fn from_iterator_by_collect(x: u64) -> u64 {
    let collected: Collected = [x, 1].into_iter().collect();
    collected.0
}

struct Collected(u64);

impl FromIterator<u64> for Collected {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        Self(values.into_iter().sum::<u64>() + «from_iterator_by_collect: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn sum_of_an_iterator(x: u64) -> u64 {
    [Coin(x), Coin(1)].into_iter().sum::<Coin>().0
}

struct Coin(u64);

impl std::iter::Sum for Coin {
    fn sum<I: Iterator<Item = Self>>(coins: I) -> Self {
        Self(coins.map(|coin| coin.0 + «sum_of_an_iterator: 1 ¦ 2»).sum())
    }
}

#[task(cache)]
pub fn extend(x: u64) -> u64 {
    let mut grown = Grown(x);
    grown.extend([1, 2]);
    grown.0
}

struct Grown(u64);

impl Extend<u64> for Grown {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, values: I) {
        self.0 += values.into_iter().sum::<u64>() + «extend: 1 ¦ 2»;
    }
}
