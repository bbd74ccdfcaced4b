//! Uploads: what waits for them, for how long, and how many may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::store::{CacheStore, RunReport};
use daglite_object_store::{RemoteCache, Upload};

use crate::faults::{Warnings, chain};
use crate::support::artifacts::{artifact, key};
use crate::support::{Fault, MiniS3, slow_memory};

/// Waits until `is_so`.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_waits_for_an_upload_that_was_asked_for_inline_and_for_no_other() {
    for (upload, waits) in [(Upload::Background, false), (Upload::Inline, true)] {
        let server = MiniS3::start();
        server.set(Fault::Hold("entries"));
        let cache = RemoteCache::builder(server.place(), MemoryStore::new()).upload(upload);
        let cache = Arc::new(cache.deadline(Duration::from_secs(60)).open().unwrap());
        let put = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.put(&key("ours"), &artifact(b"value")).await.unwrap() }
        });
        until("the upload is held", || server.is_holding()).await;
        if !waits {
            until("the put goes on", || put.is_finished()).await;
        }
        assert_eq!(put.is_finished(), !waits, "{upload:?}");
        assert!(server.objects("entries").is_empty());
        server.set(Fault::None);
        put.await.unwrap();
        cache.end_run(&RunReport::default()).await.unwrap();
        assert_eq!(server.objects("entries").len(), 1, "{upload:?}");
    }
}

#[tokio::test]
async fn no_more_results_wait_than_may() {
    let server = MiniS3::start();
    server.set(Fault::Silent);
    let cache = RemoteCache::builder(server.place(), MemoryStore::new()).queue(3, 1 << 30);
    let cache = cache.deadline(Duration::from_millis(300)).open().unwrap();
    for at in 0..10 {
        cache.put(&key(&at.to_string()), &artifact(b"value")).await.unwrap();
    }
    let notices = cache.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains(": 3 wait already, and no more may"), "{notices:?}");
}

#[tokio::test]
async fn the_end_of_a_run_waits_for_uploads_that_get_on_no_longer_than_was_asked_for() {
    // Eight at once, a quarter of a second each: five seconds in all.
    let place = slow_memory(Duration::from_millis(250));
    let cache = RemoteCache::builder(place, MemoryStore::new()).deadline(Duration::from_secs(60));
    let cache = cache.flush_deadline(Duration::from_millis(700)).open().unwrap();
    for at in 0..160 {
        cache.put(&key(&at.to_string()), &artifact(b"value")).await.unwrap();
    }
    let started = Instant::now();
    cache.end_run(&RunReport::default()).await.unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(600), "it did not wait: {took:?}");
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    let notices = cache.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].contains("results still wait to be uploaded to `slow memory`"),
        "{notices:?}"
    );
    let started = Instant::now();
    drop(cache);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "the end of the store took {took:?}");
}

#[test]
fn credentials_that_expire_between_two_runs_are_told_once_and_nothing_is_wrong() {
    let server = MiniS3::start();
    let cache = RemoteCache::builder(server.place(), MemoryStore::new());
    let cache = cache.rest(Duration::from_secs(60)).deadline(Duration::from_secs(60));
    let warnings = Warnings::default();
    let session = Session::builder().cache(cache.open().unwrap()).observe(warnings.clone());
    let session = session.build().unwrap();
    assert_eq!(chain(1).run_in(&session).unwrap(), 22);
    assert_eq!(server.objects("entries").len(), 21);
    assert!(warnings.told().is_empty(), "{:?}", warnings.told());
    let body = "<Error><Code>ExpiredToken</Code></Error>".to_owned();
    server.set(Fault::Answer(403, body));
    for start in [100, 200] {
        assert_eq!(chain(start).run_in(&session).unwrap(), start + 21);
    }
    let told = warnings.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("it refuses the credentials (403 ExpiredToken): renew them"),
        "{told:?}"
    );
    assert_eq!(server.objects("entries").len(), 21);
}

#[tokio::test]
async fn trouble_with_writing_and_then_with_reading_is_told_once() {
    let server = MiniS3::start();
    let cache = RemoteCache::builder(server.place(), MemoryStore::new()).upload(Upload::Inline);
    let cache = cache.rest(Duration::from_secs(60)).open().unwrap();
    let body = || "<Error><Code>ExpiredToken</Code></Error>".to_owned();
    server.set(Fault::AnswerWrites(403, body()));
    cache.put(&key("ours"), &artifact(b"value")).await.unwrap();
    assert_eq!(cache.notices().len(), 1);
    server.set(Fault::Answer(403, body()));
    drop(cache.get(&key("theirs")).await.unwrap());
    let asked = server.requests();
    drop(cache.get(&key("theirs")).await.unwrap());
    assert_eq!(server.requests(), asked, "it is left alone");
    assert_eq!(cache.notices(), Vec::<String>::new());
}
