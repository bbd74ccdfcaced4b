//! Makes a [`Plan`]. Nothing is run, claimed or put; the store is looked into, many calls at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::CheckpointMeta;
use crate::digest::Digest;
use crate::event::MissReason;
use crate::graph::{Arg, Input, Key, Mode, Node, Op, Slot, contracted};
use crate::store::{Glimpse, Lookup};
use crate::task::Task;

use super::ahead::MOST_AHEAD;
use super::block::wait;
use super::estimate::{Work, time_of};
use super::explain::Histories;
use super::hashes::Hashes;
use super::key::{Hashing, Keyed, joined, key_of, reference};
use super::plan::{Estimate, Plan, PlannedNode, PlannedState};
use super::{Engine, caught};

/// What makes more tasks once it sees a value, by its name in a plan.
const OPEN: [&str; 4] = ["and_then", "map_each", "fold", "reduce"];

/// What is known of a node's result.
#[derive(Clone, Copy)]
enum Forecast {
    /// What stands for it in keys.
    Digest(Digest),
    /// It is in memory, and nothing stands for it.
    Value,
    /// Nothing, until this has run.
    After(&'static str),
}

/// A node's place in the plan.
struct Cell {
    node: Arc<Node>,
    /// How many of its sources are not planned yet.
    missing: u32,
    /// The nodes that need it.
    dependents: Vec<u32>,
    result: Forecast,
    /// Its line in the plan, if it has one.
    line: Option<u32>,
    /// How many nodes it needs.
    sources: u32,
}

/// A call whose key is known, before the store was asked.
struct Asked {
    at: u32,
    task: &'static Task,
    args: Vec<Arg>,
    key: Key,
}

/// A plan in the making.
struct Planner<'a> {
    engine: &'a Engine,
    cells: Vec<Cell>,
    places: HashMap<*const Node, u32>,
    ready: VecDeque<u32>,
    /// What stands for the results that the cache has.
    digests: HashMap<*const Node, Digest>,
    /// What was made of values that several calls share.
    hashes: Hashes,
    histories: Histories,
    /// What stands for nodes and all above them.
    resumed: HashMap<*const Node, CheckpointMeta>,
    nodes: Vec<PlannedNode>,
    /// The usual times of tasks.
    times: HashMap<*const Task, Option<Duration>>,
    /// From each node to those that need it.
    edges: Vec<(u32, u32)>,
}

impl Engine {
    /// What a run of everything that `node` needs would do.
    pub(crate) fn plan(&self, node: Arc<Node>) -> Plan {
        let _consulting = self.consulting();
        let mut planner = Planner {
            engine: self,
            cells: Vec::new(),
            places: HashMap::new(),
            ready: VecDeque::new(),
            digests: HashMap::new(),
            hashes: Hashes::default(),
            histories: Histories::default(),
            resumed: HashMap::new(),
            nodes: Vec::new(),
            times: HashMap::new(),
            edges: Vec::new(),
        };
        planner.collect(node);
        planner.work();
        self.audience.heard();
        planner.finish()
    }
}

impl Planner<'_> {
    /// Finds all nodes that are not settled, and what each needs.
    fn collect(&mut self, root: Arc<Node>) {
        self.place(root);
        let mut at = 0;
        let mut sources = Vec::new();
        while at < self.cells.len() {
            let node = Arc::clone(&self.cells[at].node);
            let resumed = self.would_resume(&node);
            match &*node.slot.lock() {
                Slot::Idle(op) if resumed.is_none() => {
                    op.each_source(|source| sources.push(Arc::clone(source)));
                }
                _ => {}
            }
            if let Some(meta) = resumed {
                self.resumed.insert(Arc::as_ptr(&node), meta);
            }
            self.cells[at].missing = sources.len() as u32;
            self.cells[at].sources = sources.len() as u32;
            if sources.is_empty() {
                self.ready.push_back(at as u32);
            }
            for source in sources.drain(..) {
                let place = self.place(source);
                self.cells[place as usize].dependents.push(at as u32);
                self.edges.push((place, at as u32));
            }
            at += 1;
        }
    }

    /// The version from which a run would go on at a node.
    fn would_resume(&self, node: &Node) -> Option<CheckpointMeta> {
        match &*node.slot.lock() {
            Slot::Idle(Op::Checkpoint(save)) => self.engine.would_resume(save),
            _ => None,
        }
    }

    /// The place of a node, a new one if need be.
    fn place(&mut self, node: Arc<Node>) -> u32 {
        let next = self.cells.len() as u32;
        let place = *self.places.entry(Arc::as_ptr(&node)).or_insert(next);
        if place == next {
            let result = Forecast::Value;
            let (dependents, line) = (Vec::new(), None);
            self.cells.push(Cell { node, missing: 0, dependents, result, line, sources: 0 });
        }
        place
    }

    /// Plans all nodes, as their sources are planned; looks for many calls at once.
    fn work(&mut self) {
        while !self.ready.is_empty() {
            let mut asked = Vec::new();
            let batch = self.ready.len().min(MOST_AHEAD);
            for _ in 0..batch {
                let Some(at) = self.ready.pop_front() else { break };
                match self.look_at(at) {
                    Step::Done(result) => self.settle(at, result),
                    Step::Ask(call) => asked.push(*call),
                }
            }
            self.ask(asked);
        }
    }

    /// Notes what is known of a node's result, and lets those that need it go ahead.
    fn settle(&mut self, at: u32, result: Forecast) {
        let cell = &mut self.cells[at as usize];
        cell.result = result;
        if let Forecast::Digest(digest) = result {
            self.digests.insert(Arc::as_ptr(&cell.node), digest);
        }
        for dependent in std::mem::take(&mut cell.dependents) {
            let cell = &mut self.cells[dependent as usize];
            cell.missing -= 1;
            if cell.missing == 0 {
                self.ready.push_back(dependent);
            }
        }
    }

    /// Adds the line of a node to the plan.
    fn say(&mut self, at: u32, task: &'static str, key: Option<Digest>, state: PlannedState) {
        let expected = match &state {
            PlannedState::WouldHit { .. }
            | PlannedState::Ready
            | PlannedState::WouldResume { .. }
            | PlannedState::Failed(_) => Some(Duration::ZERO),
            PlannedState::Running | PlannedState::WouldRun => None,
            PlannedState::WouldCompute(_) | PlannedState::Unknown { .. } => self.usual_time(at),
        };
        self.cells[at as usize].line = Some(self.nodes.len() as u32);
        self.nodes.push(PlannedNode { task, key, state, expected });
    }

    /// How long the body of a node's task usually runs, as far as the store's entries tell.
    fn usual_time(&mut self, at: u32) -> Option<Duration> {
        let task = self.cells[at as usize].node.task.filter(|task| task.spec.cache.is_some())?;
        let (engine, histories) = (self.engine, &self.histories);
        *self.times.entry(task).or_insert_with(|| engine.usual_time(histories, task))
    }

    /// The plan, with how its nodes hang together.
    fn finish(self) -> Plan {
        let (inline, edges) = self.shape();
        let estimate = self.estimate();
        Plan { nodes: self.nodes, inline, edges, estimate }
    }

    /// What is drawn beside the lines of the plan, numbered after them, and the arrows.
    fn shape(&self) -> (Vec<&'static str>, Vec<(u32, u32)>) {
        let shown: Vec<_> = self.cells.iter().map(|cell| cell.line).collect();
        contracted(&shown, &self.edges, self.nodes.len())
    }

    /// How long the whole may take.
    fn estimate(&self) -> Estimate {
        let mut untimed = 0;
        let mut depends = false;
        for node in &self.nodes {
            untimed += usize::from(node.expected.is_none() && !OPEN.contains(&node.task));
            depends |= matches!(node.state, PlannedState::Unknown { .. });
        }
        let works = self.cells.iter().map(|cell| {
            let line = cell.line.map(|line| &self.nodes[line as usize]);
            let took = line.and_then(|line| line.expected).unwrap_or_default();
            Work { task: cell.node.task, took, sources: cell.sources }
        });
        let works: Vec<Work> = works.collect();
        let (threads, limits) = (self.engine.pool.concurrency(), self.engine.limits.all());
        let time = time_of(&works, &self.edges, threads, limits);
        Estimate { time, untimed, depends }
    }

    /// What is known of the result of a node that is planned.
    fn result_of(&self, node: &Arc<Node>) -> Forecast {
        self.places
            .get(&Arc::as_ptr(node))
            .map_or(Forecast::Value, |place| self.cells[*place as usize].result)
    }

    /// What can be said of a node without asking the store.
    fn look_at(&mut self, at: u32) -> Step {
        let node = Arc::clone(&self.cells[at as usize].node);
        let slot = node.slot.lock();
        let task = node.task.map(|task| task.spec.name);
        let (result, state) = match &*slot {
            Slot::Done { digest, .. } => {
                (digest.map_or(Forecast::Value, Forecast::Digest), PlannedState::Ready)
            }
            Slot::Known(known) => (Forecast::Digest(known.digest), PlannedState::Ready),
            Slot::Running(_) => (Forecast::After(task.unwrap_or("a run")), PlannedState::Running),
            Slot::Failed(error) => (
                Forecast::After(task.unwrap_or("a failure")),
                PlannedState::Failed(error.to_string()),
            ),
            Slot::Idle(Op::Task(call)) => {
                let (task, args) = (call.task, call.args.iter().map(Arg::share).collect());
                let mode = match &call.learnt().mode {
                    Mode::Normal => None,
                    Mode::Refresh => Some(MissReason::Refreshed),
                    Mode::Recompute(reason) => Some(reason.clone()),
                };
                // Hashing may be long and is code of the user: never under the lock.
                drop(slot);
                return self.look_at_call(at, task, args, mode);
            }
            Slot::Idle(Op::Checkpoint(save)) if self.resumed.contains_key(&Arc::as_ptr(&node)) => {
                let name = save.source.task.map_or("checkpoint", |task| task.spec.name);
                let meta = &self.resumed[&Arc::as_ptr(&node)];
                let checkpoint = format!("{}@{}", meta.name, meta.version);
                let result = meta.source_digest.map_or(Forecast::After(name), Forecast::Digest);
                drop(slot);
                self.say(at, name, None, PlannedState::WouldResume { checkpoint });
                return Step::Done(result);
            }
            Slot::Idle(op) => {
                let result = self.look_at_op(op);
                let open = match op {
                    Op::AndThen { .. } => Some("and_then"),
                    Op::Fan { fan, .. } => Some(fan.what),
                    _ => None,
                };
                if let Some(open) = open
                    && let Forecast::After(after) = result
                {
                    drop(slot);
                    self.say(at, open, None, PlannedState::Unknown { after });
                }
                return Step::Done(result);
            }
        };
        drop(slot);
        if let Some(task) = task {
            self.say(at, task, None, state);
        }
        Step::Done(result)
    }

    /// What is known of a result that no task makes.
    fn look_at_op(&self, op: &Op) -> Forecast {
        let changed = |source, by| match self.result_of(source) {
            Forecast::After(task) => Forecast::After(task),
            Forecast::Digest(_) | Forecast::Value => Forecast::After(by),
        };
        match op {
            Op::Task(_) => Forecast::Value,
            Op::Map { source, .. } => changed(source, "map"),
            Op::AndThen { source, .. } => changed(source, "and_then"),
            Op::Fan { source: Some(source), fan } => changed(source, fan.what),
            Op::Fan { source: None, fan } => Forecast::After(fan.what),
            Op::Settle { .. } => Forecast::After("settled"),
            Op::Also { source, .. } | Op::Forward { source } => self.result_of(source),
            Op::Checkpoint(save) => self.result_of(&save.source),
            Op::Join { sources, .. } => {
                let mut digests = Vec::with_capacity(sources.len());
                let mut result = None;
                for source in sources {
                    match self.result_of(source) {
                        Forecast::Digest(digest) => digests.push(digest),
                        Forecast::After(task) => return Forecast::After(task),
                        Forecast::Value => result = Some(Forecast::After("join")),
                    }
                }
                result.unwrap_or_else(|| Forecast::Digest(joined(&digests)))
            }
        }
    }

    /// What can be said of a call without asking the store.
    fn look_at_call(
        &mut self,
        at: u32,
        task: &'static Task,
        args: Vec<Arg>,
        mode: Option<MissReason>,
    ) -> Step {
        let name = task.spec.name;
        let Some(cache) = task.spec.cache.as_ref().filter(|_| self.engine.cache.is_some()) else {
            self.say(at, name, None, PlannedState::WouldRun);
            return Step::Done(Forecast::After(name));
        };
        let planned = Some(&self.digests);
        let hashing = Hashing { engine: self.engine, task: name, planned, hashes: &self.hashes };
        let keyed = caught(|| key_of(task, &args, cache, &hashing))
            .unwrap_or_else(|panic| Keyed::Unhashable(format!("hashing panicked: {panic}")));
        let (key, reason) = match (keyed, mode) {
            (Keyed::Key(key), None) => return Step::Ask(Box::new(Asked { at, task, args, key })),
            (Keyed::Key(key), Some(reason)) => (Some(key.digest), reason),
            (Keyed::Unhashable(why), _) => (None, MissReason::Unhashable(why)),
            (Keyed::NeedsValues, Some(reason)) => (None, reason),
            (Keyed::NeedsValues, None) => {
                let after = self.first_unknown(&args).unwrap_or(name);
                self.say(at, name, None, PlannedState::Unknown { after });
                return Step::Done(Forecast::After(after));
            }
        };
        self.say(at, name, key, PlannedState::WouldCompute(reason));
        Step::Done(Forecast::After(name))
    }

    /// The task that has to run before anything is known of the arguments; if the value of one has to be read, its task.
    fn first_unknown(&self, args: &[Arg]) -> Option<&'static str> {
        let nodes = || {
            args.iter().filter_map(|arg| match &arg.0 {
                Input::Node(node) => Some(node),
                Input::Value(_) => None,
            })
        };
        let after = nodes().find_map(|node| match self.result_of(node) {
            Forecast::After(task) => Some(task),
            Forecast::Digest(_) | Forecast::Value => None,
        });
        after.or_else(|| nodes().find_map(|node| Some(node.task?.spec.name)))
    }

    /// Asks memory and the store for calls.
    fn ask(&mut self, asked: Vec<Asked>) {
        let Some(store) = self.engine.cache.as_deref().filter(|_| !asked.is_empty()) else {
            return;
        };
        let removals = store.removals();
        let mut rest = Vec::new();
        for call in asked {
            match self.engine.remembered(call.task, &call.key.digest, removals) {
                Some(kept) => {
                    let state = PlannedState::WouldHit { saved: kept.took };
                    self.say(call.at, call.task.spec.name, Some(call.key.digest), state);
                    self.settle(call.at, Forecast::Digest(kept.digest));
                }
                None => rest.push(call),
            }
        }
        if rest.is_empty() {
            return;
        }
        let keys: Vec<Digest> = rest.iter().map(|call| call.key.digest).collect();
        let found = caught(|| wait(store.find(&keys)));
        let failed = match found {
            Ok(Ok(found)) if found.len() == keys.len() => {
                for (call, found) in rest.into_iter().zip(found) {
                    self.answer(call, found);
                }
                return;
            }
            Ok(Ok(_)) => "it answered another number of keys than it was asked for".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("it panicked: {panic}"),
        };
        for call in rest {
            self.missed(&call, MissReason::StoreFailed(failed.clone()));
        }
    }

    /// Plans a call by the store's answer.
    fn answer(&mut self, call: Asked, found: Lookup<Glimpse>) {
        let engine = self.engine;
        let meta = match found {
            Lookup::Found(Glimpse { meta, .. }) => meta,
            Lookup::Damaged(why) => return self.missed(&call, MissReason::Damaged(why)),
            Lookup::Absent => {
                let parts = engine.parts_of(call.task, &call.args, &call.key, &self.hashes);
                let reason = engine.explain(&self.histories, call.task, &call.key.digest, &parts);
                return self.missed(&call, reason);
            }
        };
        match engine.why_unusable(call.task, meta.created, &meta.format, &meta.shape) {
            Some(reason) => self.missed(&call, engine.explain_result(reason, &meta)),
            None => {
                let state = PlannedState::WouldHit { saved: meta.took };
                self.say(call.at, call.task.spec.name, Some(call.key.digest), state);
                // A value with files is hashed wherever it is an argument, so it has to be read first.
                let forecast = match call.task.has_files() {
                    true => Forecast::After(call.task.spec.name),
                    false => Forecast::Digest(reference(&meta)),
                };
                self.settle(call.at, forecast);
            }
        }
    }

    /// Plans a call that would be computed.
    fn missed(&mut self, call: &Asked, reason: MissReason) {
        let name = call.task.spec.name;
        self.say(call.at, name, Some(call.key.digest), PlannedState::WouldCompute(reason));
        self.settle(call.at, Forecast::After(name));
    }
}

/// How far a node could be planned.
enum Step {
    /// All the way.
    Done(Forecast),
    /// The store has to be asked.
    Ask(Box<Asked>),
}
