//! Where the bodies of isolated tasks of a session run.

use std::sync::Arc;

use crate::error::Error;
use crate::executor::{Executor, ProcessExecutor, is_worker};

use super::SessionBuilder;

impl SessionBuilder {
    /// Runs the bodies of tasks with the option `isolate` by `executor`; all others run in this process as ever. A
    /// [`ProcessExecutor::current_exe`] if nothing is said, with as many workers as [`concurrency`](Self::concurrency).
    ///
    /// Such bodies are not counted by `concurrency`: how many run at once is for the executor to say.
    ///
    /// In a worker there is no executor, whatever is said here: an isolated task that an isolated body calls runs in the worker of
    /// that body.
    ///
    /// ```no_run
    /// use daglite::executor::ProcessExecutor;
    /// use daglite::prelude::*;
    ///
    /// # fn main() -> Result<(), daglite::Error> {
    /// daglite::worker_main();
    /// let workers = ProcessExecutor::builder().workers(4).memory_limit("2GB").build()?;
    /// let session = Session::builder().executor(workers).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn executor(mut self, executor: impl Executor) -> Self {
        self.executor = Some(Arc::new(executor));
        self
    }

    /// Whether bodies of tasks with the option `isolate` run by the [`executor`](Self::executor). If not, they run in this process,
    /// as if there were no such option: for a debugger, and where no process can be started. On if nothing is said.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(isolate)]
    /// fn process() -> u32 {
    ///     std::process::id()
    /// }
    ///
    /// let session = Session::builder().without_cache().isolation(false).build()?;
    /// assert_eq!(process().run_in(&session)?, std::process::id());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn isolation(mut self, isolation: bool) -> Self {
        self.isolation = Some(isolation);
        self
    }
}

/// What runs isolated bodies; nobody else if `None`. There is nothing else in a worker.
pub(super) fn isolated_by(
    executor: Option<Arc<dyn Executor>>,
    isolation: Option<bool>,
    concurrency: usize,
) -> Result<Option<Arc<dyn Executor>>, Error> {
    if is_worker() || isolation == Some(false) {
        return Ok(None);
    }
    match executor {
        Some(executor) => Ok(Some(executor)),
        None => {
            let workers = ProcessExecutor::builder().workers(concurrency).build()?;
            Ok(Some(Arc::new(workers)))
        }
    }
}
