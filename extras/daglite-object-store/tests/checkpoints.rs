//! Checkpoints in object stores: the contract, the layout, and what is refused.

use std::cell::Cell;

use daglite::FileCheckpoints;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use daglite::clock::Timestamp;
use daglite::conformance;
use daglite_object_store::object_store::ObjectStoreExt;
use daglite_object_store::object_store::memory::InMemory;
use daglite_object_store::object_store::path::Path;
use daglite_object_store::{ObjectCheckpoints, Place};

use crate::support::{Seaweed, memory, slow_memory};

/// Metadata of `bytes`, saved as `name`.
fn meta(name: &str, bytes: &[u8]) -> CheckpointMeta {
    CheckpointMeta {
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        ..CheckpointMeta::new(name, bytes, Timestamp::from_millis(946_728_000_000))
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    conformance::checkpoint_store(|| ObjectCheckpoints::in_place(memory()).unwrap()).await;
}

#[tokio::test]
async fn writers_that_get_in_each_others_way_keep_the_contract() {
    let wait = std::time::Duration::from_millis(3);
    conformance::checkpoint_store(|| ObjectCheckpoints::in_place(slow_memory(wait)).unwrap()).await;
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    conformance::checkpoint_store(|| {
        made.set(made.get() + 1);
        let folder = folder.path().join(made.get().to_string());
        ObjectCheckpoints::open(&format!("file://{}", folder.display())).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract() {
    let Some(server) = Seaweed::running() else { return };
    conformance::checkpoint_store(|| ObjectCheckpoints::in_place(server.place()).unwrap()).await;
}

#[tokio::test]
async fn a_folder_is_laid_out_as_the_file_store_lays_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let objects = ObjectCheckpoints::open(&format!("file://{}", folder.path().display())).unwrap();
    let files = FileCheckpoints::open(folder.path()).unwrap();
    let ours = objects.save(meta("churn/modèle 1", b"one"), b"one".to_vec()).await.unwrap();
    let loaded = CheckpointStore::load(&files, "churn/modèle 1", &Version::Latest).await.unwrap();
    assert_eq!(loaded.map(|(meta, bytes)| (meta.version, bytes)).unwrap().1, b"one");
    let theirs = CheckpointStore::save(&files, meta("churn/modèle 1", b"two"), b"two".to_vec());
    let theirs = theirs.await.unwrap();
    let versions = [ours.version().to_owned(), theirs.version().to_owned()];
    assert_eq!(objects.versions("churn/modèle 1").await.unwrap(), versions);
    let (_, bytes) = objects.load("churn/modèle 1", &Version::Latest).await.unwrap().unwrap();
    assert_eq!(bytes, b"two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_goes_in_parts_and_comes_back() {
    let Some(server) = Seaweed::running() else { return };
    let bytes: Vec<u8> =
        (0..(20u32 << 20)).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let store = ObjectCheckpoints::in_place(server.place()).unwrap();
    let saved = store.save(meta("large", &bytes), bytes.clone()).await.unwrap();
    assert!(matches!(saved, Saved::New(_)));
    let (_, loaded) = store.load("large", &Version::Latest).await.unwrap().unwrap();
    assert!(loaded == bytes, "{} bytes came back of {}", loaded.len(), bytes.len());
    let again = store.save(meta("large", &bytes), bytes).await.unwrap();
    assert_eq!(again, Saved::Unchanged(saved.version().to_owned()));
}

/// A store in memory that the test can reach into.
struct Inside {
    objects: std::sync::Arc<InMemory>,
    store: ObjectCheckpoints,
    version: String,
}

impl Inside {
    /// With two versions of `model`; the second one is `version`.
    async fn with_two_versions() -> Self {
        let objects = std::sync::Arc::new(InMemory::new());
        let place = Place::of(std::sync::Arc::clone(&objects), "here");
        let store = ObjectCheckpoints::in_place(place).unwrap();
        store.save(meta("model", b"one"), b"one".to_vec()).await.unwrap();
        let saved = store.save(meta("model", b"two"), b"two".to_vec()).await.unwrap();
        Self { objects, store, version: saved.version().to_owned() }
    }

    fn path(&self, file: &str) -> Path {
        Path::from(format!("model/{}/{file}", self.version))
    }

    async fn replace(&self, file: &str, bytes: Vec<u8>) {
        self.objects.put(&self.path(file), bytes.into()).await.unwrap();
    }

    async fn text(&self) -> String {
        let meta = self.objects.get(&self.path("meta.json")).await.unwrap();
        String::from_utf8(meta.bytes().await.unwrap().to_vec()).unwrap()
    }

    async fn refusal(&self) -> String {
        self.store.load("model", &Version::Latest).await.unwrap_err().to_string()
    }
}

#[tokio::test]
async fn a_version_without_metadata_is_never_seen_and_never_written_over() {
    let inside = Inside::with_two_versions().await;
    inside.objects.delete(&inside.path("meta.json")).await.unwrap();
    let (meta_of_first, bytes) =
        inside.store.load("model", &Version::Latest).await.unwrap().unwrap();
    assert_eq!(bytes, b"one");
    assert_eq!(inside.store.versions("model").await.unwrap(), [meta_of_first.version]);
    let saved = inside.store.save(meta("model", b"three"), b"three".to_vec()).await.unwrap();
    assert!(saved.version() > inside.version.as_str(), "{saved:?} is not later than the half one");
    let half = inside.objects.get(&inside.path("value.bin")).await.unwrap().bytes().await.unwrap();
    assert_eq!(&half[..], b"two");
}

#[tokio::test]
async fn a_value_that_was_changed_cut_or_lost_is_refused_with_the_version_before() {
    for (bytes, why) in [
        (Some(&b"twO"[..]), "it does not match its digest"),
        (Some(b"tw"), "it has 2 of 3 bytes"),
        (Some(b"two and more"), "it has 12 bytes where 3 are the most"),
        (None, "its value is missing"),
    ] {
        let inside = Inside::with_two_versions().await;
        match bytes {
            Some(bytes) => inside.replace("value.bin", bytes.to_vec()).await,
            None => inside.objects.delete(&inside.path("value.bin")).await.unwrap(),
        }
        let refusal = inside.refusal().await;
        assert!(refusal.contains(why), "{refusal}");
        assert!(refusal.contains("load one of those before it: 2000"), "{refusal}");
    }
}

#[tokio::test]
async fn metadata_that_was_edited_or_is_absurd_is_refused() {
    let inside = Inside::with_two_versions().await;
    let text = inside.text().await;
    let unsealed = |from: &str, to: &str| {
        assert!(text.contains(from), "no {from} in {text}");
        // Without its checksum, as somebody who means it would leave it.
        let (said, _) = text.split_once(",\n  \"checksum\"").unwrap();
        format!("{}\n}}", said.replace(from, to)).into_bytes()
    };
    for (text, why) in [
        (text.replace("\"size\": 3", "\"size\": 2").into_bytes(), "does not match its checksum"),
        (
            unsealed("\"size\": 3", "\"size\": 18446744073709551615"),
            "it has 3 of 18446744073709551615 bytes",
        ),
        (unsealed("\"size\": 3", "\"size\": 1099511627776"), "it has 3 of 1099511627776 bytes"),
        (
            unsealed("\"extension\": \"bin\"", "\"extension\": \"../../bin\""),
            "cannot end a file's name",
        ),
        (unsealed("\"name\": \"model\"", "\"name\": \"../model\""), "is that of version"),
        (vec![b' '; (16 << 20) + 1], "its meta.json is too long"),
        (b"[[[[".to_vec(), "cannot be read"),
    ] {
        inside.replace("meta.json", text).await;
        let refusal = inside.refusal().await;
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[tokio::test]
async fn objects_of_others_are_no_checkpoints() {
    let inside = Inside::with_two_versions().await;
    for path in [
        "notes.txt",
        "model/notes.txt",
        "model/20261122T193015.123456Z",
        "20261122T193015.123456Z/meta.json",
        ".hidden/20261122T193015.123456Z/meta.json",
    ] {
        let path = Path::parse(path).unwrap();
        inside.objects.put(&path, "theirs".into()).await.unwrap();
    }
    assert_eq!(inside.store.names().await.unwrap(), ["model"]);
    assert_eq!(inside.store.versions("model").await.unwrap().len(), 2);
}
