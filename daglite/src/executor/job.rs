//! `Job`: what an executor is handed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::digest::Digest;
use crate::registry::{Encoded, Registry};
use crate::size::ByteSize;
use crate::task::Value;

use super::call::caught;
use super::{JobError, TaskEntry};

/// One run of a body: which task, with which arguments, and within which limits.
///
/// The arguments are values until they are asked for, so that a job that waits holds no second copy of them.
pub struct Job {
    pub(super) entry: &'static TaskEntry,
    pub(crate) values: Vec<Value>,
    pub(crate) registry: Registry,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt: u32,
    pub(crate) key: Option<Digest>,
    pub(crate) notes: Arc<JobNotes>,
}

/// What is known of a job besides its result.
#[derive(Default)]
pub(crate) struct JobNotes {
    /// Tells that the body begins, until that is told.
    begin: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// How long it ran, and the names of the states that it has saved.
    end: Mutex<(Option<Duration>, Vec<String>)>,
}

impl JobNotes {
    /// Has `tell` called when the body begins.
    pub(crate) fn on_begin(&self, tell: impl FnOnce() + Send + 'static) {
        *self.begin.lock() = Some(Box::new(tell));
    }

    /// Tells that the body begins, if nobody has.
    pub(crate) fn begin(&self) {
        let tell = self.begin.lock().take();
        if let Some(tell) = tell {
            tell();
        }
    }

    /// Notes how long the body ran, and the names of the states that it has saved.
    #[cfg(unix)]
    pub(super) fn set(&self, took: Duration, states: Vec<String>) {
        *self.end.lock() = (Some(took), states);
    }

    /// Takes what was noted at the end.
    pub(crate) fn take(&self) -> (Option<Duration>, Vec<String>) {
        std::mem::take(&mut *self.end.lock())
    }
}

impl Job {
    /// A job of the task of `entry`.
    pub(crate) fn new(entry: &'static TaskEntry, values: Vec<Value>, registry: Registry) -> Self {
        let (timeout, attempt, key, notes) = (None, 1, None, Arc::default());
        Self { entry, values, registry, timeout, attempt, key, notes }
    }

    /// The task.
    pub fn task(&self) -> &'static TaskEntry {
        self.entry
    }

    /// The name of the task.
    pub fn name(&self) -> &'static str {
        self.entry.name()
    }

    /// The fingerprint of the task: where the body runs, it has to be the same.
    pub fn fingerprint(&self) -> Digest {
        self.entry.fingerprint()
    }

    /// The arguments as bytes, in the formats that are the default in the session. Best asked for when somebody is there to take
    /// them, as they may be large.
    ///
    /// # Errors
    ///
    /// [`JobError::Refused`] if an argument cannot be encoded.
    pub fn arguments(&self) -> Result<Vec<Encoded>, JobError> {
        let name = self.name();
        let formats = self.entry.arguments();
        let arguments = self.values.iter().zip(&formats).enumerate();
        let encoded = arguments.map(|(at, (value, formats))| {
            let parameter = self.entry.parameters()[at];
            match caught(|| formats.encode(&self.registry, &**value, None)) {
                Ok(Ok(encoded)) => Ok(encoded),
                Ok(Err(error)) => Err(JobError::Refused(format!(
                    "argument `{parameter}` of `{name}` cannot be sent: {error}"
                ))),
                Err(panic) => Err(JobError::Refused(format!(
                    "argument `{parameter}` of `{name}` cannot be sent, as encoding it panicked: {panic}"
                ))),
            }
        });
        encoded.collect()
    }

    /// Says that the body begins now, so that observers are told ([`Event::Started`](crate::Event::Started)). If nobody says so, they
    /// are told at the end.
    pub fn begin(&self) {
        self.notes.begin();
    }

    /// How long the body may run.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// How much memory the process that runs the body may have: what the option `isolate_memory` says.
    pub fn memory_limit(&self) -> Option<ByteSize> {
        self.entry.memory_limit()
    }

    /// For how many bodies it counts where `places` may run at once, at most all of them: what the option `weight` says.
    pub fn weight_of(&self, places: usize) -> usize {
        self.entry.weight_of(places)
    }

    /// Which attempt it is, from 1 on: more than one only with `retries`.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The cache key that the result is for, if it is for one.
    pub fn key(&self) -> Option<Digest> {
        self.key
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("name", &self.name())
            .field("attempt", &self.attempt)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
