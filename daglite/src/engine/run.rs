//! A run: the nodes of a graph in the order in which they can be settled.
//!
//! Nodes whose sources are settled wait in a queue. The caller of a blocking run works through it, helped by threads
//! of the pool; under `.await` the pool does, and the caller's thread only polls the bodies of `async` tasks, which
//! may need its runtime. In a run that has such tasks the caller does nothing else, so that none of them ever waits
//! behind a body that blocks.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cancel::Cancel;
use crate::error::Error;
use crate::event::{AtPlace, Event, Interest, MissReason, Short, Summary, place};
use crate::graph::{Appearance, Drawn, Handover, Key, Node, Origin, Outline, Slot};
use crate::sync::{AtomicBool, AtomicU64, Instant, Mutex, MutexGuard};
use crate::task::Value;

use super::Engine;
use super::admit::Lines;
use super::ahead::{Batch, Looked, run_number};
use super::attempts::Pauses;
use super::away::Away;
use super::context::Context;
use super::execute::{Completion, Flying};
use super::failures::Failures;
use super::hand::{self, Hand};
use super::hashes::Hashes;
use super::ledger::Ledger;
use super::line::Line;
use super::queue::{Queue, Work, Worker};
use super::resume::Resumption;
use super::waits::Thing;

/// One run of a graph.
pub(super) struct Run {
    /// What tells it from other runs, once it has looked ahead.
    number: OnceLock<u64>,
    pub(super) engine: Arc<Engine>,
    /// The surroundings of bodies without a key of their own.
    pub(super) context: Arc<Context>,
    /// The same for `async` bodies.
    pub(super) async_context: Arc<Context>,
    pub(super) queue: Mutex<Queue>,
    /// Whether nothing more may be started: for those who do not look at the queue.
    pub(super) stopping: AtomicBool,
    /// Whether the driver is busy with a piece of work.
    pub(super) driver_works: AtomicBool,
    /// Wakes whoever drives the run.
    pub(super) driver: Mutex<Option<Waker>>,
    /// Bodies of `async` tasks that want to be polled.
    pub(super) woken: Mutex<Vec<Arc<Flying>>>,
    pub(super) tally: Tally,
    /// What `tracing` knows of it: the parent of the spans of its tasks.
    pub(super) span: tracing::Span,
    pub(super) report: Option<Mutex<Report>>,
    /// Bytes of values that have come along with look-ups, and have not been read.
    pub(super) carried: AtomicU64,
    /// What was made of values that several calls share.
    pub(super) hashes: Hashes,
    /// The nodes that are to be tried again.
    pub(super) pauses: Pauses,
    /// The nodes that wait for room in limits.
    pub(super) lines: Lines,
    /// The bodies that were sent to other threads, if they may have to be called off.
    pub(super) sent: Mutex<Vec<Weak<Away>>>,
    /// Whether the driver is to drop the `async` bodies in flight.
    pub(super) cut: AtomicBool,
}

/// What became of the tasks of a run.
#[derive(Default)]
pub(super) struct Report {
    pub(super) tasks: Vec<TaskOutcome>,
    /// The place of each in the run.
    pub(super) places: Vec<u32>,
}

/// What a run counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) computed: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) saved_nanos: AtomicU64,
}

/// What became of one task in a run.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn one() -> u8 {
///     1
/// }
///
/// let outcome = one().outcome()?;
/// assert!(outcome.tasks[0].task.ends_with("one"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task, as `module::path::name`.
    pub task: &'static str,
    /// How its result came to be.
    pub origin: Origin,
    /// How long its body ran now; zero for a hit.
    pub took: Duration,
    /// How long its body ran when the result was computed that now was a hit; zero if it was computed.
    pub saved: Duration,
    /// Why a cached task was computed; `None` if it was not, or is not cached.
    pub reason: Option<MissReason>,
    /// The checkpoint that had the result; `None` if none had.
    pub resumed: Option<Resumption>,
}

impl TaskOutcome {
    /// How it is drawn.
    pub(crate) fn drawn(&self) -> Drawn {
        let (look, detail) = match (&self.resumed, self.origin) {
            (Some(resumed), _) => {
                (Appearance::Resumed, format!("from {}@{}", resumed.checkpoint, resumed.version))
            }
            (None, Origin::Hit) => (Appearance::Hit, format!("saves {}", Short(self.saved))),
            (None, Origin::Resumed) => (Appearance::Resumed, String::new()),
            (None, Origin::Computed) => (Appearance::Computed, format!("in {}", Short(self.took))),
        };
        Drawn { name: self.task, look, detail }
    }
}

/// What a thread has taken out of the lines.
enum Taken {
    /// One piece of work.
    One(Work, Option<Arc<Node>>, bool),
    /// Calls that lie in its hand.
    Handful,
    /// A fan-out that can go on.
    Fan(u32),
}

/// What came of working on a node.
pub(super) enum Progress {
    /// Its digest is known, and its value too if that was wanted.
    Settled,
    /// Somebody will put it into the queue again.
    Parked,
    /// The driver has to go on with it.
    Launch,
    /// Look again at once.
    Again,
    /// It cannot be made.
    Failed(Error),
}

impl Run {
    /// A run below `parent`; `begun` is what the store has been told of it already.
    pub(super) fn new(
        engine: Arc<Engine>,
        parent: Option<Arc<Context>>,
        begun: Option<Arc<Ledger>>,
        report: bool,
    ) -> Arc<Self> {
        let outer = || parent.as_ref().and_then(|parent| parent.ledger_of(&engine));
        let ledger = begun.or_else(outer).unwrap_or_default();
        let number = OnceLock::new();
        let outermost = match &parent {
            Some(parent) => parent.outermost,
            None if engine.audience.wants(Interest::Runs) => *number.get_or_init(run_number) + 1,
            None => 0,
        };
        let context = |blocking| {
            Arc::new(Context {
                engine: Arc::clone(&engine),
                blocking,
                task: None,
                key: None,
                seed: None,
                holds: None,
                abandoned: None,
                parent: parent.clone(),
                ledger: Arc::clone(&ledger),
                outermost,
            })
        };
        let (resumes, caches) = (engine.resume, engine.cache.is_some());
        let isolates = engine.executor.is_some();
        let (keeps_going, workers) = (engine.keep_going, engine.pool.concurrency());
        Arc::new(Self {
            number,
            context: context(true),
            async_context: context(false),
            engine,
            queue: Mutex::new(Queue {
                resumes,
                caches,
                isolates,
                cells: Vec::new(),
                ready: Line::new(),
                settled: 0,
                workers,
                ahead: 1,
                light: VecDeque::new(),
                launches: VecDeque::new(),
                has_async: false,
                flying: HashMap::new(),
                active: 0,
                helpers: 0,
                coming: 0,
                light_helper: false,
                is_hungry: false,
                failure: None,
                keeps_going,
                failures: Failures::default(),
                outline: report.then(Outline::default),
                cancelled: false,
                is_cut: false,
                result: None,
                key: None,
                hands: Vec::new(),
                fans: BTreeMap::new(),
                settling: HashSet::new(),
                litter: Vec::new(),
            }),
            stopping: AtomicBool::new(false),
            driver_works: AtomicBool::new(false),
            driver: Mutex::new(None),
            woken: Mutex::new(Vec::new()),
            tally: Tally::default(),
            span: tracing::debug_span!(target: "daglite", "run"),
            report: report.then(Mutex::default),
            carried: AtomicU64::new(0),
            hashes: Hashes::default(),
            pauses: Pauses::default(),
            lines: Lines::default(),
            sent: Mutex::default(),
            cut: AtomicBool::new(false),
        })
    }

    /// What tells it from other runs.
    pub(super) fn number(&self) -> u64 {
        *self.number.get_or_init(run_number)
    }

    /// Whether somebody is told of each call.
    pub(super) fn is_watched(&self) -> bool {
        self.report.is_some() || self.engine.is_observed()
    }

    /// Whether nobody waits for anything in this run any more.
    pub(super) fn has_ended(&self) -> bool {
        let queue = self.queue.lock();
        queue.is_stopping() || queue.result.is_some()
    }

    /// What waits if this run waits: the bodies around it.
    pub(super) fn ancestors(&self) -> SmallVec<[Thing; 4]> {
        self.context.things().collect()
    }

    /// Has `idx` looked at again: what it waited for has happened.
    pub(super) fn requeue(self: &Arc<Self>, idx: u32) {
        let mut queue = self.queue.lock();
        queue.push_back(idx);
        self.call_for(queue);
    }

    /// Has somebody see to what has come into the queue: the driver, or others if it is at a body that may take long.
    fn call_for(self: &Arc<Self>, queue: MutexGuard<'_, Queue>) {
        if self.driver_works.load(Ordering::SeqCst) {
            self.summon(queue, Worker::Nobody);
        } else {
            drop(queue);
        }
        self.wake_driver();
    }

    /// Hands a call of an `async` task to the driver.
    pub(super) fn request_launch(&self, idx: u32) {
        self.queue.lock().launches.push_back(idx);
        self.wake_driver();
    }

    /// Notes that an `async` body is in flight.
    pub(super) fn launched(&self, idx: u32, flying: Arc<Flying>) {
        self.queue.lock().flying.insert(idx, flying);
    }

    /// Goes on with a body whose run was dropped, unless this run is over too.
    pub(super) fn adopt(self: &Arc<Self>, idx: u32, body: Handover) -> Option<Handover> {
        let mut queue = self.queue.lock();
        if queue.is_stopping() || queue.result.is_some() {
            return Some(body);
        }
        let flying = match body.downcast::<Arc<Flying>>() {
            Ok(flying) => *flying,
            Err(other) => return Some(other),
        };
        queue.flying.insert(idx, Arc::clone(&flying));
        drop(queue);
        flying.belong_to(Arc::downgrade(self), idx);
        // It may have been woken while nobody listened.
        self.poll_soon(flying);
        None
    }

    /// Notes that an `async` body has ended, and has its result seen to.
    pub(super) fn landed(&self, idx: u32, completion: Completion) {
        let mut queue = self.queue.lock();
        let flying = queue.flying.remove(&idx);
        queue.light.push_front(Work::Record(idx, Box::new(completion)));
        drop(queue);
        drop(flying);
    }

    /// Notes that a body was sent to another thread: the run is not over before it comes back.
    pub(super) fn sent_away(&self, away: &Arc<Away>) {
        self.queue.lock().active += 1;
        if self.engine.cancel.get().is_some() {
            let mut sent = self.sent.lock();
            if sent.len() == sent.capacity() {
                sent.retain(|away| away.strong_count() > 0);
            }
            sent.push(Arc::downgrade(away));
        }
    }

    /// Notes that a body that was sent away has ended or was given up, and has that seen to.
    pub(super) fn came_back(self: &Arc<Self>, idx: u32, completion: Completion) {
        let mut queue = self.queue.lock();
        queue.light.push_front(Work::Record(idx, Box::new(completion)));
        queue.active -= 1;
        if queue.cancelled {
            self.summon(queue, Worker::Nobody);
        } else {
            self.call_for(queue);
        }
    }

    /// Notes that a body that was to be sent away has not begun.
    pub(super) fn never_went(&self) {
        self.queue.lock().active -= 1;
        self.wake_driver();
    }

    /// Has an `async` body polled.
    pub(super) fn poll_soon(&self, flying: Arc<Flying>) {
        self.woken.lock().push(flying);
        self.wake_driver();
    }

    pub(super) fn wake_driver(&self) {
        let waker = self.driver.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has `idx` looked at again once all of `nodes` are settled, with their values if those are wanted.
    pub(super) fn line_up(&self, idx: u32, nodes: &[Arc<Node>], want_values: bool) {
        let mut queue = self.queue.lock();
        let before = queue.cells.len();
        for node in nodes {
            let at = queue.enlist(node, want_values, Some(idx));
            queue.cells[at as usize].dependents.push(idx);
            queue.connect(at, idx);
            queue.cells[idx as usize].missing += 1;
        }
        self.tell_queued(&queue, before);
    }

    /// Tells of the calls that have come into the queue. Under its lock, so that nobody can have begun with one of them: to tell
    /// takes no lock of a run, and runs no code of an observer.
    pub(super) fn tell_queued(&self, queue: &Queue, before: usize) {
        if !self.engine.is_observed() {
            return;
        }
        // What others need stands behind them: it is told first.
        for (at, cell) in queue.cells.iter().enumerate().skip(before).rev() {
            if let Some(node) = &cell.node
                && let Some(task) = node.task
            {
                let _place = self.place_of(at as u32, node);
                self.engine.tell_task(|| Event::Queued { task: task.spec.name });
            }
        }
    }

    /// While the answer lives, what this thread tells is of `node`, which is the `idx`th.
    pub(super) fn place_of(&self, idx: u32, node: &Node) -> AtPlace {
        let is_async = node.task.is_some_and(|task| self.engine.is_polled(task));
        let (run, call) = self.numbers_of(idx);
        place(run, call, is_async)
    }

    /// The numbers of the outermost run and of the `idx`th node, as observers know them.
    pub(super) fn numbers_of(&self, idx: u32) -> (u64, u64) {
        (self.context.outermost, (self.number() + 1) << 32 | u64::from(idx))
    }

    /// The same, if anybody takes notice.
    pub(super) fn noted_place_of(&self, idx: u32, node: &Node) -> Option<AtPlace> {
        let is_noted = self.report.is_some() || self.engine.audience.wants(Interest::Runs);
        is_noted.then(|| self.place_of(idx, node))
    }

    /// While the answer lives, what this thread tells is of this run, and of no node.
    pub(super) fn place(&self) -> AtPlace {
        place(self.context.outermost, 0, false)
    }

    /// Works on what there is for `who` until nothing is left, the driver is needed elsewhere, or somebody waits for the permit.
    /// Whether there was anything.
    pub(super) fn work_on(self: &Arc<Self>, who: Worker, hand: &mut Hand) -> bool {
        let mut any = false;
        while let Some(work) = self.take_work(who, hand) {
            any = true;
            match work {
                Taken::One(work, node, want_value) => {
                    self.work(work, node, want_value, hand, who == Worker::Driver);
                }
                Taken::Handful => self.empty(hand),
                Taken::Fan(idx) => self.tend(idx, who != Worker::Light, hand),
            }
            if self.engine.pool.is_pressed() && matches!(who, Worker::Driver | Worker::Helper) {
                self.step_down(hand, &mut self.queue.lock());
                break;
            }
        }
        any
    }

    /// Works on one piece that only the driver may do.
    pub(super) fn launch(self: &Arc<Self>, idx: u32, hand: &mut Hand) {
        let (node, want_value) = self.queue.lock().node_of(idx);
        self.work(Work::Step(idx), node, want_value, hand, true);
        self.step_down(hand, &mut self.queue.lock());
    }

    /// Works on one piece.
    fn work(
        self: &Arc<Self>,
        work: Work,
        node: Option<Arc<Node>>,
        want_value: bool,
        hand: &mut Hand,
        driver: bool,
    ) {
        let Some(node) = node else { return };
        let (idx, completion) = match work {
            Work::Step(idx) => (idx, None),
            Work::Record(idx, completion) => (idx, Some(completion)),
        };
        let progress = self.progress(idx, &node, || match completion {
            None => self
                .step_plain(&node, &mut hand.context)
                .unwrap_or_else(|| self.step(idx, &node, want_value, driver)),
            Some(completion) => self.conclude(idx, &node, *completion),
        });
        hand.settled.extend(self.see_to(idx, node, progress));
    }

    /// Works on the calls that were taken along.
    fn empty(self: &Arc<Self>, hand: &mut Hand) {
        let mut done = None;
        while let Some((idx, node)) = hand.next(done.take()) {
            let progress = self.progress(idx, &node, || {
                let progress = self.step_plain(&node, &mut hand.context);
                progress.unwrap_or_else(|| self.step(idx, &node, true, false))
            });
            done = self.see_to(idx, node, progress);
            if self.stopping.load(Ordering::Relaxed) {
                hand.shared.drop_left();
            }
        }
    }

    /// What came of `step`, whatever it does.
    fn progress(&self, idx: u32, node: &Node, step: impl FnOnce() -> Progress) -> Progress {
        let _place = self.noted_place_of(idx, node);
        super::caught(step).unwrap_or_else(|message| {
            // Code of the user that runs outside of a body has panicked: a `Clone`, a `Drop`, a waker.
            let error = super::panicked(&message);
            self.settle(node, Slot::Failed(error.clone()));
            Progress::Failed(error)
        })
    }

    /// Draws the consequences of what came of a node; answers it if it is settled, for those that need it to be told.
    fn see_to(&self, idx: u32, node: Arc<Node>, progress: Progress) -> Option<(u32, Arc<Node>)> {
        match progress {
            Progress::Settled => {
                self.leave_line(idx, &node);
                return Some((idx, node));
            }
            Progress::Again => self.queue.lock().push_front(idx),
            Progress::Parked => {}
            Progress::Launch => {
                // Before the driver can have come to its end: whoever needs the value must find itself the only holder.
                drop(node);
                self.request_launch(idx);
            }
            Progress::Failed(error) => {
                self.leave_line(idx, &node);
                if self.engine.is_cancelled() {
                    // The word may not have come here yet, and this is what came of it.
                    self.cancel();
                }
                let mut queue = self.queue.lock();
                let stops = queue.fail(idx, error);
                let litter = mem::take(&mut queue.litter);
                drop(queue);
                if stops {
                    self.stopping.store(true, Ordering::Relaxed);
                }
                // Values of the user, which may panic as they go.
                let _ = super::caught(|| drop(litter));
            }
        }
        None
    }

    /// Lets those go ahead that need what `hand` has settled, and notes that its thread is done with that.
    fn step_down(&self, hand: &mut Hand, queue: &mut Queue) {
        hand.settled.drain(..).for_each(|(idx, node)| queue.finish(idx, node));
        hand.each_done(|idx, node| queue.finish(idx, node));
        if mem::take(&mut hand.at_work) {
            queue.active -= 1;
            if queue.is_over() {
                self.wake_driver();
            }
        }
    }

    /// The next piece of work, if there is any that may be done, after what was done has been seen to. Others are called
    /// if there is more.
    fn take_work(self: &Arc<Self>, who: Worker, hand: &mut Hand) -> Option<Taken> {
        let workers = self.engine.pool.concurrency();
        loop {
            let mut queue = self.queue.lock();
            self.step_down(hand, &mut queue);
            if who == Worker::Driver && queue.wants_driver() {
                return None;
            }
            let eager = queue.eager_fan();
            let work = if eager.is_some() { None } else { queue.next_work(who) };
            let Some(work) = work else {
                if let Some(idx) = eager.or_else(|| queue.next_fan()) {
                    queue.active += 1;
                    hand.at_work = true;
                    self.summon(queue, who);
                    return Some(Taken::Fan(idx));
                }
                let may_steal = matches!(who, Worker::Driver | Worker::Helper);
                let stolen = may_steal && queue.steal(hand);
                hand.at_work = stolen;
                queue.active += usize::from(stolen);
                return stolen.then_some(Taken::Handful);
            };
            queue.active += 1;
            hand.at_work = true;
            if let Work::Step(idx) = work {
                if queue.fill(hand, idx, workers) {
                    self.summon(queue, who);
                    return Some(Taken::Handful);
                }
                let batch = queue.take_batch(idx, workers);
                if batch.len() > 1 {
                    self.summon(queue, who);
                    hand.settled = self.look_for(batch);
                    continue;
                }
            }
            let (Work::Step(idx) | Work::Record(idx, _)) = work;
            let (node, want_value) = queue.node_of(idx);
            self.summon(queue, who);
            return Some(Taken::One(work, node, want_value));
        }
    }

    /// Looks for many calls at once; answers which are settled. The others come back into the line, whatever a store or a
    /// hash does.
    fn look_for(&self, batch: Batch) -> Vec<hand::Place> {
        let all: SmallVec<[u32; 8]> = batch.iter().map(|planned| planned.idx).collect();
        let looked = super::caught(|| self.look_ahead(batch)).unwrap_or_else(|message| {
            tracing::warn!(target: "daglite", %message, "looking for many calls at once panicked");
            let (settled, left) = (Vec::new(), all.to_vec());
            Looked { settled, left }
        });
        let mut queue = self.queue.lock();
        looked.left.iter().rev().for_each(|idx| queue.push_front(*idx));
        looked.settled
    }

    /// Calls threads of the pool if there is work that `who` leaves to them.
    pub(super) fn summon(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>, who: Worker) {
        let pool = &self.engine.pool;
        let most = match who {
            Worker::Driver => pool.concurrency() - 1,
            _ => pool.concurrency(),
        };
        let fans = usize::from(queue.next_fan().is_some());
        let waiting = match who {
            Worker::Light => queue.ready.len() + fans,
            _ => queue.ready.len() + queue.light.len() + fans,
        };
        let is_waiting = || waiting > queue.coming || waiting + queue.in_hands() > queue.coming;
        let is_full = queue.helpers >= most;
        let may_come = !queue.is_stopping() && !is_full;
        let grows_hungry = is_full && !queue.is_hungry && !queue.is_stopping() && is_waiting();
        let unclaimed = (!queue.light.is_empty() || fans > 0) && !queue.light_helper;
        // A thread with a permit can do all that waits. Without a permit left, what is light need not wait for one.
        let permit_comes = || may_come && pool.has_permit();
        let for_light = who == Worker::Nobody && unclaimed && !permit_comes();
        let for_ready = may_come && is_waiting();
        queue.light_helper |= for_light;
        queue.is_hungry |= grows_hungry;
        if for_ready {
            queue.helpers += 1;
            queue.coming += 1;
        }
        drop(queue);
        if for_light {
            let run = Arc::clone(self);
            self.engine.pool.submit_light(Box::new(move || run.help_light()));
        }
        if for_ready {
            let run = Arc::clone(self);
            self.engine.pool.submit(Box::new(move || run.help()));
        }
        if grows_hungry {
            let run = Arc::downgrade(self);
            self.engine.pool.when_free(Box::new(move || {
                if let Some(run) = run.upgrade() {
                    run.take_free_place();
                }
            }));
        }
    }

    /// Calls one thread more than there are places: a place is free, so one of those that were called sleeps in a run inside its
    /// body, or has gone.
    fn take_free_place(self: &Arc<Self>) {
        let mut queue = self.queue.lock();
        queue.is_hungry = false;
        if queue.is_stopping() || !queue.has_work() && queue.in_hands() == 0 {
            return;
        }
        queue.helpers += 1;
        queue.coming += 1;
        drop(queue);
        let run = Arc::clone(self);
        self.engine.pool.submit(Box::new(move || run.help()));
    }

    /// What a thread of the pool does for a run.
    fn help(self: Arc<Self>) {
        let _consulting = self.engine.consulting();
        let mut hand = Hand::new(&self.context);
        let mut queue = self.queue.lock();
        queue.coming -= 1;
        queue.hands.push(Arc::clone(&hand.shared));
        drop(queue);
        self.work_on(Worker::Helper, &mut hand);
        let mut queue = self.queue.lock();
        queue.forget(&hand);
        queue.helpers -= 1;
        if self.engine.pool.is_pressed() {
            // Behind those who wait for its permit: the driver may be at a body, and call nobody.
            return self.summon(queue, Worker::Nobody);
        }
        self.leave(queue);
    }

    /// What a thread without a permit does for a run.
    fn help_light(self: Arc<Self>) {
        let _consulting = self.engine.consulting();
        self.work_on(Worker::Light, &mut Hand::new(&self.context));
        let mut queue = self.queue.lock();
        queue.light_helper = false;
        self.leave(queue);
    }

    /// Work that came between a helper's last look and now would be nobody's.
    fn leave(self: &Arc<Self>, queue: MutexGuard<'_, Queue>) {
        let is_cancelled = queue.cancelled;
        match (queue.has_work() || queue.in_hands() > 0, is_cancelled) {
            (false, _) => drop(queue),
            (true, false) => {
                drop(queue);
                self.wake_driver();
            }
            (true, true) => self.summon(queue, Worker::Nobody),
        }
        if is_cancelled {
            self.let_go();
        }
    }

    /// Lets go of the nodes if nothing can be done for them here any more: whoever computes one of them elsewhere has a handle on this
    /// run, which must not have one on the node.
    pub(super) fn let_go(&self) {
        self.end_pauses();
        let left = self.queue.lock().let_go();
        discard(left);
    }

    /// Tells those who have to know that the run has ended; answers what happened in it.
    pub(super) fn say_ended(&self, started: Instant, store: bool, observers: bool) -> Summary {
        let _place = self.place();
        if store {
            self.engine.end_run(&self.context.ledger);
        }
        let summary = self.summary(started.elapsed());
        if observers {
            let is_cut = self.queue.lock().is_cut;
            self.engine.tell_run(|| match is_cut {
                true => Event::RunCancelled { summary },
                false => Event::RunFinished { summary },
            });
            self.engine.audience.heard();
        }
        summary
    }

    pub(super) fn summary(&self, took: Duration) -> Summary {
        Summary {
            hits: self.tally.hits.load(Ordering::Relaxed),
            computed: self.tally.computed.load(Ordering::Relaxed),
            misses: self.tally.misses.load(Ordering::Relaxed),
            resumed: self.tally.resumed.load(Ordering::Relaxed),
            took,
            saved: Duration::from_nanos(self.tally.saved_nanos.load(Ordering::Relaxed)),
        }
    }
}

/// Drops nodes: what they hold is the user's, and may panic as it goes.
fn discard(nodes: Vec<Arc<Node>>) {
    for node in nodes {
        let _ = super::caught(|| drop(node));
    }
}

/// The result of a run: the value, and what was told about it.
pub(crate) struct Finished {
    pub(crate) value: Value,
    /// The cache key of the call that made it, if it has one.
    pub(crate) key: Option<Arc<Key>>,
    pub(crate) summary: Summary,
    pub(crate) tasks: Vec<TaskOutcome>,
    /// The nodes of the run.
    pub(crate) outline: Outline,
    /// The place of each of `tasks` among them.
    pub(crate) places: Vec<u32>,
}

/// A run that may be gone.
pub(super) type WeakRun = Weak<Run>;
