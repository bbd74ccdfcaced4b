//! Looks at every byte of the index and its objects, and makes them agree again.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension};

use super::super::browse::Collected;
use super::super::entry;
use super::super::layout::ObjectName;
use super::super::verify::{Found, Problem};
use super::objects::Unreadable;
use super::rows::{Edit, IN_PLACE, State, object_of, slot_of};
use super::trouble::Trouble;
use super::{Failed, Indexed, objects, usage};
use crate::clock::{Clock, Timestamp};
use crate::store::StoreError;

/// A file that no entry needs may be one whose row is on its way, in another process, as long as it is so young.
const YOUNG: Duration = Duration::from_secs(60 * 60);

impl Indexed {
    /// What is wrong.
    pub(in crate::store::file) fn inspect(&self) -> Result<Found, StoreError> {
        self.write_now()?;
        self.connections.refresh();
        let mut found = Found::default();
        let looked = self.connections.read(|connection| self.inspect_index(connection, &mut found));
        match looked {
            Ok(_) => {}
            Err(Trouble::Damaged(what)) => {
                found.problems.push(Problem::of_store(format!("the index is damaged: {what}")));
            }
            Err(trouble) => return Err(trouble.into_error(self.connections.path())),
        }
        for name in self.orphans(YOUNG)? {
            found.problems.push(Problem::of_store(format!("no entry needs the object `{name}`")));
        }
        Ok(found)
    }

    /// What is wrong in the index, and in the objects that it names.
    fn inspect_index(&self, connection: &Connection, found: &mut Found) -> Result<(), Trouble> {
        let transaction = connection.unchecked_transaction()?;
        let checked: String =
            transaction.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if checked != "ok" {
            return Err(Trouble::Damaged(checked.lines().next().unwrap_or_default().to_owned()));
        }
        let mut statement =
            transaction.prepare("SELECT id, slot, kind, bytes FROM entry ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.entries += 1;
            let (id, slot, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
            if let Err(problem) = self.inspect_row(&transaction, id, slot, kind, bytes) {
                found.problems.push(problem);
            }
        }
        let state = State::load(&transaction)?;
        let slots: i64 =
            transaction.query_row("SELECT count(*) FROM slot", [], |row| row.get(0))?;
        if state.entries != found.entries || slots.cast_unsigned() != found.entries {
            found.problems.push(Problem::of_store(format!(
                "{} entries are counted and {slots} can be found, but there are {}",
                state.entries, found.entries
            )));
        }
        let next_is_right: bool = transaction.query_row(
            "SELECT coalesce(max(id), 0) < (SELECT next FROM state) FROM entry",
            [],
            |row| row.get(0),
        )?;
        if !next_is_right {
            found.problems.push(Problem::of_store("the number of the next entry is taken"));
        }
        Ok(())
    }

    /// What is wrong with one row.
    fn inspect_row(
        &self,
        connection: &Connection,
        id: i64,
        slot: i64,
        kind: i64,
        bytes: &[u8],
    ) -> Result<(), Problem> {
        let (key, meta, value) = entry::parse_row(bytes)
            .map_err(|flaw| Problem::of_store(format!("row {id}: {flaw}")))?;
        let problem = |what: String| Problem::of_entry(key, what);
        let leads = connection
            .prepare_cached("SELECT entry FROM slot WHERE key = ?1")
            .and_then(|mut found| found.query_row([slot], |row| row.get::<_, i64>(0)).optional());
        if slot != slot_of(&key) || leads.ok().flatten() != Some(id) {
            return Err(problem("it cannot be found by its key".to_owned()));
        }
        let name = object_of(kind, bytes);
        match (kind, value, name) {
            (IN_PLACE, Some(value), _) => {
                entry::verify_value(value, &meta).map_err(|flaw| problem(flaw.to_string()))
            }
            (_, _, Some(name)) => {
                match objects::read(&self.layout, &name, meta.size, &meta.digest) {
                    Ok(_) => Ok(()),
                    Err(Unreadable::Gone) => Err(problem(format!("its object `{name}` is gone"))),
                    Err(Unreadable::Flawed(flaw)) => {
                        Err(problem(format!("its object `{name}`: {flaw}")))
                    }
                    Err(Unreadable::Refused(cause)) => {
                        Err(problem(format!("its object `{name}` cannot be read: {cause}")))
                    }
                }
            }
            _ => Err(problem("its value is missing".to_owned())),
        }
    }

    /// Mends what was found.
    pub(in crate::store::file) fn mend(&self) -> Result<(), StoreError> {
        let generation = self.connections.generation();
        let mended = self.connections.read(|connection| {
            let mut found = Found::default();
            self.inspect_index(connection, &mut found)?;
            Ok(())
        });
        if let Err(Trouble::Damaged(what)) = mended {
            // Salvage keeps what is sound, and counts anew.
            if let Failed::Error(error) = self.set_index_aside(generation, &what) {
                return Err(error);
            }
        }
        self.guarded(|| self.mend_rows()).map_err(|failed| failed.into_error(&self.layout))?;
        let orphans = self.orphans(YOUNG)?;
        self.settle(&orphans)?;
        Ok(())
    }

    /// Removes rows that are damaged, and makes slots, objects and counts agree with the others.
    fn mend_rows(&self) -> Result<(), Trouble> {
        let mut bad = Vec::new();
        self.connections.read(|connection| {
            let mut statement = connection.prepare("SELECT id, slot, kind, bytes FROM entry")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (id, slot, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
                if self.inspect_row(connection, id, slot, kind, bytes).is_err() {
                    if let Some(name) = object_of(kind, bytes) {
                        bad.push((id, slot, self.is_damaged(&name, bytes).then_some(name)));
                    } else {
                        bad.push((id, slot, None));
                    }
                }
            }
            Ok(())
        })?;
        let state = self.connections.write(|transaction| {
            let mut edit = Edit::begin(transaction, &self.layout)?;
            for (id, slot, object) in &bad {
                edit.remove_entry(*id, *slot)?;
                if let Some(object) = object {
                    super::rows::remove_object(&self.layout, object)?;
                }
            }
            let mut state = edit.finish()?;
            transaction.execute_batch(
                "DELETE FROM slot WHERE entry NOT IN (SELECT id FROM entry); DELETE FROM object;",
            )?;
            state.recount(transaction)?;
            Ok(state)
        })?;
        self.note_state(&state);
        Ok(())
    }

    /// Whether an object is there and is not what its row says.
    fn is_damaged(&self, name: &ObjectName, bytes: &[u8]) -> bool {
        let Ok((_, meta, _)) = entry::parse_row(bytes) else { return false };
        let read = objects::read(&self.layout, name, meta.size, &meta.digest);
        matches!(read, Err(Unreadable::Flawed(_)))
    }

    /// Removes what has expired, what is above the limits, and files that no entry needs.
    pub(in crate::store::file) fn collect(&self) -> Result<Collected, StoreError> {
        self.write_now()?;
        let freed = self.evict()?;
        self.forget_unused_slots()?;
        self.sweep();
        let orphans = self.orphans(YOUNG)?;
        let orphans = self.settle(&orphans)?;
        if self.connections.path().exists() {
            let tidied = self.guarded(|| {
                self.connections.with_writer(|connection| {
                    connection.execute_batch("PRAGMA incremental_vacuum")?;
                    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                    Ok(())
                })
            });
            if let Err(Failed::Error(error)) = tidied {
                return Err(error);
            }
        }
        let super::evict::Freed { expired, evicted, bytes } = freed;
        Ok(Collected { expired, evicted, orphans, bytes })
    }

    /// Forgets the uses of entries that have been removed one by one.
    fn forget_unused_slots(&self) -> Result<(), StoreError> {
        let forgotten = self.guarded(|| {
            let gone = self.connections.read(|connection| {
                let mut statement = connection.prepare("SELECT 1 FROM slot WHERE key = ?1")?;
                let mut gone = HashSet::new();
                for slot in usage::load(connection)?.into_keys() {
                    if !statement.exists([slot])? {
                        gone.insert(slot);
                    }
                }
                Ok(gone)
            })?;
            self.forget_uses(&gone.unwrap_or_default())
        });
        match forgotten {
            Err(Failed::Error(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The objects that no row needs, and that are older than `age`.
    fn orphans(&self, age: Duration) -> Result<Vec<ObjectName>, StoreError> {
        let mut files = Vec::new();
        files_below(self.layout.objects(), 3, &mut files);
        let now = Clock::system().now();
        let candidates: Vec<ObjectName> = files
            .iter()
            .filter(|path| is_older(path, now, age))
            .filter_map(|path| ObjectName::from_path(path))
            .collect();
        let read = self.connections.read(|connection| {
            let mut statement = connection.prepare("SELECT 1 FROM object WHERE name = ?1")?;
            let mut orphans = Vec::new();
            for name in &candidates {
                if !statement.exists([name.to_string()])? {
                    orphans.push(name.clone());
                }
            }
            Ok(orphans)
        });
        match read {
            Ok(Some(orphans)) => Ok(orphans),
            // Without an index there is nothing to compare with.
            Ok(None) | Err(Trouble::Damaged(_)) => Ok(Vec::new()),
            Err(trouble) => Err(trouble.into_error(self.connections.path())),
        }
    }
}

/// The files that lie `depth` folders below, links not followed.
fn files_below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(found) = fs::read_dir(folder) else { return };
    for entry in found.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 1 {
            files_below(&entry.path(), depth - 1, files);
        } else if kind.is_file() && depth == 1 {
            files.push(entry.path());
        }
    }
}

/// Whether a file was last written longer than `age` ago.
fn is_older(path: &Path, now: Timestamp, age: Duration) -> bool {
    let written = path.symlink_metadata().and_then(|found| found.modified()).ok();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    written
        .and_then(|since| now.since(Timestamp::from_millis(0).after(since)))
        .is_some_and(|passed| passed >= age)
}
