//! Looks at every byte of the index and its objects, and makes them agree again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::super::browse::Collected;
use super::super::entry;
use super::super::layout::ObjectName;
use super::super::verify::{Found, Problem};
use super::objects::Unreadable;
use super::rows::{
    IN_PLACE, ROW_OVERHEAD, State, give_space_back, object_of, possible_size, slot_of,
};
use super::trouble::Trouble;
use super::{Failed, Indexed, explain, objects, usage};
use crate::clock::{Clock, Timestamp};
use crate::digest::Digest;
use crate::store::StoreError;

/// A file that no entry needs may be one whose row is on its way, in another process, as long as it is so young.
const YOUNG: Duration = Duration::from_secs(60 * 60);

impl Indexed {
    /// What is wrong.
    pub(in crate::store::file) fn inspect(&self) -> Result<Found, StoreError> {
        self.write_now()?;
        self.connections.refresh();
        let mut found = Found::default();
        let looked =
            self.connections.read_anew(|connection| self.inspect_index(connection, &mut found));
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
        let mut counted = Counted::default();
        let mut statement =
            transaction.prepare("SELECT id, slot, kind, bytes, size FROM entry ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.entries += 1;
            let (id, slot, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
            counted.add(kind, bytes);
            let size: i64 = row.get(4)?;
            if let Err(wrong) = self.inspect_row(&transaction, id, slot, kind, bytes) {
                found.problems.push(wrong.problem);
            } else if possible_size(kind, bytes, size) != size {
                let what = format!("row {id}: its object cannot have {size} bytes");
                found.problems.push(Problem::of_store(what));
            }
        }
        let are_rows_sound = found.problems.is_empty();
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
        // Damaged rows are counted as they were: what is wrong with the counts then goes with them.
        if are_rows_sound {
            found.problems.extend(counted.compare(&transaction, &state)?);
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
    ) -> Result<(), Wrong> {
        let key = self.inspect_value(id, kind, bytes).map_err(Wrong::damaged)?;
        let leads = connection
            .prepare_cached("SELECT entry FROM slot WHERE key = ?1")
            .and_then(|mut found| found.query_row([slot], |row| row.get::<_, i64>(0)).optional());
        if slot != slot_of(&key) || leads.ok().flatten() != Some(id) {
            let problem = Problem::of_entry(key, "it cannot be found by its key");
            return Err(Wrong { problem, lost: Some(key) });
        }
        Ok(())
    }

    /// What is wrong with a row and its value, however it is found; answers whose it is.
    fn inspect_value(&self, id: i64, kind: i64, bytes: &[u8]) -> Result<Digest, Problem> {
        let (key, meta, value) = entry::parse_row(bytes)
            .map_err(|flaw| Problem::of_store(format!("row {id}: {flaw}")))?;
        let problem = |what: String| Problem::of_entry(key, what);
        let name = object_of(kind, bytes);
        match (kind, value, name) {
            (IN_PLACE, Some(value), _) => {
                entry::verify_value(value, &meta).map_err(|flaw| problem(flaw.to_string()))?;
            }
            (_, _, Some(name)) => {
                match objects::read(&self.layout, &name, meta.size, &meta.digest) {
                    Ok(_) => {}
                    Err(Unreadable::Gone) => {
                        return Err(problem(format!("its object `{name}` is gone")));
                    }
                    Err(Unreadable::Flawed(flaw)) => {
                        return Err(problem(format!("its object `{name}`: {flaw}")));
                    }
                    Err(Unreadable::Refused(cause)) => {
                        return Err(problem(format!(
                            "its object `{name}` cannot be read: {cause}"
                        )));
                    }
                }
            }
            _ => return Err(problem("its value is missing".to_owned())),
        }
        Ok(key)
    }

    /// Mends what was found.
    pub(in crate::store::file) fn mend(&self) -> Result<(), StoreError> {
        let generation = self.connections.generation();
        let mended = self.connections.read_anew(|connection| {
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
        self.guarded_twice(|| self.mend_rows())
            .map_err(|failed| failed.into_error(&self.layout))?;
        let orphans = self.orphans(YOUNG)?;
        self.settle(&orphans)?;
        Ok(())
    }

    /// Removes rows that are damaged, and makes slots, objects and counts agree with the others.
    fn mend_rows(&self) -> Result<(), Trouble> {
        let (mut bad, mut lost) = (Vec::new(), Vec::new());
        self.connections.read_anew(|connection| {
            let mut statement = connection.prepare("SELECT id, slot, kind, bytes FROM entry")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (id, slot, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
                if let Err(wrong) = self.inspect_row(connection, id, slot, kind, bytes) {
                    if let Some(key) = wrong.lost {
                        lost.push((id, slot, key));
                    } else if let Some(name) = object_of(kind, bytes) {
                        bad.push((id, slot, self.is_damaged(&name, bytes).then_some(name)));
                    } else {
                        bad.push((id, slot, None));
                    }
                }
            }
            Ok(())
        })?;
        self.edit(|transaction, edit| {
            for (id, slot, object) in &bad {
                edit.remove_entry(*id, *slot)?;
                if let Some(object) = object {
                    super::rows::remove_object(&self.layout, object)?;
                }
            }
            for (id, slot, key) in &lost {
                if !find_again(transaction, *id, key)? {
                    edit.remove_entry(*id, *slot)?;
                }
            }
            Ok(())
        })?;
        self.connections.write(|transaction| {
            let without_entry = "DELETE FROM slot WHERE NOT EXISTS \
                                 (SELECT 1 FROM entry WHERE entry.id = slot.entry AND entry.slot = slot.key)";
            transaction.execute(without_entry, [])?;
            Ok(())
        })?;
        self.count_anew()
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
                self.connections.write(explain::forget_tasks)?;
                self.connections.with_writer(|connection| {
                    give_space_back(connection)?;
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

/// What is wrong with a row.
struct Wrong {
    /// For people.
    problem: Problem,
    /// Whose it is, if all that is wrong is that it cannot be found.
    lost: Option<Digest>,
}

impl Wrong {
    /// The row, or its value, is damaged.
    fn damaged(problem: Problem) -> Self {
        Self { problem, lost: None }
    }
}

/// Makes a sound row be found by its key; false if a later one is.
fn find_again(transaction: &Transaction<'_>, id: i64, key: &Digest) -> Result<bool, Trouble> {
    let slot = slot_of(key);
    let found = transaction
        .prepare("SELECT entry.id FROM slot JOIN entry ON entry.id = slot.entry AND entry.slot = slot.key WHERE key = ?1")?
        .query_row([slot], |row| row.get::<_, i64>(0))
        .optional()?;
    if found.is_some_and(|found| found != id) {
        return Ok(false);
    }
    transaction.execute("UPDATE entry SET slot = ?1 WHERE id = ?2", [slot, id])?;
    transaction.execute("INSERT OR REPLACE INTO slot (key, entry) VALUES (?1, ?2)", [slot, id])?;
    Ok(true)
}

/// What rows add up to.
#[derive(Default)]
struct Counted {
    /// The bytes of the rows.
    bytes: u64,
    /// How many rows use each object.
    uses: HashMap<String, i64>,
}

impl Counted {
    /// Adds a row.
    fn add(&mut self, kind: i64, bytes: &[u8]) {
        self.bytes += bytes.len() as u64 + ROW_OVERHEAD;
        if let Some(name) = object_of(kind, bytes) {
            *self.uses.entry(name.to_string()).or_default() += 1;
        }
    }

    /// What the index counts otherwise.
    fn compare(
        mut self,
        connection: &Connection,
        state: &State,
    ) -> Result<Option<Problem>, Trouble> {
        let mut wrong = Vec::new();
        let mut statement = connection.prepare("SELECT name, uses, size FROM object")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, uses, size): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.bytes = self.bytes.saturating_add(size.max(0).cast_unsigned());
            if self.uses.remove(&name) != Some(uses) {
                wrong.push(name);
            }
        }
        wrong.extend(self.uses.into_keys());
        Ok(match wrong.first() {
            Some(name) => Some(Problem::of_store(format!(
                "the uses of {} objects are counted wrongly, such as `{name}`",
                wrong.len()
            ))),
            None if self.bytes != state.bytes => Some(Problem::of_store(format!(
                "{} bytes are counted, but there are {}",
                state.bytes, self.bytes
            ))),
            None => None,
        })
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
