//! `Node`: one value of the graph, the way to make it, and how far that has come.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::checkpoint::{Checkpoint, Version};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::MissReason;
use crate::hash::Seen;
use crate::registry::ValueFormats;
use crate::store::{Glimpse, KeyPart, Lookup, PartKind};
use crate::sync::{Instant, Mutex, thread_local};
use crate::task::{Task, Value};

use super::arg::{Arg, Input};
use super::fan::Fan;

/// Called when a node that somebody waits for has settled; or with a body that lost its run, to go on with it. What is
/// handed over comes back if it is refused.
pub(crate) type WakeFn = Box<dyn FnOnce(Option<Handover>) -> Option<Handover> + Send>;
/// A body under way.
pub(crate) type Handover = Box<dyn Any + Send>;
/// Turns one value into another, or fails.
pub(crate) type Transform<Out> = Box<dyn FnOnce(Value) -> Result<Out, Error> + Send>;
/// Looks at a value.
pub(crate) type Look = Box<dyn FnOnce(&Value) + Send>;
/// Makes one value of many, failures among them.
pub(crate) type GatherSettled =
    Box<dyn FnOnce(Vec<Result<Value, Error>>) -> Result<Value, Error> + Send>;
/// Makes one value of many.
pub(crate) type Gather = Box<dyn FnOnce(Vec<Value>) -> Result<Value, Error> + Send>;

/// One value of the graph. Shared by everybody who needs the value; computed at most once.
pub(crate) struct Node {
    /// How far it has come.
    pub(crate) slot: Mutex<Slot>,
    /// Where the user made it.
    pub(crate) location: &'static Location<'static>,
    /// The task whose result it is, also after the operation is gone.
    pub(crate) task: Option<&'static Task>,
}

/// The states of a node.
pub(crate) enum Slot {
    /// Nothing has happened yet.
    Idle(Op),
    /// A run is at it; these want to be called when the state changes.
    Running(Vec<WakeFn>),
    /// The digest is known, the value is not in memory.
    Known(Box<Known>),
    /// The value is in memory.
    Done {
        /// The value.
        value: Value,
        /// The digest of its artifact, if it has one.
        digest: Option<Digest>,
        /// How it was made, for the metadata of checkpoints.
        made: Option<Arc<Made>>,
    },
    /// It could not be made.
    Failed(Error),
}

/// A node whose digest is known while its value stays where it is.
pub(crate) struct Known {
    /// The digest of the artifact.
    pub(crate) digest: Digest,
    /// The entry of the cache store that has the value.
    pub(crate) entry: Option<Entry>,
    /// How the value is made if the entry cannot be read after all.
    pub(crate) op: Op,
    /// How it was made, for the metadata of checkpoints.
    pub(crate) made: Option<Arc<Made>>,
}

/// Where a value lies in the cache store, and what is needed to read it: a large graph has many of these.
pub(crate) struct Entry {
    /// The cache key.
    pub(crate) key: Digest,
    /// The format of the value.
    pub(crate) format: String,
    /// The shape of the value.
    pub(crate) shape: Digest,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// When it was computed.
    pub(crate) created: Timestamp,
    /// How long that took.
    pub(crate) took: Duration,
    /// The value, if it came along: verified by the store.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What was recorded of excluded arguments, if somebody wants to know when they differ.
    pub(crate) excluded: Box<[KeyPart]>,
    /// The store's count of removals before it was asked.
    pub(crate) removals: u64,
}

/// How a value was made: what a checkpoint's metadata tells.
#[derive(Clone)]
pub(crate) struct Made {
    /// The task, if it came from one.
    pub(crate) task: Option<&'static Task>,
    /// The cache key, if the task is cached.
    pub(crate) key: Option<Arc<Key>>,
    /// How long the body ran.
    pub(crate) took: Duration,
    /// The checkpoints it was made from, as `name@version`.
    pub(crate) checkpoints: Vec<String>,
}

/// How a value is made.
pub(crate) enum Op {
    /// The body of a task.
    Task(TaskOp),
    /// An inline change of one value.
    Map { source: Arc<Node>, apply: Transform<Value> },
    /// A value decides what comes next.
    AndThen { source: Arc<Node>, next: Transform<Arc<Node>> },
    /// A look at the value.
    Also { source: Arc<Node>, look: Look },
    /// The value under a name.
    Checkpoint(Box<Save>),
    /// Many values as one.
    Join { sources: Vec<Arc<Node>>, gather: Gather },
    /// Many values as one, where failures are values too.
    Settle { sources: Vec<Arc<Node>>, gather: GatherSettled },
    /// Many nodes that come one after the other; the first is there once the source is.
    Fan { source: Option<Arc<Node>>, fan: Arc<Fan> },
    /// The value of another node.
    Forward { source: Arc<Node> },
}

/// A value to be saved under a name.
pub(crate) struct Save {
    /// The value.
    pub(crate) source: Arc<Node>,
    /// The name, and how it is to be saved.
    pub(crate) checkpoint: Checkpoint,
    /// How the value becomes bytes.
    pub(crate) formats: ValueFormats,
    /// The name of the value's type, for people.
    pub(crate) type_name: &'static str,
    /// The version that has to be there, if the user has named one to go on from.
    pub(crate) from: Option<Version>,
    /// Whether it has been found out that there is no version to go on from, or is not to be looked for.
    pub(crate) anew: bool,
}

impl Save {
    /// Whether a version that is there stands for the value, and nothing above has to run; `resumes` is what the session
    /// says.
    pub(crate) fn may_resume(&self, resumes: bool) -> bool {
        !self.anew && (resumes || self.from.is_some())
    }
}

/// A call of a task. Small, as a graph may have a million of them: what is learnt about it on the way to the cache lies
/// elsewhere.
pub(crate) struct TaskOp {
    /// The task.
    pub(crate) task: &'static Task,
    /// Its arguments, in order.
    pub(crate) args: SmallVec<[Arg; 3]>,
    /// What is known of it, once something is.
    known: Option<Box<Learnt>>,
}

/// What is learnt about a call on the way to the cache.
pub(crate) struct Learnt {
    /// Whether the cache may answer.
    pub(crate) mode: Mode,
    /// The key, once it has been worked out.
    pub(crate) key: Option<Arc<Key>>,
    /// The last look into the cache that found nothing, as the engine's count of ended computations.
    pub(crate) missed: Option<(u64, MissReason)>,
    /// What the store said of the key when it was asked for many at once.
    pub(crate) ahead: Option<Box<Ahead>>,
    /// The store's count of what other processes have put, before the last look that found nothing.
    pub(crate) seen: u64,
    /// When this call began to wait for another process.
    pub(crate) waits_since: Option<Instant>,
    /// Whether that took too long, so that it is computed whatever other processes do.
    pub(crate) alone: bool,
    /// How often and for how long the body may run, where the call says it or is between two attempts.
    pub(crate) attempts: Option<Box<AttemptSettings>>,
}

/// What a call says about its attempts, and where it is between two of them.
#[derive(Default)]
pub(crate) struct AttemptSettings {
    /// How often the body is run again.
    pub(crate) retries: Option<u32>,
    /// The longest pause before the first retry.
    pub(crate) delay: Option<Duration>,
    /// How long one attempt may take.
    pub(crate) timeout: Option<Duration>,
    /// What the engine knows of a call that waits for its next attempt. Nobody ever looks at it: it is taken.
    pub(crate) pending: Option<Mutex<Handover>>,
}

/// Nothing.
static NOTHING: Learnt = Learnt {
    mode: Mode::Normal,
    key: None,
    missed: None,
    ahead: None,
    seen: 0,
    waits_since: None,
    alone: false,
    attempts: None,
};

/// A store's answer, asked for before it was needed.
pub(crate) struct Ahead {
    /// The run that asked: another one asks again. `None` if it was asked right before the only run that there can be.
    pub(crate) run: Option<u64>,
    /// The store's count of removals before.
    pub(crate) removals: u64,
    /// The engine's count of ended computations before.
    pub(crate) landed: u64,
    /// The store's count of what other processes have put, before.
    pub(crate) changes: u64,
    /// The answer.
    pub(crate) found: Lookup<Glimpse>,
}

impl TaskOp {
    /// A call of which nothing is known yet.
    pub(crate) fn new(task: &'static Task, args: SmallVec<[Arg; 3]>) -> Self {
        Self { task, args, known: None }
    }

    /// Whether anything is known of it.
    pub(crate) fn is_learnt(&self) -> bool {
        self.known.is_some()
    }

    /// Whether it has no arguments, and nothing is known of it.
    fn holds_nothing(&self) -> bool {
        self.args.is_empty() && !self.is_learnt()
    }

    /// What is known of it.
    pub(crate) fn learnt(&self) -> &Learnt {
        self.known.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, to be changed.
    pub(crate) fn learn(&mut self) -> &mut Learnt {
        self.known.get_or_insert_with(Box::default)
    }

    /// The key, once it has been worked out.
    pub(crate) fn key(&self) -> Option<&Arc<Key>> {
        self.learnt().key.as_ref()
    }

    /// The arguments, and the key.
    pub(crate) fn into_parts(self) -> (SmallVec<[Arg; 3]>, Option<Arc<Key>>) {
        (self.args, self.known.and_then(|known| known.key))
    }

    /// What it says about its attempts.
    pub(crate) fn attempts(&mut self) -> &mut AttemptSettings {
        self.learn().attempts.get_or_insert_default()
    }

    /// Whether it waits for another attempt.
    pub(crate) fn is_pending(&self) -> bool {
        self.learnt().attempts.as_ref().is_some_and(|attempts| attempts.pending.is_some())
    }

    /// The call as it was before its key was made.
    pub(crate) fn without_key(mut self) -> Self {
        if let Some(known) = &mut self.known {
            (known.key, known.missed, known.ahead) = (None, None, None);
        }
        self
    }
}

impl Default for Learnt {
    fn default() -> Self {
        let (mode, key, missed, ahead) = (Mode::Normal, None, None, None);
        let (waits_since, attempts) = (None, None);
        Self { mode, key, missed, ahead, seen: 0, waits_since, alone: false, attempts }
    }
}

/// A cache key with what it was made of.
pub(crate) struct Key {
    /// The key itself.
    pub(crate) digest: Digest,
    /// One part an argument, to explain misses.
    pub(crate) parts: SmallVec<[ArgPart; 2]>,
    /// The files and folders whose content is in it, as they were then.
    pub(crate) files: Vec<Seen>,
}

/// One argument's part of a key.
pub(crate) struct ArgPart {
    /// The parameter.
    pub(crate) name: &'static str,
    /// The digest that went into the key.
    pub(crate) digest: Digest,
    /// What it is the digest of.
    pub(crate) kind: PartKind,
}

/// Whether the cache may answer a call.
#[derive(Default)]
pub(crate) enum Mode {
    /// It may.
    #[default]
    Normal,
    /// The user asked for a new computation.
    Refresh,
    /// The entry turned out to be unreadable, for this reason.
    Recompute(MissReason),
}

/// How a result came to be.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::Origin;
///
/// #[task]
/// fn one() -> u8 {
///     1
/// }
///
/// assert_eq!(one().outcome()?.tasks[0].origin, Origin::Computed);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The cache had it.
    Hit,
    /// The body of the task ran.
    Computed,
    /// A checkpoint had it.
    Resumed,
}

impl Node {
    /// A node that has yet to be made by `op`.
    pub(crate) fn new(op: Op, location: &'static Location<'static>) -> Arc<Self> {
        let task = match &op {
            Op::Task(call) => Some(call.task),
            _ => None,
        };
        Arc::new(Self { slot: Mutex::new(Slot::Idle(op)), location, task })
    }

    /// A node for a call of `task`, in the place of the last one of this thread if that was kept.
    pub(crate) fn of_call<const N: usize>(
        task: &'static Task,
        args: [Arg; N],
        location: &'static Location<'static>,
    ) -> Arc<Self> {
        // It is filled where it lies: what is moved right after it was written holds up the processor.
        if let Ok(Some(mut spare)) = SPARE.try_with(Cell::take)
            && let Some(node) = Arc::get_mut(&mut spare)
            && let Slot::Idle(Op::Task(call)) = node.slot.get_mut()
            && call.holds_nothing()
        {
            call.task = task;
            call.args.extend(args);
            (node.location, node.task) = (location, Some(task));
            return spare;
        }
        Self::new(Op::Task(TaskOp::new(task, args.into_iter().collect())), location)
    }

    /// Keeps the place of a call that has come to its end, so that the next node of this thread needs no other memory. Calls
    /// that find their results in memory are so short that this is a part of what they cost.
    pub(crate) fn recycle(node: Arc<Self>) {
        // While a thread ends it has no place for it.
        let _ = SPARE.try_with(|spare| spare.set(Some(node)));
    }

    /// A node that cannot be made.
    pub(crate) fn of_failure(error: Error, location: &'static Location<'static>) -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new(Slot::Failed(error)), location, task: None })
    }

    /// A node that has its value.
    pub(crate) fn of_value(value: Value, location: &'static Location<'static>) -> Arc<Self> {
        let slot = Slot::Done { value, digest: None, made: None };
        Arc::new(Self { slot: Mutex::new(slot), location, task: None })
    }
}

thread_local! {
    /// The node of a call of this thread that has come to its end.
    static SPARE: Cell<Option<Arc<Node>>> = const { Cell::new(None) };
}

/// Whether a node in this state holds no operation that has to be taken apart with care.
fn is_spent(slot: &Slot) -> bool {
    match slot {
        Slot::Done { .. } | Slot::Failed(_) | Slot::Running(_) => true,
        Slot::Idle(Op::Task(call)) => call.holds_nothing(),
        Slot::Idle(_) | Slot::Known(_) => false,
    }
}

impl Op {
    /// Whether the values of all sources are needed for certain, and not just their digests, if the value of the whole is
    /// needed or not: then each is read where it is found, and not by whoever needs all of them.
    pub(crate) fn wants_values(&self, whole: bool) -> bool {
        match self {
            Self::Task(call) => call.task.spec.cache.is_none(),
            Self::Map { .. }
            | Self::AndThen { .. }
            | Self::Also { .. }
            | Self::Settle { .. }
            | Self::Fan { .. } => true,
            Self::Join { .. } | Self::Forward { .. } => whole,
            Self::Checkpoint(_) => false,
        }
    }

    /// Whether a checkpoint is looked for before anything that this operation needs.
    pub(crate) fn may_resume(&self, resumes: bool) -> bool {
        matches!(self, Self::Checkpoint(save) if save.may_resume(resumes))
    }

    /// Calls `visit` with each node that this operation needs.
    pub(crate) fn each_source(&self, mut visit: impl FnMut(&Arc<Node>)) {
        match self {
            Self::Task(call) => call.args.iter().for_each(|arg| {
                if let Input::Node(node) = &arg.0 {
                    visit(node);
                }
            }),
            Self::Map { source, .. }
            | Self::AndThen { source, .. }
            | Self::Also { source, .. }
            | Self::Forward { source } => visit(source),
            Self::Checkpoint(save) => visit(&save.source),
            Self::Join { sources, .. } | Self::Settle { sources, .. } => {
                sources.iter().for_each(visit);
            }
            Self::Fan { source, .. } => source.iter().for_each(visit),
        }
    }
}

/// The value of a node that is `Done`: moved out if nobody else holds the node, shared otherwise.
pub(crate) fn take_value(node: Arc<Node>) -> Option<Value> {
    match Arc::try_unwrap(node) {
        Ok(mut node) => match mem::replace(node.slot.get_mut(), Slot::Running(Vec::new())) {
            Slot::Done { value, .. } => Some(value),
            _ => None,
        },
        Err(node) => match &*node.slot.lock() {
            Slot::Done { value, .. } => Some(Arc::clone(value)),
            _ => None,
        },
    }
}

thread_local! {
    /// What is still to be dropped on this thread; `None` while nobody is at it.
    static DROPPING: RefCell<Option<Vec<Slot>>> = const { RefCell::new(None) };
}

/// A chain of a million nodes is dropped one by one, not by a recursion a million deep.
impl Drop for Node {
    fn drop(&mut self) {
        if is_spent(self.slot.get_mut()) {
            return;
        }
        let slot = mem::replace(self.slot.get_mut(), Slot::Running(Vec::new()));
        let mut own = Some(slot);
        let first = DROPPING.try_with(|queue| match &mut *queue.borrow_mut() {
            Some(queue) => {
                queue.extend(own.take());
                false
            }
            empty => {
                *empty = Some(Vec::new());
                true
            }
        });
        if !matches!(first, Ok(true)) {
            return;
        }
        let mut panic = None;
        let mut next = own;
        while let Some(slot) = next {
            // Closures and values of the user may panic: what stands in line behind them goes all the same.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(slot))) {
                panic.get_or_insert(payload);
            }
            next = DROPPING.with(|queue| queue.borrow_mut().as_mut()?.pop());
        }
        DROPPING.with(|queue| *queue.borrow_mut() = None);
        if let Some(payload) = panic
            && !std::thread::panicking()
        {
            resume_unwind(payload);
        }
    }
}
