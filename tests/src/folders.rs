//! A store's folder from outside: what lies in it, a copy of it, and a day that passes.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files and links under `root`, then the folders, as sorted relative paths.
pub fn tree(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        // A folder or file may vanish while another process works here.
        let Ok(found) = fs::read_dir(folder) else { continue };
        for entry in found.flatten() {
            let path = entry.path();
            let relative = path.strip_prefix(root).expect("it lies under the root").to_owned();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(relative);
                open.push(path);
            } else {
                files.push(relative);
            }
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

/// What a folder takes: its files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The number of files.
    pub files: u64,
    /// Their lengths together.
    pub bytes: u64,
}

/// What the files under `root` take.
pub fn taken(root: &Path) -> Taken {
    let (files, _) = tree(root);
    let length = |path: &PathBuf| root.join(path).symlink_metadata().map_or(0, |found| found.len());
    Taken { files: files.len() as u64, bytes: files.iter().map(length).sum() }
}

/// Copies the folders and files under `from` to `to`, which must not exist.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    let (files, folders) = tree(from);
    for folder in folders {
        fs::create_dir_all(to.join(folder)).expect("a folder can be made");
    }
    for file in files {
        fs::copy(from.join(&file), to.join(&file)).expect("a file can be copied");
    }
}

/// The class of a path in a store: a file right in the root or in its version folder is its own class, what lies deeper
/// belongs to the folder there, as `v1/entries`.
pub fn class(relative: &Path) -> String {
    let parts: Vec<_> = relative.iter().take(2).map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Makes every file and folder under `root` look a day and an hour older.
pub fn let_a_day_pass(root: &Path) {
    let (files, folders) = tree(root);
    for path in files.iter().chain(&folders) {
        let path = root.join(path);
        // Windows opens no folder; its folders stay young.
        let opened = OpenOptions::new().write(true).open(&path).or_else(|_| File::open(&path));
        let Ok(file) = opened else { continue };
        let changed = file.metadata().and_then(|found| found.modified()).expect("it has a time");
        file.set_modified(changed - Duration::from_secs(25 * 60 * 60)).expect("it can be set");
    }
}

/// Removes whatever is at `path`: a file, a link or a whole folder.
pub fn remove(path: &Path) {
    let Ok(found) = path.symlink_metadata() else { return };
    let removed = if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|cause| panic!("cannot remove {}: {cause}", path.display()));
}
