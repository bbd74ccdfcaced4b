//! Artifacts and keys for tests.

use std::time::Duration;

use daglite::Digest;
use daglite::clock::Timestamp;
use daglite::store::{Artifact, ArtifactMeta};

/// A key of its own for every `seed`.
pub(crate) fn key(seed: &str) -> Digest {
    Digest::of_bytes(seed.as_bytes())
}

/// An artifact with `bytes`, computed in a second.
pub(crate) fn artifact(bytes: &[u8]) -> Artifact {
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(bytes),
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        shape: key("shape"),
        size: bytes.len() as u64,
        created: Timestamp::from_millis(946_728_000_000),
        expires: None,
        task: "a::task".to_owned(),
        fingerprint: key("code"),
        took: Duration::from_secs(1),
        record: None,
        parts: Vec::new(),
    };
    Artifact { meta, bytes: bytes.to_vec() }
}

/// So many bytes that do not repeat in any simple way.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}
