//! `InputFile` and `InputDir`: paths whose content is what counts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::glob::Glob;
use super::memo::MEMO;
use super::{ContentHash, ContentHasher, watch};
use crate::Digest;

/// The name under which an `InputFile` serializes itself, so that the canonical serializer knows it.
pub(super) const INPUT_FILE: &str = "daglite::InputFile";

/// The same for an `InputDir`.
pub(super) const INPUT_DIR: &str = "daglite::InputDir";

/// A parameter that is a path, and whose content is the file's: editing the file runs the task again, moving it does
/// not.
///
/// A file is read once: as long as its length, its times and its place on the disk stay the same, the digest is
/// remembered in this process. A file that was changed less than two seconds ago is always read. The cache remembers it for
/// other processes too, if the file has 64 KiB or more, was left alone for a minute, and lies on a local file system of
/// Linux.
///
/// A file that changes while the task runs may have been read before or after: the result is used and not cached, and
/// [`Event::InputChanged`](crate::Event::InputChanged) tells it.
///
/// ```
/// use daglite::{InputFile, content_digest};
///
/// # let dir = tempfile::tempdir()?;
/// # let (one, two) = (dir.path().join("one.csv"), dir.path().join("two.csv"));
/// std::fs::write(&one, "a,b\n")?;
/// std::fs::write(&two, "a,b\n")?;
/// assert_eq!(content_digest(&InputFile::from(one))?, content_digest(&InputFile::from(two))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename = "daglite::InputFile")]
pub struct InputFile(PathBuf);

/// A parameter that is a path, and whose content is that of the folder: every file in it, at any depth, with its path
/// relative to the folder. Links are followed.
///
/// ```
/// use daglite::{InputDir, content_digest};
///
/// # let root = tempfile::tempdir()?;
/// # let dir = InputDir::from(root.path());
/// std::fs::write(dir.path().join("a.txt"), "1")?;
/// let before = content_digest(&dir)?;
/// std::fs::write(dir.path().join("b.txt"), "2")?;
/// assert_ne!(content_digest(&dir)?, before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename = "daglite::InputDir")]
pub struct InputDir(Folder);

/// A folder, and which of its files are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    /// All of them, and its folders too, if `None`.
    glob: Option<String>,
}

impl<P: Into<PathBuf>> From<P> for Folder {
    fn from(path: P) -> Self {
        Self { path: path.into(), glob: None }
    }
}

/// What both have: conversions, and the path.
macro_rules! input_path {
    ($type:ident = $name:ident, |$self:ident| $path:expr) => {
        impl $type {
            /// The path.
            pub fn path(&$self) -> &Path {
                $path
            }
        }

        impl From<&str> for $type {
            fn from(path: &str) -> Self {
                Self(path.into())
            }
        }

        impl From<String> for $type {
            fn from(path: String) -> Self {
                Self(path.into())
            }
        }

        impl From<&Path> for $type {
            fn from(path: &Path) -> Self {
                Self(path.into())
            }
        }

        impl From<PathBuf> for $type {
            fn from(path: PathBuf) -> Self {
                Self(path.into())
            }
        }

        impl AsRef<Path> for $type {
            fn as_ref(&self) -> &Path {
                self.path()
            }
        }

        /// As its path and, of a folder, its pattern; inside a value that is [hashed by serde](crate::serde_hash) the content counts all the same.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                watch::mention();
                serializer.serialize_newtype_struct($name, &self.0)
            }
        }
    };
}

input_path! { InputFile = INPUT_FILE, |self| &self.0 }
input_path! { InputDir = INPUT_DIR, |self| &self.0.path }

impl InputFile {
    /// The bytes of the file.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("a.txt");
    /// std::fs::write(&path, "hello")?;
    /// assert_eq!(daglite::InputFile::from(path).read()?, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.0)
    }
}

impl InputDir {
    /// The same folder, of which only the files count whose paths in it are like `pattern`; empty folders do not.
    ///
    /// `*` and `?` stand for characters of one name, `**` for any number of folders, `[a-z]` and `[!a-z]` for one
    /// character, `{a,b}` for a choice. Names that begin with a dot are like all others.
    ///
    /// ```
    /// use daglite::{InputDir, content_digest};
    ///
    /// # let root = tempfile::tempdir()?;
    /// let tables = InputDir::from(root.path()).glob("**/*.{csv,tsv}");
    /// let before = content_digest(&tables)?;
    /// std::fs::write(root.path().join("notes.txt"), "1")?;
    /// assert_eq!(content_digest(&tables)?, before);
    /// std::fs::write(root.path().join("a.csv"), "1")?;
    /// assert_ne!(content_digest(&tables)?, before);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn glob(self, pattern: impl Into<String>) -> Self {
        Self(Folder { path: self.0.path, glob: Some(pattern.into()) })
    }

    /// The files in the folder that count, at any depth, sorted by their paths.
    ///
    /// ```
    /// # let root = tempfile::tempdir()?;
    /// # let dir = daglite::InputDir::from(root.path());
    /// std::fs::create_dir(dir.path().join("sub"))?;
    /// std::fs::write(dir.path().join("sub/a.txt"), "1")?;
    /// let files = dir.read()?;
    /// assert_eq!(files[0].read()?, b"1");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed, a link leads back to a folder that it lies in, or the pattern is none.
    pub fn read(&self) -> io::Result<Vec<InputFile>> {
        let entries = self.entries().map_err(|Unlisted { path, error }| {
            io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
        })?;
        let files = entries.into_iter().filter(|entry| !entry.is_dir);
        Ok(files.map(|entry| InputFile(entry.path)).collect())
    }

    /// What counts in the folder, sorted by relative path.
    fn entries(&self) -> Result<Vec<Entry>, Unlisted> {
        let Folder { path, glob } = &self.0;
        let Some(glob) = glob else { return list(path) };
        let glob = Glob::new(glob).map_err(|why| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, why);
            Unlisted { path: path.clone(), error }
        })?;
        let mut entries = list(path)?;
        entries.retain(|entry| {
            !entry.is_dir && glob.matches(&String::from_utf8_lossy(&entry.relative))
        });
        Ok(entries)
    }
}

impl ContentHash for InputFile {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        if hasher.is_sketch() {
            return self.0.content_hash(hasher);
        }
        match MEMO.content(&self.0) {
            Ok(content) => {
                watch::saw_file(&self.0, content);
                hasher.begin_builtin("InputFile");
                hasher.bytes(content.digest.as_bytes());
            }
            Err(error) => {
                hasher.fail(format_args!("cannot read input file `{}`: {error}", self.0.display()))
            }
        }
    }
}

impl ContentHash for InputDir {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        if hasher.is_sketch() {
            return self.path().content_hash(hasher);
        }
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(Unlisted { path, error }) => {
                return hasher
                    .fail(format_args!("cannot read input folder `{}`: {error}", path.display()));
            }
        };
        watch::saw_folder(self, names(&entries));
        match &self.0.glob {
            None => hasher.begin_builtin("InputDir"),
            Some(glob) => {
                hasher.begin_builtin("InputDirMatching");
                hasher.begin_tuple(2);
                hasher.str(glob);
            }
        }
        hasher.begin_seq(entries.len());
        for entry in entries {
            hasher.begin_tuple(2);
            hasher.bytes(&entry.relative);
            if entry.is_dir {
                hasher.unit();
            } else {
                InputFile(entry.path).content_hash(hasher);
            }
        }
    }
}

/// The digest of the names of what counts in a folder, or why it cannot be listed.
pub(super) fn names_of(folder: &InputDir) -> io::Result<Digest> {
    folder.entries().map(|entries| names(&entries)).map_err(|unlisted| unlisted.error)
}

/// The digest of names.
fn names(entries: &[Entry]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for Entry { relative, is_dir, .. } in entries {
        hasher.update(&(relative.len() as u64).to_le_bytes());
        hasher.update(relative);
        hasher.update(&[u8::from(*is_dir)]);
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

/// Hashes what serializes as an `InputFile` or `InputDir`.
pub(super) fn hash_serialized<T: Serialize + ?Sized>(
    name: &str,
    path: &T,
    hasher: &mut ContentHasher,
) -> Result<(), serde_json::Error> {
    let path = serde_json::to_value(path)?;
    if name == INPUT_FILE {
        InputFile(serde_json::from_value(path)?).content_hash(hasher);
    } else {
        InputDir(serde_json::from_value(path)?).content_hash(hasher);
    }
    Ok(())
}

/// Something in an input folder.
struct Entry {
    /// Path from the folder, its parts joined with `/`.
    relative: Vec<u8>,
    path: PathBuf,
    is_dir: bool,
}

/// Where a folder could not be listed, and why.
struct Unlisted {
    path: PathBuf,
    error: io::Error,
}

/// Everything below `root`, sorted by relative path.
fn list(root: &Path) -> Result<Vec<Entry>, Unlisted> {
    let mut entries = Vec::new();
    let mut folders = vec![(root.to_path_buf(), Vec::new(), Vec::new())];
    while let Some((folder, relative, mut above)) = folders.pop() {
        let at = |error| Unlisted { path: folder.clone(), error };
        let real = fs::canonicalize(&folder).map_err(at)?;
        if above.contains(&real) {
            return Err(at(io::Error::other("a link leads back to a folder that it lies in")));
        }
        above.push(real);
        for child in fs::read_dir(&folder).map_err(at)? {
            let child = child.map_err(at)?;
            let path = child.path();
            let kind =
                fs::metadata(&path).map_err(|error| Unlisted { path: path.clone(), error })?;
            let mut relative = relative.clone();
            if !relative.is_empty() {
                relative.push(b'/');
            }
            relative.extend_from_slice(child.file_name().as_encoded_bytes());
            if kind.is_dir() {
                folders.push((path.clone(), relative.clone(), above.clone()));
            }
            entries.push(Entry { relative, path, is_dir: kind.is_dir() });
        }
    }
    entries.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));
    Ok(entries)
}
