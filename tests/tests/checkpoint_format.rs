//! The text of a `meta.json` and the names around it outlive the program: they do not change unnoticed.

mod checkpoint_support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use checkpoint_support::{EVENING, files, fresh, now, version_folder};
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use daglite::clock::Timestamp;
use daglite::store::{Artifact, ArtifactMeta, CacheStore, KeyPart, Lookup, PartKind};
use daglite::{Digest, FileCheckpoints, MemoryStore, Signed, SigningKey};

/// What version 1 of the layout writes for `golden()`.
const GOLDEN: &str = include_str!("golden/checkpoint_meta_v1.json");
/// The value that the golden metadata describes.
const VALUE: &[u8] = b"[0.1,0.9]";
/// Its version.
const VERSION: &str = "20261122T193015.123000Z";

/// Metadata in which every field is set, and none by the machine that runs the test.
fn golden() -> CheckpointMeta {
    let digest = |text: &str| Digest::of_bytes(text.as_bytes());
    CheckpointMeta {
        name: "churn/model".to_owned(),
        version: String::new(),
        created: Timestamp::from_millis(EVENING),
        time: "2026-11-22T19:30:15.123Z".to_owned(),
        task: Some("churn::fit".to_owned()),
        fingerprint: Some(digest("fingerprint")),
        key: Some(digest("key")),
        arguments: vec![KeyPart::new("größe", digest("30"))],
        format: "json".to_owned(),
        extension: "json".to_owned(),
        type_name: "alloc::vec::Vec<f64>".to_owned(),
        shape: digest("shape"),
        size: VALUE.len() as u64,
        digest: Digest::of_bytes(VALUE),
        source_digest: Some(Digest::of_bytes(VALUE)),
        git_commit: Some("da384670da384670da384670da384670da384670".to_owned()),
        git_dirty: Some(false),
        host: "bench".to_owned(),
        daglite_version: "0.1.0".to_owned(),
        took: Duration::from_micros(1_234_567),
        made_from: vec!["features@20261122T193000.000000Z".to_owned()],
        user: BTreeMap::from([
            ("alpha".to_owned(), serde_json::json!(0.1)),
            ("deep".to_owned(), serde_json::json!({"list": [1, null, "\u{1F9CA}"]})),
        ]),
        always: false,
    }
}

#[test]
fn a_checkpoint_of_layout_1_is_still_read() {
    let (folder, store) = fresh();
    let path = version_folder(folder.path(), "churn/model", VERSION);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("meta.json"), GOLDEN).unwrap();
    fs::write(path.join("value.json"), VALUE).unwrap();
    let expected = CheckpointMeta { version: VERSION.to_owned(), ..golden() };
    let loaded = now(CheckpointStore::load(&store, "churn/model", &Version::Latest)).unwrap();
    assert_eq!(loaded, Some((expected, VALUE.to_vec())));
}

#[test]
fn a_checkpoint_is_written_as_layout_1() {
    let (folder, store) = fresh();
    let saved = now(CheckpointStore::save(&store, golden(), VALUE.to_vec())).unwrap();
    assert_eq!(saved, Saved::New(VERSION.to_owned()));
    let path = format!("churn/model/{VERSION}");
    assert_eq!(files(folder.path()), [format!("{path}/meta.json"), format!("{path}/value.json")]);
    assert_eq!(fs::read(folder.path().join(&path).join("value.json")).unwrap(), VALUE);
    assert_eq!(fs::read_to_string(folder.path().join(&path).join("meta.json")).unwrap(), GOLDEN);
}

#[test]
fn the_checksum_is_what_the_documentation_says() {
    let (before, after) = GOLDEN.rsplit_once(",\n  \"checksum\": \"").unwrap();
    assert_eq!(after, format!("{}\"\n}}\n", Digest::of_bytes(before.as_bytes())));
    assert!(before.starts_with("{\n  \"layout\": 1,\n  \"name\": \"churn/model\",\n"));
}

#[test]
fn arguments_are_written_with_what_is_shown_of_them() {
    let (folder, store) = fresh();
    let mut meta = golden();
    meta.arguments[0].shown = "30".to_owned();
    let excluded =
        KeyPart { kind: PartKind::Excluded, ..KeyPart::new("verbose", Digest::of_bytes(b"yes")) };
    meta.arguments.push(KeyPart { shown: "true".to_owned(), ..excluded });
    now(CheckpointStore::save(&store, meta.clone(), VALUE.to_vec())).unwrap();
    let path = version_folder(folder.path(), "churn/model", VERSION).join("meta.json");
    let digest = Digest::of_bytes(b"30");
    let second = Digest::of_bytes(b"yes");
    let plain = format!("      \"digest\": \"{digest}\"\n    }}");
    let shown = format!(
        "      \"digest\": \"{digest}\",\n      \"shown\": \"30\"\n    }},\n    {{\n      \"name\": \"verbose\",\n      \
         \"digest\": \"{second}\",\n      \"kind\": \"excluded\",\n      \"shown\": \"true\"\n    }}"
    );
    let (before, _) = GOLDEN.rsplit_once(",\n  \"checksum\": \"").unwrap();
    let expected = before.replace(&plain, &shown);
    assert_ne!(expected, before);
    let checksum = Digest::of_bytes(expected.as_bytes());
    let expected = format!("{expected},\n  \"checksum\": \"{checksum}\"\n}}\n");
    assert_eq!(fs::read_to_string(path).unwrap(), expected);
    let read = store.meta("churn/model", "latest").unwrap();
    assert_eq!(read, CheckpointMeta { version: VERSION.to_owned(), ..meta });
}

#[test]
fn a_tag_is_the_name_of_its_version_and_the_end_of_a_line() {
    let (folder, store) = fresh();
    now(CheckpointStore::save(&store, golden(), VALUE.to_vec())).unwrap();
    let tags = folder.path().join("churn/model/.tags");
    fs::create_dir(&tags).unwrap();
    fs::write(tags.join("by-hand"), VERSION).unwrap();
    store.tag("churn/model@by-hand", "latest", "prod").unwrap();
    assert_eq!(fs::read_to_string(tags.join("prod")).unwrap(), format!("{VERSION}\n"));
}

#[test]
fn signatures_stay_what_they_are() {
    let (folder, _) = fresh();
    let key = SigningKey::new("only for this test").unwrap();
    let store = Signed::new(FileCheckpoints::open(folder.path()).unwrap(), key.clone());
    now(CheckpointStore::save(&store, golden(), VALUE.to_vec())).unwrap();
    let inner = now(CheckpointStore::head(store.inner(), "churn/model", &Version::Latest)).unwrap();
    let note = inner.unwrap().user["daglite.signature"].clone();

    let store = Signed::new(MemoryStore::new(), key);
    let digest = |text: &str| Digest::of_bytes(text.as_bytes());
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(VALUE),
        format: "json".to_owned(),
        extension: "json".to_owned(),
        shape: digest("shape"),
        size: VALUE.len() as u64,
        created: Timestamp::from_millis(EVENING),
        expires: None,
        task: "churn::fit".to_owned(),
        fingerprint: digest("fingerprint"),
        took: Duration::from_micros(1_234_567),
        record: None,
        parts: vec![KeyPart::new("größe", digest("30"))],
    };
    let artifact = Artifact { meta, bytes: VALUE.to_vec() };
    now(store.put(&digest("key"), &artifact)).unwrap();
    let Lookup::Found(signed) = now(store.inner().head(&digest("key"))).unwrap() else {
        panic!("it was put")
    };
    let part = signed.parts.last().unwrap().digest;
    assert_eq!(
        (note.as_str().unwrap(), part.to_string().as_str()),
        (CHECKPOINT_SIGNATURE, ENTRY_SIGNATURE)
    );
}

/// The signatures of what `signatures_stay_what_they_are` saves and puts.
const CHECKPOINT_SIGNATURE: &str =
    "9dd7247ccbb89ca7a68792275954a2b619393b410a671f7b18ba339a4c5dc463";
const ENTRY_SIGNATURE: &str = "b6921400b0e03f21ff4a28db8ee8d0458f12938163e714df0b0945aad116b54b";
