//! How a format makes bytes of a value and a value of bytes: whole, or as they flow.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::error::BoxError;

/// Turns a whole value into its bytes, or bytes into a value.
type Turn<From, To> = dyn Fn(&From) -> Result<To, BoxError> + Send + Sync;
/// Writes a value.
type WriteValue<T> = dyn Fn(&T, &mut dyn Write) -> Result<(), BoxError> + Send + Sync;
/// Reads a value of so many bytes.
type ReadValue<T> = dyn Fn(&mut dyn Read, u64) -> Result<T, BoxError> + Send + Sync;

/// How a value becomes bytes and comes back.
pub(super) enum Coding<T> {
    /// All bytes at once: functions of ours, as a built-in format is made for each value and must cost nothing.
    Plain(fn(&T) -> Result<Vec<u8>, BoxError>, fn(&[u8]) -> Result<T, BoxError>),
    /// All bytes at once: what a user gave.
    Given(Arc<Turn<T, Vec<u8>>>, Arc<Turn<[u8], T>>),
    /// As the bytes flow: functions of ours.
    PlainFlow(
        fn(&T, &mut dyn Write) -> Result<(), BoxError>,
        fn(&mut dyn Read, u64) -> Result<T, BoxError>,
    ),
    /// As the bytes flow: what a user gave.
    GivenFlow(Arc<WriteValue<T>>, Arc<ReadValue<T>>),
}

impl<T> Coding<T> {
    /// Whether the bytes need not be in memory all at once.
    pub(super) fn flows(&self) -> bool {
        matches!(self, Self::PlainFlow(..) | Self::GivenFlow(..))
    }

    /// The bytes of a value.
    pub(super) fn encode(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Plain(encode, _) => encode(value),
            Self::Given(encode, _) => encode(value),
            Self::PlainFlow(..) | Self::GivenFlow(..) => {
                let mut bytes = Vec::new();
                self.write(value, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// Writes the bytes of a value.
    pub(super) fn write(&self, value: &T, to: &mut dyn Write) -> Result<(), BoxError> {
        match self {
            Self::PlainFlow(write, _) => write(value, to),
            Self::GivenFlow(write, _) => write(value, to),
            Self::Plain(..) | Self::Given(..) => Ok(to.write_all(&self.encode(value)?)?),
        }
    }

    /// The value of bytes.
    pub(super) fn decode(&self, mut bytes: &[u8]) -> Result<T, BoxError> {
        match self {
            Self::Plain(_, decode) => decode(bytes),
            Self::Given(_, decode) => decode(bytes),
            Self::PlainFlow(..) | Self::GivenFlow(..) => {
                let length = bytes.len() as u64;
                self.read(&mut bytes, length)
            }
        }
    }

    /// The value that is read from `from`, which has `length` bytes of it.
    pub(super) fn read(&self, from: &mut dyn Read, length: u64) -> Result<T, BoxError> {
        let mut from = from.take(length);
        let value = match self {
            Self::PlainFlow(_, read) => read(&mut from, length),
            Self::GivenFlow(_, read) => read(&mut from, length),
            Self::Plain(..) | Self::Given(..) => self.decode(&gather(&mut from, length)?),
        }?;
        match from.limit() {
            0 => Ok(value),
            more if from.read(&mut [0])? == 0 => Err(ends_at(length - more, length)),
            more => Err(format!("{more} bytes are left over after the value").into()),
        }
    }
}

/// The `length` bytes of `from`. Memory is asked for as they come.
fn gather(from: &mut dyn Read, length: u64) -> Result<Vec<u8>, BoxError> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        found if found == length => Ok(bytes),
        found => Err(ends_at(found, length)),
    }
}

/// The error of bytes that end too early.
pub(super) fn ends_at(found: u64, length: u64) -> BoxError {
    let message = format!("it ends at byte {found} of {length}");
    io::Error::new(io::ErrorKind::UnexpectedEof, message).into()
}

impl<T> Clone for Coding<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Plain(encode, decode) => Self::Plain(*encode, *decode),
            Self::Given(encode, decode) => Self::Given(Arc::clone(encode), Arc::clone(decode)),
            Self::PlainFlow(write, read) => Self::PlainFlow(*write, *read),
            Self::GivenFlow(write, read) => Self::GivenFlow(Arc::clone(write), Arc::clone(read)),
        }
    }
}
