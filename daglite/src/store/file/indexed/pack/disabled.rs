//! Without zstd: nothing is compressed, and what another program has compressed is computed again.

use std::fs::File;
use std::io;

use super::super::super::spool::Sink;
use super::super::objects::Unreadable;

/// Never called: without the feature no store can ask for it.
pub(in crate::store::file::indexed) fn pack(_bytes: &[u8], _level: i32) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature `zstd`"))
}

/// An error that says which feature to enable.
pub(in crate::store::file::indexed) fn unpack(
    _file: File,
    _size: u64,
) -> Result<Vec<u8>, Unreadable> {
    let message = "it is compressed: enable the feature `zstd` of daglite";
    Err(Unreadable::Refused(io::Error::new(io::ErrorKind::Unsupported, message)))
}

/// Never called: without the feature no store can ask for it.
pub(in crate::store::file::indexed) fn writer(
    _file: File,
    _level: i32,
) -> io::Result<Box<dyn Sink>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature `zstd`"))
}

/// An error that says which feature to enable.
pub(in crate::store::file::indexed) fn reader(_file: File) -> io::Result<File> {
    let message = "it is compressed: enable the feature `zstd` of daglite";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
