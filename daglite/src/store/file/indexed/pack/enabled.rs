//! With zstd.

use std::fs::File;
use std::io::{self, Read};

use super::super::super::spool::Sink;
use super::super::objects::{Unreadable, flaw};

/// `bytes`, compressed.
pub(in crate::store::file::indexed) fn pack(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    zstd::encode_all(bytes, level)
}

/// What was compressed into `file`; it had `size` bytes, and not one more is unpacked.
pub(in crate::store::file::indexed) fn unpack(
    file: File,
    size: u64,
) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let damaged = |_| flaw("it cannot be decompressed");
    let decoder = zstd::Decoder::new(file).map_err(damaged)?;
    let read = decoder.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(damaged)?;
    if read as u64 == size { Ok(bytes) } else { Err(flaw("it is decompressed to another length")) }
}

/// Compresses what is written to it into `file`.
pub(in crate::store::file::indexed) fn writer(file: File, level: i32) -> io::Result<Box<dyn Sink>> {
    Ok(Box::new(zstd::Encoder::new(file, level)?))
}

/// What was compressed into `file`.
pub(in crate::store::file::indexed) fn reader(file: File) -> io::Result<impl Read> {
    zstd::Decoder::new(file)
}

impl Sink for zstd::Encoder<'static, File> {
    fn finish(self: Box<Self>) -> io::Result<File> {
        zstd::Encoder::finish(*self)
    }
}
