//! `StoreError`: why a store could not answer.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

use crate::error::{BoxError, Error, ErrorKind};

/// A store could not do what it was asked for.
///
/// Its message names the place and what to do about it.
///
/// ```
/// use daglite::store::StoreError;
///
/// let error = StoreError::new("the bucket `results` refuses the key: check the credentials");
/// assert_eq!(error.to_string(), "the bucket `results` refuses the key: check the credentials");
/// assert_eq!(daglite::Error::from(error).kind(), daglite::ErrorKind::Store);
/// ```
#[derive(Debug)]
pub struct StoreError {
    message: String,
    source: Option<BoxError>,
}

impl StoreError {
    /// An error without a cause. `message` is in lower case, without a final dot, and says what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// The same error with its cause.
    ///
    /// ```
    /// # use daglite::store::StoreError;
    /// let cause = std::io::Error::other("connection reset");
    /// let error = StoreError::new("cannot reach the cache at cache.example: try again later").with_source(cause);
    /// assert!(std::error::Error::source(&error).is_some());
    /// ```
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The operating system refused to `act` on `path`.
    pub(crate) fn io(act: &str, path: &Path, cause: io::Error) -> Self {
        let advice = advice(&cause);
        Self::new(format!("cannot {act} `{}`: {advice}", path.display())).with_source(cause)
    }

    /// The error that users meet, of the given kind.
    pub(crate) fn into_error(self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, self.message);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

/// What a person can do about `cause`.
fn advice(cause: &io::Error) -> String {
    use io::ErrorKind as Kind;
    match cause.kind() {
        Kind::PermissionDenied => {
            "permission denied: make it accessible, or choose another folder".to_owned()
        }
        Kind::ReadOnlyFilesystem => {
            "the file system is read-only: choose another folder".to_owned()
        }
        Kind::StorageFull | Kind::QuotaExceeded => {
            "no space is left: free some, or choose a folder on another disk".to_owned()
        }
        Kind::NotADirectory | Kind::AlreadyExists => {
            "a file is in the way where a folder belongs: remove it, or choose another folder"
                .to_owned()
        }
        Kind::InvalidFilename => {
            "the path is not a valid one here: choose a shorter or simpler folder".to_owned()
        }
        _ => format!("{cause}: check that the folder and its disk are in order"),
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        error.into_error(ErrorKind::Store)
    }
}
