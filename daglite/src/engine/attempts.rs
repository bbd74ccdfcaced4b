//! Attempts: bodies that are run again when they fail, and not for ever.
//!
//! A call that is to be tried again goes back into its node, with all that is known of it and with the right to compute its
//! key, and the run is told by a timer when its pause is over: nobody waits meanwhile. Any run that wants the node may do
//! the next attempt. A run that ends takes the right back out of the nodes that it was pausing for, so that others get it.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::digest::Digest;
use crate::event::Event;
use crate::graph::{Arg, AttemptSettings, Input, Mode, Node, Op, Slot, TaskOp};
use crate::sync::Mutex;
use crate::task::{Failure, Task, Value};

use super::Engine;
use super::execute::{Completion, Cut, Order};
use super::run::{Progress, Run};
use super::timers::Timer;
use super::waits::Thing;

/// The longest pause before the first retry, if nobody says anything.
const DELAY: Duration = Duration::from_millis(200);

/// The longest pause of all, unless the first is longer.
const CAP: Duration = Duration::from_secs(60);

/// How often and for how long a body may run.
#[derive(Clone, Copy)]
pub(super) struct Policy {
    retries: u32,
    delay: Duration,
    /// How long one attempt may take.
    pub(super) timeout: Option<Duration>,
    /// Whether a function says which errors are worth another try.
    picky: bool,
}

impl Policy {
    /// What holds for a call, if it is more than to run the body once.
    #[inline]
    pub(super) fn of(task: &Task, settings: Option<&AttemptSettings>) -> Option<Self> {
        if task.spec.attempts.is_none() && settings.is_none() {
            return None;
        }
        Self::said(task, settings)
    }

    /// What the task and the call say; the call goes first.
    fn said(task: &Task, settings: Option<&AttemptSettings>) -> Option<Self> {
        let spec = task.spec.attempts.as_ref();
        let time = |millis: Option<u64>| millis.map(Duration::from_millis);
        let retries = settings.and_then(|call| call.retries);
        let delay = settings.and_then(|call| call.delay);
        let timeout = settings.and_then(|call| call.timeout);
        let policy = Self {
            retries: retries.or(spec.map(|spec| spec.retries)).unwrap_or(0),
            delay: delay.or(time(spec.and_then(|spec| spec.delay_millis))).unwrap_or(DELAY),
            timeout: timeout.or(time(spec.and_then(|spec| spec.timeout_millis))),
            picky: spec.is_some_and(|spec| spec.picky),
        };
        (policy.retries > 0 || policy.timeout.is_some()).then_some(policy)
    }

    /// The longest pause before retry number `retry`, from 1 on.
    fn ceiling(&self, retry: u32) -> Duration {
        let doubled =
            1_u32.checked_shl(retry - 1).and_then(|factor| self.delay.checked_mul(factor));
        let cap = self.delay.max(CAP);
        doubled.map_or(cap, |doubled| doubled.min(cap))
    }
}

/// One run of a body among those that its call may have.
pub(super) struct Attempt {
    policy: Policy,
    /// Which one it is, from 1 on.
    pub(super) number: u32,
    /// What else is needed to make the call again.
    pub(super) call: Remains,
    /// The arguments, if there may be another attempt.
    values: Option<SmallVec<[Value; 3]>>,
    /// Ends it when its time is over.
    pub(super) timer: Option<Timer>,
}

/// What is left of a call whose body runs.
#[derive(Default)]
pub(super) struct Remains {
    mode: Mode,
    settings: Option<Box<AttemptSettings>>,
}

impl Attempt {
    /// The first one of a call.
    pub(super) fn first(policy: Policy, call: &mut TaskOp) -> Box<Self> {
        let known = call.learn();
        let settings = known.attempts.take();
        let call = Remains { mode: mem::replace(&mut known.mode, Mode::Normal), settings };
        Box::new(Self { policy, number: 1, call, values: None, timer: None })
    }

    /// How long it may take.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.policy.timeout
    }

    /// Whether there may be another one.
    fn is_last(&self) -> bool {
        self.number > self.policy.retries
    }

    /// Keeps the arguments for another one, if there may be one.
    pub(super) fn keep(&mut self, values: &SmallVec<[Value; 3]>) {
        self.values = (!self.is_last()).then(|| values.clone());
    }

    /// Whether there is to be another one after this end.
    fn is_followed(&self, completion: &Completion) -> bool {
        let passes = match &completion.result {
            Ok(Ok(_)) => false,
            Ok(Err(failure)) => failure.is_worth_a_retry(),
            Err(Cut::Panicked(_)) => !self.policy.picky,
            Err(Cut::TimedOut { .. } | Cut::Ended { .. } | Cut::Crashed(_)) => true,
            Err(Cut::Elsewhere(_)) => false,
        };
        passes && self.values.is_some()
    }
}

/// A call between two attempts.
struct Pending {
    order: Order,
    /// When its pause is over, by the timers of the session.
    due: Duration,
    /// The engine whose timers say so.
    engine: Arc<Engine>,
}

/// The nodes that are between two attempts, in one run.
#[derive(Default)]
pub(super) struct Pauses(Mutex<Paused>);

#[derive(Default)]
struct Paused {
    /// Those whose pauses last.
    lasting: HashMap<u32, Pause>,
    /// Those whose pauses are over, and whose next attempts have not begun. A run that ends meanwhile has to give up what they hold.
    over: HashSet<u32>,
}

/// One of them.
struct Pause {
    node: Arc<Node>,
    _timer: Option<Timer>,
}

impl Run {
    /// Sees to the end of a body: its result is recorded, or it is run again.
    pub(super) fn conclude(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut completion: Completion,
    ) -> Progress {
        let Some(mut attempt) = completion.order.attempt.take() else {
            return self.record_completion(node, completion);
        };
        attempt.timer = None;
        self.tell_time_out(&completion, attempt.number);
        if !attempt.is_followed(&completion) {
            if attempt.values.is_some() {
                let told = |result: Result<_, Failure>| result.map_err(Failure::of_a_repeated_body);
                completion.result = completion.result.map(told);
            }
            completion.order.attempt = Some(attempt);
            return self.record_completion(node, completion);
        }
        let Completion { mut order, result, .. } = completion;
        if self.has_ended() {
            // Nothing is begun any more. Whoever else wants the node computes it.
            let call = attempt.call_again(&order);
            drop(order);
            self.put_back(node, Op::Task(call));
            return Progress::Parked;
        }
        let error = match result {
            Ok(Ok(_)) => unreachable!("a value is followed by no attempt"),
            Ok(Err(failure)) => failure.into_error(),
            Err(cut) => cut.into_error(),
        };
        let (task, number) = (order.task.spec.name, attempt.number);
        let error = self.told_of(node, &order, error).after_attempts(number);
        let key = order.key.as_ref().map(|key| key.digest);
        let delay = self.engine.pause(&attempt.policy, number, task, key.as_ref(), idx);
        let retries = attempt.policy.retries;
        // Before anybody is told, so that an observer may move the clock.
        let due = self.engine.timers.now().saturating_add(delay);
        tracing::debug!(target: "daglite", parent: &self.span, task, %error, attempt = number, ?delay, "a task is tried again");
        self.engine.tell_task(|| Event::Retried { task, attempt: number, retries, delay, error });
        let mut call = attempt.call_again(&order);
        attempt.number += 1;
        order.attempt = Some(attempt);
        let pending = Pending { order, due, engine: Arc::clone(&self.engine) };
        call.attempts().pending = Some(Mutex::new(Box::new(pending)));
        self.put_back(node, Op::Task(call));
        self.pause(idx, node, due);
        Progress::Parked
    }

    /// Goes on with a call that is between two attempts, if its pause is over.
    pub(super) fn step_pending(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut call: TaskOp,
        driver: bool,
    ) -> Progress {
        let taken = call.attempts().pending.take().map(Mutex::into_inner);
        let Some(Ok(pending)) = taken.map(|pending| pending.downcast::<Pending>()) else {
            self.put_back(node, Op::Task(call));
            return Progress::Again;
        };
        if !Arc::ptr_eq(&pending.engine, &self.engine) {
            // Another session has other keys and another clock: it begins anew.
            drop(pending);
            self.put_back(node, Op::Task(call.without_key()));
            return Progress::Again;
        }
        let (due, is_due) = (pending.due, pending.due <= self.engine.timers.now());
        let launches = self.engine.is_polled(call.task) && !driver;
        if is_due && !launches && !call.task.spec.limits.is_empty() {
            return self.readmit(idx, node, call, pending);
        }
        if !is_due || launches {
            call.attempts().pending = Some(Mutex::new(pending));
            self.put_back(node, Op::Task(call));
            if is_due {
                return Progress::Launch;
            }
            self.pause(idx, node, due);
            return Progress::Parked;
        }
        self.next_attempt(idx, node, call, *pending)
    }

    /// Begins the next attempt of a call whose task names limits, if there is room.
    fn readmit(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut call: TaskOp,
        pending: Box<Pending>,
    ) -> Progress {
        let own = pending.order.flight.as_ref().map(|flight| Thing::Key(flight.key()));
        call.attempts().pending = Some(Mutex::new(pending));
        let (mut call, places) = match self.admit(idx, node, call, own) {
            Ok(admitted) => admitted,
            Err(progress) => return progress,
        };
        let taken = call.attempts().pending.take().map(Mutex::into_inner);
        let Some(Ok(mut pending)) = taken.map(|pending| pending.downcast::<Pending>()) else {
            // Another run was here meanwhile.
            self.put_back(node, Op::Task(call));
            return Progress::Again;
        };
        pending.order.places = places;
        self.next_attempt(idx, node, call, *pending)
    }

    fn next_attempt(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut call: TaskOp,
        pending: Pending,
    ) -> Progress {
        let Pending { mut order, .. } = pending;
        self.pauses.0.lock().over.remove(&idx);
        if let Some(attempt) = &mut order.attempt {
            let known = call.learn();
            attempt.call.settings = known.attempts.take();
            attempt.call.mode = mem::replace(&mut known.mode, Mode::Normal);
        }
        let values = call.args.into_iter().filter_map(|arg| match arg.0 {
            Input::Value(value) => Some(value),
            Input::Node(_) => None,
        });
        self.run_body(idx, node, order, values.collect())
    }

    /// Has `idx` looked at again when `due` is reached.
    fn pause(self: &Arc<Self>, idx: u32, node: &Arc<Node>, due: Duration) {
        let run = Arc::downgrade(self);
        let over = Box::new(move || {
            let Some(run) = run.upgrade() else { return };
            // Before the node is looked at, as its value is moved only where nobody else holds it.
            let mut pauses = run.pauses.0.lock();
            let pause = pauses.lasting.remove(&idx);
            pauses.over.insert(idx);
            drop(pauses);
            drop(pause);
            run.requeue(idx);
        });
        let mut pauses = self.pauses.0.lock();
        let timer = self.engine.timers.at(due, over);
        let is_timed = timer.is_some();
        let before = is_timed
            .then(|| pauses.lasting.insert(idx, Pause { node: Arc::clone(node), _timer: timer }));
        drop(pauses);
        drop(before);
        if !is_timed {
            self.pauses.0.lock().over.insert(idx);
            self.requeue(idx);
        } else if self.has_ended() {
            self.end_pauses();
        }
    }

    /// Waits for no pause any more: what this run was to try again is free for others.
    pub(super) fn end_pauses(&self) {
        let Paused { lasting, over } = mem::take(&mut *self.pauses.0.lock());
        let nodes: Vec<_> = {
            let queue = self.queue.lock();
            over.into_iter().filter_map(|idx| queue.node_of(idx).0).collect()
        };
        for node in lasting.into_values().map(|pause| pause.node).chain(nodes) {
            let pending = match &mut *node.slot.lock() {
                Slot::Idle(Op::Task(call)) if call.is_pending() => call.attempts().pending.take(),
                _ => None,
            };
            // After the lock: the right to compute the key goes with it, which wakes others.
            drop(pending);
        }
    }

    /// Tells that the time of an attempt was over, if that was its end.
    fn tell_time_out(&self, completion: &Completion, attempt: u32) {
        let (limit, away) = match &completion.result {
            Err(Cut::TimedOut { limit, away }) => (*limit, away.as_ref()),
            Err(Cut::Ended { limit }) => (*limit, None),
            _ => return,
        };
        let (task, still_running) = (completion.order.task.spec.name, away.is_some());
        tracing::warn!(target: "daglite", parent: &self.span, task, ?limit, still_running, "a task took longer than its timeout");
        self.engine.tell_task(|| Event::TimedOut { task, attempt, limit, still_running });
        if let Some(away) = away {
            away.told();
        }
    }
}

impl Attempt {
    /// The call once more, as it was before this attempt.
    fn call_again(&mut self, order: &Order) -> TaskOp {
        let values = self.values.take().unwrap_or_default();
        rebuilt(order, &mut self.call, values)
    }
}

/// The call that `order` was made of.
pub(super) fn rebuilt(
    order: &Order,
    remains: &mut Remains,
    values: SmallVec<[Value; 3]>,
) -> TaskOp {
    let args = values.into_iter().map(|value| Arg(Input::Value(value))).collect();
    let mode = mem::replace(&mut remains.mode, Mode::Normal);
    let mut call = TaskOp::new(order.task, args);
    let known = call.learn();
    (known.mode, known.key, known.attempts) = (mode, order.key.clone(), remains.settings.take());
    call
}

impl Engine {
    /// How long to wait before retry number `retry` of a call: with full jitter, a random time up to the ceiling. It is made
    /// of the seed of the session and of what tells the call from others.
    fn pause(
        &self,
        policy: &Policy,
        retry: u32,
        task: &str,
        key: Option<&Digest>,
        idx: u32,
    ) -> Duration {
        let ceiling =
            u64::try_from(policy.ceiling(retry).as_millis()).unwrap_or(u64::MAX).min(u64::MAX - 1);
        let mut bytes = self.jitter_seed.to_le_bytes().to_vec();
        bytes.extend(retry.to_le_bytes());
        bytes.extend(idx.to_le_bytes());
        bytes.extend(key.map_or([0; 32], |key| *key.as_bytes()));
        bytes.extend(task.as_bytes());
        let digest = Digest::of_bytes(&bytes);
        let random = digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Duration::from_millis(random % (ceiling + 1))
    }
}
