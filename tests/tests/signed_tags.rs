//! Tags of stores with signatures: those that somebody without the key has given or moved are never believed.

mod checkpoint_support;

use std::sync::{Arc, Mutex};

use checkpoint_support::{EVENING, meta, now};
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use daglite::prelude::*;
use daglite::store::StoreFuture;
use daglite::{Signed, SigningKey};

/// A signed store with the versions `one` and `two` of `model`, in a folder.
struct Inside {
    store: Signed<FileCheckpoints>,
    one: String,
    two: String,
    _folder: tempfile::TempDir,
}

impl Inside {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::new("what only the team knows").unwrap();
        let store = Signed::new(FileCheckpoints::open(folder.path()).unwrap(), key);
        let save = |value: &[u8]| {
            let saved =
                CheckpointStore::save(&store, meta("model", value, EVENING), value.to_vec());
            now(saved).unwrap().version().to_owned()
        };
        let (one, two) = (save(b"one"), save(b"two"));
        Self { store, one, two, _folder: folder }
    }

    /// Somebody without the key gives a tag.
    fn plant(&self, version: &str, tag: &str) {
        assert!(now(CheckpointStore::tag(self.store.inner(), "model", version, tag)).unwrap());
    }

    /// Somebody with the key does.
    fn tag(&self, version: &str, tag: &str) {
        assert!(now(CheckpointStore::tag(&self.store, "model", version, tag)).unwrap());
    }

    /// The value by a tag, or why there is none; `load`, `head` and `resolve` agree on it.
    fn by(&self, tag: &str) -> Result<Option<Vec<u8>>, String> {
        let version = Version::tag(tag);
        let loaded = now(CheckpointStore::load(&self.store, "model", &version));
        let head = now(CheckpointStore::head(&self.store, "model", &version));
        let resolved = now(CheckpointStore::resolve(&self.store, "model", &version));
        assert_eq!(loaded.is_ok(), head.is_ok());
        assert_eq!(loaded.is_ok(), resolved.is_ok());
        loaded.map(|found| found.map(|(_, bytes)| bytes)).map_err(|error| error.to_string())
    }

    fn tags(&self) -> Vec<(String, String)> {
        now(CheckpointStore::tags(&self.store, "model")).unwrap()
    }

    /// What the store inside has, proofs too.
    fn all_tags(&self) -> Vec<(String, String)> {
        now(CheckpointStore::tags(self.store.inner(), "model")).unwrap()
    }
}

#[test]
fn a_tag_that_was_given_without_the_key_is_an_error() {
    let inside = Inside::new();
    inside.plant(&inside.one, "prod");
    let refused = inside.by("prod").unwrap_err();
    assert!(refused.starts_with("tag `prod` of checkpoint `model` in "), "{refused}");
    assert!(refused.contains("nobody with the signing key has given it to version"), "{refused}");
    assert!(inside.tags().is_empty());
    inside.tag(&inside.one, "prod");
    assert_eq!(inside.by("prod").unwrap().unwrap(), b"one");
}

#[test]
fn a_tag_that_was_moved_without_the_key_is_an_error() {
    let inside = Inside::new();
    inside.tag(&inside.one, "prod");
    inside.tag(&inside.two, "next");
    inside.plant(&inside.two, "prod");
    assert!(inside.by("prod").is_err(), "the proof of `next` is none for `prod`");
    assert_eq!(inside.tags(), [("next".to_owned(), inside.two.clone())]);
    // Nor is a proof of one version one for another.
    for (tag, _) in inside.all_tags() {
        inside.plant(&inside.two, &tag);
    }
    assert!(inside.by("prod").is_err());
    assert_eq!(inside.tags(), [("next".to_owned(), inside.two.clone())]);
}

#[test]
fn a_proof_goes_with_its_tag() {
    let inside = Inside::new();
    inside.tag(&inside.one, "prod");
    assert_eq!(inside.all_tags().len(), 2);
    inside.tag(&inside.two, "prod");
    assert_eq!(inside.tags(), [("prod".to_owned(), inside.two.clone())]);
    assert!(inside.all_tags().iter().all(|(_, version)| *version == inside.two));
    // So that whoever moves it back without the key is found out.
    inside.plant(&inside.one, "prod");
    assert!(inside.by("prod").is_err());
    inside.tag(&inside.two, "prod");
    inside.tag(&inside.two, "prod");
    assert!(now(CheckpointStore::untag(&inside.store, "model", "prod")).unwrap());
    assert_eq!(inside.all_tags(), []);
}

#[test]
fn several_who_move_a_tag_at_once_leave_it_proven() {
    let inside = Inside::new();
    inside.tag(&inside.one, "prod");
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for version in [&inside.one, &inside.two, &inside.one] {
                scope.spawn(|| inside.tag(version, "prod"));
            }
        });
        assert!(inside.by("prod").unwrap().is_some());
        assert_eq!(inside.tags().len(), 1);
    }
}

#[test]
fn a_tag_of_another_checkpoint_proves_nothing() {
    let inside = Inside::new();
    let save = CheckpointStore::save(&inside.store, meta("other", b"x", EVENING), b"x".to_vec());
    let other = now(save).unwrap().version().to_owned();
    assert_eq!(other, inside.one, "the same version of another name");
    inside.tag(&inside.one, "prod");
    for (tag, version) in inside.all_tags() {
        now(CheckpointStore::tag(inside.store.inner(), "other", &version, &tag)).unwrap();
    }
    let refused = now(CheckpointStore::load(&inside.store, "other", &Version::tag("prod")));
    assert!(refused.is_err());
}

/// A store in which somebody else does something just before a tag is taken away.
struct Between {
    files: Arc<FileCheckpoints>,
    first: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl CheckpointStore for Between {
    fn save<'a>(&'a self, meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        CheckpointStore::save(&self.files, meta, bytes)
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        CheckpointStore::load(&self.files, name, version)
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        CheckpointStore::head(&self.files, name, version)
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        CheckpointStore::versions(&self.files, name)
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        CheckpointStore::names(&self.files)
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        CheckpointStore::delete(&self.files, name, version)
    }

    fn location(&self) -> String {
        CheckpointStore::location(&self.files)
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        CheckpointStore::tag(&self.files, name, version, tag)
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        if let Some(first) = self.first.lock().unwrap().take() {
            first();
        }
        CheckpointStore::untag(&self.files, name, tag)
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        CheckpointStore::tags(&self.files, name)
    }
}

#[test]
fn who_takes_an_old_proof_away_leaves_that_of_somebody_who_has_moved_the_tag_back() {
    let inside = Inside::new();
    inside.tag(&inside.one, "prod");
    let files = Arc::new(FileCheckpoints::open(inside._folder.path()).unwrap());
    let key = SigningKey::new("what only the team knows").unwrap();
    let other = Signed::new(Arc::clone(&files), key.clone());
    let one = inside.one.clone();
    let back = move || assert!(now(other.tag("model", &one, "prod")).unwrap());
    let between = Between { files, first: Mutex::new(Some(Box::new(back))) };
    let ours = Signed::new(between, key);
    assert!(now(ours.tag("model", &inside.two, "prod")).unwrap());
    assert_eq!(inside.by("prod").unwrap().unwrap(), b"one", "the other one came last");
}
