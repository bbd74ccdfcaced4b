//! Folders in memory, one for each process and use.

use std::fs;
use std::path::{Path, PathBuf};

/// What the names of all folders start with.
const PREFIX: &str = "daglite-fuzz-";

/// A new, empty folder of this process for `what`, in memory where the system has such a place. Those of processes that
/// are no more are removed: a fuzzer ends without cleaning up.
pub fn new_folder(what: &str) -> PathBuf {
    let shared = Path::new("/dev/shm");
    let above = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    for entry in fs::read_dir(&above).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.strip_prefix(PREFIX).and_then(|name| name.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = above.join(format!("{PREFIX}{}-{what}", std::process::id()));
    renew(&folder);
    folder
}

/// Makes `folder` a new, empty one.
pub fn renew(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("the folder can be made");
}

/// Every file below `folder`, and what is in it, sorted.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap_or_default();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}
