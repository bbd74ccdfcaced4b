//! What somebody may have put into the bucket: refused, with bounded memory.

use std::time::Duration;

use daglite::store::{CacheStore, Lookup};
use daglite_object_store::RemoteCache;

use crate::support::artifacts::{artifact, key, noise};
use crate::support::locals::Forgetful;
use crate::support::{Fault, MiniS3};
use daglite_object_store::Upload;

/// What a reader says of the entry `there` after `change` was made to it, asked in both ways.
async fn refusals(change: impl Fn(&mut Vec<u8>)) -> [String; 2] {
    let server = MiniS3::start();
    let reader =
        || RemoteCache::builder(server.place(), Forgetful::default()).upload(Upload::Inline);
    reader().open().unwrap().put(&key("there"), &artifact(b"value")).await.unwrap();
    server.change("entries", change);
    let got = reader().open().unwrap().get(&key("there")).await.unwrap();
    let found = reader().open().unwrap().find(&[key("there")]).await.unwrap().remove(0);
    let (Lookup::Damaged(got), Lookup::Damaged(found)) = (got, found) else {
        panic!("it was not refused");
    };
    [got, found]
}

#[tokio::test]
async fn lengths_that_cannot_be_are_refused_before_memory_is_taken() {
    for (at, bytes, why) in [
        (40, vec![0xff; 4], "its metadata claims 4294967295 bytes"),
        (44, vec![0xff; 8], "its metadata does not match its checksum"),
        (52, vec![7], "a layout that is known"),
    ] {
        for refusal in refusals(|entry| entry[at..at + bytes.len()].copy_from_slice(&bytes)).await {
            assert!(refusal.contains(why), "{refusal}");
        }
    }
}

#[tokio::test]
async fn the_entry_of_another_key_is_refused() {
    for refusal in refusals(|entry| entry[8..40].copy_from_slice(key("x").as_bytes())).await {
        assert!(refusal.contains("another key"), "{refusal}");
    }
}

#[tokio::test]
async fn what_is_compressed_is_not_unpacked() {
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].repeat(100);
    for refusal in refusals(|entry| *entry = bomb.clone()).await {
        assert!(refusal.contains("it is no entry of a layout that is known"), "{refusal}");
    }
    let server = MiniS3::start();
    let cache = RemoteCache::builder(server.place(), Forgetful::default()).upload(Upload::Inline);
    let cache = cache.open().unwrap();
    cache.put(&key("there"), &artifact(b"value")).await.unwrap();
    server.set(Fault::Gzip);
    // The bytes are what they are, whatever is said of them.
    assert_eq!(cache.get(&key("there")).await.unwrap(), Lookup::Found(artifact(b"value")));
}

#[tokio::test]
async fn an_object_that_is_too_long_is_not_read() {
    let [got, found] = refusals(|entry| entry.resize(24 << 20, 0)).await;
    assert!(got.contains("bytes are the most") || got.contains("are the most"), "{got}");
    assert!(found.contains("it has 25165824 of"), "{found}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = MiniS3::start();
    let cache = RemoteCache::builder(server.place(), Forgetful::default());
    let cache = cache.deadline(Duration::from_secs(2)).open().unwrap();
    server.set(Fault::Endless);
    let before = server.requests();
    for answer in [
        cache.get(&key("there")).await.unwrap().found().is_none(),
        cache.find(&[key("there")]).await.unwrap().remove(0).found().is_none(),
    ] {
        assert!(answer, "it found something");
    }
    assert!(server.requests() > before);
}

#[tokio::test]
async fn a_value_above_the_limit_is_neither_read_nor_written() {
    let server = MiniS3::start();
    let cache =
        || RemoteCache::builder(server.place(), Forgetful::default()).upload(Upload::Inline);
    let large = artifact(&noise(1_001));
    cache().max_value(1_000).open().unwrap().put(&key("there"), &large).await.unwrap();
    assert_eq!(server.objects("entries").len(), 0);
    cache().open().unwrap().put(&key("there"), &large).await.unwrap();
    let found = cache().max_value(1_000).open().unwrap().get(&key("there")).await.unwrap();
    let Lookup::Damaged(why) = found else { panic!("{found:?}") };
    assert!(why.contains("its value has 1001 bytes where 1000 are the most"), "{why}");
}
