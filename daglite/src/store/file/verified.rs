//! `Verified`: hands out a value's bytes as they are read, and says at the end whether they were what they should be.

use std::io::{self, Read};

use super::entry::Flaw;
use crate::digest::Digest;

/// So many bytes are read and hashed at once: what was read is near by when it is hashed.
const PIECE: usize = 256 << 10;

/// Why a value is not what it should be.
pub(super) enum Unsound {
    /// It is damaged.
    Flaw(Flaw),
    /// The operating system refused.
    Refused(io::Error),
}

/// The bytes of a value, hashed as they are read.
pub(super) struct Verified<R> {
    source: R,
    hasher: blake3::Hasher,
    /// How many bytes are still to come.
    left: u64,
    /// Why no more could be read.
    failure: Option<Unsound>,
}

impl<R: Read> Verified<R> {
    /// The `size` bytes of `source`.
    pub(super) fn new(source: R, size: u64) -> Self {
        Self { source, hasher: blake3::Hasher::new(), left: size, failure: None }
    }

    /// Reads what nobody has read, and compares with `digest`.
    pub(super) fn finish(mut self, digest: &Digest) -> Result<(), Unsound> {
        // Who has read all of it needs no more memory.
        if self.left > 0 && self.failure.is_none() {
            // A failure is kept.
            let _ = io::copy(&mut self, &mut io::sink());
        }
        match self.failure {
            Some(failure) => Err(failure),
            None if self.hasher.finalize().as_bytes() == digest.as_bytes() => Ok(()),
            None => Err(Unsound::Flaw(Flaw("the value does not match its digest".to_owned()))),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || bytes.is_empty() {
            return Ok(0);
        }
        if self.failure.is_some() {
            return Err(io::Error::other("the value cannot be read"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE).min(bytes.len());
        match self.source.read(&mut bytes[..most]) {
            Ok(0) => {
                let flaw = Flaw("it was cut while it was read".to_owned());
                self.failure = Some(Unsound::Flaw(flaw));
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(read) => {
                self.hasher.update(&bytes[..read]);
                self.left -= read as u64;
                Ok(read)
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => Err(cause),
            Err(cause) => {
                let told = io::Error::new(cause.kind(), cause.to_string());
                self.failure = Some(Unsound::Refused(cause));
                Err(told)
            }
        }
    }
}
