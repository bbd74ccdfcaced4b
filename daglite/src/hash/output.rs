//! `OutputFile`: a file that a task has written, as its result.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};

use super::memo::{Content, MEMO};
use super::watch::{self, Claim};
use super::{ContentHash, ContentHasher};
use crate::Digest;

/// The name under which an `OutputFile` serializes itself, so that the shape of a type tells that one is in it.
pub(super) const OUTPUT_FILE: &str = "daglite::OutputFile";

/// A result that is a file: the task writes it and returns where it lies.
///
/// The cache keeps the path, the digest and the size, and not the file. At every hit the file is looked at: if it is
/// missing or has changed, the task runs again. A look is one question to the file system as long as the file's length,
/// times and place on the disk stay the same; else it is read.
///
/// An `OutputFile` may stand anywhere in a result that goes through serde: in structs, tuples, options, lists and maps.
/// As the argument of another task it counts by its content. The file has to be there when the task returns; if it is not,
/// the result is used and not cached, with a warning.
///
/// A type that has a [`HasFormat`](crate::HasFormat) of its own, or that serde cannot look through beforehand
/// (`#[serde(flatten)]`, `#[serde(untagged)]`), is not cached if a file is in it. A checkpoint keeps the path alone.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(cache)]
/// fn report(path: &str, lines: u32) -> Result<OutputFile, std::io::Error> {
///     std::fs::write(path, "line\n".repeat(lines as usize))?;
///     Ok(OutputFile::from(path))
/// }
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("report.txt").display().to_string();
/// let session = Session::builder().cache(MemoryStore::new()).build()?;
/// let file = report(path.as_str(), 2).run_in(&session)?;
/// std::fs::remove_file(file.path())?;
/// let again = report(path.as_str(), 2).run_in(&session)?;
/// assert_eq!(again.read()?, b"line\nline\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputFile(PathBuf);

impl OutputFile {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The bytes of the file.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("a.txt");
    /// std::fs::write(&path, "hello")?;
    /// assert_eq!(daglite::OutputFile::from(path).read()?, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.0)
    }

    /// What the file is now.
    fn content(&self) -> Result<Content, String> {
        let content = match watch::known(&self.0) {
            Some(content) => content,
            None => MEMO.content(&self.0).map_err(|error| {
                format!("cannot read output file `{}`: {error}", self.0.display())
            })?,
        };
        watch::saw_file(&self.0, content);
        Ok(content)
    }
}

impl fmt::Debug for OutputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OutputFile").field(&self.0).finish()
    }
}

impl From<&str> for OutputFile {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl From<String> for OutputFile {
    fn from(path: String) -> Self {
        Self(path.into())
    }
}

impl From<&Path> for OutputFile {
    fn from(path: &Path) -> Self {
        Self(path.into())
    }
}

impl From<PathBuf> for OutputFile {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl AsRef<Path> for OutputFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl ContentHash for OutputFile {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        if hasher.is_sketch() {
            return self.path().content_hash(hasher);
        }
        match self.content() {
            Ok(content) => {
                hasher.begin_builtin("OutputFile");
                hasher.bytes(content.digest.as_bytes());
            }
            Err(why) => hasher.fail(why),
        }
    }
}

/// What is stored.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "daglite::OutputFile")]
struct Stored {
    path: PathBuf,
    digest: Digest,
    size: u64,
}

/// As path, digest and size; fails if the file cannot be read.
impl Serialize for OutputFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = self.content().map_err(S::Error::custom)?;
        let (digest, size) = (content.digest, content.stamp.len());
        Stored { path: self.0.clone(), digest, size }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OutputFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { path, digest, size } = Stored::deserialize(deserializer)?;
        watch::claim(Claim { path: path.clone(), digest, size });
        Ok(Self(path))
    }
}
