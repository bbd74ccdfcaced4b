//! The worker's side: jobs come on standard input, which is a socket, and their results go back on it.
//!
//! One thread reads, and another one runs the bodies. So the end of the line is seen while a body runs: then nobody wants its
//! result, or nobody is there any more, and the process ends at once.

use std::convert::Infallible;
use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use super::frame::{
    FromWorker, JobHead, PREAMBLE, ToWorker, ValueHead, invalid, read_head, write_frame,
};
use super::worker::VERSION;
use super::{IS_WORKER, MARKER, Surroundings};
use crate::executor::error::shortened;
use crate::executor::{JobError, RemoteError, TaskEntry};
use crate::registry::Encoded;

/// How much stack bodies have: as much as a `main` has.
const STACK: usize = 8 << 20;

/// Serves as a worker, if this process was started as one, and then never returns.
pub(crate) fn serve_if_worker(surroundings: Surroundings) {
    let last = env::args_os().next_back();
    let token = last.as_ref().and_then(|last| last.to_str()?.strip_prefix(MARKER));
    let Some(token) = token else { return };
    IS_WORKER.store(true, Ordering::Release);
    let Err(error) = serve(token, surroundings);
    if is_the_end(&error) {
        std::process::exit(0)
    }
    let _ = writeln!(io::stderr(), "daglite worker: {error}");
    std::process::exit(1)
}

/// Whether nobody is at the other end any more.
fn is_the_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// A job with all its bytes.
struct Work(JobHead, Vec<Encoded>);

/// Runs jobs until the line ends.
fn serve(token: &str, surroundings: Surroundings) -> io::Result<Infallible> {
    let mut line = line()?;
    greet(&mut line, token)?;
    let (send, receive) = channel();
    let is_busy = Arc::new(AtomicBool::new(false));
    let (busy, answers) = (Arc::clone(&is_busy), line.try_clone()?);
    let bodies = thread::Builder::new().name("daglite body".into()).stack_size(STACK);
    bodies.spawn(move || run_bodies(&receive, answers, &busy, surroundings))?;
    loop {
        let work = match read_job(&mut line) {
            Ok(work) => work,
            Err(error) => {
                if is_busy.load(Ordering::Acquire) {
                    end_at_once();
                }
                return Err(error);
            }
        };
        is_busy.store(true, Ordering::Release);
        write_frame(&mut line, &FromWorker::Begun, &[])?;
        if send.send(work).is_err() {
            return Err(io::Error::other("the thread for bodies has ended"));
        }
    }
}

/// The line to the process that started this one. Standard input is empty from now on, so that no body reads from the line, and
/// what a body starts does not have it.
fn line() -> io::Result<UnixStream> {
    let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if line.local_addr().is_err() {
        return Err(invalid(
            "this program was started with an argument that daglite alone uses: drop it",
        ));
    }
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(line)
}

/// Says who this is, to one who has said the same.
fn greet(line: &mut UnixStream, token: &str) -> io::Result<()> {
    let mut theirs = [0; PREAMBLE.len()];
    line.read_exact(&mut theirs)?;
    // Before anything is judged: the other side knows best what to say to its user.
    line.write_all(&PREAMBLE)?;
    if theirs != PREAMBLE {
        return Err(invalid("the program that started this worker speaks otherwise than this one"));
    }
    match read_head(line)? {
        ToWorker::Hello { token: theirs, .. } if theirs == token => {}
        _ => return Err(invalid("the program that started this worker does not know it")),
    }
    let welcome = FromWorker::Welcome { daglite: VERSION.to_owned(), token: token.to_owned() };
    write_frame(line, &welcome, &[])
}

fn read_job(line: &mut UnixStream) -> io::Result<Work> {
    let ToWorker::Job(mut head) = read_head(line)? else {
        return Err(invalid("a second hello"));
    };
    let arguments = std::mem::take(&mut head.arguments).into_iter().map(|value| value.read(line));
    let arguments = arguments.collect::<io::Result<_>>()?;
    Ok(Work(head, arguments))
}

/// Runs bodies, one after the other.
fn run_bodies(
    jobs: &Receiver<Work>,
    mut answers: UnixStream,
    is_busy: &AtomicBool,
    surroundings: Surroundings,
) {
    for Work(head, arguments) in jobs {
        let (answer, value) = run_body(head, arguments, surroundings);
        let values = value.as_slice();
        if write_frame(&mut answers, &answer, values).is_err() {
            // Nobody is there to hear it.
            end_at_once();
        }
        is_busy.store(false, Ordering::Release);
    }
}

/// Runs a body; answers what came of it.
fn run_body(
    head: JobHead,
    arguments: Vec<Encoded>,
    surroundings: Surroundings,
) -> (FromWorker, Option<Encoded>) {
    let JobHead { name, fingerprint, key, memory, .. } = head;
    let entry = match TaskEntry::find(&name, Some(fingerprint)) {
        Ok(entry) => entry,
        Err(error) => return (FromWorker::Refused { why: error.to_string() }, None),
    };
    let limit = match Limit::set(memory) {
        Ok(limit) => limit,
        Err(why) => return (FromWorker::Refused { why }, None),
    };
    let started = Instant::now();
    let (mut arguments, mut result) = (Some(arguments), None);
    let states = surroundings(entry, key, &mut || {
        result = arguments.take().map(|arguments| entry.call_owned(arguments));
    });
    let took_nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    drop(limit);
    match result.unwrap_or(Err(JobError::Cancelled)) {
        Ok(value) => {
            let head = ValueHead::of(&value);
            (FromWorker::Done { took_nanos, states, value: head }, Some(value))
        }
        Err(JobError::Failed { error, again }) => {
            let error = RemoteError::of(&*error);
            let texts = error.texts().map(str::to_owned).collect();
            (FromWorker::Failed { texts, again }, None)
        }
        Err(JobError::Panicked(message)) => {
            (FromWorker::Panicked { message: shortened(message) }, None)
        }
        Err(other) => (FromWorker::Refused { why: shortened(other.to_string()) }, None),
    }
}

/// Ends this process, whatever its threads are doing.
fn end_at_once() -> ! {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    std::process::abort()
}

/// A limit of the memory of this process, for as long as it lives.
#[cfg(target_os = "linux")]
struct Limit(Option<(u64, u64)>);

#[cfg(target_os = "linux")]
impl Limit {
    /// Sets it, if there is one.
    fn set(bytes: Option<u64>) -> Result<Self, String> {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};

        let Some(bytes) = bytes else { return Ok(Self(None)) };
        let cannot = |cause| format!("the memory of a worker cannot be limited: {cause}");
        let (soft, hard) = getrlimit(Resource::RLIMIT_DATA).map_err(cannot)?;
        setrlimit(Resource::RLIMIT_DATA, bytes.min(hard), hard).map_err(cannot)?;
        Ok(Self(Some((soft, hard))))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Limit {
    fn drop(&mut self) {
        use nix::sys::resource::{Resource, setrlimit};

        if let Some((soft, hard)) = self.0
            && let Err(cause) = setrlimit(Resource::RLIMIT_DATA, soft, hard)
        {
            tracing::warn!(target: "daglite", %cause, "a worker keeps the memory limit of a job");
        }
    }
}

/// No limit of memory.
#[cfg(not(target_os = "linux"))]
struct Limit;

#[cfg(not(target_os = "linux"))]
impl Limit {
    /// Refuses one.
    fn set(bytes: Option<u64>) -> Result<Self, String> {
        match bytes {
            None => Ok(Self),
            Some(_) => Err("memory can be limited on Linux alone: drop `isolate_memory` and `memory_limit` here".to_owned()),
        }
    }
}
