//! Puts entries, in batches; removes them; cleans up after processes that were killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, Transaction};

use super::super::access::{is_missing, remove_whatever};
use super::super::entry;
use super::super::layout::ObjectName;
use super::super::publish::set_aside;
use super::super::staged::{Staged, sweep_stale};
use super::super::workplace::Abandoned;
use super::objects::remove_unneeded;
use super::queue::{Arrival, Batch};
use super::rows::{Edit, Row, State, slot_of};
use super::trouble::Trouble;
use super::usage::Due;
use super::{Failed, Indexed, objects, pack};
use crate::digest::Digest;
use crate::size::ByteSize;
use crate::store::{Artifact, Put, StoreError};

/// Up to this size a value lies in its row.
const IN_PLACE: usize = 16 << 10;
/// A log longer than this is moved into the index when a run ends, so that whoever opens the store next need not read it.
const LONG_LOG: u64 = 4 << 20;

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
        if let Some(failure) = self.queue.take_failure() {
            return Err(failure);
        }
        let workplace = self.workplace()?;
        let mut row_bytes = entry::encode_head(key, meta)?;
        // Lives until the row is in the queue.
        let mut announced = None;
        let (object, size) = if bytes.len() <= IN_PLACE {
            row_bytes.extend_from_slice(bytes);
            (None, 0)
        } else {
            let packed = match self.limits.compression {
                Some(level) => {
                    let packed = pack::pack(bytes, level).map_err(|cause| {
                        StoreError::io("compress a value for", self.layout.root(), cause)
                    })?;
                    // What does not get smaller is better read as it is.
                    (packed.len() < bytes.len()).then_some(packed)
                }
                None => None,
            };
            let name = ObjectName::new(meta.digest, &meta.extension, packed.is_some());
            let stored = packed.as_deref().unwrap_or(bytes);
            announced =
                Some(workplace.announce(&name).map_err(|cause| {
                    StoreError::io("write an object in", workplace.path(), cause)
                })?);
            objects::write(&self.layout, &workplace, &name, stored)?;
            (Some(name), stored.len() as u64)
        };
        let expires = meta.expires.map(crate::clock::Timestamp::millis);
        let row = Row { key: *key, bytes: row_bytes, object, size, expires };
        self.usage.put(slot_of(key));
        let arrival = self.queue.add(row);
        drop(announced);
        if arrival == Arrival::NeedsWriter {
            self.start_writer()?;
        }
        Ok(Put::Kept)
    }

    /// Why a value of this size is not taken in, if it is not.
    fn refusal(&self, size: u64) -> Option<String> {
        if let Some(refusal) = self.limits.refuse_size(size) {
            return Some(refusal);
        }
        if !self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        Some(format!(
            "the cache is full, with {} in {} entries that are in use: raise `max_size`",
            ByteSize::new(self.bytes.load(Ordering::Relaxed)),
            self.entries.load(Ordering::Relaxed)
        ))
    }

    /// Makes the thread that writes batches; it ends when there is nothing to write for a while.
    fn start_writer(self: &Arc<Self>) -> Result<(), StoreError> {
        let store = Arc::clone(self);
        let work = move || {
            while store.queue.wait_for_batch() {
                // The failure is told by the next put, or at the end of the run.
                let _ = store.write_now();
                store.evict_if_needed();
            }
        };
        let thread = std::thread::Builder::new().name("daglite store".to_owned());
        if thread.spawn(work).is_ok() {
            return Ok(());
        }
        // A machine that gives no more threads: every put is written by itself.
        self.queue.has_no_writer();
        self.write_now()
    }

    /// Writes what waits, and what has been counted.
    pub(super) fn write_now(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock();
        let batch = self.queue.take();
        let due = self.usage.take();
        if batch.rows.is_empty() && batch.superseded.is_empty() {
            if due.is_empty() || !self.connections.path().exists() {
                return Ok(());
            }
            // Counts are not worth an error: a store on a read-only medium still answers.
            let _ = self.guarded(|| self.write_batch(&batch, &due));
            return Ok(());
        }
        let written = match self.guarded(|| self.write_batch(&batch, &due)) {
            // The damaged index is out of the way: the rows go into the new one.
            Err(Failed::Damaged(_)) => self.guarded(|| self.write_batch(&batch, &due)),
            written => written,
        };
        let failure = written.err().map(|failed| failed.into_error(&self.layout));
        for key in self.queue.written(failure) {
            self.locks.release(&key);
        }
        self.strike_out();
        Ok(())
    }

    /// Strikes out the announced objects whose rows are written, and removes those whose rows were given up.
    fn strike_out(&self) {
        let workplace = self.workplace.lock().clone();
        let Some(workplace) = workplace else { return };
        let settled = workplace.strike_out(|| self.queue.objects());
        if !settled.is_empty() {
            // What is missed here is an orphan that `gc` finds.
            let _ = self.settle(&settled);
        }
    }

    /// Writes a batch in one transaction.
    fn write_batch(&self, batch: &Batch, due: &Due) -> Result<(), Trouble> {
        self.edit(|transaction, edit| {
            due.write(transaction, edit.state.next)?;
            edit.state.hits += due.hits;
            edit.state.misses += due.misses;
            edit.state.saved += due.saved;
            for row in &batch.rows {
                edit.put(row)?;
            }
            for name in &batch.superseded {
                edit.release(name.clone());
            }
            Ok(())
        })
    }

    /// Changes rows in one transaction, and removes the objects that nobody uses afterwards.
    pub(super) fn edit<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>, &mut Edit<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let workplace = self.workplace.lock().clone();
        let (changed, state, unneeded) = self.connections.write(|transaction| {
            let mut edit = Edit::begin(transaction, &self.layout)?;
            let changed = change(transaction, &mut edit)?;
            let (state, unneeded) = edit.finish()?;
            if let Some(workplace) = &workplace
                && !unneeded.is_empty()
            {
                // If we are killed before they are removed, whoever sweeps removes them.
                let _ = workplace.note_released(&unneeded);
            }
            Ok((changed, state, unneeded))
        })?;
        self.note_state(&state);
        if !unneeded.is_empty() {
            // What is missed here is an orphan that `gc` finds.
            let _ = self.settle(&unneeded);
            if let Some(workplace) = &workplace {
                workplace.all_removed();
            }
        }
        Ok(changed)
    }

    /// Remembers how full the store is.
    pub(super) fn note_state(&self, state: &State) {
        self.bytes.store(state.bytes, Ordering::Relaxed);
        self.entries.store(state.entries, Ordering::Relaxed);
    }

    /// Moves a long log into the index.
    pub(super) fn shorten_log(&self) {
        let [_, log, _] = self.layout.index_files();
        if log.metadata().is_ok_and(|found| found.len() > LONG_LOG) {
            // A courtesy to the next process: if others read just now, it is left as it is.
            let _ = self.connections.with_writer(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                Ok(())
            });
        }
    }

    /// Removes the entry of `key`; answers whether there was one.
    pub(in crate::store::file) fn remove(&self, key: &Digest) -> Result<bool, StoreError> {
        Ok(self.remove_all_of(std::slice::from_ref(key))? > 0)
    }

    /// Removes the entries under `keys` in one transaction; answers how many there were.
    pub(in crate::store::file) fn remove_all_of(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.write_now()?;
        if !self.connections.path().exists() {
            return Ok(0);
        }
        let removed = self.guarded(|| {
            self.edit(|_, edit| {
                let mut removed = 0;
                for key in keys {
                    removed += u64::from(edit.remove_slot(slot_of(key))?);
                }
                Ok(removed)
            })
        });
        self.removals.fetch_add(1, Ordering::AcqRel);
        match removed {
            Ok(removed) => Ok(removed),
            Err(Failed::Damaged(_)) => Ok(0),
            Err(failed) => Err(failed.into_error(&self.layout)),
        }
    }

    /// Removes every entry.
    pub(in crate::store::file) fn clear(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock();
        self.queue.clear();
        for key in self.queue.written(None) {
            self.locks.release(&key);
        }
        self.usage.forget();
        self.removals.fetch_add(1, Ordering::AcqRel);
        if !self.connections.path().exists() {
            return Ok(());
        }
        let cleared = self.guarded(|| {
            let mut aside = None;
            let state = self.connections.write(|transaction| {
                transaction.execute_batch(
                    "DELETE FROM entry; DELETE FROM slot; DELETE FROM object; DELETE FROM touch; \
                     UPDATE state SET entries = 0, bytes = 0;",
                )?;
                // In the transaction: whoever writes a row next sees that its object is gone.
                aside = self.set_objects_aside()?;
                State::load(transaction)
            })?;
            drop(aside);
            self.connections.with_writer(|connection| {
                connection.execute_batch("PRAGMA incremental_vacuum")?;
                Ok(())
            })?;
            Ok(state)
        });
        match cleared {
            Ok(state) => {
                self.note_state(&state);
                Ok(())
            }
            // What was in it is gone all the same.
            Err(Failed::Damaged(_)) => Ok(()),
            Err(failed) => Err(failed.into_error(&self.layout)),
        }
    }

    /// Makes all objects invisible at once; what is returned removes them.
    fn set_objects_aside(&self) -> Result<Option<Staged>, Trouble> {
        let objects = self.layout.objects();
        match set_aside(objects, self.layout.tmp()) {
            Ok(aside) => Ok(Some(aside)),
            Err(cause) if is_missing(&cause) && !objects.exists() => Ok(None),
            // Windows renames no folder while a file in it is open.
            Err(_) => match remove_whatever(objects) {
                Err(cause) if !is_missing(&cause) => {
                    Err(StoreError::io("clear the objects in", objects, cause).into())
                }
                _ => Ok(None),
            },
        }
    }

    /// Cleans up after processes that were killed.
    pub(super) fn sweep(&self) {
        sweep_stale(self.layout.tmp());
        for abandoned in Abandoned::all(self.layout.tmp()) {
            let objects = abandoned.objects();
            // Its journal would protect them.
            abandoned.forget_objects();
            // A failure leaves them to `gc`.
            let _ = self.settle(&objects);
            abandoned.remove();
        }
    }

    /// Removes those of `objects` that no row needs; answers how many that were.
    pub(super) fn settle(&self, objects: &[ObjectName]) -> Result<u64, StoreError> {
        let settled = self.guarded(|| {
            let without_row = |connection: &Connection, some: &[ObjectName]| {
                let mut statement =
                    connection.prepare_cached("SELECT 1 FROM object WHERE name = ?1")?;
                let mut without = Vec::new();
                for name in some {
                    if !statement.exists([name.to_string()])? {
                        without.push(name.clone());
                    }
                }
                Ok(without)
            };
            let mut removed = 0;
            for some in objects.chunks(100) {
                // Nearly always none: nobody need wait for a transaction that writes nothing.
                let suspects = self.connections.read(|connection| without_row(connection, some))?;
                let suspects = suspects.unwrap_or_else(|| some.to_vec());
                if suspects.is_empty() {
                    continue;
                }
                removed += self.connections.write(|transaction| {
                    let unneeded = without_row(transaction, &suspects)?;
                    Ok(remove_unneeded(&self.layout, &self.aside(), &unneeded)?)
                })?;
            }
            Ok(removed)
        });
        settled.map_err(|failed| failed.into_error(&self.layout))
    }
}
