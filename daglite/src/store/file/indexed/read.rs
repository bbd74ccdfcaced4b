//! Reads entries, trusts nothing in them, and removes what is damaged.

use std::collections::BTreeSet;

use super::super::entry::{self, Flaw};
use super::super::header::Depth;
use super::super::layout::ObjectName;
use super::objects::Unreadable;
use super::round::Round;
use super::rows::{self, Found, object_named, object_of, slot_of};
use super::usage::slots;
use super::{Failed, Indexed, objects};
use crate::digest::Digest;
use crate::store::{Artifact, ArtifactMeta, Glimpse, Lookup, ReadValue, StoreError};

/// Up to this size a value comes along with its metadata.
const COMES_ALONG: usize = 1 << 10;

/// A row that turned out to be damaged.
struct Bad {
    /// The row, unless it is one that waits to be written.
    id: Option<i64>,
    slot: i64,
    flaw: Flaw,
    /// The object that it misses, if that is what is wrong.
    misses: Option<ObjectName>,
}

/// How often is looked again when what was found changes at that moment.
const ATTEMPTS: usize = 8;

impl Indexed {
    /// What is under each of `keys`, asked in one transaction; as much of the metadata as is wanted.
    pub(in crate::store::file) fn find(
        &self,
        keys: &[Digest],
        depth: Depth,
    ) -> Result<Vec<Lookup<Glimpse>>, StoreError> {
        let (mut answers, mut bad) = self.try_find(keys, depth)?;
        for _ in 1..ATTEMPTS {
            if self.is_settled(&bad)? {
                break;
            }
            (answers, bad) = self.try_find(keys, depth)?;
        }
        let found = answers.iter().zip(slots(keys));
        self.usage.found(
            found.filter(|(answer, _)| matches!(answer, Lookup::Found(_))).map(|(_, slot)| slot),
        );
        Ok(answers)
    }

    /// One look at all of `keys`, and what of it is damaged.
    fn try_find(
        &self,
        keys: &[Digest],
        depth: Depth,
    ) -> Result<(Vec<Lookup<Glimpse>>, Vec<Bad>), StoreError> {
        // Looked at where it lies: what is small is not copied twice.
        let glimpses = match self.see_rows(keys, |key, row| self.glimpse(key, row, depth))? {
            Ok(glimpses) => glimpses,
            Err(damage) => {
                let damaged = keys.iter().map(|_| Lookup::Damaged(damage.clone()));
                return Ok((damaged.collect(), Vec::new()));
            }
        };
        let mut bad = Vec::new();
        let answers = glimpses.into_iter().map(|glimpse| match glimpse {
            None => Lookup::Absent,
            Some(Ok(answer)) => answer,
            Some(Err(flawed)) => {
                let answer = Lookup::Damaged(flawed.flaw.to_string());
                bad.push(flawed);
                answer
            }
        });
        Ok((answers.collect(), bad))
    }

    /// The metadata of the entry of `key`.
    pub(in crate::store::file) fn head(
        &self,
        key: &Digest,
    ) -> Result<Lookup<ArtifactMeta>, StoreError> {
        let answer =
            self.find(std::slice::from_ref(key), Depth::Whole)?.pop().unwrap_or(Lookup::Absent);
        Ok(match answer {
            Lookup::Found(glimpse) => Lookup::Found(glimpse.meta),
            Lookup::Absent => Lookup::Absent,
            Lookup::Damaged(why) => Lookup::Damaged(why),
        })
    }

    /// The entry of `key`, its value verified.
    pub(in crate::store::file) fn get(&self, key: &Digest) -> Result<Lookup<Artifact>, StoreError> {
        self.get_by(key, |row| self.whole(key, row))
    }

    /// Lets `read` make something of the value of `key`, and verifies it; answers its metadata.
    pub(in crate::store::file) fn get_with(
        &self,
        key: &Digest,
        read: &mut ReadValue<'_>,
    ) -> Result<Lookup<ArtifactMeta>, StoreError> {
        self.get_by(key, |row| self.whole_with(key, row, read))
    }

    /// What `whole` makes of the row of `key`; `None` from it stands for no row.
    fn get_by<T>(
        &self,
        key: &Digest,
        mut whole: impl FnMut(Found<'_>) -> Result<Option<T>, Unreadable>,
    ) -> Result<Lookup<T>, StoreError> {
        let (mut answer, mut bad) = self.try_get(key, &mut whole)?;
        for _ in 1..ATTEMPTS {
            if self.is_settled(bad.as_slice())? {
                break;
            }
            (answer, bad) = self.try_get(key, &mut whole)?;
        }
        if matches!(answer, Lookup::Found(_)) {
            self.usage.found(std::iter::once(slot_of(key)));
        }
        Ok(answer)
    }

    /// One look at the entry of `key`, and what of it is damaged.
    fn try_get<T>(
        &self,
        key: &Digest,
        whole: &mut impl FnMut(Found<'_>) -> Result<Option<T>, Unreadable>,
    ) -> Result<(Lookup<T>, Option<Bad>), StoreError> {
        // Copied: while an object is read, nothing else is held up.
        let copied = self.see_rows(std::slice::from_ref(key), |_, Found { id, kind, bytes }| {
            (id, kind, bytes.to_vec())
        });
        let row = match copied? {
            Ok(mut rows) => rows.pop().flatten(),
            Err(damage) => return Ok((Lookup::Damaged(damage), None)),
        };
        let Some((id, kind, bytes)) = row else { return Ok((Lookup::Absent, None)) };
        let row = Found { id, kind, bytes: &bytes };
        let name = || object_of(kind, &bytes);
        let (flaw, misses) = match whole(row) {
            Ok(Some(found)) => return Ok((Lookup::Found(found), None)),
            Ok(None) => return Ok((Lookup::Absent, None)),
            Err(Unreadable::Refused(cause)) => {
                return Err(StoreError::io("read an object in", self.layout.objects(), cause));
            }
            Err(Unreadable::Gone) => (Flaw("its object is gone".to_owned()), name()),
            Err(Unreadable::Flawed(flaw)) => {
                if let Some(name) = name() {
                    // Others may use it too: whoever reads it finds it gone, and computes it again.
                    let _ = rows::remove_object(&self.layout, &name);
                }
                (flaw, None)
            }
        };
        let answer = Lookup::Damaged(flaw.to_string());
        Ok((answer, Some(Bad { id, slot: slot_of(key), flaw, misses })))
    }

    /// Removes what is damaged; answers whether that was all there is to do, or it is worth another look: what waited has
    /// been written, or somebody was about to remove, or to bring back, what was found.
    fn is_settled(&self, bad: &[Bad]) -> Result<bool, StoreError> {
        if bad.iter().any(|bad| bad.id.is_none()) {
            // Only what is written can be removed.
            self.write_now()?;
            return Ok(false);
        }
        // A key that is asked for twice is damaged once.
        let rows: BTreeSet<_> = bad.iter().map(|bad| bad.id).collect();
        Ok(self.remove_bad(bad).is_none_or(|removed| removed == rows.len()))
    }

    /// What `see` sees in the rows of `keys`, in those that wait to be written first; or what was wrong with the index.
    fn see_rows<T>(
        &self,
        keys: &[Digest],
        see: impl Fn(&Digest, Found<'_>) -> T,
    ) -> Result<Result<Vec<Option<T>>, String>, StoreError> {
        // First those that wait: what is written meanwhile is in the index by then.
        let waiting = self.queue.find_all(keys);
        // A run has looked when it began.
        if !self.usage.is_running() {
            self.connections.refresh();
        }
        let generation = self.connections.generation();
        let look = || {
            self.connections.read(|connection| {
                let transaction =
                    if keys.len() > 1 { Some(connection.unchecked_transaction()?) } else { None };
                let mut round = Round::new(connection, keys, waiting.as_deref(), &see)?;
                for at in 0..keys.len() {
                    round.look(at)?;
                }
                let Round { found, .. } = round;
                drop(transaction);
                Ok(found)
            })
        };
        let mut read = self.guarded(look);
        if read.is_err() {
            self.connections.refresh();
        }
        if read.is_err() && self.connections.generation() != generation {
            // It was damaged, and what is sound of it is in a new one; or somebody deleted it just now.
            read = self.guarded(look);
        }
        match read {
            Ok(Some(rows)) => Ok(Ok(rows)),
            Ok(None) => Ok(Ok(match waiting {
                Some(rows) => {
                    let seen = keys
                        .iter()
                        .zip(&rows)
                        .map(|(key, row)| row.as_deref().map(|row| see(key, Found::waiting(row))));
                    seen.collect()
                }
                None => keys.iter().map(|_| None).collect(),
            })),
            Err(Failed::Damaged(what)) => Ok(Err(what)),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    /// What a row says, without reading an object.
    fn glimpse(&self, key: &Digest, row: Found<'_>, depth: Depth) -> Result<Lookup<Glimpse>, Bad> {
        let mut misses = None;
        let Found { id, kind, bytes } = row;
        // The name of an object ends with the extension.
        let depth = if kind == rows::IN_PLACE { depth } else { Depth::Whole };
        let flaw = match entry::parse_row_to(bytes, depth) {
            Ok((of, ..)) if of != *key => return Ok(Lookup::Absent),
            Ok((_, meta, value)) => match value {
                Some(value) if value.len() <= COMES_ALONG => {
                    match entry::verify_value(value, &meta) {
                        Ok(()) => {
                            let bytes = Some(value.to_vec());
                            return Ok(Lookup::Found(Glimpse { meta, bytes }));
                        }
                        Err(flaw) => flaw,
                    }
                }
                None if kind == rows::IN_PLACE => Flaw("its value is missing".to_owned()),
                None => {
                    misses = object_named(kind, &meta);
                    if misses.as_ref().is_some_and(|name| self.has_object(name)) {
                        return Ok(Lookup::Found(Glimpse { meta, bytes: None }));
                    }
                    Flaw("its object is gone".to_owned())
                }
                Some(_) => return Ok(Lookup::Found(Glimpse { meta, bytes: None })),
            },
            Err(flaw) => flaw,
        };
        Err(Bad { id, slot: slot_of(key), flaw, misses })
    }

    /// Whether there is something under the name of an object.
    fn has_object(&self, name: &ObjectName) -> bool {
        self.layout.object(name).symlink_metadata().is_ok()
    }

    /// The artifact of a row, verified; `None` if it is that of another key in the same slot.
    fn whole(&self, key: &Digest, row: Found<'_>) -> Result<Option<Artifact>, Unreadable> {
        let Some((meta, body)) = body_of(key, row)? else { return Ok(None) };
        let bytes = match body {
            Body::InPlace(value) => value.to_vec(),
            Body::Object(name) => objects::read(&self.layout, &name, meta.size, &meta.digest)?,
        };
        Ok(Some(Artifact { meta, bytes }))
    }

    /// The metadata of a row, once `read` has made something of its value and that is verified.
    fn whole_with(
        &self,
        key: &Digest,
        row: Found<'_>,
        read: &mut ReadValue<'_>,
    ) -> Result<Option<ArtifactMeta>, Unreadable> {
        let Some((meta, body)) = body_of(key, row)? else { return Ok(None) };
        match body {
            Body::InPlace(mut value) => read(&meta, &mut value),
            Body::Object(name) => {
                let (size, digest) = (meta.size, &meta.digest);
                objects::read_with(&self.layout, &name, size, digest, |bytes| read(&meta, bytes))?;
            }
        }
        Ok(Some(meta))
    }

    /// Removes damaged rows, if they are still those that were read and still damaged; answers how many were, if they
    /// could be removed.
    fn remove_bad(&self, bad: &[Bad]) -> Option<usize> {
        if bad.is_empty() {
            return Some(0);
        }
        let removed = self.guarded(|| {
            self.edit(|_, edit| {
                let mut removed = 0;
                for Bad { id, slot, flaw, misses } in bad {
                    let is_back = misses.as_ref().is_some_and(|name| self.has_object(name));
                    if let Some(id) = id
                        && !is_back
                        && edit.remove_entry(*id, *slot)?
                    {
                        tracing::debug!(%flaw, "a damaged cache entry is removed");
                        removed += 1;
                    }
                }
                Ok(removed)
            })
        });
        // What cannot be removed is found damaged again.
        removed.ok()
    }
}

/// Where the value of a row lies.
enum Body<'a> {
    /// In the row; it is verified.
    InPlace(&'a [u8]),
    /// In an object.
    Object(ObjectName),
}

/// The metadata of a row and its value; `None` if it is that of another key in the same slot.
fn body_of<'a>(
    key: &Digest,
    row: Found<'a>,
) -> Result<Option<(ArtifactMeta, Body<'a>)>, Unreadable> {
    let Found { kind, bytes, .. } = row;
    let (of, meta, value) = entry::parse_row(bytes).map_err(Unreadable::Flawed)?;
    if of != *key {
        return Ok(None);
    }
    let body = match value {
        Some(value) if kind == rows::IN_PLACE || !value.is_empty() => {
            entry::verify_value(value, &meta).map_err(Unreadable::Flawed)?;
            Body::InPlace(value)
        }
        _ => {
            let name = object_named(kind, &meta);
            Body::Object(name.ok_or_else(|| objects::flaw("its value is missing"))?)
        }
    };
    Ok(Some((meta, body)))
}
