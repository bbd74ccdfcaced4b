//! What cache stores do with values that are written to them, and read from them, bit by bit.

use std::io;

use super::cache::{artifact, put_kept};
use super::{key, noise, ok, same, shown};
use crate::digest::Digest;
use crate::store::{Artifact, ArtifactMeta, CacheStore, Lookup, Put};

/// What the rule is called.
const RULE: &str = "rule 14, `put_with` is `put`, and `get_with` is `get`";

/// Runs the suite.
pub(super) async fn values_that_flow(store: &impl CacheStore) {
    nothing_is_read_of_nothing(store).await;
    for (at, (size, piece)) in [
        (0, 1),
        (1, 1),
        (16 << 10, 1_000),
        ((16 << 10) + 1, 16 << 10),
        (64 << 10, 64 << 10),
        ((64 << 10) + 1, 7_777),
        (1 << 20, 1 << 20),
        ((3 << 20) + 5, 1 << 20),
        ((2 << 20) + 5, usize::MAX),
    ]
    .into_iter()
    .enumerate()
    {
        comes_back(store, &key(("flows", at)), &artifact(noise(size, at as u8)), piece).await;
    }
    let zeros = artifact(vec![0; 500_000]);
    comes_back(store, &key("zeros"), &zeros, 70_000).await;
    comes_back(store, &key("zeros"), &artifact(b"replaced".to_vec()), 3).await;
    what_cannot_be_written_is_not_there(store).await;
    a_reader_may_stop(store).await;
}

/// Puts `bytes`, in pieces, as what `meta` speaks of; the digest and size in there are wrong.
async fn put(store: &impl CacheStore, key: &Digest, whole: &Artifact, piece: usize) {
    let meta = ArtifactMeta { digest: super::key("wrong"), size: 1, ..whole.meta.clone() };
    let mut write = |to: &mut dyn io::Write| {
        whole.bytes.chunks(piece).try_for_each(|piece| to.write_all(piece))
    };
    let written = ok(RULE, "put_with", store.put_with(key, meta, &mut write).await);
    let what = format!("of {} bytes", whole.bytes.len());
    same(RULE, &format!("the digest {what}"), &written.digest, &whole.meta.digest);
    same(RULE, &format!("the size {what}"), &written.size, &whole.meta.size);
    same(RULE, &format!("`put_with` {what}"), &ok(RULE, "put_with", written.put), &Put::Kept);
}

/// What `get_with` finds, and the bytes that it shows.
async fn get(store: &impl CacheStore, key: &Digest) -> (Lookup<ArtifactMeta>, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut read = |_: &ArtifactMeta, from: &mut dyn io::Read| {
        bytes.clear();
        // What cannot be read is no answer of the store's.
        let _ = from.read_to_end(&mut bytes);
    };
    let found = ok(RULE, "get_with", store.get_with(key, &mut read).await);
    (found, bytes)
}

/// What is put in either way is got in either way.
async fn comes_back(store: &impl CacheStore, key: &Digest, whole: &Artifact, piece: usize) {
    let what = format!("of {} bytes", whole.bytes.len());
    put(store, key, whole, piece).await;
    let got = ok(RULE, "get", store.get(key).await);
    same(RULE, &format!("`get` after `put_with` {what}"), &got, &Lookup::Found(whole.clone()));
    let head = ok(RULE, "head", store.head(key).await);
    let meta = Lookup::Found(whole.meta.clone());
    same(RULE, &format!("`head` after `put_with` {what}"), &head, &meta);
    let (found, bytes) = get(store, key).await;
    same(RULE, &format!("`get_with` after `put_with` {what}"), &found, &meta);
    assert!(bytes == whole.bytes, "{RULE}: `get_with` shows other bytes, {what}");
    put_kept(RULE, store, key, whole).await;
    let (found, bytes) = get(store, key).await;
    same(RULE, &format!("`get_with` after `put` {what}"), &found, &meta);
    assert!(bytes == whole.bytes, "{RULE}: `get_with` after `put` shows other bytes, {what}");
}

/// A key without an entry.
async fn nothing_is_read_of_nothing(store: &impl CacheStore) {
    let mut was_read = false;
    let mut read = |_: &ArtifactMeta, _: &mut dyn io::Read| was_read = true;
    let found = ok(RULE, "get_with", store.get_with(&key("never put"), &mut read).await);
    same(RULE, "`get_with` of a key never put", &found, &Lookup::Absent);
    assert!(!was_read, "{RULE}: `get_with` shows bytes of a key never put");
}

/// A value that fails as it is written, early and late, over an entry and over none.
async fn what_cannot_be_written_is_not_there(store: &impl CacheStore) {
    let before = artifact(b"before".to_vec());
    put_kept(RULE, store, &key("kept"), &before).await;
    for size in [0, 10, 200_000] {
        let bytes = noise(size, 3);
        for key in [key("kept"), key("failed")] {
            let mut write = |to: &mut dyn io::Write| {
                to.write_all(&bytes)?;
                Err(io::Error::other("it cannot be written"))
            };
            let put = store.put_with(&key, before.meta.clone(), &mut write).await;
            assert!(put.is_err(), "{RULE}: a value that cannot be written is no error");
        }
        let got = ok(RULE, "get", store.get(&key("kept")).await);
        let found = Lookup::Found(before.clone());
        same(RULE, "what was there before a value that cannot be written", &got, &found);
        let got = ok(RULE, "get", store.get(&key("failed")).await);
        same(RULE, "a value that cannot be written", &got, &Lookup::Absent);
    }
}

/// Who reads may have enough.
async fn a_reader_may_stop(store: &impl CacheStore) {
    for size in [10, 300_000] {
        let whole = artifact(noise(size, 5));
        put_kept(RULE, store, &key("enough"), &whole).await;
        for enough in [0, 1, 9] {
            let mut start = vec![0; enough];
            let mut read = |_: &ArtifactMeta, from: &mut dyn io::Read| {
                from.read_exact(&mut start).expect("there are so many bytes");
            };
            let found = ok(RULE, "get_with", store.get_with(&key("enough"), &mut read).await);
            let found_it = matches!(&found, Lookup::Found(meta) if *meta == whole.meta);
            assert!(found_it, "{RULE}: of {enough} bytes, {}", shown(&found));
            assert!(start == whole.bytes[..enough], "{RULE}: the first {enough} bytes are others");
        }
    }
}
