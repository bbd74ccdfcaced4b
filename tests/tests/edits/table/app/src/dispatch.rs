//! Code whose owner is never named where it is called: what a method belongs to follows from types alone.

use std::collections::{BinaryHeap, HashMap};
use std::error::Error;
use std::fmt::{self, Write as _};
use std::future::Future;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use daglite::prelude::*;

#[task(cache)]
pub fn into_by_a_parameter(x: u64) -> u64 {
    takes(x.into())
}

fn takes(taken: Taken) -> u64 {
    taken.0
}

struct Taken(u64);

impl From<u64> for Taken {
    fn from(x: u64) -> Self {
        Self(x + «into_by_a_parameter: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn default_by_a_field(x: u64) -> u64 {
    let holder = Holder { content: Default::default() };
    x + holder.content.0
}

struct Holder {
    content: Content,
}

struct Content(u64);

impl Default for Content {
    fn default() -> Self {
        Self(«default_by_a_field: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn default_by_a_derive(x: u64) -> u64 {
    x + Whole::default().part.0
}

#[derive(Default)]
struct Whole {
    part: Piece,
}

struct Piece(u64);

impl Default for Piece {
    fn default() -> Self {
        Self(«default_by_a_derive: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn method_of_an_associated_type(x: u64) -> u64 {
    Source(x).map(|item| item.weight()).sum()
}

struct Source(u64);

impl Iterator for Source {
    type Item = Thing;

    fn next(&mut self) -> Option<Thing> {
        self.0 = self.0.checked_sub(1)?;
        Some(Thing)
    }
}

struct Thing;

impl Thing {
    fn weight(&self) -> u64 {
        «method_of_an_associated_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_behind_impl_trait(x: u64) -> u64 {
    opaque(x).speak()
}

fn opaque(x: u64) -> impl Speak {
    Secret(x)
}

trait Speak {
    fn speak(&self) -> u64;
}

struct Secret(u64);

impl Speak for Secret {
    fn speak(&self) -> u64 {
        self.0 + «method_behind_impl_trait: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn static_method_by_a_type_argument(x: u64) -> u64 {
    x + made::<Product>()
}

fn made<T: Make>() -> u64 {
    T::make()
}

trait Make {
    fn make() -> u64;
}

struct Product;

impl Make for Product {
    fn make() -> u64 {
        «static_method_by_a_type_argument: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_by_its_trait(x: u64) -> u64 {
    Measure::measure(&Rod(x)) + <Rod as Measure>::measure(&Rod(x))
}

trait Measure {
    fn measure(&self) -> u64;
}

struct Rod(u64);

impl Measure for Rod {
    fn measure(&self) -> u64 {
        self.0 + «method_by_its_trait: 1 ¦ 2»
    }
}

trait Count {
    fn counted(&self) -> u64;
}

impl Count for (u64, u64) {
    fn counted(&self) -> u64 {
        self.0 + self.1 + «impl_for_a_tuple -> impl_for_a_tuple ~impl_for_an_array ~impl_for_an_option: 1 ¦ 2»
    }
}

impl<const N: usize> Count for [u64; N] {
    fn counted(&self) -> u64 {
        N as u64 + «impl_for_an_array -> impl_for_an_array ~impl_for_a_tuple ~impl_for_an_option: 1 ¦ 2»
    }
}

impl Count for Option<&str> {
    fn counted(&self) -> u64 {
        self.map_or(0, |text| text.len() as u64) + «impl_for_an_option -> impl_for_an_option ~impl_for_a_tuple ~impl_for_an_array: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn impl_for_a_tuple(x: u64) -> u64 {
    (x, x).counted()
}

#[task(cache)]
pub fn impl_for_an_array(x: u64) -> u64 {
    x + [1u64, 2].counted()
}

#[task(cache)]
pub fn impl_for_an_option(x: u64) -> u64 {
    x + Some("text").counted()
}

#[task(cache)]
pub fn extension_of_all_iterators(x: u64) -> u64 {
    [x, 1].into_iter().every_other()
}

trait EveryOther: Iterator<Item = u64> + Sized {
    fn every_other(self) -> u64 {
        self.step_by(2).sum::<u64>() + «extension_of_all_iterators: 1 ¦ 2»
    }
}

impl<I: Iterator<Item = u64>> EveryOther for I {}

#[task(cache)]
pub fn state_in_a_type(x: u64) -> u64 {
    Machine::<Idle>(x, Idle).start().finish()
}

struct Machine<S>(u64, S);
struct Idle;
struct Running;

impl Machine<Idle> {
    fn start(self) -> Machine<Running> {
        let Idle = self.1;
        Machine(self.0, Running)
    }
}

impl Machine<Running> {
    fn finish(self) -> u64 {
        let Running = self.1;
        self.0 + «state_in_a_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn hash_by_a_derive(x: u64) -> u64 {
    let map: HashMap<Key, u64> = [(Key { part: KeyPart(x) }, 1), (Key { part: KeyPart(1) }, 2)].into();
    map.len() as u64
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    part: KeyPart,
}

struct KeyPart(u64);

impl std::hash::Hash for KeyPart {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.0 / «hash_by_a_derive: 1 ¦ 10»).hash(state);
    }
}

impl PartialEq for KeyPart {
    fn eq(&self, other: &Self) -> bool {
        self.0 / «hash_by_a_derive: 1 ¦ 10» == other.0 / «hash_by_a_derive: 1 ¦ 10»
    }
}

impl Eq for KeyPart {}

#[task(cache)]
pub fn order_of_a_heap(x: u64) -> u64 {
    let mut heap = BinaryHeap::from([Job(x), Job(1)]);
    heap.pop().map_or(0, |job| job.0)
}

#[derive(PartialEq, Eq)]
struct Job(u64);

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        «order_of_a_heap: self.0.cmp(&other.0) ¦ other.0.cmp(&self.0)»
    }
}

#[task(cache)]
pub fn equality_by_dedup(x: u64) -> u64 {
    let mut marks = vec![Mark(x), Mark(x + 1)];
    marks.dedup();
    marks.len() as u64
}

struct Mark(u64);

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        self.0 / «equality_by_dedup: 1 ¦ 10» == other.0 / «equality_by_dedup: 1 ¦ 10»
    }
}

#[task(cache)]
pub fn error_as_text(x: u64) -> u64 {
    fails().map_or_else(|error| x + error.to_string().len() as u64, |()| 0)
}

fn fails() -> Result<(), Box<dyn Error>> {
    Err(Failure)?
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«error_as_text: short ¦ much longer»")
    }
}

impl Error for Failure {}

#[task(cache)]
pub fn sink_of_write(x: u64) -> u64 {
    let mut sink = Sink(0);
    write!(sink, "{x}").expect("it takes all");
    sink.0
}

struct Sink(u64);

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64 + «sink_of_write: 1 ¦ 2»;
        Ok(())
    }
}

#[task(cache)]
pub fn source_of_read(x: u64) -> u64 {
    let mut text = String::new();
    std::io::BufReader::new(Tape(3)).read_to_string(&mut text).expect("it gives letters");
    x + text.len() as u64
}

struct Tape(usize);

impl std::io::Read for Tape {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let count = std::mem::take(&mut self.0) * «source_of_read: 1 ¦ 2»;
        bytes[..count].fill(b'a');
        Ok(count)
    }
}

#[task(cache)]
pub async fn future_of_our_own(x: u64) -> u64 {
    Ready(x).await
}

struct Ready(u64);

impl Future for Ready {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(self.0 + «future_of_our_own: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn drop_in_a_container(x: u64) -> u64 {
    let sum = std::cell::Cell::new(x);
    drop(vec![Some(Dropped(&sum)), None]);
    sum.get()
}

struct Dropped<'a>(&'a std::cell::Cell<u64>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + «drop_in_a_container: 1 ¦ 2»);
    }
}

#[task(cache)]
pub fn function_in_a_field(x: u64) -> u64 {
    (Tool { action: acting }.action)(x)
}

struct Tool {
    action: fn(u64) -> u64,
}

fn acting(x: u64) -> u64 {
    x + «function_in_a_field: 1 ¦ 2»
}

#[task(cache)]
pub fn closure_in_another_thread(x: u64) -> u64 {
    std::thread::spawn(move || in_the_thread(x)).join().expect("it ends")
}

fn in_the_thread(x: u64) -> u64 {
    x + «closure_in_another_thread: 1 ¦ 2»
}

#[task(cache)]
pub fn impl_inside_another_function(x: u64) -> u64 {
    Scattered(x).far_away()
}

struct Scattered(u64);

pub fn holds_an_impl() {
    impl Scattered {
        fn far_away(&self) -> u64 {
            self.0 + «impl_inside_another_function: 1 ¦ 2»
        }
    }
}

#[task(cache)]
pub fn impl_inside_a_constant(x: u64) -> u64 {
    Boxed(x).speak()
}

struct Boxed(u64);

const _: () = {
    impl Speak for Boxed {
        fn speak(&self) -> u64 {
            self.0 + «impl_inside_a_constant: 1 ¦ 2»
        }
    }
};

#[task(cache)]
pub fn overridden_method_of_iterator(x: u64) -> u64 {
    Skipping(x).nth(1).unwrap_or(0)
}

struct Skipping(u64);

impl Iterator for Skipping {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        Some(self.0)
    }

    fn nth(&mut self, at: usize) -> Option<u64> {
        Some(self.0 + at as u64 + «overridden_method_of_iterator: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn deref_to_a_slice(x: u64) -> u64 {
    x + Slices(vec![1, 2], vec![4]).iter().sum::<u64>()
}

struct Slices(Vec<u64>, Vec<u64>);

impl std::ops::Deref for Slices {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        let _ = (&self.0, &self.1);
        &self.«deref_to_a_slice: 0 ¦ 1»
    }
}

#[task(cache)]
pub fn impl_of_a_foreign_trait_for_a_dependency(x: u64) -> u64 {
    let answer = helpers::speaks(&Own(x));
    answer.parse().expect("digits")
}

struct Own(u64);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + «impl_of_a_foreign_trait_for_a_dependency: 1 ¦ 2»)
    }
}
