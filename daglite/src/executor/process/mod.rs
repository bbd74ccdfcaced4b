//! `ProcessExecutor`: bodies in child processes of the same program, which are kept for the next job.
//!
//! In reading order: this file (what is set, and the threads that keep a worker each), `ticket` (a job that waits, and the future of
//! its result), `worker` (a child process, seen from here), `tail` (what it writes to its standard error), `frame` (what both say),
//! `serve` (the worker's side). Where there are no Unix sockets, `elsewhere` says so.

#[cfg(unix)]
mod frame;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod tail;
#[cfg(unix)]
mod ticket;
#[cfg(unix)]
mod worker;

#[cfg(not(unix))]
mod elsewhere;

mod settings;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Executor, Job, JobFuture, TaskEntry};
use crate::digest::Digest;
use settings::{Program, Settings};

pub use settings::ProcessExecutorBuilder;

#[cfg(not(unix))]
pub(crate) use elsewhere::serve_if_worker;
#[cfg(not(unix))]
use elsewhere::{Shared, submit};
#[cfg(unix)]
use keepers::{Shared, submit};
#[cfg(unix)]
pub(crate) use serve::serve_if_worker;

#[cfg(unix)]
mod keepers;

/// What is done around a body in a worker: it gets the task, the key that the result is for, and the body; it answers the names of the
/// states that were saved.
pub(crate) type Surroundings =
    fn(&'static TaskEntry, Option<Digest>, &mut dyn FnMut()) -> Vec<String>;

/// How the last argument of a worker begins; the rest is what its parent knows it by.
#[cfg(unix)]
const MARKER: &str = "daglite-worker=";

/// Whether `worker_main` has been called here.
static HAS_WORKER_MAIN: AtomicBool = AtomicBool::new(false);

/// Whether this process is a worker.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Notes that `worker_main` has been called here: what is started from the same program will come there, too.
pub(crate) fn note_worker_main() {
    HAS_WORKER_MAIN.store(true, Ordering::Release);
}

/// Whether this process is a worker.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.load(Ordering::Acquire)
}

/// Runs bodies in worker processes, which are started when there is something to do and kept for what comes next.
///
/// A worker is a process of this program, [`current_exe`](Self::current_exe), whose `main` begins with
/// [`daglite::worker_main()`](crate::worker_main); or one of another program that has the same tasks, [`program`](Self::program). A body
/// that ends its process (a segmentation fault, `abort`, `exit`, the system that is short of memory) is an error of kind
/// [`Crashed`](crate::ErrorKind::Crashed), which tells how it ended and what it wrote last; a body that takes longer than its
/// `timeout` is ended for good. The other workers go on, and so does the run if the task has `retries`.
///
/// What a body writes to standard output and standard error goes where ours goes; its standard input is empty. A worker has the working
/// directory and the variables that this process had when it was started, and goes when this process goes, however that ends. Threads
/// and memory that a body leaves behind stay with its worker, which has other jobs later; it is replaced
/// after [so many jobs](ProcessExecutorBuilder::jobs_per_worker), or when [too much memory](ProcessExecutorBuilder::resident_limit)
/// is left in use.
///
/// Dropping the executor ends its workers. Unix alone has it, for now; elsewhere each job is an error that says so.
///
/// ```no_run
/// use daglite::executor::ProcessExecutor;
/// use daglite::prelude::*;
///
/// fn main() -> Result<(), daglite::Error> {
///     daglite::worker_main();
///     let workers = ProcessExecutor::builder().workers(4).memory_limit("2GB").build()?;
///     let session = Session::builder().executor(workers).build()?;
///     # let _ = session;
///     Ok(())
/// }
/// ```
pub struct ProcessExecutor {
    shared: Arc<Shared>,
}

impl ProcessExecutor {
    /// Workers of this program: as many as the machine has threads, at most.
    ///
    /// They are started only if `main` has called [`daglite::worker_main()`](crate::worker_main), since without that a worker would be
    /// this program once more, with all that it does. If not, each job is an error that says so.
    ///
    /// ```
    /// use daglite::executor::ProcessExecutor;
    /// use daglite::prelude::*;
    ///
    /// #[task(isolate)]
    /// fn double(n: u64) -> u64 {
    ///     2 * n
    /// }
    ///
    /// let workers = ProcessExecutor::current_exe();
    /// let session = Session::builder().without_cache().executor(workers).build()?;
    /// let error = double(21).run_in(&session).unwrap_err();
    /// assert!(error.to_string().contains("write `daglite::worker_main();` as the first line of `main`"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn current_exe() -> Self {
        Self::of(Settings::of(Program::Ours))
    }

    /// Workers of the program at `path`, whose `main` calls [`daglite::worker_main()`](crate::worker_main): a build of the same
    /// sources. A job whose task is another one there is refused.
    ///
    /// ```no_run
    /// use daglite::executor::ProcessExecutor;
    ///
    /// let workers = ProcessExecutor::program("target/release/worker");
    /// ```
    pub fn program(path: impl AsRef<Path>) -> Self {
        Self::of(Settings::of(Program::At(path.as_ref().to_path_buf())))
    }

    /// More that can be set.
    ///
    /// ```
    /// use daglite::executor::ProcessExecutor;
    ///
    /// let workers = ProcessExecutor::builder().workers(2).jobs_per_worker(100).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn builder() -> ProcessExecutorBuilder {
        ProcessExecutorBuilder::default()
    }

    fn of(settings: Settings) -> Self {
        Self { shared: Shared::new(settings) }
    }
}

impl Executor for ProcessExecutor {
    fn run(&self, job: Job) -> JobFuture {
        submit(&self.shared, job)
    }
}

impl Drop for ProcessExecutor {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for ProcessExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessExecutor({})", self.shared.settings.shown())
    }
}
