//! Machines: processes with homes of their own, and the environment as the one source of credentials.

use std::path::Path;
use std::process::Command;

use daglite::prelude::*;
use daglite_object_store::{ObjectCheckpoints, RemoteCache};

use crate::support::seaweed::{BUCKET, KEY_ID, SECRET};
use crate::support::{Seaweed, fresh_prefix};

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn table(rows: usize) -> Vec<u64> {
    (0..rows as u64).collect()
}

/// The part of a machine: it does nothing unless [`machine`] starts it.
#[test]
fn a_machine() {
    let (Ok(url), Ok(home)) = (std::env::var("DAG_TEST_URL"), std::env::var("DAG_TEST_HOME"))
    else {
        return;
    };
    let local = FileStore::builder(Path::new(&home).join("cache")).open().unwrap();
    let cache = RemoteCache::open(&format!("{url}/cache"), local).unwrap();
    let checkpoints = ObjectCheckpoints::open(&format!("{url}/checkpoints")).unwrap();
    println!("{cache:?} {checkpoints:?}");
    let session = Session::builder().cache(cache).checkpoints(checkpoints).build().unwrap();
    let all = join((square(12), table(1_000).checkpoint("table"))).outcome_in(&session).unwrap();
    assert_eq!(all.value, (144, (0..1_000).collect()));
    println!("hits={} computed={}", all.summary.hits, all.summary.computed);
}

/// What a machine says that has a home of its own, and these variables to find the store with.
pub(crate) fn machine(url: &str, variables: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "machines::a_machine", "--nocapture"]);
    command.envs([("DAG_TEST_URL", url), ("DAG_TEST_HOME", home.path().to_str().unwrap())]);
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    said.join("\n")
}

/// The same of one that finds this server.
fn machine_of(server: &Seaweed, url: &str, secret: &str) -> String {
    let endpoint = server.endpoint();
    let variables = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ];
    machine(url, &variables)
}

#[test]
fn a_result_of_one_machine_is_a_hit_on_another() {
    let Some(server) = Seaweed::running() else { return };
    let url = format!("s3://{BUCKET}/{}", fresh_prefix());
    let first = machine_of(&server, &url, SECRET);
    assert!(first.contains("hits=0 computed=2"), "{first}");
    let second = machine_of(&server, &url, SECRET);
    assert!(second.contains("hits=2 computed=0"), "{second}");
    assert!(!format!("{first}{second}").contains(SECRET), "{first}{second}");
}

#[test]
fn a_machine_with_wrong_credentials_computes_and_says_nothing_of_them() {
    let Some(server) = Seaweed::running() else { return };
    let url = format!("s3://{BUCKET}/{}", fresh_prefix());
    let wrong = "a-secret-that-is-wrong";
    let said = machine_of(&server, &url, wrong);
    // The checkpoint was asked for, and could not be saved.
    assert!(said.contains("it refuses the credentials (403"), "{said}");
    assert!(!said.contains(wrong), "{said}");
}

/// Any server of files will do to read.
#[cfg(feature = "http")]
#[tokio::test]
async fn entries_are_read_by_plain_http() {
    use crate::support::artifacts::{artifact, key};
    use crate::support::locals::Forgetful;
    use daglite::store::{CacheStore, Lookup};
    use daglite_object_store::{Access, Place, Upload};

    let server = crate::support::MiniS3::start();
    let writer = RemoteCache::builder(server.place(), Forgetful::default()).upload(Upload::Inline);
    writer.open().unwrap().put(&key("there"), &artifact(b"value")).await.unwrap();
    let place = Place::at(&format!("{}/{BUCKET}", server.endpoint())).unwrap();
    let reader = RemoteCache::builder(place, Forgetful::default()).access(Access::ReadOnly);
    let reader = reader.open().unwrap();
    assert_eq!(reader.get(&key("there")).await.unwrap(), Lookup::Found(artifact(b"value")));
    assert_eq!(reader.get(&key("not there")).await.unwrap(), Lookup::Absent);
}
