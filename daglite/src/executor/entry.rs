//! `TaskEntry`: a row of the table that the linker makes of all isolated tasks of the program.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use crate::digest::Digest;
use crate::registry::ValueFormats;
use crate::size::ByteSize;
use crate::task::{Body, Task, TaskSpec};

use super::JobError;

/// A task of this program that can be called with bytes.
///
/// All functions under `#[task(isolate)]` have one, those of packages that the program depends on too. Others have none: a row takes
/// the compiler a third of what a task takes. The bytes of
/// an argument or a result are [`Encoded`](crate::Encoded) by the type's formats.
///
/// ```
/// use daglite::executor::tasks;
/// use daglite::prelude::*;
/// use daglite::ValueFormats;
///
/// #[task(isolate)]
/// fn add(a: u64, b: u64) -> u64 {
///     a + b
/// }
///
/// let entry = tasks().find(|task| task.name().ends_with("::add")).unwrap();
/// assert_eq!(entry.parameters(), ["a", "b"]);
///
/// const NUMBER: ValueFormats = ValueFormats::serde::<u64>();
/// let registry = Registry::global();
/// let arguments = [NUMBER.encode(registry, &40_u64, None)?, NUMBER.encode(registry, &2_u64, None)?];
/// let sum = entry.call(&arguments).unwrap();
/// let sum = NUMBER.decode(registry, &sum.bytes, &sum.format, sum.shape)?;
/// assert_eq!(sum.downcast_ref::<u64>(), Some(&42));
/// # Ok::<(), daglite::Error>(())
/// ```
pub struct TaskEntry {
    spec: &'static TaskSpec,
    task: fn() -> &'static Task,
    arguments: fn(&mut ArgumentFormats),
}

/// How the arguments of a task become bytes, gathered by the code that the macro writes.
#[doc(hidden)]
#[derive(Debug)]
pub struct ArgumentFormats(Vec<ValueFormats>);

impl ArgumentFormats {
    /// Adds those of the next parameter.
    pub fn add(&mut self, formats: ValueFormats) {
        self.0.push(formats);
    }
}

inventory::collect!(TaskEntry);

impl TaskEntry {
    /// A row: what the macro writes.
    #[doc(hidden)]
    pub const fn new(
        spec: &'static TaskSpec,
        task: fn() -> &'static Task,
        arguments: fn(&mut ArgumentFormats),
    ) -> Self {
        Self { spec, task, arguments }
    }

    /// The name, as `module::path::function`, or what the option `name` says.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// What stands for the code and the place of the task: that of checkpoints and cache entries. It covers what the function reaches.
    pub fn fingerprint(&self) -> Digest {
        self.spec.digest()
    }

    /// The names of the parameters.
    pub fn parameters(&self) -> &'static [&'static str] {
        self.spec.params
    }

    /// Whether it is an `async fn`.
    pub fn is_async(&self) -> bool {
        matches!(self.task().body, Body::Async(_))
    }

    /// How much memory the process that runs it may have.
    pub(super) fn memory_limit(&self) -> Option<ByteSize> {
        self.spec.isolate.and_then(|isolate| isolate.memory).map(ByteSize::new)
    }

    /// For how many bodies it counts where so many may run at once.
    pub(super) fn weight_of(&self, places: usize) -> usize {
        self.spec.weight_of(places)
    }

    /// The task with its types.
    pub(crate) fn task(&self) -> &'static Task {
        (self.task)()
    }

    /// How its arguments become bytes.
    pub(super) fn arguments(&self) -> Vec<ValueFormats> {
        let mut formats = ArgumentFormats(Vec::with_capacity(self.parameters().len()));
        (self.arguments)(&mut formats);
        formats.0
    }

    /// The row of a task.
    pub(crate) fn of(task: &'static Task) -> Option<&'static Self> {
        static ROWS: LazyLock<HashMap<usize, &'static TaskEntry>> = LazyLock::new(|| {
            tasks().map(|entry| (std::ptr::from_ref(entry.spec).addr(), entry)).collect()
        });
        ROWS.get(&std::ptr::from_ref(task.spec).addr()).copied()
    }

    /// The task of this program that has the name and the fingerprint.
    ///
    /// # Errors
    ///
    /// [`JobError::Refused`], if there is no such task, one of another fingerprint, or several.
    ///
    /// ```
    /// use daglite::executor::{TaskEntry, tasks};
    /// use daglite::prelude::*;
    ///
    /// #[task(isolate)]
    /// fn add(a: u64, b: u64) -> u64 {
    ///     a + b
    /// }
    ///
    /// let entry = tasks().find(|task| task.name().ends_with("::add")).unwrap();
    /// let again = TaskEntry::find(entry.name(), Some(entry.fingerprint())).unwrap();
    /// assert_eq!(again.name(), entry.name());
    ///
    /// let other = daglite::Digest::of_bytes(b"another program");
    /// assert!(TaskEntry::find(entry.name(), Some(other)).is_err());
    /// ```
    pub fn find(name: &str, fingerprint: Option<Digest>) -> Result<&'static Self, JobError> {
        let named: Vec<&'static Self> = tasks().filter(|entry| entry.name() == name).collect();
        let known = named.len();
        let right = |entry: &&Self| fingerprint.is_none_or(|wanted| entry.fingerprint() == wanted);
        let mut found = named.into_iter().filter(right);
        let refused = |why: String| Err(JobError::Refused(why));
        match (found.next(), found.next(), fingerprint) {
            (Some(entry), None, _) => Ok(entry),
            (Some(_), Some(_), None) => refused(format!(
                "there are {known} tasks `{name}`: say which one by its fingerprint, or give them names with the option `name`"
            )),
            (Some(_), Some(_), Some(_)) => refused(format!(
                "there are several tasks `{name}` with the same code: give them names with the option `name`"
            )),
            (None, _, Some(wanted)) if known > 0 => refused(format!(
                "the task `{name}` has another fingerprint here than {wanted}: use the same program on both sides"
            )),
            (None, ..) => refused(format!(
                "this program has no task `{name}`: use the same program on both sides"
            )),
        }
    }
}

impl fmt::Debug for TaskEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskEntry")
            .field("name", &self.name())
            .field("fingerprint", &self.fingerprint())
            .field("parameters", &self.parameters())
            .finish_non_exhaustive()
    }
}

/// All isolated tasks of the program, in no order. Two of the same name are both there.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(isolate)]
/// fn add(a: u64, b: u64) -> u64 {
///     a + b
/// }
///
/// assert!(daglite::executor::tasks().any(|task| task.name().ends_with("::add")));
/// ```
pub fn tasks() -> impl Iterator<Item = &'static TaskEntry> {
    inventory::iter::<TaskEntry>.into_iter()
}
