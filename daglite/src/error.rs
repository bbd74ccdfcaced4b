//! `Error`: the one error type that users meet.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Anything that can fail, boxed.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of thing went wrong.
///
/// ```
/// use daglite::ErrorKind;
/// use daglite::prelude::*;
///
/// #[task]
/// fn fails() -> Result<u32, std::num::ParseIntError> {
///     "seven".parse::<u32>()
/// }
///
/// let error = fails().run().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Task);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A task returned an error of its own: see [`Error::downcast_ref`].
    Task,
    /// A task or a closure of the graph panicked.
    Panic,
    /// A checkpoint could not be saved or loaded.
    Checkpoint,
    /// A setting is wrong: in `daglite.toml`, in a `DAGLITE_*` variable or in a builder.
    Config,
    /// A store was asked for something that it cannot do.
    Store,
    /// A value could not be encoded or decoded.
    Format,
    /// A value had to be moved out while somebody else holds it, and its type is not `Clone`.
    Shared,
    /// A blocking call was made where only `.await` works.
    Blocking,
    /// The run that computed this value was dropped before it ended.
    Cancelled,
    /// A task waits for its own result.
    Recursion,
}

/// What a run, a store or a checkpoint reports when it fails.
///
/// Shows one line that says what to do; its [`source`](StdError::source) chain has the causes. The `Debug` form, which
/// `fn main() -> Result<(), daglite::Error>` prints, has the whole chain.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse::<u32>()
/// }
///
/// let error = parse("seven").run().unwrap_err();
/// assert!(error.task().unwrap().ends_with("parse"));
/// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    task: Option<&'static str>,
    location: Option<&'static Location<'static>>,
    source: Option<Arc<dyn StdError + Send + Sync + 'static>>,
}

impl Error {
    /// An error without a cause. `message` is in lower case, without a final dot, and says what to do.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Arc::new(Inner { kind, message, task: None, location: None, source: None }))
    }

    /// The same error with its cause.
    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.change(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// The same error with the task it happened in and the place where that task was called, unless it has them.
    pub(crate) fn in_task(self, task: &'static str, location: &'static Location<'static>) -> Self {
        self.change(|inner| {
            inner.task.get_or_insert(task);
            inner.location.get_or_insert(location);
        })
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The task that failed, as `module::path::name`, if it was in a task.
    pub fn task(&self) -> Option<&str> {
        self.0.task
    }

    /// Where the failed task was called, if it was in a task.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.location
    }

    /// The first cause of type `E` in the chain: the error that a task returned, say.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, task, location, .. } = &*self.0;
        match (task, location) {
            (Some(task), Some(at)) => {
                write!(f, "task `{task}` (called at {}:{}) {message}", at.file(), at.line())
            }
            _ => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.to_string();
        f.write_str(&told)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // A message that ends in its cause has told it.
            if !told.ends_with(&text) {
                write!(f, "\n  caused by: {text}")?;
            }
            told = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
