//! How long a run may take: the tasks of a plan, each as early as it can, on the session's threads and in the places of its
//! limits.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Duration;

use crate::task::{Body, Task};

/// One node of a plan.
pub(super) struct Work {
    /// The task, if it is the call of one.
    pub(super) task: Option<&'static Task>,
    /// How long its body usually runs.
    pub(super) took: Duration,
    /// How many others have to be made first.
    pub(super) sources: u32,
}

/// When the last of `works` is done; `edges` lead from what makes a result to what takes it.
pub(super) fn time_of(
    works: &[Work],
    edges: &[(u32, u32)],
    threads: usize,
    limits: Vec<(String, usize)>,
) -> Duration {
    let mut run = Simulated::new(works, edges, threads, limits);
    for (at, work) in works.iter().enumerate() {
        if work.sources == 0 {
            run.ready.insert((Duration::ZERO, at));
        }
    }
    while run.go_on() {}
    run.now
}

/// When a work could begin, and its number: the earlier goes first.
type Turn = (Duration, usize);

/// A run without bodies.
struct Simulated<'a> {
    works: &'a [Work],
    users: Users,
    /// How many sources each work still waits for.
    missing: Vec<u32>,
    now: Duration,
    threads: usize,
    /// How many of those have nothing to do.
    free: usize,
    limits: HashMap<String, Limit>,
    /// What lacks a thread at most.
    ready: BTreeSet<Turn>,
    /// What is under way, by its end.
    running: BinaryHeap<Reverse<Turn>>,
}

/// The places of a limit.
struct Limit {
    free: usize,
    /// What lacks a place.
    waiting: BTreeSet<Turn>,
}

impl<'a> Simulated<'a> {
    fn new(
        works: &'a [Work],
        edges: &[(u32, u32)],
        threads: usize,
        limits: Vec<(String, usize)>,
    ) -> Self {
        let limit = |(name, free)| (name, Limit { free, waiting: BTreeSet::new() });
        Self {
            works,
            users: Users::new(works.len(), edges),
            missing: works.iter().map(|work| work.sources).collect(),
            now: Duration::ZERO,
            threads,
            free: threads,
            limits: limits.into_iter().map(limit).collect(),
            ready: BTreeSet::new(),
            running: BinaryHeap::new(),
        }
    }

    /// Begins what can begin, and goes on to the next end; false if there is none.
    fn go_on(&mut self) -> bool {
        while let Some(turn) = self.ready.first().copied() {
            let Work { task, took, .. } = self.works[turn.1];
            let (weight, lacks_a_place) = (self.weight_of(task), self.lacks_a_place(task));
            if took > Duration::ZERO && !lacks_a_place && weight > self.free {
                break;
            }
            self.ready.pop_first();
            if took == Duration::ZERO {
                self.done(turn.1);
            } else if lacks_a_place {
                self.wait_for_a_place(turn, task);
            } else {
                self.free -= weight;
                for name in limits_of(task) {
                    self.limits.get_mut(*name).into_iter().for_each(|limit| limit.free -= 1);
                }
                self.running.push(Reverse((self.now + took, turn.1)));
            }
        }
        let Some(Reverse((end, at))) = self.running.pop() else { return false };
        self.now = end;
        let task = self.works[at].task;
        self.free += self.weight_of(task);
        for name in limits_of(task) {
            if let Some(limit) = self.limits.get_mut(*name) {
                limit.free += 1;
                self.ready.extend(limit.waiting.pop_first());
            }
        }
        self.done(at);
        true
    }

    /// How many threads a body takes. An async one takes none.
    fn weight_of(&self, task: Option<&Task>) -> usize {
        task.filter(|task| matches!(task.body, Body::Sync(_)))
            .map_or(0, |task| task.spec.weight_of(self.threads))
    }

    /// Whether a limit of a task has no place left.
    fn lacks_a_place(&self, task: Option<&Task>) -> bool {
        let is_full = |name: &&str| self.limits.get(*name).is_some_and(|limit| limit.free == 0);
        limits_of(task).iter().any(is_full)
    }

    /// Puts a work in the line of a limit that is full. Its turn for the others goes to the next there.
    fn wait_for_a_place(&mut self, turn: Turn, task: Option<&Task>) {
        let mut line = Some(turn);
        for name in limits_of(task) {
            match self.limits.get_mut(*name) {
                Some(limit) if limit.free == 0 => limit.waiting.extend(line.take()),
                Some(limit) => self.ready.extend(limit.waiting.pop_first()),
                None => {}
            }
        }
    }

    /// What needs nothing else than this result can begin.
    fn done(&mut self, at: usize) {
        for user in self.users.of(at) {
            let user = *user as usize;
            self.missing[user] -= 1;
            if self.missing[user] == 0 {
                self.ready.insert((self.now, user));
            }
        }
    }
}

/// The limits that a task names.
fn limits_of(task: Option<&Task>) -> &'static [&'static str] {
    task.map_or(&[], |task| task.spec.limits)
}

/// Who takes the result of each work.
struct Users {
    /// Where those of a work begin; those of the next one begin where they end.
    first: Vec<usize>,
    all: Vec<u32>,
}

impl Users {
    fn new(works: usize, edges: &[(u32, u32)]) -> Self {
        let mut first = vec![0; works + 1];
        edges.iter().for_each(|(from, _)| first[*from as usize + 1] += 1);
        (0..works).for_each(|at| first[at + 1] += first[at]);
        let mut all = vec![0; edges.len()];
        let mut next = first.clone();
        for (from, to) in edges {
            let place = &mut next[*from as usize];
            all[*place] = *to;
            *place += 1;
        }
        Self { first, all }
    }

    fn of(&self, work: usize) -> &[u32] {
        &self.all[self.first[work]..self.first[work + 1]]
    }
}
