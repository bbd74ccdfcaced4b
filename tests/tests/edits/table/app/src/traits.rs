//! Traits: of our own, and those that the language and the standard library call without being named.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Add, AddAssign, Deref, Index, Neg};
use std::str::FromStr;
use std::sync::Mutex;

use daglite::prelude::*;

#[task(cache)]
pub fn method_of_a_trait_impl(x: u64) -> u64 {
    Dog(x).noise()
}

trait Animal {
    fn noise(&self) -> u64;

    fn loud_noise(&self) -> u64 {
        self.noise() * «default_method_of_a_trait: 2 ¦ 3»
    }
}

struct Dog(u64);

impl Animal for Dog {
    fn noise(&self) -> u64 {
        self.0 + «method_of_a_trait_impl: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn default_method_of_a_trait(x: u64) -> u64 {
    Cat(x).loud_noise()
}

struct Cat(u64);

impl Animal for Cat {
    fn noise(&self) -> u64 {
        self.0
    }
}

#[task(cache)]
pub fn impl_behind_a_generic_bound(x: u64) -> u64 {
    heard(&Cow(x))
}

fn heard<T: Sound>(animal: &T) -> u64 {
    animal.sound()
}

trait Sound {
    fn sound(&self) -> u64;
}

struct Cow(u64);

impl Sound for Cow {
    fn sound(&self) -> u64 {
        self.0 + «impl_behind_a_generic_bound: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn impl_behind_a_trait_object(x: u64) -> u64 {
    boxed(x).call()
}

fn boxed(x: u64) -> Box<dyn Callable> {
    Box::new(Called(x))
}

trait Callable {
    fn call(&self) -> u64;
}

struct Called(u64);

impl Callable for Called {
    fn call(&self) -> u64 {
        self.0 + «impl_behind_a_trait_object: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn impl_for_a_foreign_type(x: u64) -> u64 {
    x.extended()
}

trait Extended {
    fn extended(&self) -> u64;
}

impl Extended for u64 {
    fn extended(&self) -> u64 {
        self + «impl_for_a_foreign_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn blanket_impl(x: u64) -> u64 {
    x.blanketed()
}

trait Blanketed {
    fn blanketed(&self) -> u64;
}

impl<T: Copy + Into<u64>> Blanketed for T {
    fn blanketed(&self) -> u64 {
        (*self).into() + «blanket_impl: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_supertrait(x: u64) -> u64 {
    combined(&Both(x))
}

fn combined(value: &impl Upper) -> u64 {
    value.lower()
}

trait Lower {
    fn lower(&self) -> u64;
}

trait Upper: Lower {}

struct Both(u64);

impl Upper for Both {}

impl Lower for Both {
    fn lower(&self) -> u64 {
        self.0 + «method_of_a_supertrait: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn associated_type(x: u64) -> u64 {
    x + size_of::<<Plain as Typed>::Out>() as u64
}

trait Typed {
    type Out;
}

struct Plain;

impl Typed for Plain {
    type Out = «associated_type: u8 ¦ u16»;
}

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

#[task(cache)]
pub fn from_by_into(x: u64) -> u64 {
    let metres: Metres = x.into();
    metres.0
}

struct Metres(u64);

impl From<u64> for Metres {
    fn from(x: u64) -> Self {
        Self(x + «from_by_into: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn from_by_question_mark(x: u64) -> u64 {
    match failing(x) {
        Ok(()) => 0,
        Err(Refused(code)) => code,
    }
}

fn failing(x: u64) -> Result<(), Refused> {
    Err(x)?
}

struct Refused(u64);

impl From<u64> for Refused {
    fn from(x: u64) -> Self {
        Self(x + «from_by_question_mark: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn try_from(x: u64) -> u64 {
    Checked::try_from(x).map_or(0, |checked| checked.0)
}

struct Checked(u64);

impl TryFrom<u64> for Checked {
    type Error = ();

    fn try_from(x: u64) -> Result<Self, ()> {
        Ok(Self(x + «try_from: 1 ¦ 2»))
    }
}

#[task(cache)]
pub fn from_str_by_parse(x: u64) -> u64 {
    x + "12".parse::<Text>().map_or(0, |text| text.0)
}

struct Text(u64);

impl FromStr for Text {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(Self(text.len() as u64 + «from_str_by_parse: 1 ¦ 2»))
    }
}

#[task(cache)]
pub fn as_ref_behind_a_bound(x: u64) -> u64 {
    x + length(&Label("short".to_owned(), "longer".to_owned()))
}

fn length(text: &impl AsRef<str>) -> u64 {
    text.as_ref().len() as u64
}

struct Label(String, String);

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        let _ = (&self.0, &self.1);
        &self.«as_ref_behind_a_bound: 0 ¦ 1»
    }
}

#[task(cache)]
pub fn default_made_by_hand(x: u64) -> u64 {
    x + Start::default().0
}

«default_made_by_hand: #[derive(Default)] ¦ /* by hand */»
struct Start(u64);

«default_made_by_hand: ¦ impl Default for Start {
    fn default() -> Self {
        Self(5)
    }
}»

#[task(cache)]
pub fn default_in_struct_update(x: u64) -> u64 {
    let options = Options { first: x, ..Default::default() };
    options.first + options.second
}

struct Options {
    first: u64,
    second: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { first: 0, second: «default_in_struct_update: 1 ¦ 2» }
    }
}

#[task(cache)]
pub fn default_by_unwrap_or_default(x: u64) -> u64 {
    x + None::<Fallback>.unwrap_or_default().0
}

struct Fallback(u64);

impl Default for Fallback {
    fn default() -> Self {
        Self(«default_by_unwrap_or_default: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn clone_by_hand(x: u64) -> u64 {
    let counted = Counted(x);
    vec![counted; 2][0].0
}

struct Counted(u64);

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self(self.0 + «clone_by_hand: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn derive_that_calls_an_impl(x: u64) -> u64 {
    let shell = Shell { core: Core(x) };
    shell.clone().core.0
}

#[derive(Clone)]
struct Shell {
    core: Core,
}

struct Core(u64);

impl Clone for Core {
    fn clone(&self) -> Self {
        Self(self.0 + «derive_that_calls_an_impl: 1 ¦ 2»)
    }
}
