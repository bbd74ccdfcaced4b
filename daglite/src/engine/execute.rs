//! Bodies: a sync one runs where it stands, an `async` one is polled by whoever drives the run.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind};
use crate::event::{Event, MissReason};
use crate::graph::{Arg, Input, Key, Node, Op, Slot, TaskOp, take_value};
use crate::registry::Encoded;
use crate::store::KeyPart;
use crate::sync::{AtomicBool, Instant, Mutex};
use crate::task::{Args, Body, Failure, Task, Value};

use super::attempts::{Attempt, Policy};
use super::away::Away;
use super::context::{Context, within, within_lent};
use super::flight::Flight;
use super::isolated::{BodyElsewhere, Returned};
use super::limits::Places;
use super::run::{Progress, Run, WeakRun};
use super::seed::Seed;
use super::step::lineage;
use super::{Engine, caught, panicked};

/// The end of a body.
pub(super) struct Completion {
    /// What it was for.
    pub(super) order: Order,
    /// What it returned, if it did.
    pub(super) result: Result<Result<Value, Failure>, Cut>,
    /// How long it ran.
    pub(super) took: Duration,
}

/// How a body ended that did not return.
pub(super) enum Cut {
    /// It panicked, with this message.
    Panicked(String),
    /// It took longer than `limit`; it is still at work if it is `away`.
    TimedOut { limit: Duration, away: Option<Arc<Away>> },
    /// It took longer than `limit` somewhere else, and was ended there.
    Ended { limit: Duration },
    /// What ran it somewhere else has ended under it.
    Crashed(Error),
    /// It has not run where it was to run, or has no result that can be read.
    Elsewhere(Error),
}

impl Cut {
    /// The error that users see, still without task and location.
    pub(super) fn into_error(self) -> Error {
        let (limit, fate) = match self {
            Self::Panicked(message) => return panicked(&message),
            Self::Crashed(error) | Self::Elsewhere(error) => return error,
            Self::TimedOut { limit, away: None } => (limit, "was dropped"),
            Self::TimedOut { limit, away: Some(_) } => {
                (limit, "still runs, as nothing can stop it")
            }
            Self::Ended { limit } => (limit, "was ended, with the process that ran it"),
        };
        let message = format!(
            "timed out after {limit:?}, and its body {fate}: if that is too early, give it a longer `timeout`"
        );
        Error::new(ErrorKind::TimedOut, message)
    }
}

/// What a body is run for.
pub(super) struct Order {
    /// The task.
    pub(super) task: &'static Task,
    /// The key to fill.
    pub(super) key: Option<Arc<Key>>,
    /// What the key was made from.
    pub(super) parts: Vec<KeyPart>,
    /// Why the cache had no result, if it was asked.
    pub(super) reason: Option<MissReason>,
    /// The right to compute the key.
    pub(super) flight: Option<Flight>,
    /// The checkpoints that the arguments were made from.
    pub(super) checkpoints: Vec<String>,
    /// What its random numbers are made of, if its task says that there are any.
    pub(super) seed: Option<Arc<Seed>>,
    /// Which attempt it is, if there may be several, or if its time is limited.
    pub(super) attempt: Option<Box<Attempt>>,
    /// The result as bytes, if it came as such.
    pub(super) encoded: Option<Box<Encoded>>,
    /// The places of limits that the body takes while it runs.
    pub(super) places: Option<Places>,
}

type BodyFuture = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// A body that is polled.
pub(super) enum BodyInFlight {
    /// That of an `async` task.
    Here(BodyFuture),
    /// One that runs somewhere else.
    Elsewhere(BodyElsewhere),
}

impl BodyInFlight {
    /// Polls it.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Returned> {
        match self {
            Self::Here(body) => body.as_mut().poll(cx).map(|result| Returned {
                result: Ok(result),
                encoded: None,
                took: None,
            }),
            Self::Elsewhere(body) => body.as_mut().poll(cx),
        }
    }
}

/// A body that is to be polled, and what surrounds it.
pub(super) struct Launch {
    pub(super) body: BodyInFlight,
    pub(super) context: Arc<Context>,
    pub(super) span: tracing::Span,
    pub(super) started: Instant,
}

/// The body of an `async` task in flight, or one that runs somewhere else.
pub(super) struct Flying {
    /// The run that polls it, and its node's place there.
    owner: Mutex<(WeakRun, u32)>,
    context: Arc<Context>,
    span: tracing::Span,
    started: Instant,
    /// The node goes with the body: a waker that is kept for ever must not keep the value.
    body: Mutex<Option<(BodyInFlight, Order, Arc<Node>)>>,
    /// Whether it already stands in line to be polled.
    queued: AtomicBool,
    /// Whether its time is over, so that it is dropped in place of being polled.
    timed_out: AtomicBool,
}

impl Run {
    /// Runs the body of a call, or sends it off if it is `async`.
    pub(super) fn execute(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        call: TaskOp,
        flight: Option<Flight>,
        places: Option<Places>,
    ) -> Progress {
        let task = call.task;
        let mut call = call;
        let policy = Policy::of(task, call.learnt().attempts.as_deref());
        let attempt = policy.map(|policy| Attempt::first(policy, &mut call));
        let parts = match call.key() {
            Some(key) => self.engine.parts_of(task, &call.args, key, &self.hashes),
            None => Vec::new(),
        };
        let missed = call.learnt().missed.is_some().then(|| call.learn().missed.take()).flatten();
        let missed = missed.map(|(_, reason)| reason);
        let reason = missed.map(|reason| self.miss(&call, reason, &parts));
        let checkpoints = lineage(&call);
        let seed = self.seed_for(&call);
        let (args, key) = call.into_parts();
        let encoded = None;
        let order =
            Order { task, checkpoints, key, parts, reason, flight, seed, attempt, encoded, places };
        let values: Option<SmallVec<[Value; 3]>> = args
            .into_iter()
            .map(|arg| match arg.0 {
                Input::Value(value) => Some(value),
                Input::Node(node) => take_value(node),
            })
            .collect();
        let Some(values) = values else { return self.lost(node) };
        self.run_body(idx, node, order, values)
    }

    /// Runs a body where it stands, unless it is `async` or may not take for ever.
    pub(super) fn run_body(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut order: Order,
        values: SmallVec<[Value; 3]>,
    ) -> Progress {
        let task = order.task;
        let name = task.spec.name;
        let mut limit = None;
        if let Some(attempt) = &mut order.attempt {
            attempt.keep(&values);
            limit = attempt.timeout();
        }
        if let Some(executor) = self.engine.executor_of(task) {
            return self.send_elsewhere(idx, node, executor, order, values);
        }
        if let Body::Sync(body) = task.body
            && (limit.is_some() || task.spec.weight_of(self.engine.pool.concurrency()) > 1)
        {
            self.send_away(idx, node, body, order, values, limit);
            return Progress::Parked;
        }
        self.engine.tell_task(|| Event::Started { task: name });
        let args = Args::new(values);
        let span = self.span_of(&order);
        match task.body {
            Body::Sync(body) => {
                let context = self.context_for(&order, true);
                // Reading the clock twice costs as much as a trivial body.
                let started = self.wants_times(&order).then(Instant::now);
                let _entered = span.enter();
                let mut args = args;
                let result = within(context, || caught(|| body(&mut args))).map_err(Cut::Panicked);
                drop(args);
                order.places = None;
                let took = started.map_or(Duration::ZERO, |started| started.elapsed());
                self.conclude(idx, node, Completion { order, result, took })
            }
            Body::Async(body) => {
                let context = self.context_for(&order, false);
                let started = Instant::now();
                let future = match within(Arc::clone(&context), || caught(|| body(args))) {
                    Ok(future) => future,
                    Err(panic) => {
                        let took = started.elapsed();
                        let result = Err(Cut::Panicked(panic));
                        order.places = None;
                        return self.conclude(idx, node, Completion { order, result, took });
                    }
                };
                let body = BodyInFlight::Here(future);
                self.fly(idx, node, order, Launch { body, context, span, started })
            }
        }
    }

    /// Has a body polled from now on.
    pub(super) fn fly(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        order: Order,
        launch: Launch,
    ) -> Progress {
        let Launch { body, context, span, started } = launch;
        let is_here = matches!(body, BodyInFlight::Here(_));
        // What runs somewhere else is timed there, from the moment on at which it begins.
        let limit = match &body {
            BodyInFlight::Here(_) => order.attempt.as_ref().and_then(|attempt| attempt.timeout()),
            BodyInFlight::Elsewhere(_) => None,
        };
        let flying = Arc::new(Flying {
            owner: Mutex::new((Arc::downgrade(self), idx)),
            context,
            span,
            started,
            body: Mutex::new(Some((body, order, Arc::clone(node)))),
            queued: AtomicBool::new(false),
            timed_out: AtomicBool::new(false),
        });
        if let Some(limit) = limit {
            flying.end_after(limit, &self.engine);
        }
        self.launched(idx, Arc::clone(&flying));
        if is_here {
            // Not here and now, where the node is still held: whoever takes the value of a body that ends at once may have to be
            // the only holder. The driver comes to it next, so that it need not be woken.
            self.woken.lock().push(flying);
        } else {
            flying.poll(self);
        }
        Progress::Parked
    }

    /// The span of a body: what `tracing` knows of it.
    pub(super) fn span_of(&self, order: &Order) -> tracing::Span {
        let span = tracing::debug_span!(
            target: "daglite",
            parent: &self.span,
            "task",
            task = order.task.spec.name,
            key = tracing::field::Empty,
            reason = tracing::field::Empty,
        );
        if !span.is_disabled() {
            if let Some(key) = &order.key {
                span.record("key", tracing::field::display(key.digest));
            }
            if let Some(reason) = &order.reason {
                span.record("reason", tracing::field::display(reason));
            }
        }
        span
    }

    /// Runs the body of a call of a sync task that has no key and of which nobody is told; `None` if it is not such a
    /// call, or its arguments are not all there.
    pub(super) fn step_plain(
        &self,
        node: &Node,
        context: &mut Option<Arc<Context>>,
    ) -> Option<Progress> {
        let task = node.task?;
        let Body::Sync(body) = task.body else { return None };
        let has_key = task.spec.cache.is_some() && self.engine.cache.is_some();
        let runs_here = task.spec.isolate.is_none() || self.engine.executor_of(task).is_none();
        if has_key || self.is_watched() || !(task.spec.is_plain() && runs_here) {
            return None;
        }
        let mut slot = node.slot.lock();
        match &*slot {
            Slot::Idle(Op::Task(call))
                if call.learnt().attempts.is_none() && call.args.iter().all(is_plainly_there) => {}
            _ => return None,
        }
        let Slot::Idle(Op::Task(call)) = mem::replace(&mut *slot, Slot::Running(Vec::new())) else {
            unreachable!("matched above")
        };
        drop(slot);
        let (args, _) = call.into_parts();
        let mut values = Args::default();
        for arg in args {
            let value = match arg.0 {
                Input::Value(value) => value,
                Input::Node(source) => match take_value(source) {
                    Some(value) => value,
                    None => return Some(self.lost(node)),
                },
            };
            values.push(value);
        }
        let span = tracing::debug_span!(
            target: "daglite",
            parent: &self.span,
            "task",
            task = task.spec.name
        );
        let entered = span.enter();
        let result = within_lent(context, || caught(|| body(&mut values)));
        drop(entered);
        drop(values);
        if let Ok(Ok(value)) = result {
            self.tally.computed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(
                target: "daglite",
                parent: &self.span,
                task = task.spec.name,
                origin = "computed",
                "computed",
            );
            return Some(self.done(node, value, None, None));
        }
        let (parts, checkpoints, took) = (Vec::new(), Vec::new(), Duration::ZERO);
        let result = result.map_err(Cut::Panicked);
        let order = Order {
            task,
            key: None,
            parts,
            reason: None,
            flight: None,
            checkpoints,
            seed: None,
            attempt: None,
            encoded: None,
            places: None,
        };
        Some(self.record_completion(node, Completion { order, result, took }))
    }

    /// Notes a miss, and tells of it; answers why it was one.
    fn miss(&self, call: &TaskOp, reason: MissReason, parts: &[KeyPart]) -> MissReason {
        self.tally.misses.fetch_add(1, Ordering::Relaxed);
        let (engine, task) = (&self.engine, call.task);
        let key = call.key().map(|key| key.digest);
        let reason = match (reason, &key) {
            (MissReason::NoEntry, Some(key)) if self.wants_reasons() => {
                engine.explain(&self.context.ledger.histories, task, key, parts)
            }
            (reason, _) => reason,
        };
        engine.tell_task(|| Event::Miss { task: task.spec.name, key, reason: reason.clone() });
        reason
    }

    /// Whether somebody will be told why a call was a miss.
    pub(super) fn wants_reasons(&self) -> bool {
        self.report.is_some() || self.engine.audience.wants_reasons()
    }

    /// Whether somebody will be told how long a body ran.
    fn wants_times(&self, order: &Order) -> bool {
        order.key.is_some() || self.report.is_some() || self.engine.is_observed()
    }

    /// The surroundings of a body that runs by itself, and finds out there that it was `abandoned`.
    pub(super) fn context_away(&self, order: &Order, abandoned: &Arc<AtomicBool>) -> Arc<Context> {
        let outer = Arc::clone(&self.context);
        let abandoned = Some(Arc::clone(abandoned));
        Arc::new(Context { abandoned, ..of_body(outer, order) })
    }

    /// The surroundings of a body.
    pub(super) fn context_for(&self, order: &Order, blocking: bool) -> Arc<Context> {
        let outer = if blocking { &self.context } else { &self.async_context };
        if order.key.is_none() && order.places.is_none() && order.seed.is_none() {
            return Arc::clone(outer);
        }
        Arc::new(of_body(Arc::clone(outer), order))
    }
}

/// The surroundings of a body of which something is known.
fn of_body(outer: Arc<Context>, order: &Order) -> Context {
    let key = order.key.as_ref().map(|key| key.digest);
    let holds = order.places.as_ref().map(Places::body);
    let (seed, is_known) = (order.seed.clone(), key.is_some() || order.seed.is_some());
    Context { task: is_known.then_some(order.task), key, seed, holds, ..Context::inside(outer) }
}

/// Whether an argument's value is there, and was made of no checkpoint.
fn is_plainly_there(arg: &Arg) -> bool {
    match &arg.0 {
        Input::Value(_) => true,
        Input::Node(source) => matches!(&*source.slot.lock(), Slot::Done { made: None, .. }),
    }
}

impl Flying {
    /// Polls the body; its end goes to `run`.
    pub(super) fn poll(self: &Arc<Self>, run: &Run) {
        self.queued.store(false, Ordering::Release);
        let mut body = self.body.lock();
        let Some((future, order, _)) = &mut *body else { return };
        let _entered = self.span.enter();
        let mut took = None;
        let result = if self.timed_out.load(Ordering::Acquire) {
            let limit = order.attempt.as_ref().and_then(|attempt| attempt.timeout());
            Err(Cut::TimedOut { limit: limit.unwrap_or_default(), away: None })
        } else {
            let waker = Waker::from(Arc::clone(self));
            let mut cx = TaskContext::from_waker(&waker);
            let context = Arc::clone(&self.context);
            match within(context, || caught(|| future.poll(&mut cx))) {
                Ok(Poll::Pending) => return,
                Ok(Poll::Ready(returned)) => {
                    order.encoded = returned.encoded.map(Box::new);
                    took = returned.took;
                    returned.result
                }
                Err(panic) => Err(Cut::Panicked(panic)),
            }
        };
        let ended = body.take();
        drop(body);
        if let Some((future, mut order, node)) = ended {
            // The body's own leftovers go before its result is told: they may hold what others need.
            let leftovers = within(Arc::clone(&self.context), || caught(|| drop(future)));
            order.places = None;
            drop(node);
            let result = leftovers.map_err(Cut::Panicked).and(result);
            let idx = self.owner.lock().1;
            let took = took.unwrap_or_else(|| self.started.elapsed());
            run.landed(idx, Completion { order, result, took });
        }
    }

    /// Has the body dropped after `limit`, by whoever polls it.
    fn end_after(self: &Arc<Self>, limit: Duration, engine: &Engine) {
        let flying = Arc::downgrade(self);
        let over = Box::new(move || {
            if let Some(flying) = flying.upgrade() {
                flying.timed_out.store(true, Ordering::Release);
                flying.wake();
            }
        });
        let timer = engine.timers.after(limit, over);
        if let Some((_, order, _)) = &mut *self.body.lock()
            && let Some(attempt) = &mut order.attempt
        {
            attempt.timer = timer;
        }
    }

    /// Leaves a run that was dropped: for one that waits for the body, or for good.
    pub(super) fn leave(self: Arc<Self>, run: &Run, error: Error) {
        let Some((node, error)) = self.body.lock().as_ref().map(|(_, order, node)| {
            (Arc::clone(node), error.in_task(order.task.spec.name, node.location))
        }) else {
            return;
        };
        let Some(refused) = run.hand_over(&node, Box::new(self), error) else { return };
        let Ok(flying) = refused.downcast::<Arc<Self>>() else { return };
        let Some((future, order, at)) = flying.body.lock().take() else { return };
        let (idx, task) = (flying.owner.lock().1, order.task.spec.name);
        let _place = run.place_of(idx, &at);
        run.engine.tell_task(|| Event::Cancelled { task });
        let _ = caught(|| within(Arc::clone(&flying.context), || drop(future)));
        drop(order);
    }

    /// Makes `run` the one that polls the body.
    pub(super) fn belong_to(&self, run: WeakRun, idx: u32) {
        *self.owner.lock() = (run, idx);
    }
}

impl Wake for Flying {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let owner = self.owner.lock().0.upgrade();
        if let Some(run) = owner {
            run.poll_soon(self);
        }
    }
}
