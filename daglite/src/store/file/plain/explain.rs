//! What explains a miss: for each task a file of its last keys, and a file for what entries have in common.
//!
//! None of it is needed to find a value. So nothing here is an error: what cannot be written or read is not known.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::access::{create_private, open_at_once};
use super::super::publish::{Durable, publish};
use super::super::staged::Staged;
use super::PlainFiles;
use crate::digest::Digest;
use crate::store::{ArtifactMeta, StoreError, TaskRecord};

/// So many keys of a task are remembered as its last.
const RECENT: usize = 32;
/// A file that is longer than this is none of ours.
const LONGEST: u64 = 16 << 20;
/// So many files stay when the folder is looked through.
const MOST_FILES: usize = 2_000;

impl PlainFiles {
    /// Notes that an entry of `task` was put.
    pub(super) fn note_put(&self, task: &str, key: Digest) {
        let mut recent = self.recent.lock();
        let keys = match recent.get_mut(task) {
            Some(keys) => keys,
            None => recent.entry(task.to_owned()).or_default(),
        };
        if keys.len() >= RECENT {
            keys.pop_front();
        }
        keys.push_back(key);
    }

    /// Writes the last keys of each task behind those that were there.
    pub(super) fn write_recent(&self) {
        let recent = std::mem::take(&mut *self.recent.lock());
        for (task, new) in recent {
            let path = self.keys_of(&task);
            let mut keys = read_keys(&path);
            keys.extend(new);
            let last = &keys[keys.len().saturating_sub(RECENT)..];
            let bytes: Vec<u8> = last.iter().flat_map(|key| *key.as_bytes()).collect();
            self.write_file(&path, &bytes);
        }
    }

    /// Keeps what entries have in common.
    pub(in crate::store::file) fn describe(&self, record: &TaskRecord) -> Result<(), StoreError> {
        let path = self.record_of(&record.id());
        if !path.exists() {
            self.write_file(&path, &record.to_bytes());
        }
        Ok(())
    }

    /// The record under `id`.
    pub(in crate::store::file) fn described(&self, id: &Digest) -> Option<TaskRecord> {
        TaskRecord::from_bytes(&read(&self.record_of(id))?, id)
    }

    /// The last entries of `task`.
    pub(in crate::store::file) fn history(
        &self,
        task: &str,
        most: usize,
    ) -> Vec<(Digest, ArtifactMeta)> {
        let mut keys = read_keys(&self.keys_of(task));
        keys.extend(self.recent.lock().get(task).cloned().unwrap_or_default());
        let mut seen = HashSet::new();
        let new = keys.into_iter().rev().filter(|key| seen.insert(*key));
        let sound = new.filter_map(|key| {
            let meta = self.peek(&self.layout.entry(&key), &key).ok()?;
            (meta.task == task).then_some((key, meta))
        });
        sound.take(most).collect()
    }

    /// Forgets all of it.
    pub(super) fn forget_tasks(&self) {
        self.recent.lock().clear();
        let _ = fs::remove_dir_all(self.layout.tasks());
    }

    /// Forgets what was written longest ago, if there is too much.
    pub(super) fn forget_old_tasks(&self) {
        let Ok(found) = fs::read_dir(self.layout.tasks()) else { return };
        let written = |path: &Path| path.metadata().and_then(|found| found.modified());
        let mut files: Vec<_> = found
            .flatten()
            .map(|file| (written(&file.path()).unwrap_or(SystemTime::UNIX_EPOCH), file.path()))
            .collect();
        files.sort_unstable();
        for (_, path) in files.iter().take(files.len().saturating_sub(MOST_FILES)) {
            let _ = fs::remove_file(path);
        }
    }

    /// The file of the last keys of `task`.
    fn keys_of(&self, task: &str) -> PathBuf {
        self.layout.tasks().join(format!("{}.keys", Digest::of_bytes(task.as_bytes())))
    }

    /// The file of the record under `id`.
    fn record_of(&self, id: &Digest) -> PathBuf {
        self.layout.tasks().join(format!("{id}.record"))
    }

    /// Writes a file, whole or not at all.
    fn write_file(&self, path: &Path, bytes: &[u8]) {
        let folders = [self.layout.tasks(), self.layout.tmp()];
        if self.layout.prepare(&folders).is_err() || create_private(self.layout.tmp()).is_err() {
            return;
        }
        let Ok((mut staged, mut file)) = Staged::file(self.layout.tmp()) else { return };
        let written = file.write_all(bytes);
        drop(file);
        if written.is_ok() {
            let _ = publish(&mut staged, path, Durable::No);
        }
    }
}

/// The bytes of a file, unless it is missing or too long.
fn read(path: &Path) -> Option<Vec<u8>> {
    let file = open_at_once(path).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LONGEST).then_some(bytes)
}

/// The keys in a file, the last at the end.
fn read_keys(path: &Path) -> Vec<Digest> {
    let bytes = read(path).unwrap_or_default();
    let keys = bytes
        .chunks_exact(32)
        .map(|key| Digest::from_bytes(key.try_into().expect("a chunk of 32 has 32")));
    let keys: Vec<_> = keys.collect();
    keys[keys.len().saturating_sub(RECENT)..].to_vec()
}
