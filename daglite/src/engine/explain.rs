//! Why there is no entry: what became of it, or how the call differs from the last ones of its task.
//!
//! The store is asked for those once a run and task, and never a miss: a run in which all is missing stays fast.

use std::collections::{BTreeMap, HashMap};
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::digest::Digest;
use crate::event::{Change, ItemChange, MissReason};
use crate::store::{ArtifactMeta, CacheStore, Fate, KeyPart, PartKind, TaskRecord};
use crate::sync::Mutex;
use crate::task::Task;

use super::block::wait;
use super::key::fingerprint;
use super::preimage::record_of;
use super::{Engine, caught};

/// With so many of the last entries a call is compared.
const MOST_COMPARED: usize = 32;

/// The last entries of tasks, asked for when a run first misses one of them.
#[derive(Default)]
pub(super) struct Histories(Mutex<HashMap<usize, Arc<OnceLock<History>>>>);

/// The last entries of a task, and what it is now.
struct History {
    now: TaskRecord,
    id: Digest,
    fingerprint: Digest,
    before: Vec<Before>,
}

/// An entry that a call is compared with.
struct Before {
    meta: ArtifactMeta,
    record: Option<Arc<TaskRecord>>,
}

impl Histories {
    /// The place of the last entries of `task`, as they were before this run.
    fn of(&self, task: &'static Task) -> Arc<OnceLock<History>> {
        Arc::clone(self.0.lock().entry(ptr::from_ref(task).addr()).or_default())
    }
}

impl Engine {
    /// Why the store has no entry under the key that was made from `parts`.
    pub(super) fn explain(
        &self,
        histories: &Histories,
        task: &'static Task,
        key: &Digest,
        parts: &[KeyPart],
    ) -> MissReason {
        let Some(store) = self.cache.as_deref() else { return MissReason::NoEntry };
        match caught(|| wait(store.fate(key))) {
            Ok(Ok(Some(Fate::Evicted))) => return MissReason::Evicted,
            Ok(Ok(Some(Fate::Expired))) => return MissReason::Expired,
            Ok(Ok(Some(Fate::Removed))) => return MissReason::Removed,
            // It serves messages alone.
            _ => {}
        }
        // Who asks for another task meanwhile need not wait.
        let place = histories.of(task);
        let history = place.get_or_init(|| History::read(task, store));
        let nearest = history.before.iter().min_by_key(|before| history.distance(before, parts));
        let changes = nearest.map(|before| history.changes(before, parts)).unwrap_or_default();
        if changes.is_empty() { MissReason::NoEntry } else { MissReason::Changed(changes) }
    }

    /// How long the body of a task usually ran when its last entries were made: the middle one of their times.
    pub(super) fn usual_time(
        &self,
        histories: &Histories,
        task: &'static Task,
    ) -> Option<Duration> {
        let store = self.cache.as_deref()?;
        let place = histories.of(task);
        let history = place.get_or_init(|| History::read(task, store));
        let mut times: Vec<_> = history.before.iter().map(|before| before.meta.took).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// The reason with the name of the result type that the entry was written for, if it is known.
    pub(super) fn explain_result(&self, reason: MissReason, meta: &ArtifactMeta) -> MissReason {
        let (MissReason::ResultChanged { to, .. }, Some(store), Some(id)) =
            (&reason, self.cache.as_deref(), &meta.record)
        else {
            return reason;
        };
        match caught(|| wait(store.described(id))) {
            Ok(Ok(Some(record))) => {
                MissReason::ResultChanged { from: record.result, to: to.clone() }
            }
            _ => reason,
        }
    }
}

impl History {
    /// What the store has.
    fn read(task: &'static Task, store: &dyn CacheStore) -> Self {
        let now = record_of(task);
        let found = caught(|| wait(store.history(task.spec.name, MOST_COMPARED)));
        let found = match found {
            Ok(Ok(found)) => found,
            _ => Vec::new(),
        };
        let mut records: HashMap<Digest, Option<Arc<TaskRecord>>> = HashMap::new();
        let mut record = |id: &Digest| {
            let read = || match caught(|| wait(store.described(id))) {
                Ok(Ok(record)) => record.map(Arc::new),
                _ => None,
            };
            records.entry(*id).or_insert_with(read).clone()
        };
        let before = found
            .into_iter()
            .take(MOST_COMPARED)
            .map(|(_, meta)| Before { record: meta.record.as_ref().and_then(&mut record), meta })
            .collect();
        Self { id: now.id(), now, fingerprint: fingerprint(task), before }
    }

    /// How many differences there are, without saying which.
    fn distance(&self, before: &Before, parts: &[KeyPart]) -> usize {
        let mut count = usize::from(before.meta.fingerprint != self.fingerprint);
        if let Some(record) = self.other_record(before) {
            count += usize::from(record.version != self.now.version)
                + usize::from(record.types != self.now.types)
                + usize::from(record.scheme != self.now.scheme);
        }
        let then = &before.meta.parts;
        count += counted(parts).filter(|part| !is_in(part, then)).count();
        count + counted(then).filter(|part| find(part, parts).is_none()).count()
    }

    /// The record of an entry, if it is another one than that of now.
    fn other_record<'a>(&self, before: &'a Before) -> Option<&'a TaskRecord> {
        before.record.as_deref().filter(|_| before.meta.record != Some(self.id))
    }

    /// The differences.
    fn changes(&self, before: &Before, parts: &[KeyPart]) -> Vec<Change> {
        let mut changes = Vec::new();
        let record = self.other_record(before);
        if before.meta.fingerprint != self.fingerprint {
            let items = record.map(|record| items(&record.code, &self.now.code));
            changes.push(Change::Code(items.unwrap_or_default()));
        }
        if let Some(then) = record {
            changes.extend(self.record_changes(then));
        }
        let then = &before.meta.parts;
        for part in counted(parts) {
            match find(part, then) {
                Some(other) if other.digest == part.digest => {}
                Some(other) => changes.push(change(other, part)),
                // Older versions of daglite did not write variables down.
                None if before.meta.record.is_none() && part.kind == PartKind::Variable => {}
                None => changes.push(Change::Added(part.name.clone())),
            }
        }
        let gone = counted(then).filter(|part| find(part, parts).is_none());
        changes.extend(gone.map(|part| Change::Removed(part.name.clone())));
        changes
    }

    /// The differences that are no arguments and no code.
    fn record_changes(&self, then: &TaskRecord) -> Vec<Change> {
        let now = &self.now;
        let mut changes = Vec::new();
        if then.version != now.version {
            let (from, to) = (then.version.clone(), now.version.clone());
            changes.push(Change::Version { from, to });
        }
        if then.types != now.types {
            let (from, to) = (then.types.join(", "), now.types.join(", "));
            changes.push(Change::Types { from, to });
        }
        if then.scheme != now.scheme {
            let (from, to) = (then.scheme.clone(), now.scheme.clone());
            changes.push(Change::Scheme { from, to });
        }
        changes
    }
}

/// The parts that are in the key.
fn counted(parts: &[KeyPart]) -> impl Iterator<Item = &KeyPart> {
    parts.iter().filter(|part| !part.kind.is_excluded())
}

/// The part of the same name in other parts.
fn find<'a>(part: &KeyPart, others: &'a [KeyPart]) -> Option<&'a KeyPart> {
    let is_variable = part.kind == PartKind::Variable;
    counted(others)
        .find(|other| other.name == part.name && (other.kind == PartKind::Variable) == is_variable)
}

/// Whether the same part is in others.
fn is_in(part: &KeyPart, others: &[KeyPart]) -> bool {
    find(part, others).is_some_and(|other| other.digest == part.digest)
}

/// The change of one part.
fn change(then: &KeyPart, now: &KeyPart) -> Change {
    let (name, from, to) = (now.name.clone(), then.shown.clone(), now.shown.clone());
    match now.kind {
        PartKind::Variable => Change::Variable { name, from, to },
        _ => Change::Argument { name, from, to },
    }
}

/// The items that differ: those that changed, then the new ones, then those that are gone.
fn items(then: &[(String, u64)], now: &[(String, u64)]) -> Vec<ItemChange> {
    let by_name = |code: &[(String, u64)]| -> BTreeMap<String, Vec<u64>> {
        let mut items: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (item, digest) in code {
            items.entry(item.clone()).or_default().push(*digest);
        }
        items
    };
    let (then, now) = (by_name(then), by_name(now));
    let mut changed = Vec::new();
    for (item, digests) in &now {
        match then.get(item) {
            None => changed.push(ItemChange::Added(item.clone())),
            Some(before) if before != digests => changed.push(ItemChange::Changed(item.clone())),
            Some(_) => {}
        }
    }
    let gone = then.keys().filter(|item| !now.contains_key(*item));
    changed.extend(gone.map(|item| ItemChange::Removed(item.clone())));
    changed.sort();
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(items: &[(&str, u64)]) -> Vec<(String, u64)> {
        items.iter().map(|(item, digest)| ((*item).to_owned(), *digest)).collect()
    }

    #[test]
    fn items_that_changed_came_and_went_are_told_apart() {
        let then = code(&[("fit", 1), ("helpers::scale", 2), ("LIMIT", 3), ("same", 4)]);
        let now = code(&[("same", 4), ("fit", 1), ("helpers::scale", 9), ("offset", 5)]);
        let expected = [
            ItemChange::Changed("helpers::scale".to_owned()),
            ItemChange::Added("offset".to_owned()),
            ItemChange::Removed("LIMIT".to_owned()),
        ];
        assert_eq!(items(&then, &now), expected);
        assert_eq!(items(&then, &then), []);
    }

    #[test]
    fn of_several_items_of_one_name_one_may_change() {
        let then = code(&[("impl Scale", 1), ("impl Scale", 2)]);
        let now = code(&[("impl Scale", 1), ("impl Scale", 3)]);
        assert_eq!(items(&then, &now), [ItemChange::Changed("impl Scale".to_owned())]);
    }
}
