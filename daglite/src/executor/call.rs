//! A task called with bytes: its arguments are decoded, its body is run, its result is encoded.

use std::borrow::Borrow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::registry::{Encoded, Registry};
use crate::task::{Args, Body, BodyFuture, Failure, Value};

use super::{JobError, TaskEntry};

impl TaskEntry {
    /// Calls the task with bytes, on this thread. The cache is not asked: it is the body that runs.
    ///
    /// Types without a format of their own are read by what is registered in [`Registry::global()`]. The body of an `async` task
    /// is driven by this thread; with the feature `tokio`, and outside of a runtime, by a runtime of tokio's that is made for it. In a
    /// runtime call [`call_async`](Self::call_async).
    ///
    /// # Errors
    ///
    /// [`JobError::Refused`] if the arguments are too few, too many, or not what they have to be; [`JobError::Failed`] and
    /// [`JobError::Panicked`] if the body ends so.
    pub fn call(&self, arguments: &[Encoded]) -> Result<Encoded, JobError> {
        self.call_here(self.decoded(arguments.iter())?)
    }

    /// The same for arguments that nobody else needs.
    #[cfg(unix)]
    pub(super) fn call_owned(&self, arguments: Vec<Encoded>) -> Result<Encoded, JobError> {
        self.call_here(self.decoded(arguments.into_iter())?)
    }

    fn call_here(&self, mut args: Args) -> Result<Encoded, JobError> {
        let result = match self.task().body {
            Body::Sync(body) => caught(|| body(&mut args)),
            Body::Async(body) => caught(|| drive(body(args))),
        };
        self.encoded(result)
    }

    /// The same for those who may not be held up by an `async` body. A sync one runs when the future is polled.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// ```
    /// use daglite::executor::tasks;
    /// use daglite::prelude::*;
    ///
    /// #[task(isolate)]
    /// async fn answer() -> u64 {
    ///     42
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let entry = tasks().find(|task| task.name().ends_with("::answer")).unwrap();
    /// assert!(entry.call_async(Vec::new()).await.is_ok());
    /// # }
    /// ```
    pub async fn call_async(&'static self, arguments: Vec<Encoded>) -> Result<Encoded, JobError> {
        let mut args = self.decoded(arguments.into_iter())?;
        let result = match self.task().body {
            Body::Sync(body) => caught(|| body(&mut args)),
            Body::Async(body) => match caught(|| body(args)) {
                Ok(future) => Caught(future).await,
                Err(panic) => Err(panic),
            },
        };
        self.encoded(result)
    }

    /// The arguments, if they are what they have to be. The bytes of each go once it is read.
    fn decoded(
        &self,
        arguments: impl ExactSizeIterator<Item = impl Borrow<Encoded>>,
    ) -> Result<Args, JobError> {
        let (name, formats) = (self.name(), self.arguments());
        if arguments.len() != formats.len() {
            return Err(JobError::Refused(format!(
                "`{name}` takes {} arguments, and was called with {}",
                formats.len(),
                arguments.len()
            )));
        }
        let mut args = Args::default();
        for (at, (encoded, formats)) in arguments.zip(&formats).enumerate() {
            let Encoded { bytes, format, shape, .. } = encoded.borrow();
            let decoded = caught(|| formats.decode(Registry::global(), bytes, format, *shape));
            let why = match decoded {
                Ok(Ok(value)) => {
                    args.push(value);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("decoding it panicked: {panic}"),
            };
            let parameter = self.parameters()[at];
            return Err(JobError::Refused(format!(
                "argument `{parameter}` of `{name}` cannot be read where the body runs: {why}"
            )));
        }
        Ok(args)
    }

    /// The result as bytes, if there is one.
    fn encoded(&self, result: Result<Result<Value, Failure>, String>) -> Result<Encoded, JobError> {
        let value = match result {
            Ok(Ok(value)) => value,
            Ok(Err(failure)) => return Err(failure.into()),
            Err(panic) => return Err(JobError::Panicked(panic)),
        };
        let name = self.name();
        let formats = self.task().result.as_ref().expect("an isolated task has formats");
        match caught(|| formats.encode(Registry::global(), &*value, None)) {
            Ok(Ok(encoded)) => Ok(encoded),
            Ok(Err(error)) => {
                Err(JobError::Refused(format!("the result of `{name}` cannot be sent: {error}")))
            }
            Err(panic) => Err(JobError::Refused(format!(
                "the result of `{name}` cannot be sent, as encoding it panicked: {panic}"
            ))),
        }
    }
}

impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        match failure.into_returned() {
            Ok((error, again)) => Self::Failed { error, again },
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// Runs `body`; what it panics with, as a message, if it does.
pub(super) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_string())
    })
}

/// A body whose panics are caught.
struct Caught(BodyFuture);

impl Future for Caught {
    type Output = Result<Result<Value, Failure>, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match caught(|| self.0.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Drives the body of an `async` task on this thread.
fn drive(body: BodyFuture) -> Result<Value, Failure> {
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_err()
        && let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
    {
        return runtime.block_on(body);
    }
    wait(body)
}

/// Waits for a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
