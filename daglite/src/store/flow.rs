//! Values that are written to a store, and read from it, bit by bit.

use std::io::{self, Read, Write};

use super::contract::{ArtifactMeta, Put};
use super::error::StoreError;
use crate::digest::Digest;

/// Writes the bytes of a value: what [`CacheStore::put_with`](super::CacheStore::put_with) calls, once.
pub type WriteValue<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + Send + 'a;

/// Makes something of the bytes of a value, which are not verified yet: what [`CacheStore::get_with`](super::CacheStore::get_with) calls, perhaps more
/// than once. It need not read to the end.
pub type ReadValue<'a> = dyn FnMut(&ArtifactMeta, &mut dyn Read) + Send + 'a;

/// What was written by [`CacheStore::put_with`](super::CacheStore::put_with).
///
/// ```
/// use daglite::Digest;
/// use daglite::store::{Put, Written};
///
/// let written = Written { digest: Digest::of_bytes(b"[1,2]"), size: 5, put: Ok(Put::Kept) };
/// assert_eq!(written.put.unwrap(), Put::Kept);
/// ```
#[derive(Debug)]
pub struct Written {
    /// The digest of the bytes.
    pub digest: Digest,
    /// How many bytes there were.
    pub size: u64,
    /// What became of them, as [`CacheStore::put`](super::CacheStore::put) answers it.
    pub put: Result<Put, StoreError>,
}

/// The error of a value that could not be written as bytes.
pub(crate) fn not_written(cause: io::Error) -> StoreError {
    StoreError::new(format!("the value could not be written as bytes: {cause}")).with_source(cause)
}
