//! What the tests of stores with an index share: lasting artifacts, the index as SQL, the objects, and patience.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use daglite::store::{Artifact, CacheStore, Put, RunReport};
use daglite::{Digest, FileStore};
use rusqlite::Connection;

use super::store_support::{artifact, now};

/// Values above this size are objects.
pub(crate) const IN_PLACE: usize = 16 << 10;

/// An artifact of `bytes` that does not expire.
pub(crate) fn lasting(bytes: &[u8]) -> Artifact {
    let mut lasting = artifact(bytes);
    lasting.meta.expires = None;
    lasting
}

/// A value that is kept as an object, and differs for each `seed`.
pub(crate) fn large(seed: u64) -> Vec<u8> {
    bytes(seed, IN_PLACE + 1)
}

/// A value of that length that differs for each `seed` and cannot be compressed.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// What `put` answers, which must not be an error.
pub(crate) fn try_put(store: &FileStore, key: &Digest, artifact: &Artifact) -> Put {
    now(store.put(key, artifact)).expect("the store can be written")
}

/// Ends a run that found nothing: what was put is written.
pub(crate) fn flush(store: &FileStore) {
    now(store.end_run(&RunReport::default())).expect("the store can be written");
}

/// Where the index of the store in `root` lies.
pub(crate) fn index(root: &Path) -> PathBuf {
    root.join("v1/index.sqlite")
}

/// The index, to look into it and to damage it.
pub(crate) fn sql(root: &Path) -> Connection {
    let connection = Connection::open(index(root)).expect("there is an index");
    connection.busy_timeout(Duration::from_secs(5)).expect("a time is a time");
    connection
}

/// A number that `query` asks the index for.
pub(crate) fn ask(root: &Path, query: &str) -> i64 {
    sql(root).query_row(query, [], |row| row.get(0)).expect("the question is right")
}

/// Moves the log into the index, so that what is done to the file is done to the entries.
pub(crate) fn settle(root: &Path) {
    let moved = sql(root).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(moved, Ok(0), "nobody reads meanwhile");
}

/// Every object file, sorted.
pub(crate) fn objects(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.join("v1/objects")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The object that has the value `bytes`.
pub(crate) fn object_of(root: &Path, bytes: &[u8]) -> PathBuf {
    let name = Digest::of_bytes(bytes).to_string();
    root.join(format!("v1/objects/{}/{}/{}.bin", &name[..2], &name[2..4], &name[4..]))
}

/// Flips a bit of the byte at `place` of a file.
pub(crate) fn flip(path: &Path, place: usize) {
    let mut bytes = fs::read(path).expect("the file is there");
    bytes[place] ^= 0x20;
    fs::write(path, bytes).expect("the file can be written");
}

/// Makes a file look as if it had been written that long ago.
pub(crate) fn age(path: &Path, age: Duration) {
    let file = File::options().write(true).open(path).expect("the file is there");
    let modified = file.metadata().and_then(|found| found.modified()).expect("files have times");
    let before = modified.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    file.set_modified(before).expect("the time can be set");
}

/// Asks again until `is_so`, for at most that long.
pub(crate) fn within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "after {patience:?} still not: {what}");
        std::thread::yield_now();
    }
}

/// Asks again until `is_so`, for as long as a busy machine may take.
pub(crate) fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    within(Duration::from_secs(20), what, is_so);
}
