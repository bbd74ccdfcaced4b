//! A remote cache: the contract, over memory, a folder and S3; what goes where.

use std::cell::Cell;

use daglite::conformance;
use daglite::store::{CacheStore, Lookup, Put, RunReport, TaskRecord};
use daglite::{FileStore, MemoryStore};
use daglite_object_store::object_store::memory::InMemory;
use daglite_object_store::object_store::path::Path;
use daglite_object_store::object_store::{ObjectStore, ObjectStoreExt};
use daglite_object_store::{Access, Place, RemoteCache, RemoteCacheBuilder, Upload};
use std::sync::Arc;
use std::time::Duration;

use crate::support::artifacts::{artifact, key, noise};
use crate::support::locals::Forgetful;
use crate::support::{Seaweed, memory, slow_memory};

/// Everything that is found comes from `place`.
fn bare(place: Place) -> RemoteCacheBuilder {
    RemoteCache::builder(place, Forgetful::default())
        .upload(Upload::Inline)
        .deadline(Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_behind_a_local_store_keeps_the_contract() {
    conformance::cache_store(|| RemoteCache::builder(memory(), MemoryStore::new()).open().unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_behind_the_file_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    conformance::cache_store(|| {
        made.set(made.get() + 1);
        let local = FileStore::builder(folder.path().join(made.get().to_string()));
        RemoteCache::builder(memory(), local.open().unwrap()).open().unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_entries_alone_keep_the_contract_in_memory() {
    conformance::cache_store(|| bare(memory()).open().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_entries_alone_keep_the_contract_on_s3() {
    let Some(server) = Seaweed::running() else { return };
    conformance::cache_store(|| bare(server.place()).open().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_behind_a_local_store_keeps_the_contract() {
    let Some(server) = Seaweed::running() else { return };
    conformance::cache_store(|| {
        RemoteCache::builder(server.place(), MemoryStore::new()).open().unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_handles_share_what_is_remote() {
    let Some(server) = Seaweed::running() else { return };
    conformance::shared_cache_store(|| {
        let (place, claims) = (server.place(), Forgetful::default());
        let handle = || {
            RemoteCache::builder(place.clone(), claims.clone())
                .upload(Upload::Inline)
                .deadline(Duration::from_secs(60))
                .open()
                .unwrap()
        };
        (handle(), handle())
    })
    .await;
}

/// A place in memory, and what is in it.
fn open_place() -> (Arc<InMemory>, Place) {
    let objects = Arc::new(InMemory::new());
    (Arc::clone(&objects), Place::of(objects, "here"))
}

/// The names of all objects.
async fn names(objects: &InMemory) -> Vec<String> {
    use futures_util::TryStreamExt;
    let all: Vec<_> = objects.list(None).try_collect().await.unwrap();
    all.into_iter().map(|object| object.location.to_string()).collect()
}

#[tokio::test]
async fn what_the_remote_has_is_kept_by_the_local_store() {
    let (_, place) = open_place();
    let made = [artifact(b"small"), artifact(&noise(100_000)), artifact(&noise(17 << 20))];
    let keys = [key("0"), key("1"), key("2")];
    let writer = bare(place.clone()).open().unwrap();
    for (key, made) in keys.iter().zip(&made) {
        assert_eq!(writer.put(key, made).await.unwrap(), Put::Kept);
    }
    let local = Arc::new(MemoryStore::new());
    let reader = RemoteCache::builder(place, Arc::clone(&local)).open().unwrap();
    let found = reader.find(&keys).await.unwrap();
    for (found, made) in found.iter().zip(&made) {
        let Lookup::Found(glimpse) = found else { panic!("{found:?}") };
        assert_eq!(glimpse.meta, made.meta);
    }
    assert!(matches!(local.get(&keys[0]).await.unwrap(), Lookup::Found(_)), "it came along");
    for (key, made) in keys.iter().zip(&made) {
        assert!(reader.get(key).await.unwrap() == Lookup::Found(made.clone()), "it came back");
        assert!(local.get(key).await.unwrap() == Lookup::Found(made.clone()), "it was kept");
    }
}

#[tokio::test]
async fn who_only_reads_writes_nothing_and_removes_nothing_remote() {
    let (objects, place) = open_place();
    bare(place.clone()).open().unwrap().put(&key("theirs"), &artifact(b"1")).await.unwrap();
    let before = names(&objects).await;
    let local = MemoryStore::new();
    let reader =
        RemoteCache::builder(place.clone(), local).access(Access::ReadOnly).open().unwrap();
    reader.put(&key("ours"), &artifact(b"2")).await.unwrap();
    reader.describe(&TaskRecord::default()).await.unwrap();
    assert!(matches!(reader.get(&key("theirs")).await.unwrap(), Lookup::Found(_)));
    reader.remove(&key("theirs")).await.unwrap();
    assert_eq!(reader.get(&key("theirs")).await.unwrap(), Lookup::Absent, "gone means gone");
    reader.clear().await.unwrap();
    reader.end_run(&RunReport::default()).await.unwrap();
    drop(reader);
    assert_eq!(names(&objects).await, before);
    let other = bare(place).open().unwrap();
    assert!(matches!(other.get(&key("theirs")).await.unwrap(), Lookup::Found(_)));
}

#[tokio::test]
async fn who_only_writes_looks_nothing_up() {
    let (_, place) = open_place();
    bare(place.clone()).open().unwrap().put(&key("theirs"), &artifact(b"1")).await.unwrap();
    let writer = bare(place.clone()).access(Access::WriteOnly).open().unwrap();
    assert_eq!(writer.get(&key("theirs")).await.unwrap(), Lookup::Absent);
    assert_eq!(writer.find(&[key("theirs")]).await.unwrap(), [Lookup::Absent]);
    writer.put(&key("ours"), &artifact(b"2")).await.unwrap();
    let reader = bare(place).open().unwrap();
    assert!(matches!(reader.get(&key("ours")).await.unwrap(), Lookup::Found(_)));
}

#[tokio::test]
async fn uploads_in_the_background_are_there_when_the_run_has_ended() {
    let place = slow_memory(Duration::from_millis(20));
    let writer = RemoteCache::builder(place.clone(), MemoryStore::new()).open().unwrap();
    writer.begin_run();
    for at in 0..200 {
        writer.put(&key(&at.to_string()), &artifact(&noise(at * 100))).await.unwrap();
    }
    writer.end_run(&RunReport::default()).await.unwrap();
    let reader = bare(place).open().unwrap();
    for at in 0..200 {
        let found = reader.get(&key(&at.to_string())).await.unwrap();
        assert!(matches!(found, Lookup::Found(_)), "result {at}: {found:?}");
    }
    assert_eq!(writer.notices(), Vec::<String>::new());
}

#[tokio::test]
async fn uploads_in_the_background_are_there_when_the_store_has_ended() {
    let place = slow_memory(Duration::from_millis(20));
    let writer = RemoteCache::builder(place.clone(), MemoryStore::new()).open().unwrap();
    for at in 0..50 {
        writer.put(&key(&at.to_string()), &artifact(&noise(at * 100))).await.unwrap();
    }
    drop(writer);
    let reader = bare(place).open().unwrap();
    for at in 0..50 {
        let found = reader.get(&key(&at.to_string())).await.unwrap();
        assert!(matches!(found, Lookup::Found(_)), "result {at}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_removed_does_not_come_back_with_an_upload_on_its_way() {
    let place = slow_memory(Duration::from_millis(30));
    let writer = RemoteCache::builder(place.clone(), MemoryStore::new()).open().unwrap();
    let keys: Vec<_> = (0..20).map(|at| key(&at.to_string())).collect();
    for key in &keys {
        writer.put(key, &artifact(b"value")).await.unwrap();
        // Most uploads have begun by now; those that have not are forgotten.
        tokio::time::sleep(Duration::from_millis(5)).await;
        writer.remove(key).await.unwrap();
    }
    drop(writer);
    let reader = bare(place).open().unwrap();
    for key in &keys {
        assert_eq!(reader.get(key).await.unwrap(), Lookup::Absent);
    }
}

#[tokio::test]
async fn a_younger_entry_of_another_machine_stays() {
    let (_, place) = open_place();
    let (mut old, mut young) = (artifact(b"old"), artifact(b"young"));
    old.meta.created = daglite::clock::Timestamp::from_millis(1);
    young.meta.created = daglite::clock::Timestamp::from_millis(2);
    let store = bare(place).open().unwrap();
    for put in [&old, &young, &old] {
        store.put(&key("both"), put).await.unwrap();
    }
    assert_eq!(store.get(&key("both")).await.unwrap(), Lookup::Found(young));
}

#[tokio::test]
async fn a_large_value_is_an_object_of_its_own_and_a_small_one_is_not() {
    let (objects, place) = open_place();
    let store = bare(place).open().unwrap();
    store.put(&key("small"), &artifact(&noise(16 << 20))).await.unwrap();
    assert_eq!(names(&objects).await.len(), 1);
    let large = artifact(&noise((16 << 20) + 1));
    store.put(&key("large"), &large).await.unwrap();
    store.put(&key("the same"), &large).await.unwrap();
    let digits = large.meta.digest.to_string();
    let path = format!("v1/objects/{}/{}", &digits[..2], &digits[2..]);
    assert!(names(&objects).await.contains(&path), "{:?}", names(&objects).await);
    assert_eq!(names(&objects).await.len(), 4);
    // Whoever finds it damaged has it computed, and written over.
    let mut other = large.bytes.clone();
    other[0] ^= 1;
    objects.put(&Path::from(path), other.into()).await.unwrap();
    let found = store.get(&key("large")).await.unwrap();
    assert!(matches!(&found, Lookup::Damaged(why) if why.contains("in `here` is damaged")));
    assert_eq!(store.get(&key("large")).await.unwrap(), Lookup::Absent);
    store.put(&key("large"), &large).await.unwrap();
    assert!(store.get(&key("large")).await.unwrap() == Lookup::Found(large));
}

#[tokio::test]
async fn a_value_that_does_not_match_its_metadata_is_never_there_for_others() {
    for size in [100, 17 << 20] {
        let (objects, place) = open_place();
        let store = bare(place).open().unwrap();
        let mut wrong = artifact(&noise(size));
        wrong.bytes[size - 1] ^= 1;
        let refused = store.put(&key("wrong"), &wrong).await.unwrap_err().to_string();
        assert!(refused.contains("it does not match its own metadata"), "{refused}");
        assert_eq!(names(&objects).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_full_queue_is_told_once_and_holds_nobody_up() {
    let (objects, place) = open_place();
    let writer =
        RemoteCache::builder(place, MemoryStore::new()).queue(1_000, 1_000_000).open().unwrap();
    writer.begin_run();
    for at in 0..5 {
        writer.put(&key(&at.to_string()), &artifact(&noise(1_000_001 + at))).await.unwrap();
    }
    writer.put(&key("small"), &artifact(b"small")).await.unwrap();
    writer.end_run(&RunReport::default()).await.unwrap();
    let notices = writer.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("not all results are uploaded to `here`"), "{notices:?}");
    assert_eq!(names(&objects).await.len(), 1, "what fits is uploaded");
}

#[tokio::test]
async fn what_explains_misses_is_shared() {
    let (_, place) = open_place();
    let record = TaskRecord { task: "a::task".to_owned(), ..TaskRecord::default() };
    let writer = RemoteCache::builder(place.clone(), MemoryStore::new()).open().unwrap();
    writer.describe(&record).await.unwrap();
    writer.end_run(&RunReport::default()).await.unwrap();
    let local = Arc::new(MemoryStore::new());
    let reader = RemoteCache::builder(place, Arc::clone(&local)).open().unwrap();
    assert_eq!(reader.described(&record.id()).await.unwrap(), Some(record.clone()));
    assert_eq!(local.described(&record.id()).await.unwrap(), Some(record));
}
