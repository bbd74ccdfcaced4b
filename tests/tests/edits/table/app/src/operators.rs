//! Traits of the standard library that operators, sorts, sets and maps call.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::{Add, AddAssign, Index, Neg};
use std::sync::Mutex;

use daglite::prelude::*;

#[task(cache)]
pub fn operator(x: u64) -> u64 {
    (Money(x) + Money(1)).0
}

struct Money(u64);

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0 + «operator: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn assigning_operator(x: u64) -> u64 {
    let mut sum = Total(x);
    sum += 1;
    sum.0
}

struct Total(u64);

impl AddAssign<u64> for Total {
    fn add_assign(&mut self, other: u64) {
        self.0 += other + «assigning_operator: 1 ¦ 2»;
    }
}

#[task(cache)]
pub fn unary_operator(x: u64) -> u64 {
    (-Signed(x)).0
}

struct Signed(u64);

impl Neg for Signed {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0 + «unary_operator: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn index(x: u64) -> u64 {
    x + Shelf([1, 2, 3])[0]
}

struct Shelf([u64; 3]);

impl Index<usize> for Shelf {
    type Output = u64;

    fn index(&self, at: usize) -> &u64 {
        &self.0[at + «index: 0 ¦ 1»]
    }
}

#[task(cache)]
pub fn equality(x: u64) -> u64 {
    u64::from(Near(x) == Near(x + 1))
}

struct Near(u64);

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        self.0.abs_diff(other.0) < «equality: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn comparison(x: u64) -> u64 {
    u64::from(Rank(x) < Rank(x + 1))
}

#[derive(PartialEq)]
struct Rank(u64);

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        «comparison: self.0.partial_cmp(&other.0) ¦ other.0.partial_cmp(&self.0)»
    }
}

#[task(cache)]
pub fn order_of_a_sort(x: u64) -> u64 {
    let mut cards = vec![Card(1), Card(x), Card(2)];
    cards.sort();
    cards[0].0
}

#[derive(PartialEq, Eq)]
struct Card(u64);

impl PartialOrd for Card {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Card {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        «order_of_a_sort: self.0.cmp(&other.0) ¦ other.0.cmp(&self.0)»
    }
}

#[task(cache)]
pub fn order_of_a_set(x: u64) -> u64 {
    let chips: BTreeSet<_> = [Chip(1), Chip(x), Chip(2)].into();
    chips.first().map_or(0, |chip| chip.0)
}

#[derive(PartialEq, Eq)]
struct Chip(u64);

impl PartialOrd for Chip {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Chip {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        «order_of_a_set: self.0.cmp(&other.0) ¦ other.0.cmp(&self.0)»
    }
}

#[task(cache)]
pub fn hash_of_a_set(x: u64) -> u64 {
    let parts: HashSet<_> = [Part(x), Part(x + 1), Part(x + 2)].into();
    parts.len() as u64
}

#[derive(Clone, Copy)]
struct Part(u64);

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.0 / «hash_of_a_set: 1 ¦ 10» == other.0 / «hash_of_a_set: 1 ¦ 10»
    }
}

impl Eq for Part {}

impl Hash for Part {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 / «hash_of_a_set: 1 ¦ 10»).hash(state);
    }
}

#[task(cache)]
pub fn hasher_of_a_map(x: u64) -> u64 {
    let mut map = HashMap::<u64, u64, Fixed>::default();
    map.insert(x, 1);
    LAST_HASH.lock().map_or(0, |hash| *hash)
}

static LAST_HASH: Mutex<u64> = Mutex::new(0);

#[derive(Default)]
struct Fixed;

impl std::hash::BuildHasher for Fixed {
    type Hasher = Counting;

    fn build_hasher(&self) -> Counting {
        Counting(«hasher_of_a_map: 1 ¦ 2»)
    }
}

struct Counting(u64);

impl Hasher for Counting {
    fn finish(&self) -> u64 {
        *LAST_HASH.lock().expect("one thread") = self.0;
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }
}
