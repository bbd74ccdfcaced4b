//! Sync bodies with a timeout, and those that take several places: each runs on a thread of the pool by itself. One whose time
//! is over is abandoned there.
//!
//! Nobody can stop a thread. So whoever is first, the end of the body or the timer, has the say: it sends word to the run.
//! The other finds that this has happened. An abandoned body keeps its thread, gives its places in the pool to others, and
//! still counts for the limits that its task names.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use smallvec::SmallVec;

use crate::event::{Event, place};
use crate::graph::{Node, Op};
use crate::sync::{AtomicBool, Instant, Mutex};
use crate::task::{Args, Failure, Value};

use super::attempts::{Remains, rebuilt};
use super::context::{Context, within};
use super::execute::{Completion, Cut, Order};
use super::limits::Places;
use super::pool::Held;
use super::run::Run;
use super::{Engine, caught};

/// The function of a sync task.
type SyncBody = fn(&mut Args) -> Result<Value, Failure>;

/// A sync body that is not run where it stands.
pub(super) struct Away {
    task: &'static str,
    /// The numbers of its run and of its call, as observers know them.
    numbers: (u64, u64),
    span: tracing::Span,
    engine: Arc<Engine>,
    /// How long it may take.
    limit: Option<Duration>,
    /// The permits with which it runs.
    permits: OnceLock<Arc<Held>>,
    /// Whether nobody waits for it any more: it may ask.
    abandoned: Arc<AtomicBool>,
    /// Who waits for it; taken by who ends the wait.
    waiting: Mutex<Option<Waiting>>,
    word: Mutex<Word>,
}

/// Who waits for a body.
struct Waiting {
    run: Arc<Run>,
    idx: u32,
    order: Order,
    /// What is needed to begin; `None` once it has begun.
    start: Option<Start>,
}

/// What a body begins with.
struct Start {
    node: Arc<Node>,
    values: SmallVec<[Value; 3]>,
    /// The places of limits that the body takes, also when nobody waits for it any more.
    places: Option<Places>,
}

/// What is known of a body that was abandoned.
#[derive(Default)]
struct Word {
    /// Whether observers know that it was abandoned.
    told: bool,
    /// How long it ran, if it has ended.
    ended: Option<Duration>,
}

impl Run {
    /// Has a sync body run by a thread of the pool, with as many permits as its task weighs, and for `limit` at most.
    pub(super) fn send_away(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        body: SyncBody,
        mut order: Order,
        values: SmallVec<[Value; 3]>,
        limit: Option<Duration>,
    ) {
        let abandoned = Arc::<AtomicBool>::default();
        let context = self.context_away(&order, &abandoned);
        let permits = order.task.spec.weight_of(self.engine.pool.concurrency());
        let (task, engine) = (order.task.spec.name, Arc::clone(&self.engine));
        let (numbers, span) = (self.numbers_of(idx), self.span_of(&order));
        let places = order.places.take();
        let start = Some(Start { node: Arc::clone(node), values, places });
        let waiting = Waiting { run: Arc::clone(self), idx, order, start };
        let away = Arc::new(Away {
            task,
            numbers,
            span,
            engine,
            limit,
            permits: OnceLock::new(),
            abandoned,
            waiting: Mutex::new(Some(waiting)),
            word: Mutex::default(),
        });
        self.sent_away(&away);
        let job = move || {
            if let Some(start) = away.begin() {
                away.work(body, start, context);
            }
        };
        self.engine.pool.submit_heavy(permits, Box::new(job));
    }
}

impl Away {
    /// Starts the clock; `None` if the run is over, so that nothing is begun.
    fn begin(self: &Arc<Self>) -> Option<Start> {
        let mut waiting = self.waiting.lock();
        let is_over = waiting.as_ref().is_none_or(|waiting| waiting.run.has_ended());
        if is_over {
            let taken = waiting.take()?;
            drop(waiting);
            taken.not_begun();
            return None;
        }
        let start = waiting.as_mut()?.start.take()?;
        // Not under the lock: observers are anyone's code.
        drop(waiting);
        if let Some(held) = self.engine.pool.held() {
            let _ = self.permits.set(held);
        }
        let told_of = place(self.numbers.0, self.numbers.1, false);
        self.engine.tell_task(|| Event::Started { task: self.task });
        drop(told_of);
        let Some(limit) = self.limit else { return Some(start) };
        let away: Weak<Self> = Arc::downgrade(self);
        let over = Box::new(move || {
            if let Some(away) = away.upgrade() {
                away.time_out();
            }
        });
        let mut waiting = self.waiting.lock();
        let timer = self.engine.timers.after(limit, over);
        if let Some(attempt) = waiting.as_mut().and_then(|waiting| waiting.order.attempt.as_mut()) {
            attempt.timer = timer;
        }
        Some(start)
    }

    /// Calls it off if it has not begun.
    pub(super) fn call_off(&self) {
        let mut waiting = self.waiting.lock();
        if waiting.as_ref().is_some_and(|waiting| waiting.start.is_some()) {
            let taken = waiting.take();
            drop(waiting);
            taken.into_iter().for_each(Waiting::not_begun);
        }
    }

    /// Runs the body. Its result is for whoever still waits.
    fn work(self: Arc<Self>, body: SyncBody, start: Start, context: Arc<Context>) {
        let Start { node, values, places } = start;
        // Its value is moved only where nobody else holds it.
        drop(node);
        let started = Instant::now();
        let entered = self.span.enter();
        let mut args = Args::new(values);
        let result = within(Arc::clone(&context), || caught(|| body(&mut args)));
        // What the arguments leave behind is a part of the body.
        let leftovers = within(context, || caught(|| drop(args)));
        drop(entered);
        drop(places);
        let took = started.elapsed();
        let result = leftovers.and(result).map_err(Cut::Panicked);
        let waiting = self.waiting.lock().take();
        match waiting {
            Some(Waiting { run, idx, order, .. }) => {
                run.came_back(idx, Completion { order, result, took })
            }
            None => {
                // Its permits were given to others, and are taken back for the moment that is left.
                self.permits.get().into_iter().for_each(|held| held.take_again());
                let _ = caught(|| drop(result));
                let mut word = self.word.lock();
                word.ended = Some(took);
                let told = word.told;
                drop(word);
                if told {
                    self.tell_end(took);
                }
            }
        }
    }

    /// Abandons the body, unless it has ended.
    fn time_out(self: &Arc<Self>) {
        let Some(Waiting { run, idx, order, .. }) = self.waiting.lock().take() else { return };
        self.abandoned.store(true, Ordering::Relaxed);
        self.permits.get().into_iter().for_each(|held| held.lend());
        let limit = self.limit.unwrap_or_default();
        let cut = Cut::TimedOut { limit, away: Some(Arc::clone(self)) };
        let completion = Completion { order, result: Err(cut), took: limit };
        run.came_back(idx, completion);
    }

    /// Observers know now that the body was abandoned, and may be told of its end.
    pub(super) fn told(&self) {
        let mut word = self.word.lock();
        word.told = true;
        let ended = word.ended;
        drop(word);
        if let Some(took) = ended {
            self.tell_end(took);
        }
    }

    fn tell_end(&self, took: Duration) {
        let task = self.task;
        tracing::info!(target: "daglite", parent: &self.span, task, ?took, "an abandoned task has ended");
        let _place = place(self.numbers.0, self.numbers.1, false);
        self.engine.tell_task(|| Event::AbandonedEnded { task, took });
    }
}

impl Waiting {
    /// Puts a call back whose body was to be run on another thread, and was not.
    fn not_begun(self) {
        let Self { run, mut order, start, .. } = self;
        if let Some(Start { node, values, places }) = start {
            drop(places);
            let call = match &mut order.attempt.take() {
                Some(attempt) => rebuilt(&order, &mut attempt.call, values),
                None => rebuilt(&order, &mut Remains::default(), values),
            };
            drop(order);
            run.put_back(&node, Op::Task(call));
        }
        run.never_went();
    }
}
