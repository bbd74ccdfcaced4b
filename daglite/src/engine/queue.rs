//! The nodes of a run, where they stand, and the lines in which those that can be seen to wait.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{Error, PathStep};
use crate::graph::{Key, Node, Op, Outline, Slot};
use crate::task::{Body, Value};

use super::ahead::{Batch, MOST_AHEAD, Planned};
use super::execute::{Completion, Flying};
use super::failures::{Failures, path_of};
use super::fan_out::Open;
use super::hand::{Hand, Handful, MOST_IN_HAND, Place};
use super::line::Line;
use super::paths::{Shape, ways_to_the_end};

/// The nodes of a run and where they stand.
pub(super) struct Queue {
    /// Whether checkpoints are looked for before what they are made of.
    pub(super) resumes: bool,
    /// Whether there is a cache to be asked.
    pub(super) caches: bool,
    /// Whether isolated bodies run somewhere else.
    pub(super) isolates: bool,
    pub(super) cells: Vec<Cell>,
    /// Calls of sync tasks: whoever does them needs a permit.
    pub(super) ready: Line,
    /// How many nodes are settled.
    pub(super) settled: usize,
    /// How many may work at once.
    pub(super) workers: usize,
    /// How many of those in line may be looked for at once next time.
    pub(super) ahead: usize,
    /// All else that can be done: keys and look-ups of `async` tasks, closures, joins, results to be seen to.
    pub(super) light: VecDeque<Work>,
    /// Calls of `async` tasks that only the driver may start.
    pub(super) launches: VecDeque<u32>,
    /// Whether there are calls of `async` tasks in the run. Then its driver does nothing else, so that none of them ever
    /// waits until a sync body is over.
    pub(super) has_async: bool,
    /// Bodies of `async` tasks that have been started.
    pub(super) flying: HashMap<u32, Arc<Flying>>,
    /// Threads that are at a node of this run.
    pub(super) active: usize,
    /// Threads of the pool that work for this run, or are about to.
    pub(super) helpers: usize,
    /// Those of them that have not come yet.
    pub(super) coming: usize,
    /// Whether a thread of the pool does the light work, or is about to.
    pub(super) light_helper: bool,
    /// Whether it will be told when a place is free: there is more to do than its threads come to, and some of them may sleep.
    pub(super) is_hungry: bool,
    pub(super) failure: Option<Error>,
    /// Whether a failure stops only what depends on it.
    pub(super) keeps_going: bool,
    /// The failures so far, if it does.
    pub(super) failures: Failures,
    /// How the nodes hang together, if somebody wants to know.
    pub(super) outline: Option<Outline>,
    /// Whether nobody waits for the run any more.
    pub(super) cancelled: bool,
    /// Whether it was cancelled while somebody waited for it: that is its failure.
    pub(super) is_cut: bool,
    /// The value that was asked for.
    pub(super) result: Option<Value>,
    /// Its cache key, if it is the result of a call that has one.
    pub(super) key: Option<Arc<Key>>,
    /// What threads have taken along, and others may take from.
    pub(super) hands: Vec<Arc<Handful>>,
    /// The fan-outs that have been opened, and have not come to their ends.
    pub(super) fans: BTreeMap<u32, Open>,
    /// The joins to which failures are results like others.
    pub(super) settling: HashSet<u32>,
    /// What failures have left behind, to be dropped without the lock.
    pub(super) litter: Vec<(Option<Slot>, Option<Arc<Node>>)>,
}

/// A node's place in a run.
pub(super) struct Cell {
    /// The node, until it is settled.
    pub(super) node: Option<Arc<Node>>,
    /// How many of the nodes it needs are not settled yet.
    pub(super) missing: u32,
    /// The nodes that need this one.
    pub(super) dependents: SmallVec<[u32; 2]>,
    /// Whether the value is needed, and not just its digest.
    pub(super) want_value: bool,
    /// Whether it has been looked for together with others, or begun.
    pub(super) planned: bool,
    /// Which line it waits in, and what may be done with it there.
    kind: Kind,
}

/// What a node is to those who look for work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No call of a sync task.
    Light,
    /// A call of a sync task, and that is all: no key, no look-up, nothing to be waited for.
    Plain,
    /// A call of a sync task whose result the cache may have.
    Cached,
    /// A call of a sync task that is tried again, takes several places, or waits for room in a limit.
    Special,
}

/// Stands in [`Cell::missing`] of a node that has failed, or needs one that has: there is no room for a flag in a million
/// cells, and it will always lack something.
pub(super) const DOOMED: u32 = 1 << 31;

impl Cell {
    /// Whether it has failed, or needs one that has.
    pub(super) fn is_doomed(&self) -> bool {
        self.missing >= DOOMED
    }
}

/// Who looks for work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// The driver, with a permit.
    Driver,
    /// A thread of the pool, with a permit.
    Helper,
    /// A thread without a permit.
    Light,
    /// The driver of a run that must not be kept busy: it leaves all to others.
    Nobody,
}

/// Something to do.
pub(super) enum Work {
    /// See what can be done about a node.
    Step(u32),
    /// An `async` body has ended: see to its result.
    Record(u32, Box<Completion>),
}

impl Queue {
    /// The cell of `node`, with cells for all that it still needs; `above` is who needs it.
    pub(super) fn enlist(&mut self, node: &Arc<Node>, want_value: bool, above: Option<u32>) -> u32 {
        let start = self.add(Arc::clone(node), want_value);
        let mut shape = Shape::new(start as usize);
        let mut ends: Vec<u32> = Vec::new();
        let is_ranked = self.ready.is_ranked();
        // Nodes that can be reached in more than one way. A node with a single holder cannot.
        let mut shared: HashMap<*const Node, u32> = HashMap::new();
        let mut sources: Vec<(Arc<Node>, bool)> = Vec::new();
        let mut at = start as usize;
        while at < self.cells.len() {
            shape.at(at, self.cells.len());
            let cell = &self.cells[at];
            let mut want_values = false;
            if let Some(node) = &cell.node
                && let Slot::Idle(op) = &*node.slot.lock()
                && !op.may_resume(self.resumes)
            {
                want_values = op.wants_values(cell.want_value);
                if let Op::Settle { .. } = op {
                    self.settling.insert(index(at));
                }
                op.each_source(|source| {
                    let settled =
                        matches!(&*source.slot.lock(), Slot::Done { .. } | Slot::Known(_));
                    if !settled {
                        // Counted before the clone, which would be a second holder.
                        let single = Arc::strong_count(source) == 1;
                        sources.push((Arc::clone(source), single));
                    }
                });
            }
            let mut missing = 0;
            for (source, single) in sources.drain(..) {
                let known = if single { None } else { shared.get(&Arc::as_ptr(&source)).copied() };
                let cell = known.unwrap_or_else(|| {
                    let pointer = Arc::as_ptr(&source);
                    let cell = self.add(source, want_values);
                    if !single {
                        shared.insert(pointer, cell);
                    }
                    cell
                });
                if known.is_some() {
                    shape.shares();
                }
                self.connect(cell, index(at));
                let cell = &mut self.cells[cell as usize];
                cell.want_value |= want_values;
                cell.dependents.push(index(at));
                missing += 1;
            }
            self.cells[at].missing = missing;
            if missing == 0 {
                shape.ends();
                if is_ranked {
                    ends.push(index(at));
                } else {
                    self.push_back(index(at));
                }
            }
            at += 1;
        }
        self.rank(start as usize, above, &shape);
        ends.into_iter().for_each(|idx| self.push_back(idx));
        start
    }

    /// Measures the paths of the nodes from `start` on, or of all that there are, if some of them are longer than others.
    fn rank(&mut self, start: usize, above: Option<u32>, shape: &Shape) {
        if self.ready.is_ranked() {
            let above = above.map_or(0, |above| self.ready.way(above));
            self.ready.rank(start, ways_to_the_end(&self.cells, start, above));
        } else if shape.has_unequal_paths() && self.cells.len() > self.workers {
            self.ready.rank(0, ways_to_the_end(&self.cells, 0, 0));
        }
    }

    /// How many nodes are left for each thread, if the line takes notice.
    fn share(&self) -> usize {
        if !self.ready.is_ranked() {
            return 0;
        }
        (self.cells.len() - self.settled).div_ceil(self.workers)
    }

    /// Notes that a node needs another one.
    pub(super) fn connect(&mut self, from: u32, to: u32) {
        if let Some(outline) = &mut self.outline {
            outline.edges.push((from, to));
        }
    }

    pub(super) fn add(&mut self, node: Arc<Node>, want_value: bool) -> u32 {
        if let Some(outline) = &mut self.outline {
            outline.names.push(node.task.map(|task| task.spec.name));
        }
        let is_async = node.task.is_some_and(|task| {
            matches!(task.body, Body::Async(_)) || self.isolates && task.spec.isolate.is_some()
        });
        self.has_async |= is_async;
        let kind = match node.task {
            None => Kind::Light,
            Some(_) if is_async => Kind::Light,
            Some(task) if self.caches && task.spec.cache.is_some() => Kind::Cached,
            Some(task) if task.spec.is_plain() => Kind::Plain,
            Some(_) => Kind::Special,
        };
        self.cells.push(Cell {
            kind,
            node: Some(node),
            missing: 0,
            dependents: SmallVec::new(),
            want_value,
            planned: false,
        });
        index(self.cells.len() - 1)
    }

    /// Whether nothing more may be started.
    pub(super) fn is_stopping(&self) -> bool {
        self.failure.is_some() || self.cancelled
    }

    /// After a failure only results that are already there are seen to, and after a cancellation too: other runs may
    /// wait for them.
    pub(super) fn next_work(&mut self, who: Worker) -> Option<Work> {
        if !self.is_stopping() {
            let light = self.light.pop_front();
            return match who {
                Worker::Light | Worker::Nobody => light,
                Worker::Driver | Worker::Helper => {
                    let share = self.share();
                    light.or_else(|| self.ready.pop(share).map(Work::Step))
                }
            };
        }
        while let Some(work) = self.light.pop_front() {
            if matches!(work, Work::Record(..)) {
                return Some(work);
            }
        }
        None
    }

    /// Takes `idx` and calls that stand behind it to be looked for together; none if that is not worth it. All but
    /// `idx` leave the line.
    pub(super) fn take_batch(&mut self, idx: u32, workers: usize) -> Batch {
        let mut batch = Batch::new();
        if !self.caches || self.ready.is_empty() || !self.plan(idx, &mut batch) {
            return batch;
        }
        let share = (self.ready.len() + 1).div_ceil(workers);
        let most = self.ahead.min(share).min(MOST_AHEAD);
        self.ahead = (self.ahead * 2).min(MOST_AHEAD);
        let share = self.share();
        while batch.len() < most
            && let Some(next) = self.ready.first(share)
        {
            if !self.plan(next, &mut batch) {
                break;
            }
            self.ready.pop(share);
        }
        batch
    }

    /// Adds a call to those that are looked for together, if it is cached and has not been looked at.
    pub(super) fn plan(&mut self, idx: u32, batch: &mut Batch) -> bool {
        let cell = &mut self.cells[idx as usize];
        let Some(node) = &cell.node else { return false };
        if cell.planned || cell.kind != Kind::Cached {
            return false;
        }
        cell.planned = true;
        let (node, want_value) = (Arc::clone(node), cell.want_value);
        batch.push(Planned { idx, node, want_value });
        true
    }

    pub(super) fn has_work(&self) -> bool {
        if self.is_stopping() {
            self.light.iter().any(|work| matches!(work, Work::Record(..)))
        } else {
            !self.ready.is_empty() || !self.light.is_empty() || self.next_fan().is_some()
        }
    }

    /// Has a node wait to be looked at.
    pub(super) fn push_back(&mut self, idx: u32) {
        match self.cells[idx as usize].kind {
            Kind::Light => self.light.push_back(Work::Step(idx)),
            Kind::Plain | Kind::Cached | Kind::Special => self.ready.push_back(idx),
        }
    }

    /// Has a node be the next that is looked at.
    pub(super) fn push_front(&mut self, idx: u32) {
        match self.cells[idx as usize].kind {
            Kind::Light => self.light.push_front(Work::Step(idx)),
            Kind::Plain | Kind::Cached | Kind::Special => self.ready.push_front(idx),
        }
    }

    /// Takes calls that stand in line behind `idx`, and that one, into `hand`: as many as it may take, if there are more
    /// than one. The end of none of them lets another node go ahead.
    pub(super) fn fill(&mut self, hand: &mut Hand, idx: u32, workers: usize) -> bool {
        let share = (self.ready.len() + 1).div_ceil(workers);
        let most = hand.most.min(share);
        // A hand may take more next time, so it has to be told that there was no reason to.
        if self.ready.is_empty() || !self.is_idle_end(idx, workers) {
            return false;
        }
        let mut calls: SmallVec<[Place; MOST_IN_HAND]> = SmallVec::new();
        calls.extend(self.place(idx));
        let share = self.share();
        while calls.len() < most
            && let Some(next) = self.ready.first(share)
            && self.is_idle_end(next, workers)
        {
            self.ready.pop(share);
            calls.extend(self.place(next));
        }
        hand.fill(calls.into_iter());
        true
    }

    /// A node, unless it is settled, and whether its value is needed.
    pub(super) fn node_of(&self, idx: u32) -> (Option<Arc<Node>>, bool) {
        let cell = &self.cells[idx as usize];
        (cell.node.clone(), cell.want_value)
    }

    fn place(&self, idx: u32) -> Option<Place> {
        Some((idx, Arc::clone(self.cells[idx as usize].node.as_ref()?)))
    }

    /// Whether a node is a plain call, and what needs it will still lack others when all that threads hold in their hands
    /// is done.
    fn is_idle_end(&self, idx: u32, workers: usize) -> bool {
        let cell = &self.cells[idx as usize];
        let enough = (workers + 1) * MOST_IN_HAND;
        let lacks_others = |next: &u32| self.cells[*next as usize].missing as usize > enough;
        cell.kind == Kind::Plain
            && !cell.dependents.is_empty()
            && cell.dependents.iter().all(lacks_others)
    }

    /// Takes calls that another thread has taken along, and has not come to.
    pub(super) fn steal(&mut self, hand: &mut Hand) -> bool {
        if self.is_stopping() {
            return false;
        }
        for other in &self.hands {
            let half = other.take_half();
            if !half.is_empty() {
                hand.fill(half.into_iter());
                return true;
            }
        }
        false
    }

    /// Notes that nobody works with `hand` any more.
    pub(super) fn forget(&mut self, hand: &Hand) {
        self.hands.retain(|other| !Arc::ptr_eq(other, &hand.shared));
    }

    /// How many calls threads have taken along, and have not come to.
    pub(super) fn in_hands(&self) -> usize {
        if self.is_stopping() { 0 } else { self.hands.iter().map(|hand| hand.len()).sum() }
    }

    /// Whether the driver is needed for what only it can do.
    pub(super) fn wants_driver(&self) -> bool {
        self.has_async
    }

    /// Notes that a node is settled, and lets those that need it go ahead.
    pub(super) fn finish(&mut self, idx: u32, node: Arc<Node>) {
        let cell = &mut self.cells[idx as usize];
        let Some(held) = cell.node.take() else { return };
        let dependents = std::mem::take(&mut cell.dependents);
        if idx == 0 {
            // The caller takes the value with its own handle.
            if let Slot::Done { value, made, .. } = &*node.slot.lock() {
                self.key = made.as_ref().and_then(|made| made.key.clone());
                self.result = Some(Arc::clone(value));
            }
        }
        // Whoever is called next must find itself the only holder, to be allowed to move the value.
        self.settled += 1;
        drop((held, node));
        if !self.fans.is_empty() {
            self.fans.remove(&idx);
        }
        if self.ready.is_ranked() && dependents.len() > 1 {
            return self.release_by_way(idx, dependents);
        }
        for dependent in dependents.into_iter().rev() {
            if self.is_free_after(idx, dependent) {
                self.push_front(dependent);
            }
        }
    }

    /// Notes that `dependent` lacks `idx` no more; answers whether it lacks nothing.
    fn is_free_after(&mut self, idx: u32, dependent: u32) -> bool {
        if self.note_item(idx, dependent) {
            return false;
        }
        let cell = &mut self.cells[dependent as usize];
        // A fan-out that has ended without an item of its own: another run has seen to that.
        if cell.missing & !DOOMED == 0 {
            return false;
        }
        cell.missing -= 1;
        cell.missing == 0
    }

    /// Lets those go ahead that lack no other node, the one with the longest way to the end first.
    fn release_by_way(&mut self, idx: u32, dependents: SmallVec<[u32; 2]>) {
        let mut free: SmallVec<[u32; 8]> = SmallVec::new();
        for dependent in dependents.into_iter().rev() {
            if self.is_free_after(idx, dependent) {
                free.push(dependent);
            }
        }
        free.sort_by_key(|idx| self.ready.way(*idx));
        free.into_iter().for_each(|idx| self.push_front(idx));
    }

    /// Takes the nodes that are left of a run that has ended, once nobody is at any of them.
    pub(super) fn let_go(&mut self) -> Vec<Arc<Node>> {
        let is_left = self.settled < self.cells.len();
        let is_over = self.cancelled && self.active == 0 && self.flying.is_empty();
        if !(is_left && is_over) || self.has_work() {
            return Vec::new();
        }
        self.settled = self.cells.len();
        self.cells.iter_mut().filter_map(|cell| cell.node.take()).collect()
    }

    /// Whether the run has its result, or can no longer get it and all that was started has ended.
    pub(super) fn is_over(&self) -> bool {
        if self.result.is_some() {
            return true;
        }
        let has_failed = self.failure.is_some() || !self.failures.is_empty();
        has_failed
            && self.active == 0
            && self.flying.is_empty()
            && !self.has_work()
            && (self.failure.is_some() || self.is_exhausted())
    }

    /// Whether all that does not depend on a failure is done; what is put aside somewhere is not.
    fn is_exhausted(&self) -> bool {
        self.launches.is_empty()
            && self.cells.iter().all(|cell| cell.node.is_none() || cell.is_doomed())
            && self.fans.values().all(|open| open.fan.is_over())
    }

    /// Notes that a node has failed; answers whether nothing more may be started.
    pub(super) fn fail(&mut self, idx: u32, error: Error) -> bool {
        if !self.fans.is_empty() {
            self.fans.remove(&idx);
        }
        if self.absorb(idx, &error) {
            return false;
        }
        if !self.keeps_going {
            if self.failure.is_none() {
                let path = self.path_from(idx, &error);
                self.failure = Some(error.on_path(path));
            }
            return true;
        }
        let mut failures = std::mem::take(&mut self.failures);
        failures.note(idx, error.clone(), || self.path_from(idx, &error));
        self.failures = failures;
        // What depends on it cannot be made.
        let mut doomed = vec![idx];
        while let Some(at) = doomed.pop() {
            let cell = &mut self.cells[at as usize];
            if cell.is_doomed() {
                continue;
            }
            cell.missing |= DOOMED;
            for next in cell.dependents.clone() {
                let settles = self.settles(next);
                if settles || self.fans.contains_key(&next) {
                    self.give_up(at, next, &error);
                }
                if !settles {
                    doomed.push(next);
                }
            }
        }
        false
    }

    /// What the node that has failed was needed for.
    pub(super) fn path_from(&self, idx: u32, error: &Error) -> Vec<PathStep> {
        let cell = |at: u32| &self.cells[at as usize];
        let above =
            std::iter::successors(cell(idx).dependents.first(), |at| cell(**at).dependents.first());
        let nodes = above.map(|at| cell(*at).node.as_deref());
        path_of(error, cell(idx).node.as_deref(), nodes)
    }
}

pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a run has fewer than four thousand million nodes")
}
