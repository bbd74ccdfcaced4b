//! A case: a graph, what each body does, what the store does, and how the runs go. Each follows from its seed.

use daglite_tests::random::Random;

/// The most that a graph has of nodes besides its two first.
const MOST_NODES: u64 = 14;
/// How many bodies a node may have: its own, and two inside of it.
pub(crate) const BODIES: usize = 3;

/// How a node is made of two earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Cached,
    Async,
    CachedAsync,
    /// A cached body that runs two tasks.
    Nested,
    /// An `async` body that awaits two tasks.
    NestedAsync,
    Map,
    Join,
    AndThen,
    Each,
    Also,
    AlsoPanics,
    Refreshed,
    Checkpoint,
}

use Kind::*;
const KINDS: [Kind; 17] = [
    Plain,
    Plain,
    Cached,
    Cached,
    Async,
    Async,
    CachedAsync,
    Nested,
    NestedAsync,
    Map,
    Join,
    AndThen,
    Each,
    Also,
    AlsoPanics,
    Refreshed,
    Checkpoint,
];

impl Kind {
    /// Whether the node's own body has a key.
    pub(crate) fn is_cached(self) -> bool {
        !matches!(self, Plain | Async | NestedAsync | Map | Join)
    }

    /// Whether a body is polled.
    pub(crate) fn is_async(self) -> bool {
        matches!(self, Async | CachedAsync | Nested | NestedAsync)
    }

    /// Whether it has a body.
    pub(crate) fn has_body(self) -> bool {
        !matches!(self, Map | Join)
    }

    /// Whether it runs two more bodies inside of its own.
    pub(crate) fn nests(self) -> bool {
        matches!(self, Nested | NestedAsync)
    }
}

/// How a body comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// At once.
    Quick,
    /// After others had their turn so many times.
    Yields(u8),
    /// When another thread says so.
    Rung,
    /// Never, unless its time is over.
    Hangs,
}

/// The end it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Returns,
    /// It fails so many times, and then no more.
    FailsAtFirst(u32),
    Fails,
    Panics,
}

/// What a body does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) manner: Manner,
    pub(crate) end: End,
    /// How often it is tried again.
    pub(crate) retries: u32,
    /// Whether its time is limited.
    pub(crate) is_timed: bool,
}

impl Script {
    const QUICK: Self =
        Self { manner: Manner::Quick, end: End::Returns, retries: 0, is_timed: false };

    /// How often it may be called for one result.
    pub(crate) fn attempts(&self) -> u32 {
        self.retries + 1
    }

    /// How often it is called for one result if nothing comes between.
    pub(crate) fn calls(&self) -> u32 {
        match self.end {
            End::FailsAtFirst(times) => times + 1,
            End::Returns => 1,
            End::Fails | End::Panics => self.attempts(),
        }
    }
}

/// A node: its kind, its two sources as distances back, and what its bodies do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) sources: (usize, usize),
    pub(crate) scripts: [Script; BODIES],
}

/// What is cached where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    None,
    /// Hits come from memory.
    Memory,
    /// Hits are read from the store.
    Store,
    /// Other processes are at some keys.
    Shared,
    /// The store fails now and then.
    Fickle,
}

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Blocks,
    Awaits,
    /// Awaited, and dropped after so many polls.
    Dropped(u32),
}

/// One of the runs of the first round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) way: Way,
    /// Whether it runs the same nodes as the other runs that do.
    pub(crate) shares: bool,
}

/// All there is to a trial.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) plans: Vec<Plan>,
    pub(crate) runs: Vec<Run>,
    pub(crate) concurrency: usize,
    pub(crate) cache: Cache,
    pub(crate) keeps_going: bool,
    /// Whether an observer is told of each task.
    pub(crate) is_observed: bool,
}

impl Case {
    /// The case of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        // Many cases have no trouble at all, or one kind of it, so that much is reached and much can be said.
        let trouble = Trouble {
            failures: random.below(2) == 0,
            timeouts: random.below(4) == 0,
            checkpoints: random.below(8) == 0,
        };
        let nodes = 1 + random.below(MOST_NODES);
        let plans = (0..nodes).map(|_| plan(random, &trouble)).collect();
        let drops = random.below(3) == 0;
        let runs = (0..1 + random.below(3)).map(|_| run(random, drops)).collect();
        let cache = [Cache::None, Cache::Memory, Cache::Store, Cache::Shared, Cache::Fickle];
        Self {
            plans,
            runs,
            concurrency: 1 + random.below(8) as usize,
            cache: cache[random.below(5) as usize],
            keeps_going: random.below(3) == 0,
            is_observed: random.below(2) == 0,
        }
    }

    /// Whether a run is dropped.
    pub(crate) fn is_dropped(&self) -> bool {
        self.runs.iter().any(|run| matches!(run.way, Way::Dropped(_)))
    }

    /// How many graphs the first round has: the one that runs share, and one for each that does not.
    pub(crate) fn graphs(&self) -> usize {
        let alone = self.runs.iter().filter(|run| !run.shares).count();
        alone + usize::from(alone < self.runs.len())
    }

    /// Whether what is put into the store is there afterwards.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.cache, Cache::Memory | Cache::Store | Cache::Shared)
    }

    /// Whether anything waits for the clock.
    pub(crate) fn needs_time(&self) -> bool {
        let waits = |script: &Script| script.is_timed || script.retries > 0;
        self.plans.iter().flat_map(|plan| &plan.scripts).any(waits)
    }
}

/// What may go wrong in a case.
struct Trouble {
    failures: bool,
    timeouts: bool,
    checkpoints: bool,
}

fn plan(random: &mut Random, trouble: &Trouble) -> Plan {
    let mut kind = KINDS[random.below(KINDS.len() as u64) as usize];
    if kind == Checkpoint && !trouble.checkpoints {
        kind = Cached;
    }
    let back = |random: &mut Random| 1 + random.below(5) as usize;
    let sources = (back(random), back(random));
    let mut scripts = [Script::QUICK; BODIES];
    for script in &mut scripts {
        *script = self::script(random, trouble);
    }
    Plan { kind, sources, scripts }
}

fn script(random: &mut Random, trouble: &Trouble) -> Script {
    let mut script = Script::QUICK;
    script.manner = match random.below(6) {
        0 => Manner::Rung,
        1 | 2 => Manner::Yields(random.below(4) as u8),
        _ => Manner::Quick,
    };
    if trouble.failures {
        script.retries = if random.below(3) == 0 { 1 + random.below(2) as u32 } else { 0 };
        script.end = match random.below(20) {
            0 => End::Fails,
            1 => End::Panics,
            _ if script.retries > 0 => {
                End::FailsAtFirst(random.below(u64::from(script.retries) + 1) as u32)
            }
            _ => End::Returns,
        };
    }
    if trouble.timeouts {
        script.is_timed = random.below(4) == 0;
        if script.is_timed && random.below(3) == 0 {
            script.manner = Manner::Hangs;
        }
    }
    script
}

fn run(random: &mut Random, drops: bool) -> Run {
    let way = match random.below(if drops { 4 } else { 2 }) {
        0 => Way::Blocks,
        1 => Way::Awaits,
        _ => Way::Dropped(random.below(6) as u32),
    };
    Run { way, shares: random.below(2) == 0 }
}
