//! The engine: runs a graph against the stores.
//!
//! Read in this order: `run` (the threads that settle nodes), `drive` (the future that drives them), `cut` (runs that are cancelled), `queue` (where nodes stand), `line` (which of them goes next) and `paths` (how far it
//! is to the end), `hand` (calls that are taken
//! along), `fan_out` (elements that come as there is room), `step` (what happens to one node),
//! `key` (a call's cache key), `hashes` (values that several calls share), `preimage` (what is kept of it), `explain` (why there is no entry), `lookup` (what the
//! cache has), `ahead` (many look-ups at once), `memory` (results that are kept as they are), `execute` (bodies), `attempts` (bodies
//! that are run again), `away` (bodies on threads of their own), `isolated` (bodies that do not run here), `timers` (what is to be done later), `record`
//! (what becomes of results), `failures` (what becomes of failures), `settle` (failures that are results), `files` (files in keys and in results), `notes` (digests of
//! files that other processes have read), `save` (checkpoints), `resume` (going on from them) and `differs` (what is
//! not as it was then), `here` (those inside a body), `seed` (random numbers in bodies), `lone` (a call by itself, before there is a run), `shortcut` (past all of that, to a result in memory), `flight` (one computation a
//! key), `limits` (places that tasks share) and `admit` (calls that want some), `waits` (who waits for what), `others` (other processes), `ledger` (what the store is told of a run), `plan` and `planner` (what a run would
//! do), `pool` (threads),
//! `context` (what a thread is doing).

mod admit;
mod ahead;
mod attempts;
mod away;
mod block;
mod context;
mod cut;
mod differs;
mod drive;
mod estimate;
mod execute;
mod explain;
mod failures;
mod fan_out;
mod files;
mod flight;
mod hand;
mod hashes;
mod here;
#[cfg(all(test, daglite_scheduled))]
#[path = "../../../interleavings/src/engine/mod.rs"]
mod interleavings;
mod isolated;
mod key;
mod ledger;
mod limits;
mod line;
mod lone;
mod lookup;
mod memory;
mod notes;
mod others;
mod paths;
mod plan;
mod planner;

mod pool;
mod preimage;
mod queue;
mod record;
mod resume;
mod run;
mod save;
mod seed;
mod settle;
mod shortcut;
mod step;
mod timers;
mod waits;

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::checkpoint::CheckpointStore;
use crate::clock::Clock;
use crate::error::Error;
use crate::event::{Audience, Event, Interest, Observer};
use crate::executor::Executor;
use crate::hash::{Consulting, Notes, Strategy, consulting};
use crate::registry::Registry;
use crate::size::ByteSize;
use crate::store::CacheStore;
use crate::sync::Mutex;

pub use context::is_cancelled;
pub(crate) use context::{current, with_current};
pub(crate) use drive::{RunFuture, block_on};
pub use here::{checkpoint_here, resume_here};
pub(crate) use memory::DEFAULT_MEMORY;
pub use plan::{Estimate, Plan, PlannedNode, PlannedState};
pub use resume::Resumption;
pub(crate) use run::Finished;
pub use run::TaskOutcome;
pub use seed::{task_seed, task_seed_bytes};
pub(crate) use shortcut::Shortcut;

use flight::Flights;
use here::States;
use limits::Limits;
use memory::Memory;
use notes::StoreNotes;
use others::Others;
use pool::Pool;
use preimage::Records;
use shortcut::Shortcuts;
use timers::Timers;
use waits::Waits;

/// What runs graphs: the stores, the threads and those who watch.
pub(crate) struct Engine {
    cache: Option<Arc<dyn CacheStore>>,
    checkpoints: Option<Arc<dyn CheckpointStore>>,
    registry: Registry,
    clock: Clock,
    /// Who is told of events.
    audience: Audience,
    /// Whether a hit whose excluded arguments differ is told.
    warn_excluded: bool,
    /// Whether checkpoints that are there stand for what would be computed.
    resume: bool,
    /// Whether a failure stops only what depends on it.
    keep_going: bool,
    /// How many bodies may run at once of those that name a limit, and who does.
    limits: Arc<Limits>,
    /// Names of limits of which the user has been told that there are none.
    told_unknown: Mutex<HashSet<&'static str>>,
    /// Cancels all runs, if there is anything that may.
    cancel: OnceLock<CancelToken>,
    /// What hashing consults.
    notes: Option<Arc<dyn Notes>>,
    /// How closely bulk data is read where nobody else says.
    hash_strategy: Strategy,
    /// Parameters of tasks of which the user has been told that they are only sampled.
    told_sampled: Mutex<HashSet<(&'static str, &'static str)>>,
    /// What the store has been told of tasks.
    records: Records,
    pool: Pool,
    /// Where the bodies of isolated tasks run; here if `None`.
    executor: Option<Arc<dyn Executor>>,
    timers: Timers,
    /// What random pauses are made of.
    jitter_seed: u64,
    /// What random numbers of bodies are made of.
    seed: u64,
    /// How far running bodies have come, where they have saved it.
    states: States,
    flights: Arc<Flights>,
    /// Results that need not be asked of the store.
    memory: Option<Memory>,
    /// Short ways to them, unless somebody wants to know of each run.
    shortcuts: Option<Shortcuts>,
    /// Keys that other processes are computing.
    others: Arc<Others>,
    /// How long they are waited for.
    wait_for_others: Duration,
    /// Whether the user has been told that the cache store cannot be written.
    told_unwritable: AtomicBool,
    /// Whether the user has been told that the cache store cannot be read.
    told_unreadable: AtomicBool,
    /// Whether the user has been told that the cache store cannot hold keys among processes.
    told_unclaimable: AtomicBool,
    /// Whether the store could not say what other processes are computing.
    is_unclaimable: AtomicBool,
    /// Why not.
    unclaimable: Mutex<Option<String>>,
    /// The store's count of what other processes have put, as it was last read. An older one is as good before a look: at
    /// worst there is one more look. So nobody who finds what is wanted has to read it.
    changes: Mutex<Option<u64>>,
    /// Whether the user has been told that the cache store fails at the end of runs.
    told_unended: AtomicBool,
}

/// What an engine is made of.
pub(crate) struct Parts {
    /// Where results are cached; nowhere if `None`.
    pub(crate) cache: Option<Arc<dyn CacheStore>>,
    /// Where checkpoints are kept.
    pub(crate) checkpoints: Option<Arc<dyn CheckpointStore>>,
    /// Formats and hashes chosen at run time.
    pub(crate) registry: Registry,
    /// Where the time comes from.
    pub(crate) clock: Clock,
    /// Who is told of events.
    pub(crate) observers: Vec<Box<dyn Observer>>,
    /// How many tasks may run at once.
    pub(crate) concurrency: usize,
    /// How much is kept in memory; nothing if zero.
    pub(crate) memory: ByteSize,
    /// How long a key that another process computes is waited for.
    pub(crate) wait_for_others: Duration,
    /// Whether a hit whose excluded arguments differ is told.
    pub(crate) warn_excluded: bool,
    /// Whether checkpoints that are there stand for what would be computed.
    pub(crate) resume: bool,
    /// How closely bulk data is read where nobody else says.
    pub(crate) hash_strategy: Strategy,
    /// What random pauses are made of.
    pub(crate) jitter_seed: u64,
    /// What random numbers of bodies are made of.
    pub(crate) seed: u64,
    /// Whether a failure stops only what depends on it.
    pub(crate) keep_going: bool,
    /// How many bodies may run at once of those that name a limit.
    pub(crate) limits: BTreeMap<String, usize>,
    /// Where the bodies of isolated tasks run; here if `None`.
    pub(crate) executor: Option<Arc<dyn Executor>>,
    /// Cancels all runs.
    pub(crate) cancel: Option<CancelToken>,
}

impl Engine {
    /// An engine with no threads yet.
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            cache,
            checkpoints,
            registry,
            clock,
            observers,
            concurrency,
            memory,
            wait_for_others,
            warn_excluded,
            resume,
            hash_strategy,
            jitter_seed,
            seed,
            keep_going,
            limits,
            executor,
            cancel,
        } = parts;
        let memory = cache
            .as_ref()
            .filter(|_| memory.bytes() > 0)
            .map(|store| Memory::new(memory, caught(|| store.removals()).unwrap_or_default()));
        let waits = Arc::<Waits>::default();
        let audience = Audience::new(observers, clock.clone());
        // Who is told of runs or tasks is told of each.
        let is_open = memory.is_some() && !audience.wants(Interest::Runs) && !warn_excluded;
        let shortcuts = is_open.then(Shortcuts::default);
        let notes = cache.as_ref().map(StoreNotes::of);
        Arc::new(Self {
            notes,
            cache,
            checkpoints,
            registry,
            timers: Timers::new(clock.clone()),
            jitter_seed,
            seed,
            keep_going,
            limits: Limits::new(limits, Arc::clone(&waits)),
            told_unknown: Mutex::default(),
            cancel: cancel.map(OnceLock::from).unwrap_or_default(),
            executor,
            audience,
            clock,
            warn_excluded,
            resume,
            hash_strategy,
            told_sampled: Mutex::default(),
            records: Records::default(),
            pool: Pool::new(concurrency),
            states: States::default(),
            flights: Flights::new(waits),
            memory,
            shortcuts,
            others: Arc::default(),
            wait_for_others,
            told_unwritable: AtomicBool::new(false),
            told_unreadable: AtomicBool::new(false),
            told_unclaimable: AtomicBool::new(false),
            is_unclaimable: AtomicBool::new(false),
            unclaimable: Mutex::default(),
            changes: Mutex::default(),
            told_unended: AtomicBool::new(false),
        })
    }

    /// While what it answers lives, hashing on this thread consults the store's notes.
    fn consulting(&self) -> Consulting {
        consulting(self.notes.clone())
    }

    /// Where things are kept, for people.
    pub(crate) fn describe(&self) -> String {
        let cache = self.cache.as_ref().map_or("no cache".to_string(), |store| store.location());
        let checkpoints =
            self.checkpoints.as_ref().map(|store| store.location()).unwrap_or_default();
        let memory = match &self.memory {
            Some(memory) => format!("{} in memory", memory.size()),
            None => "nothing in memory".to_string(),
        };
        let wait = self.wait_for_others;
        let threads = self.pool.concurrency();
        let strategy = self.hash_strategy;
        let resumes = if self.resume { ", goes on from checkpoints" } else { "" };
        let keeps_going = if self.keep_going { ", keeps going" } else { "" };
        let isolates = if self.executor.is_some() { "" } else { ", isolates nothing" };
        let limits: String = self
            .limits
            .all()
            .into_iter()
            .map(|(name, most)| format!(", {most} of `{name}` at once"))
            .collect();
        format!(
            "{cache}, {checkpoints}, {memory}, {threads} at once, waits {wait:?} for others, \
             hashes by {strategy:?}{resumes}{keeps_going}{isolates}{limits}"
        )
    }

    /// Whether anybody wants to be told what happens to each task.
    fn is_observed(&self) -> bool {
        self.audience.wants(Interest::Tasks)
    }

    /// Tells what `event` makes, if anybody listens at all.
    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.audience.wants(Interest::Warnings) {
            self.audience.tell(event());
        }
    }

    /// Tells what `event` makes of a single task, if anybody wants to know so much.
    fn tell_task(&self, event: impl FnOnce() -> Event) {
        if self.audience.wants(Interest::Tasks) {
            self.audience.tell(event());
        }
    }

    /// Tells what `event` makes of a run, if anybody wants to know of runs.
    fn tell_run(&self, event: impl FnOnce() -> Event) {
        if self.audience.wants(Interest::Runs) {
            self.audience.tell(event());
        }
    }

    fn warn(&self, message: String) {
        tracing::warn!(target: "daglite", "{message}");
        self.tell(|| Event::Warning { message });
    }

    fn warn_once(&self, told: &AtomicBool, message: impl FnOnce() -> String) {
        if !told.swap(true, Ordering::Relaxed) {
            self.warn(message());
        }
    }
}

/// Runs `body`; what it panics with, as a message, if it does.
fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_string())
    })
}

/// The error of a panic.
fn panicked(message: &str) -> Error {
    Error::new(crate::error::ErrorKind::Panic, format!("panicked: {message}"))
}
