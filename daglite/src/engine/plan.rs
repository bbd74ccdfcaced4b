//! `Plan`: what a run would do, and how that is shown.

use std::fmt;
use std::time::Duration;

use crate::digest::Digest;
use crate::event::{MissReason, Short};
use crate::graph::{Appearance, Drawn, Graph};

/// What a run would do: each task of the graph, those first that others need.
///
/// Displays as a table: how many tasks of each kind, and then a line for each. Neighbours that are alike share a line.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(cache, name = "load")]
/// fn load(rows: u64) -> Vec<u64> {
///     (0..rows).collect()
/// }
///
/// #[task(cache, name = "total")]
/// fn total(rows: &[u64]) -> u64 {
///     rows.iter().sum()
/// }
///
/// let session = Session::builder().cache(MemoryStore::new()).build()?;
/// load(10).run_in(&session)?;
/// let plan = load(10).then(total).plan_in(&session)?;
/// assert_eq!((plan.nodes.len(), plan.hits()), (2, 1));
/// let plan = load(20).then(total).plan_in(&session)?;
/// assert_eq!(
///     plan.to_string(),
///     "2 tasks: 1 to compute, 1 unknown\n\
///      compute  load   argument `rows` changed from 10 to 20\n\
///      unknown  total  depends on the result of `load`\n"
/// );
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The tasks, each after those whose results it takes.
    pub nodes: Vec<PlannedNode>,
    /// What is drawn beside them, numbered after them.
    pub(super) inline: Vec<&'static str>,
    /// From what makes a result to what takes it, by number.
    pub(super) edges: Vec<(u32, u32)>,
    /// How long it may take.
    pub(super) estimate: Estimate,
}

/// How long a run may take, by what the cache has recorded of its tasks. Displays as a few words.
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
/// let never = square(3).plan_in(&session)?;
/// assert_eq!(never.estimate().to_string(), "no time is known of 1 task");
/// square(3).run_in(&session)?;
/// let known = square(4).plan_in(&session)?;
/// assert_eq!((known.estimate().untimed, known.nodes[0].expected.is_some()), (0, true));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The time with the session's threads and limits, if each task takes as long as it usually does and starts as early as it can: a
    /// heavy one when as many threads are free as it weighs. Nothing is added for tasks of which no time is known, nor for reading and
    /// writing results.
    pub time: Duration,
    /// How many tasks there are that would run, and of which no time is known: they are not cached, or have no entry yet.
    pub untimed: usize,
    /// Whether some tasks may turn out to be hits: then it takes so long at most.
    pub depends: bool,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, untimed, depends } = *self;
        let unit = if untimed == 1 { "task" } else { "tasks" };
        match (time, untimed) {
            (Duration::ZERO, 0) => f.write_str("nothing to compute"),
            (Duration::ZERO, _) => write!(f, "no time is known of {untimed} {unit}"),
            (_, 0) => write!(f, "{} {}", if depends { "up to" } else { "about" }, Short(time)),
            _ => {
                write!(f, "{} and the time of {untimed} {unit} of which none is known", Short(time))
            }
        }
    }
}

/// A task in a [`Plan`].
///
/// ```
/// use daglite::prelude::*;
/// use daglite::PlannedState;
///
/// #[task]
/// fn one() -> u8 {
///     1
/// }
///
/// assert_eq!(one().plan()?.nodes[0].state, PlannedState::WouldRun);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedNode {
    /// The task, as `module::path::name`; `and_then`, `map_each`, `fold` or `reduce` for what makes more tasks once it
    /// sees a value.
    pub task: &'static str,
    /// Its cache key, if that can be told already.
    pub key: Option<Digest>,
    /// What would become of it.
    pub state: PlannedState,
    /// How long its body may run: the usual time of its task, by the last entries in the cache; zero if it would not run, `None` if
    /// no time is known.
    pub expected: Option<Duration>,
}

/// What would become of a task.
///
/// ```
/// use daglite::{MissReason, PlannedState};
///
/// let state = PlannedState::WouldCompute(MissReason::Expired);
/// assert_eq!(state.to_string(), "the entry has expired");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlannedState {
    /// An earlier run of this graph has its result already.
    Ready,
    /// Another run of this graph is at it.
    Running,
    /// It has failed in an earlier run, with this message.
    Failed(String),
    /// The cache has its result.
    WouldHit {
        /// The computing time that this saves.
        saved: Duration,
    },
    /// A checkpoint stands for it, and nothing above it would run.
    WouldResume {
        /// The checkpoint, as `name@version`.
        checkpoint: String,
    },
    /// It is cached, and would have to be computed.
    WouldCompute(MissReason),
    /// It is not cached, so it would be computed.
    WouldRun,
    /// That depends on what a task gives that has to be computed first: equal results leave what follows a hit.
    Unknown {
        /// That task.
        after: &'static str,
    },
}

impl PlannedState {
    /// The word for it.
    fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Failed(_) => "failed",
            Self::WouldHit { .. } => "hit",
            Self::WouldResume { .. } => "resume",
            Self::WouldCompute(_) | Self::WouldRun => "compute",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl PlannedState {
    /// How it is drawn.
    fn appearance(&self) -> Appearance {
        match self {
            Self::Ready => Appearance::Ready,
            Self::Running => Appearance::Running,
            Self::Failed(_) => Appearance::Failed,
            Self::WouldHit { .. } => Appearance::Hit,
            Self::WouldResume { .. } => Appearance::Resumed,
            Self::WouldCompute(_) | Self::WouldRun => Appearance::Compute,
            Self::Unknown { .. } => Appearance::Unknown,
        }
    }

    /// What a picture says of it.
    fn detail(&self) -> String {
        match self {
            Self::Ready | Self::Running => String::new(),
            Self::WouldResume { checkpoint } => format!("from {checkpoint}"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for PlannedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("an earlier run has the result"),
            Self::Running => f.write_str("another run is at it"),
            Self::Failed(message) => f.write_str(message),
            Self::WouldHit { saved } => write!(f, "saves {}", Short(*saved)),
            Self::WouldResume { checkpoint } => write!(f, "goes on from `{checkpoint}`"),
            Self::WouldCompute(reason) => write!(f, "{reason}"),
            Self::WouldRun => f.write_str("not cached"),
            Self::Unknown { after } => write!(f, "depends on the result of `{after}`"),
        }
    }
}

impl Plan {
    /// How many tasks the cache would answer.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert_eq!(one().plan()?.hits(), 0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn hits(&self) -> usize {
        self.count("hit")
    }

    /// How long a run may take.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert_eq!(one().plan()?.estimate().to_string(), "no time is known of 1 task");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn estimate(&self) -> Estimate {
        self.estimate
    }

    /// A picture of the graph, with what would become of each task.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert!(one().plan()?.graph().mermaid().contains("one"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph(&self) -> Graph {
        let tasks = self.nodes.iter().map(|node| Drawn {
            name: node.task,
            look: node.state.appearance(),
            detail: node.state.detail(),
        });
        let inline = self.inline.iter().map(|name| Drawn {
            name,
            look: Appearance::Inline,
            detail: String::new(),
        });
        Graph::new(tasks.chain(inline).collect(), self.edges.clone())
    }

    /// How many tasks are in the state of this word.
    fn count(&self, word: &str) -> usize {
        self.nodes.iter().filter(|node| node.state.word() == word).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.nodes.len();
        write!(f, "{tasks} {}", if tasks == 1 { "task" } else { "tasks" })?;
        let kinds = [
            ("ready", "ready"),
            ("hit", if self.hits() == 1 { "hit" } else { "hits" }),
            ("resume", "resumed"),
            ("running", "running"),
            ("compute", "to compute"),
            ("unknown", "unknown"),
            ("failed", "failed"),
        ];
        let there = kinds.iter().filter(|(word, _)| self.count(word) > 0);
        for (at, (word, text)) in there.enumerate() {
            let separator = if at == 0 { ": " } else { ", " };
            write!(f, "{separator}{} {text}", self.count(word))?;
        }
        // Who has to wait less than a second need not be told how long.
        if self.estimate.time >= Duration::from_secs(1) {
            write!(f, "; {}", self.estimate)?;
        }
        writeln!(f)?;
        let longest = self.nodes.iter().map(|node| node.task.chars().count()).max().unwrap_or(0);
        for alike in self.nodes.chunk_by(|a, b| (a.task, &a.state) == (b.task, &b.state)) {
            let PlannedNode { task, state, .. } = &alike[0];
            write!(f, "{:<7}  {task:<longest$}  {state}", state.word())?;
            match alike.len() {
                1 => writeln!(f)?,
                many => writeln!(f, " (× {many})")?,
            }
        }
        Ok(())
    }
}
