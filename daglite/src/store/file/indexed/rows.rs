//! What is done with the rows of the index: found, put, removed, counted.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};

use super::super::access::{is_missing, remove_whatever};
use super::super::layout::{Layout, ObjectName};
use super::explain::{self, Recent};
use super::trouble::Trouble;
use crate::digest::Digest;
use crate::store::{ArtifactMeta, Fate, StoreError};

/// What a row costs beside its bytes: its other columns, its slot, and the free space of half-filled pages.
pub(super) const ROW_OVERHEAD: u64 = 60;

/// The place of a key in the index. Two keys that share one (once in 2^64) replace each other.
pub(super) fn slot_of(key: &Digest) -> i64 {
    let mut folded = 0_u64;
    for (lane, bytes) in key.as_bytes().chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(bytes.try_into().expect("a chunk of 8 has 8"));
        // Different for each lane, so that equal lanes do not cancel out.
        folded ^= word.wrapping_mul(2 * lane as u64 + 1).rotate_left(7 * lane as u32);
    }
    folded.cast_signed()
}

/// An entry on its way into the index.
#[derive(Debug)]
pub(super) struct Row {
    /// Its key.
    pub(super) key: Digest,
    /// The task whose result it has.
    pub(super) task: String,
    /// Its place among those that wait.
    pub(super) order: u64,
    /// Its head, and its value if that lies in place.
    pub(super) bytes: Vec<u8>,
    /// The object that has the value.
    pub(super) object: Option<ObjectName>,
    /// How many bytes the value takes on the disk.
    pub(super) size: u64,
    /// When it goes stale, in milliseconds since 1970.
    pub(super) expires: Option<u64>,
}

impl Row {
    /// How many bytes it adds to the store, unless its object is there already.
    pub(super) fn weight(&self) -> u64 {
        (self.bytes.len() as u64).saturating_add(ROW_OVERHEAD).saturating_add(self.size)
    }

    /// The number that says where the value lies.
    pub(super) fn kind(&self) -> i64 {
        match &self.object {
            None => IN_PLACE,
            Some(name) if !name.is_packed() => OBJECT,
            Some(_) => PACKED_OBJECT,
        }
    }
}

/// The value follows the head.
pub(super) const IN_PLACE: i64 = 0;
/// The value is an object.
pub(super) const OBJECT: i64 = 1;
/// The value is a compressed object.
pub(super) const PACKED_OBJECT: i64 = 2;

/// A row where it was found, written or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// Its number, once it is written.
    pub(super) id: Option<i64>,
    /// Where the value lies.
    pub(super) kind: i64,
    /// The head, and the value if it lies in place.
    pub(super) bytes: &'a [u8],
}

impl<'a> Found<'a> {
    /// One that waits to be written.
    pub(super) fn waiting(row: &'a Row) -> Self {
        Self { id: None, kind: row.kind(), bytes: &row.bytes }
    }
}

/// Finds rows by their slots.
pub(super) struct Finder<'a>(CachedStatement<'a>);

impl<'a> Finder<'a> {
    /// One that reads by `connection`.
    pub(super) fn new(connection: &'a Connection) -> Result<Self, Trouble> {
        Ok(Self(connection.prepare_cached(
            "SELECT entry.id, kind, bytes FROM slot JOIN entry ON entry.id = slot.entry WHERE slot.key = ?1",
        )?))
    }

    /// What `see` sees in the row in `slot`.
    pub(super) fn find<T>(
        &mut self,
        slot: i64,
        see: impl FnOnce(Found<'_>) -> T,
    ) -> Result<Option<T>, Trouble> {
        let mut rows = self.0.query([slot])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let bytes =
            row.get_ref(2)?.as_blob().map_err(|_| Trouble::damaged("a row has no bytes"))?;
        Ok(Some(see(Found { id: Some(row.get(0)?), kind: row.get(1)?, bytes })))
    }
}

/// The one row of `state`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// The number of the next entry: a clock that counts puts.
    pub(super) next: i64,
    /// How many entries there are.
    pub(super) entries: u64,
    /// How many bytes they and their objects take, about.
    pub(super) bytes: u64,
    /// Hits of all runs.
    pub(super) hits: u64,
    /// Misses of all runs.
    pub(super) misses: u64,
    /// Milliseconds that the hits saved.
    pub(super) saved: u64,
    /// Entries evicted.
    pub(super) evicted: u64,
    /// Their bytes.
    pub(super) evicted_bytes: u64,
    /// Entries swept because they had expired.
    pub(super) expired: u64,
}

impl State {
    /// Reads it.
    pub(super) fn load(connection: &Connection) -> Result<Self, Trouble> {
        let mut statement = connection.prepare_cached(
            "SELECT next, entries, bytes, hits, misses, saved, evicted, evicted_bytes, expired FROM state WHERE id = 1",
        )?;
        Ok(statement.query_row([], |row| {
            let count = |at: usize| row.get::<_, i64>(at).map(|count| count.max(0).cast_unsigned());
            Ok(Self {
                next: row.get(0)?,
                entries: count(1)?,
                bytes: count(2)?,
                hits: count(3)?,
                misses: count(4)?,
                saved: count(5)?,
                evicted: count(6)?,
                evicted_bytes: count(7)?,
                expired: count(8)?,
            })
        })?)
    }

    /// Counts anew what there is, and makes the table of objects agree with it.
    pub(super) fn recount(&mut self, transaction: &Transaction<'_>) -> Result<(), Trouble> {
        transaction.execute("DELETE FROM object", [])?;
        let mut statement = transaction.prepare("SELECT id, kind, size, bytes FROM entry")?;
        let mut rows = statement.query([])?;
        let mut wrong = Vec::new();
        (self.entries, self.bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let (id, kind, size): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
            let right = possible_size(kind, bytes, size);
            if right != size {
                wrong.push((id, right));
            }
            self.entries += 1;
            self.bytes = self.bytes.saturating_add(bytes.len() as u64 + ROW_OVERHEAD);
            if let Some(name) = object_of(kind, bytes)
                && use_object(transaction, &name, right)?
            {
                self.bytes = self.bytes.saturating_add(right.max(0).cast_unsigned());
            }
        }
        for (id, right) in wrong {
            transaction.execute("UPDATE entry SET size = ?1 WHERE id = ?2", [right, id])?;
        }
        let highest: i64 =
            transaction
                .query_row("SELECT coalesce(max(id), 0) FROM entry", [], |row| row.get(0))?;
        self.next = self.next.max(after(highest)?);
        self.save(transaction)
    }

    /// Writes it.
    fn save(&self, transaction: &Transaction<'_>) -> Result<(), Trouble> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        transaction
            .prepare_cached(
                "UPDATE state SET next = ?1, entries = ?2, bytes = ?3, hits = ?4, misses = ?5, saved = ?6, \
                 evicted = ?7, evicted_bytes = ?8, expired = ?9 WHERE id = 1",
            )?
            .execute(params![
                self.next,
                count(self.entries),
                count(self.bytes),
                count(self.hits),
                count(self.misses),
                count(self.saved),
                count(self.evicted),
                count(self.evicted_bytes),
                count(self.expired),
            ])?;
        Ok(())
    }
}

/// Changes of rows inside one transaction; `finish` makes the counts agree with them.
pub(super) struct Edit<'a> {
    transaction: &'a Transaction<'a>,
    layout: &'a Layout,
    /// The counts after the changes.
    pub(super) state: State,
    /// Objects that perhaps nobody uses any more.
    released: Vec<ObjectName>,
    /// What was put, by task.
    recent: Recent,
    /// Whether it is noted of anything that it went.
    notes_gone: bool,
    /// What puts rows, once one is put: to look for them each time is a seventh of what that costs.
    puts: Option<Puts<'a>>,
}

/// The statements that put a row.
struct Puts<'a> {
    slot: CachedStatement<'a>,
    entry: CachedStatement<'a>,
}

impl<'a> Edit<'a> {
    /// Changes in `transaction`.
    pub(super) fn begin(
        transaction: &'a Transaction<'a>,
        layout: &'a Layout,
    ) -> Result<Self, Trouble> {
        let state = State::load(transaction)?;
        if state.next < 1 {
            // Numbers begin with one: zero stands for a row that waits to be written.
            return Err(Trouble::damaged(format!("its next entry has the number {}", state.next)));
        }
        Ok(Self {
            transaction,
            layout,
            state,
            released: Vec::new(),
            recent: Recent::default(),
            notes_gone: false,
            puts: None,
        })
    }

    /// The statements that put a row.
    fn puts(&mut self) -> Result<&mut Puts<'a>, Trouble> {
        let puts = match self.puts.take() {
            Some(puts) => puts,
            None => Puts {
                slot: self.transaction.prepare_cached(
                    "INSERT INTO slot (key, entry) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?,
                entry: self.transaction.prepare_cached(
                    "INSERT INTO entry (id, slot, kind, size, expires, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?,
            },
        };
        Ok(self.puts.insert(puts))
    }

    /// Whether there is something in `slot`.
    pub(super) fn has(&self, slot: i64) -> Result<bool, Trouble> {
        let mut found = self.transaction.prepare_cached("SELECT 1 FROM slot WHERE key = ?1")?;
        Ok(found.exists([slot])?)
    }

    /// Puts a row in place of the one in its slot; false if its object is not there (any more).
    pub(super) fn put(&mut self, row: &Row) -> Result<bool, Trouble> {
        let slot = slot_of(&row.key);
        // Fails after a `clear`: what was put before it is to go.
        if let Some(name) = &row.object
            && !self.layout.object(name).symlink_metadata().is_ok_and(|found| found.is_file())
        {
            return Ok(false);
        }
        let id = self.state.next;
        if self.puts()?.slot.execute([slot, id])? == 0 {
            self.remove_slot(slot)?;
            self.puts()?.slot.execute([slot, id])?;
        }
        let expires = row.expires.map(|millis| i64::try_from(millis).unwrap_or(i64::MAX));
        let size = i64::try_from(row.size).unwrap_or(i64::MAX);
        self.puts()?.entry.execute(params![id, slot, row.kind(), size, expires, row.bytes])?;
        self.recent.add(&row.task, id);
        self.state.next = after(id)?;
        self.state.entries += 1;
        let mut added = row.bytes.len() as u64 + ROW_OVERHEAD;
        if let Some(name) = &row.object
            && use_object(self.transaction, name, size)?
        {
            added = added.saturating_add(row.size);
        }
        self.state.bytes = self.state.bytes.saturating_add(added);
        Ok(true)
    }

    /// Removes what is in `slot`; answers whether there was something.
    pub(super) fn remove_slot(&mut self, slot: i64) -> Result<bool, Trouble> {
        let id = self
            .transaction
            .prepare_cached("SELECT entry FROM slot WHERE key = ?1")?
            .query_row([slot], |row| row.get::<_, i64>(0))
            .optional()?;
        let Some(id) = id else { return Ok(false) };
        self.transaction.prepare_cached("DELETE FROM slot WHERE key = ?1")?.execute([slot])?;
        self.remove_row(id)?;
        Ok(true)
    }

    /// Removes the row `id` and the slot that leads to it.
    pub(super) fn remove_entry(&mut self, id: i64, slot: i64) -> Result<bool, Trouble> {
        self.transaction
            .prepare_cached("DELETE FROM slot WHERE key = ?1 AND entry = ?2")?
            .execute([slot, id])?;
        self.remove_row(id)
    }

    /// Removes the row `id`, which no slot leads to any more.
    fn remove_row(&mut self, id: i64) -> Result<bool, Trouble> {
        // Asked first: what a `DELETE` returns, SQLite keeps in a table that it makes for that, and a journal of its own.
        let removed = self
            .transaction
            .prepare_cached(
                "SELECT kind, length(bytes), CASE kind WHEN 0 THEN NULL ELSE bytes END FROM entry WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<Vec<u8>>>(2)?,
                ))
            })
            .optional()?;
        let Some((kind, length, bytes)) = removed else { return Ok(false) };
        self.transaction.prepare_cached("DELETE FROM entry WHERE id = ?1")?.execute([id])?;
        self.state.entries = self.state.entries.saturating_sub(1);
        let freed = length.max(0).cast_unsigned() + ROW_OVERHEAD;
        self.state.bytes = self.state.bytes.saturating_sub(freed);
        // Bytes that cannot be read leave an object without a user: `verify` finds it.
        if let Some(name) = bytes.and_then(|bytes: Vec<u8>| object_of(kind, &bytes)) {
            self.leave_object(name)?;
        }
        Ok(true)
    }

    /// Notes one use less of an object.
    fn leave_object(&mut self, name: ObjectName) -> Result<(), Trouble> {
        let text = name.to_string();
        let left = self
            .transaction
            .prepare_cached(
                "UPDATE object SET uses = uses - 1 WHERE name = ?1 RETURNING uses, size",
            )?
            .query_row([&text], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        let Some((uses, size)) = left else { return Ok(()) };
        if uses <= 0 {
            self.transaction
                .prepare_cached("DELETE FROM object WHERE name = ?1")?
                .execute([&text])?;
            self.state.bytes = self.state.bytes.saturating_sub(size.max(0).cast_unsigned());
            self.released.push(name);
        }
        Ok(())
    }

    /// Notes what became of the entry in `slot`, to explain a miss.
    pub(super) fn note_gone(&mut self, slot: i64, fate: Fate) -> Result<(), Trouble> {
        self.notes_gone = true;
        explain::note_gone(self.transaction, slot, fate, self.state.next)
    }

    /// Notes an object that was published for a row which did not come.
    pub(super) fn release(&mut self, name: ObjectName) {
        self.released.push(name);
    }

    /// Writes the counts; answers them, and the objects that nobody uses any more. Those may go once this is committed,
    /// and not before: a crash in between would leave a row without its value.
    pub(super) fn finish(mut self) -> Result<(State, Vec<ObjectName>), Trouble> {
        let mut unneeded = std::mem::take(&mut self.released);
        // The transaction itself may have found a new use.
        let mut used = self.transaction.prepare_cached("SELECT 1 FROM object WHERE name = ?1")?;
        let mut failure = None;
        unneeded.retain(|name| match used.exists([name.to_string()]) {
            Ok(is_used) => !is_used,
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        self.recent.write(self.transaction)?;
        if self.notes_gone {
            explain::forget_gone(self.transaction)?;
        }
        self.state.save(self.transaction)?;
        Ok((self.state, unneeded))
    }
}

/// The number after that of an entry. There always is one, unless the number was damaged.
fn after(id: i64) -> Result<i64, Trouble> {
    id.checked_add(1).ok_or_else(|| Trouble::damaged("it has an entry of the last number there is"))
}

/// Notes one more use of an object; answers whether it was not known before.
fn use_object(
    transaction: &Transaction<'_>,
    name: &ObjectName,
    size: i64,
) -> Result<bool, Trouble> {
    let name = name.to_string();
    let known = transaction
        .prepare_cached("UPDATE object SET uses = uses + 1 WHERE name = ?1")?
        .execute([&name])?;
    if known == 0 {
        transaction
            .prepare_cached("INSERT INTO object (name, uses, size) VALUES (?1, 1, ?2)")?
            .execute(params![name, size])?;
    }
    Ok(known == 0)
}

/// Gives pages that nothing is on back to the file system.
pub(super) fn give_space_back(connection: &Connection) -> Result<(), Trouble> {
    let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = statement.query([])?;
    // Each step gives one page back.
    while pages.next()?.is_some() {}
    Ok(())
}

/// Removes the file of an object.
pub(super) fn remove_object(layout: &Layout, name: &ObjectName) -> Result<(), Trouble> {
    let path = layout.object(name);
    match remove_whatever(&path) {
        Err(cause) if !is_missing(&cause) => {
            Err(StoreError::io("remove the object", &path, cause).into())
        }
        _ => Ok(()),
    }
}

/// What a row can say of the size of its object: `size` if that is possible, or else what is likely.
pub(super) fn possible_size(kind: i64, bytes: &[u8], size: i64) -> i64 {
    let Ok((_, meta, _)) = super::super::entry::parse_row(bytes) else { return 0 };
    let value = i64::try_from(meta.size).unwrap_or(i64::MAX);
    match kind {
        OBJECT => value,
        // A value is compressed only if that makes it smaller.
        PACKED_OBJECT if (0..value).contains(&size) => size,
        PACKED_OBJECT => value,
        _ => 0,
    }
}

/// The object that has the value of a row.
pub(super) fn object_of(kind: i64, bytes: &[u8]) -> Option<ObjectName> {
    if kind == IN_PLACE {
        return None;
    }
    let (_, meta, _) = super::super::entry::parse_row(bytes).ok()?;
    object_named(kind, &meta)
}

/// The object that has the value of a row with this metadata.
pub(super) fn object_named(kind: i64, meta: &ArtifactMeta) -> Option<ObjectName> {
    match kind {
        OBJECT | PACKED_OBJECT => {
            Some(ObjectName::new(meta.digest, &meta.extension, kind == PACKED_OBJECT))
        }
        _ => None,
    }
}
