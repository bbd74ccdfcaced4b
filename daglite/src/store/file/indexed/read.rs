//! Reads entries, trusts nothing in them, and removes what is damaged.

use super::super::entry::{self, Flaw};
use super::objects::Unreadable;
use super::rows::{self, Edit, Stored, object_of, slot_of};
use super::usage::slots;
use super::{Failed, Indexed, objects};
use crate::digest::Digest;
use crate::store::{Artifact, ArtifactMeta, Glimpse, Lookup, StoreError};

/// Up to this size a value comes along with its metadata.
const COMES_ALONG: usize = 1 << 10;

/// A row that turned out to be damaged.
struct Bad {
    /// The row, unless it is one that waits to be written.
    id: Option<i64>,
    slot: i64,
    flaw: Flaw,
}

impl Indexed {
    /// What is under each of `keys`, asked in one transaction.
    pub(in crate::store::file) fn find(
        &self,
        keys: &[Digest],
    ) -> Result<Vec<Lookup<Glimpse>>, StoreError> {
        let (mut answers, mut bad) = self.try_find(keys)?;
        if bad.iter().any(|bad| bad.id.is_none()) {
            // Only what is written can be removed.
            self.write_now()?;
            (answers, bad) = self.try_find(keys)?;
        }
        self.remove_bad(&bad);
        let found = answers.iter().zip(slots(keys));
        self.usage.found(
            found.filter(|(answer, _)| matches!(answer, Lookup::Found(_))).map(|(_, slot)| slot),
        );
        Ok(answers)
    }

    /// One look at all of `keys`, and what of it is damaged.
    fn try_find(&self, keys: &[Digest]) -> Result<(Vec<Lookup<Glimpse>>, Vec<Bad>), StoreError> {
        let mut bad = Vec::new();
        let answers = self.rows_of(keys)?;
        let answers: Vec<_> = match answers {
            Ok(rows) => keys
                .iter()
                .zip(rows)
                .map(|(key, row)| match row {
                    None => Lookup::Absent,
                    Some(row) => self.glimpse(key, &row, &mut bad),
                })
                .collect(),
            Err(damage) => keys.iter().map(|_| Lookup::Damaged(damage.clone())).collect(),
        };
        Ok((answers, bad))
    }

    /// The metadata of the entry of `key`.
    pub(in crate::store::file) fn head(
        &self,
        key: &Digest,
    ) -> Result<Lookup<ArtifactMeta>, StoreError> {
        let answer = self.find(std::slice::from_ref(key))?.pop().unwrap_or(Lookup::Absent);
        Ok(match answer {
            Lookup::Found(glimpse) => Lookup::Found(glimpse.meta),
            Lookup::Absent => Lookup::Absent,
            Lookup::Damaged(why) => Lookup::Damaged(why),
        })
    }

    /// The entry of `key`, its value verified.
    pub(in crate::store::file) fn get(&self, key: &Digest) -> Result<Lookup<Artifact>, StoreError> {
        if let Ok(lookup) = self.try_get(key)? {
            return Ok(lookup);
        }
        // Writing brings an object back that went with its other users; and only what is written can be removed.
        self.write_now()?;
        Ok(self.try_get(key)?.unwrap_or_else(|flaw| Lookup::Damaged(flaw.to_string())))
    }

    /// One look at the entry of `key`; or the flaw of a row that waits to be written.
    fn try_get(&self, key: &Digest) -> Result<Result<Lookup<Artifact>, Flaw>, StoreError> {
        let slot = slot_of(key);
        let answered = |lookup| Ok(Ok(lookup));
        let row = match self.rows_of(std::slice::from_ref(key))? {
            Ok(mut rows) => rows.pop().flatten(),
            Err(damage) => return answered(Lookup::Damaged(damage)),
        };
        let Some(row) = row else { return answered(Lookup::Absent) };
        let mut is_gone = false;
        let flaw = match self.whole(key, &row) {
            Ok(Some(artifact)) => {
                self.usage.found(std::iter::once(slot));
                return answered(Lookup::Found(artifact));
            }
            Ok(None) => return answered(Lookup::Absent),
            Err(Unreadable::Refused(cause)) => {
                return Err(StoreError::io("read an object in", self.layout.objects(), cause));
            }
            Err(Unreadable::Gone) => {
                is_gone = true;
                let flaw = Flaw("its object is gone".to_owned());
                if row.id().is_none() {
                    return Ok(Err(flaw));
                }
                flaw
            }
            Err(Unreadable::Flawed(flaw)) => {
                if row.id().is_none() {
                    return Ok(Err(flaw));
                }
                if let Some(name) = object_of(row.stored.kind, &row.stored.bytes) {
                    // Others may use it too: whoever reads it finds it gone, and computes it again.
                    let _ = rows::remove_object(&self.layout, &name);
                }
                flaw
            }
        };
        let bad = Bad { id: row.id(), slot, flaw };
        let lookup = Lookup::Damaged(bad.flaw.to_string());
        let removed = self.remove_bad(&[bad]);
        // An object goes a moment before its row, when both are evicted: then the row is gone by now.
        answered(if is_gone && removed == Some(0) { Lookup::Absent } else { lookup })
    }

    /// The rows of `keys`, those that wait to be written first; or what was wrong with the index.
    fn rows_of(&self, keys: &[Digest]) -> Result<Result<Vec<Option<Found>>, String>, StoreError> {
        // First those that wait: what is written meanwhile is in the index by then.
        let waiting = self.queue.find_all(keys);
        self.connections.refresh();
        let generation = self.connections.generation();
        let look = || {
            self.connections.read(|connection| {
                let transaction =
                    if keys.len() > 1 { Some(connection.unchecked_transaction()?) } else { None };
                let mut found = Vec::with_capacity(keys.len());
                for (at, key) in keys.iter().enumerate() {
                    let row = waiting.as_ref().and_then(|rows| rows[at].as_ref());
                    found.push(match row {
                        Some(row) => Some(Found::waiting(row)),
                        None => rows::find(connection, slot_of(key))?.map(Found::written),
                    });
                }
                drop(transaction);
                Ok(found)
            })
        };
        let mut read = self.guarded(look);
        self.connections.refresh();
        if read.is_err() && self.connections.generation() != generation {
            // It was damaged, and what is sound of it is in a new one; or somebody deleted it just now.
            read = self.guarded(look);
        }
        match read {
            Ok(Some(rows)) => Ok(Ok(rows)),
            Ok(None) => Ok(Ok(match waiting {
                Some(rows) => rows.iter().map(|row| row.as_deref().map(Found::waiting)).collect(),
                None => keys.iter().map(|_| None).collect(),
            })),
            Err(Failed::Damaged(what)) => Ok(Err(what)),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    /// What a row says, without reading an object.
    fn glimpse(&self, key: &Digest, row: &Found, bad: &mut Vec<Bad>) -> Lookup<Glimpse> {
        let flaw = match entry::parse_row(&row.stored.bytes) {
            Ok((of, ..)) if of != *key => return Lookup::Absent,
            Ok((_, meta, value)) => match value {
                Some(value) if value.len() <= COMES_ALONG => {
                    match entry::verify_value(value, &meta) {
                        Ok(()) => {
                            let bytes = Some(value.to_vec());
                            return Lookup::Found(Glimpse { meta, bytes });
                        }
                        Err(flaw) => flaw,
                    }
                }
                None if row.stored.kind == rows::IN_PLACE => {
                    Flaw("its value is missing".to_owned())
                }
                _ => return Lookup::Found(Glimpse { meta, bytes: None }),
            },
            Err(flaw) => flaw,
        };
        let damaged = Lookup::Damaged(flaw.to_string());
        bad.push(Bad { id: row.id(), slot: slot_of(key), flaw });
        damaged
    }

    /// The artifact of a row, verified; `None` if it is that of another key in the same slot.
    fn whole(&self, key: &Digest, row: &Found) -> Result<Option<Artifact>, Unreadable> {
        let Stored { kind, bytes, .. } = &row.stored;
        let (of, meta, value) = entry::parse_row(bytes).map_err(Unreadable::Flawed)?;
        if of != *key {
            return Ok(None);
        }
        let bytes = match value {
            Some(value) if *kind == rows::IN_PLACE || !value.is_empty() => {
                entry::verify_value(value, &meta).map_err(Unreadable::Flawed)?;
                value.to_vec()
            }
            _ => {
                let name =
                    object_of(*kind, bytes).ok_or_else(|| objects::flaw("its value is missing"))?;
                objects::read(&self.layout, &name, meta.size, &meta.digest)?
            }
        };
        Ok(Some(Artifact { meta, bytes }))
    }

    /// Removes damaged rows, if they are still those that were read; answers how many were, if they could be removed.
    fn remove_bad(&self, bad: &[Bad]) -> Option<u64> {
        if bad.is_empty() {
            return Some(0);
        }
        for row in bad {
            tracing::warn!(flaw = %row.flaw, "a cache entry is damaged");
        }
        // What cannot be removed is found damaged again.
        let removed = self.guarded(|| {
            self.connections.write(|transaction| {
                let mut edit = Edit::begin(transaction, &self.layout)?;
                let mut removed = 0;
                for Bad { id, slot, .. } in bad {
                    if let Some(id) = id {
                        removed += u64::from(edit.remove_entry(*id, *slot)?);
                    }
                }
                edit.finish()?;
                Ok(removed)
            })
        });
        removed.ok()
    }
}

/// A row, written or not.
#[derive(Debug)]
struct Found {
    /// Its number is zero as long as it waits.
    stored: Stored,
}

impl Found {
    /// A row that waits to be written.
    fn waiting(row: &rows::Row) -> Self {
        let kind = row.kind();
        Self { stored: Stored { id: 0, kind, bytes: row.bytes.clone() } }
    }

    /// A row that was written.
    fn written(stored: Stored) -> Self {
        Self { stored }
    }

    /// Its number, once it is written.
    fn id(&self) -> Option<i64> {
        (self.stored.id != 0).then_some(self.stored.id)
    }
}
