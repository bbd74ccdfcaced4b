//! What networks and servers do to clients: a run is right, in time, and told once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::store::{CacheStore, Lookup, RunReport};
use daglite::{Event, Observer};
use daglite_object_store::{Access, RemoteCache, RemoteCacheBuilder, Upload};

use crate::support::artifacts::{artifact, key, noise};
use crate::support::locals::Forgetful;
use crate::support::{Fault, MiniS3};

/// How long a run waits at most.
const DEADLINE: Duration = Duration::from_millis(300);

/// What a busy machine may add.
const SPARE: Duration = Duration::from_millis(1_500);

/// A cache with nothing local.
fn bare(server: &MiniS3) -> RemoteCacheBuilder {
    RemoteCache::builder(server.place(), Forgetful::default()).upload(Upload::Inline)
}

/// A server with the entry `there`.
async fn with_an_entry(bytes: &[u8]) -> MiniS3 {
    let server = MiniS3::start();
    let writer = bare(&server).open().unwrap();
    writer.put(&key("there"), &artifact(bytes)).await.unwrap();
    assert_eq!(server.objects("entries").len(), 1, "{:?}", writer.notices());
    server
}

/// What a session says.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// All of them.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Warnings {
    fn event(&self, event: &Event) {
        if let Event::Warning { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

#[task(cache)]
fn next(n: u64) -> u64 {
    n + 1
}

/// A chain: each key needs the result before it, so each is looked for by itself.
pub(crate) fn chain(start: u64) -> TaskFuture<u64> {
    (0..20).fold(next(start), |before, _| next(before))
}

/// Runs twice with a server that does `fault` to everything: right, in time, and told once, with `words`.
fn costs_one_deadline_and_is_told_once(fault: Fault, words: &str) {
    let server = MiniS3::start();
    server.set(fault);
    let cache = RemoteCache::builder(server.place(), MemoryStore::new());
    let cache = cache.deadline(DEADLINE).rest(Duration::from_secs(60)).open().unwrap();
    let warnings = Warnings::default();
    let session = Session::builder().cache(cache).observe(warnings.clone()).build().unwrap();
    let started = Instant::now();
    assert_eq!(chain(1).run_in(&session).unwrap(), 22);
    let first = started.elapsed();
    assert!(first < DEADLINE + SPARE, "the first run took {first:?}");
    let asked = server.requests();
    assert!(asked > 0, "nobody asked the server");
    assert_eq!(chain(1_000).run_in(&session).unwrap(), 1_021);
    assert_eq!(server.requests(), asked, "it is left alone from then on");
    let told = warnings.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the shared cache at `the mini S3` is left alone"), "{told:?}");
    assert!(told[0].contains(words), "{told:?}");
}

#[test]
fn a_server_that_fails_costs_one_deadline_and_is_told_once() {
    let body = "<Error><Code>InternalError</Code></Error>";
    costs_one_deadline_and_is_told_once(Fault::Answer(500, body.to_owned()), "");
}

#[test]
fn a_server_that_asks_to_slow_down_costs_one_deadline_and_is_told_once() {
    let body = "<Error><Code>SlowDown</Code></Error>";
    costs_one_deadline_and_is_told_once(Fault::Answer(503, body.to_owned()), "");
}

#[test]
fn a_server_that_resets_connections_costs_one_deadline_and_is_told_once() {
    costs_one_deadline_and_is_told_once(Fault::Reset, "check the");
}

#[test]
fn a_server_that_never_answers_costs_one_deadline_and_is_told_once() {
    costs_one_deadline_and_is_told_once(Fault::Silent, "it did not answer within 300ms");
}

#[test]
fn a_server_with_two_seconds_of_latency_costs_one_deadline_and_is_told_once() {
    let fault = Fault::Late(Duration::from_secs(2));
    costs_one_deadline_and_is_told_once(fault, "it did not answer within 300ms");
}

#[test]
fn credentials_that_have_expired_cost_nothing_and_are_told_once() {
    let body = "<Error><Code>ExpiredToken</Code><Message>hidden</Message></Error>";
    let fault = Fault::Answer(403, body.to_owned());
    costs_one_deadline_and_is_told_once(fault, "refuses the credentials (403 ExpiredToken)");
}

#[test]
fn answers_that_come_slowly_cost_a_run_no_more_than_the_deadline() {
    let server = MiniS3::start();
    server.set(Fault::Late(Duration::from_millis(80)));
    let cache = RemoteCache::builder(server.place(), MemoryStore::new()).deadline(DEADLINE);
    let warnings = Warnings::default();
    let session = Session::builder().cache(cache.open().unwrap()).observe(warnings.clone());
    let session = session.build().unwrap();
    let started = Instant::now();
    assert_eq!(chain(1).run_in(&session).unwrap(), 22);
    let took = started.elapsed();
    // Twenty look-ups, one after the other, would take 1.6 s, and the uploads follow.
    let told = warnings.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("have cost a run 300ms more than they saved"), "{told:?}");
    assert!(took < DEADLINE + SPARE, "it took {took:?}");
    assert_eq!(server.objects("entries").len(), 21, "what was computed is uploaded all the same");
}

#[tokio::test]
async fn a_few_failures_are_tried_again_and_nobody_hears_of_them() {
    for status in [500, 503] {
        let server = with_an_entry(b"value").await;
        let cache = bare(&server).open().unwrap();
        server.set(Fault::AnswerFirst(2, status));
        assert_eq!(cache.get(&key("there")).await.unwrap(), Lookup::Found(artifact(b"value")));
        server.set(Fault::AnswerFirst(2, status));
        cache.put(&key("ours"), &artifact(b"ours")).await.unwrap();
        assert_eq!(server.objects("entries").len(), 2);
        assert_eq!(cache.notices(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_never_half_a_value() {
    for size in [5, 100_000, 17 << 20] {
        let whole = artifact(&noise(size));
        let server = with_an_entry(&whole.bytes).await;
        let cache = bare(&server).deadline(DEADLINE).open().unwrap();
        server.set(Fault::Cut);
        match cache.get(&key("there")).await.unwrap() {
            // The client asks for the rest, again and again.
            Lookup::Found(found) => assert!(found == whole, "{size} bytes"),
            Lookup::Absent => {}
            Lookup::Damaged(why) => panic!("the store is sound: {why}"),
        }
    }
}

#[tokio::test]
async fn a_body_that_was_shortened_or_changed_is_refused_with_a_reason() {
    for size in [5, 100_000, 17 << 20] {
        for fault in [Fault::CutQuietly, Fault::Flip] {
            let server = with_an_entry(&noise(size)).await;
            let cache = bare(&server).open().unwrap();
            server.set(fault.clone());
            let found = cache.get(&key("there")).await.unwrap();
            let Lookup::Damaged(why) = found else { panic!("{fault:?} of {size} bytes") };
            assert!(why.starts_with("the entry in `the mini S3` is damaged: "), "{why}");
            let found = cache.find(&[key("there")]).await.unwrap();
            assert_eq!(
                found,
                [Lookup::Absent],
                "{fault:?} of {size} bytes: it is not asked for twice"
            );
        }
    }
}

#[tokio::test]
async fn what_was_damaged_is_written_anew() {
    let server = with_an_entry(b"value").await;
    server.change("entries", |bytes| bytes.truncate(100));
    let cache = bare(&server).open().unwrap();
    assert!(matches!(cache.get(&key("there")).await.unwrap(), Lookup::Damaged(_)));
    cache.put(&key("there"), &artifact(b"value")).await.unwrap();
    assert_eq!(cache.get(&key("there")).await.unwrap(), Lookup::Found(artifact(b"value")));
}

#[tokio::test]
async fn a_remote_that_answers_again_is_asked_again() {
    let server = with_an_entry(b"value").await;
    let cache = bare(&server).deadline(DEADLINE).rest(Duration::from_millis(20)).open().unwrap();
    server.set(Fault::Reset);
    assert_eq!(cache.get(&key("there")).await.unwrap(), Lookup::Absent);
    assert_eq!(cache.notices().len(), 1);
    server.set(Fault::None);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !matches!(cache.get(&key("there")).await.unwrap(), Lookup::Found(_)) {
        assert!(Instant::now() < deadline, "it is never asked again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_may_only_read_still_finds_what_is_there() {
    let server = with_an_entry(b"value").await;
    let body = "<Error><Code>AccessDenied</Code></Error>".to_owned();
    server.set(Fault::AnswerWrites(403, body));
    let cache = bare(&server).deadline(DEADLINE).open().unwrap();
    cache.put(&key("ours"), &artifact(b"ours")).await.unwrap();
    cache.put(&key("ours as well"), &artifact(b"ours")).await.unwrap();
    assert!(matches!(cache.get(&key("there")).await.unwrap(), Lookup::Found(_)));
    let notices = cache.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("results are not uploaded to `the mini S3`"), "{notices:?}");
}

#[tokio::test]
async fn uploads_to_a_server_that_takes_nothing_end_with_the_deadline() {
    for upload in [Upload::Inline, Upload::Background] {
        let server = MiniS3::start();
        server.set(Fault::Silent);
        let cache = RemoteCache::builder(server.place(), MemoryStore::new());
        let cache = cache.access(Access::WriteOnly).upload(upload).deadline(DEADLINE);
        let cache = cache.open().unwrap();
        let started = Instant::now();
        for at in 0..20 {
            cache.put(&key(&at.to_string()), &artifact(b"value")).await.unwrap();
        }
        cache.end_run(&RunReport::default()).await.unwrap();
        let took = started.elapsed();
        assert!(took < DEADLINE + SPARE, "{upload:?} took {took:?}");
        assert_eq!(cache.notices().len(), 1);
        let started = Instant::now();
        drop(cache);
        let took = started.elapsed();
        assert!(took < SPARE, "the end of the store took {took:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_store_waits_for_a_dead_server_no_longer_than_the_deadline() {
    let server = MiniS3::start();
    server.set(Fault::Silent);
    let cache = RemoteCache::builder(server.place(), MemoryStore::new()).deadline(DEADLINE);
    let cache = cache.open().unwrap();
    cache.put(&key("ours"), &artifact(b"value")).await.unwrap();
    let started = Instant::now();
    drop(cache);
    let took = started.elapsed();
    assert!(took < DEADLINE + SPARE, "it took {took:?}");
}

#[tokio::test]
async fn what_a_server_says_of_credentials_is_told_to_nobody() {
    let secret = crate::support::seaweed::SECRET;
    let body = format!(
        "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{secret}</AWSAccessKeyId></Error>"
    );
    let server = MiniS3::start();
    server.set(Fault::Answer(403, body));
    let cache = bare(&server).deadline(DEADLINE).open().unwrap();
    cache.put(&key("ours"), &artifact(b"value")).await.unwrap();
    drop(cache.get(&key("ours")).await.unwrap());
    let refused = cache.remove(&key("ours")).await.unwrap_err();
    let causes = std::error::Error::source(&refused).map(|cause| cause.to_string());
    let said = format!("{:?} {cache:?} {refused} {causes:?} {}", cache.notices(), cache.location());
    assert!(said.contains("403"), "{said}");
    assert!(!said.contains(secret), "{said}");
    let checkpoints = daglite_object_store::ObjectCheckpoints::in_place(server.place()).unwrap();
    let refused = daglite::CheckpointStore::names(&checkpoints).await.unwrap_err();
    let said = format!("{checkpoints:?} {refused} {refused:?}");
    assert!(said.contains("403 InvalidAccessKeyId"), "{said}");
    assert!(!said.contains(secret), "{said}");
}
