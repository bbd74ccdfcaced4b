//! What happens in a run, told to whoever wants to know.
//!
//! Read in this order: this file (`Event`), `miss` (the reasons of misses), `summary` (a run in figures), `observer` (who is
//! told, and what with an event), `audience` (how it is told without anybody being held up).

mod audience;
mod miss;
mod observer;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::Error;

pub(crate) use audience::{AtPlace, Audience, complain, current_call, place};
pub use miss::{Change, ItemChange, MissReason};
pub use observer::{Interest, Moment, Observer};
pub(crate) use summary::Short;
pub use summary::Summary;

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
    /// A run begins; its graph had this many nodes to settle. Not told of runs inside of tasks: what happens there belongs to the
    /// run around them.
    RunStarted {
        /// Nodes that were not settled yet.
        nodes: usize,
    },
    /// A call of a task has come into a run, which will see to it: before anything else of that call, once for each run. Calls
    /// that a closure of `and_then` or `map_each` makes come later than the others, when it was called.
    Queued {
        /// The task.
        task: &'static str,
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
    /// A limit that the task names has no room: this node waits for it. Told once a wait.
    WaitingForLimit {
        /// The task.
        task: &'static str,
        /// The limits that it names, which it takes together.
        limits: &'static [&'static str],
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
    /// The body of a task has failed, panicked or taken too long, and is run again after a pause, which begins now. The body
    /// of the next attempt is [`Started`](Self::Started) again.
    Retried {
        /// The task.
        task: &'static str,
        /// The attempt that failed, from 1 on.
        attempt: u32,
        /// How many retries the call has in all.
        retries: u32,
        /// How long the pause is.
        delay: Duration,
        /// What went wrong.
        error: Error,
    },
    /// The time of a body is over. What comes of that is told next: it is [`Retried`](Self::Retried), or has
    /// [`Failed`](Self::Failed).
    TimedOut {
        /// The task.
        task: &'static str,
        /// The attempt, from 1 on.
        attempt: u32,
        /// How long it was allowed to take.
        limit: Duration,
        /// Whether the body is still at work: a sync one, which nothing can stop. An `async` one has been dropped.
        still_running: bool,
    },
    /// A sync body that had timed out has ended at last, after [`TimedOut`](Self::TimedOut). Its result is thrown away. Its
    /// run may be long over; nothing is told if its process ends first.
    AbandonedEnded {
        /// The task.
        task: &'static str,
        /// How long the body ran.
        took: Duration,
    },
    /// The body of an `async` task was dropped before its end, as its run was dropped or cancelled, and no other run waits for it.
    Cancelled {
        /// The task.
        task: &'static str,
    },
    /// The body of a task has failed, panicked or taken too long, and is not run again.
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
    /// The cache store has removed entries to stay within its limits, or because they had expired. Told when a run begins and at
    /// its end, of all that went since it was told last.
    Evicted {
        /// How many entries.
        entries: u64,
        /// About how many bytes they had.
        bytes: u64,
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
    /// So many events were not told to this observer, as it was too slow: those before this one.
    Missed {
        /// How many.
        events: u64,
    },
    /// A run has ended, with a value or with a failure. All that was told before belongs to it or to a run at the same time.
    RunFinished {
        /// What happened in it.
        summary: Summary,
    },
    /// A run was dropped before it had its result, or cancelled with all others of its session: told in place of `RunFinished`. A sync
    /// body that is at work goes on to its end, and is told of as ever: after this, if the run was dropped.
    RunCancelled {
        /// What had happened in it.
        summary: Summary,
    },
}

impl Event {
    /// The name of the variant in small letters: what logs call it.
    ///
    /// ```
    /// use daglite::Event;
    ///
    /// assert_eq!(Event::Started { task: "load" }.name(), "started");
    /// assert_eq!(Event::RunStarted { nodes: 3 }.name(), "run_started");
    /// ```
    pub fn name(&self) -> &'static str {
        self.facts().0
    }

    /// How much an observer has to want to be told of it.
    ///
    /// ```
    /// use daglite::{Event, Interest};
    ///
    /// assert_eq!(Event::Started { task: "load" }.interest(), Interest::Tasks);
    /// assert_eq!(Event::Warning { message: String::new() }.interest(), Interest::Warnings);
    /// ```
    pub fn interest(&self) -> Interest {
        self.facts().1
    }

    /// The task that it is about, if it is about one.
    ///
    /// ```
    /// use daglite::Event;
    ///
    /// assert_eq!(Event::Started { task: "load" }.task(), Some("load"));
    /// assert_eq!(Event::RunStarted { nodes: 3 }.task(), None);
    /// ```
    pub fn task(&self) -> Option<&'static str> {
        self.facts().2
    }

    /// Name, interest and task: one place where a new variant has to say all three.
    fn facts(&self) -> (&'static str, Interest, Option<&'static str>) {
        use Interest::{Runs, Tasks, Warnings};
        match self {
            Self::RunStarted { .. } => ("run_started", Runs, None),
            Self::Queued { task } => ("queued", Tasks, Some(task)),
            Self::Hit { task, .. } => ("hit", Tasks, Some(task)),
            Self::Miss { task, .. } => ("miss", Tasks, Some(task)),
            Self::ExcludedDiffers { task, .. } => ("excluded_differs", Warnings, Some(task)),
            Self::Sampled { task, .. } => ("sampled", Warnings, Some(task)),
            Self::Waiting { task, .. } => ("waiting", Tasks, Some(task)),
            Self::WaitingForProcess { task, .. } => ("waiting_for_process", Tasks, Some(task)),
            Self::WaitingForLimit { task, .. } => ("waiting_for_limit", Tasks, Some(task)),
            Self::Started { task } => ("started", Tasks, Some(task)),
            Self::Computed { task, .. } => ("computed", Tasks, Some(task)),
            Self::Cancelled { task } => ("cancelled", Tasks, Some(task)),
            Self::Retried { task, .. } => ("retried", Tasks, Some(task)),
            Self::TimedOut { task, .. } => ("timed_out", Tasks, Some(task)),
            Self::AbandonedEnded { task, .. } => ("abandoned_ended", Tasks, Some(task)),
            Self::Failed { task, .. } => ("failed", Tasks, Some(task)),
            Self::Stored { task, .. } => ("stored", Tasks, Some(task)),
            Self::Refused { task, .. } => ("refused", Runs, Some(task)),
            Self::Evicted { .. } => ("evicted", Runs, None),
            Self::InputChanged { task, .. } => ("input_changed", Runs, Some(task)),
            Self::Loaded { task, .. } => ("loaded", Tasks, Some(task)),
            Self::CheckpointSaved { .. } => ("checkpoint_saved", Runs, None),
            Self::CheckpointUnchanged { .. } => ("checkpoint_unchanged", Runs, None),
            Self::Resumed { .. } => ("resumed", Runs, None),
            Self::AlsoPanicked { .. } => ("also_panicked", Warnings, None),
            Self::Warning { .. } => ("warning", Warnings, None),
            Self::Missed { .. } => ("missed", Warnings, None),
            Self::RunFinished { .. } => ("run_finished", Runs, None),
            Self::RunCancelled { .. } => ("run_cancelled", Runs, None),
        }
    }
}
