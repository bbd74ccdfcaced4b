//! A folder under `tmp` in which one process works: others see by a lock that it is alive, and sweep what the dead left.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::access::is_missing;
use super::locks::open_lock;
use super::staged::Staged;

/// The file that is locked as long as the work lasts.
const ALIVE: &str = "alive";
/// How often a new folder may be swept away by another process before we give up.
const ATTEMPTS: usize = 8;

/// A folder of this process alone. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Living {
    folder: Staged,
    /// Locked; other processes know by it that we live.
    _alive: File,
}

impl Living {
    /// A new folder in `tmp`, which must be there, and what `prepare` makes in it.
    pub(crate) fn open<T>(
        tmp: &Path,
        prepare: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        for _ in 1..ATTEMPTS {
            let Some(living) = Self::try_open(tmp)? else { continue };
            match prepare(living.path()) {
                Err(cause) if is_missing(&cause) => {}
                prepared => return prepared.map(|prepared| (living, prepared)),
            }
        }
        Err(io::Error::other("another process removes new folders there"))
    }

    /// One attempt; `None` if the folder was swept away before it was locked.
    fn try_open(tmp: &Path) -> io::Result<Option<Self>> {
        let folder = Staged::folder(tmp)?;
        let path = folder.path().join(ALIVE);
        match try_lock(folder.path(), &path) {
            Err(cause) if is_missing(&cause) => Ok(None),
            locked => Ok(locked?.map(|alive| Self { folder, _alive: alive })),
        }
    }

    /// Where to write what is not visible yet.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether somebody has deleted it.
    pub(super) fn is_gone(&self) -> bool {
        !self.path().join(ALIVE).exists()
    }
}

/// Makes `folder` private and `alive` in it, and locks that; `None` if somebody was quicker.
fn try_lock(folder: &Path, alive: &PathBuf) -> io::Result<Option<File>> {
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let file = open_lock(alive)?;
    match file.try_lock() {
        // A file system without locks: nobody can sweep by them either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(alive.exists().then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
    }
}

/// The folder of a process that is no more.
#[derive(Debug)]
pub(crate) struct Abandoned {
    path: PathBuf,
    /// Locked by us, so that nobody else sweeps it.
    _alive: File,
}

impl Abandoned {
    /// The folders in `tmp` whose processes have ended without removing them.
    pub(crate) fn all(tmp: &Path) -> Vec<Self> {
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

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    pub(crate) fn remove(self) {
        // What cannot be removed now is swept later.
        let _ = clear(&self.path);
    }
}

/// Removes a folder, what says that somebody worked there last: if we are killed meanwhile, the rest is still known by it.
fn clear(folder: &Path) -> io::Result<()> {
    for found in fs::read_dir(folder)? {
        let found = found?;
        match found.file_type()?.is_dir() {
            true => fs::remove_dir_all(found.path())?,
            false if found.file_name() == ALIVE => {}
            false => fs::remove_file(found.path())?,
        }
    }
    fs::remove_file(folder.join(ALIVE))?;
    fs::remove_dir(folder)
}

/// Whether `path` is, or was, a folder in which a process works.
pub(crate) fn is_workplace(path: &Path) -> bool {
    path.join(ALIVE).symlink_metadata().is_ok()
}
