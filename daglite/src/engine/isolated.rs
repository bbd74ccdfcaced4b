//! Bodies that do not run here: handed to the executor of the session, and looked after as the body of an `async` task is.
//!
//! In a worker there is no executor: an isolated task that a body calls there runs in that worker, as any other task does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use smallvec::SmallVec;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, place};
use crate::executor::{Executor, Job, JobError, JobFuture, JobNotes, TaskEntry};
use crate::graph::Node;
use crate::registry::Encoded;
use crate::sync::{Instant, Mutex};
use crate::task::{Body, Failure, Task, Value};

use super::context::{Context, within};
use super::execute::{BodyInFlight, Cut, Launch, Order};
use super::ledger::Ledger;
use super::run::{Progress, Run};
use super::{Engine, caught};

/// How a body ended somewhere else, and what came back of it.
pub(super) struct Returned {
    /// How it ended.
    pub(super) result: Result<Result<Value, Failure>, Cut>,
    /// The result as the bytes that came.
    pub(super) encoded: Option<Encoded>,
    /// How long it ran, if that was told.
    pub(super) took: Option<Duration>,
}

/// A body that runs somewhere else.
pub(super) type BodyElsewhere = Pin<Box<dyn Future<Output = Returned> + Send>>;

impl Engine {
    /// The executor that runs the bodies of a task; `None` if they run here.
    pub(super) fn executor_of(&self, task: &Task) -> Option<&Arc<dyn Executor>> {
        task.spec.isolate.as_ref().and(self.executor.as_ref())
    }

    /// Whether the bodies of a task are polled by the driver of their run, and keep no thread busy.
    pub(super) fn is_polled(&self, task: &Task) -> bool {
        matches!(task.body, Body::Async(_)) || self.executor_of(task).is_some()
    }

    /// Runs a body in a worker, as that of `key`; answers the names of the states that it has saved.
    pub(crate) fn around_isolated(
        self: &Arc<Self>,
        task: &'static Task,
        key: Digest,
        body: &mut dyn FnMut(),
    ) -> Vec<String> {
        let ledger: Arc<Ledger> = Arc::default();
        let context = Context {
            engine: Arc::clone(self),
            blocking: matches!(task.body, Body::Sync(_)),
            task: Some(task),
            key: Some(key),
            seed: None,
            holds: None,
            abandoned: None,
            parent: None,
            ledger: Arc::clone(&ledger),
            outermost: 0,
        };
        within(Arc::new(context), body);
        if !ledger.is_blank() {
            self.end_run(&ledger);
        }
        self.states.take(&key)
    }
}

impl Run {
    /// Hands a body to the executor.
    pub(super) fn send_elsewhere(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        executor: &Arc<dyn Executor>,
        order: Order,
        values: SmallVec<[Value; 3]>,
    ) -> Progress {
        let task = order.task;
        let key = order.key.as_ref().map(|key| key.digest);
        let attempt = order.attempt.as_deref();
        let limit = attempt.and_then(|attempt| attempt.timeout());
        let number = attempt.map_or(1, |attempt| attempt.number);
        let body = TaskEntry::of(task).map(|entry| {
            let mut job = Job::new(entry, values.into_vec(), self.engine.registry.clone());
            (job.timeout, job.attempt, job.key) = (limit, number, key);
            let notes = Arc::clone(&job.notes);
            let (engine, numbers) = (Arc::clone(&self.engine), self.numbers_of(idx));
            notes.on_begin(move || {
                let _place = place(numbers.0, numbers.1, true);
                engine.tell_task(|| Event::Started { task: task.spec.name });
            });
            (caught(|| executor.run(job)), notes)
        });
        let engine = Arc::clone(&self.engine);
        let body: BodyElsewhere = Box::pin(async move {
            let (job, notes) = match body {
                Some((Ok(job), notes)) => (job, notes),
                Some((Err(panic), _)) => return Returned::lost(executor_panicked(&panic)),
                None => return Returned::lost(unlisted()),
            };
            returned(engine, task, key, limit, job, &notes).await
        });
        let (context, span) = (self.context_for(&order, false), self.span_of(&order));
        let (body, started) = (BodyInFlight::Elsewhere(body), Instant::now());
        self.fly(idx, node, order, Launch { body, context, span, started })
    }
}

impl Returned {
    /// A body of which nothing came back.
    fn lost(cut: Cut) -> Self {
        Self { result: Err(cut), encoded: None, took: None }
    }
}

/// What comes back of a job.
async fn returned(
    engine: Arc<Engine>,
    task: &'static Task,
    key: Option<Digest>,
    limit: Option<Duration>,
    job: JobFuture,
    notes: &JobNotes,
) -> Returned {
    let answer = CaughtJob(job).await;
    notes.begin();
    let (took, states) = notes.take();
    if let Some(key) = key {
        engine.states.note_all(key, states);
    }
    let encoded = match answer {
        Ok(Ok(encoded)) => encoded,
        Ok(Err(JobError::Failed { error, again })) => {
            let result = Ok(Err(Failure::elsewhere(error, again)));
            return Returned { result, encoded: None, took };
        }
        Ok(Err(error)) => return Returned::lost(cut_of(error, limit)),
        Err(panic) => return Returned::lost(executor_panicked(&panic)),
    };
    // Not on this thread, which may belong to a runtime: a value may be large.
    let reading = Arc::clone(&engine);
    let read = OnPool::of(&engine, move || {
        let read = decoded(&reading, task, &encoded);
        (read, encoded)
    });
    match read.await {
        Some((Ok(value), encoded)) => {
            Returned { result: Ok(Ok(value)), encoded: Some(encoded), took }
        }
        Some((Err(why), _)) => {
            let message = format!("the result cannot be read: {why}");
            Returned::lost(Cut::Elsewhere(Error::new(ErrorKind::Format, message)))
        }
        None => Returned::lost(Cut::Panicked("the result was lost while it was read".to_owned())),
    }
}

/// The value of what came back.
fn decoded(engine: &Engine, task: &Task, encoded: &Encoded) -> Result<Value, String> {
    let formats = task.result.as_ref().ok_or("its type has no format")?;
    let Encoded { bytes, format, shape, .. } = encoded;
    match caught(|| formats.decode(&engine.registry, bytes, format, *shape)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("decoding it panicked: {panic}")),
    }
}

/// How the body ended, of which an executor says this.
fn cut_of(error: JobError, limit: Option<Duration>) -> Cut {
    match error {
        JobError::Panicked(message) => Cut::Panicked(message),
        JobError::TimedOut => Cut::Ended { limit: limit.unwrap_or_default() },
        JobError::Crashed(how) => {
            Cut::Crashed(Error::new(ErrorKind::Crashed, format!("crashed: {how}")))
        }
        JobError::Refused(why) => Cut::Elsewhere(Error::new(
            ErrorKind::Executor,
            format!("could not run where it was to run: {why}"),
        )),
        JobError::Cancelled => Cut::Elsewhere(Error::new(
            ErrorKind::Cancelled,
            "was cancelled where it ran: call the task again",
        )),
        JobError::Failed { error, .. } => Cut::Elsewhere(
            Error::new(ErrorKind::Task, format!("failed: {error}")).with_source(error),
        ),
    }
}

fn executor_panicked(panic: &str) -> Cut {
    let message = format!("crashed: the executor panicked: {panic}");
    Cut::Crashed(Error::new(ErrorKind::Crashed, message))
}

/// The table of tasks lacks one: the linker of this system does not make it.
fn unlisted() -> Cut {
    let message = "is not in the program's table of tasks, so nobody else can be told of it: call \
                   `Session::builder().isolation(false)` on this system";
    Cut::Elsewhere(Error::new(ErrorKind::Executor, message))
}

/// A job whose executor's panics are caught.
struct CaughtJob(JobFuture);

impl Future for CaughtJob {
    type Output = Result<Result<Encoded, JobError>, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match caught(|| self.0.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// What a thread of the pool works out.
struct OnPool<R>(Arc<Mutex<Outcome<R>>>);

/// How far that is.
enum Outcome<R> {
    Awaited(Option<Waker>),
    There(Option<R>),
}

impl<R: Send + 'static> OnPool<R> {
    /// Has `work` done.
    fn of(engine: &Engine, work: impl FnOnce() -> R + Send + 'static) -> Self {
        let place = Arc::new(Mutex::new(Outcome::Awaited(None)));
        let there = Arc::clone(&place);
        engine.pool.submit_light(Box::new(move || {
            let result = caught(work).ok();
            let before = std::mem::replace(&mut *there.lock(), Outcome::There(result));
            if let Outcome::Awaited(Some(waker)) = before {
                waker.wake();
            }
        }));
        Self(place)
    }
}

impl<R> Future for OnPool<R> {
    type Output = Option<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut *self.0.lock() {
            Outcome::Awaited(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Outcome::There(result) => Poll::Ready(result.take()),
        }
    }
}
