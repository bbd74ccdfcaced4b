//! Keeps the files within the limits, and answers what people ask of them.
//!
//! A file has no count of its uses, so that `Lru` and `Lfu` go by when it was written.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::super::access::is_missing;
use super::super::browse::{Collected, EntryInfo, Totals};
use super::super::settings::{Eviction, HIGH_MARK, LOW_MARK};
use super::super::spool::{Body, Sink, Spool, Spooler};
use super::super::staged::{Staged, sweep_stale};
use super::super::verify::{Found, Problem};
use super::PlainFiles;
use crate::digest::Digest;
use crate::size::ByteSize;
use crate::store::flow::not_written;
use crate::store::{Artifact, ArtifactMeta, Glimpse, Lookup, Put, StoreError, WriteValue, Written};

/// Up to this size a value comes along with its metadata.
const COMES_ALONG: u64 = 1 << 10;
/// The folder is looked through after so many bytes have been put: a hundredth of what it may hold.
const LOOK_AFTER: u64 = 100;

/// Up to this size a value is gathered, and put as a whole.
const WRITE_AT_ONCE: usize = 64 << 10;

/// Where a value goes that is written bit by bit.
struct NewEntry<'a> {
    store: &'a PlainFiles,
    key: &'a Digest,
    meta: ArtifactMeta,
}

impl Spooler for NewEntry<'_> {
    fn refusal(&self, size: u64) -> Option<String> {
        // A folder that cannot be looked through is met again when the entry is published.
        self.store.refusal(size).ok().flatten()
    }

    fn open(&self) -> Result<(Staged, Box<dyn Sink>), StoreError> {
        let (staged, file) = self.store.new_file(self.key, &self.meta)?;
        Ok((staged, Box::new(file)))
    }

    fn failed(&self, cause: io::Error) -> StoreError {
        self.store.not_written(cause)
    }
}

/// One file.
struct File {
    path: PathBuf,
    key: Digest,
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
        if let Some(refusal) = self.refusal(artifact.meta.size)? {
            return Ok(Put::Refused(refusal));
        }
        let length = self.publish_entry(key, artifact)?;
        self.count_put(key, &artifact.meta, length);
        Ok(Put::Kept)
    }

    /// Puts what `write` writes under `key`: larger values go straight into a file.
    pub(in crate::store::file) fn put_with(
        &self,
        key: &Digest,
        mut meta: ArtifactMeta,
        write: &mut WriteValue<'_>,
    ) -> Result<Written, StoreError> {
        let place = NewEntry { store: self, key, meta: meta.clone() };
        let mut spool = Spool::new(&place);
        write(&mut spool).map_err(not_written)?;
        let (digest, size, body) = spool.finish(WRITE_AT_ONCE);
        (meta.digest, meta.size) = (digest, size);
        let put = match body {
            Body::Refused(why) => Ok(Put::Refused(why)),
            Body::Failed(error) => Err(error),
            Body::Few(bytes) => self.put(key, &Artifact { meta, bytes }),
            Body::File(staged, file) => {
                self.publish_written(key, &meta, staged, file).map(|length| {
                    self.count_put(key, &meta, length);
                    Put::Kept
                })
            }
        };
        Ok(Written { digest, size, put })
    }

    /// Why a value of this size is not taken in, if it is not.
    fn refusal(&self, size: u64) -> Result<Option<String>, StoreError> {
        match self.limits.refuse_size(size) {
            None if self.limits.eviction == Eviction::None => self.refuse_if_full(size),
            refusal => Ok(refusal),
        }
    }

    /// Notes that an entry was put, in a file of `length` bytes.
    fn count_put(&self, key: &Digest, meta: &ArtifactMeta, length: u64) {
        self.note_put(&meta.task, *key);
        self.put_since.fetch_add(meta.size, Ordering::Relaxed);
        if let Some((bytes, entries)) = &mut self.fill.lock().known {
            *bytes += length;
            *entries += 1;
        }
    }

    /// Why a value of this size is not taken in, if there is no room and nothing makes any.
    fn refuse_if_full(&self, size: u64) -> Result<Option<String>, StoreError> {
        let mut fill = self.fill.lock();
        let is_too_much =
            |(bytes, entries): (u64, u64)| self.limits.is_above(1.0, bytes + size, entries + 1);
        if !fill.is_full && fill.known.is_none_or(is_too_much) {
            // What was replaced had been counted twice.
            let totals = self.totals()?;
            let counted = (totals.bytes, totals.entries);
            fill.known = Some(counted);
            fill.is_full = is_too_much(counted);
        }
        let Some((bytes, entries)) = fill.known.filter(|_| fill.is_full) else { return Ok(None) };
        let full = format!(
            "is full, with {} in {entries} entries, and its policy evicts nothing",
            ByteSize::new(bytes)
        );
        if !std::mem::replace(&mut fill.told, true) {
            let root = self.layout.root().display();
            let notice =
                format!("the cache `{root}` {full}: new results are not cached; raise its limits");
            tracing::warn!("{notice}");
            self.notices.lock().push(notice);
        }
        Ok(Some(format!("the cache {full}: raise its limits")))
    }

    /// Something has been removed.
    pub(super) fn has_room_again(&self) {
        let mut fill = self.fill.lock();
        (fill.known, fill.is_full) = (None, false);
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
        self.has_room_again();
        removed
    }

    /// A run has ended.
    pub(in crate::store::file) fn end_run(&self) -> Result<(), StoreError> {
        self.write_recent();
        if self.put_since.load(Ordering::Relaxed) > self.look_after.load(Ordering::Relaxed) {
            let Collected { expired, evicted, bytes, .. } = self.collect(false)?;
            let mut sum = self.evicted.lock();
            sum.entries += expired + evicted;
            sum.bytes += bytes;
        }
        Ok(())
    }

    /// Removes what is above the limits, and what killed processes left; what has expired if there is need, or if
    /// somebody asks for it, as every file has to be read.
    pub(in crate::store::file) fn collect(&self, is_asked: bool) -> Result<Collected, StoreError> {
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
        self.forget_old_tasks();
        let mut files = Vec::new();
        self.each_entry(|path, key, found| {
            if found.is_file() {
                let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let (path, size) = (path.to_owned(), found.len());
                files.push(File { path, key: *key, size, written });
            }
        });
        let fill =
            |files: &[File]| (files.iter().map(|file| file.size).sum::<u64>(), files.len() as u64);
        let (mut bytes, mut entries) = fill(&files);
        if is_asked || self.limits.is_above(HIGH_MARK, bytes, entries) {
            let before = bytes;
            self.sweep_expired(&mut files)?;
            collected.expired = entries - files.len() as u64;
            (bytes, entries) = fill(&files);
            collected.bytes = before - bytes;
        }
        if collected.expired > 0 {
            self.has_room_again();
        }
        if !self.limits.is_above(HIGH_MARK, bytes, entries) {
            return Ok(collected);
        }
        match self.limits.eviction {
            Eviction::None => return Ok(collected),
            Eviction::LargestFirst => {
                files.sort_by_key(|file| (Reverse(file.size), file.written, file.key));
            }
            Eviction::Lru | Eviction::Lfu | Eviction::OldestFirst => {
                files.sort_by_key(|file| (file.written, file.key));
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

    /// Removes the files whose entries have expired, also from the list.
    fn sweep_expired(&self, files: &mut Vec<File>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut failed = None;
        files.retain(|file| {
            let meta = self.peek(&file.path, &file.key);
            let has_expired = meta.is_ok_and(|meta| meta.expires.is_some_and(|at| at <= now));
            if !has_expired || failed.is_some() {
                return true;
            }
            match fs::remove_file(&file.path) {
                Err(cause) if !is_missing(&cause) => {
                    failed = Some(StoreError::io("remove the expired entry", &file.path, cause));
                    true
                }
                _ => false,
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// Shows `visit` each entry that can be read.
    pub(in crate::store::file) fn walk(
        &self,
        visit: &mut dyn FnMut(EntryInfo),
    ) -> Result<(), StoreError> {
        self.each_entry(|path, key, found| {
            // What is damaged is not shown: `verify` tells.
            if let Ok(meta) = self.peek(path, key) {
                visit(EntryInfo { key: *key, meta, on_disk: found.len() });
            }
        });
        Ok(())
    }

    /// The counts.
    pub(in crate::store::file) fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        self.each_entry(|_, _, found| {
            if found.is_file() {
                totals.entries += 1;
                totals.bytes += found.len();
            }
        });
        Ok(totals)
    }

    /// What is wrong.
    pub(in crate::store::file) fn inspect(&self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        self.each_entry(|path, key, _| {
            found.entries += 1;
            if let Err(what) = self.check(path, key) {
                found.problems.push(Problem::of_entry(*key, what));
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

    /// Shows `visit` what lies in the place of each entry. What has another name is somebody else's.
    fn each_entry(&self, mut visit: impl FnMut(&Path, &Digest, &fs::Metadata)) {
        let Ok(shards) = fs::read_dir(self.layout.entries()) else { return };
        for shard in shards.flatten() {
            let Ok(files) = fs::read_dir(shard.path()) else { continue };
            for file in files.flatten() {
                let path = file.path();
                // Somebody may have removed it since.
                if let (Some(key), Ok(found)) = (key_of(&path), file.metadata()) {
                    visit(&path, &key, &found);
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
