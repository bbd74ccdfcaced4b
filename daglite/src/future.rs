//! `TaskFuture`: the handle that a call of a task returns, and all that can be done with it.

mod attempts;
mod place;

use std::any::Any;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::mem::needs_drop;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{Checkpoint, Version};
use crate::engine::{
    Engine, Finished, Plan, RunFuture, Shortcut, TaskOutcome, block_on, current, with_current,
};
use crate::error::{Error, ErrorKind};
use crate::event::Summary;
use crate::graph::{
    Appearance, Arg, Drawn, Graph, Input, IntoArg, Mode, Node, Op, Outline, Save, Slot, TaskOp,
    contracted,
};
use crate::registry::{HasFormat, ValueFormats};
use crate::session::Session;
use crate::task::{CloneFn, Task, Value};

use place::{called_at, place_of};

/// A value that will be there when it is asked for: what the call of a task returns.
///
/// Nothing runs until [`run`](Self::run) or `.await`. A `TaskFuture` can be passed to other tasks like the value itself;
/// clones are handles on the same node of the graph, which is computed at most once, however many hold it.
///
/// | method | what it does |
/// |---|---|
/// | [`then`](Self::then) | hand this future to the next task |
/// | [`map`](Self::map) | a cheap inline change of the value, not a task |
/// | [`and_then`](Self::and_then) | a function that sees the value and returns the next task future |
/// | [`map_each`](TaskFuture::map_each) | a task for each element of a list |
/// | [`also`](Self::also) | a side effect with `&T` |
/// | [`checkpoint`](Self::checkpoint) | save under a name |
/// | [`refresh`](Self::refresh) | compute again and overwrite the cache's entry |
/// | [`retries`](Self::retries), [`retry_delay`](Self::retry_delay) | run the body again when it fails |
/// | [`timeout`](Self::timeout) | give the body so much time |
/// | [`run`](Self::run), [`run_in`](Self::run_in), `.await` | the value |
/// | [`run_from`](Self::run_from), [`resume_from`](Self::resume_from) | the value, from a checkpoint on |
/// | [`run_shared`](Self::run_shared) | the value in an `Arc` |
/// | [`outcome`](Self::outcome) | the value, and how each result came to be |
/// | [`plan`](Self::plan) | no execution: what a run would do, and why |
/// | [`graph`](Self::graph) | no execution: a picture of the graph |
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn words(text: &str) -> Vec<String> {
///     text.split_whitespace().map(String::from).collect()
/// }
///
/// #[task]
/// fn longest(words: Vec<String>) -> String {
///     words.into_iter().max_by_key(String::len).unwrap_or_default()
/// }
///
/// let answer = words("a lazy graph of work").then(longest);
/// assert_eq!(answer.run()?, "graph");
/// # Ok::<(), daglite::Error>(())
/// ```
#[must_use = "a task future does nothing until it is run, awaited, or passed to a task that is"]
pub struct TaskFuture<T> {
    node: Arc<Node>,
    cloner: Cloner<T>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), cloner: self.cloner.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.node.slot.lock() {
            Slot::Idle(_) => "not run",
            Slot::Running(_) => "running",
            Slot::Known(_) => "in the cache",
            Slot::Done { .. } => "done",
            Slot::Failed(_) => "failed",
        };
        let task = self.node.task.map_or(std::any::type_name::<T>(), |task| task.spec.name);
        write!(f, "TaskFuture({task}, {state})")
    }
}

/// How a value that others hold too is cloned, if its type can be.
enum Cloner<T> {
    No,
    Erased(CloneFn),
    Typed(fn(&T) -> T),
    Composed(ComposedClone<T>),
}

type ComposedClone<T> = Arc<dyn Fn(&T) -> Option<T> + Send + Sync>;

impl<T> Clone for Cloner<T> {
    fn clone(&self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Erased(clone) => Self::Erased(*clone),
            Self::Typed(clone) => Self::Typed(*clone),
            Self::Composed(clone) => Self::Composed(Arc::clone(clone)),
        }
    }
}

impl<T: Send + Sync + 'static> Cloner<T> {
    fn clone_value(&self, value: &T) -> Option<T> {
        match self {
            Self::No => None,
            Self::Erased(clone) => {
                let mut cloned = None;
                clone(value, &mut cloned);
                cloned
            }
            Self::Typed(clone) => Some(clone(value)),
            Self::Composed(clone) => clone(value),
        }
    }

    /// The value itself: moved if nobody else holds it, cloned otherwise.
    fn own(&self, value: Value) -> Result<T, Error> {
        Arc::try_unwrap(shared::<T>(value)?).or_else(|shared| {
            self.clone_value(&shared).ok_or_else(|| {
                let name = std::any::type_name::<T>();
                let message = format!(
                    "the value is held elsewhere too and `{name}` is not `Clone`: use `run_shared()`, drop the other \
                     handles first, or derive `Clone`"
                );
                Error::new(ErrorKind::Shared, message)
            })
        })
    }
}

fn shared<T: Send + Sync + 'static>(value: Value) -> Result<Arc<T>, Error> {
    value.downcast::<T>().map_err(|_| {
        let name = std::any::type_name::<T>();
        Error::new(
            ErrorKind::Format,
            format!("a value that should be a `{name}` is of another type"),
        )
    })
}

/// The graph's node for one call of a task: what the code that `#[task]` writes ends in.
#[doc(hidden)]
#[track_caller]
pub fn call<T, const N: usize>(task: &'static Task, args: [Arg; N]) -> TaskFuture<T> {
    let cloner = task.clone.map_or(Cloner::No, Cloner::Erased);
    TaskFuture {
        node: call_node(task, args.into_iter().collect(), place_of(Location::caller())),
        cloner,
        value: PhantomData,
    }
}

fn call_node(
    task: &'static Task,
    args: smallvec::SmallVec<[Arg; 3]>,
    location: &'static Location<'static>,
) -> Arc<Node> {
    Node::new(Op::Task(TaskOp::new(task, args)), location)
}

/// What stands in the place of a task whose definition has compile errors.
#[doc(hidden)]
pub fn unreachable_task<T>() -> TaskFuture<T> {
    unreachable!("the program with this task does not compile")
}

impl<T: Send + Sync + 'static> IntoArg<T> for TaskFuture<T> {
    fn into_arg(self) -> Arg {
        Arg(Input::Node(self.node))
    }
}

impl<T: Send + Sync + 'static> IntoArg<T> for &TaskFuture<T> {
    fn into_arg(self) -> Arg {
        Arg(Input::Node(Arc::clone(&self.node)))
    }
}

impl<T: Send + Sync + 'static> TaskFuture<T> {
    #[track_caller]
    fn from_op(op: Op, cloner: Cloner<T>) -> Self {
        Self { node: Node::new(op, Location::caller()), cloner, value: PhantomData }
    }

    #[track_caller]
    fn save_as(self, checkpoint: Checkpoint, formats: ValueFormats) -> Self {
        let formats = self.node.task.and_then(|task| task.result).unwrap_or(formats);
        let type_name = std::any::type_name::<T>();
        let save =
            Save { source: self.node, checkpoint, formats, type_name, from: None, anew: false };
        Self::from_op(Op::Checkpoint(Box::new(save)), self.cloner)
    }

    /// Hands this future to `f`, usually the next task: `load(path).then(clean)`, or with further arguments
    /// `load(path).then(|rows| fit(rows, 0.1))`. The graph stays known before anything runs.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn half(n: f64) -> f64 {
    ///     n / 2.0
    /// }
    ///
    /// assert_eq!(half(8.0).then(half).then(half).run()?, 1.0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn then<R>(self, f: impl FnOnce(Self) -> R) -> R {
        called_at(Location::caller(), || f(self))
    }

    /// Changes the value inline: for what is too cheap to be a task. Not cached and not named; a task that takes the
    /// result has its value hashed.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn name() -> String {
    ///     "daglite".to_string()
    /// }
    ///
    /// assert_eq!(name().map(|name| name.len()).run()?, 7);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: Clone + Send + Sync + 'static>(
        self,
        f: impl FnOnce(T) -> U + Send + 'static,
    ) -> TaskFuture<U> {
        let cloner = self.cloner;
        let apply = Box::new(move |value| Ok(Arc::new(f(cloner.own(value)?)) as Value));
        TaskFuture::from_op(Op::Map { source: self.node, apply }, Cloner::Typed(U::clone))
    }

    /// Lets the value decide what comes next: `f` sees it and returns the task future to go on with. The graph is
    /// made as it runs; where it can be known before, [`then`](Self::then) shows more of it.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn collatz(n: u64) -> u64 {
    ///     if n % 2 == 0 { n / 2 } else { 3 * n + 1 }
    /// }
    ///
    /// fn to_one(n: u64) -> TaskFuture<u64> {
    ///     collatz(n).and_then(|next| if next == 1 { collatz(2) } else { to_one(next) })
    /// }
    ///
    /// assert_eq!(to_one(27).run()?, 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn and_then<U: Clone + Send + Sync + 'static>(
        self,
        f: impl FnOnce(T) -> TaskFuture<U> + Send + 'static,
    ) -> TaskFuture<U> {
        let cloner = self.cloner;
        let place = Location::caller();
        let next = Box::new(move |value| {
            let value = cloner.own(value)?;
            Ok(called_at(place, || f(value)).node)
        });
        TaskFuture::from_op(Op::AndThen { source: self.node, next }, Cloner::Typed(U::clone))
    }

    /// A side effect with the value, whenever the graph is run, from the cache or not. What `f` returns is ignored;
    /// if it panics, that is an event ([`Event::AlsoPanicked`](crate::Event::AlsoPanicked)) and not a failure.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn rows() -> Vec<u32> {
    ///     vec![1, 2, 3]
    /// }
    ///
    /// rows().also(|rows| println!("{} rows", rows.len())).run()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn also<R>(self, f: impl FnOnce(&T) -> R + Send + 'static) -> Self {
        let look = Box::new(move |value: &Value| {
            if let Some(value) = value.downcast_ref::<T>() {
                f(value);
            }
        });
        Self::from_op(Op::Also { source: self.node, look }, self.cloner)
    }

    /// Has the task that this future stands for computed again, and its cache entry overwritten. Through `map`, `also`,
    /// `checkpoint` and `join` it reaches the tasks behind them; the arguments of those tasks stay as they are.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    ///
    /// #[task(cache)]
    /// fn temperature() -> u32 {
    ///     CALLS.fetch_add(1, Ordering::Relaxed)
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(temperature().run_in(&session)?, 0);
    /// assert_eq!(temperature().run_in(&session)?, 0);
    /// assert_eq!(temperature().refresh().run_in(&session)?, 1);
    /// assert_eq!(temperature().run_in(&session)?, 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn refresh(self) -> Self {
        each_op(&self.node, |op| {
            match op {
                Op::Task(call) => call.learn().mode = Mode::Refresh,
                Op::Checkpoint(save) => save.anew = true,
                _ => {}
            }
            !matches!(op, Op::Task(_))
        });
        self
    }

    /// Goes on from a checkpoint: where this graph saves it, the named version is loaded, and nothing above runs, even if
    /// code or arguments have changed since. `checkpoint` is `name@version`, or `name` for the latest version.
    ///
    /// [`SessionBuilder::resume`](crate::SessionBuilder::resume) does it for all checkpoints that are there.
    ///
    /// # Errors
    ///
    /// If this graph saves no checkpoint of that name. The run fails if the version is not there or cannot be read.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn simulate(years: u32) -> Vec<f64> {
    ///     (0..years).map(f64::from).collect()
    /// }
    ///
    /// #[task]
    /// fn mean(values: &[f64]) -> f64 {
    ///     values.iter().sum::<f64>() / values.len() as f64
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().without_cache().checkpoints(checkpoints).build()?;
    /// simulate(3).checkpoint("state").then(mean).run_in(&session)?;
    /// // What has been saved counts, and not what would be computed today.
    /// let graph = simulate(1000).checkpoint("state").then(mean);
    /// assert_eq!(graph.resume_from("state")?.run_in(&session)?, 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume_from(self, checkpoint: &str) -> Result<Self, Error> {
        let (name, version) = checkpoint.rsplit_once('@').unwrap_or((checkpoint, "latest"));
        let version = Version::from(version);
        let mut names = BTreeSet::new();
        each_op(&self.node, |op| {
            if let Op::Checkpoint(save) = op {
                names.insert(save.checkpoint.name().to_owned());
                if save.checkpoint.name() == name {
                    (save.from, save.anew) = (Some(version.clone()), false);
                }
            }
            true
        });
        if names.contains(name) {
            return Ok(self);
        }
        let known = match names.len() {
            0 => "none".to_owned(),
            _ => format!("`{}`", names.into_iter().collect::<Vec<_>>().join("`, `")),
        };
        Err(Error::new(
            ErrorKind::Checkpoint,
            format!("this graph saves no checkpoint `{name}` to go on from; it saves {known}"),
        ))
    }

    /// Runs as [`run`](Self::run), and [goes on from a checkpoint](Self::resume_from): `name@version`, or `name` for the
    /// latest version.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run) and [`resume_from`](Self::resume_from).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn one() -> u8 {
    ///     1
    /// }
    ///
    /// let error = one().checkpoint("one").run_from("two").unwrap_err();
    /// assert!(error.to_string().ends_with("it saves `one`"));
    /// ```
    pub fn run_from(self, checkpoint: &str) -> Result<T, Error> {
        self.resume_from(checkpoint)?.run()
    }

    /// As [`run_from`](Self::run_from), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run_from`](Self::run_from).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().without_cache().checkpoints(checkpoints).build()?;
    /// one().checkpoint("one").run_in(&session)?;
    /// assert_eq!(one().checkpoint("one").run_from_in("one", &session)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_from_in(self, checkpoint: &str, session: &Session) -> Result<T, Error> {
        self.resume_from(checkpoint)?.run_in(session)
    }

    /// Runs all that is needed for this value, in the current session: the one around it inside a task, else the
    /// [default one](Session::default_session).
    ///
    /// # Errors
    ///
    /// The first error or panic of a task, with the task's name and where it was called; a checkpoint that cannot be
    /// saved; a malformed configuration; and a call from inside an async runtime, where only `.await` works.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn add(a: i64, b: i64) -> i64 {
    ///     a + b
    /// }
    ///
    /// assert_eq!(add(add(1, 2), 3).run()?, 6);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run(self) -> Result<T, Error> {
        match current() {
            Some(body) => self.run_by(&body.engine),
            None => self.run_by(Session::default_ref()?.by_ref()),
        }
    }

    /// Runs all that is needed for this value in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// #[task]
    /// fn answer() -> u8 {
    ///     42
    /// }
    ///
    /// let session = Session::builder().concurrency(1).build()?;
    /// assert_eq!(answer().run_in(&session)?, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_in(self, session: &Session) -> Result<T, Error> {
        self.run_by(session.by_ref())
    }

    fn run_by(mut self, engine: &Arc<Engine>) -> Result<T, Error> {
        may_block(NOT_IN_RUNTIME)?;
        let mut taken = None;
        let mut take = |value: &(dyn Any + Send + Sync)| {
            taken = value.downcast_ref::<T>().and_then(|value| self.cloner.clone_value(value));
            taken.is_some()
        };
        let question = match engine.shortcut(&mut self.node, &mut take) {
            Shortcut::Taken => None,
            Shortcut::Unknown(question) => Some(question),
            Shortcut::None => None,
        };
        if let Some(value) = taken {
            Node::recycle(self.node);
            return Ok(value);
        }
        let run = RunFuture::new(Arc::clone(engine), self.node, true, false);
        let Finished { value, key, .. } = block_on(run)?;
        if let (Some(question), Some(key)) = (question, key) {
            let is_plain = const { !needs_drop::<T>() && size_of::<T>() <= 64 };
            engine.learn_shortcut(*question, &key, is_plain);
        }
        self.cloner.own(value)
    }

    /// As [`run`](Self::run), but gives the value in an `Arc`, for types that are not `Clone` and held elsewhere too.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// struct Big(Vec<u8>);
    ///
    /// #[task]
    /// fn big() -> Big {
    ///     Big(vec![0; 1000])
    /// }
    ///
    /// let future = big();
    /// let (a, b) = (future.clone().run_shared()?, future.run_shared()?);
    /// assert_eq!(a.0.len(), 1000);
    /// assert!(std::sync::Arc::ptr_eq(&a, &b));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_shared(self) -> Result<Arc<T>, Error> {
        self.run_shared_in(&Session::current()?)
    }

    /// As [`run_shared`](Self::run_shared), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn answer() -> u8 { 42 }
    /// assert_eq!(*answer().run_shared_in(&Session::current()?)?, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_shared_in(self, session: &Session) -> Result<Arc<T>, Error> {
        shared(finish(session, self.node, false)?.value)
    }

    /// As [`run`](Self::run), and tells how each result came to be.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache)]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let first = square(4).outcome_in(&session)?;
    /// let second = square(4).outcome_in(&session)?;
    /// assert_eq!((first.value, second.value), (16, 16));
    /// assert_eq!((first.summary.computed, second.summary.hits), (1, 1));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn outcome(self) -> Result<Outcome<T>, Error> {
        self.outcome_in(&Session::current()?)
    }

    /// As [`outcome`](Self::outcome), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn answer() -> u8 { 42 }
    /// assert_eq!(answer().outcome_in(&Session::current()?)?.value, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn outcome_in(self, session: &Session) -> Result<Outcome<T>, Error> {
        Outcome::new(finish(session, self.node, true)?, &self.cloner)
    }

    /// What a run in the current session would do: which tasks the cache would answer, and why not the others. Nothing is
    /// run and nothing is put; the cache is looked into, on this thread.
    ///
    /// # Errors
    ///
    /// A malformed configuration; and a call from inside an async runtime, which it would block.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn answer() -> u8 {
    ///     42
    /// }
    ///
    /// let plan = answer().plan()?;
    /// assert!(plan.to_string().starts_with("1 task: 1 to compute\n"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn plan(&self) -> Result<Plan, Error> {
        self.plan_in(&Session::current()?)
    }

    /// As [`plan`](Self::plan), in `session`.
    ///
    /// # Errors
    ///
    /// A call from inside an async runtime, which it would block.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use daglite::{MissReason, PlannedState};
    ///
    /// #[task(cache)]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let future = square(4);
    /// let before = future.plan_in(&session)?;
    /// assert_eq!(before.nodes[0].state, PlannedState::WouldCompute(MissReason::NoEntry));
    /// future.run_in(&session)?;
    /// assert_eq!(square(4).plan_in(&session)?.hits(), 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn plan_in(&self, session: &Session) -> Result<Plan, Error> {
        let advice =
            "`plan()` would block the async runtime it was called in: call it in `spawn_blocking`";
        may_block(advice)?;
        Ok(session.engine().plan(Arc::clone(&self.node)))
    }

    /// A picture of the graph, with what has become of each task, or would: that of [`plan`](Self::plan). Nothing is run. What has
    /// been made in a run is one node then, as nothing above it is needed any more; [`Outcome::graph`] shows all of a run.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(name = "load")]
    /// fn load() -> Vec<u32> {
    ///     vec![1, 2, 3]
    /// }
    ///
    /// #[task(name = "total")]
    /// fn total(values: &[u32]) -> u32 {
    ///     values.iter().sum()
    /// }
    ///
    /// println!("{}", load().then(total).graph()?.mermaid());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph(&self) -> Result<Graph, Error> {
        Ok(self.plan()?.graph())
    }

    /// As [`graph`](Self::graph), in `session`.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// let session = Session::builder().without_cache().build()?;
    /// assert_eq!(one().graph_in(&session)?.tasks(), 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph_in(&self, session: &Session) -> Result<Graph, Error> {
        Ok(self.plan_in(session)?.graph())
    }

    /// As [`outcome`](Self::outcome), for `.await`, in the current session.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// let outcome = answer().await_outcome().await?;
    /// assert_eq!((outcome.value, outcome.summary.computed), (42, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn await_outcome(self) -> Result<Outcome<T>, Error> {
        self.await_outcome_in(&Session::current()?).await
    }

    /// As [`await_outcome`](Self::await_outcome), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// assert_eq!(answer().await_outcome_in(&Session::current()?).await?.value, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn await_outcome_in(self, session: &Session) -> Result<Outcome<T>, Error> {
        let finished = RunFuture::new(session.engine(), self.node, false, true).await?;
        Outcome::new(finished, &self.cloner)
    }

    /// A future that runs in `session`: what `.await` uses with the current one.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// let session = Session::builder().concurrency(2).build()?;
    /// assert_eq!(answer().await_in(&session).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn await_in(self, session: &Session) -> TaskRun<T> {
        let run = RunFuture::new(session.engine(), self.node, false, false);
        TaskRun { state: Ok(run), cloner: self.cloner, value: PhantomData }
    }
}

// The bounds stand on the block, not on the method: only then does the compiler go on to `CheckpointOwnFormat` for a
// type that does not meet them.
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> TaskFuture<T> {
    /// Saves the value under a name in the session's checkpoint store. A value that is that of the latest version adds
    /// no version.
    ///
    /// # Errors
    ///
    /// A checkpoint that cannot be saved fails the run: it was asked for.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn fit() -> Vec<f64> {
    ///     vec![0.5, 1.5]
    /// }
    ///
    /// let folder = tempfile::tempdir()?;
    /// let session = Session::builder().checkpoints(FileCheckpoints::open(folder.path())?).build()?;
    /// fit().checkpoint(Checkpoint::named("model").format("json").meta("alpha", 0.1)).run_in(&session)?;
    ///
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// assert_eq!(checkpoints.load::<Vec<f64>>("model", "latest")?, [0.5, 1.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self {
        self.save_as(checkpoint.into(), ValueFormats::serde::<T>())
    }
}

/// [`TaskFuture::checkpoint`] for values that bring a format of their own and know nothing of serde.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::HasFormat;
///
/// #[derive(Debug, Clone, PartialEq)]
/// struct Note(String);
///
/// impl HasFormat for Note {
///     fn formats() -> Vec<Format<Self>> {
///         let text = Format::new(
///             "text",
///             "txt",
///             |note: &Note| Ok(note.0.clone().into_bytes()),
///             |bytes| Ok(Note(String::from_utf8(bytes.to_vec())?)),
///         );
///         vec![text]
///     }
/// }
///
/// #[task]
/// fn note() -> Note {
///     Note("remember".to_string())
/// }
///
/// let folder = tempfile::tempdir()?;
/// let session = Session::builder().checkpoints(FileCheckpoints::open(folder.path())?).build()?;
/// assert_eq!(note().checkpoint("note").run_in(&session)?.0, "remember");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CheckpointOwnFormat: Sized {
    /// Saves the value under a name in the session's checkpoint store, as [`TaskFuture::checkpoint`] does.
    #[track_caller]
    fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self;
}

// The compiler looks here when the method of the same name on `TaskFuture` itself does not suit the type.
impl<T: HasFormat> CheckpointOwnFormat for TaskFuture<T> {
    #[track_caller]
    fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self {
        self.save_as(checkpoint.into(), ValueFormats::own::<T>())
    }
}

impl<T: Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// A task for each element: `f` makes the task future of one, each is cached by itself, they run in parallel, and
    /// the results come in the order of the elements.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn airports() -> Vec<String> {
    ///     vec!["EWR".to_string(), "JFK".to_string()]
    /// }
    ///
    /// #[task(cache)]
    /// fn lower(name: String) -> String {
    ///     name.to_lowercase()
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(airports().map_each(lower).run_in(&session)?, ["ewr", "jfk"]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn map_each<U: Send + Sync + 'static>(
        self,
        mut f: impl FnMut(T) -> TaskFuture<U> + Send + 'static,
    ) -> TaskFuture<Vec<U>> {
        let cloner = self.cloner;
        let place = Location::caller();
        // How the results are cloned is known only once their futures are made.
        let results_cloner: Arc<OnceLock<Cloner<Vec<U>>>> = Arc::default();
        let told = Arc::clone(&results_cloner);
        let next = Box::new(move |value| {
            let values = cloner.own(value)?;
            let results = called_at(place, || join_all_at(place, values.into_iter().map(&mut f)));
            // Set once: the closure is called once.
            let _ = told.set(results.cloner);
            Ok(results.node)
        });
        let composed = move |results: &Vec<U>| results_cloner.get()?.clone_value(results);
        TaskFuture::from_op(
            Op::AndThen { source: self.node, next },
            Cloner::Composed(Arc::new(composed)),
        )
    }
}

/// What is said to those who would block a runtime.
const NOT_IN_RUNTIME: &str =
    "`run()` would block the async runtime it was called in: write `.await` in place of `.run()`";

/// Runs `node` on this thread.
fn finish(session: &Session, node: Arc<Node>, report: bool) -> Result<Finished, Error> {
    may_block(NOT_IN_RUNTIME)?;
    block_on(RunFuture::new(session.engine(), node, true, report))
}

/// Whether the calling thread may wait for a result; if not, an error that gives `advice`.
fn may_block(advice: &str) -> Result<(), Error> {
    let inside = with_current(|body| body.map(|body| body.blocking));
    let refused = inside.map_or_else(polled_by_runtime, |may_block| !may_block);
    if !refused {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Blocking, advice))
}

/// Whether the calling thread is polling a future of a tokio runtime.
#[cfg(feature = "tokio")]
fn polled_by_runtime() -> bool {
    /// How often a poll may make progress before tokio has it yield, and a few more.
    const MORE_THAN_A_BUDGET: usize = 1024;

    if tokio::runtime::Handle::try_current().is_err() {
        return false;
    }
    // A thread of `spawn_blocking` has a runtime too, and may block. What it lacks is a budget of polls.
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut taken = Vec::new();
    let out_of_budget =
        (0..MORE_THAN_A_BUDGET).any(|_| match tokio::task::coop::poll_proceed(&mut context) {
            Poll::Ready(unit) => {
                taken.push(unit);
                false
            }
            Poll::Pending => true,
        });
    // Each gives back the budget that there was before it: the first taken has to be the last given back.
    while taken.pop().is_some() {}
    out_of_budget
}

#[cfg(not(feature = "tokio"))]
fn polled_by_runtime() -> bool {
    false
}

/// What [`TaskFuture::outcome`] gives: the value, and how it came to be.
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
/// assert_eq!(outcome.value, 1);
/// assert!(outcome.summary.to_string().starts_with("0 hits, 1 computed in"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The value.
    pub value: T,
    /// The run in figures.
    pub summary: Summary,
    /// The tasks of the run, in the order in which their results were there. Those of runs inside tasks are not
    /// listed.
    pub tasks: Vec<TaskOutcome>,
    /// The nodes of the run.
    outline: Outline,
    /// The place of each task among them.
    places: Vec<u32>,
}

impl<T: Send + Sync + 'static> Outcome<T> {
    fn new(finished: Finished, cloner: &Cloner<T>) -> Result<Self, Error> {
        let Finished { value, summary, tasks, outline, places, .. } = finished;
        Ok(Self { value: cloner.own(value)?, summary, tasks, outline, places })
    }
}

impl<T> Outcome<T> {
    /// A picture of the graph, with what has become of each task.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache, name = "square")]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let first = square(3).outcome_in(&session)?;
    /// assert!(first.graph().dot().contains("square\\ncomputed"));
    /// let second = square(3).outcome_in(&session)?;
    /// assert!(second.graph().dot().contains("square\\nhit: saves "));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph(&self) -> Graph {
        let mut outcomes: Vec<Option<&TaskOutcome>> = vec![None; self.outline.names.len()];
        for (place, task) in self.places.iter().zip(&self.tasks) {
            outcomes[*place as usize] = Some(task);
        }
        let mut nodes = Vec::new();
        let mut shown = Vec::with_capacity(outcomes.len());
        for (name, outcome) in self.outline.names.iter().zip(outcomes) {
            let drawn = match (outcome, name) {
                (Some(outcome), _) => Some(outcome.drawn()),
                // What another run has made is there, and nothing is known of how.
                (None, Some(name)) => {
                    Some(Drawn { name, look: Appearance::Ready, detail: String::new() })
                }
                (None, None) => None,
            };
            shown.push(drawn.as_ref().map(|_| nodes.len() as u32));
            nodes.extend(drawn);
        }
        let (inline, edges) = contracted(&shown, &self.outline.edges, nodes.len());
        let look = Appearance::Inline;
        nodes.extend(inline.into_iter().map(|name| Drawn { name, look, detail: String::new() }));
        Graph::new(nodes, edges)
    }
}

/// A run under way: the future behind `.await`. Dropping it cancels the run; what has been computed stays cached.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// async fn greet(name: String) -> String {
///     format!("hello, {name}")
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), daglite::Error> {
///     assert_eq!(greet("graph").await?, "hello, graph");
///     Ok(())
/// }
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct TaskRun<T> {
    state: Result<RunFuture, Option<Error>>,
    cloner: Cloner<T>,
    value: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for TaskRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskRun")
    }
}

impl<T: Send + Sync + 'static> Future for TaskRun<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Ok(run) => match Pin::new(run).poll(cx) {
                Poll::Ready(finished) => {
                    Poll::Ready(finished.and_then(|finished| self.cloner.own(finished.value)))
                }
                Poll::Pending => Poll::Pending,
            },
            Err(error) => {
                Poll::Ready(Err(error.take().expect("a future is not polled after its end")))
            }
        }
    }
}

impl<T: Send + Sync + 'static> IntoFuture for TaskFuture<T> {
    type Output = Result<T, Error>;
    type IntoFuture = TaskRun<T>;

    fn into_future(self) -> TaskRun<T> {
        match Session::current() {
            Ok(session) => self.await_in(&session),
            Err(error) => {
                TaskRun { state: Err(Some(error)), cloner: self.cloner, value: PhantomData }
            }
        }
    }
}

/// Many futures as one: a tuple of two to twelve task futures becomes a task future of a tuple. They are computed in
/// parallel.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn text(n: u32) -> String {
///     n.to_string()
/// }
///
/// #[task]
/// fn twice(n: u32) -> u32 {
///     2 * n
/// }
///
/// let (text, number) = join((text(7), twice(7))).run()?;
/// assert_eq!((text.as_str(), number), ("7", 14));
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn join<J: Join>(futures: J) -> TaskFuture<J::Output> {
    futures.join()
}

/// A tuple of task futures, for [`join`].
///
/// ```
/// # use daglite::prelude::*;
/// # #[task]
/// # fn one() -> u8 { 1 }
/// use daglite::Join;
/// assert_eq!((one(), one()).join().run()?, (1, 1));
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`join` takes a tuple of two to twelve task futures",
    note = "for a list of futures of one type there is `join_all`"
)]
pub trait Join {
    /// The tuple of values.
    type Output;

    /// The futures as one.
    #[track_caller]
    fn join(self) -> TaskFuture<Self::Output>;
}

/// [`Join`] for tuples of one length.
macro_rules! join_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Send + Sync + 'static),+> Join for ($(TaskFuture<$name>,)+) {
            type Output = ($($name,)+);

            #[track_caller]
            fn join(self) -> TaskFuture<Self::Output> {
                let cloners = Arc::new(($(self.$index.cloner.clone(),)+));
                let own = Arc::clone(&cloners);
                let gather = Box::new(move |values: Vec<Value>| {
                    let mut values = values.into_iter();
                    Ok(Arc::new(($(own.$index.own(next_value(&mut values)?)?,)+)) as Value)
                });
                let sources = vec![$(self.$index.node),+];
                let composed = move |value: &Self::Output| {
                    Some(($(cloners.$index.clone_value(&value.$index)?,)+))
                };
                TaskFuture::from_op(Op::Join { sources, gather }, Cloner::Composed(Arc::new(composed)))
            }
        }
    };
}

join_tuple!(A 0, B 1);
join_tuple!(A 0, B 1, C 2);
join_tuple!(A 0, B 1, C 2, D 3);
join_tuple!(A 0, B 1, C 2, D 3, E 4);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// Calls `visit` with each operation of the graph of `root` that has not begun, once; it answers whether to go on to what
/// the operation needs.
fn each_op(root: &Arc<Node>, mut visit: impl FnMut(&mut Op) -> bool) {
    let mut nodes = vec![Arc::clone(root)];
    // Nodes that can be reached in many ways are looked at once.
    let mut seen = HashSet::new();
    while let Some(node) = nodes.pop() {
        if !seen.insert(Arc::as_ptr(&node)) {
            continue;
        }
        if let Slot::Idle(op) = &mut *node.slot.lock()
            && visit(op)
        {
            op.each_source(|source| nodes.push(Arc::clone(source)));
        }
    }
}

fn next_value(values: &mut impl Iterator<Item = Value>) -> Result<Value, Error> {
    values
        .next()
        .ok_or_else(|| Error::new(ErrorKind::Cancelled, "a joined value was lost: run again"))
}

/// Many futures of one type as one future of a list, in their order. They are computed in parallel.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// assert_eq!(join_all((1..=4).map(square)).run()?, [1, 4, 9, 16]);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn join_all<T: Send + Sync + 'static>(
    futures: impl IntoIterator<Item = TaskFuture<T>>,
) -> TaskFuture<Vec<T>> {
    let place = Location::caller();
    called_at(place, || join_all_at(place, futures))
}

/// [`join_all`], called at `place`.
fn join_all_at<T: Send + Sync + 'static>(
    place: &'static Location<'static>,
    futures: impl IntoIterator<Item = TaskFuture<T>>,
) -> TaskFuture<Vec<T>> {
    let mut cloner = Cloner::No;
    let sources = futures.into_iter().map(|future| {
        if matches!(cloner, Cloner::No) {
            cloner = future.cloner;
        }
        future.node
    });
    let sources: Vec<Arc<Node>> = sources.collect();
    let own = cloner.clone();
    let gather = Box::new(move |values: Vec<Value>| {
        let values: Result<Vec<T>, Error> =
            values.into_iter().map(|value| own.own(value)).collect();
        Ok(Arc::new(values?) as Value)
    });
    let composed =
        move |values: &Vec<T>| values.iter().map(|value| cloner.clone_value(value)).collect();
    let node = Node::new(Op::Join { sources, gather }, place);
    TaskFuture { node, cloner: Cloner::Composed(Arc::new(composed)), value: PhantomData }
}
