//! Where one save or delete works before it is done, which is swept once its process is gone; and whose turn it is.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::store::{Abandoned, is_workplace};

/// How long one process waits for another to publish; one that is stopped must not hold up all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes from `tmp` what processes left there that are gone. A courtesy: what cannot be removed now is swept later.
pub(super) fn sweep_abandoned(tmp: &Path) {
    let Ok(found) = fs::read_dir(tmp) else { return };
    for entry in found.flatten().filter(|entry| !is_workplace(&entry.path())) {
        // Whoever has just made it, and finds it gone, makes another. One that is not empty stays.
        let _ = fs::remove_dir(entry.path());
    }
    Abandoned::all(tmp).into_iter().for_each(Abandoned::remove);
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
