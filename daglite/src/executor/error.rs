//! `JobError`: why an executor has no result.

use std::error::Error as StdError;
use std::fmt;

use crate::error::BoxError;

/// Why an [`Executor`](super::Executor) has no result for a job. The [error](crate::Error) that users see is made of it.
///
/// ```
/// use daglite::executor::JobError;
///
/// let error = JobError::failed("no such station");
/// assert_eq!(error.to_string(), "failed: no such station");
/// assert_eq!(JobError::Panicked("at last".into()).to_string(), "panicked: at last");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum JobError {
    /// The body returned an error.
    #[non_exhaustive]
    Failed {
        /// What it returned; from another process a [`RemoteError`].
        error: BoxError,
        /// What the task's `retry_if` says of it; `None` if there is none.
        again: Option<bool>,
    },
    /// The body panicked, with this message.
    Panicked(String),
    /// What ran the body has ended under it, or has to be taken for dead; this says how, without the name of the task. Tried
    /// again if the task has `retries`.
    Crashed(String),
    /// The body has not been run, and will not be if it is tried again: the task is not known there, is another one there, or
    /// cannot be called with bytes. This says why, and what to do.
    Refused(String),
    /// It took longer than the job's timeout, and was ended.
    TimedOut,
    /// It was ended, or never begun, as nobody wants the result.
    Cancelled,
}

impl JobError {
    /// The body returned `error`.
    ///
    /// ```
    /// use daglite::executor::JobError;
    ///
    /// let error = JobError::failed(std::fmt::Error);
    /// assert!(matches!(error, JobError::Failed { again: None, .. }));
    /// ```
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed { error: error.into(), again: None }
    }

    /// The body returned `error`, and the task's `retry_if` says whether to try again.
    ///
    /// ```
    /// use daglite::executor::JobError;
    ///
    /// let error = JobError::judged("forbidden", false);
    /// assert!(matches!(error, JobError::Failed { again: Some(false), .. }));
    /// ```
    pub fn judged(error: impl Into<BoxError>, again: bool) -> Self {
        Self::Failed { error: error.into(), again: Some(again) }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, .. } => write!(f, "failed: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Crashed(how) | Self::Refused(how) => f.write_str(how),
            Self::TimedOut => f.write_str("took longer than its timeout"),
            Self::Cancelled => f.write_str("was cancelled, as nobody wants the result"),
        }
    }
}

impl StdError for JobError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed { error, .. } => Some(&**error),
            _ => None,
        }
    }
}

/// An error from another process: its text and those of its causes. Its type stays there, so
/// [`Error::downcast_ref`](crate::Error::downcast_ref) finds this one alone.
///
/// ```
/// use daglite::executor::RemoteError;
/// use std::error::Error;
///
/// let cause = "seven".parse::<u32>().unwrap_err();
/// let error = RemoteError::of(&daglite::executor::JobError::failed(cause));
/// assert_eq!(error.to_string(), "failed: invalid digit found in string");
/// assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    message: String,
    cause: Option<Box<RemoteError>>,
}

/// The most errors of a chain that are told.
const MOST_CAUSES: usize = 64;

/// The most bytes of a message that are told.
const MOST_BYTES: usize = 64 << 10;

impl RemoteError {
    /// The text of `error` and of its causes.
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error: &&(dyn StdError + 'static)| {
            StdError::source(*error)
        });
        let texts: Vec<String> =
            chain.take(MOST_CAUSES).map(|error| shortened(error.to_string())).collect();
        Self::from_texts(texts)
    }

    /// The error whose text comes first, and then those of its causes.
    ///
    /// ```
    /// use daglite::executor::RemoteError;
    ///
    /// let error = RemoteError::from_texts(["no weather", "connection refused"].map(String::from));
    /// assert_eq!(error.texts().collect::<Vec<_>>(), ["no weather", "connection refused"]);
    /// ```
    pub fn from_texts(texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts: Vec<String> = texts.into_iter().take(MOST_CAUSES).collect();
        let mut error = None;
        while texts.len() > 1 {
            let message = texts.pop().expect("there are some");
            error = Some(Box::new(Self { message, cause: error }));
        }
        Self { message: texts.pop().unwrap_or_default(), cause: error }
    }

    /// The text of the error, and then those of its causes.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let chain = std::iter::successors(Some(self), |error| error.cause.as_deref());
        chain.map(|error| error.message.as_str())
    }
}

/// `text`, cut if it is very long.
pub(super) fn shortened(mut text: String) -> String {
    if text.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for RemoteError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}
