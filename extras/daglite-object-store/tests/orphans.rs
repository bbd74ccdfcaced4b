//! What writers leave that are killed: never seen, swept after a week, and never what somebody is writing.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Saved};
use daglite::clock::Timestamp;
use daglite_object_store::ObjectCheckpoints;

use crate::support::seaweed::{BUCKET, KEY_ID, SECRET};
use crate::support::{Fault, MiniS3};

/// Saves so many bytes of `byte`.
async fn save(store: &ObjectCheckpoints, byte: u8, size: usize) -> Saved {
    let bytes = vec![byte; size];
    let meta = CheckpointMeta {
        extension: "bin".to_owned(),
        ..CheckpointMeta::new("model", &bytes, Timestamp::from_millis(946_728_000_000))
    };
    store.save(meta, bytes).await.unwrap()
}

/// The part of a writer: it does nothing unless [`writer`] starts it.
#[tokio::test]
async fn a_writer() {
    let Ok(size) = std::env::var("DAG_TEST_WRITER") else { return };
    let store = ObjectCheckpoints::open(&format!("s3://{BUCKET}/checkpoints")).unwrap();
    save(&store, b'w', size.parse().unwrap()).await;
}

/// A process that saves a checkpoint.
fn writer(server: &MiniS3, size: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "orphans::a_writer"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("DAG_TEST_WRITER", size.to_string());
    command.envs([("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ALLOW_HTTP", "true")]);
    command.env("AWS_ENDPOINT_URL", server.endpoint());
    command.spawn().unwrap()
}

/// The objects of values.
fn values(server: &MiniS3) -> usize {
    server.objects("value.").len()
}

/// Waits until the server holds a request.
async fn until_held(server: &MiniS3) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !server.is_holding() {
        assert!(Instant::now() < deadline, "the writer never came so far");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server with what a writer left that was killed when it wrote what has `part` in its address.
async fn left_by_a_killed_writer(size: usize, part: &'static str) -> MiniS3 {
    let server = MiniS3::start();
    server.set(Fault::Hold(part));
    let mut child = writer(&server, size);
    until_held(&server).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(values(&server) > 0, "it left nothing");
    assert!(server.objects("meta.json").is_empty(), "it was through already");
    server
}

#[tokio::test]
async fn what_a_killed_writer_left_is_never_seen_and_goes_after_a_week() {
    // Killed before the metadata of a small value, and between the parts of a large one.
    for (size, part) in [(100, "meta.json"), (17 << 20, "partNumber=2")] {
        let server = left_by_a_killed_writer(size, part).await;
        let place = server.place().within("checkpoints");
        let store = ObjectCheckpoints::in_place(place).unwrap();
        assert!(store.versions("model").await.unwrap().is_empty());
        assert!(store.names().await.unwrap().is_empty());
        let halves: Vec<_> = server
            .objects("value.bin")
            .into_iter()
            .filter(|(name, _)| !name.contains('#'))
            .collect();
        let [(half, _)] = halves.as_slice() else { panic!("{} halves", halves.len()) };
        save(&store, b'1', 10).await;
        server.age(half, 7);
        save(&store, b'2', 10).await;
        assert!(server.objects(half).iter().any(|(name, _)| name == half), "a week is not over");
        server.age(half, 1);
        let Saved::New(third) = save(&store, b'3', 10).await else { panic!("it is new") };
        assert!(!server.objects(half).iter().any(|(name, _)| name == half), "it is swept");
        assert_eq!(store.versions("model").await.unwrap().len(), 3);
        assert_eq!(store.versions("model").await.unwrap()[2], third, "and its place is not taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_is_never_swept() {
    for (size, part) in [(100, "meta.json"), (17 << 20, "partNumber=2")] {
        let server = MiniS3::start();
        let store = || Arc::new(ObjectCheckpoints::in_place(server.place()).unwrap());
        server.set(Fault::Hold(part));
        let slow = store();
        let slow = tokio::spawn(async move { save(&slow, b'w', size).await });
        until_held(&server).await;
        let fast = store();
        for byte in [b'1', b'2'] {
            save(&fast, byte, 10).await;
        }
        server.set(Fault::None);
        let slow = slow.await.unwrap();
        let versions = fast.versions("model").await.unwrap();
        assert_eq!(versions.len(), 3);
        assert_eq!(slow, Saved::New(versions[0].clone()), "in the order in which they began");
        let version = daglite::checkpoint::Version::Exact(versions[0].clone());
        let (_, bytes) = fast.load("model", &version).await.unwrap().unwrap();
        assert_eq!(bytes, vec![b'w'; size]);
    }
}
