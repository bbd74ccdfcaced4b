//! `Settings`: which program the workers are of, how many there are, and what they may have.

#![cfg_attr(not(unix), allow(dead_code, reason = "where there are no workers, nobody asks"))]

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::ProcessExecutor;
use crate::error::{Error, ErrorKind};
use crate::size::{ByteSize, IntoByteSize};

/// What workers are started from.
#[derive(Debug, Clone)]
pub(super) enum Program {
    /// This program.
    Ours,
    /// The program in a file.
    At(PathBuf),
}

/// What an executor of workers goes by.
pub(super) struct Settings {
    pub(super) program: Program,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    pub(super) workers: usize,
    pub(super) memory_limit: Option<ByteSize>,
    pub(super) resident_limit: Option<ByteSize>,
    pub(super) jobs_per_worker: u32,
    pub(super) start_timeout: Duration,
}

/// How many jobs a worker has before it is replaced.
const JOBS_PER_WORKER: u32 = 1_000;

/// How much memory a worker may have in use after a job.
const RESIDENT_LIMIT: ByteSize = ByteSize::new(1 << 30);

/// How long a worker may take to answer when it was started.
const START_TIMEOUT: Duration = Duration::from_secs(10);

impl Settings {
    /// The usual ones.
    pub(super) fn of(program: Program) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            variables: Vec::new(),
            folder: None,
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            memory_limit: None,
            resident_limit: Some(RESIDENT_LIMIT),
            jobs_per_worker: JOBS_PER_WORKER,
            start_timeout: START_TIMEOUT,
        }
    }

    /// The program, for messages.
    pub(super) fn shown(&self) -> String {
        match &self.program {
            Program::Ours => "this program".to_owned(),
            Program::At(path) => format!("`{}`", path.display()),
        }
    }

    /// What starts a worker.
    pub(super) fn command(&self) -> Command {
        let mut command = match &self.program {
            Program::At(path) => Command::new(path),
            Program::Ours => this_program(),
        };
        command.args(&self.arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// What a worker is known by.
    pub(super) fn token(&self) -> String {
        let random = || RandomState::new().hash_one(std::process::id());
        format!("{:016x}{:016x}", random(), random())
    }
}

/// This program. On Linux the very file that runs, though another one may have its name by now.
fn this_program() -> Command {
    let path = std::env::current_exe();
    #[cfg(target_os = "linux")]
    if Path::new(SELF).exists() {
        use std::os::unix::process::CommandExt;

        let mut command = Command::new(SELF);
        if let Ok(path) = path {
            command.arg0(path);
        }
        return command;
    }
    Command::new(path.unwrap_or_default())
}

/// Where Linux has the program of whoever looks.
#[cfg(target_os = "linux")]
const SELF: &str = "/proc/self/exe";

/// Puts a [`ProcessExecutor`] together.
///
/// ```
/// use daglite::executor::ProcessExecutor;
///
/// let workers = ProcessExecutor::builder()
///     .workers(2)
///     .memory_limit("2GB")
///     .jobs_per_worker(100)
///     .resident_limit("500MB")
///     .build()?;
/// let error = ProcessExecutor::builder().workers(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "`workers` is 0, so no isolated task could run: set it to 1 or more");
/// # Ok::<(), daglite::Error>(())
/// ```
#[must_use = "an executor is made by `build()`"]
#[derive(Default)]
pub struct ProcessExecutorBuilder {
    program: Option<PathBuf>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    workers: Option<usize>,
    memory_limit: Option<Result<ByteSize, Error>>,
    resident_limit: Option<Result<ByteSize, Error>>,
    jobs_per_worker: Option<u32>,
    start_timeout: Option<Duration>,
}

impl ProcessExecutorBuilder {
    /// Starts the program at `path`, in place of this one: see [`ProcessExecutor::program`].
    ///
    /// ```no_run
    /// use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().program("target/release/worker").build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn program(mut self, path: impl AsRef<Path>) -> Self {
        self.program = Some(path.as_ref().to_path_buf());
        self
    }

    /// Starts the program with this argument, before the one that makes it a worker. May be called several times.
    ///
    /// So the tests of `cargo test`, which have no `main` of their own, can be workers: with a test that calls
    /// [`daglite::worker_main()`](crate::worker_main) and does nothing else.
    ///
    /// ```no_run
    /// use daglite::executor::ProcessExecutor;
    ///
    /// #[test]
    /// fn worker() {
    ///     daglite::worker_main();
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let workers = ProcessExecutor::builder()
    ///     .program(std::env::current_exe()?)
    ///     .argument("worker")
    ///     .argument("--exact")
    ///     .argument("--nocapture")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Gives workers this variable, besides those of this process. May be called several times.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().env("OMP_NUM_THREADS", "1").build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Starts workers in this folder. In that of this process if nothing is said.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().current_dir("/tmp").build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Has at most so many workers, each of which runs one body at a time. As many as the machine has threads if nothing is
    /// said.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let one = ProcessExecutor::builder().workers(1).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn workers(mut self, most: usize) -> Self {
        self.workers = Some(most);
        self
    }

    /// How much memory a worker may have while it runs a body; the option `isolate_memory` of a task goes before it. No limit if
    /// nothing is said. On Linux alone; elsewhere a job with a limit is an error.
    ///
    /// It counts what the process has asked for that is not shared and can be written to (`RLIMIT_DATA`): the heap and stacks, not files
    /// that are mapped to be read. Some ten megabytes are taken before the body begins. Where it is reached, an allocation fails, which
    /// nearly always ends the process.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().memory_limit("2GB").build()?;
    /// assert!(ProcessExecutor::builder().memory_limit("a lot").build().is_err());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn memory_limit(mut self, size: impl IntoByteSize) -> Self {
        self.memory_limit = Some(size.into_byte_size());
        self
    }

    /// Replaces a worker that has more than this in memory after a job, since somebody has leaked it. 1 GiB if nothing is said. On
    /// Linux alone; elsewhere it says nothing.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().resident_limit("4GB").build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn resident_limit(mut self, size: impl IntoByteSize) -> Self {
        self.resident_limit = Some(size.into_byte_size());
        self
    }

    /// Replaces a worker after so many jobs. 1,000 if nothing is said; with 1, no two bodies share a process.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let workers = ProcessExecutor::builder().jobs_per_worker(1).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn jobs_per_worker(mut self, most: u32) -> Self {
        self.jobs_per_worker = Some(most);
        self
    }

    /// How long a process may take from its start until it says that it is a worker. 10 s if nothing is said.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// use std::time::Duration;
    /// let workers = ProcessExecutor::builder().start_timeout(Duration::from_secs(60)).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn start_timeout(mut self, most: Duration) -> Self {
        self.start_timeout = Some(most);
        self
    }

    /// The executor. Nothing is started yet.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense: with what to write.
    ///
    /// ```
    /// # use daglite::executor::ProcessExecutor;
    /// let error = ProcessExecutor::builder().memory_limit("a lot").build().unwrap_err();
    /// assert!(error.to_string().starts_with("`memory_limit`: `a lot` is not a size: write "));
    /// ```
    pub fn build(self) -> Result<ProcessExecutor, Error> {
        let Self {
            program,
            arguments,
            variables,
            folder,
            workers,
            memory_limit,
            resident_limit,
            jobs_per_worker,
            start_timeout,
        } = self;
        let refused = |message: &str| Err(Error::new(ErrorKind::Config, message));
        let size = |name: &str, size: Result<ByteSize, Error>| {
            size.map_err(|error| {
                let message = format!("`{name}`: {error}");
                Error::new(ErrorKind::Config, message).with_source(error)
            })
        };
        let mut settings = Settings::of(program.map_or(Program::Ours, Program::At));
        (settings.arguments, settings.variables, settings.folder) = (arguments, variables, folder);
        match workers {
            Some(0) => {
                return refused(
                    "`workers` is 0, so no isolated task could run: set it to 1 or more",
                );
            }
            Some(workers) => settings.workers = workers,
            None => {}
        }
        match jobs_per_worker {
            Some(0) => {
                return refused(
                    "`jobs_per_worker` is 0, so no isolated task could run: set it to 1 or more",
                );
            }
            Some(jobs) => settings.jobs_per_worker = jobs,
            None => {}
        }
        if let Some(limit) = memory_limit {
            settings.memory_limit = Some(size("memory_limit", limit)?);
        }
        if let Some(limit) = resident_limit {
            settings.resident_limit = Some(size("resident_limit", limit)?);
        }
        settings.start_timeout = start_timeout.unwrap_or(settings.start_timeout);
        Ok(ProcessExecutor::of(settings))
    }
}

impl std::fmt::Debug for ProcessExecutorBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessExecutorBuilder")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}
