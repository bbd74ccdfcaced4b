//! The artifacts that the targets put: whatever else a store finds is wrong.

use std::sync::LazyLock;
use std::time::Duration;

use daglite::Digest;
use daglite::clock::Timestamp;
use daglite::store::{Artifact, ArtifactMeta, CacheStore, Glimpse, KeyPart, Lookup};

use crate::now;

/// Values longer than this are objects.
const IN_PLACE: usize = 16 << 10;

/// The artifacts, with their keys: of no bytes, few, more than come along with a look-up, and two objects.
pub static KNOWN: LazyLock<Vec<(Digest, Artifact)>> = LazyLock::new(|| {
    [0, 5, 900, 1500, IN_PLACE + 1, IN_PLACE + 2]
        .into_iter()
        .enumerate()
        .map(|(at, length)| (key(at), artifact(at, length)))
        .collect()
});

/// How many of them lie in their rows.
pub const SMALL: usize = 4;

/// The key of the artifact at that place.
pub fn key(at: usize) -> Digest {
    Digest::of_bytes(format!("the key {at}").as_bytes())
}

/// An artifact of that length.
pub fn artifact(at: usize, length: usize) -> Artifact {
    let bytes: Vec<u8> = (0..length).map(|byte| (byte * 7 + byte / 251 + at) as u8).collect();
    let text = |text: &str| Digest::of_bytes(text.as_bytes());
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(&bytes),
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        shape: text("a shape"),
        size: length as u64,
        created: Timestamp::from_millis(946_728_000_000),
        expires: None,
        task: format!("fuzz::task_{at}"),
        fingerprint: text("a fingerprint"),
        took: Duration::from_micros(1_234_567),
        record: None,
        parts: vec![KeyPart::new("größe", text("30"))],
    };
    Artifact { meta, bytes }
}

/// Asks `store` for every known key, in every way, and fails if it finds anything but what is known; answers how many
/// it found. Each must answer, as nothing is wrong with the folder but what is in its files.
pub fn found_as_known(store: &impl CacheStore) -> usize {
    let keys: Vec<Digest> = KNOWN.iter().map(|(key, _)| *key).collect();
    let glimpses = now(store.find(&keys)).expect("a store that is damaged answers");
    assert_eq!(glimpses.len(), keys.len());
    for (glimpse, (_, known)) in glimpses.into_iter().zip(&*KNOWN) {
        if let Lookup::Found(Glimpse { meta, bytes }) = glimpse {
            assert_eq!(meta, known.meta, "metadata that nobody put");
            assert!(bytes.is_none_or(|bytes| bytes == known.bytes), "a value that nobody put");
        }
    }
    let mut found = 0;
    for (key, known) in &*KNOWN {
        match now(store.get(key)).expect("a store that is damaged answers") {
            Lookup::Found(artifact) => {
                assert!(artifact == *known, "an artifact that nobody put");
                found += 1;
            }
            Lookup::Absent | Lookup::Damaged(_) => {}
        }
    }
    found
}

/// Fails if what is found under `key` does not agree with itself.
pub fn agrees_with_itself(store: &impl CacheStore, key: &Digest) -> Option<Artifact> {
    let glimpse =
        now(store.find(std::slice::from_ref(key))).expect("a store that is damaged answers");
    let got = now(store.get(key)).expect("a store that is damaged answers").found();
    if let Some(artifact) = &got {
        assert_eq!(artifact.meta.size, artifact.bytes.len() as u64);
        assert_eq!(artifact.meta.digest, Digest::of_bytes(&artifact.bytes));
        let [Lookup::Found(glimpse)] = glimpse.as_slice() else {
            panic!("found by `get` and not by `find`")
        };
        assert_eq!(glimpse.meta, artifact.meta);
        assert!(glimpse.bytes.as_ref().is_none_or(|bytes| *bytes == artifact.bytes));
    }
    got
}

/// The bytes of an entry of `key` whose header, of a value of `size` bytes, is `header`, with a checksum that is right.
pub fn sealed(key: &Digest, header: &[u8], size: u64) -> Vec<u8> {
    let mut bytes = b"\x89daglite".to_vec();
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(header.len()).expect("headers are short").to_le_bytes());
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(header);
    let checksum = Digest::of_bytes(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

/// The header in the bytes of a sound entry.
pub fn header_of(entry: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(*entry[12..].first_chunk().expect("an entry has a prelude"));
    &entry[56..56 + length as usize]
}
