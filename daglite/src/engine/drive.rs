//! The future that drives a run, on the caller's thread or under `.await`.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context as TaskContext, Poll};

use crate::cancel::{Cancel, Listens};
use crate::error::Error;
use crate::event::{Event, Interest, Summary};
use crate::graph::Node;
use crate::sync::{Instant, thread};
use crate::task::Value;

use super::Engine;
use super::block;
use super::context::current;
use super::hand::Hand;
use super::ledger::Ledger;
use super::pool::{Lent, Permit, without_permits};
use super::queue::Worker;
use super::run::{Finished, Report, Run};

/// A run as a future. Nothing happens before it is polled; dropping it cancels the run.
pub(crate) struct RunFuture {
    run: Arc<Run>,
    node: Option<Arc<Node>>,
    /// Whether the thread that polls may be kept busy with tasks.
    blocking: bool,
    top_level: bool,
    /// Whether the store is told by this run, and not by one around it, that it has ended.
    tells_store: bool,
    stage: Stage,
    /// Has it cancelled with the others of its session.
    listens: Option<Listens>,
    /// The permits of the body around, while that waits for this run on a runtime of its own.
    lent: Option<Lent>,
}

/// How far a run has come.
enum Stage {
    /// Nobody has polled it.
    New,
    /// Its nodes are being settled.
    Running(Instant),
    /// It has its result; a thread of the pool tells the store and the observers that it has ended.
    Ending { result: Result<Value, Error>, ended: Arc<OnceLock<Summary>> },
    /// Its result has been given.
    Over,
}

impl RunFuture {
    /// A run of everything that `node` needs.
    pub(crate) fn new(engine: Arc<Engine>, node: Arc<Node>, blocking: bool, report: bool) -> Self {
        Self::of(engine, node, None, blocking, report)
    }

    /// A run on this thread of a call that was looked for before; `begun` is what the store has been told.
    pub(super) fn begun(engine: Arc<Engine>, node: Arc<Node>, begun: Option<Arc<Ledger>>) -> Self {
        Self::of(engine, node, begun, true, false)
    }

    fn of(
        engine: Arc<Engine>,
        node: Arc<Node>,
        begun: Option<Arc<Ledger>>,
        blocking: bool,
        report: bool,
    ) -> Self {
        let parent = current();
        let top_level = parent.is_none();
        let tells_store = parent.as_ref().is_none_or(|body| body.ledger_of(&engine).is_none());
        let run = Run::new(engine, parent, begun, report);
        let (node, stage, listens, lent) = (Some(node), Stage::New, None, None);
        Self { run, node, blocking, top_level, tells_store, stage, listens, lent }
    }

    fn start(&mut self) {
        self.stage = Stage::Running(Instant::now());
        if let Some(token) = self.run.engine.cancel.get() {
            // First to be told, then a look: so it is told, or sees it.
            self.listens = Some(token.tell(Arc::downgrade(&self.run) as Weak<dyn Cancel>));
            if token.is_cancelled() {
                self.top_level = false;
                self.run.refuse();
                return;
            }
        }
        let mut queue = self.run.queue.lock();
        if let Some(node) = &self.node {
            queue.enlist(node, true, None);
        }
        let nodes = queue.cells.len();
        let _place = self.run.place();
        if self.top_level {
            self.run.engine.tell_run(|| Event::RunStarted { nodes });
        }
        self.run.tell_queued(&queue, 0);
    }

    /// One piece of work for the driver; false if there is none.
    fn drive(&self, place: &mut Place, hand: &mut Hand) -> bool {
        let run = &self.run;
        if run.cut.swap(false, Ordering::Relaxed) {
            let flying = std::mem::take(&mut run.queue.lock().flying);
            run.drop_bodies(
                flying,
                "was cancelled: all runs of its session were; call the task again",
            );
            return true;
        }
        let woken = std::mem::take(&mut *run.woken.lock());
        if !woken.is_empty() {
            woken.iter().for_each(|flying| flying.poll(run));
            return true;
        }
        let mut queue = run.queue.lock();
        if !queue.is_stopping()
            && let Some(idx) = queue.launches.pop_front()
        {
            queue.active += 1;
            hand.at_work = true;
            drop(queue);
            run.launch(idx, hand);
            return true;
        }
        if !queue.has_work() && queue.in_hands() == 0 {
            return false;
        }
        if matches!(place, Place::Runtime) || queue.has_async {
            run.summon(queue, Worker::Nobody);
            return false;
        }
        drop(queue);
        if let Place::Idle = place
            && let Some(permit) = run.engine.pool.try_acquire()
        {
            *place = Place::Working { _permit: Some(permit) };
        }
        let who = match place {
            Place::Working { .. } => Worker::Driver,
            Place::Idle | Place::Runtime | Place::Yielding => Worker::Light,
        };
        run.driver_works.store(true, Ordering::SeqCst);
        let any = run.work_on(who, hand);
        run.driver_works.store(false, Ordering::SeqCst);
        if !any {
            run.summon(run.queue.lock(), Worker::Nobody);
        }
        if run.engine.pool.is_pressed() {
            // Somebody waits for several permits: what is left here is left to others, who stand in line for theirs.
            *place = match place {
                Place::Working { _permit: Some(_) } => Place::Idle,
                Place::Working { _permit: None } => Place::Yielding,
                Place::Idle | Place::Runtime | Place::Yielding => return any,
            };
        }
        any
    }

    /// What the calling thread may be used for.
    fn place(&self) -> Place {
        let in_sync_body = current().is_some_and(|body| body.blocking);
        if in_sync_body && self.run.engine.pool.is_held() {
            return Place::Working { _permit: None };
        }
        if self.blocking { Place::Idle } else { Place::Runtime }
    }

    /// The result of the run, if nothing is left to be done for it.
    fn result(&mut self) -> Option<Result<Value, Error>> {
        let mut queue = self.run.queue.lock();
        if !queue.is_over() {
            return None;
        }
        let result = match queue.result.take() {
            Some(value) => Ok(value),
            None if queue.is_cut => Err(self.run.cut_error(&queue)),
            None => {
                let failure = queue.failure.clone().or_else(|| queue.failures.as_one());
                Err(failure.expect("a run is over with a result or a failure"))
            }
        };
        // What is still parked somewhere has nobody left to wait for it.
        queue.cancelled = true;
        self.run.stopping.store(true, Ordering::Relaxed);
        drop(queue);
        self.listens = None;
        self.run.leave_lines();
        self.run.let_go();
        // The handle goes first, so that a value nobody else holds can be moved out.
        self.node = None;
        self.run.context.ledger.add(&self.run.tally);
        Some(result)
    }

    /// Tells the store and the observers that the run has ended: on this thread if it may block, else on one of the pool.
    fn end(&mut self, started: Instant, result: Result<Value, Error>) {
        let ended = Arc::new(OnceLock::new());
        let audience = &self.run.engine.audience;
        let tells_store = self.tells_store && !self.run.context.ledger.is_blank();
        let top_level = self.top_level;
        let tells_observers =
            top_level && (audience.wants(Interest::Runs) || !audience.has_heard());
        if !(tells_store || tells_observers) {
            let _ = ended.set(self.run.summary(started.elapsed()));
        } else if self.blocking {
            let _ = ended.set(self.run.say_ended(started, tells_store, top_level));
        } else {
            let (run, ended) = (Arc::clone(&self.run), Arc::clone(&ended));
            self.run.engine.pool.submit_light(Box::new(move || {
                let _ = ended.set(run.say_ended(started, tells_store, top_level));
                run.wake_driver();
            }));
        }
        self.stage = Stage::Ending { result, ended };
    }

    fn conclude(
        &mut self,
        result: Result<Value, Error>,
        summary: Summary,
    ) -> Result<Finished, Error> {
        let report = self.run.report.as_ref().map(|report| std::mem::take(&mut *report.lock()));
        let Report { tasks, places } = report.unwrap_or_default();
        let mut queue = self.run.queue.lock();
        let outline = queue.outline.take().unwrap_or_default();
        let key = queue.key.take();
        drop(queue);
        result.map(|value| Finished { value, key, summary, tasks, outline, places })
    }

    /// Drives the run as far as it goes now.
    fn poll_running(&mut self, started: Instant, cx: &mut TaskContext<'_>) {
        let mut place = self.place();
        // What the body around has is for the run inside of it.
        let shared = matches!(place, Place::Working { .. }).then(Lent::but_one);
        let mut hand = Hand::new(&self.run.context);
        self.run.queue.lock().hands.push(Arc::clone(&hand.shared));
        let _consulting = self.run.engine.consulting();
        loop {
            if self.drive(&mut place, &mut hand) {
                continue;
            }
            self.listen(cx);
            // A second look: what came between the first one and now has woken nobody.
            if self.drive(&mut place, &mut hand) {
                continue;
            }
            let waits_elsewhere = !self.blocking && !matches!(self.place(), Place::Runtime);
            // A permit is for work, not for the store's last words.
            drop((place, shared));
            self.run.queue.lock().forget(&hand);
            if let Some(result) = self.result() {
                self.end(started, result);
            } else if waits_elsewhere {
                self.lent = Some(Lent::all());
            }
            return;
        }
    }

    fn listen(&self, cx: &TaskContext<'_>) {
        *self.run.driver.lock() = Some(cx.waker().clone());
    }
}

impl Future for RunFuture {
    type Output = Result<Finished, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.lent = None;
        if let Stage::New = self.stage {
            self.start();
        }
        if let Stage::Running(started) = self.stage {
            self.poll_running(started, cx);
        }
        match &self.stage {
            Stage::Ending { ended, .. } => {
                if ended.get().is_none() {
                    self.listen(cx);
                    // It may have been told between the look and the listening.
                    if ended.get().is_none() {
                        return Poll::Pending;
                    }
                }
            }
            Stage::Running(_) => return Poll::Pending,
            Stage::New | Stage::Over => panic!("a run is not polled after its end"),
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Ending { result, ended } => {
                let summary = *ended.get().expect("it was there a moment ago");
                Poll::Ready(self.conclude(result, summary))
            }
            _ => unreachable!("matched above"),
        }
    }
}

/// A run that is dropped has ended too. The store is told at once, by a thread of the pool, as whoever drops must not be
/// held up. Bodies that are still at work may put results later: those are as safe as what any batch holds, and need
/// no run around them.
impl Drop for RunFuture {
    fn drop(&mut self) {
        let Stage::Running(started) = self.stage else { return };
        let mut queue = self.run.queue.lock();
        queue.cancelled = true;
        self.run.stopping.store(true, Ordering::Relaxed);
        let flying = std::mem::take(&mut queue.flying);
        if queue.has_work() {
            self.run.summon(queue, Worker::Nobody);
        } else {
            drop(queue);
        }
        self.run.leave_lines();
        let why = "was cancelled: the run that computed it was dropped; call the task again";
        self.run.drop_bodies(flying, why);
        self.run.let_go();
        self.run.context.ledger.add(&self.run.tally);
        if self.top_level {
            let _place = self.run.place();
            let summary = self.run.summary(started.elapsed());
            self.run.engine.tell_run(|| Event::RunCancelled { summary });
        }
        if self.tells_store && !self.run.context.ledger.is_blank() {
            let run = Arc::clone(&self.run);
            let end = Box::new(move || run.engine.end_run(&run.context.ledger));
            self.run.engine.pool.submit_light(end);
        }
    }
}

/// What the thread that polls a run may be used for.
enum Place {
    /// For polling alone: it belongs to a runtime.
    Runtime,
    /// For all work, once it has a permit.
    Idle,
    /// For all work: it has a permit, its own or that of the body around it.
    Working { _permit: Option<Permit> },
    /// For what needs no permit: others wait for that of the body around it.
    Yielding,
}

/// Drives a run on this thread until it ends.
pub(crate) fn block_on(run: RunFuture) -> Result<Finished, Error> {
    block::wait_with(run, || without_permits(thread::park))
}
