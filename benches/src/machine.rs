//! What the figures were measured on, and whether it was doing something else meanwhile.

use std::fs;
use std::path::Path;

/// One line: threads, and the load of the last minute where the system tells it. A load near the number of threads
/// before a bench begins means that its figures are too high.
pub fn describe() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    match load() {
        Some(load) => format!("{threads} threads, load {load}"),
        None => format!("{threads} threads"),
    }
}

/// The load of the last minute, if the system tells it.
fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(String::from)
}

/// Where `folder` is, and on what file system where the system tells it.
pub fn place(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    match file_system(&folder) {
        Some(kind) => format!("in {} ({kind})", folder.display()),
        None => format!("in {}", folder.display()),
    }
}

/// The kind of the file system that `folder` is on: that of the longest mount point above it, the last of several.
fn file_system(folder: &Path) -> Option<String> {
    let text = fs::read_to_string("/proc/mounts").ok()?;
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let above = mounts.filter(|(mounted, _)| folder.starts_with(mounted));
    let nearest = above.max_by_key(|(mounted, _)| mounted.as_os_str().len());
    nearest.map(|(_, kind)| kind.to_owned())
}
