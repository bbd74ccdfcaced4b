//! Where the bodies of isolated tasks run, and how they are called with nothing but bytes.
//!
//! A task with the option `isolate` does not run where the graph runs: an [`Executor`] is handed a [`Job`], which tells the task
//! by name and fingerprint and has the arguments as bytes, and answers with the result as bytes. The one that is there is
//! [`ProcessExecutor`]: workers, which are processes of the same program.
//!
//! ```no_run
//! use daglite::prelude::*;
//!
//! #[task(isolate, isolate_memory = "2GB", timeout = "1m", retries = 1)]
//! fn simulate(seed: u64) -> Result<Vec<f64>, String> {
//!     // Calls a C library that may crash, or take all memory.
//!     Ok(vec![seed as f64])
//! }
//!
//! fn main() -> Result<(), daglite::Error> {
//!     daglite::worker_main(); // first of all: does not return in a worker
//!     println!("{:?}", simulate(7).run()?);
//!     Ok(())
//! }
//! ```
//!
//! What is called by name is found in a table that the linker makes of all isolated tasks of the program, [`tasks()`]. So an executor of
//! another kind, on other machines say, needs the same program there, and no more: it calls [`TaskEntry::call`].
//!
//! In reading order: this file (`Executor`), `job` (what an executor is handed), `error` (what it answers if there is no result),
//! `entry` (the table of tasks), `call` (a task called with bytes), `process` (workers).

mod call;
mod entry;
mod error;
mod job;
mod process;

use std::pin::Pin;

use crate::registry::Encoded;

#[doc(hidden)]
pub use entry::ArgumentFormats;
pub use entry::{TaskEntry, tasks};
pub use error::{JobError, RemoteError};
pub use job::Job;
pub(crate) use job::JobNotes;
pub use process::{ProcessExecutor, ProcessExecutorBuilder};

pub(crate) use process::{is_worker, note_worker_main, serve_if_worker};

/// What an executor answers: a future of the result as bytes. Dropping it ends the body.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<Encoded, JobError>> + Send>>;

/// Where the bodies of tasks with the option `isolate` run: see [`Session::builder().executor(…)`](crate::SessionBuilder::executor).
///
/// All other bodies run in the process itself, in place or on the threads of the session, and no executor hears of them.
///
/// # Contract
///
/// - [`run`](Self::run) returns at once; the work is done by others, or while the future is polled. It may be polled on a thread of
///   an async runtime, which must not be held up.
/// - When the body begins, [`Job::begin`] is called.
/// - The future ends with the result of the task's body for the job's [arguments](Job::arguments), run once, by a program with
///   the same [fingerprint](Job::fingerprint) of the task. Any other one is refused ([`JobError::Refused`]), not run.
/// - A body that takes longer than [`Job::timeout`] is ended: [`JobError::TimedOut`]. Who cannot end a body answers all the same.
/// - When the future is dropped, nobody wants the result any more: what waits does not begin, and what runs is ended if possible.
/// - However a body ends, the executor is there for the next job. How many run at once is for the executor to say; jobs above
///   that wait, in the order in which they came.
/// - It keeps nothing of the job after the answer, and caches nothing: that is done by the session.
///
/// ```
/// use daglite::executor::{Executor, Job, JobFuture};
/// use daglite::prelude::*;
///
/// /// Calls each task with bytes, in this process.
/// struct Here;
///
/// impl Executor for Here {
///     fn run(&self, job: Job) -> JobFuture {
///         Box::pin(async move {
///             job.begin();
///             job.task().call_async(job.arguments()?).await
///         })
///     }
/// }
///
/// #[task(isolate)]
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// let session = Session::builder().without_cache().executor(Here).build()?;
/// assert_eq!(double(21).run_in(&session)?, 42);
/// # Ok::<(), daglite::Error>(())
/// ```
pub trait Executor: Send + Sync + 'static {
    /// Runs the body of a task.
    fn run(&self, job: Job) -> JobFuture;
}
