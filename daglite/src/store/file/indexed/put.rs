//! Takes entries in: small values in their rows, larger ones as objects.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::access::open_at_once;
use super::super::entry;
use super::super::layout::ObjectName;
use super::super::settings::Eviction;
use super::super::spool::{Body, Sink, Spool, Spooler};
use super::super::staged::Staged;
use super::super::workplace::Workplace;
use super::queue::Arrival;
use super::rows::{ROW_OVERHEAD, Row, State, slot_of};
use super::{Indexed, objects, pack};
use crate::digest::Digest;
use crate::size::ByteSize;
use crate::store::flow::not_written;
use crate::store::{Artifact, ArtifactMeta, Put, StoreError, WriteValue, Written};

/// Up to this size a value lies in its row.
const IN_PLACE: usize = 16 << 10;

impl Indexed {
    /// Puts `artifact` under `key`: it is found at once, and written with others.
    pub(in crate::store::file) fn put(
        self: &Arc<Self>,
        key: &Digest,
        artifact: &Artifact,
    ) -> Result<Put, StoreError> {
        let Artifact { meta, bytes } = artifact;
        entry::check_size(artifact)?;
        if let Some(refusal) = self.refusal(meta.size) {
            return Ok(Put::Refused(refusal));
        }
        self.ready_for_more()?;
        if bytes.len() <= IN_PLACE {
            self.add_in_place(key, meta, bytes)?;
            return Ok(Put::Kept);
        }
        let packed = match self.limits.compression {
            Some(level) => {
                let packed = pack::pack(bytes, level).map_err(|cause| self.cannot_pack(cause))?;
                // What does not get smaller is better read as it is.
                (packed.len() < bytes.len()).then_some(packed)
            }
            None => None,
        };
        let name = ObjectName::new(meta.digest, &meta.extension, packed.is_some());
        let stored = packed.as_deref().unwrap_or(bytes);
        self.add_object(key, meta, &name, stored.len() as u64, |workplace| {
            objects::write(&self.layout, workplace, &name, stored)
        })?;
        Ok(Put::Kept)
    }

    /// Puts what `write` writes under `key`: larger values go straight into a file.
    pub(in crate::store::file) fn put_with(
        self: &Arc<Self>,
        key: &Digest,
        mut meta: ArtifactMeta,
        write: &mut WriteValue<'_>,
    ) -> Result<Written, StoreError> {
        let place = NewObject { store: self };
        let mut spool = Spool::new(&place);
        write(&mut spool).map_err(not_written)?;
        let (digest, size, body) = spool.finish(IN_PLACE);
        (meta.digest, meta.size) = (digest, size);
        let put = match body {
            Body::Refused(why) => Ok(Put::Refused(why)),
            Body::Failed(error) => Err(error),
            Body::Few(bytes) => self
                .ready_for_more()
                .and_then(|()| self.add_in_place(key, &meta, &bytes))
                .map(|()| Put::Kept),
            Body::File(staged, file) => self
                .ready_for_more()
                .and_then(|()| self.put_staged(key, &meta, staged, file))
                .map(|()| Put::Kept),
        };
        Ok(Written { digest, size, put })
    }

    /// Makes an object of a file that has the value of `meta`.
    fn put_staged(
        self: &Arc<Self>,
        key: &Digest,
        meta: &ArtifactMeta,
        staged: Staged,
        file: File,
    ) -> Result<(), StoreError> {
        let failed = |cause| StoreError::io("write an object in", self.layout.tmp(), cause);
        let mut length = file.metadata().map_err(failed)?.len();
        // Windows renames no open file.
        drop(file);
        let mut staged = staged;
        let mut is_packed = self.limits.compression.is_some();
        if is_packed && length >= meta.size {
            // What does not get smaller is better read as it is.
            let packed = open_at_once(staged.path()).map_err(failed)?;
            let mut unpacked = pack::reader(packed).map_err(|cause| self.cannot_pack(cause))?;
            let (plain, mut file) = Staged::file(self.workplace()?.path()).map_err(failed)?;
            length = io::copy(&mut unpacked, &mut file).map_err(failed)?;
            (staged, is_packed) = (plain, false);
        }
        let name = ObjectName::new(meta.digest, &meta.extension, is_packed);
        self.add_object(key, meta, &name, length, |_| {
            objects::publish_staged(&self.layout, staged, &name, length)
        })
    }

    /// What has to be before a row is added.
    fn ready_for_more(&self) -> Result<(), StoreError> {
        if let Some(failure) = self.queue.take_failure() {
            return Err(failure);
        }
        self.prepare()
    }

    /// The error of a value that cannot be compressed.
    fn cannot_pack(&self, cause: io::Error) -> StoreError {
        StoreError::io("compress a value for", self.layout.root(), cause)
    }

    /// Adds the row of a value that lies in it.
    fn add_in_place(
        self: &Arc<Self>,
        key: &Digest,
        meta: &ArtifactMeta,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let bytes = entry::encode_with(key, meta, value)?;
        self.add_row(key, meta, bytes, None, 0)
    }

    /// Announces an object of `length` bytes, lets `publish` make it, and adds the row of its value.
    fn add_object(
        self: &Arc<Self>,
        key: &Digest,
        meta: &ArtifactMeta,
        name: &ObjectName,
        length: u64,
        publish: impl FnOnce(&Workplace) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let bytes = entry::encode_head(key, meta)?;
        let workplace = self.workplace()?;
        // Lives until the row is in the queue.
        let announced = workplace
            .announce(name)
            .map_err(|cause| StoreError::io("write an object in", workplace.path(), cause))?;
        publish(&workplace)?;
        let added = self.add_row(key, meta, bytes, Some(name.clone()), length);
        drop(announced);
        added
    }

    /// Adds a row to those that wait.
    fn add_row(
        self: &Arc<Self>,
        key: &Digest,
        meta: &ArtifactMeta,
        bytes: Vec<u8>,
        object: Option<ObjectName>,
        size: u64,
    ) -> Result<(), StoreError> {
        let expires = meta.expires.map(crate::clock::Timestamp::millis);
        let task = meta.task.clone();
        let row = Row { key: *key, task, order: 0, bytes, object, size, expires };
        self.usage.put(slot_of(key));
        if self.limits.eviction == Eviction::None {
            // Nothing makes room for what is too much: what waits counts already.
            let mut waiting = self.waiting.lock();
            *waiting = (waiting.0 + row.weight(), waiting.1 + 1);
        }
        if self.queue.add(row) == Arrival::NeedsWriter {
            self.start_writer()?;
        }
        Ok(())
    }

    /// Why a value of this size is not taken in, if it is not.
    fn refusal(&self, size: u64) -> Option<String> {
        if let Some(refusal) = self.limits.refuse_size(size) {
            return Some(refusal);
        }
        let (why, is_full) = match self.limits.eviction {
            Eviction::None => ("its policy evicts nothing", self.has_no_room_for(size)),
            _ => ("all of them are in use", self.is_full.load(Ordering::Relaxed)),
        };
        if !is_full {
            return None;
        }
        Some(format!(
            "the cache is full, with {} in {} entries, and {why}: raise its limits",
            ByteSize::new(self.bytes.load(Ordering::Relaxed)),
            self.entries.load(Ordering::Relaxed)
        ))
    }

    /// Whether a cache that evicts nothing would be above its limits with a value of this size.
    fn has_no_room_for(&self, size: u64) -> bool {
        let known = || (self.bytes.load(Ordering::Relaxed), self.entries.load(Ordering::Relaxed));
        if known().1 == 0
            && let Ok(Some(state)) = self.connections.read(State::load)
        {
            // The first put of this process: others may have filled the cache.
            self.note_state(&state);
        }
        let (bytes, entries) = known();
        let waiting = *self.waiting.lock();
        let (bytes, entries) = (bytes + waiting.0, entries + waiting.1);
        let bytes_then = bytes.saturating_add(size).saturating_add(ROW_OVERHEAD);
        let is_full = self.limits.is_above(1.0, bytes_then, entries + 1);
        if is_full && !self.told_full.swap(true, Ordering::Relaxed) {
            self.tell_full("its policy evicts nothing", bytes, entries);
        }
        is_full
    }

    /// Has users told that what is computed from now on is not kept.
    pub(super) fn tell_full(&self, why: &str, bytes: u64, entries: u64) {
        self.notify(format!(
            "the cache `{}` is full ({} in {entries} entries) and {why}: new results are not cached; raise its limits",
            self.layout.root().display(),
            ByteSize::new(bytes),
        ));
    }
}

/// Where a value goes that is written bit by bit.
struct NewObject<'a> {
    store: &'a Indexed,
}

impl Spooler for NewObject<'_> {
    fn refusal(&self, size: u64) -> Option<String> {
        self.store.refusal(size)
    }

    fn open(&self) -> Result<(Staged, Box<dyn Sink>), StoreError> {
        let workplace = self.store.workplace()?;
        let (staged, file) = Staged::file(workplace.path()).map_err(|cause| self.failed(cause))?;
        let sink: Box<dyn Sink> = match self.store.limits.compression {
            Some(level) => {
                pack::writer(file, level).map_err(|cause| self.store.cannot_pack(cause))?
            }
            None => Box::new(file),
        };
        Ok((staged, sink))
    }

    fn failed(&self, cause: io::Error) -> StoreError {
        StoreError::io("write an object in", self.store.layout.tmp(), cause)
    }
}
