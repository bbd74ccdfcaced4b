//! A process's own folder under `tmp`: what it writes before it is visible, and what must be cleaned up if it is killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::access::remove_whatever;
use super::layout::ObjectName;
use super::locks::open_lock;
use super::staged::Staged;

/// The file that is locked as long as the process lives.
const ALIVE: &str = "alive";
/// The file that lists the objects which were published and have no row yet.
const JOURNAL: &str = "published";
/// How often a new folder may be swept away by another process before we give up.
const ATTEMPTS: usize = 8;

/// A folder of this process alone. Removed when dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: Staged,
    /// Locked; other processes know by it that we live.
    _alive: File,
    /// The list of published objects.
    journal: Mutex<File>,
}

impl Workplace {
    /// A new folder in `tmp`, which must be there.
    pub(super) fn open(tmp: &Path) -> io::Result<Self> {
        for _ in 1..ATTEMPTS {
            if let Some(workplace) = Self::try_open(tmp)? {
                return Ok(workplace);
            }
        }
        Err(io::Error::other("another process removes new folders there"))
    }

    /// One attempt; `None` if the folder was swept away before it was locked.
    fn try_open(tmp: &Path) -> io::Result<Option<Self>> {
        let folder = Staged::folder(tmp)?;
        #[cfg(unix)]
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let path = folder.path().join(ALIVE);
        let alive = open_lock(&path)?;
        match alive.try_lock() {
            // A file system without locks: nobody can sweep by them either.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
        }
        if !path.exists() {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let journal = match options.open(folder.path().join(JOURNAL)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Ok(Some(Self { folder, _alive: alive, journal: Mutex::new(journal) }))
    }

    /// Where to write what is not visible yet.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether somebody has deleted it.
    pub(super) fn is_gone(&self) -> bool {
        !self.path().join(ALIVE).exists()
    }

    /// Notes that an object is about to be published whose row is yet to come.
    pub(super) fn announce(&self, name: &ObjectName) -> io::Result<()> {
        self.journal.lock().write_all(format!("{name}\n").as_bytes())
    }

    /// Notes that all rows of announced objects are there.
    pub(super) fn all_settled(&self) {
        // A list that stays longer than it need be costs a look at the next sweep.
        let _ = self.journal.lock().set_len(0);
    }
}

/// The folder of a process that is no more.
pub(super) struct Abandoned {
    path: PathBuf,
    /// Locked by us, so that nobody else sweeps it.
    _alive: File,
}

impl Abandoned {
    /// The folders in `tmp` whose processes have ended without removing them.
    pub(super) fn all(tmp: &Path) -> Vec<Self> {
        let Ok(found) = fs::read_dir(tmp) else { return Vec::new() };
        let abandoned = |entry: fs::DirEntry| {
            let alive = entry.path().join(ALIVE);
            if !alive.symlink_metadata().is_ok_and(|found| found.is_file()) {
                return None;
            }
            let file = OpenOptions::new().read(true).write(true).open(&alive).ok()?;
            file.try_lock().ok()?;
            Some(Self { path: entry.path(), _alive: file })
        };
        found.flatten().filter_map(abandoned).collect()
    }

    /// The objects that were published there and perhaps have no row.
    pub(super) fn objects(&self) -> Vec<ObjectName> {
        let text = fs::read(self.path.join(JOURNAL)).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(ObjectName::parse).collect()
    }

    /// Removes it.
    pub(super) fn remove(self) {
        // What cannot be removed now is swept later.
        let _ = remove_whatever(&self.path);
    }
}

/// Whether `path` is, or was, a process's own folder.
pub(super) fn is_workplace(path: &Path) -> bool {
    path.join(ALIVE).symlink_metadata().is_ok()
}
