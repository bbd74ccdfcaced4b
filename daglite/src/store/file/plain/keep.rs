//! Keeps the files within the limits, and answers what people ask of them.
//!
//! A file has no count of its uses, so that `Lru` and `Lfu` go by when it was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::super::access::is_missing;
use super::super::browse::{Collected, EntryInfo, Totals};
use super::super::settings::{Eviction, HIGH_MARK, LOW_MARK};
use super::super::staged::sweep_stale;
use super::super::verify::{Found, Problem};
use super::PlainFiles;
use crate::digest::Digest;
use crate::store::{Artifact, Glimpse, Lookup, Put, StoreError};

/// Up to this size a value comes along with its metadata.
const COMES_ALONG: u64 = 1 << 10;
/// The folder is looked through after so many bytes have been put: a hundredth of what it may hold.
const LOOK_AFTER: u64 = 100;

/// One file.
struct File {
    path: PathBuf,
    size: u64,
    written: SystemTime,
}

impl PlainFiles {
    /// Puts `artifact` under `key`.
    pub(in crate::store::file) fn put(
        &self,
        key: &Digest,
        artifact: &Artifact,
    ) -> Result<Put, StoreError> {
        let size = artifact.meta.size;
        if let Some(refusal) = self.limits.refuse_size(size) {
            return Ok(Put::Refused(refusal));
        }
        self.publish_entry(key, artifact)?;
        self.put_since.fetch_add(size, Ordering::Relaxed);
        Ok(Put::Kept)
    }

    /// The entry of `key`, with its value if that is small.
    pub(in crate::store::file) fn glimpse(
        &self,
        key: &Digest,
    ) -> Result<Lookup<Glimpse>, StoreError> {
        Ok(match self.read_head(key)? {
            Lookup::Found(meta) if meta.size <= COMES_ALONG => match self.read_artifact(key)? {
                Lookup::Found(Artifact { meta, bytes }) => {
                    Lookup::Found(Glimpse { meta, bytes: Some(bytes) })
                }
                Lookup::Absent => Lookup::Absent,
                Lookup::Damaged(why) => Lookup::Damaged(why),
            },
            Lookup::Found(meta) => Lookup::Found(Glimpse { meta, bytes: None }),
            Lookup::Absent => Lookup::Absent,
            Lookup::Damaged(why) => Lookup::Damaged(why),
        })
    }

    /// Removes the entry of `key`; answers whether there was one.
    pub(in crate::store::file) fn remove(&self, key: &Digest) -> Result<bool, StoreError> {
        let removed = self.remove_entry(key);
        self.removals.fetch_add(1, Ordering::AcqRel);
        removed
    }

    /// A run has ended.
    pub(in crate::store::file) fn end_run(&self) -> Result<(), StoreError> {
        if self.put_since.load(Ordering::Relaxed) > self.look_after.load(Ordering::Relaxed) {
            self.collect()?;
        }
        Ok(())
    }

    /// Removes what is above the limits, and what killed processes left.
    pub(in crate::store::file) fn collect(&self) -> Result<Collected, StoreError> {
        self.put_since.store(0, Ordering::Relaxed);
        let look_after = self.limits.max_size.map_or(u64::MAX, |most| most / LOOK_AFTER);
        // With few entries allowed, few bytes may be too many.
        let look_after = if self.limits.max_entries.is_some() { 0 } else { look_after };
        self.look_after.store(look_after, Ordering::Relaxed);
        let mut collected = Collected::default();
        if !self.layout.root().exists() {
            return Ok(collected);
        }
        sweep_stale(self.layout.tmp());
        let mut files = Vec::new();
        self.each_file(|path, found| {
            let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push(File { path: path.to_owned(), size: found.len(), written });
        });
        let mut bytes: u64 = files.iter().map(|file| file.size).sum();
        let mut entries = files.len() as u64;
        if !self.limits.is_above(HIGH_MARK, bytes, entries) {
            return Ok(collected);
        }
        match self.limits.eviction {
            Eviction::None => return Ok(collected),
            Eviction::LargestFirst => files.sort_by_key(|file| std::cmp::Reverse(file.size)),
            Eviction::Lru | Eviction::Lfu | Eviction::OldestFirst => {
                files.sort_by_key(|file| file.written);
            }
        }
        for file in files {
            if !self.limits.is_above(LOW_MARK, bytes, entries) {
                break;
            }
            match fs::remove_file(&file.path) {
                Err(cause) if !is_missing(&cause) => {
                    return Err(StoreError::io("evict the cache entry", &file.path, cause));
                }
                _ => {
                    bytes = bytes.saturating_sub(file.size);
                    entries -= 1;
                    collected.evicted += 1;
                    collected.bytes += file.size;
                }
            }
        }
        Ok(collected)
    }

    /// Shows `visit` each entry that can be read.
    pub(in crate::store::file) fn walk(
        &self,
        visit: &mut dyn FnMut(EntryInfo),
    ) -> Result<(), StoreError> {
        self.each_file(|path, found| {
            let Some(key) = key_of(path) else { return };
            // What is damaged is not shown: `verify` tells.
            if let Ok(meta) = self.peek(path, &key) {
                visit(EntryInfo { key, meta, on_disk: found.len() });
            }
        });
        Ok(())
    }

    /// The counts.
    pub(in crate::store::file) fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        self.each_file(|_, found| {
            totals.entries += 1;
            totals.bytes += found.len();
        });
        Ok(totals)
    }

    /// What is wrong.
    pub(in crate::store::file) fn inspect(&self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        self.each_file(|path, _| {
            found.entries += 1;
            match key_of(path) {
                None => found.problems.push(Problem::of_store(format!(
                    "`{}` is no entry of this cache",
                    path.display()
                ))),
                Some(key) => {
                    if let Err(what) = self.check(path, &key) {
                        found.problems.push(Problem::of_entry(key, what));
                    }
                }
            }
        });
        Ok(found)
    }

    /// Mends what was found.
    pub(in crate::store::file) fn mend(&self, found: &Found) -> Result<(), StoreError> {
        for key in found.problems.iter().filter_map(|problem| problem.key) {
            // Reading removes what is damaged, and only that.
            self.read_artifact(&key)?;
        }
        Ok(())
    }

    /// Shows `visit` each file of an entry.
    fn each_file(&self, mut visit: impl FnMut(&Path, &fs::Metadata)) {
        let Ok(shards) = fs::read_dir(self.layout.entries()) else { return };
        for shard in shards.flatten() {
            let Ok(files) = fs::read_dir(shard.path()) else { continue };
            for file in files.flatten() {
                // Somebody may have removed it since.
                if let Ok(found) = file.metadata()
                    && found.is_file()
                {
                    visit(&file.path(), &found);
                }
            }
        }
    }
}

/// The key whose entry lies at `path`.
fn key_of(path: &Path) -> Option<Digest> {
    let shard = path.parent()?.file_name()?.to_str()?;
    let rest = path.file_name()?.to_str()?;
    format!("{shard}{rest}").parse().ok()
}
