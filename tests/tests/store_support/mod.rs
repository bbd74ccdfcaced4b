//! What the tests of stores share: an artifact, a key, and where its entry lies.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daglite::clock::Timestamp;
use daglite::store::{Artifact, ArtifactMeta, CacheStore, KeyPart, Lookup};
use daglite::{Digest, FileStore, FileStoreLayout};
pub(crate) use daglite_tests::stores::now;

/// The digest of a text, as a key.
pub(crate) fn key(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

/// An artifact of `bytes` in which every field is set.
pub(crate) fn artifact(bytes: &[u8]) -> Artifact {
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(bytes),
        format: "postcard".to_owned(),
        extension: "bin".to_owned(),
        shape: key("a shape"),
        size: bytes.len() as u64,
        created: Timestamp::from_millis(946_728_000_000),
        expires: Some(Timestamp::from_millis(946_731_600_000)),
        task: "pipeline::features".to_owned(),
        fingerprint: key("a fingerprint"),
        took: Duration::from_micros(1_234_567),
        record: None,
        parts: vec![KeyPart::new("flights", key("336,776 rows")), KeyPart::new("größe", key("30"))],
    };
    Artifact { meta, bytes: bytes.to_vec() }
}

/// A store in `root` of one file an entry.
pub(crate) fn open(root: &Path) -> FileStore {
    let builder = FileStore::builder(root).layout(FileStoreLayout::Files);
    builder.open().expect("the folder can be used")
}

/// A store in `root` with an index.
pub(crate) fn open_index(root: &Path) -> FileStore {
    let builder = FileStore::builder(root).layout(FileStoreLayout::Index);
    builder.open().expect("the folder can be used")
}

/// What `get` answers, which must not be an error.
pub(crate) fn get(store: &FileStore, key: &Digest) -> Lookup<Artifact> {
    now(store.get(key)).expect("the store can answer")
}

/// What `head` answers, which must not be an error.
pub(crate) fn head(store: &FileStore, key: &Digest) -> Lookup<ArtifactMeta> {
    now(store.head(key)).expect("the store can answer")
}

/// Puts an artifact, which must work.
pub(crate) fn put(store: &FileStore, key: &Digest, artifact: &Artifact) {
    now(store.put(key, artifact)).expect("the store can be written");
}

/// Where the entry of `key` lies.
pub(crate) fn entry_path(root: &Path, key: &Digest) -> PathBuf {
    let name = key.to_string();
    root.join("v1/entries").join(&name[..2]).join(&name[2..])
}

/// Every file and folder under `root`, as sorted relative paths; folders end with `/`.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be listed").flatten() {
            let path = entry.path();
            let name = path
                .strip_prefix(root)
                .expect("it lies under the root")
                .to_str()
                .expect("a plain name");
            let is_folder = path.is_dir();
            found.push(format!("{name}{}", if is_folder { "/" } else { "" }));
            if is_folder {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}
