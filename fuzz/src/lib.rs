//! What the targets share: a folder in memory, artifacts that are known, and how bytes are read as a story.

pub mod bytes;
pub mod folder;
pub mod index;
pub mod known;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use daglite::store::StoreError;

/// What a store answers: those in files are ready at once.
pub fn now<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("a store in files never waits"),
    }
}
