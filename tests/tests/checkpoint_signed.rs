//! Stores with signatures: what somebody without the key has put is never used, and the key is never shown.

mod checkpoint_support;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use checkpoint_support::{EVENING, meta, now};
use daglite::checkpoint::{CheckpointStore, Version};
use daglite::prelude::*;
use daglite::store::{CacheStore, Lookup};
use daglite::{Digest, Signed, SigningKey, conformance};
use daglite_tests::{Log, logged_with};

const SECRET: &str = "what only the team knows";

fn key() -> SigningKey {
    SigningKey::new(SECRET).unwrap()
}

fn other_key() -> SigningKey {
    SigningKey::new("what somebody else thinks up").unwrap()
}

fn cache(folder: &Path) -> FileStore {
    FileStore::builder(folder.join("cache")).open().unwrap()
}

fn checkpoints(folder: &Path) -> FileCheckpoints {
    FileCheckpoints::open(folder.join("checkpoints")).unwrap()
}

fn session(folder: &Path, key: SigningKey) -> (Session, Log) {
    let builder =
        Session::builder().cache(Signed::new(cache(folder), key.clone())).without_memory();
    logged_with(builder.checkpoints(Signed::new(checkpoints(folder), key)))
}

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[test]
fn stores_with_signatures_keep_the_contracts() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    let fresh = || {
        made.set(made.get() + 1);
        folder.path().join(made.get().to_string())
    };
    now(conformance::cache_store(|| Signed::new(MemoryStore::new(), key())));
    now(conformance::cache_store(|| Signed::new(cache(&fresh()), key())));
    now(conformance::checkpoint_store(|| Signed::new(checkpoints(&fresh()), key())));
}

#[test]
fn those_with_one_key_share_results_and_others_compute_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for (key, expected) in [
        (key(), ["miss", "computed"]),
        (key(), ["hit", "loaded"]),
        (other_key(), ["miss", "computed"]),
        // The other one's entry took the place of ours.
        (key(), ["miss", "computed"]),
    ] {
        let (session, log) = session(folder.path(), key);
        assert_eq!(square(7).run_in(&session).unwrap(), 49);
        let lines = log.take();
        for start in expected {
            assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {lines:?}");
        }
    }
}

#[test]
fn a_planted_result_is_a_miss_with_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = session(folder.path(), key());
    assert_eq!(square(7).run_in(&ours).unwrap(), 49);
    drop(ours);
    // Somebody who can write, and has no key, takes our entry and puts another value into it.
    let store = cache(folder.path());
    let planted = {
        let entry = store.entries().list().unwrap().remove(0);
        let Lookup::Found(mut artifact) = now(store.get(&entry.key)).unwrap() else {
            panic!("it is there")
        };
        assert!(artifact.meta.parts.iter().any(|part| part.name == "daglite signature"));
        artifact.bytes = vec![50];
        (artifact.meta.size, artifact.meta.digest) = (1, Digest::of_bytes(&[50]));
        now(store.put(&entry.key, &artifact)).unwrap();
        entry.key
    };
    now(store.end_run(&daglite::store::RunReport::default())).unwrap();
    drop(store);
    let (ours, log) = session(folder.path(), key());
    assert_eq!(square(7).run_in(&ours).unwrap(), 49);
    let lines = log.take();
    assert!(
        lines.iter().any(|line| line.contains("its signature is not that of the signing key")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("warning: ") && line.contains("had 1 entries")),
        "{lines:?}"
    );

    // An entry under another key than its own is no better.
    let store = Signed::new(MemoryStore::new(), key());
    let artifact = {
        let Lookup::Found(artifact) =
            now(Signed::new(cache(folder.path()), key()).get(&planted)).unwrap()
        else {
            panic!("it was computed again")
        };
        artifact
    };
    now(store.put(&planted, &artifact)).unwrap();
    let Lookup::Found(signed) = now(store.inner().get(&planted)).unwrap() else {
        panic!("it is there")
    };
    let elsewhere = Digest::of_bytes(b"another call");
    now(store.inner().put(&elsewhere, &signed)).unwrap();
    assert!(matches!(now(store.head(&elsewhere)).unwrap(), Lookup::Damaged(_)));
    assert!(matches!(now(store.get(&planted)).unwrap(), Lookup::Found(_)));
}

#[test]
fn an_unsigned_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = Signed::new(checkpoints(folder.path()), key());
    let save = |value: &[u8]| {
        now(CheckpointStore::save(&store, meta("model", value, EVENING), value.to_vec()))
    };
    let first = save(b"one").unwrap();
    let load = |version: &Version| now(CheckpointStore::load(&store, "model", version));
    let (loaded, bytes) = load(&Version::Latest).unwrap().unwrap();
    assert_eq!((bytes.as_slice(), loaded.user.len()), (b"one".as_slice(), 0));
    let value = folder.path().join("checkpoints/model").join(first.version()).join("meta.json");
    assert!(fs::read_to_string(value).unwrap().contains("daglite.signature"));

    // Planted without a signature, with another's, and with that of another value.
    let inner = store.inner();
    let signed = now(CheckpointStore::head(inner, "model", &Version::Latest)).unwrap().unwrap();
    let another = Signed::new(checkpoints(folder.path()), other_key());
    now(CheckpointStore::save(inner, meta("model", b"two", EVENING), b"two".to_vec())).unwrap();
    assert!(load(&Version::Latest).unwrap_err().to_string().contains("it has no signature"));
    let error = save(b"two").unwrap_err().to_string();
    assert!(error.starts_with("the value is there already, but version "), "{error}");
    now(CheckpointStore::save(&another, meta("model", b"three", EVENING), b"three".to_vec()))
        .unwrap();
    assert!(
        load(&Version::Latest).unwrap_err().to_string().contains("not that of the signing key")
    );
    let mut stolen = meta("model", b"four", EVENING);
    stolen.user = signed.user;
    now(CheckpointStore::save(inner, stolen.clone(), b"four".to_vec())).unwrap();
    let error = load(&Version::Latest).unwrap_err().to_string();
    assert!(error.contains("not that of the signing key"), "{error}");
    assert_eq!(load(&Version::from(first.version())).unwrap().unwrap().1, b"one");
    // Nobody signs for others, nor takes the note for their own.
    let refused = now(CheckpointStore::save(&store, stolen, b"four".to_vec())).unwrap_err();
    assert!(refused.to_string().contains("is kept for the signature"), "{refused}");
}

#[test]
fn the_key_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path(), key());
    square(3).checkpoint("square").run_in(&session).unwrap();
    let store = Signed::new(checkpoints(folder.path()), key());
    let error = now(CheckpointStore::load(
        &Signed::new(checkpoints(folder.path()), other_key()),
        "square",
        &Version::Latest,
    ));
    let said = format!(
        "{:?} {:?} {store:?} {} {:?}",
        key(),
        log.take(),
        error.unwrap_err(),
        SigningKey::new("short")
    );
    assert!(
        said.contains("SigningKey(…)") && !said.contains(SECRET) && !said.contains("short\""),
        "{said}"
    );
    let mut open = vec![folder.path().to_owned()];
    while let Some(path) = open.pop() {
        match path.is_dir() {
            true => open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path())),
            false => {
                let bytes = fs::read(&path).unwrap();
                let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_session_with_signed_checkpoints_saves_once() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path(), key());
    for _ in 0..2 {
        let noted = Checkpoint::named("square").format("json").meta("b", 0.1).meta("a", [1, 2]);
        square(3).checkpoint(noted).run_in(&session).unwrap();
    }
    assert_eq!((log.count("saved"), log.count("unchanged")), (1, 1));
    let store = Signed::new(checkpoints(folder.path()), key());
    let version = Version::tag("prod");
    let latest =
        now(CheckpointStore::resolve(&store, "square", &Version::Latest)).unwrap().unwrap();
    assert!(now(CheckpointStore::tag(&store, "square", &latest, "prod")).unwrap());
    assert!(now(CheckpointStore::head(&store, "square", &version)).unwrap().is_some());
}
