//! The digests of files that were read before, each good for as long as the file looks the same.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;

use super::notes::{self, Notes};
use crate::Digest;
use crate::clock::{Clock, Timestamp};

/// The digests of files that were read in this process.
pub(super) static MEMO: LazyLock<Memo> =
    LazyLock::new(|| Memo { clock: Clock::system(), digests: DashMap::new(), lasts });

/// Digests of files, by path, each good for as long as the file's stamp stays.
pub(super) struct Memo {
    clock: Clock,
    digests: DashMap<PathBuf, (Stamp, Digest)>,
    /// Whether stamps of a file at this path can be trusted for months.
    lasts: fn(&Path) -> bool,
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

/// What is noted for other processes has been left alone for so long: who writes through a memory map changes the stamp
/// only when the system writes the page to the disk, half a minute later.
const RESTING: Duration = Duration::from_secs(60);

/// Shorter files are read again by each process: that costs no more than to look for a note.
const NOTED_FROM: u64 = 64 << 10;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

impl Memo {
    /// The digest of a file's bytes, and what the file looks like.
    pub(super) fn content(&self, path: &Path) -> io::Result<Content> {
        let stamp = Stamp::of(&fs::metadata(path)?)?;
        if let Some(known) = self.digests.get(path).filter(|known| known.0 == stamp) {
            return Ok(Content { stamp, digest: known.1, settled: true });
        }
        let notes = if stamp.len >= NOTED_FROM { notes::consulted() } else { None };
        if let Some(digest) = notes.as_ref().and_then(|notes| noted(&**notes, path, &stamp)) {
            let content = Content { stamp, digest, settled: true };
            self.remember(path, &content);
            return Ok(content);
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
                let settled = stamp.has_rested(RACY, began);
                let content = Content { stamp, digest, settled };
                self.remember(path, &content);
                if let Some(notes) = &notes
                    && stamp.has_rested(RESTING, began)
                    && (self.lasts)(path)
                {
                    note(&**notes, path, &content);
                }
                return Ok(content);
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

/// The name of the note about a file.
fn name(path: &Path) -> Option<Digest> {
    let path = std::path::absolute(path).ok()?;
    Some(Digest::of_bytes(&[b"daglite file v1\n", path.as_os_str().as_encoded_bytes()].concat()))
}

/// The digest of a file that looks like `stamp`, if another process has noted it.
fn noted(notes: &dyn Notes, path: &Path, stamp: &Stamp) -> Option<Digest> {
    let bytes = notes.noted(&name(path)?)?;
    let (digest, noted) = bytes.split_first_chunk::<32>()?;
    (noted == stamp.to_bytes()?).then(|| Digest::from_bytes(*digest))
}

/// Notes the digest of a file for other processes.
fn note(notes: &dyn Notes, path: &Path, content: &Content) {
    if let (Some(name), Some(stamp)) = (name(path), content.stamp.to_bytes()) {
        notes.note(&name, &[&content.digest.as_bytes()[..], &stamp].concat());
    }
}

/// Whether the file system at `path` is one of those that set the time of a file's last change themselves, at every
/// change: not all that are made of programs, or lie on other machines, do. The numbers are those of Linux's
/// `linux/magic.h` and of each file system's own headers.
#[cfg(target_os = "linux")]
fn lasts(path: &Path) -> bool {
    const EXT: u32 = 0xef53;
    const XFS: u32 = 0x5846_5342;
    const BTRFS: u32 = 0x9123_683e;
    const BCACHEFS: u32 = 0xca45_1a4e;
    const F2FS: u32 = 0xf2f5_2010;
    const ZFS: u32 = 0x2fc1_2fc1;
    const TMPFS: u32 = 0x0102_1994;
    const OVERLAY: u32 = 0x794c_7630;
    let kind = nix::sys::statfs::statfs(path).map(|found| found.filesystem_type().0 as u32);
    kind.is_ok_and(|kind| [EXT, XFS, BTRFS, BCACHEFS, F2FS, ZFS, TMPFS, OVERLAY].contains(&kind))
}

/// Elsewhere nobody has looked into it.
#[cfg(not(target_os = "linux"))]
fn lasts(_: &Path) -> bool {
    false
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

    /// Whether the last change lies so long before `now`.
    fn has_rested(&self, long: Duration, now: Timestamp) -> bool {
        let changed = self.changed().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.since(Timestamp::from_millis(0).after(changed));
        age.is_some_and(|age| age >= long)
    }

    /// All of it; `None` if it cannot be written down.
    fn to_bytes(self) -> Option<Vec<u8>> {
        let modified = self.modified.duration_since(UNIX_EPOCH).ok()?;
        let mut bytes = self.len.to_le_bytes().to_vec();
        bytes.extend(modified.as_nanos().to_le_bytes());
        self.place.write(&mut bytes);
        Some(bytes)
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

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.device, self.inode].into_iter().flat_map(u64::to_le_bytes));
        bytes.extend([self.seconds, self.nanos].into_iter().flat_map(i64::to_le_bytes));
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

    fn write(&self, _: &mut Vec<u8>) {}

    fn changed(&self) -> SystemTime {
        UNIX_EPOCH
    }
}

#[cfg(all(test, not(daglite_scheduled)))]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::super::notes::consulting;
    use super::*;

    /// Notes in memory.
    #[derive(Default)]
    struct Kept(Mutex<HashMap<Digest, Vec<u8>>>);

    impl Notes for Kept {
        fn noted(&self, name: &Digest) -> Option<Vec<u8>> {
            self.0.lock().get(name).cloned()
        }

        fn note(&self, name: &Digest, bytes: &[u8]) {
            self.0.lock().insert(*name, bytes.to_vec());
        }
    }

    impl Kept {
        /// Has every note say another digest.
        fn plant(&self, digest: Digest) {
            for bytes in self.0.lock().values_mut() {
                bytes[..32].copy_from_slice(digest.as_bytes());
            }
        }
    }

    fn memo(clock: Clock) -> Memo {
        Memo { clock, digests: DashMap::new(), lasts: |_| true }
    }

    /// The digest that a process which knows nothing finds in an hour, with notes at hand.
    fn digest_by(notes: &Arc<Kept>, path: &Path, memo: &Memo) -> Digest {
        let notes: Arc<dyn Notes> = Arc::clone(notes) as _;
        let _consulting = consulting(Some(notes));
        memo.content(path).unwrap().digest
    }

    #[test]
    fn a_note_of_another_process_spares_the_reading_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let large = |byte| vec![byte; NOTED_FROM as usize];
        fs::write(&path, large(1)).unwrap();
        let notes = Arc::new(Kept::default());
        assert_eq!(digest_by(&notes, &path, &memo_in_an_hour()), Digest::of_bytes(&large(1)));
        // What was noted is what is answered: a planted digest comes back, to who has not read the file.
        let planted = Digest::of_bytes(b"planted");
        notes.plant(planted);
        assert_eq!(digest_by(&notes, &path, &memo_in_an_hour()), planted);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, large(2)).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(digest_by(&notes, &path, &memo_in_an_hour()), Digest::of_bytes(&large(2)));
    }

    #[test]
    fn only_large_files_that_rest_where_times_can_be_trusted_are_noted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let is_noted = |memo: &Memo| {
            let notes = Arc::new(Kept::default());
            digest_by(&notes, &path, memo);
            !notes.0.lock().is_empty()
        };
        fs::write(&path, vec![1; NOTED_FROM as usize - 1]).unwrap();
        assert!(!is_noted(&memo_in_an_hour()), "a short file");
        fs::write(&path, vec![1; NOTED_FROM as usize]).unwrap();
        assert!(is_noted(&memo_in_an_hour()));
        assert!(!is_noted(&Memo { lasts: |_| false, ..memo_in_an_hour() }), "a network's file");
        let (clock, hands) = Clock::manual();
        hands.set(Clock::system().now().after(Duration::from_secs(50)));
        assert!(!is_noted(&memo(clock)), "a file of the last minute");
    }

    #[test]
    fn a_note_that_is_cut_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, vec![1; NOTED_FROM as usize]).unwrap();
        let notes = Arc::new(Kept::default());
        let digest = digest_by(&notes, &path, &memo_in_an_hour());
        let whole = notes.0.lock().values().next().unwrap().len();
        for length in (0..whole).rev() {
            notes.plant(Digest::of_bytes(b"planted"));
            notes.0.lock().values_mut().for_each(|bytes| bytes.truncate(length));
            assert_eq!(digest_by(&notes, &path, &memo_in_an_hour()), digest, "cut to {length}");
        }
    }

    fn memo_in_an_hour() -> Memo {
        let (clock, hands) = Clock::manual();
        hands.set(Clock::system().now().after(Duration::from_secs(3600)));
        memo(clock)
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
        let memo = memo(Clock::system());
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
        let memo = memo(clock);
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
