//! Writes entries and makes them visible; removes them all.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::super::access::{create_private, is_missing, remove_whatever};
use super::super::entry;
use super::super::publish::{Durable, publish, set_aside};
use super::super::staged::{Staged, sweep_stale};
use super::PlainFiles;
use crate::digest::Digest;
use crate::store::{Artifact, ArtifactMeta, StoreError};

/// How often a put starts again because somebody deletes the folder under it.
const ATTEMPTS: usize = 8;
/// Up to this size a value is copied behind its head, to write both at once.
const WRITE_AT_ONCE: usize = 64 << 10;

impl PlainFiles {
    /// Writes the entry of `key` and makes it visible; answers how long the file is.
    ///
    /// Nothing is synced: an entry that a loss of power tears fails its checksums and counts as damaged.
    pub(super) fn publish_entry(
        &self,
        key: &Digest,
        artifact: &Artifact,
    ) -> Result<u64, StoreError> {
        let Artifact { meta, bytes } = artifact;
        entry::check_size(artifact)?;
        let head = entry::encode_head(key, meta)?;
        let length = (head.len() + bytes.len()) as u64;
        if !self.prepared.load(Ordering::Acquire) {
            self.prepare()?;
        }
        for _ in 1..ATTEMPTS {
            match self.try_publish(key, &head, bytes) {
                Err(Refused { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                    self.prepare()?
                }
                done => return done.map(|()| length).map_err(StoreError::from),
            }
        }
        self.try_publish(key, &head, bytes).map(|()| length).map_err(StoreError::from)
    }

    /// One attempt to write the entry, in folders that may vanish meanwhile.
    fn try_publish(&self, key: &Digest, head: &[u8], value: &[u8]) -> Result<(), Refused> {
        let tmp = self.layout.tmp();
        let refused = |cause| Refused::new("write the cache entry in", tmp, cause);
        let (mut staged, file) = Staged::file(tmp).map_err(refused)?;
        write_entry(file, head, value).map_err(refused)?;
        let target = self.layout.entry(key);
        // Most folders are there already: asking for the rename first saves two calls a put.
        if publish(&mut staged, &target, Durable::No).is_ok() {
            return Ok(());
        }
        self.make_way(key, &target)?;
        publish(&mut staged, &target, Durable::No)
            .map_err(|cause| Refused::new("publish the cache entry", &target, cause))
    }

    /// Makes a file that has the value of `meta` behind an empty head the entry of `key`; answers how long it is.
    pub(super) fn publish_written(
        &self,
        key: &Digest,
        meta: &ArtifactMeta,
        mut staged: Staged,
        mut file: File,
    ) -> Result<u64, StoreError> {
        let head = entry::encode_head(key, meta)?;
        let refused = |cause| Refused::new("write the cache entry in", self.layout.tmp(), cause);
        file.rewind().and_then(|()| file.write_all(&head)).map_err(refused)?;
        drop(file);
        let target = self.layout.entry(key);
        for _ in 0..ATTEMPTS {
            if publish(&mut staged, &target, Durable::No).is_ok() {
                break;
            }
            self.make_way(key, &target)?;
        }
        if staged.is_pending() {
            publish(&mut staged, &target, Durable::No)
                .map_err(|cause| Refused::new("publish the cache entry", &target, cause))?;
        }
        Ok(head.len() as u64 + meta.size)
    }

    /// A new file that begins with room for the head of `meta`, whose length does not depend on the value.
    pub(super) fn new_file(
        &self,
        key: &Digest,
        meta: &ArtifactMeta,
    ) -> Result<(Staged, File), StoreError> {
        let head = entry::encode_head(key, meta)?;
        if !self.prepared.load(Ordering::Acquire) {
            self.prepare()?;
        }
        for attempt in 1.. {
            let (staged, mut file) = match Staged::file(self.layout.tmp()) {
                Err(cause) if is_missing(&cause) && attempt < ATTEMPTS => {
                    self.prepare()?;
                    continue;
                }
                made => made.map_err(|cause| self.not_written(cause))?,
            };
            file.write_all(&head).map_err(|cause| self.not_written(cause))?;
            return Ok((staged, file));
        }
        unreachable!("the last attempt answers")
    }

    /// The error of a file that takes no more.
    pub(super) fn not_written(&self, cause: io::Error) -> StoreError {
        StoreError::io("write the cache entry in", self.layout.tmp(), cause)
    }

    /// Makes the folders above `target` and removes what has taken their place or its own.
    fn make_way(&self, key: &Digest, target: &Path) -> Result<(), Refused> {
        let shard = self.layout.shard(key);
        if shard.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !shard.is_dir() {
            remove_whatever(&shard)
                .map_err(|cause| Refused::new("remove the damaged", &shard, cause))?;
        }
        create_private(&shard).map_err(|cause| Refused::new("create the folder", &shard, cause))?;
        if target.is_dir() {
            remove_whatever(target)
                .map_err(|cause| Refused::new("remove the damaged", target, cause))?;
        }
        Ok(())
    }

    /// Makes the folders of the store, and sweeps what killed processes left.
    fn prepare(&self) -> Result<(), StoreError> {
        self.layout.prepare(&[self.layout.entries(), self.layout.tmp()])?;
        sweep_stale(self.layout.tmp());
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes every entry, all at once where the system can.
    pub(in crate::store::file) fn remove_all(&self) -> Result<(), StoreError> {
        let removed = self.try_remove_all();
        self.forget_tasks();
        // Afterwards: who reads an entry before it goes has counted the removals before.
        self.removals.fetch_add(1, Ordering::AcqRel);
        self.has_room_again();
        removed
    }

    /// Removes them, or as many as it can.
    fn try_remove_all(&self) -> Result<(), StoreError> {
        let entries = self.layout.entries();
        let failed = |cause| StoreError::io("clear the cache in", entries, cause);
        if !entries.exists() {
            return Ok(());
        }
        create_private(self.layout.tmp()).map_err(failed)?;
        sweep_stale(self.layout.tmp());
        match set_aside(entries, self.layout.tmp()) {
            Ok(aside) => aside.remove().map_err(failed),
            Err(cause) if is_missing(&cause) => Ok(()),
            // Windows does not rename a folder while a file in it is open.
            Err(_) => fs::remove_dir_all(entries).map_err(failed),
        }
    }
}

/// What the operating system refused to do while an entry was published.
struct Refused {
    act: &'static str,
    path: std::path::PathBuf,
    cause: io::Error,
}

impl Refused {
    /// It refused to `act` on `path`.
    fn new(act: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { act, path: path.to_owned(), cause }
    }
}

impl From<Refused> for StoreError {
    fn from(Refused { act, path, cause }: Refused) -> Self {
        Self::io(act, &path, cause)
    }
}

/// Writes an entry; the file is closed then, as Windows renames no open file.
fn write_entry(mut file: File, head: &[u8], value: &[u8]) -> io::Result<()> {
    if value.len() <= WRITE_AT_ONCE {
        return file.write_all(&[head, value].concat());
    }
    file.write_all(head)?;
    file.write_all(value)
}
