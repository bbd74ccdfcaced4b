//! What explains a miss: the last entries of each task, what their entries have in common, and what went.
//!
//! None of it is needed to find a value. So it is bounded, and what cannot be read is not known.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::super::entry;
use super::rows::slot_of;
use super::trouble::Trouble;
use super::{Failed, Indexed, schema};
use crate::digest::Digest;
use crate::store::{ArtifactMeta, Fate, StoreError, TaskRecord};

/// So many entries of a task are remembered as its last.
const RECENT: usize = 32;
/// So many records of a task are kept: those of its last changes.
const RECORDS: i64 = 8;
/// So many entries that went are remembered.
pub(super) const GONE: i64 = 20_000;
/// So many more may come before the first ones are forgotten, as to find those takes a look at all.
const GONE_TOO: i64 = GONE / 8;

/// The tables.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, task TEXT NOT NULL, bytes BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS record_task ON record (task);
CREATE TABLE IF NOT EXISTS recent (task TEXT PRIMARY KEY, entries BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (slot INTEGER PRIMARY KEY, fate INTEGER NOT NULL, at INTEGER NOT NULL);
";

/// The number of a fate in the table.
pub(super) fn number_of(fate: Fate) -> i64 {
    match fate {
        Fate::Evicted => 1,
        Fate::Expired => 2,
        Fate::Removed => 3,
    }
}

/// The fate of a number.
fn fate_of(number: i64) -> Option<Fate> {
    [Fate::Evicted, Fate::Expired, Fate::Removed]
        .into_iter()
        .find(|fate| number_of(*fate) == number)
}

/// Whether the index has the tables.
fn has_tables(connection: &Connection) -> Result<bool, Trouble> {
    schema::has_tables(connection, &["record", "recent", "gone"])
}

/// The last entries of tasks, gathered while a batch is written.
#[derive(Debug, Default)]
pub(super) struct Recent(HashMap<String, Vec<i64>>);

impl Recent {
    /// Notes that `id` is an entry of `task`.
    pub(super) fn add(&mut self, task: &str, id: i64) {
        let ids = match self.0.get_mut(task) {
            Some(ids) => ids,
            None => self.0.entry(task.to_owned()).or_default(),
        };
        if ids.len() >= 2 * RECENT {
            ids.drain(..RECENT);
        }
        ids.push(id);
    }

    /// Writes them behind those that were there.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<(), Trouble> {
        for (task, new) in &self.0 {
            let mut ids = if new.len() < RECENT { load(transaction, task)? } else { Vec::new() };
            ids.extend(new);
            let last = &ids[ids.len().saturating_sub(RECENT)..];
            let bytes: Vec<u8> = last.iter().flat_map(|id| id.to_le_bytes()).collect();
            transaction
                .prepare_cached("INSERT OR REPLACE INTO recent (task, entries) VALUES (?1, ?2)")?
                .execute(params![task, bytes])?;
        }
        Ok(())
    }
}

/// The numbers of the last entries of `task`, the last at the end; some of them may be gone.
fn load(connection: &Connection, task: &str) -> Result<Vec<i64>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT entries FROM recent WHERE task = ?1")?;
    let mut rows = statement.query([task])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
    let ids = bytes
        .chunks_exact(8)
        .map(|id| i64::from_le_bytes(id.try_into().expect("a chunk of 8 has 8")));
    Ok(ids.collect())
}

/// Writes what entries have in common; only the last records of a task stay.
pub(super) fn write_record(
    transaction: &Transaction<'_>,
    record: &TaskRecord,
) -> Result<(), Trouble> {
    let id = record.id();
    let is_new = transaction
        .prepare_cached(
            "INSERT INTO record (name, task, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![id.as_bytes(), record.task, record.to_bytes()])?
        == 1;
    if is_new {
        transaction
            .prepare_cached(
                "DELETE FROM record WHERE task = ?1 AND id NOT IN \
                 (SELECT id FROM record WHERE task = ?1 ORDER BY id DESC LIMIT ?2)",
            )?
            .execute(params![record.task, RECORDS])?;
    }
    Ok(())
}

/// Notes what became of the entry in `slot`.
pub(super) fn note_gone(
    transaction: &Transaction<'_>,
    slot: i64,
    fate: Fate,
    at: i64,
) -> Result<(), Trouble> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO gone (slot, fate, at) VALUES (?1, ?2, ?3)")?
        .execute([slot, number_of(fate), at])?;
    Ok(())
}

/// Forgets those that went first, if there are too many.
pub(super) fn forget_gone(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let all: i64 = transaction.query_row("SELECT count(*) FROM gone", [], |row| row.get(0))?;
    if all > GONE + GONE_TOO {
        transaction.execute(
            "DELETE FROM gone WHERE slot IN (SELECT slot FROM gone ORDER BY at LIMIT ?1)",
            [all - GONE],
        )?;
    }
    Ok(())
}

/// Forgets tasks that have no entries any more, and what is known of them.
pub(super) fn forget_tasks(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let mut statement = transaction.prepare("SELECT task FROM recent")?;
    let mut rows = statement.query([])?;
    let mut unused = Vec::new();
    while let Some(row) = rows.next()? {
        let task: String = row.get(0)?;
        let mut entry = transaction.prepare_cached("SELECT 1 FROM entry WHERE id = ?1")?;
        let mut is_used = false;
        for id in load(transaction, &task)? {
            is_used |= entry.exists([id])?;
        }
        if !is_used {
            unused.push(task);
        }
    }
    for task in unused {
        transaction.execute("DELETE FROM recent WHERE task = ?1", [&task])?;
        transaction.execute("DELETE FROM record WHERE task = ?1", [&task])?;
    }
    Ok(())
}

impl Indexed {
    /// Keeps what entries have in common; written with the next batch.
    pub(in crate::store::file) fn describe(&self, record: &TaskRecord) {
        self.queue.describe(record.clone());
    }

    /// The record under `id`.
    pub(in crate::store::file) fn described(
        &self,
        id: &Digest,
    ) -> Result<Option<TaskRecord>, StoreError> {
        if let Some(record) = self.queue.described(id) {
            return Ok(Some(record));
        }
        self.explaining(|connection| {
            let bytes = connection
                .prepare_cached("SELECT bytes FROM record WHERE name = ?1")?
                .query_row([id.as_bytes()], |row| Ok(row.get_ref(0)?.as_blob().map(<[u8]>::to_vec)))
                .optional()?;
            let Some(Ok(bytes)) = bytes else { return Ok(None) };
            Ok(TaskRecord::from_bytes(&bytes, id))
        })
    }

    /// The last entries of `task` that are written.
    pub(in crate::store::file) fn history(
        &self,
        task: &str,
        most: usize,
    ) -> Result<Vec<(Digest, ArtifactMeta)>, StoreError> {
        self.explaining(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT bytes FROM entry WHERE id = ?1")?;
            let mut found = Vec::new();
            for id in load(connection, task)?.into_iter().rev() {
                let mut rows = statement.query([id])?;
                let Some(row) = rows.next()? else { continue };
                let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
                if let Ok((key, meta, _)) = entry::parse_row(bytes)
                    && meta.task == task
                {
                    found.push((key, meta));
                }
                if found.len() == most {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// What became of the entry under `key`.
    pub(in crate::store::file) fn fate(&self, key: &Digest) -> Result<Option<Fate>, StoreError> {
        // Nearly always so, and asked at each miss.
        if self.nothing_gone.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.explaining(|connection| {
            if !connection.prepare_cached("SELECT 1 FROM gone LIMIT 1")?.exists([])? {
                self.nothing_gone.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            let mut statement = connection.prepare_cached(
                "SELECT fate FROM gone WHERE slot = ?1 AND NOT EXISTS (SELECT 1 FROM slot WHERE key = ?1)",
            )?;
            let fate = statement.query_row([slot_of(key)], |row| row.get(0)).optional()?;
            Ok(fate.and_then(fate_of))
        })
    }

    /// What `look` finds in the index; nothing if it has none of the tables.
    fn explaining<T: Default>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.looking(
            |connection| {
                if has_tables(connection)? { look(connection) } else { Ok(T::default()) }
            },
        )
    }

    /// What `look` finds in the index; nothing if there is none, or it is moved aside.
    pub(super) fn looking<T: Default>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        match self.guarded(|| self.connections.read(look)) {
            Ok(found) => Ok(found.unwrap_or_default()),
            Err(Failed::Damaged(_)) => Ok(T::default()),
            Err(Failed::Error(error)) => Err(error),
        }
    }
}
