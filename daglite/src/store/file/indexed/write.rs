//! Writes what was put, in batches; removes entries; cleans up after processes that were killed.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::super::access::{is_missing, remove_whatever};
use super::super::layout::ObjectName;
use super::super::living::Abandoned;
use super::super::publish::set_aside;
use super::super::settings::{Eviction, HIGH_MARK};
use super::super::staged::{Staged, sweep_stale};
use super::super::workplace::Workplace;
use super::objects::remove_unneeded;
use super::queue::Batch;
use super::rows::{self, Edit, State, slot_of};
use super::trouble::Trouble;
use super::usage::Due;
use super::{Indexed, explain, notes, objects};
use crate::digest::Digest;
use crate::store::{Fate, StoreError};

/// How often a batch is written again because the index has been replaced meanwhile.
const ATTEMPTS: usize = 4;
/// A log longer than this is moved into the index when a run ends, so that whoever opens the store next need not read it.
const LONG_LOG: u64 = 4 << 20;

impl Indexed {
    /// Makes the thread that writes batches; it ends when there is nothing to write for a while.
    pub(super) fn start_writer(self: &Arc<Self>) -> Result<(), StoreError> {
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
        if batch.is_empty() {
            if due.is_empty() || !self.connections.path().exists() {
                return Ok(());
            }
            // Counts are not worth an error: a store on a read-only medium still answers.
            let _ = self.guarded(|| self.write_batch(&batch, &due));
            return Ok(());
        }
        let mut written = Ok(());
        for _ in 0..ATTEMPTS {
            let generation = Cell::new(0);
            written = self.guarded_twice(|| {
                self.connections.refresh();
                generation.set(self.connections.generation());
                self.write_batch(&batch, &due)
            });
            self.connections.refresh();
            // Somebody deleted the index, or moved it aside, while we waited for our turn: nobody sees what is in it.
            if written.is_err() || self.connections.generation() == generation.get() {
                break;
            }
        }
        let failure = written.err().map(|failed| failed.into_error(&self.layout));
        for key in self.queue.written(failure) {
            self.locks.release(&key);
        }
        self.count_written(&batch);
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

    /// Notes that what was in a batch waits no more.
    fn count_written(&self, batch: &Batch) {
        if self.limits.eviction == Eviction::None {
            let bytes = batch.rows.iter().map(|row| row.weight()).sum();
            let mut waiting = self.waiting.lock();
            // A row that was replaced while it waited counts until nothing waits.
            *waiting = if self.queue.is_empty() {
                (0, 0)
            } else {
                (waiting.0.saturating_sub(bytes), waiting.1.saturating_sub(batch.rows.len() as u64))
            };
        }
    }

    /// Writes a batch in one transaction.
    fn write_batch(&self, batch: &Batch, due: &Due) -> Result<(), Trouble> {
        self.edit(|transaction, edit| {
            due.write(transaction, &edit.state)?;
            edit.state.hits = edit.state.hits.saturating_add(due.hits);
            edit.state.misses = edit.state.misses.saturating_add(due.misses);
            edit.state.saved = edit.state.saved.saturating_add(due.saved);
            for record in &batch.records {
                explain::write_record(transaction, record)?;
            }
            notes::write(transaction, &batch.notes)?;
            for row in &batch.rows {
                edit.put(row)?;
            }
            for name in &batch.superseded {
                edit.release(name.clone());
            }
            Ok(())
        })?;
        if !batch.rows.is_empty() {
            self.changes.count();
            self.has_written.store(true, Ordering::Relaxed);
        }
        Ok(())
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
        self.nothing_gone.store(false, Ordering::Relaxed);
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
        if !self.limits.is_above(1.0, state.bytes, state.entries) {
            self.is_full.store(false, Ordering::Relaxed);
        }
        if !self.limits.is_above(HIGH_MARK, state.bytes, state.entries) {
            self.is_futile.store(false, Ordering::Relaxed);
        }
    }

    /// Moves a long log into the index.
    pub(super) fn shorten_log(&self) {
        let [_, log, _] = self.layout.index_files();
        if log.metadata().is_ok_and(|found| found.len() > LONG_LOG) {
            // A courtesy to the next process: if others read just now, it is left as it is.
            let _ = self.connections.with_writer(|connection| {
                // SQLite would wait for whoever reads as long as it waits for a lock.
                connection.busy_timeout(Duration::ZERO)?;
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
        let removed = self.try_remove_all_of(keys);
        // Afterwards: who reads an entry before it goes has counted the removals before.
        self.removals.fetch_add(1, Ordering::AcqRel);
        removed
    }

    /// Removes them, from what is salvaged of a damaged index too.
    fn try_remove_all_of(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.write_now()?;
        if !self.connections.path().exists() {
            return Ok(0);
        }
        let removed = self.guarded_twice(|| {
            self.wait_for_salvage();
            self.edit(|_, edit| {
                let mut removed: u64 = 0;
                for key in keys {
                    if edit.remove_slot(slot_of(key))? {
                        edit.note_gone(slot_of(key), Fate::Removed)?;
                        removed += 1;
                    }
                }
                Ok(removed)
            })
        });
        match removed {
            Ok(removed) => Ok(removed),
            Err(failed) => Err(failed.into_error(&self.layout)),
        }
    }

    /// Removes every entry.
    pub(in crate::store::file) fn clear(&self) -> Result<(), StoreError> {
        let cleared = self.try_clear();
        // Afterwards: who reads an entry before it goes has counted the removals before.
        self.removals.fetch_add(1, Ordering::AcqRel);
        cleared
    }

    /// Removes them, and what is salvaged of a damaged index.
    fn try_clear(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock();
        self.queue.clear();
        for key in self.queue.written(None) {
            self.locks.release(&key);
        }
        self.strike_out();
        self.usage.forget();
        if !self.connections.path().exists() {
            self.note_state(&State::default());
            // Somebody may have deleted the index alone.
            return match self.set_objects_aside() {
                Ok(_) => Ok(()),
                Err(trouble) => Err(trouble.into_error(self.connections.path())),
            };
        }
        let cleared = self.guarded_twice(|| {
            self.wait_for_salvage();
            let state = self.connections.write(|transaction| {
                transaction.execute(
                    "INSERT OR REPLACE INTO gone (slot, fate, at) \
                     SELECT slot, ?1, id FROM entry ORDER BY id DESC LIMIT ?2",
                    [explain::number_of(Fate::Removed), explain::GONE],
                )?;
                explain::forget_gone(transaction)?;
                transaction.execute_batch(
                    "DELETE FROM record; DELETE FROM recent; DELETE FROM note; DELETE FROM entry; DELETE FROM slot; DELETE FROM object; DELETE FROM touch; \
                     UPDATE state SET entries = 0, bytes = 0;",
                )?;
                State::load(transaction)
            })?;
            // Only now, or a crash would leave rows without their values; and in a transaction, so that none come
            // meanwhile. What others have put since stays.
            let aside = self.connections.write(|transaction| {
                let mut statement = transaction.prepare("SELECT name FROM object")?;
                let mut rows = statement.query([])?;
                let mut needed = Workplace::all_announced(self.layout.tmp()).map_err(|cause| {
                    StoreError::io("read the journals in", self.layout.tmp(), cause)
                })?;
                while let Some(row) = rows.next()? {
                    needed.extend(ObjectName::parse(&row.get::<_, String>(0)?));
                }
                let aside = self.set_objects_aside()?;
                if let Some(aside) = &aside {
                    objects::put_back(&self.layout, aside.path(), &needed);
                }
                Ok(aside)
            })?;
            drop(aside);
            self.connections.with_writer(|connection| rows::give_space_back(connection))?;
            Ok(state)
        });
        match cleared {
            Ok(state) => {
                self.nothing_gone.store(false, Ordering::Relaxed);
                self.note_state(&state);
                Ok(())
            }
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
