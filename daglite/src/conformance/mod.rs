//! The suites that every cache store and every checkpoint store must pass.
//!
//! Each takes a closure that makes a fresh, empty store at each call, and panics with the number of the rule of the
//! contract that the store breaks. For authors of stores, behind the feature `conformance`.
//!
#![doc = include_str!("README.md")]

mod cache;
mod checkpoint;
mod checkpoint_flows;
mod flows;
mod shared;

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::digest::Digest;
use crate::store::StoreError;

pub use cache::cache_store;
pub use checkpoint::checkpoint_store;
pub use shared::shared_cache_store;

/// The answer of a store, which must not be an error.
fn ok<T>(rule: &str, asked: &str, answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| panic!("{rule}: `{asked}` failed: {error}"))
}

/// Panics with `rule` if the two differ.
#[track_caller]
fn same<T: PartialEq + Debug>(rule: &str, what: &str, found: &T, expected: &T) {
    if found != expected {
        let [found, expected] = [found, expected].map(shown);
        panic!("{rule}: {what}:\n   found {found}\nexpected {expected}");
    }
}

/// The start of what `value` looks like: a value of a megabyte would hide the message.
fn shown(value: &impl Debug) -> String {
    const ENOUGH: usize = 1_000;
    let mut text = format!("{value:?}");
    if text.len() > ENOUGH {
        text.truncate(text.floor_char_boundary(ENOUGH));
        text.push('…');
    }
    text
}

/// A key of its own for every `seed`.
fn key(seed: impl Debug) -> Digest {
    Digest::of_bytes(format!("{seed:?}").as_bytes())
}

/// `length` bytes that do not repeat in any simple way.
fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// Runs every job on a thread of its own, at once; a panic of one, with its message, is the panic of all.
fn race<T: Send>(jobs: impl IntoIterator<Item = impl FnOnce() -> T + Send>) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        // All are joined here: a scope that joins them itself hides what they said.
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        ends.into_iter()
            .map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Waits for `future` on this thread, with no runtime: what rule 7 says must work.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
