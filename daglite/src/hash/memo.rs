//! The digests of files that were read in this process, each good for as long as the file looks the same.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;

use crate::Digest;
use crate::clock::{Clock, Timestamp};

/// The digests of files that were read in this process.
pub(super) static MEMO: LazyLock<Memo> =
    LazyLock::new(|| Memo { clock: Clock::system(), digests: DashMap::new() });

/// Digests of files, by path, each good for as long as the file's stamp stays.
pub(super) struct Memo {
    clock: Clock,
    digests: DashMap<PathBuf, (Stamp, Digest)>,
}

/// What is known of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// What it looked like.
    pub(super) stamp: Stamp,
    /// The digest of its bytes.
    pub(super) digest: Digest,
    /// Whether it had been left alone for so long that a change cannot hide behind the same stamp.
    pub(super) settled: bool,
}

/// What changes when a file does, as far as can be seen without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: u64,
    modified: SystemTime,
    place: Place,
}

/// A file that is younger than this may change again without a change of its stamp: clocks of file systems tick slowly.
const RACY: Duration = Duration::from_secs(2);

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

impl Memo {
    /// The digest of a file's bytes, and what the file looks like.
    pub(super) fn content(&self, path: &Path) -> io::Result<Content> {
        let stamp = Stamp::of(&fs::metadata(path)?)?;
        if let Some(known) = self.digests.get(path).filter(|known| known.0 == stamp) {
            return Ok(Content { stamp, digest: known.1, settled: true });
        }
        for _ in 0..ATTEMPTS {
            let file = File::open(path)?;
            // Before the reading, which may take long: what is young then may change unseen while it is read.
            let began = self.clock.now();
            let stamp = Stamp::of(&file.metadata()?)?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&file)?;
            if Stamp::of(&file.metadata()?)? == stamp {
                let digest = Digest::from_bytes(*hasher.finalize().as_bytes());
                let settled = stamp.is_settled(began);
                self.remember(path, &Content { stamp, digest, settled });
                return Ok(Content { stamp, digest, settled });
            }
        }
        Err(io::Error::other("it changes while it is read: wait until it is written"))
    }

    fn remember(&self, path: &Path, content: &Content) {
        if content.settled {
            self.digests.insert(path.to_path_buf(), (content.stamp, content.digest));
        } else {
            self.digests.remove(path);
        }
    }
}

impl Stamp {
    /// What the file of `metadata` looks like.
    pub(super) fn of(metadata: &Metadata) -> io::Result<Self> {
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

    /// How long the file is.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether the last change lies so far before `now` that another one would be seen.
    fn is_settled(&self, now: Timestamp) -> bool {
        let changed = self.changed().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.since(Timestamp::from_millis(0).after(changed));
        age.is_some_and(|age| age >= RACY)
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
        let digest = memo.content(&path).unwrap().digest;
        assert_eq!(digest, Digest::of_bytes(b"one"));
        // What is remembered is what is answered: a planted digest comes back.
        memo.digests.alter(&path, |_, (stamp, _)| (stamp, Digest::of_bytes(b"planted")));
        assert_eq!(memo.content(&path).unwrap().digest, Digest::of_bytes(b"planted"));
        fs::write(&path, "longer").unwrap();
        assert_eq!(memo.content(&path).unwrap().digest, Digest::of_bytes(b"longer"));
    }

    #[test]
    fn a_young_file_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let memo = Memo { clock: Clock::system(), digests: DashMap::new() };
        memo.content(&path).unwrap();
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
        memo.content(&path).unwrap();
        assert!(memo.digests.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn an_edit_that_restores_length_and_time_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let memo = memo_in_an_hour();
        memo.content(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        // A new file in the old one's place: whatever the clock's step, its inode or its time of change differs.
        let other = dir.path().join("b");
        fs::write(&other, "two").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::remove_file(&path).unwrap();
        fs::hard_link(&other, &path).unwrap();
        assert_eq!(memo.content(&path).unwrap().digest, Digest::of_bytes(b"two"));
    }
}
