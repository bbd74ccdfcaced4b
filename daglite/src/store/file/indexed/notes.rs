//! Notes: a few bytes by name that save work, and nothing else.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::trouble::Trouble;
use super::{Indexed, schema};
use crate::digest::{ByDigest, Digest};
use crate::store::StoreError;

/// So many notes are kept: the last ones.
const NOTES: i64 = 100_000;
/// What stands in front of a note's bytes, so that a flipped bit is noticed: a digest of its name and them.
const CHECK: usize = 16;

/// The table.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);
";

/// Writes notes; those that were noted first are forgotten if there are too many.
pub(super) fn write(
    transaction: &Transaction<'_>,
    notes: &HashMap<Digest, Vec<u8>, ByDigest>,
) -> Result<(), Trouble> {
    for (name, bytes) in notes {
        let checked = [&check(name, bytes)[..], bytes].concat();
        transaction
            .prepare_cached("INSERT OR REPLACE INTO note (name, bytes) VALUES (?1, ?2)")?
            .execute(params![name.as_bytes(), checked])?;
    }
    if !notes.is_empty() {
        // The numbers of the rows only grow: a look at the last one tells which are too old.
        transaction
            .prepare_cached("DELETE FROM note WHERE id <= (SELECT max(id) FROM note) - ?1")?
            .execute([NOTES])?;
    }
    Ok(())
}

/// What stands in front of the bytes of a note.
fn check(name: &Digest, bytes: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"daglite note v1").update(name.as_bytes()).update(bytes);
    let mut check = [0; CHECK];
    hasher.finalize_xof().fill(&mut check);
    check
}

impl Indexed {
    /// Keeps a note; written with the next batch.
    pub(in crate::store::file) fn note(&self, name: &Digest, bytes: &[u8]) {
        self.queue.note(*name, bytes.to_vec());
    }

    /// The note under `name`.
    pub(in crate::store::file) fn noted(
        &self,
        name: &Digest,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(bytes) = self.queue.noted(name) {
            return Ok(Some(bytes));
        }
        self.looking(|connection| {
            if !schema::has_tables(connection, &["note"])? {
                return Ok(None);
            }
            let checked = connection
                .prepare_cached("SELECT bytes FROM note WHERE name = ?1")?
                .query_row([name.as_bytes()], |row| {
                    Ok(row.get_ref(0)?.as_blob().map(<[u8]>::to_vec))
                })
                .optional()?;
            let Some(Ok(checked)) = checked else { return Ok(None) };
            let Some((found, bytes)) = checked.split_at_checked(CHECK) else { return Ok(None) };
            Ok((found == check(name, bytes)).then(|| bytes.to_vec()))
        })
    }
}
