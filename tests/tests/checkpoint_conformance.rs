//! Every checkpoint store of the library keeps the contract, and the suite notices one that does not.

mod checkpoint_support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checkpoint_support::now;
use daglite::checkpoint::{
    CheckpointMeta, CheckpointStore, ReadCheckpoint, Saved, Version, check_name, check_tag,
};
use daglite::store::{StoreError, StoreFuture, WriteValue};
use daglite::{Digest, FileCheckpoints, conformance};
use daglite_tests::said;

#[test]
fn checkpoints_in_files_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    now(conformance::checkpoint_store(|| {
        made.set(made.get() + 1);
        FileCheckpoints::open(folder.path().join(made.get().to_string())).unwrap()
    }));
}

#[test]
fn a_shared_store_keeps_the_contract() {
    now(conformance::checkpoint_store(|| {
        Arc::new(InMemory::new(Fault::None)) as Arc<dyn CheckpointStore>
    }));
}

/// A third-party store that was written before there were tags and moments.
struct Plain(InMemory);

impl CheckpointStore for Plain {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        self.0.save(meta, bytes)
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        Box::pin(async move {
            let Some(version) = self.resolve(name, version).await? else { return Ok(None) };
            self.0.load_now(name, &Version::Exact(version))
        })
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move { Ok(self.load(name, version).await?.map(|(meta, _)| meta)) })
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        self.0.versions(name)
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        self.0.names()
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        self.0.delete(name, version)
    }

    fn location(&self) -> String {
        self.0.location()
    }
}

#[test]
fn a_store_that_implements_only_what_it_must_keeps_the_contract() {
    now(conformance::checkpoint_store(|| Plain(InMemory::new(Fault::None))));
}

#[test]
fn the_suite_finds_every_fault() {
    for (fault, rule) in [
        (Fault::ErrorWhenAbsent, "rule 6, missing is not an error"),
        (Fault::LosesNotes, "rule 5, verified: what was saved comes back"),
        (Fault::LosesLastByte, "rule 5, verified: what was saved comes back"),
        (Fault::TrustsTheClock, "rule 3, versions sort by time"),
        (Fault::NewestFirst, "rule 3, versions sort by time"),
        (Fault::AlwaysNew, "rule 4, unchanged adds nothing"),
        (Fault::IgnoresFormat, "rule 4, a value that decodes another way"),
        (Fault::AnyVersionCounts, "rule 4, only the latest version counts"),
        (Fault::ForgetsNames, "rule 7, names are listed"),
        (Fault::TakesAnyName, "rule 7, bad names are refused"),
        (Fault::TakesTwins, "rule 7, a name that differs in the case"),
        (Fault::DeletesNothing, "rule 2, whole or not at all"),
        (Fault::TakesAnyValue, "rule 1, saved is saved"),
        (Fault::CountsInSeconds, "rule 3, a version is never written over"),
        (Fault::NamesVersionsV1, "rule 3, the name of a version begins with a digit"),
        (Fault::MomentsMeanLatest, "rule 9, a version in other words"),
        (Fault::BelievesTheClock, "rule 9, a version in other words"),
        (Fault::TakesTagsAndForgets, "rule 10, a tag names a version"),
        (Fault::TagsWhatIsNotThere, "rule 10, a tag names a version"),
        (Fault::KeepsTheFirstTag, "rule 10, tags move, and go with their version"),
        (Fault::KeepsTagsOfDeleted, "rule 10, tags move, and go with their version"),
        (Fault::TakesAnyTag, "rule 10, bad tags are refused"),
        (Fault::MovesTagsInTwoSteps, "rule 10, tags move at once"),
        (Fault::KeepsWhatFailed, "rule 11, `save_with` is `save`"),
        (Fault::BelievesTheGivenDigest, "rule 11, `save_with` is `save`"),
        (Fault::ShowsAByteMore, "rule 11, `save_with` is `save`"),
        (Fault::ReadsNothing, "rule 11, `save_with` is `save`"),
        (Fault::SaysNothingOfTags, "rule 10, a store that keeps no tags says so"),
    ] {
        let suite = conformance::checkpoint_store(|| InMemory::new(fault));
        let panic = catch_unwind(AssertUnwindSafe(|| now(suite)))
            .expect_err(&format!("{fault:?} must be found"));
        let message = said(&*panic);
        assert!(message.starts_with(rule), "{fault:?} was found as: {message}");
    }
}

/// One way to break the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ErrorWhenAbsent,
    LosesNotes,
    LosesLastByte,
    TrustsTheClock,
    NewestFirst,
    AlwaysNew,
    IgnoresFormat,
    AnyVersionCounts,
    ForgetsNames,
    TakesAnyName,
    TakesTwins,
    DeletesNothing,
    TakesAnyValue,
    CountsInSeconds,
    NamesVersionsV1,
    MomentsMeanLatest,
    BelievesTheClock,
    TakesTagsAndForgets,
    TagsWhatIsNotThere,
    KeepsTheFirstTag,
    KeepsTagsOfDeleted,
    TakesAnyTag,
    MovesTagsInTwoSteps,
    SaysNothingOfTags,
    KeepsWhatFailed,
    BelievesTheGivenDigest,
    ShowsAByteMore,
    ReadsNothing,
}

type Versions = BTreeMap<String, (CheckpointMeta, Vec<u8>)>;
/// The versions that have tags, by name and tag.
type Tags = BTreeMap<(String, String), String>;

/// A sound store in memory, broken in one way. Its versions are numbers: any text that sorts will do.
struct InMemory {
    fault: Fault,
    names: Mutex<BTreeMap<String, Versions>>,
    tags: Mutex<Tags>,
    /// How often somebody has looked for a tag.
    looks: AtomicUsize,
}

impl InMemory {
    fn new(fault: Fault) -> Self {
        let (names, tags) = (Mutex::default(), Mutex::default());
        Self { fault, names, tags, looks: AtomicUsize::new(0) }
    }

    /// Returns once somebody has looked for a tag, from begin to end; or soon, if nobody does.
    fn wait_for_a_look(&self) {
        let looks = || self.looks.load(Ordering::SeqCst);
        let (before, deadline) = (looks(), Instant::now() + Duration::from_millis(200));
        while looks() < before + 2 && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn check_name(&self, name: &str) -> Result<(), StoreError> {
        if self.is(Fault::TakesAnyName) { Ok(()) } else { check_name(name) }
    }

    fn save_now(&self, mut meta: CheckpointMeta, bytes: Vec<u8>) -> Result<Saved, StoreError> {
        self.check_name(&meta.name)?;
        let fits = meta.size == bytes.len() as u64 && meta.digest == Digest::of_bytes(&bytes);
        if !fits && !self.is(Fault::TakesAnyValue) {
            return Err(StoreError::new("the value does not match: set its digest"));
        }
        let mut names = self.names.lock().unwrap();
        let twin = |one: &str, other: &str| {
            let pairs = one.split('/').zip(other.split('/'));
            let mut pairs = pairs.skip_while(|(one, other)| one == other);
            pairs.next().is_some_and(|(one, other)| one.to_lowercase() == other.to_lowercase())
        };
        if names.keys().any(|there| twin(there, &meta.name)) && !self.is(Fault::TakesTwins) {
            return Err(StoreError::new("a twin is there: choose another name"));
        }
        let versions = names.entry(meta.name.clone()).or_default();
        let same = |kept: &CheckpointMeta| {
            kept.same_value(&meta) || self.is(Fault::IgnoresFormat) && kept.digest == meta.digest
        };
        let counting = if self.is(Fault::AnyVersionCounts) { versions.len() } else { 1 };
        let kept = versions.values().rev().take(counting).find(|(kept, _)| same(kept));
        if let Some((kept, _)) = kept
            && !self.is(Fault::AlwaysNew)
        {
            return Ok(Saved::Unchanged(kept.version.clone()));
        }
        let wanted = meta.created.millis() * 1_000;
        let next =
            versions.keys().next_back().map_or(0, |latest| latest.parse::<u64>().unwrap() + 1);
        let number = match self.fault {
            // The same moment twice is told apart, the clock that went back is not.
            Fault::TrustsTheClock => {
                (wanted..).find(|n| !versions.contains_key(&text(*n))).unwrap()
            }
            Fault::CountsInSeconds if meta.size == 10_000 => wanted,
            _ => wanted.max(next),
        };
        meta.version = text(number);
        if self.is(Fault::NamesVersionsV1) {
            meta.version.insert(0, 'v');
        }
        versions.insert(meta.version.clone(), (meta.clone(), bytes));
        Ok(Saved::New(meta.version))
    }

    fn load_now(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<(CheckpointMeta, Vec<u8>)>, StoreError> {
        self.check_name(name)?;
        // As the contract says: what is not exact is resolved.
        let version = now(self.resolve(name, version))?;
        let names = self.names.lock().unwrap();
        let found = version.and_then(|version| names.get(name)?.get(&version));
        let Some((mut meta, mut bytes)) = found.cloned() else {
            return match self.fault {
                Fault::ErrorWhenAbsent => Err(StoreError::new("not there: save it first")),
                _ => Ok(None),
            };
        };
        match self.fault {
            Fault::LosesNotes => meta.user.clear(),
            Fault::LosesLastByte => drop(bytes.pop()),
            _ => {}
        }
        Ok(Some((meta, bytes)))
    }

    fn resolve_now(&self, name: &str, version: &Version) -> Result<Option<String>, StoreError> {
        self.check_name(name)?;
        let names = self.names.lock().unwrap();
        let versions = names.get(name).into_iter().flat_map(Versions::values);
        let found = match version {
            Version::Exact(version) => return Ok(Some(version.clone())),
            Version::Tag(tag) => {
                let place = (name.to_owned(), tag.clone());
                let tagged = self.tags.lock().unwrap().get(&place).cloned();
                self.looks.fetch_add(1, Ordering::SeqCst);
                return Ok(tagged);
            }
            Version::At(time) => match self.fault {
                Fault::MomentsMeanLatest => versions.last(),
                Fault::BelievesTheClock => {
                    let mut versions = versions;
                    versions.rfind(|(meta, _)| meta.created <= *time)
                }
                _ => versions.take_while(|(meta, _)| meta.created <= *time).last(),
            },
            _ => versions.last(),
        };
        Ok(found.map(|(meta, _)| meta.version.clone()))
    }

    fn tag_now(&self, name: &str, version: &str, tag: &str) -> Result<bool, StoreError> {
        self.check_name(name)?;
        if !self.is(Fault::TakesAnyTag) {
            check_tag(tag)?;
        }
        let names = self.names.lock().unwrap();
        let is_there = names.get(name).is_some_and(|versions| versions.contains_key(version));
        if !is_there && !self.is(Fault::TagsWhatIsNotThere) {
            return Ok(false);
        }
        drop(names);
        let place = (name.to_owned(), tag.to_owned());
        let mut tags = self.tags.lock().unwrap();
        match self.fault {
            Fault::TakesTagsAndForgets => {}
            Fault::KeepsTheFirstTag => _ = tags.entry(place).or_insert_with(|| version.to_owned()),
            Fault::MovesTagsInTwoSteps => {
                let has_moved = tags.remove(&place).is_some();
                drop(tags);
                if has_moved {
                    self.wait_for_a_look();
                }
                self.tags.lock().unwrap().insert(place, version.to_owned());
            }
            _ => _ = tags.insert(place, version.to_owned()),
        }
        Ok(is_there)
    }

    fn versions_now(&self, name: &str) -> Result<Vec<String>, StoreError> {
        self.check_name(name)?;
        let names = self.names.lock().unwrap();
        let mut versions: Vec<_> =
            names.get(name).into_iter().flat_map(Versions::keys).cloned().collect();
        if self.is(Fault::NewestFirst) {
            versions.reverse();
        }
        Ok(versions)
    }

    fn delete_now(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        self.check_name(name)?;
        let mut names = self.names.lock().unwrap();
        let Some(versions) = names.get_mut(name) else {
            return Ok(false);
        };
        if self.is(Fault::DeletesNothing) {
            return Ok(versions.contains_key(version));
        }
        let deleted = versions.remove(version).is_some();
        if !self.is(Fault::KeepsTagsOfDeleted) {
            let mut tags = self.tags.lock().unwrap();
            tags.retain(|(there, _), tagged| there != name || tagged != version);
        }
        if versions.is_empty() {
            names.remove(name);
        }
        Ok(deleted)
    }
}

/// A number as a version that sorts.
fn text(number: u64) -> String {
    format!("{number:020}")
}

impl CheckpointStore for InMemory {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        Box::pin(async move { self.save_now(meta, bytes) })
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        Box::pin(async move { self.load_now(name, version) })
    }

    fn save_with<'a>(
        &'a self,
        mut meta: CheckpointMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            if let Err(cause) = write(&mut bytes)
                && !self.is(Fault::KeepsWhatFailed)
            {
                return Err(StoreError::new(cause.to_string()));
            }
            if !self.is(Fault::BelievesTheGivenDigest) {
                (meta.digest, meta.size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
            }
            self.save_now(meta, bytes)
        })
    }

    fn load_with<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        read: &'a mut ReadCheckpoint<'_>,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move {
            let Some((meta, mut bytes)) = self.load_now(name, version)? else { return Ok(None) };
            if self.is(Fault::ShowsAByteMore) {
                bytes.push(0);
            }
            if !self.is(Fault::ReadsNothing) {
                read(&meta, &mut &bytes[..]);
            }
            Ok(Some(meta))
        })
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move { Ok(self.load_now(name, version)?.map(|(meta, _)| meta)) })
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        Box::pin(async move { self.versions_now(name) })
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        let names = self.names.lock().unwrap();
        let shown = if self.is(Fault::ForgetsNames) { 2 } else { names.len() };
        let names = names.keys().take(shown).cloned().collect();
        Box::pin(async move { Ok(names) })
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.delete_now(name, version) })
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        Box::pin(async move { self.resolve_now(name, version) })
    }

    fn keeps_tags(&self) -> bool {
        !self.is(Fault::SaysNothingOfTags)
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.tag_now(name, version, tag) })
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.check_name(name)?;
            let place = (name.to_owned(), tag.to_owned());
            Ok(self.tags.lock().unwrap().remove(&place).is_some())
        })
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        Box::pin(async move {
            self.check_name(name)?;
            let tags = self.tags.lock().unwrap();
            let of_name = tags.iter().filter(|((there, _), _)| there == name);
            Ok(of_name.map(|((_, tag), version)| (tag.clone(), version.clone())).collect())
        })
    }
}
