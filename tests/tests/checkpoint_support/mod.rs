//! What the tests of checkpoints share: a store in a fresh folder, metadata at a given time, and short calls.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use daglite::FileCheckpoints;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use daglite::clock::Timestamp;
use daglite::store::StoreError;
use tempfile::TempDir;

/// 2026-11-22 19:30:15.123 UTC, in milliseconds.
pub(crate) const EVENING: u64 = 1_795_375_815_123;

/// The answer of a future that is ready at once, as those of the stores of this crate promise.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the future of a blocking store must be ready at once"),
    }
}

/// Checkpoints in a folder that is deleted at the end.
pub(crate) fn fresh() -> (TempDir, FileCheckpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    (folder, checkpoints)
}

/// The metadata of `bytes`, saved as `name` at a time in milliseconds.
pub(crate) fn meta(name: &str, bytes: &[u8], created: u64) -> CheckpointMeta {
    CheckpointMeta {
        format: "text".to_owned(),
        extension: "txt".to_owned(),
        ..CheckpointMeta::new(name, bytes, Timestamp::from_millis(created))
    }
}

/// Saves bytes through the contract, as the engine does, at a time in milliseconds.
pub(crate) fn try_save_at(
    store: &FileCheckpoints,
    name: &str,
    bytes: &[u8],
    created: u64,
) -> Result<Saved, StoreError> {
    now(CheckpointStore::save(store, meta(name, bytes, created), bytes.to_vec()))
}

/// Saves new bytes, which must work, and answers with the version.
pub(crate) fn save_at(store: &FileCheckpoints, name: &str, bytes: &[u8], created: u64) -> String {
    match try_save_at(store, name, bytes, created).unwrap() {
        Saved::New(version) => version,
        Saved::Unchanged(version) => panic!("{version} has the value already"),
    }
}

/// The bytes of a version, through the contract.
pub(crate) fn bytes(
    store: &FileCheckpoints,
    name: &str,
    version: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let loaded = now(CheckpointStore::load(store, name, &Version::from(version)))?;
    Ok(loaded.map(|(_, bytes)| bytes))
}

/// The folder of a version.
pub(crate) fn version_folder(root: &Path, name: &str, version: &str) -> PathBuf {
    root.join(name).join(version)
}

/// Every file under `root`, as sorted relative paths.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
