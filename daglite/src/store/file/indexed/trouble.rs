//! `Trouble`: why the index could not answer, told apart by what is to be done about it.

use std::io;
use std::path::Path;

use rusqlite::{Error as SqliteError, ErrorCode};

use super::super::super::error::StoreError;

/// Why the index could not answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is damaged: move it aside.
    Damaged(String),
    /// A newer daglite wrote it: leave it alone.
    Newer(i64),
    /// Processes cannot share an index on this file system.
    NotShareable,
    /// SQLite or the operating system refused.
    Refused(SqliteError),
    /// Something else of the store failed.
    Store(StoreError),
}

impl Trouble {
    /// A damage that was noticed here and not by SQLite.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// Whether another process is in the way.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(error) if is_busy(error))
    }

    /// The error for users, of the index at `path`.
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Damaged(what) => StoreError::new(format!(
                "the index `{}` is damaged ({what}): delete the cache folder",
                path.display()
            )),
            Self::Newer(version) => StoreError::new(format!(
                "the index `{}` has version {version}, and this daglite knows version {}: update daglite, or name \
                 another folder",
                path.display(),
                super::schema::VERSION
            )),
            Self::NotShareable => StoreError::new(format!(
                "processes cannot share the index `{}` on this file system: choose a folder on a local disk",
                path.display()
            )),
            Self::Refused(cause) if is_busy(&cause) => StoreError::new(format!(
                "another process has kept the index `{}` locked for too long: end it if it is stuck",
                path.display()
            ))
            .with_source(cause),
            Self::Refused(cause) => {
                StoreError::io("use the index", path, io::Error::new(kind_of(&cause), cause))
            }
            Self::Store(error) => error,
        }
    }
}

/// Whether another process is in the way.
fn is_busy(error: &SqliteError) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What the operating system would call it.
fn kind_of(error: &SqliteError) -> io::ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly) => io::ErrorKind::ReadOnlyFilesystem,
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            io::ErrorKind::PermissionDenied
        }
        Some(ErrorCode::OutOfMemory) => io::ErrorKind::OutOfMemory,
        _ => io::ErrorKind::Other,
    }
}

/// SQLite read less of the file than there must be.
const SHORT_READ: i32 = rusqlite::ffi::SQLITE_IOERR_SHORT_READ;

impl From<SqliteError> for Trouble {
    fn from(error: SqliteError) -> Self {
        let damage = match &error {
            SqliteError::SqliteFailure(code, _) => {
                code.extended_code == SHORT_READ
                    || matches!(
                        code.code,
                        ErrorCode::DatabaseCorrupt
                            | ErrorCode::NotADatabase
                            | ErrorCode::ConstraintViolation
                            | ErrorCode::TypeMismatch
                            | ErrorCode::TooBig
                            // "No such table" and the like: our statements are right, so the schema is not.
                            | ErrorCode::Unknown
                    )
            }
            SqliteError::SqlInputError { .. }
            | SqliteError::QueryReturnedNoRows
            | SqliteError::InvalidColumnType(..)
            | SqliteError::InvalidColumnIndex(_)
            | SqliteError::InvalidColumnName(_)
            | SqliteError::IntegralValueOutOfRange(..)
            | SqliteError::FromSqlConversionFailure(..)
            | SqliteError::Utf8Error(..) => true,
            _ => false,
        };
        if damage { Self::Damaged(error.to_string()) } else { Self::Refused(error) }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
