//! Reads entries, trusts nothing in them, and removes what is damaged.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::super::access::{is_missing, open_at_once, remove_whatever};
use super::super::entry::{self, Flaw, Lengths, PRELUDE};
use super::super::verified::{Unsound, Verified};
use super::PlainFiles;
use crate::digest::Digest;
use crate::store::{Artifact, ArtifactMeta, Lookup, ReadValue, StoreError};

/// How much of a file is read at once to get its header: most headers, and small values with them, fit.
const FIRST_READ: usize = 4096;

impl PlainFiles {
    /// The metadata of the entry of `key`: one open, one read unless the header is long.
    pub(in crate::store::file) fn read_head(
        &self,
        key: &Digest,
    ) -> Result<Lookup<ArtifactMeta>, StoreError> {
        self.look_up(key, |opened| {
            let (meta, _) = opened.head(key)?;
            Ok(meta)
        })
    }

    /// The entry of `key`, with its value verified.
    pub(in crate::store::file) fn read_artifact(
        &self,
        key: &Digest,
    ) -> Result<Lookup<Artifact>, StoreError> {
        self.look_up(key, |opened| {
            let (meta, lengths) = opened.head(key)?;
            let bytes = opened.value(&lengths)?;
            entry::verify_value(&bytes, &meta)?;
            Ok(Artifact { meta, bytes })
        })
    }

    /// Lets `read` make something of the value of `key`, and verifies it; answers its metadata.
    pub(in crate::store::file) fn read_with(
        &self,
        key: &Digest,
        read: &mut ReadValue<'_>,
    ) -> Result<Lookup<ArtifactMeta>, StoreError> {
        self.look_up(key, |opened| {
            let (meta, _) = opened.head(key)?;
            let start = &opened.start[opened.value_at..];
            let mut bytes = Verified::new(start.chain(&opened.file), meta.size);
            read(&meta, &mut bytes);
            bytes.finish(&meta.digest).map_err(|unsound| match unsound {
                Unsound::Flaw(flaw) => Failed::Flaw(flaw),
                Unsound::Refused(cause) => Failed::Io(cause),
            })?;
            Ok(meta)
        })
    }

    /// Removes the entry of `key`; answers whether there was one.
    pub(in crate::store::file) fn remove_entry(&self, key: &Digest) -> Result<bool, StoreError> {
        let path = self.layout.entry(key);
        match remove_whatever(&path) {
            Ok(()) => Ok(true),
            Err(cause) if is_missing(&cause) => Ok(false),
            Err(cause) => Err(StoreError::io("remove the cache entry", &path, cause)),
        }
    }

    /// The metadata in the file at `path`, which nobody has asked for by its key: nothing is removed.
    pub(super) fn peek(&self, path: &Path, key: &Digest) -> Result<ArtifactMeta, String> {
        look_at(path, |opened| Ok(opened.head(key)?.0))
    }

    /// What is wrong with the file at `path`; nothing is removed.
    pub(super) fn check(&self, path: &Path, key: &Digest) -> Result<(), String> {
        look_at(path, |opened| {
            let (meta, lengths) = opened.head(key)?;
            let bytes = opened.value(&lengths)?;
            Ok(entry::verify_value(&bytes, &meta)?)
        })
    }

    /// Opens the entry of `key` and lets `read` make something of it.
    fn look_up<T>(
        &self,
        key: &Digest,
        read: impl FnOnce(&mut Opened) -> Result<T, Failed>,
    ) -> Result<Lookup<T>, StoreError> {
        let path = self.layout.entry(key);
        let failed = match Opened::open(&path) {
            Ok(Some(mut opened)) => match read(&mut opened) {
                Ok(found) => return Ok(Lookup::Found(found)),
                Err(failed) => failed,
            },
            Ok(None) => return self.explain_absence(key, &path),
            Err(failed) => failed,
        };
        match failed {
            Failed::Flaw(flaw) => Ok(discard(&path, flaw)),
            Failed::Io(cause) => Err(StoreError::io("read the cache entry", &path, cause)),
        }
    }

    /// Tells an entry that is not there from one that something else has taken the place of.
    fn explain_absence<T>(&self, key: &Digest, path: &Path) -> Result<Lookup<T>, StoreError> {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Ok(discard(path, Flaw("a link that leads nowhere".to_owned())));
        }
        let shard = self.layout.shard(key);
        if shard.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let flaw = Flaw("a file lies where a folder of entries belongs".to_owned());
            return Ok(discard(&shard, flaw));
        }
        Ok(Lookup::Absent)
    }
}

/// Lets `read` make something of the file at `path`; or says what is wrong with it.
fn look_at<T>(
    path: &Path,
    read: impl FnOnce(&mut Opened) -> Result<T, Failed>,
) -> Result<T, String> {
    let opened = Opened::open(path).and_then(|opened| match opened {
        Some(mut opened) => read(&mut opened),
        None => Err(Flaw("it is gone".to_owned()).into()),
    });
    opened.map_err(|failed| match failed {
        Failed::Flaw(flaw) => flaw.to_string(),
        Failed::Io(cause) => format!("it cannot be read: {cause}"),
    })
}

/// Why an entry could not be read.
enum Failed {
    /// It is damaged.
    Flaw(Flaw),
    /// The operating system refused.
    Io(io::Error),
}

impl From<Flaw> for Failed {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<io::Error> for Failed {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// An entry's file, with what has been read of it.
struct Opened {
    file: File,
    /// The real length, which bounds every length that the file speaks of.
    length: u64,
    /// The bytes read so far, from the start.
    start: Vec<u8>,
    /// Where in `start` the value begins, once the head has been read.
    value_at: usize,
}

impl Opened {
    /// Opens the file; `None` if there is none.
    fn open(path: &Path) -> Result<Option<Self>, Failed> {
        let file = match open_at_once(path) {
            Ok(file) => file,
            Err(cause) if is_missing(&cause) => return Ok(None),
            // Windows will not open a folder as a file.
            Err(_) if path.is_dir() => return Err(not_a_file().into()),
            Err(_) if path.is_symlink() => return Err(dead_link().into()),
            Err(cause) => return Err(cause.into()),
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(not_a_file().into());
        }
        Ok(Some(Self { file, length: found.len(), start: Vec::new(), value_at: 0 }))
    }

    /// Reads and verifies what comes before the value.
    fn head(&mut self, key: &Digest) -> Result<(ArtifactMeta, Lengths), Failed> {
        self.read_up_to(FIRST_READ as u64)?;
        let prelude = &self.start[..self.start.len().min(PRELUDE)];
        let lengths = entry::parse_prelude(prelude, self.length, key)?;
        self.read_up_to(lengths.head as u64)?;
        let meta = entry::parse_head(&self.start[..lengths.head], lengths.value)?;
        self.value_at = lengths.head;
        Ok((meta, lengths))
    }

    /// Reads the value, after the head.
    fn value(&mut self, lengths: &Lengths) -> Result<Vec<u8>, Failed> {
        let length = in_memory(lengths.value)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| too_large())?;
        bytes.extend_from_slice(&self.start[self.value_at..]);
        read_exactly(&mut self.file, &mut bytes, length)?;
        Ok(bytes)
    }

    /// Reads on until `start` has `wanted` bytes, or the whole file if that is shorter.
    fn read_up_to(&mut self, wanted: u64) -> Result<(), Failed> {
        let wanted = in_memory(wanted.min(self.length))?;
        if wanted > self.start.len() {
            read_exactly(&mut self.file, &mut self.start, wanted)?;
        }
        Ok(())
    }
}

/// Appends to `bytes` until there are `length` of them.
fn read_exactly(file: &mut File, bytes: &mut Vec<u8>, length: usize) -> Result<(), Failed> {
    let missing = length - bytes.len();
    bytes.try_reserve_exact(missing).map_err(|_| too_large())?;
    // Unlike `read_exact`, this does not write zeros first.
    if file.take(missing as u64).read_to_end(bytes)? < missing {
        // The length was checked at the start, so somebody cuts the file while it is read.
        return Err(Flaw("truncated while it was read".to_owned()).into());
    }
    Ok(())
}

/// A length as one that memory can have.
fn in_memory(length: u64) -> Result<usize, Failed> {
    usize::try_from(length).map_err(|_| too_large())
}

/// The value does not fit into memory.
fn too_large() -> Failed {
    Failed::Io(io::ErrorKind::OutOfMemory.into())
}

/// What is wrong with a folder in an entry's place.
fn not_a_file() -> Flaw {
    Flaw("not a file".to_owned())
}

/// What is wrong with a link in an entry's place that cannot be followed.
fn dead_link() -> Flaw {
    Flaw("a link that leads nowhere".to_owned())
}

/// Removes the damaged thing at `path` and says what was wrong with it.
///
/// Somebody may have put a sound entry there since it was read; it is computed once more then, and that is all.
fn discard<T>(path: &Path, flaw: Flaw) -> Lookup<T> {
    match remove_whatever(path) {
        Ok(()) => Lookup::Damaged(flaw.0),
        Err(cause) if is_missing(&cause) => Lookup::Damaged(flaw.0),
        Err(cause) => Lookup::Damaged(format!("{flaw}; and it cannot be removed: {cause}")),
    }
}
