//! Sync bodies with a timeout: each runs on a thread of the pool by itself, and is abandoned there when its time is over.
//!
//! Nobody can stop a thread. So whoever is first, the end of the body or the timer, has the say: it sends word to the run.
//! The other finds that this has happened. An abandoned body keeps its thread and gives its place in the pool to others.

use std::sync::{Arc, Weak};
use std::time::Duration;

use smallvec::SmallVec;

use crate::event::{Event, place};
use crate::graph::{Node, Op};
use crate::sync::{Instant, Mutex};
use crate::task::{Args, Failure, Value};

use super::attempts::rebuilt;
use super::context::{Context, within};
use super::execute::{Completion, Cut, Order};
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
    limit: Duration,
    /// Who waits for it; taken by who ends the wait.
    waiting: Mutex<Option<Waiting>>,
    word: Mutex<Word>,
}

/// Who waits for a body.
struct Waiting {
    run: Arc<Run>,
    idx: u32,
    order: Order,
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
    /// Has a sync body run by a thread of the pool, for `limit` at most.
    pub(super) fn send_away(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        body: SyncBody,
        order: Order,
        values: SmallVec<[Value; 3]>,
        limit: Duration,
    ) {
        let context = self.context_for(&order, true);
        let (task, engine) = (order.task.spec.name, Arc::clone(&self.engine));
        let (numbers, span) = (self.numbers_of(idx), self.span_of(&order));
        let waiting = Waiting { run: Arc::clone(self), idx, order };
        let away = Arc::new(Away {
            task,
            numbers,
            span,
            engine,
            limit,
            waiting: Mutex::new(Some(waiting)),
            word: Mutex::default(),
        });
        let node = Arc::clone(node);
        self.sent_away();
        self.engine.pool.submit(Box::new(move || {
            if let Some(values) = away.begin(node, values) {
                away.work(body, values, context);
            }
        }));
    }
}

impl Away {
    /// Starts the clock; `None` if the run is over, so that nothing is begun.
    fn begin(
        self: &Arc<Self>,
        node: Arc<Node>,
        values: SmallVec<[Value; 3]>,
    ) -> Option<SmallVec<[Value; 3]>> {
        let mut waiting = self.waiting.lock();
        let is_over = waiting.as_ref().is_none_or(|waiting| waiting.run.has_ended());
        if is_over {
            let Waiting { run, order, .. } = waiting.take()?;
            drop(waiting);
            run.not_begun(&node, order, values);
            return None;
        }
        // Not under the lock: observers are anyone's code.
        drop(waiting);
        let told_of = place(self.numbers.0, self.numbers.1, false);
        self.engine.tell_task(|| Event::Started { task: self.task });
        drop(told_of);
        let away: Weak<Self> = Arc::downgrade(self);
        let over = Box::new(move || {
            if let Some(away) = away.upgrade() {
                away.time_out();
            }
        });
        let mut waiting = self.waiting.lock();
        let timer = self.engine.timers.after(self.limit, over);
        if let Some(attempt) = waiting.as_mut().and_then(|waiting| waiting.order.attempt.as_mut()) {
            attempt.timer = timer;
        }
        Some(values)
    }

    /// Runs the body. Its result is for whoever still waits.
    fn work(self: Arc<Self>, body: SyncBody, values: SmallVec<[Value; 3]>, context: Arc<Context>) {
        let started = Instant::now();
        let entered = self.span.enter();
        let mut args = Args::new(values);
        let result = within(Arc::clone(&context), || caught(|| body(&mut args)));
        // What the arguments leave behind is a part of the body.
        let leftovers = within(context, || caught(|| drop(args)));
        drop(entered);
        let took = started.elapsed();
        let result = leftovers.and(result).map_err(Cut::Panicked);
        let waiting = self.waiting.lock().take();
        match waiting {
            Some(Waiting { run, idx, order }) => {
                run.came_back(idx, Completion { order, result, took })
            }
            None => {
                // Its place was given to others, and is taken back for the moment that is left.
                self.engine.pool.take_again();
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
        let Some(Waiting { run, idx, order }) = self.waiting.lock().take() else { return };
        self.engine.pool.lend();
        let cut = Cut::TimedOut { limit: self.limit, away: Some(Arc::clone(self)) };
        let completion = Completion { order, result: Err(cut), took: self.limit };
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

impl Run {
    /// Puts a call back whose body was to be run on another thread, and was not.
    fn not_begun(self: &Arc<Self>, node: &Node, mut order: Order, values: SmallVec<[Value; 3]>) {
        if let Some(mut attempt) = order.attempt.take() {
            let call = rebuilt(&order, &mut attempt.call, values);
            drop(order);
            self.put_back(node, Op::Task(call));
        }
        self.never_went();
    }
}
