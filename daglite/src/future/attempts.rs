//! What a call says about its own attempts: `.retries(…)`, `.retry_delay(…)`, `.timeout(…)`.

use std::panic::Location;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::graph::{AttemptSettings, Op, Slot};
use crate::times::IntoDuration;

use super::{TaskFuture, each_op};

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// Has the body run again up to `retries` times when it fails, whatever the task's own `retries` says; 0 for never.
    /// [`#[task]`](macro@crate::task) tells what counts as a failure, and how long the pauses are.
    ///
    /// Through `map`, `also`, `checkpoint` and `join` it reaches the tasks behind them, as [`refresh`](Self::refresh) does;
    /// the arguments of those tasks stay as they are, and so do tasks that closures make later (`and_then`, `map_each`). A
    /// future that has been run stays what it is.
    ///
    /// An argument that the body takes by value has to be `Clone`, or the first attempt is an error that says so.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    ///
    /// #[task]
    /// fn flaky() -> Result<u32, String> {
    ///     match CALLS.fetch_add(1, Ordering::Relaxed) {
    ///         0 | 1 => Err("the line is busy".to_string()),
    ///         calls => Ok(calls + 1),
    ///     }
    /// }
    ///
    /// assert_eq!(flaky().retries(3).retry_delay("1ms").run()?, 3);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn retries(self, retries: u32) -> Self {
        self.with_attempts(|settings| settings.retries = Some(retries))
    }

    /// Sets the longest pause before the first retry, as a [`Duration`] or as text such as `"200ms"`: it doubles from retry
    /// to retry. It reaches the tasks that [`retries`](Self::retries) does. A text that is no time fails the run, with an
    /// error that says where it stands.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # use std::time::Duration;
    /// # #[task]
    /// # fn answer() -> Result<u8, String> { Ok(42) }
    /// assert_eq!(answer().retries(3).retry_delay(Duration::from_secs(1)).run()?, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn retry_delay(self, delay: impl IntoDuration) -> Self {
        let place = Location::caller();
        match read("retry_delay", delay, place) {
            Ok(delay) => self.with_attempts(|settings| settings.delay = Some(delay)),
            Err(error) => self.refused(error),
        }
    }

    /// Lets each run of the body take so long at most, whatever the task's own `timeout` says: a [`Duration`], or text such
    /// as `"30s"`. [`#[task]`](macro@crate::task) tells what becomes of a body whose time is over. It reaches the tasks that
    /// [`retries`](Self::retries) does. A text that is no time, and no time at all, fail the run, with an error that says
    /// where it stands.
    ///
    /// ```
    /// use daglite::ErrorKind;
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// async fn stuck() {
    ///     std::future::pending().await
    /// }
    ///
    /// let error = stuck().timeout("10ms").run().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// let error = stuck().timeout("soon").run().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Config);
    /// ```
    #[track_caller]
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        let place = Location::caller();
        match read("timeout", timeout, place) {
            Ok(Duration::ZERO) => {
                self.refused(wrong("timeout", place, "no body ends in no time: write a longer one"))
            }
            Ok(timeout) => self.with_attempts(|settings| settings.timeout = Some(timeout)),
            Err(error) => self.refused(error),
        }
    }

    /// Changes what the calls of tasks behind this future say about their attempts.
    fn with_attempts(self, change: impl Fn(&mut AttemptSettings)) -> Self {
        each_op(&self.node, |op| {
            if let Op::Task(call) = op {
                change(call.attempts());
            }
            !matches!(op, Op::Task(_))
        });
        self
    }

    /// A future whose run fails with `error`, unless it has begun.
    pub(super) fn refused(self, error: Error) -> Self {
        let mut slot = self.node.slot.lock();
        if let Slot::Idle(_) = &*slot {
            let before = std::mem::replace(&mut *slot, Slot::Failed(error));
            drop(slot);
            drop(before);
        } else {
            drop(slot);
        }
        self
    }
}

/// The time that a call gives, or an error that says where it gives it.
fn read(
    method: &str,
    time: impl IntoDuration,
    place: &'static Location<'static>,
) -> Result<Duration, Error> {
    time.into_duration().map_err(|error| wrong(method, place, &error.to_string()))
}

/// The error of a method that is given what it cannot use.
pub(super) fn wrong(method: &str, place: &'static Location<'static>, why: &str) -> Error {
    let message = format!("`{method}` at {}:{}: {why}", place.file(), place.line());
    Error::new(ErrorKind::Config, message)
}
