//! Where one save or delete works before it is done: a folder that is swept once its process is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::store::{Staged, is_missing};

/// The file that is locked as long as the work lasts.
const ALIVE: &str = "alive";
/// How often a new folder may be swept away by another process before we give up.
const ATTEMPTS: usize = 8;
/// How long one process waits for another to publish; one that is stopped must not hold up all.
const PATIENCE: Duration = Duration::from_secs(5);

/// A folder under `.tmp` for one piece of work. Removed when dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: Staged,
    /// Locked; other processes know by it that we live.
    _alive: File,
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
        let path = folder.path().join(ALIVE);
        let alive = match OpenOptions::new().create_new(true).write(true).open(&path) {
            Err(cause) if is_missing(&cause) => return Ok(None),
            opened => opened?,
        };
        match alive.try_lock() {
            // A file system without locks: nobody can sweep by them either.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
        }
        Ok(path.exists().then_some(Self { folder, _alive: alive }))
    }

    /// Where to write what is not visible yet.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes from `tmp` what processes left there that are gone. A courtesy: what cannot be removed now is swept later.
pub(super) fn sweep_abandoned(tmp: &Path) {
    let Ok(found) = fs::read_dir(tmp) else { return };
    for entry in found.flatten() {
        let alive = entry.path().join(ALIVE);
        if !alive.symlink_metadata().is_ok_and(|found| found.is_file()) {
            // Whoever has just made it, and finds it gone, makes another. One that is not empty stays.
            let _ = fs::remove_dir(entry.path());
            continue;
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&alive) else { continue };
        if file.try_lock().is_ok() {
            let _ = clear(&entry.path());
        }
    }
}

/// Removes a folder, what says that somebody works there last: if we are killed meanwhile, the rest is still known by it.
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

/// The right to change what is visible under `root`, among all processes; over when it is dropped, or its process dies.
///
/// It only keeps the order of saves and tags: nothing is lost without it, as where a folder cannot be locked, or somebody has
/// it too long.
pub(super) fn take_turn(root: &Path) -> Option<File> {
    if !cfg!(unix) {
        return None;
    }
    let folder = File::open(root).ok()?;
    let start = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_micros(200));
            }
            Err(_) => return None,
        }
    }
}
