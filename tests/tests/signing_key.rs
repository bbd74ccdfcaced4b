//! The signing key of a session: three spellings, all stores of the session, and never a word of the secret.

mod checkpoint_support;

use std::fs;
use std::path::Path;
use std::process::Command;

use checkpoint_support::{EVENING, meta, now};
use daglite::checkpoint::{CheckpointStore, Version};
use daglite::prelude::*;
use daglite::{Signed, SigningKey};
use daglite_tests::logged_with;

const SECRET: &str = "what only the team knows";
const OTHER: &str = "what somebody else thinks up";

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

/// What a program with the default session prints in `folder` with `variables`, standard error after it.
fn said(folder: &Path, variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_default_session"))
        .current_dir(folder)
        .env_remove("DAGLITE_CACHE")
        .env_remove("DAGLITE_CHECKPOINTS")
        .env_remove("DAGLITE_SIGNING_KEY")
        .env_remove("DAGLITE_SIGNING_KEY_FILE")
        .env("DAGLITE_PROGRESS", "tasks")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!text.contains(SECRET) && !text.contains(OTHER), "{text}");
    text
}

#[test]
fn the_key_has_three_spellings() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let is_hit = |text: &str| text.contains("hit       default_session::answer");
    // With a builder, which says where nothing else does.
    let store = || FileStore::builder(here.join(".daglite/cache")).open().unwrap();
    let with_key = |secret: &str| {
        let key = SigningKey::new(secret).unwrap();
        logged_with(Session::builder().without_memory().cache(store()).signing_key(key))
    };
    assert_eq!(square(7).run_in(&with_key(SECRET).0).unwrap(), 49);
    let (session, log) = with_key(SECRET);
    square(7).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("miss")), (1, 0));
    let (session, log) = with_key(OTHER);
    square(7).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("miss")), (0, 1), "another key is another world");
    drop((session, log));

    let by_secret = said(here, &[("DAGLITE_SIGNING_KEY", SECRET)]);
    assert!(!is_hit(&by_secret) && by_secret.contains("\n42\n"), "{by_secret}");
    fs::create_dir(here.join("keys")).unwrap();
    fs::write(here.join("keys/team"), format!("{SECRET}\n")).unwrap();
    let by_file = said(here, &[("DAGLITE_SIGNING_KEY_FILE", "keys/team")]);
    assert!(is_hit(&by_file), "it is the same key: {by_file}");
    fs::write(here.join("daglite.toml"), "signing_key_file = \"keys/team\"\n").unwrap();
    assert!(is_hit(&said(here, &[])), "and here");
    let deep = here.join("a/b");
    fs::create_dir_all(&deep).unwrap();
    assert!(is_hit(&said(&deep, &[])), "found from where the file lies");
    let by_other = said(here, &[("DAGLITE_SIGNING_KEY", OTHER)]);
    assert!(!is_hit(&by_other), "a variable comes before the file: {by_other}");
}

#[test]
fn a_key_that_cannot_be_had_stops_the_program_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let short = "hidden-short";
    fs::write(here.join("short"), short).unwrap();
    fs::write(here.join("long"), vec![b'x'; 70_000]).unwrap();
    for (variables, expected) in [
        (vec![("DAGLITE_SIGNING_KEY", short)], "DAGLITE_SIGNING_KEY: a signing key needs a secret"),
        (vec![("DAGLITE_SIGNING_KEY_FILE", "short")], "short: a signing key needs a secret of 16"),
        (vec![("DAGLITE_SIGNING_KEY_FILE", "long")], "long: it has more than 64 KiB"),
        (vec![("DAGLITE_SIGNING_KEY_FILE", "none")], "cannot take the signing key from "),
        (
            vec![("DAGLITE_SIGNING_KEY_FILE", "short"), ("DAGLITE_SIGNING_KEY", short)],
            "are both set: set one of them",
        ),
    ] {
        let text = said(here, &variables);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains(short) && !text.contains("42"), "{text}");
    }
    fs::write(here.join("daglite.toml"), format!("signing_key = \"{SECRET}\"\n")).unwrap();
    let text = said(here, &[]);
    assert!(text.contains("line 1, key `signing_key`: unknown field"), "{text}");
}

#[test]
fn the_key_signs_all_stores_of_a_session_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    let plain = || FileCheckpoints::open(&path).unwrap();
    let key = || SigningKey::new(SECRET).unwrap();
    // One that is given, and one that signs already.
    let sessions = [
        Session::builder().checkpoints(plain()).signing_key(key()),
        Session::builder().checkpoints(Signed::new(plain(), key())).signing_key(key()),
    ];
    for (n, builder) in [3, 4].into_iter().zip(sessions) {
        let (session, log) = logged_with(builder.without_cache());
        square(n).checkpoint("square").run_in(&session).unwrap();
        assert_eq!(log.count("saved"), 1);
    }
    let signed = Signed::new(plain(), key());
    let versions = now(CheckpointStore::versions(&signed, "square")).unwrap();
    assert_eq!(versions.len(), 2);
    for version in versions {
        let version = Version::Exact(version);
        let (meta, _) = now(CheckpointStore::load(&signed, "square", &version)).unwrap().unwrap();
        assert!(meta.user.is_empty(), "once: {:?}", meta.user);
    }
    // What others put there stops a run that builds on it.
    let (session, _) =
        logged_with(Session::builder().checkpoints(plain()).signing_key(key()).without_cache());
    let planted = meta("planted", b"1", EVENING);
    now(CheckpointStore::save(&plain(), planted, b"1".to_vec())).unwrap();
    let graph = square(5).checkpoint("planted");
    let refused = graph.run_from_in("planted@latest", &session).unwrap_err();
    let chain = format!("{refused} {refused:?}");
    assert!(chain.contains("it has no signature"), "{chain}");
    let shown = format!("{session:?} {:?}", Session::builder().signing_key(key()));
    assert!(!shown.contains(SECRET), "{shown}");
}
