//! What daglite adds to the `object_store` crate, on a real S3 server on loopback; and what a dead remote costs a run.

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
#[expect(unused_imports, reason = "the tests need more of it")]
mod support;

use std::hint::black_box;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use bytes::Bytes;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Version};
use daglite::clock::Timestamp;
use daglite::prelude::*;
use daglite::store::CacheStore;
use daglite_object_store::object_store::aws::AmazonS3;
use daglite_object_store::object_store::path::Path;
use daglite_object_store::object_store::{ObjectStoreExt, WriteMultipart};
use daglite_object_store::{ObjectCheckpoints, Place, RemoteCache, Upload};

use support::artifacts::{artifact, key, noise};
use support::locals::Forgetful;
use support::{Seaweed, fresh_prefix, seaweed};

/// How often each is measured, one after the other.
const ROUNDS: usize = 5;

/// How often a value is read after it was written.
const READS: usize = 3;

fn main() {
    // Cargo says `--bench` when figures are wanted, and not when tests are.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let only_dead = std::env::args().any(|argument| argument == "dead");
    if !only_dead && let Some(server) = Seaweed::running() {
        println!("| bytes | work | object_store | daglite | daglite / object_store |");
        println!("|---|---|---|---|---|");
        for size in [64 << 20, 200 << 20] {
            runtime.block_on(large(&server, size));
        }
        runtime.block_on(small(&server));
    }
    dead_remote();
}

/// The median of some times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// How long `work` took.
async fn timed<T>(times: &mut Vec<Duration>, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    times.push(started.elapsed());
    done
}

/// A row: throughput of both, and their ratio.
fn row(size: usize, work: &str, theirs: Vec<Duration>, ours: Vec<Duration>) {
    let (theirs, ours) = (median(theirs), median(ours));
    let rate = |time: Duration| size as f64 / time.as_secs_f64() / f64::from(1 << 20);
    println!(
        "| {} MiB | {work} | {:.0} MiB/s | {:.0} MiB/s | {:.2} |",
        size >> 20,
        rate(theirs),
        rate(ours),
        theirs.as_secs_f64() / ours.as_secs_f64(),
    );
}

/// The crate's own client.
fn client(server: &Seaweed) -> AmazonS3 {
    seaweed::client(&server.endpoint()).build().unwrap()
}

/// As the crate does it: in parts, several at once.
async fn put_plain(store: &AmazonS3, path: &Path, bytes: &Bytes) {
    let mut write =
        WriteMultipart::new_with_chunk_size(store.put_multipart(path).await.unwrap(), 8 << 20);
    for start in (0..bytes.len()).step_by(8 << 20) {
        write.wait_for_capacity(8).await.unwrap();
        write.put(bytes.slice(start..bytes.len().min(start + (8 << 20))));
    }
    write.finish().await.unwrap();
}

async fn large(server: &Seaweed, size: usize) {
    let store = client(server);
    let bytes = noise(size);
    let plain = Bytes::from(bytes.clone());
    let made = artifact(&bytes);
    let [mut put, mut get] = [const { Vec::<Duration>::new() }; 2];
    let [mut save, mut load, mut share, mut fetch] = [const { Vec::<Duration>::new() }; 4];
    let rounds = if size > 100 << 20 { 3 } else { ROUNDS };
    for round in 0..rounds {
        let path = Path::from(fresh_prefix());
        timed(&mut put, put_plain(&store, &path, &plain)).await;

        let checkpoints = ObjectCheckpoints::in_place(server.place()).unwrap();
        let meta = CheckpointMeta {
            extension: "bin".to_owned(),
            ..CheckpointMeta::new("large", &bytes, Timestamp::from_millis(round as u64))
        };
        let value = bytes.clone();
        let saved = timed(&mut save, checkpoints.save(meta, value)).await.unwrap();

        let cache = RemoteCache::builder(server.place(), Forgetful::default())
            .upload(Upload::Inline)
            .deadline(Duration::from_secs(60))
            .open()
            .unwrap();
        timed(&mut share, cache.put(&key("large"), &made)).await.unwrap();

        for _ in 0..READS {
            let read = async { store.get(&path).await.unwrap().bytes().await.unwrap() };
            assert!(timed(&mut get, read).await == plain);
            let loaded = timed(&mut load, checkpoints.load("large", &Version::Latest)).await;
            assert!(loaded.unwrap().unwrap().1 == bytes);
            let fetched = timed(&mut fetch, cache.get(&key("large"))).await.unwrap().found();
            assert!(fetched.unwrap().bytes == bytes);
        }
        store.delete(&path).await.unwrap();
        checkpoints.delete("large", saved.version()).await.unwrap();
        cache.clear().await.unwrap();
    }
    row(size, "checkpoint: save", put.clone(), save);
    row(size, "checkpoint: load", get.clone(), load);
    row(size, "cache: put", put, share);
    row(size, "cache: get", get, fetch);
}

async fn small(server: &Seaweed) {
    const MANY: usize = 300;
    let store = client(server);
    let cache = RemoteCache::builder(server.place(), Forgetful::default())
        .upload(Upload::Inline)
        .deadline(Duration::from_secs(60))
        .open()
        .unwrap();
    let prefix = fresh_prefix();
    let [mut put, mut get] = [const { Vec::<Duration>::new() }; 2];
    let [mut share, mut fetch, mut find] = [const { Vec::<Duration>::new() }; 3];
    let plain = Bytes::from(noise(1_000));
    let mut keys = Vec::new();
    for at in 0..MANY {
        let path = Path::from(format!("{prefix}/{at}"));
        timed(&mut put, store.put(&path, plain.clone().into())).await.unwrap();
        let got = timed(&mut get, async { store.get(&path).await.unwrap().bytes().await.unwrap() });
        assert!(got.await == plain);
        let (key, made) = (key(&at.to_string()), artifact(&plain));
        timed(&mut share, cache.put(&key, &made)).await.unwrap();
        assert!(timed(&mut fetch, cache.get(&key)).await.unwrap().found().is_some());
        keys.push(key);
    }
    for _ in 0..ROUNDS {
        let found = timed(&mut find, cache.find(&keys)).await.unwrap();
        assert!(found.into_iter().all(|found| found.found().is_some()));
    }
    let micros = |times| median(times).as_secs_f64() * 1e6;
    println!("\n| 1,000 bytes, µs each | object_store | daglite |\n|---|---|---|");
    println!("| put | {:.0} | {:.0} |", micros(put), micros(share));
    println!("| get | {:.0} | {:.0} |", micros(get), micros(fetch));
    println!("| 300 look-ups at once | - | {:.0} |", micros(find) / MANY as f64);
}

#[task(cache)]
fn mix(seed: u64, round: u64) -> u64 {
    // Some tenths of a millisecond.
    (0..200_000).fold(seed ^ round, |sum: u64, step| {
        black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step))
    })
}

/// How long a run of 200 tasks in a row takes.
fn run(session: &Session, round: u64) -> Duration {
    let graph = (0..200).fold(mix(1, round), |before, _| mix(before, round));
    let started = Instant::now();
    let outcome = graph.outcome_in(session).unwrap();
    let took = started.elapsed();
    assert_eq!(outcome.summary.computed, 201);
    took
}

/// A run without a remote, and one with a remote that takes connections and never answers, after the first deadline.
fn dead_remote() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let dead = Place::of(seaweed::client(&endpoint).build().unwrap(), "a dead server");
    let plain = Session::builder().cache(MemoryStore::new()).build().unwrap();
    let cache = RemoteCache::builder(dead, MemoryStore::new()).deadline(Duration::from_millis(200));
    let remote = Session::builder().cache(cache.open().unwrap()).build().unwrap();
    let first = run(&remote, 0);
    let [mut without, mut with] = [const { Vec::<Duration>::new() }; 2];
    for round in 1..41 {
        without.push(run(&plain, round));
        with.push(run(&remote, round));
    }
    let (without, with) = (median(without), median(with));
    println!("\n| a run of 201 tasks | ms |\n|---|---|");
    println!("| without a remote | {:.1} |", without.as_secs_f64() * 1e3);
    println!(
        "| with a dead one, deadline 200 ms: the first run | {:.1} |",
        first.as_secs_f64() * 1e3
    );
    println!(
        "| the runs after it | {:.1} ({:.2} ×) |",
        with.as_secs_f64() * 1e3,
        with.as_secs_f64() / without.as_secs_f64()
    );
}
