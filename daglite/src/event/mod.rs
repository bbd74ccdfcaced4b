//! What happens in a run, told to whoever wants to know; `miss` has the reasons of misses.

mod miss;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::Error;

pub use miss::{Change, ItemChange, MissReason};

/// Something that happened in a run. Each variant says when it is told.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::Event;
/// use std::sync::{Arc, Mutex};
///
/// #[task(cache)]
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let seen = Arc::clone(&log);
/// let session = Session::builder()
///     .cache(MemoryStore::new())
///     .observe(move |event: &Event| {
///         if let Event::Miss { reason, .. } = event {
///             seen.lock().unwrap().push(reason.to_string());
///         }
///     })
///     .build()?;
/// assert_eq!(double(21).run_in(&session)?, 42);
/// assert_eq!(*log.lock().unwrap(), ["no entry yet"]);
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A run begins; its graph had this many nodes to settle.
    RunStarted {
        /// Nodes that were not settled yet.
        nodes: usize,
    },
    /// A cached task's key was found in the cache. Its value has not been read.
    Hit {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// How long the computation took that this hit saves.
        saved: Duration,
    },
    /// A cached task has to be computed.
    Miss {
        /// The task.
        task: &'static str,
        /// The cache key; `None` if none could be made.
        key: Option<Digest>,
        /// Why.
        reason: MissReason,
    },
    /// A hit's excluded argument differs from that of the call that computed the result. Told if the session
    /// [asks for it](crate::SessionBuilder::warn_excluded).
    ExcludedDiffers {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The parameter that `cache_exclude` names.
        parameter: &'static str,
        /// The value then, cut short; empty if it is not known.
        from: String,
        /// The value now.
        to: String,
    },
    /// Of an argument of more than 1 GiB in one piece only a sample went into the key, though nobody has asked for that: a
    /// change may go unnoticed. Told once a session for each parameter.
    Sampled {
        /// The task.
        task: &'static str,
        /// The parameter; `cache_hash` if it is what that function returned.
        parameter: &'static str,
        /// The bytes of the largest piece.
        size: u64,
        /// What to write to have every byte read, or to say that a sample will do.
        remedy: String,
    },
    /// Another run, or another node of this one, is computing the same key: this node waits for it.
    Waiting {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
    },
    /// Another process that shares the cache store is computing the key: this node waits for it. Told once a wait.
    WaitingForProcess {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The number of that process, if it is known.
        process: Option<u32>,
    },
    /// The body of a task is about to run.
    Started {
        /// The task.
        task: &'static str,
    },
    /// The body of a task has returned a result.
    Computed {
        /// The task.
        task: &'static str,
        /// How long the body ran.
        took: Duration,
    },
    /// The body of a task has failed or panicked.
    Failed {
        /// The task.
        task: &'static str,
        /// The error that the run will report.
        error: Error,
    },
    /// A result is in the cache store.
    Stored {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The digest of the artifact.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// The cache store's limits do not allow a result, for example because it is larger than the whole cache: it is
    /// used, and computed again next time.
    Refused {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The size of the artifact in bytes.
        size: u64,
        /// Why, and what to do about it.
        reason: String,
    },
    /// A file or folder that is in the key of a computed task has changed since it was hashed, so that the body may have
    /// read it before or after: the result is used, and not cached.
    InputChanged {
        /// The task.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The file or folder.
        path: PathBuf,
    },
    /// A value was read from the cache store and decoded, because somebody needed it. Not told of a value that was
    /// still in memory.
    Loaded {
        /// The task that once made it.
        task: &'static str,
        /// The cache key.
        key: Digest,
        /// The size of the artifact in bytes.
        size: u64,
    },
    /// A checkpoint has a new version.
    CheckpointSaved {
        /// Its name.
        name: String,
        /// The new version.
        version: String,
    },
    /// A checkpoint's value is that of its latest version: no version was added.
    CheckpointUnchanged {
        /// Its name.
        name: String,
        /// The latest version.
        version: String,
    },
    /// A checkpoint's version stands for its value: nothing above it runs.
    Resumed {
        /// Its name.
        name: String,
        /// The version.
        version: String,
        /// What differs from today's code, a sentence each.
        differs: Vec<String>,
    },
    /// The closure of an `.also(…)` panicked; the run goes on.
    AlsoPanicked {
        /// The message of the panic.
        message: String,
    },
    /// The run goes on, but not as was asked: something could not be stored, read or hashed.
    Warning {
        /// One sentence.
        message: String,
    },
    /// A run has ended.
    RunFinished {
        /// What happened in it.
        summary: Summary,
    },
}

/// The run in figures. Displays as one line.
///
/// ```
/// use daglite::Summary;
/// use std::time::Duration;
///
/// let summary = Summary {
///     hits: 3,
///     computed: 1,
///     took: Duration::from_millis(120),
///     saved: Duration::from_secs(4),
///     ..Summary::default()
/// };
/// assert_eq!(summary.to_string(), "3 hits, 1 computed in 120 ms (4.00 s saved)");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cached tasks answered from the cache.
    pub hits: u64,
    /// Tasks whose body ran, cached or not.
    pub computed: u64,
    /// Cached tasks among the computed ones.
    pub misses: u64,
    /// Checkpoints from which the run went on.
    pub resumed: u64,
    /// Wall-clock time of the run.
    pub took: Duration,
    /// The computing time that the hits saved.
    pub saved: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hits = if self.hits == 1 { "hit" } else { "hits" };
        write!(f, "{} {hits}, ", self.hits)?;
        if self.resumed > 0 {
            write!(f, "{} resumed, ", self.resumed)?;
        }
        write!(f, "{} computed in {}", self.computed, Short(self.took))?;
        if self.hits > 0 {
            write!(f, " ({} saved)", Short(self.saved))?;
        }
        Ok(())
    }
}

/// A duration with three digits and a unit.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match seconds {
            s if s < 1e-3 => (s * 1e6, "µs"),
            s if s < 1.0 => (s * 1e3, "ms"),
            s if s < 120.0 => (s, "s"),
            s if s < 7200.0 => (s / 60.0, "min"),
            s => (s / 3600.0, "h"),
        };
        let decimals = match value {
            v if v < 10.0 => 2,
            v if v < 100.0 => 1,
            _ => 0,
        };
        write!(f, "{value:.decimals$} {unit}")
    }
}

/// Whoever is told the events of a run. A closure `Fn(&Event)` is one.
///
/// # Contract
///
/// `event` is called on the thread on which the thing happened, between other work of the run: be quick. A panic
/// in it is caught and ignored.
///
/// ```
/// use daglite::{Event, Observer};
///
/// struct Quiet;
/// impl Observer for Quiet {
///     fn event(&self, _: &Event) {}
/// }
/// let session = daglite::Session::builder().observe(Quiet).build()?;
/// # Ok::<(), daglite::Error>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event);

    /// Whether it makes use of the reasons of misses. If no observer does, nobody looks for what has changed: a task that
    /// the store has no entry for is a [`MissReason::NoEntry`] then.
    ///
    /// ```
    /// use daglite::{Observer, Progress};
    ///
    /// assert!(!Progress::stderr().wants_reasons());
    /// assert!(Progress::stderr().each_task().wants_reasons());
    /// ```
    fn wants_reasons(&self) -> bool {
        true
    }

    /// Whether it makes use of what tells the course of each single call: [`Event::Started`], [`Event::Computed`],
    /// [`Event::Hit`], [`Event::Miss`], [`Event::Loaded`] and [`Event::Stored`]. If it does not, it is told all else, and a
    /// run of a million small calls is not held up by a million events.
    ///
    /// ```
    /// use daglite::{Observer, Progress};
    ///
    /// assert!(!Progress::warnings().wants_tasks());
    /// assert!(Progress::stderr().each_task().wants_tasks());
    /// ```
    fn wants_tasks(&self) -> bool {
        true
    }

    /// Whether it makes use of [`Event::RunStarted`] and [`Event::RunFinished`]. If no observer of a session wants either
    /// runs or tasks, a lone call whose result is in memory needs no run, and has no such events.
    ///
    /// ```
    /// use daglite::{Observer, Progress};
    ///
    /// assert!(!Progress::warnings().wants_runs());
    /// assert!(Progress::stderr().wants_runs());
    /// ```
    fn wants_runs(&self) -> bool {
        true
    }
}

impl<F: Fn(&Event) + Send + Sync + 'static> Observer for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}
