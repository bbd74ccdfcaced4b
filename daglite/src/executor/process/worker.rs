//! `Worker`: one child process that runs bodies, seen from here.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::{FromWorker, JobHead, PREAMBLE, ToWorker, ValueHead, read_head, write_frame};
use super::tail::Tail;
use super::ticket::Ticket;
use super::{MARKER, Settings};
use crate::executor::{Job, JobError, RemoteError};
use crate::registry::Encoded;
use crate::size::ByteSize;

/// How often a wait looks whether it still makes sense.
const SLICE: Duration = Duration::from_millis(100);

/// How long a worker may take to end that has nothing to do.
const LEAVE: Duration = Duration::from_secs(1);

/// A child process that runs bodies. Killed when dropped, and waited for.
pub(super) struct Worker {
    child: Child,
    stream: UnixStream,
    tail: Arc<Tail>,
    /// How many jobs it has had.
    jobs: u32,
}

/// What became of a job at a worker.
pub(super) enum Answer {
    /// It is over, and the worker is there for the next.
    Over(Result<Encoded, JobError>),
    /// The worker is gone, and the job had not begun.
    GoneBefore(String),
    /// It is over, and the worker is not to be used again.
    Last(JobError),
}

/// Why a wait was ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancelled,
    TimedOut,
    Dead,
}

impl Worker {
    /// Starts a worker, and hears whether it is one.
    pub(super) fn start(settings: &Settings) -> Result<Self, JobError> {
        let failed = |cause: io::Error| {
            let message = format!("{} cannot be started as a worker: {cause}", settings.shown());
            match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                    JobError::Refused(message)
                }
                // Too many processes or too little memory: that may pass.
                _ => JobError::Crashed(message),
            }
        };
        let token = settings.token();
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = settings.command();
        command
            .arg(format!("{MARKER}{token}"))
            // What is typed at a terminal to stop this process is for it to act on.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::inherit())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut command).map_err(failed)?;
        // The command holds the other end, and the worker's death is to be seen.
        drop(command);
        let tail = child.stderr.take().map_or_else(Arc::default, Tail::of);
        let mut worker = Self { child, stream: ours, tail, jobs: 0 };
        match worker.greet(settings, &token) {
            Ok(()) => Ok(worker),
            Err(why) => Err(JobError::Refused(worker.no_worker(settings, &why))),
        }
    }

    /// Says hello, and waits for the answer.
    fn greet(&mut self, settings: &Settings, token: &str) -> Result<(), String> {
        let deadline = Some(Instant::now() + settings.start_timeout);
        let mut line = Line::new(&self.stream, &mut self.child, deadline, &|| false);
        let hello = ToWorker::Hello { daglite: VERSION.to_owned(), token: token.to_owned() };
        let mut theirs = [0; PREAMBLE.len()];
        let said = line
            .write_all(&PREAMBLE)
            .and_then(|()| write_frame(&mut line, &hello, &[]))
            .and_then(|()| line.read_exact(&mut theirs));
        if let Err(error) = said {
            return Err(match line.stop.get() {
                Some(Stop::TimedOut) => {
                    format!("it has not answered within {:?}", settings.start_timeout)
                }
                _ => format!("it has not answered: {error}"),
            });
        }
        if theirs != PREAMBLE {
            return Err("it answers with something else than daglite does".to_owned());
        }
        match read_head(&mut line) {
            Ok(FromWorker::Welcome { daglite, token: theirs }) => {
                if daglite != VERSION {
                    return Err(format!(
                        "it was built with daglite {daglite}, and this is {VERSION}"
                    ));
                }
                if theirs != token {
                    return Err("it is the worker of somebody else".to_owned());
                }
                Ok(())
            }
            Ok(FromWorker::Refused { why }) => Err(why),
            Ok(_) => Err("it answers with something else than a welcome".to_owned()),
            Err(error) => Err(format!("it has not answered: {error}")),
        }
    }

    /// What to tell of a program that is no worker.
    fn no_worker(&mut self, settings: &Settings, why: &str) -> String {
        self.kill();
        let ended = self.child.try_wait().ok().flatten();
        let how = ended
            .filter(|status| status.signal() != Some(9))
            .map_or_else(String::new, |it| format!(" ({})", shown(it)));
        format!(
            "{} is no worker for isolated tasks: {why}{how}: write `daglite::worker_main();` as the first line of its `main`{}",
            settings.shown(),
            self.last_words()
        )
    }

    /// Runs a job.
    pub(super) fn run(
        &mut self,
        job: &mut Job,
        arguments: Vec<Encoded>,
        memory: Option<ByteSize>,
        ticket: &Ticket,
    ) -> Answer {
        self.jobs += 1;
        self.tail.clear();
        if !ticket.at_work(&self.stream) {
            return Answer::Over(Err(JobError::Cancelled));
        }
        let head = ToWorker::Job(JobHead {
            name: job.name().to_owned(),
            fingerprint: job.fingerprint(),
            key: job.key(),
            attempt: job.attempt(),
            memory: memory.map(ByteSize::bytes),
            arguments: arguments.iter().map(ValueHead::of).collect(),
        });
        let is_cancelled = || ticket.is_cancelled();
        let mut line = Line::new(&self.stream, &mut self.child, None, &is_cancelled);
        let begun = write_frame(&mut line, &head, &arguments).and_then(|()| read_head(&mut line));
        match begun {
            Ok(FromWorker::Begun) => {}
            Ok(FromWorker::Refused { why }) => return Answer::Over(Err(JobError::Refused(why))),
            Ok(_) => return self.broken("it answered out of turn"),
            Err(_) if line.stop.get() == Some(Stop::Cancelled) => return self.cancelled(),
            Err(error) => {
                let how = self.how_it_ended(memory, &error);
                return Answer::GoneBefore(how);
            }
        }
        job.begin();
        // The worker has them now.
        drop(arguments);
        job.values.clear();
        line.deadline = job.timeout().map(|limit| Instant::now() + limit);
        let answer = read_head(&mut line).and_then(|answer| {
            Ok(match answer {
                FromWorker::Done { took_nanos, states, value } => {
                    let value = value.read(&mut line)?;
                    job.notes.set(Duration::from_nanos(took_nanos), states);
                    Some(Ok(value))
                }
                FromWorker::Failed { texts, again } => {
                    let error = RemoteError::from_texts(texts).into();
                    Some(Err(JobError::Failed { error, again }))
                }
                FromWorker::Panicked { message } => Some(Err(JobError::Panicked(message))),
                FromWorker::Refused { why } => Some(Err(JobError::Refused(why))),
                FromWorker::Begun | FromWorker::Welcome { .. } => None,
            })
        });
        let stop = line.stop.get();
        match answer {
            Ok(Some(result)) => Answer::Over(result),
            Ok(None) => self.broken("it answered out of turn"),
            Err(_) if stop == Some(Stop::Cancelled) || ticket.is_cancelled() => self.cancelled(),
            Err(_) if stop == Some(Stop::TimedOut) => {
                self.kill();
                Answer::Last(JobError::TimedOut)
            }
            Err(error) => Answer::Last(JobError::Crashed(self.how_it_ended(memory, &error))),
        }
    }

    fn cancelled(&mut self) -> Answer {
        self.kill();
        Answer::Last(JobError::Cancelled)
    }

    fn broken(&mut self, what: &str) -> Answer {
        self.kill();
        Answer::Last(JobError::Crashed(format!("its worker is not to be trusted: {what}")))
    }

    /// How the process ended in the middle of a job, for people.
    fn how_it_ended(&mut self, memory: Option<ByteSize>, cause: &io::Error) -> String {
        // Its line is closed: it has ended, or will not do anything useful any more.
        let status = self.wait(LEAVE).or_else(|| {
            self.kill();
            None
        });
        let words = self.last_words();
        let Some(status) = status else {
            return format!("its process {} broke off: {cause}{words}", self.child.id());
        };
        let limit = match memory {
            Some(limit) if words.contains("memory allocation of") => {
                format!(", which has a memory limit of {limit},")
            }
            _ => String::new(),
        };
        format!("its process {}{limit} {}{words}", self.child.id(), shown(status))
    }

    /// What it wrote last, as the end of a message.
    fn last_words(&self) -> String {
        match self.tail.last_words() {
            words if words.is_empty() => String::new(),
            words => format!("; it last wrote: {words}"),
        }
    }

    /// Whether it still waits for a job: what waits says nothing, and its line is open.
    pub(super) fn is_there(&self) -> bool {
        if self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let read = (&self.stream).read(&mut [0]);
        let is_silent = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_silent && self.stream.set_nonblocking(false).is_ok()
    }

    /// Whether it should make room for a fresh one.
    pub(super) fn is_worn(&self, settings: &Settings) -> bool {
        let too_large =
            |limit: ByteSize| resident(self.child.id()).is_some_and(|size| size > limit.bytes());
        self.jobs >= settings.jobs_per_worker || settings.resident_limit.is_some_and(too_large)
    }

    /// Waits until it has ended, for `most` at most.
    fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if started.elapsed() < most => std::thread::sleep(pause),
                Ok(None) | Err(_) => return None,
            }
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// Ends it at once.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends by itself when nobody talks to it any more.
        let _ = self.stream.shutdown(Shutdown::Both);
        if self.wait(LEAVE).is_none() {
            self.kill();
        }
    }
}

/// The version of daglite, which both sides must have.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Starts a process. A file that somebody has just written, and has open for that, is busy for a moment.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(cause) if cause.kind() == io::ErrorKind::ExecutableFileBusy && tries < 50 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            spawned => return spawned,
        }
    }
}

/// How a process ended, for people.
fn shown(status: ExitStatus) -> String {
    let name = |signal| match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL: somebody, or the system for want of memory)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    };
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}{}", name(signal)),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => format!("ended: {status}"),
    }
}

/// How much memory a process has in use, where the system tells.
fn resident(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The line to a worker, on which nobody waits in vain.
struct Line<'a> {
    stream: &'a UnixStream,
    child: &'a mut Child,
    deadline: Option<Instant>,
    is_cancelled: &'a dyn Fn() -> bool,
    stop: Cell<Option<Stop>>,
}

impl<'a> Line<'a> {
    fn new(
        stream: &'a UnixStream,
        child: &'a mut Child,
        deadline: Option<Instant>,
        is_cancelled: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { stream, child, deadline, is_cancelled, stop: Cell::new(None) }
    }

    /// How long to wait before the next look.
    fn slice(&self) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Zero would mean for ever.
        left.map_or(SLICE, |left| left.min(SLICE)).max(Duration::from_micros(1))
    }

    /// Whether to go on waiting.
    fn look(&mut self) -> io::Result<()> {
        let stop = if (self.is_cancelled)() {
            Stop::Cancelled
        } else if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            Stop::TimedOut
        } else if !matches!(self.child.try_wait(), Ok(None)) {
            Stop::Dead
        } else {
            return Ok(());
        };
        self.stop.set(Some(stop));
        Err(io::Error::other("nobody waits for it any more"))
    }
}

/// Whether a wait was over before anything came.
fn is_a_slice(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Read for Line<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.slice()))?;
            match (&mut &*self.stream).read(into) {
                Err(error) if is_a_slice(&error) => self.look()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(Some(self.slice()))?;
            match (&mut &*self.stream).write(bytes) {
                Err(error) if is_a_slice(&error) => self.look()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
