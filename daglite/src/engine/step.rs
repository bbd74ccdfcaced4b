//! What happens to one node: as far as it can go now, or aside until what it lacks is there.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, MissReason};
use crate::graph::{
    Entry, Gather, Handover, Input, Key, Known, Look, Made, Mode, Node, Op, Slot, TaskOp,
    Transform, WakeFn, take_value,
};
use crate::store::{CacheStore, KeyClaim, PartKind};
use crate::sync::Instant;
use crate::task::Value;

use super::block::wait;
use super::flight::{Claim, Flight, Landing, OnLanding};
use super::hashes::Hashes;
use super::key::{Hashing, Keyed, joined, key_of};
use super::lookup::Found;
use super::memory::Kept;
use super::others::Waiting;
use super::run::{Progress, Run};
use super::{Engine, caught};

/// A count of ended computations that no key ever has.
const NEVER: u64 = u64::MAX;

/// What the cache has for a call, and how it was made.
type Answer = (Cached, Arc<Made>);

/// A result that the cache has.
enum Cached {
    /// In memory.
    Value(Arc<Kept>),
    /// In the store, with what stands for it in keys.
    Entry(Digest, Entry),
    /// Read already, as it may hold files.
    WithFiles(Value),
}

impl Run {
    /// Brings node `idx` as far as it can go.
    pub(super) fn step(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        want_value: bool,
        driver: bool,
    ) -> Progress {
        let mut slot = node.slot.lock();
        match &mut *slot {
            Slot::Done { .. } => return Progress::Settled,
            Slot::Failed(error) => return Progress::Failed(error.clone()),
            Slot::Known(_) if !want_value => return Progress::Settled,
            Slot::Running(waiters) => {
                waiters.push(self.waker(idx));
                drop(slot);
                self.leave_line(idx, node);
                return Progress::Parked;
            }
            Slot::Known(_) | Slot::Idle(_) => {}
        }
        let was = mem::replace(&mut *slot, Slot::Running(Vec::new()));
        drop(slot);
        match was {
            Slot::Idle(Op::Task(call)) => self.step_task(idx, node, call, want_value, driver),
            Slot::Idle(op) => self.step_inline(idx, node, op, want_value),
            Slot::Known(known) if known.entry.is_some() => self.bring_value(node, *known),
            Slot::Known(known) => self.step_inline(idx, node, known.op, want_value),
            _ => unreachable!("the other states have been answered above"),
        }
    }

    /// Puts a node into its next state and calls those who wait for it.
    pub(super) fn settle(&self, node: &Node, next: Slot) {
        let before = mem::replace(&mut *node.slot.lock(), next);
        if let Slot::Running(waiters) = before {
            waiters.into_iter().for_each(|wake| drop(wake(None)));
        }
    }

    fn waker(self: &Arc<Self>, idx: u32) -> WakeFn {
        let run = Arc::clone(self);
        Box::new(move |handover| match handover {
            None => {
                run.requeue(idx);
                None
            }
            Some(body) => run.adopt(idx, body),
        })
    }

    /// Hands a body that loses its run to one that waits for it; if there is none, the node has failed with `error`.
    pub(super) fn hand_over(&self, node: &Node, body: Handover, error: Error) -> Option<Handover> {
        let mut body = body;
        loop {
            let mut slot = node.slot.lock();
            let Slot::Running(waiters) = &mut *slot else { return Some(body) };
            let Some(heir) = waiters.pop() else {
                *slot = Slot::Failed(error);
                return Some(body);
            };
            drop(slot);
            body = heir(Some(body))?;
        }
    }

    pub(super) fn done(
        &self,
        node: &Node,
        value: Value,
        digest: Option<Digest>,
        made: Option<Arc<Made>>,
    ) -> Progress {
        self.settle(node, Slot::Done { value, digest, made });
        Progress::Settled
    }

    pub(super) fn failed(&self, node: &Node, error: Error) -> Progress {
        self.settle(node, Slot::Failed(error.clone()));
        Progress::Failed(error)
    }

    pub(super) fn put_back(&self, node: &Node, op: Op) {
        self.settle(node, Slot::Idle(op));
    }

    /// The value of a node whose digest is known.
    fn bring_value(self: &Arc<Self>, node: &Arc<Node>, known: Known) -> Progress {
        match self.load(known) {
            Ok(done) => self.settle(node, done),
            Err(op) => self.put_back(node, op),
        }
        Progress::Again
    }

    /// Whether all sources of `op` have their values. If not, `idx` will be called again when they do, and the
    /// operation is put back.
    pub(super) fn have_values(
        self: &Arc<Self>,
        idx: u32,
        node: &Node,
        op: Op,
    ) -> Result<Op, Progress> {
        let mut lacking = Vec::new();
        let mut failure = None;
        op.each_source(|source| match self.try_value(source) {
            Ok(true) => {}
            Ok(false) => lacking.push(Arc::clone(source)),
            Err(error) => failure = Some(error),
        });
        if let Some(error) = failure {
            self.put_back(node, op);
            return Err(Progress::Failed(error));
        }
        if lacking.is_empty() {
            return Ok(op);
        }
        // First back, then in line: whoever settles the last source steps this node again.
        self.put_back(node, op);
        self.line_up(idx, &lacking, true);
        Err(Progress::Parked)
    }

    /// Whether `source` has its value, after reading it from the store if it lies there.
    pub(super) fn try_value(&self, source: &Arc<Node>) -> Result<bool, Error> {
        let mut slot = source.slot.lock();
        match &*slot {
            Slot::Done { .. } => return Ok(true),
            Slot::Failed(error) => return Err(error.clone()),
            Slot::Known(known) if known.entry.is_some() => {}
            _ => return Ok(false),
        }
        let was = mem::replace(&mut *slot, Slot::Running(Vec::new()));
        drop(slot);
        let Slot::Known(known) = was else { unreachable!("matched above") };
        match self.load(*known) {
            Ok(done) => {
                self.settle(source, done);
                Ok(true)
            }
            Err(op) => {
                self.put_back(source, op);
                Ok(false)
            }
        }
    }

    /// What takes no task: changes, looks, joins, checkpoints.
    fn step_inline(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        op: Op,
        want_value: bool,
    ) -> Progress {
        let op = match op {
            Op::Forward { source } => return self.forward(idx, node, source, want_value),
            Op::Checkpoint(save) => return self.step_checkpoint(idx, node, save),
            Op::Fan { source, fan } => return self.step_fan(idx, node, source, fan, want_value),
            Op::Settle { sources, gather } => {
                return self.settle_all(idx, node, sources, gather);
            }
            Op::Join { sources, gather } if !want_value => match joined_digest(&sources) {
                // Every part has a digest, so the whole has one, and nobody has asked for the value yet.
                Some((digest, made)) => {
                    let op = Op::Join { sources, gather };
                    return self.known(node, Known { digest, entry: None, op, made });
                }
                None => Op::Join { sources, gather },
            },
            other => other,
        };
        let op = match self.have_values(idx, node, op) {
            Ok(op) => op,
            Err(progress) => return progress,
        };
        match op {
            Op::Map { source, apply } => self.map(node, source, apply),
            Op::AndThen { source, next } => self.and_then(idx, node, source, next),
            Op::Also { source, look } => self.also(node, source, look),
            Op::Join { sources, gather } => self.join(node, sources, gather),
            Op::Task(_)
            | Op::Forward { .. }
            | Op::Checkpoint(_)
            | Op::Fan { .. }
            | Op::Settle { .. } => unreachable!("these are handled before"),
        }
    }

    /// Notes that the digest of a node is known. Whether that is enough, its next step will tell.
    pub(super) fn known(&self, node: &Node, known: Known) -> Progress {
        self.settle(node, Slot::Known(Box::new(known)));
        Progress::Again
    }

    fn also(&self, node: &Node, source: Arc<Node>, look: Look) -> Progress {
        let (digest, made) = digest_and_made(&source);
        let Some(value) = take_value(source) else { return self.lost(node) };
        if let Err(message) = caught(|| look(&value)) {
            tracing::warn!(target: "daglite", %message, "the closure of an `also` panicked");
            self.engine.tell(|| Event::AlsoPanicked { message });
        }
        self.done(node, value, digest, made)
    }

    /// Makes the change of a value that is there, unless somebody else is at it.
    pub(super) fn step_change(&self, node: &Node) -> Progress {
        let mut slot = node.slot.lock();
        match mem::replace(&mut *slot, Slot::Running(Vec::new())) {
            Slot::Idle(Op::Map { source, apply }) => {
                drop(slot);
                self.map(node, source, apply)
            }
            other => {
                *slot = other;
                Progress::Again
            }
        }
    }

    fn map(&self, node: &Node, source: Arc<Node>, apply: Transform<Value>) -> Progress {
        let (_, made) = digest_and_made(&source);
        let Some(value) = take_value(source) else { return self.lost(node) };
        match caught(|| apply(value)) {
            Ok(Ok(value)) => self.done(node, value, None, made),
            Ok(Err(error)) => self.failed(node, error),
            Err(message) => self.failed(node, self.closure_panicked(node, "map", &message)),
        }
    }

    fn and_then(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        source: Arc<Node>,
        next: Transform<Arc<Node>>,
    ) -> Progress {
        let Some(value) = take_value(source) else { return self.lost(node) };
        match caught(|| next(value)) {
            Ok(Ok(inner)) => {
                self.put_back(node, Op::Forward { source: Arc::clone(&inner) });
                self.line_up(idx, &[inner], false);
                Progress::Parked
            }
            Ok(Err(error)) => self.failed(node, error),
            Err(message) => self.failed(node, self.closure_panicked(node, "and_then", &message)),
        }
    }

    pub(super) fn forward(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        source: Arc<Node>,
        want_value: bool,
    ) -> Progress {
        if want_value {
            return match self.have_values(idx, node, Op::Forward { source }) {
                Ok(Op::Forward { source }) => self.take_over(node, source),
                Ok(_) => unreachable!("an operation comes back as it went"),
                Err(progress) => progress,
            };
        }
        let (digest, made) = digest_and_made(&source);
        let state = match &*source.slot.lock() {
            Slot::Failed(error) => Err(error.clone()),
            Slot::Done { .. } => Ok(true),
            _ => Ok(false),
        };
        match (state, digest) {
            (Err(error), _) => self.failed(node, error),
            (Ok(true), _) => self.take_over(node, source),
            (Ok(false), Some(digest)) => {
                let op = Op::Forward { source };
                self.known(node, Known { digest, entry: None, op, made })
            }
            (Ok(false), None) => {
                self.put_back(node, Op::Forward { source: Arc::clone(&source) });
                self.line_up(idx, &[source], false);
                Progress::Parked
            }
        }
    }

    /// Makes `node` what `source` is.
    fn take_over(&self, node: &Node, source: Arc<Node>) -> Progress {
        let (digest, made) = digest_and_made(&source);
        match take_value(source) {
            Some(value) => self.done(node, value, digest, made),
            None => self.lost(node),
        }
    }

    fn join(&self, node: &Node, sources: Vec<Arc<Node>>, gather: Gather) -> Progress {
        let whole = joined_digest(&sources);
        let mut values = Vec::with_capacity(sources.len());
        for source in sources {
            match take_value(source) {
                Some(value) => values.push(value),
                None => return self.lost(node),
            }
        }
        let (digest, made) = whole.map_or((None, None), |(digest, made)| (Some(digest), made));
        match caught(|| gather(values)) {
            Ok(Ok(value)) => self.done(node, value, digest, made),
            Ok(Err(error)) => self.failed(node, error),
            Err(message) => self.failed(node, self.closure_panicked(node, "join", &message)),
        }
    }

    pub(super) fn closure_panicked(&self, node: &Node, what: &str, message: &str) -> Error {
        let at = node.location;
        let text =
            format!("the closure of `{what}` at {}:{} panicked: {message}", at.file(), at.line());
        Error::new(ErrorKind::Panic, text)
    }

    /// A value that was there a moment ago is not: cannot happen, and is an error rather than a panic if it does.
    pub(super) fn lost(&self, node: &Node) -> Progress {
        let error = Error::new(ErrorKind::Cancelled, "an intermediate value was lost: run again");
        self.failed(node, error)
    }

    fn step_task(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut call: TaskOp,
        want_value: bool,
        driver: bool,
    ) -> Progress {
        if call.is_pending() {
            return self.step_pending(idx, node, call, driver);
        }
        let task = call.task;
        if let Some(error) = self.why_unseeded(task) {
            return self.failed(node, error.in_task(task.spec.name, node.location));
        }
        if !self.engine.make_key(&mut call, &self.hashes) {
            return match self.have_values(idx, node, Op::Task(call)) {
                Ok(op) => {
                    self.put_back(node, op);
                    Progress::Again
                }
                Err(progress) => progress,
            };
        }
        if let Some(answer) = self.answer_from_cache(node, &mut call) {
            return self.found(node, call, answer, want_value);
        }
        let call = match self.have_values(idx, node, Op::Task(call)) {
            Ok(Op::Task(call)) => call,
            Ok(_) => unreachable!("an operation comes back as it went"),
            Err(progress) => return progress,
        };
        if is_outdated(&call) {
            self.put_back(node, Op::Task(call.without_key()));
            return Progress::Again;
        }
        if self.engine.is_polled(task) && !driver {
            self.put_back(node, Op::Task(call));
            return Progress::Launch;
        }
        // Before the claim: a key that waited for room would hold up those who want it inside of a body that has the room.
        let (call, places) = match self.admit(idx, node, call, None) {
            Ok(admitted) => admitted,
            Err(progress) => return progress,
        };
        let (mut call, flight) = match self.claim(idx, node, call) {
            Ok(granted) => granted,
            Err(progress) => return progress,
        };
        // If something has ended since the look into the cache, it may have been this very key: with the claim in
        // hand, a second look is the last.
        if let Some(answer) = self.answer_from_cache(node, &mut call) {
            drop(flight);
            return self.found(node, call, answer, want_value);
        }
        self.execute(idx, node, call, flight, places)
    }

    /// Takes the result of a call from memory or reads it; or notes where in the cache it lies, if that will do.
    fn found(
        &self,
        node: &Node,
        call: TaskOp,
        (found, made): Answer,
        want_value: bool,
    ) -> Progress {
        let (digest, entry) = match found {
            Cached::Value(kept) => {
                drop(call);
                return self.done(node, Arc::clone(&kept.value), Some(kept.digest), Some(made));
            }
            Cached::WithFiles(value) => {
                drop(call);
                return self.done(node, value, None, Some(made));
            }
            Cached::Entry(digest, entry) => (digest, entry),
        };
        let known = Known { digest, entry: Some(entry), op: Op::Task(call), made: Some(made) };
        if !want_value {
            self.settle(node, Slot::Known(Box::new(known)));
            return Progress::Settled;
        }
        match self.load(known) {
            Ok(done) => {
                self.settle(node, done);
                Progress::Settled
            }
            Err(op) => {
                self.put_back(node, op);
                Progress::Again
            }
        }
    }

    /// What the cache has for a call, if it may answer and anything can have changed since the last look.
    fn answer_from_cache(&self, node: &Node, call: &mut TaskOp) -> Option<Answer> {
        let key = Arc::clone(call.key()?);
        let landed = self.engine.flights.landed(&key.digest);
        if call.learnt().missed.as_ref().is_some_and(|(at, _)| *at == landed) {
            return None;
        }
        let ahead = call.learn().ahead.take();
        let reason = match &call.learnt().mode {
            Mode::Refresh => MissReason::Refreshed,
            Mode::Recompute(reason) => reason.clone(),
            Mode::Normal => {
                // Before the look, so that what comes during it is noticed.
                call.learn().seen = match &ahead {
                    Some(ahead) => ahead.changes,
                    None => self.engine.changes_before(),
                };
                match self.look_up(call.task, &key, ahead, landed) {
                    Found::Value(kept) => {
                        self.engine.tell_excluded(call, &key.digest, &kept.excluded);
                        let made = self.made_by_hit(node, call, key, kept.took);
                        return Some((Cached::Value(kept), made));
                    }
                    Found::Entry(digest, entry) => {
                        self.engine.tell_excluded(call, &key.digest, &entry.excluded);
                        let made = self.made_by_hit(node, call, key, entry.took);
                        return Some((Cached::Entry(digest, entry), made));
                    }
                    Found::WithFiles(value, took) => {
                        let made = self.made_by_hit(node, call, key, took);
                        return Some((Cached::WithFiles(value), made));
                    }
                    Found::Nothing(reason) => reason,
                }
            }
        };
        // An entry that was removed because it was damaged is absent at the next look: the first reason tells more.
        let reason = match call.learn().missed.take() {
            Some((_, first)) if reason == MissReason::NoEntry => first,
            _ => reason,
        };
        call.learn().missed = Some((landed, reason));
        None
    }

    pub(super) fn made_by_hit(
        &self,
        node: &Node,
        call: &TaskOp,
        key: Arc<Key>,
        took: Duration,
    ) -> Arc<Made> {
        Arc::new(Made { task: node.task, key: Some(key), took, checkpoints: lineage(call) })
    }

    /// The right to compute a call: now, or when whoever is at it has ended.
    fn claim(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        call: TaskOp,
    ) -> Result<(TaskOp, Option<Flight>), Progress> {
        let Some(key) = call.key().cloned() else { return Ok((call, None)) };
        let name = call.task.spec.name;
        let flights = &self.engine.flights;
        // Back first: whoever is at the key may end at once, and then finds this node waiting.
        self.put_back(node, Op::Task(call));
        match flights.claim(key.digest, &self.ancestors(), || self.on_landing(idx, node)) {
            Claim::Granted(flight) => {
                let call = self.take_back(node).ok_or(Progress::Again)?;
                self.claim_among_processes(idx, node, call, flight)
            }
            Claim::Waiting => {
                self.engine.tell_task(|| Event::Waiting { task: name, key: key.digest });
                Err(Progress::Parked)
            }
            Claim::Cycle => Ok((self.take_back(node).ok_or(Progress::Again)?, None)),
            Claim::Recursion => {
                let error = Error::new(
                    ErrorKind::Recursion,
                    "calls itself with the same arguments, so it would wait for its own result for ever",
                );
                Err(self.failed(node, error.in_task(name, node.location)))
            }
        }
    }

    /// The right to compute a call among all processes: now, or when the one that is at it has ended. `flight` is the
    /// right in this process.
    fn claim_among_processes(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        mut call: TaskOp,
        mut flight: Flight,
    ) -> Result<(TaskOp, Option<Flight>), Progress> {
        let Some(store) = self.store().filter(|_| !call.learnt().alone) else {
            return Ok((call, Some(flight)));
        };
        let key = flight.key();
        let claim = match caught(|| wait(store.claim(&key))) {
            Ok(Ok(claim)) => claim,
            Ok(Err(error)) => {
                self.engine.unclaimable(&error.to_string());
                return Ok((call, Some(flight)));
            }
            Err(panic) => {
                self.engine.unclaimable(&format!("it panicked: {panic}"));
                return Ok((call, Some(flight)));
            }
        };
        match claim {
            KeyClaim::Granted(hold) => {
                if !hold.is_nothing() {
                    flight.hold(hold);
                    // Another process may have put the key between the last look and now.
                    let changes = store.changes();
                    if call.learnt().seen != changes {
                        *self.engine.changes.lock() = Some(changes);
                        if let Some((at, _)) = &mut call.learn().missed {
                            *at = NEVER;
                        }
                    }
                }
                Ok((call, Some(flight)))
            }
            KeyClaim::Taken { by } => {
                let name = call.task.spec.name;
                let since = *call.learn().waits_since.get_or_insert_with(Instant::now);
                self.engine.tell_task(|| Event::WaitingForProcess { task: name, key, process: by });
                self.put_back(node, Op::Task(call));
                let ancestors = self.ancestors();
                flight.await_landing(&ancestors, self.on_landing(idx, node));
                self.engine.others.wait(Waiting {
                    flight,
                    key,
                    task: name,
                    by,
                    run: Arc::downgrade(self),
                    engine: Arc::downgrade(&self.engine),
                    store: Arc::clone(store),
                    since,
                    limit: self.engine.wait_for_others,
                });
                Err(Progress::Parked)
            }
        }
    }

    /// Takes up a call that was put back; `None` if another run was faster.
    pub(super) fn take_back(&self, node: &Node) -> Option<TaskOp> {
        let mut slot = node.slot.lock();
        match mem::replace(&mut *slot, Slot::Running(Vec::new())) {
            Slot::Idle(Op::Task(call)) => Some(call),
            other => {
                *slot = other;
                None
            }
        }
    }

    fn on_landing(self: &Arc<Self>, idx: u32, node: &Arc<Node>) -> OnLanding {
        let run = Arc::clone(self);
        let node = Arc::clone(node);
        Box::new(move |landing| {
            let idle = match &mut *node.slot.lock() {
                Slot::Idle(Op::Task(call)) => {
                    call.learn().alone |= matches!(landing, Landing::Alone);
                    true
                }
                slot => matches!(slot, Slot::Idle(_)),
            };
            if idle {
                match landing {
                    Landing::Look | Landing::Alone => {}
                    Landing::Value(value, digest) => {
                        let (value, digest) = (Arc::clone(value), *digest);
                        run.settle(&node, Slot::Done { value, digest, made: None });
                    }
                    Landing::Failed(error) => run.settle(&node, Slot::Failed(error.clone())),
                }
            }
            drop(node);
            run.requeue(idx);
        })
    }
}

impl Engine {
    /// Makes the key of a cached call, unless that is done or cannot be; false if it needs the values of arguments. Values
    /// that several calls share are looked up in `hashes`.
    pub(super) fn make_key(&self, call: &mut TaskOp, hashes: &Hashes) -> bool {
        match self.key_for(call, hashes) {
            None => {}
            Some(Keyed::Key(key)) => call.learn().key = Some(Arc::new(key)),
            Some(Keyed::NeedsValues) => return false,
            Some(Keyed::Unhashable(why)) => self.has_no_key(call, why),
        }
        true
    }

    /// Notes that a call cannot have a key.
    pub(super) fn has_no_key(&self, call: &mut TaskOp, why: String) {
        self.warn(format!("`{}` runs uncached: {why}", call.task.spec.name));
        call.learn().missed = Some((0, MissReason::Unhashable(why)));
    }

    /// The key of a cached call; `None` if that is known, or it is known that it has none.
    pub(super) fn key_for(&self, call: &TaskOp, hashes: &Hashes) -> Option<Keyed> {
        let task = call.task;
        let cache = task.spec.cache.as_ref().filter(|_| self.cache.is_some())?;
        if call.key().is_some() || call.learnt().missed.is_some() {
            return None;
        }
        let hashing = Hashing { engine: self, task: task.spec.name, planned: None, hashes };
        let keyed = caught(|| key_of(task, &call.args, cache, &hashing));
        let panicked = |panic| Keyed::Unhashable(format!("hashing panicked: {panic}"));
        Some(keyed.unwrap_or_else(panicked))
    }

    /// Notes that the store could not say what other processes are computing. If it cannot be written either, that is
    /// all there is to tell.
    fn unclaimable(&self, why: &str) {
        self.unclaimable.lock().get_or_insert_with(|| why.to_owned());
        self.is_unclaimable.store(true, Ordering::Relaxed);
    }

    /// A count of what other processes have put that the store had before now.
    pub(super) fn changes_before(&self) -> u64 {
        let Some(store) = &self.cache else { return 0 };
        if let Some(known) = *self.changes.lock() {
            return known;
        }
        // Not under the lock: it is anyone's code.
        let changes = store.changes();
        *self.changes.lock().get_or_insert(changes)
    }

    /// Tells it, of a store that can be written.
    pub(super) fn tell_unclaimable(&self, store: &dyn CacheStore) {
        if !self.is_unclaimable.load(Ordering::Relaxed) {
            return;
        }
        let why = self.unclaimable.lock().clone().unwrap_or_default();
        self.warn_once(&self.told_unclaimable, || {
            format!(
                "{} cannot say what other processes are computing, so some tasks may be computed by several: {why}",
                store.location()
            )
        });
    }
}

/// Whether an argument has become another one since the key was made: its entry was unreadable, so it was computed
/// again, and its task does not give the same result every time.
fn is_outdated(call: &TaskOp) -> bool {
    let Some(key) = call.key() else { return false };
    call.args.iter().zip(call.task.spec.params).any(|(arg, name)| {
        let Input::Node(node) = &arg.0 else { return false };
        let now = digest_and_made(node).0;
        let then =
            key.parts.iter().find(|part| part.name == *name && part.kind == PartKind::Artifact);
        matches!((then, now), (Some(then), Some(now)) if then.digest != now)
    })
}

/// The digest of a tuple or list whose parts all have one.
pub(super) fn joined_digest(sources: &[Arc<Node>]) -> Option<(Digest, Option<Arc<Made>>)> {
    let mut digests = Vec::with_capacity(sources.len());
    let mut checkpoints = Vec::new();
    for source in sources {
        let (digest, made) = digest_and_made(source);
        digests.push(digest?);
        if let Some(made) = made {
            checkpoints.extend(made.checkpoints.iter().cloned());
        }
    }
    Some((joined(&digests), made_from(checkpoints)))
}

/// What is known of a node that no task made.
pub(super) fn made_from(mut checkpoints: Vec<String>) -> Option<Arc<Made>> {
    checkpoints.sort();
    checkpoints.dedup();
    let made = Made { task: None, key: None, took: std::time::Duration::ZERO, checkpoints };
    (!made.checkpoints.is_empty()).then(|| Arc::new(made))
}

/// The digest of a settled node and how it was made.
pub(super) fn digest_and_made(node: &Node) -> (Option<Digest>, Option<Arc<Made>>) {
    match &*node.slot.lock() {
        Slot::Done { digest, made, .. } => (*digest, made.clone()),
        Slot::Known(known) => (Some(known.digest), known.made.clone()),
        _ => (None, None),
    }
}

/// The checkpoints that a call's arguments were made from.
pub(super) fn lineage(call: &TaskOp) -> Vec<String> {
    let mut checkpoints = Vec::new();
    for arg in &call.args {
        if let Input::Node(node) = &arg.0
            && let (_, Some(made)) = digest_and_made(node)
        {
            checkpoints.extend(made.checkpoints.iter().cloned());
        }
    }
    checkpoints.sort();
    checkpoints.dedup();
    checkpoints
}
