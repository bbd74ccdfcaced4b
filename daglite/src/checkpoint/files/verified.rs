//! `Verified`: hands out the bytes of a value's file as they are read, and says at the end whether they are the right ones.

use std::fs::File;
use std::io::{self, Read};

use crate::digest::{Digest, ReadDigest};

/// Who asks for little is given of so many bytes that were read at once, by several threads.
const AT_ONCE: usize = 4 << 20;

/// The bytes of a file, hashed as they are read: large readings on several threads, straight to where they are wanted.
pub(super) struct Verified {
    file: PositionedFile,
    digest: ReadDigest,
    /// What was read and is not all handed out.
    buffer: Vec<u8>,
    /// How much of it was.
    given: usize,
    /// Why no more could be read.
    failure: Option<io::Error>,
}

impl Verified {
    /// The first `size` bytes of `file`.
    pub(super) fn new(file: File, size: u64) -> Self {
        Self {
            file: PositionedFile::new(file),
            digest: ReadDigest::new(size),
            buffer: Vec::new(),
            given: 0,
            failure: None,
        }
    }

    /// Reads what nobody has asked for; the digest of all.
    pub(super) fn finish(mut self) -> io::Result<Digest> {
        while self.failure.is_none() && self.digest.left() > 0 {
            self.read_more()?;
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.digest.finish()),
        }
    }

    /// Reads some more into the buffer, all of which was handed out.
    fn read_more(&mut self) -> io::Result<()> {
        let most = usize::try_from(self.digest.left()).unwrap_or(usize::MAX).min(AT_ONCE);
        self.buffer.resize(most, 0);
        self.given = 0;
        let read = self.digest.fill(&mut self.buffer, |at, piece| self.file.read(at, piece));
        read.map_err(|cause| self.failed(cause))
    }

    /// Keeps why no more can be read.
    fn failed(&mut self, cause: io::Error) -> io::Error {
        self.buffer.clear();
        let told = io::Error::new(cause.kind(), cause.to_string());
        self.failure = Some(cause);
        told
    }
}

impl Read for Verified {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("the value cannot be read"));
        }
        if self.given == self.buffer.len() {
            let left = self.digest.left();
            let whole = bytes.len() - bytes.len() % ReadDigest::PIECE;
            let straight = if bytes.len() as u64 >= left { left as usize } else { whole };
            if straight >= AT_ONCE {
                let read =
                    self.digest.fill(&mut bytes[..straight], |at, piece| self.file.read(at, piece));
                return read.map(|()| straight).map_err(|cause| self.failed(cause));
            }
            if left == 0 || bytes.is_empty() {
                return Ok(0);
            }
            self.read_more()?;
        }
        let given = bytes.len().min(self.buffer.len() - self.given);
        bytes[..given].copy_from_slice(&self.buffer[self.given..self.given + given]);
        self.given += given;
        Ok(given)
    }
}

/// A file that is read anywhere, on any thread.
struct PositionedFile {
    #[cfg(unix)]
    file: File,
    /// One piece at a time.
    #[cfg(not(unix))]
    file: parking_lot::Mutex<File>,
}

impl PositionedFile {
    /// That file.
    fn new(file: File) -> Self {
        #[cfg(not(unix))]
        let file = parking_lot::Mutex::new(file);
        Self { file }
    }

    /// Fills `piece` with what begins at `offset`.
    #[cfg(unix)]
    fn read(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, piece, offset)
    }

    /// Fills `piece` with what begins at `offset`.
    #[cfg(not(unix))]
    fn read(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock();
        io::Seek::seek(&mut *file, io::SeekFrom::Start(offset))?;
        file.read_exact(piece)
    }
}
