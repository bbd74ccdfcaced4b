//! Fan-outs: elements begin as there is room for them, and whoever has nothing else to do makes the next.
//!
//! An element that is a chain of plain calls is done by the thread that makes it, from end to end. All others get places in the run, and
//! their own calls go before the next element. How many are there at once is bounded: by what the user says, or by the threads of
//! the session. Elements that the cache has are let in faster, so that they are looked for many at once; and those that wait
//! for `async` bodies use no thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind};
use crate::graph::{End, Fan, Input, Known, Node, Op, Slot};

use super::context::Context;
use super::hand::Hand;
use super::key::joined;
use super::queue::Queue;
use super::run::{Progress, Run, Tally};
use super::step::made_from;
use super::{caught, panicked};

/// How many elements may have begun and not ended for each thread of the session.
const PER_THREAD: usize = 4;

/// How many times that it may be as long as all that end are hits.
const WIDEST: usize = 16;

/// The most elements that are there at once because others wait for `async` bodies.
const MOST_ASYNC: usize = 1024;

/// How many elements one thread takes at once to do them itself.
const IN_HAND: usize = 4;

/// A fan-out that a run works on.
pub(super) struct Open {
    /// What it is.
    pub(super) fan: Arc<Fan>,
    /// The items that have places in the run: their numbers.
    items: HashMap<u32, u64>,
    /// The numbers of those that have ended.
    ended: Vec<u64>,
    /// The number of the first item that has got no place yet.
    placed: u64,
    /// How many times the usual number of elements may be there.
    wide: usize,
    /// How many hits there were, and how many bodies had run, when that was worked out.
    seen: (u64, u64),
}

impl Open {
    /// Notes that the item at place `at` has ended; false if it is no item.
    fn note_ended(&mut self, at: u32) -> bool {
        let serial = self.items.remove(&at);
        self.ended.extend(serial);
        serial.is_some()
    }

    /// Lets more elements in as long as there are hits and nothing is computed, and the usual number if there is.
    fn widen(&mut self, hits: u64, computed: u64) {
        if computed != self.seen.1 {
            self.wide = 1;
        } else if hits != self.seen.0 {
            self.wide = (self.wide * 2).min(WIDEST);
        }
        self.seen = (hits, computed);
    }
}

impl Queue {
    /// How many elements of `open` may be there at once.
    fn limit_of(&self, open: &Open) -> usize {
        let usual = PER_THREAD.saturating_mul(self.workers);
        let waiting = self.flying.len() + self.launches.len();
        let with_async = (usual + 2 * waiting).min(MOST_ASYNC);
        let said = || usual.saturating_mul(open.wide).max(with_async);
        open.fan.most.unwrap_or_else(said)
    }

    /// A fan-out for which something can be done: the last that was opened, as others may need it.
    pub(super) fn next_fan(&self) -> Option<u32> {
        if self.fans.is_empty() || self.is_stopping() {
            return None;
        }
        let can_go_on = |open: &Open| {
            !open.ended.is_empty()
                || open.fan.has_fresh()
                || open.fan.has_room(self.limit_of(open)) && !open.fan.is_pulled()
        };
        self.fans.iter().rev().find(|(_, open)| can_go_on(open)).map(|(idx, _)| *idx)
    }

    /// A fan-out whose elements are hits, and that should have more of them in line before those that are there are looked for: the more
    /// there are, the more are looked for at once.
    pub(super) fn eager_fan(&self) -> Option<u32> {
        if self.fans.is_empty() || self.is_stopping() {
            return None;
        }
        let is_eager = |open: &Open| {
            open.wide > 1
                && open.fan.has_room(self.limit_of(open) / 4 * 3 + open.ended.len())
                && !open.fan.is_pulled()
        };
        self.fans.iter().rev().find(|(_, open)| is_eager(open)).map(|(idx, _)| *idx)
    }

    /// Notes that `at` has ended, if it is an item of a fan-out at `idx`.
    pub(super) fn note_item(&mut self, at: u32, idx: u32) -> bool {
        !self.fans.is_empty() && self.fans.get_mut(&idx).is_some_and(|open| open.note_ended(at))
    }

    /// Notes that nothing more can be done for a fan-out, as all its elements have ended; false if that was known. Items that have places
    /// here may come to their ends later, where another run has seen to them, and their failures are still results.
    fn close_fan(&mut self, idx: u32) -> bool {
        let open = self.fans.remove(&idx);
        if open.as_ref().is_some_and(|open| open.fan.settles) {
            self.settling.insert(idx);
        }
        open.is_some()
    }

    /// Gives places to the items of a fan-out that have none.
    fn place_items(&mut self, idx: u32) {
        let Some(mut open) = self.fans.remove(&idx) else { return };
        let stage = open.fan.stage.lock();
        for (serial, item) in stage.begun_from(open.placed) {
            let at = self.enlist(&item.node, item.wants_value, Some(idx));
            self.cells[at as usize].dependents.push(idx);
            self.connect(at, idx);
            open.items.insert(at, serial);
        }
        open.placed = stage.serial();
        drop(stage);
        self.fans.insert(idx, open);
    }
}

impl Run {
    /// Brings a fan-out as far as it can go: it is opened, or has come to its end.
    pub(super) fn step_fan(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        source: Option<Arc<Node>>,
        fan: Arc<Fan>,
        want_value: bool,
    ) -> Progress {
        if let Some(source) = source {
            let op = Op::Fan { source: Some(source), fan: Arc::clone(&fan) };
            let source = match self.have_values(idx, node, op) {
                Ok(Op::Fan { source: Some(source), .. }) => source,
                Ok(_) => unreachable!("an operation comes back as it went"),
                Err(progress) => return progress,
            };
            let Some(value) = crate::graph::take_value(source) else { return self.lost(node) };
            match caught(|| fan.open(value)) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.failed(node, error),
                Err(message) => {
                    return self.failed(node, self.closure_panicked(node, fan.what, &message));
                }
            }
        }
        if want_value {
            fan.demand_value();
        }
        if fan.is_over() {
            self.queue.lock().close_fan(idx);
            return self.end_fan(idx, node, &fan, want_value);
        }
        // Before it is put back: whoever changes it from now on is to tell this run.
        self.watch(idx, &fan);
        let Tally { hits, computed, .. } = &self.tally;
        let seen = (hits.load(Ordering::Relaxed), computed.load(Ordering::Relaxed));
        let mut queue = self.queue.lock();
        queue.fans.entry(idx).or_insert_with(|| Open {
            fan: Arc::clone(&fan),
            items: HashMap::new(),
            ended: Vec::new(),
            placed: 0,
            wide: 1,
            seen,
        });
        drop(queue);
        self.put_back(node, Op::Fan { source: None, fan: Arc::clone(&fan) });
        self.place_items_of(idx);
        // It may have come to its end between the look and the watch.
        self.call_if_over(idx, &fan);
        Progress::Parked
    }

    /// Has a fan-out looked at, once, if all that can be done for it is done; whether it is.
    fn call_if_over(self: &Arc<Self>, idx: u32, fan: &Fan) -> bool {
        let is_over = fan.is_over();
        if is_over && self.queue.lock().close_fan(idx) {
            self.requeue(idx);
        }
        is_over
    }

    /// Gives items their places, and tells of the calls.
    fn place_items_of(&self, idx: u32) {
        let mut queue = self.queue.lock();
        let before = queue.cells.len();
        queue.place_items(idx);
        self.tell_queued(&queue, before);
    }

    /// Has a fan-out looked at when another run has changed it.
    fn watch(self: &Arc<Self>, idx: u32, fan: &Fan) {
        let run = Arc::downgrade(self);
        let alarm = Box::new(move || {
            if let Some(run) = run.upgrade() {
                run.requeue(idx);
            }
        });
        fan.stage.lock().watch((Arc::as_ptr(self).addr(), idx), alarm);
    }

    /// Tells the others that work on a fan-out that it has changed.
    fn alarm(self: &Arc<Self>, idx: u32, fan: &Fan) {
        let alarms = fan.stage.lock().alarms((Arc::as_ptr(self).addr(), idx));
        alarms.into_iter().for_each(|alarm| alarm());
    }

    /// Works on a fan-out: sees to what has ended, and lets elements begin. A thread that `may_run` bodies does those that are
    /// plain itself, as long as there is nothing else to be done.
    pub(super) fn tend(self: &Arc<Self>, idx: u32, may_run: bool, hand: &mut Hand) {
        let mut may_run = may_run && !self.is_watched();
        while let Some((fan, ended, limit)) = self.visit(idx) {
            if !ended.is_empty() {
                self.guarded(&fan, || fan.take_in(ended));
            }
            let any = self.pull(&fan, limit, if may_run { IN_HAND } else { usize::MAX });
            // Where one is not plain, others will not be either: they all get places, so that they are looked for together.
            let goes_on = any && may_run;
            may_run = may_run && self.run_fresh(&fan, hand);
            if !may_run {
                fan.put_down(None);
            }
            self.place_items_of(idx);
            self.alarm(idx, &fan);
            if self.call_if_over(idx, &fan) || !goes_on {
                return;
            }
            let queue = self.queue.lock();
            let has_work = !queue.ready.is_empty() || !queue.light.is_empty() || queue.has_async;
            if may_run && has_work {
                return;
            }
        }
    }

    /// A fan-out, with the items that have ended since it was visited, and how many may be there at once.
    fn visit(&self, idx: u32) -> Option<(Arc<Fan>, Vec<u64>, usize)> {
        let mut queue = self.queue.lock();
        if queue.is_stopping() {
            return None;
        }
        let open = queue.fans.get_mut(&idx)?;
        let ended = std::mem::take(&mut open.ended);
        if !ended.is_empty() {
            let hits = self.tally.hits.load(Ordering::Relaxed);
            open.widen(hits, self.tally.computed.load(Ordering::Relaxed));
        }
        let fan = Arc::clone(&open.fan);
        let limit = queue.fans.get(&idx).map(|open| queue.limit_of(open))?;
        Some((fan, ended, limit))
    }

    /// Lets elements come, as many as there is room for and at most `most`; whether any did.
    fn pull(&self, fan: &Fan, limit: usize, most: usize) -> bool {
        if !fan.has_room(limit) {
            return fan.has_fresh();
        }
        let Some(turn) = fan.turn() else { return fan.has_fresh() };
        let mut pulled = 0;
        self.guarded(fan, || {
            while pulled < most
                && fan.has_room(limit)
                && !self.stopping.load(Ordering::Relaxed)
                && turn.pull()
            {
                pulled += 1;
            }
        });
        if fan.is_broken() {
            let _ = caught(|| turn.dry());
        }
        pulled > 0 || fan.has_fresh()
    }

    /// Does fresh elements on this thread as long as they are plain; false if one was not.
    fn run_fresh(self: &Arc<Self>, fan: &Fan, hand: &mut Hand) -> bool {
        let mut ended = None;
        for _ in 0..IN_HAND {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let mut next = None;
            self.guarded(fan, || next = fan.next_in_hand(ended.take()));
            let Some((serial, element)) = next else { return true };
            if !self.run_chain(element, &mut hand.context) {
                fan.put_down(Some(serial));
                return false;
            }
            ended = Some(serial);
        }
        self.guarded(fan, || fan.take_in(ended));
        true
    }

    /// Does what runs code of the user; if that panics, the fan-out cannot go on.
    fn guarded(&self, fan: &Fan, work: impl FnOnce()) {
        if let Err(message) = caught(work) {
            let text = format!("the closure of `{}` panicked: {message}", fan.what);
            fan.break_off(Error::new(ErrorKind::Panic, text));
        }
    }

    /// Does an element that is a chain of plain calls and changes, each of which needs one other node at most; false if there is
    /// something left.
    fn run_chain(self: &Arc<Self>, element: Arc<Node>, context: &mut Option<Arc<Context>>) -> bool {
        let mut chain = vec![element];
        while let Some(node) = chain.last() {
            let stepped = match what_lacks(node) {
                Lack::Nothing => Ok(true),
                Lack::One(source) => {
                    chain.push(source);
                    continue;
                }
                Lack::Call => {
                    caught(|| matches!(self.step_plain(node, context), Some(Progress::Settled)))
                }
                Lack::Change => caught(|| matches!(self.step_change(node), Progress::Settled)),
                Lack::More => Ok(false),
            };
            match stepped {
                Ok(true) => {}
                Ok(false) => return false,
                Err(message) => {
                    // Code of the user that runs outside of a body has panicked, as in `Run::progress`.
                    self.settle(node, Slot::Failed(panicked(&message)));
                    return false;
                }
            }
            // Before the next one, so that it may move the value.
            chain.pop();
        }
        true
    }

    /// What has come of a fan-out.
    fn end_fan(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        fan: &Fan,
        want_value: bool,
    ) -> Progress {
        let end = caught(|| fan.end());
        self.alarm(idx, fan);
        match end {
            Ok(Some(Ok(End::List(value, digests, checkpoints)))) => {
                let digest = digests.map(|digests| joined(&digests));
                let made = digest.and_then(|_| made_from(checkpoints.into_iter().collect()));
                self.done(node, value, digest, made)
            }
            Ok(Some(Ok(End::Known(sources, gather)))) => {
                let known = super::step::joined_digest(&sources);
                let op = Op::Join { sources, gather };
                match known {
                    Some((digest, made)) => {
                        self.known(node, Known { digest, entry: None, op, made })
                    }
                    None => {
                        self.put_back(node, op);
                        Progress::Again
                    }
                }
            }
            Ok(Some(Ok(End::Node(source)))) => self.forward(idx, node, source, want_value),
            Ok(Some(Err(error))) => self.failed(node, error),
            Ok(None) => self.lost(node),
            Err(message) => self.failed(node, self.closure_panicked(node, fan.what, &message)),
        }
    }
}

/// What a node lacks to have its value.
enum Lack {
    /// Nothing: it has it.
    Nothing,
    /// The value of one other node.
    One(Arc<Node>),
    /// That its call is done.
    Call,
    /// That its change is made.
    Change,
    /// More than one thread should do by itself.
    More,
}

/// What `node` lacks.
fn what_lacks(node: &Node) -> Lack {
    let is_there = |source: &Node| matches!(&*source.slot.lock(), Slot::Done { .. });
    match &*node.slot.lock() {
        Slot::Done { .. } => Lack::Nothing,
        Slot::Idle(Op::Map { source, .. }) if is_there(source) => Lack::Change,
        Slot::Idle(Op::Map { source, .. }) => Lack::One(Arc::clone(source)),
        // These have to stand in line.
        Slot::Idle(Op::Task(call))
            if call.task.spec.weight > 1 || !call.task.spec.limits.is_empty() =>
        {
            Lack::More
        }
        Slot::Idle(Op::Task(call)) => {
            let sources = call.args.iter().filter_map(|arg| match &arg.0 {
                Input::Node(source) => Some(source),
                Input::Value(_) => None,
            });
            let mut lacking = sources.filter(|source| !is_there(source));
            match (lacking.next(), lacking.next()) {
                (None, _) => Lack::Call,
                (Some(source), None) => Lack::One(Arc::clone(source)),
                (Some(_), Some(_)) => Lack::More,
            }
        }
        _ => Lack::More,
    }
}
