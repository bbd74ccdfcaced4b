//! `InputFile` and `InputDir`: paths whose content is what counts.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{ContentHash, ContentHasher};
use crate::Digest;
use crate::clock::{Clock, Timestamp};

/// The name under which an `InputFile` serializes itself, so that the canonical serializer knows it.
pub(super) const INPUT_FILE: &str = "daglite::InputFile";

/// The same for an `InputDir`.
pub(super) const INPUT_DIR: &str = "daglite::InputDir";

/// A parameter that is a path, and whose content is the file's: editing the file runs the task again, moving it does
/// not.
///
/// A file is read once: as long as its length, its times and its place on the disk stay the same, the digest is
/// remembered in this process. A file that was changed less than two seconds ago is always read.
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
pub struct InputDir(PathBuf);

/// What both have: conversions, and the path.
macro_rules! input_path {
    ($type:ident = $name:ident) => {
        impl $type {
            /// The path.
            pub fn path(&self) -> &Path {
                &self.0
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
                Self(path)
            }
        }

        impl AsRef<Path> for $type {
            fn as_ref(&self) -> &Path {
                &self.0
            }
        }

        /// As its path; inside a value that is [hashed by serde](crate::serde_hash) the content counts all the same.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($name, &self.0)
            }
        }
    };
}

input_path! { InputFile = INPUT_FILE }
input_path! { InputDir = INPUT_DIR }

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
    /// The files in the folder, at any depth, sorted by their paths.
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
    /// If a folder cannot be listed, or a link leads back to a folder that it lies in.
    pub fn read(&self) -> io::Result<Vec<InputFile>> {
        let entries = list(&self.0).map_err(|(path, error)| {
            io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
        })?;
        let files = entries.into_iter().filter(|entry| !entry.is_dir);
        Ok(files.map(|entry| InputFile(entry.path)).collect())
    }
}

impl ContentHash for InputFile {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        if hasher.is_sketch() {
            return self.0.content_hash(hasher);
        }
        match MEMO.digest(&self.0) {
            Ok(digest) => {
                hasher.begin_builtin("InputFile");
                hasher.bytes(digest.as_bytes());
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
            return self.0.content_hash(hasher);
        }
        let entries = match list(&self.0) {
            Ok(entries) => entries,
            Err((path, error)) => {
                return hasher
                    .fail(format_args!("cannot read input folder `{}`: {error}", path.display()));
            }
        };
        hasher.begin_builtin("InputDir");
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

/// Hashes what serializes as an `InputFile` or `InputDir`.
pub(super) fn hash_serialized<T: Serialize + ?Sized>(
    name: &str,
    path: &T,
    hasher: &mut ContentHasher,
) -> Result<(), serde_json::Error> {
    let path: PathBuf = serde_json::from_value(serde_json::to_value(path)?)?;
    if name == INPUT_FILE {
        InputFile(path).content_hash(hasher);
    } else {
        InputDir(path).content_hash(hasher);
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

/// Everything below `root`, sorted by relative path; or where it could not be read, and why.
fn list(root: &Path) -> Result<Vec<Entry>, (PathBuf, io::Error)> {
    let mut entries = Vec::new();
    let mut folders = vec![(root.to_path_buf(), Vec::new(), Vec::new())];
    while let Some((folder, relative, mut above)) = folders.pop() {
        let at = |error| (folder.clone(), error);
        let real = fs::canonicalize(&folder).map_err(at)?;
        if above.contains(&real) {
            return Err(at(io::Error::other("a link leads back to a folder that it lies in")));
        }
        above.push(real);
        for child in fs::read_dir(&folder).map_err(at)? {
            let child = child.map_err(at)?;
            let path = child.path();
            let kind = fs::metadata(&path).map_err(|error| (path.clone(), error))?;
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

/// The digests of files that were read in this process.
static MEMO: LazyLock<Memo> =
    LazyLock::new(|| Memo { clock: Clock::system(), digests: DashMap::new() });

/// Digests of files, by path, each good for as long as the file's stamp stays.
struct Memo {
    clock: Clock,
    digests: DashMap<PathBuf, (Stamp, Digest)>,
}

/// What changes when a file does, as far as can be seen without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: SystemTime,
    place: Place,
}

/// A file that is younger than this may change again without a change of its stamp: clocks of file systems tick slowly.
const RACY: Duration = Duration::from_secs(2);

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

impl Memo {
    /// The digest of a file's bytes.
    fn digest(&self, path: &Path) -> io::Result<Digest> {
        let stamp = Stamp::of(&fs::metadata(path)?)?;
        if let Some(known) = self.digests.get(path).filter(|known| known.0 == stamp) {
            return Ok(known.1);
        }
        for _ in 0..ATTEMPTS {
            let file = File::open(path)?;
            let before = Stamp::of(&file.metadata()?)?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&file)?;
            if Stamp::of(&file.metadata()?)? == before {
                let digest = Digest::from_bytes(*hasher.finalize().as_bytes());
                self.remember(path, before, digest);
                return Ok(digest);
            }
        }
        Err(io::Error::other("it changes while it is read: wait until it is written"))
    }

    fn remember(&self, path: &Path, stamp: Stamp, digest: Digest) {
        let changed = stamp.changed().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = self.clock.now().since(Timestamp::from_millis(0).after(changed));
        if age.is_some_and(|age| age >= RACY) {
            self.digests.insert(path.to_path_buf(), (stamp, digest));
        } else {
            self.digests.remove(path);
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        if metadata.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a folder: take an `InputDir`",
            ));
        }
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let (len, modified) = (metadata.len(), metadata.modified()?);
        Ok(Self { len, modified, place: Place::of(metadata) })
    }

    /// When the file was last touched, as far as can be told.
    fn changed(&self) -> SystemTime {
        self.modified.max(self.place.changed())
    }
}

/// Where the file lies, and when its entry changed: a file whose old time of modification was restored is noticed.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    device: u64,
    inode: u64,
    seconds: i64,
    nanos: i64,
}

#[cfg(unix)]
impl Place {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            seconds: metadata.ctime(),
            nanos: metadata.ctime_nsec(),
        }
    }

    fn changed(&self) -> SystemTime {
        let after = Duration::new(
            u64::try_from(self.seconds).unwrap_or(0),
            u32::try_from(self.nanos).unwrap_or(0),
        );
        UNIX_EPOCH + after
    }
}

/// Nothing that the standard library tells on this platform.
#[cfg(not(unix))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place;

#[cfg(not(unix))]
impl Place {
    fn of(_: &Metadata) -> Self {
        Self
    }

    fn changed(&self) -> SystemTime {
        UNIX_EPOCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo_in_an_hour() -> Memo {
        let (clock, hands) = Clock::manual();
        hands.set(Clock::system().now().after(Duration::from_secs(3600)));
        Memo { clock, digests: DashMap::new() }
    }

    #[test]
    fn an_old_file_is_remembered_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let memo = memo_in_an_hour();
        let digest = memo.digest(&path).unwrap();
        assert_eq!(digest, Digest::of_bytes(b"one"));
        // What is remembered is what is answered: a planted digest comes back.
        memo.digests.alter(&path, |_, (stamp, _)| (stamp, Digest::of_bytes(b"planted")));
        assert_eq!(memo.digest(&path).unwrap(), Digest::of_bytes(b"planted"));
        fs::write(&path, "longer").unwrap();
        assert_eq!(memo.digest(&path).unwrap(), Digest::of_bytes(b"longer"));
    }

    #[test]
    fn a_young_file_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let memo = Memo { clock: Clock::system(), digests: DashMap::new() };
        memo.digest(&path).unwrap();
        assert!(memo.digests.is_empty(), "a file of this second may change unseen");
    }

    #[test]
    fn a_file_from_the_future_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let (clock, hands) = Clock::manual();
        hands.set(Timestamp::from_millis(0));
        let memo = Memo { clock, digests: DashMap::new() };
        memo.digest(&path).unwrap();
        assert!(memo.digests.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn an_edit_that_restores_length_and_time_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let memo = memo_in_an_hour();
        memo.digest(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        // A new file in the old one's place: whatever the clock's step, its inode or its time of change differs.
        let other = dir.path().join("b");
        fs::write(&other, "two").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::remove_file(&path).unwrap();
        fs::hard_link(&other, &path).unwrap();
        assert_eq!(memo.digest(&path).unwrap(), Digest::of_bytes(b"two"));
    }
}
