//! The stores that the attacks work on, and the entries they put: each follows from its key's and its value's number.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use daglite::clock::Timestamp;
use daglite::store::{Artifact, ArtifactMeta, CacheStore, KeyPart, Lookup};
use daglite::{Digest, Eviction, FileStore};

use crate::random::Random;

/// The answer of a future that is ready at once, as those of the stores of this crate promise.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the future of a blocking store must be ready at once"),
    }
}

/// The file store in `root`, which keeps everything.
pub fn open(root: &Path) -> FileStore {
    FileStore::builder(root).open().expect("the folder can be used")
}

/// The file store in `root` that evicts above 10 MB.
pub fn open_bounded(root: &Path) -> Option<FileStore> {
    let builder = FileStore::builder(root).max_size("10MB").eviction(Eviction::Lru);
    Some(builder.open().expect("the folder can be used"))
}

/// How many keys the worker that is killed uses.
pub const KEYS: u64 = 48;
/// How many values it puts under them: fewer than keys, so that equal values lie under several.
pub const CONTENTS: u64 = 32;

/// How many values there are before their lengths repeat.
const LENGTHS: u64 = 16;
/// The block that is repeated in a value.
const BLOCK: usize = 4096;
/// When value number 0 was computed.
const START: u64 = 946_728_000_000;

/// The bytes of value `number`, 0 B to 1 MB: most are small, some lie at the limits where stores change their ways.
pub fn value(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let length = match number % LENGTHS {
        0 => 0,
        1..=6 => 1 + random.below(300),
        7 | 8 => 1_000 + random.below(8_000),
        9 => 16_383 + random.below(3),
        10 | 11 => 20_000 + random.below(30_000),
        12 => 65_535 + random.below(3),
        13 | 14 => 100_000,
        _ => 1_000_000,
    };
    let length = usize::try_from(length).expect("a value fits into memory");
    let block: Vec<u8> =
        (0..length.min(BLOCK).div_ceil(8)).flat_map(|_| random.number().to_le_bytes()).collect();
    let mut bytes = Vec::with_capacity(length + BLOCK);
    while bytes.len() < length {
        let start = bytes.len();
        bytes.extend_from_slice(&block);
        // No two blocks are equal, so that a value with blocks in a wrong order is a wrong value.
        bytes[start] ^= (start / BLOCK) as u8;
    }
    bytes.truncate(length);
    bytes
}

/// The key of a number.
pub fn key(number: u64) -> Digest {
    Digest::of_bytes(format!("key {number}").as_bytes())
}

/// The entry that is put under key number `key` with value number `number`: every field follows from the two.
pub fn entry(key_number: u64, number: u64) -> Artifact {
    let bytes = value(number);
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(&bytes),
        format: "bytes".to_owned(),
        extension: "bin".to_owned(),
        shape: Digest::of_bytes(b"bytes"),
        size: bytes.len() as u64,
        created: Timestamp::from_millis(START + number),
        expires: None,
        task: format!("attack::task_{}", key_number % 7),
        fingerprint: Digest::of_bytes(&number.to_le_bytes()),
        took: Duration::from_micros(number),
        record: None,
        parts: vec![KeyPart::new("key", key(key_number))],
    };
    Artifact { meta, bytes }
}

/// The number of the value that the entry `found` under key number `key_number` has; an error if any byte of it or of
/// its metadata is not as it was put.
pub fn number_of(key_number: u64, found: &Artifact) -> Result<u64, String> {
    let number = u64::try_from(found.meta.took.as_micros()).unwrap_or(u64::MAX);
    if number < 1 << 40 && *found == entry(key_number, number) {
        return Ok(number);
    }
    let Artifact { meta, bytes } = found;
    let length = bytes.len();
    Err(format!("a wrong value under key {key_number}: {length} bytes, with {meta:?}"))
}

/// What is under key number `key_number`: the number of its value, `None` if it is absent; anything else is an error.
pub fn look(store: &(impl CacheStore + ?Sized), key_number: u64) -> Result<Option<u64>, String> {
    match now(store.get(&key(key_number))).map_err(|error| format!("get failed: {error}"))? {
        Lookup::Found(found) => number_of(key_number, &found).map(Some),
        Lookup::Absent => Ok(None),
        Lookup::Damaged(why) => Err(format!("key {key_number} is damaged: {why}")),
    }
}
