//! A damaged index is moved aside, and what can be read of it goes into a new one.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::super::access::{create_private, is_missing, remove_whatever};
use super::super::entry;
use super::super::publish::move_aside;
use super::rows::{self, Row, slot_of};
use super::{Failed, Indexed};
use crate::store::StoreError;

/// So many rows are saved in one transaction.
const STEP: usize = 500;
/// How long it is waited before it is looked again.
const AGAIN: Duration = Duration::from_millis(2);

impl Indexed {
    /// Moves the index aside, unless another thread or process has done it since `generation`.
    pub(super) fn set_index_aside(&self, generation: u64, what: &str) -> Failed {
        match self.try_set_aside(generation, what) {
            Ok(()) => Failed::Damaged(what.to_owned()),
            Err(error) => Failed::Error(error),
        }
    }

    /// Waits until nobody saves rows of a damaged index: what is removed meanwhile would come back.
    pub(super) fn wait_for_salvage(&self) {
        let (start, patience) = (Instant::now(), self.connections.patience());
        // Without it, there is nothing to be saved.
        while self.layout.damaged().exists() && matches!(self.locks.try_chore("recover"), Ok(None))
        {
            if start.elapsed() >= patience {
                return self.connections.lose_patience();
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// Does it, as the only one.
    fn try_set_aside(&self, generation: u64, what: &str) -> Result<(), StoreError> {
        let locks = self.layout.locks();
        let failed = |cause| StoreError::io("lock", locks, cause);
        let (start, patience) = (Instant::now(), self.connections.patience());
        let _turn = loop {
            if let Some(turn) = self.locks.try_chore("recover").map_err(failed)? {
                break turn;
            }
            // Somebody is at it. As soon as the damaged index is out of the way, what we came with can go on.
            self.connections.refresh();
            if self.connections.generation() != generation {
                return Ok(());
            }
            if start.elapsed() >= patience {
                self.connections.lose_patience();
                self.connections.forget();
                return Ok(());
            }
            std::thread::sleep(AGAIN);
        };
        self.connections.refresh();
        if self.connections.generation() != generation {
            return Ok(());
        }
        let damaged = self.layout.damaged();
        let failed = |cause| StoreError::io("move the damaged index to", &damaged, cause);
        // One is kept, for those who want to know: the last.
        match remove_whatever(&damaged) {
            Err(cause) if !is_missing(&cause) => return Err(failed(cause)),
            _ => create_private(&damaged).map_err(failed)?,
        }
        for file in self.layout.index_files() {
            let name = file.file_name().expect("the files of an index have names");
            match move_aside(&file, &damaged.join(name)) {
                Err(cause) if !is_missing(&cause) => return Err(failed(cause)),
                _ => {}
            }
        }
        self.connections.forget();
        let saved = self.salvage(&damaged.join("index.sqlite"));
        // For others, who found nothing meanwhile.
        self.changes.count();
        self.notify(format!(
            "the index of the cache `{}` was damaged ({what}): it has been moved to `{}`, {saved} entries of it have \
             been saved, and the rest is computed again",
            self.layout.root().display(),
            damaged.display()
        ));
        Ok(())
    }

    /// Puts what can be read of a damaged index into the new one; answers how many entries that is.
    fn salvage(&self, damaged: &Path) -> u64 {
        let mut saved = 0;
        let mut rows = Vec::new();
        let mut ours = HashSet::new();
        let mut keep = |row: Row| {
            rows.push(row);
            if rows.len() >= STEP {
                saved += self.save(&std::mem::take(&mut rows), &mut ours);
            }
        };
        // From both ends: what lies behind the damage is reached from the other side.
        let forward = read_rows(damaged, "ASC", None, &mut keep);
        if let Some(last) = forward {
            read_rows(damaged, "DESC", Some(last), &mut keep);
        }
        saved + self.save(&rows, &mut ours)
    }

    /// Puts saved rows into the new index; answers how many got there. What is in it already has been put since, and is
    /// newer, unless it is in the slots that are `ours`: saved, too.
    fn save(&self, rows: &[Row], ours: &mut HashSet<i64>) -> u64 {
        let saved = self.edit(|_, edit| {
            let mut saved = 0;
            for row in rows {
                let slot = slot_of(&row.key);
                if !ours.contains(&slot) && edit.has(slot)? {
                    continue;
                }
                ours.insert(slot);
                saved += u64::from(edit.put(row)?);
            }
            Ok(saved)
        });
        saved.unwrap_or(0)
    }
}

/// Reads the rows of a damaged index in that order as far as possible, down to but not including `until`; answers the
/// last that could be read, if not all could.
fn read_rows(
    damaged: &Path,
    order: &str,
    until: Option<i64>,
    keep: &mut impl FnMut(Row),
) -> Option<i64> {
    let mut last = 0;
    let mut read = || -> Result<(), rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(damaged, flags)?;
        connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA query_only = ON;")?;
        let mut statement = connection.prepare(&format!(
            "SELECT id, kind, size, expires, bytes FROM entry WHERE id > ?1 ORDER BY id {order}"
        ))?;
        let mut rows = statement.query([until.unwrap_or(i64::MIN)])?;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            let Ok(Some(row)) = saved_row(row) else { continue };
            keep(row);
        }
        Ok(())
    };
    read().err().map(|_| last)
}

/// A row of a damaged index, if it is sound.
fn saved_row(row: &rusqlite::Row<'_>) -> Result<Option<Row>, rusqlite::Error> {
    let kind: i64 = row.get(1)?;
    let bytes: Vec<u8> = row.get(4)?;
    let Ok((key, meta, value)) = entry::parse_row(&bytes) else { return Ok(None) };
    if let Some(value) = value
        && entry::verify_value(value, &meta).is_err()
    {
        return Ok(None);
    }
    let object = rows::object_of(kind, &bytes);
    if object.is_none() && value.is_none() {
        return Ok(None);
    }
    let size = rows::possible_size(kind, &bytes, row.get(2).unwrap_or(0));
    let size = size.max(0).cast_unsigned();
    let expires = meta.expires.map(crate::clock::Timestamp::millis);
    Ok(Some(Row { key, task: meta.task, order: 0, bytes, object, size, expires }))
}
