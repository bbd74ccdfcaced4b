//! The text of a `meta.json` and the names around it outlive the program: they do not change unnoticed.

mod checkpoint_support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use checkpoint_support::{EVENING, files, fresh, now, version_folder};
use daglite::Digest;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use daglite::clock::Timestamp;
use daglite::store::KeyPart;

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
