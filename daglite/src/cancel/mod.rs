//! `CancelToken`: one word that ends all runs of a session.
//!
//! `signals` has the token that Ctrl-C cancels.

#[cfg(feature = "ctrl-c")]
mod signals;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::sync::{AtomicBool, Mutex};

#[cfg(feature = "ctrl-c")]
pub(crate) use signals::{INTERRUPTED, was_interrupted};

/// Cancels all runs of the sessions that it was given to: [`SessionBuilder::cancel_token`](crate::SessionBuilder::cancel_token).
/// Clones are the same token.
///
/// When it is cancelled, nothing more is started. Bodies of `async` tasks are dropped where they wait, unless another session
/// waits for them; those of sync tasks run to their end, and can ask [`is_cancelled`](crate::is_cancelled()) now and then, to end
/// sooner. What they return is put into the cache as ever. Then the run fails with an error of the kind
/// [`Cancelled`](crate::ErrorKind::Cancelled). What waits for another process, for another run, for room in a
/// [limit](crate::SessionBuilder::limit) or for the next attempt waits no longer. A run that is asked for afterwards fails at once.
///
/// A token cannot be used again. To cancel one run alone, give it a session of its own, or drop its future.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::{CancelToken, ErrorKind};
///
/// #[task]
/// fn first(token: &CancelToken) -> u32 {
///     token.cancel(); // from wherever: a window that is closed, a request that is gone
///     1
/// }
///
/// #[task]
/// fn second(n: u32) -> u32 {
///     n + 1
/// }
///
/// let token = CancelToken::new();
/// let session = Session::builder().without_cache().cancel_token(&token).build()?;
/// let error = first(token.clone()).then(second).run_in(&session).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Cancelled);
/// assert!(error.to_string().contains("was cancelled with 1 task done, 0 stopped half-way, 1 not begun"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    runs: Mutex<Runs>,
}

/// Who is told, by the order in which they came.
#[derive(Default)]
struct Runs {
    next: u64,
    all: BTreeMap<u64, Weak<dyn Cancel>>,
}

/// Something that can be cancelled.
pub(crate) trait Cancel: Send + Sync {
    /// Ends it.
    fn cancel(&self);

    /// The tasks whose bodies have to come to their end before it is over.
    #[cfg(feature = "ctrl-c")]
    fn at_work(&self) -> Vec<&'static str>;
}

/// As long as it lives, something is told when a token is cancelled.
pub(crate) struct Listens {
    token: CancelToken,
    number: u64,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    ///
    /// ```
    /// assert!(!daglite::CancelToken::new().is_cancelled());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all runs. It does not wait for that: they return as soon as what is at work has come to its end.
    ///
    /// ```
    /// let token = daglite::CancelToken::new();
    /// token.clone().cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        if self.0.cancelled.swap(true, Ordering::SeqCst) {
            return;
        }
        // Not under the lock: a run that ends leaves.
        self.runs().iter().for_each(|run| run.cancel());
    }

    /// Whether it was cancelled.
    ///
    /// ```
    /// # let token = daglite::CancelToken::new();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// The tasks whose bodies have to come to their end before the runs are over.
    #[cfg(feature = "ctrl-c")]
    fn at_work(&self) -> Vec<&'static str> {
        self.runs().iter().flat_map(|run| run.at_work()).collect()
    }

    /// Has `run` told when it is cancelled.
    pub(crate) fn tell(&self, run: Weak<dyn Cancel>) -> Listens {
        let mut runs = self.0.runs.lock();
        let number = runs.next;
        runs.next += 1;
        runs.all.insert(number, run);
        drop(runs);
        Listens { token: self.clone(), number }
    }

    fn runs(&self) -> Vec<Arc<dyn Cancel>> {
        self.0.runs.lock().all.values().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for Listens {
    fn drop(&mut self) {
        let gone = self.token.0.runs.lock().all.remove(&self.number);
        drop(gone);
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_cancelled() { "CancelToken(cancelled)" } else { "CancelToken" })
    }
}
