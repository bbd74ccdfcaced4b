//! `Intake`: takes a value as it is written, hashes and counts it; what is more than a little goes straight into the file of
//! its version.

use std::fs::File;
use std::io::{self, Write};

use super::FileCheckpoints;
use crate::digest::Digest;
use crate::store::{Living, Staged, StoreError};
use crate::threads::both;

/// Up to so many bytes are gathered: a value that has no more is compared with the latest version before a file is made.
const GATHERED: usize = 4 << 20;
/// So many bytes are worth a thread that hashes them while they are written.
const WORTH_A_THREAD: usize = 1 << 20;

/// The folder of a version that is not visible yet, with the value in it.
pub(super) struct Draft {
    /// Before the workplace that it lies in, so that it goes first.
    pub(super) staged: Staged,
    /// Where it lies.
    pub(super) workplace: Living,
    /// The file of the value, which may not be on the disk yet.
    pub(super) file: File,
}

/// What became of the bytes.
pub(super) enum Body {
    /// They are few.
    Few(Vec<u8>),
    /// They are in a file.
    File(Draft, Digest, u64),
}

/// Takes the bytes of a value.
pub(super) struct Intake<'a> {
    store: &'a FileCheckpoints,
    /// The ending of the file's name.
    extension: &'a str,
    hasher: blake3::Hasher,
    size: u64,
    gathered: Vec<u8>,
    draft: Option<Draft>,
    /// Why no more is taken.
    failure: Option<StoreError>,
}

impl<'a> Intake<'a> {
    /// One that has seen nothing.
    pub(super) fn new(store: &'a FileCheckpoints, extension: &'a str) -> Self {
        let (hasher, gathered) = (blake3::Hasher::new(), Vec::new());
        Self { store, extension, hasher, size: 0, gathered, draft: None, failure: None }
    }

    /// What became of the bytes, all of which were written.
    pub(super) fn finish(mut self) -> Result<Body, StoreError> {
        if self.draft.is_some() {
            // A failure is kept.
            let _ = self.pass_gathered();
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        Ok(match self.draft {
            None => Body::Few(self.gathered),
            Some(draft) => Body::File(draft, digest, self.size),
        })
    }

    /// Why it could not take all, if it could not.
    pub(super) fn into_failure(self) -> Option<StoreError> {
        self.failure
    }

    /// Hashes and writes what was gathered.
    fn pass_gathered(&mut self) -> io::Result<()> {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.pass(&gathered)?;
        gathered.clear();
        self.gathered = gathered;
        Ok(())
    }

    /// Hashes and writes `bytes`, at the same time if they are many.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.keep(bytes) {
            Ok(()) => Ok(()),
            Err(failure) => {
                let told = io::Error::other(failure.to_string());
                self.failure = Some(failure);
                Err(told)
            }
        }
    }

    /// Hashes and writes `bytes`.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.draft.is_none() {
            self.draft = Some(self.store.draft(self.extension)?);
        }
        let Some(Draft { file, workplace, .. }) = &mut self.draft else { return Ok(()) };
        let written = if bytes.len() < WORTH_A_THREAD {
            self.hasher.update(bytes);
            file.write_all(bytes)
        } else {
            let hasher = &mut self.hasher;
            let (written, _) = both(|| file.write_all(bytes), || _ = hasher.update(bytes));
            written
        };
        written.map_err(|cause| StoreError::io("save a checkpoint in", workplace.path(), cause))
    }
}

impl Write for Intake<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("the checkpoint takes no more"));
        }
        if self.gathered.len() + bytes.len() > GATHERED {
            self.pass_gathered()?;
        }
        if bytes.len() > GATHERED {
            self.pass(bytes)?;
        } else {
            self.gathered.extend_from_slice(bytes);
        }
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
