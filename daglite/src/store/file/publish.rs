//! Makes things visible, whole and at once: the only place that renames.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::staged::Staged;

/// Whether what is published must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// It may be lost or torn then: whoever reads it notices by its digest.
    No,
    /// Data and folders are on the disk before and after it becomes visible.
    Yes,
}

/// Makes `staged` visible as `target`, on the same volume: whole, or not at all. On failure it stays staged.
///
/// A file replaces the file in its place. A folder takes the place of nothing but an empty folder.
pub(crate) fn publish(staged: &mut Staged, target: &Path, durable: Durable) -> io::Result<()> {
    match durable {
        Durable::No => move_whole(staged.path(), target)?,
        Durable::Yes => {
            sync_all_in(staged.path())?;
            move_whole(staged.path(), target)?;
        }
    }
    staged.forget();
    match (durable, target.parent()) {
        (Durable::Yes, Some(folder)) => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Makes `visible` invisible at once; what is returned removes it.
pub(crate) fn set_aside(visible: &Path, tmp: &Path) -> io::Result<Staged> {
    let aside = Staged::unused_name(tmp);
    move_whole(visible, aside.path())?;
    Ok(aside)
}

/// Moves a file or folder that is in the way to a place that is free, on the same volume.
pub(super) fn move_aside(from: &Path, to: &Path) -> io::Result<()> {
    move_whole(from, to)
}

/// Gives a file a second name, on the same volume: whole at once, as it is already.
pub(super) fn add_name(file: &Path, name: &Path) -> io::Result<()> {
    fs::hard_link(file, name)
}

/// The one door to renaming.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that renames; its callers sync and clean up"
)]
fn move_whole(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Waits until a file, or a folder and the files right in it, are on the disk.
fn sync_all_in(path: &Path) -> io::Result<()> {
    if path.is_file() {
        return sync_file(path);
    }
    for found in fs::read_dir(path)? {
        sync_file(&found?.path())?;
    }
    sync_folder(path)
}

/// Waits until the file's bytes are on the disk.
fn sync_file(path: &Path) -> io::Result<()> {
    // Windows syncs only files that are open for writing.
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Waits until the names in the folder are on the disk, where the system can do that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
