//! Whether the calling thread may wait for a result.

#[cfg(feature = "tokio")]
use std::task::{Context, Poll};

use crate::engine::with_current;
use crate::error::{Error, ErrorKind};

/// What is said to those who would block a runtime.
pub(super) const NOT_IN_RUNTIME: &str =
    "`run()` would block the async runtime it was called in: write `.await` in place of `.run()`";

/// Whether the calling thread may wait for a result; if not, an error that gives `advice`.
pub(super) fn may_block(advice: &str) -> Result<(), Error> {
    let inside = with_current(|body| body.map(|body| body.blocking));
    let refused = inside.map_or_else(polled_by_runtime, |may_block| !may_block);
    if !refused {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Blocking, advice))
}

/// Whether the calling thread is polling a future of a tokio runtime.
#[cfg(feature = "tokio")]
fn polled_by_runtime() -> bool {
    /// How often a poll may make progress before tokio has it yield, and a few more.
    const MORE_THAN_A_BUDGET: usize = 1024;

    if tokio::runtime::Handle::try_current().is_err() {
        return false;
    }
    // A thread of `spawn_blocking` has a runtime too, and may block. What it lacks is a budget of polls.
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut taken = Vec::new();
    let out_of_budget =
        (0..MORE_THAN_A_BUDGET).any(|_| match tokio::task::coop::poll_proceed(&mut context) {
            Poll::Ready(unit) => {
                taken.push(unit);
                false
            }
            Poll::Pending => true,
        });
    // Each gives back the budget that there was before it: the first taken has to be the last given back.
    while taken.pop().is_some() {}
    out_of_budget
}

#[cfg(not(feature = "tokio"))]
fn polled_by_runtime() -> bool {
    false
}
