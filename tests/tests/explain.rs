//! Every miss names its reason, in words that help.

mod spy_store;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite::store::{CacheStore, Lookup};
use daglite::{Change, Event, FileStoreLayout, ItemChange, MissReason};
use daglite_tests::{Log, logged_with};
use spy_store::{Claims, Handle, Spy, now};

#[task(cache, name = "scaled")]
fn scaled(list: &[f64], factor: f64) -> Vec<f64> {
    list.iter().map(|x| x * factor).collect()
}

/// The same task after an edit of its body, and one of its options.
mod edited {
    use daglite::prelude::*;

    #[task(cache, name = "scaled")]
    pub(crate) fn scaled(list: &[f64], factor: f64) -> Vec<f64> {
        list.iter().map(|x| factor * x).collect()
    }

    #[task(cache, name = "versioned", cache_version = "2")]
    pub(crate) fn versioned(n: u8) -> u8 {
        n
    }

    #[task(cache, name = "asked")]
    pub(crate) fn asked(n: u8, _how: u8) -> u8 {
        n
    }
}

#[task(cache, name = "versioned", cache_version = "1")]
fn versioned(n: u8) -> u8 {
    n
}

#[task(cache, name = "asked", cache_exclude = [_how])]
fn asked(n: u8, _how: u8) -> u8 {
    n
}

#[task(cache, name = "generic")]
fn generic<T: daglite::ContentHash + Clone + Send + Sync + 'static>(_x: T) -> u8 {
    1
}

#[task(cache, name = "aging", cache_ttl = "1h")]
fn aging(n: u8) -> u8 {
    n
}

#[task(cache, name = "login")]
fn login(user: &str, password: &str) -> usize {
    user.len() + password.len()
}

/// The stores that explain, each with a session that asks it every time.
fn on_each_store(test: impl Fn(&dyn Fn() -> (Session, Log), &str)) {
    let memory = Arc::new(MemoryStore::new());
    test(&|| logged_with(Session::builder().cache(memory.clone()).without_memory()), "memory");
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let store = FileStore::builder(folder.path()).layout(layout).open().unwrap();
            logged_with(Session::builder().cache(store).without_memory())
        };
        test(&open, &format!("{layout:?}"));
    }
}

/// The misses of the log.
fn misses(log: &Log) -> Vec<String> {
    log.take().into_iter().filter(|line| line.starts_with("miss")).collect()
}

#[test]
fn a_task_that_was_never_seen_has_no_entry_yet() {
    on_each_store(|open, store| {
        let (session, log) = open();
        scaled([1.0], 2.0).run_in(&session).unwrap();
        assert_eq!(misses(&log), ["miss scaled: no entry yet"], "{store}");
    });
}

#[test]
fn an_argument_that_changed_is_named_with_what_it_was_and_is() {
    on_each_store(|open, store| {
        scaled([1.0, 2.5], 2.0).run_in(&open().0).unwrap();
        let (session, log) = open();
        scaled([1.0, 2.5], 3.0).run_in(&session).unwrap();
        let expected = ["miss scaled: argument `factor` changed from 2.0 to 3.0"];
        assert_eq!(misses(&log), expected, "{store}");

        let (session, log) = open();
        scaled([1.0, 2.0], 4.0).run_in(&session).unwrap();
        let expected = "miss scaled: argument `list` changed from [1.0, 2.5] to [1.0, 2.0]; \
                        argument `factor` changed from 3.0 to 4.0";
        assert_eq!(misses(&log), [expected], "{store}: the last of those that are as near");
    });
}

#[test]
fn the_nearest_entry_explains() {
    on_each_store(|open, store| {
        let (session, _) = open();
        for (list, factor) in [(1.0, 7.0), (2.0, 8.0), (3.0, 9.0)] {
            scaled([list], factor).run_in(&session).unwrap();
        }
        drop(session);
        let (session, log) = open();
        scaled([1.5], 7.0).run_in(&session).unwrap();
        let expected = ["miss scaled: argument `list` changed from [1.0] to [1.5]"];
        assert_eq!(misses(&log), expected, "{store}");
    });
}

#[test]
fn code_that_changed_is_named() {
    on_each_store(|open, store| {
        scaled([1.0], 2.0).run_in(&open().0).unwrap();
        let (session, log) = open();
        edited::scaled([1.0], 2.0).run_in(&session).unwrap();
        assert_eq!(misses(&log), ["miss scaled: code changed: `scaled`"], "{store}");
        edited::scaled([1.0], 3.0).run_in(&session).unwrap();
        let expected = ["miss scaled: argument `factor` changed from 2.0 to 3.0"];
        assert_eq!(misses(&log), expected, "{store}: the edited one is the nearest now");
    });
}

#[test]
fn options_and_types_that_changed_are_named() {
    on_each_store(|open, store| {
        let (session, _) = open();
        versioned(1).run_in(&session).unwrap();
        asked(1, 1).run_in(&session).unwrap();
        generic(1_u8).run_in(&session).unwrap();
        drop(session);
        let (session, log) = open();
        edited::versioned(1).run_in(&session).unwrap();
        edited::asked(1, 1).run_in(&session).unwrap();
        generic(1_u16).run_in(&session).unwrap();
        let expected = [
            // A task in another module is another one, though its items are the same.
            "miss versioned: code changed; `cache_version` changed from \"1\" to \"2\"",
            "miss asked: code changed; `_how` counts now and did not count",
            "miss generic: the types changed from `u8` to `u16`; argument `_x` changed",
        ];
        assert_eq!(misses(&log), expected, "{store}");
    });
}

#[test]
fn an_entry_that_expired_or_was_refreshed_says_so() {
    let (clock, hands) = Clock::manual();
    let store = MemoryStore::new();
    let (session, log) = logged_with(Session::builder().cache(store).clock(clock));
    aging(1).run_in(&session).unwrap();
    hands.advance(Duration::from_secs(3600));
    aging(1).run_in(&session).unwrap();
    aging(1).refresh().run_in(&session).unwrap();
    let expected = [
        "miss aging: no entry yet",
        "miss aging: the entry has expired",
        "miss aging: a refresh was asked for",
    ];
    assert_eq!(misses(&log), expected);
}

#[test]
fn an_entry_that_was_removed_by_hand_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Index).open().unwrap();
    let (session, _) = logged_with(Session::builder().cache(open()));
    aging(1).run_in(&session).unwrap();
    drop(session);
    let store = open();
    let key = store.entries().list().unwrap()[0].key;
    now(store.remove(&key)).unwrap();
    let (session, log) = logged_with(Session::builder().cache(store));
    aging(1).run_in(&session).unwrap();
    assert_eq!(misses(&log), ["miss aging: the entry was removed by hand"]);
    drop(session);

    now(open().clear()).unwrap();
    let (session, log) = logged_with(Session::builder().cache(open()));
    aging(1).run_in(&session).unwrap();
    aging(2).run_in(&session).unwrap();
    let expected = [
        "miss aging: the entry was removed by hand",
        "miss aging: argument `n` changed from 1 to 2",
    ];
    assert_eq!(misses(&log), expected);
}

#[test]
fn an_entry_that_was_evicted_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        FileStore::builder(folder.path())
            .layout(FileStoreLayout::Index)
            .max_entries(10)
            .eviction(Eviction::OldestFirst)
            .open()
            .unwrap()
    };
    for n in 0..20 {
        let (session, _) = logged_with(Session::builder().cache(open()));
        aging(n).run_in(&session).unwrap();
    }
    let (session, log) = logged_with(Session::builder().cache(open()));
    aging(0).run_in(&session).unwrap();
    assert_eq!(misses(&log), ["miss aging: the entry was evicted to make room"]);
}

#[test]
fn the_record_of_what_went_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Index).open().unwrap();
    #[task(cache)]
    fn small(n: u32) -> u32 {
        n
    }
    // The first ones are forgotten when there are an eighth too many.
    for numbers in [0..21_000, 21_000..23_600] {
        let session = Session::builder().cache(open()).build().unwrap();
        join_all(numbers.map(small)).run_in(&session).unwrap();
        drop(session);
        now(open().clear()).unwrap();
    }
    let index = rusqlite::Connection::open(folder.path().join("v1/index.sqlite")).unwrap();
    let count = |table: &str| -> u32 {
        index.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("gone"), count("recent"), count("record")), (20_000, 0, 0));
}

#[test]
fn an_entry_that_was_damaged_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Files).open().unwrap();
    let (session, _) = logged_with(Session::builder().cache(open()));
    aging(1).run_in(&session).unwrap();
    drop(session);
    let key = open().entries().list().unwrap()[0].key.to_string();
    let path = folder.path().join("v1/entries").join(&key[..2]).join(&key[2..]);
    std::fs::write(&path, b"scribbled over").unwrap();
    let (session, log) = logged_with(Session::builder().cache(open()));
    aging(1).run_in(&session).unwrap();
    let line = misses(&log).pop().unwrap();
    assert!(line.starts_with("miss aging: the entry was damaged: "), "{line}");
}

#[test]
fn an_outcome_has_the_reason_and_a_run_that_nobody_watches_asks_for_none() {
    let session = Session::builder().cache(MemoryStore::new()).build().unwrap();
    scaled([1.0], 2.0).run_in(&session).unwrap();
    let outcome = scaled([1.0], 3.0).outcome_in(&session).unwrap();
    let change = Change::Argument {
        name: "factor".to_owned(),
        from: "2.0".to_owned(),
        to: "3.0".to_owned(),
    };
    assert_eq!(outcome.tasks[0].reason, Some(MissReason::Changed(vec![change])));
    let outcome = scaled([1.0], 3.0).outcome_in(&session).unwrap();
    assert_eq!(outcome.tasks[0].reason, None, "a hit has none");

    #[task]
    fn uncached() -> u8 {
        1
    }
    assert_eq!(uncached().outcome_in(&session).unwrap().tasks[0].reason, None);
}

#[test]
fn what_looks_secret_is_written_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Files).open().unwrap();
    let (session, _) = logged_with(Session::builder().cache(open()));
    login("eve", "hunter2-and-more").run_in(&session).unwrap();
    drop(session);
    let (session, log) = logged_with(Session::builder().cache(open()));
    login("eve", "another-pass").run_in(&session).unwrap();
    assert_eq!(misses(&log), ["miss login: argument `password` changed"]);
    drop(session);
    let mut found = 0;
    for entry in open().entries().list().unwrap() {
        let key = entry.key.to_string();
        let path = folder.path().join("v1/entries").join(&key[..2]).join(&key[2..]);
        let bytes = std::fs::read(path).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has("eve") && !has("hunter2") && !has("another-pass"));
        found += 1;
    }
    assert_eq!(found, 2);
}

/// What `explained` prints with these variables.
fn explained(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_explained"))
        .arg(folder)
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_variable_that_changed_is_named_and_a_secret_one_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let of = |zone, token| {
        let variables = [("EXPLAINED_ZONE", zone), ("EXPLAINED_TOKEN", token)];
        explained(folder.path(), &[], &variables)
    };
    assert_eq!(of("UTC", "abc"), "no entry yet\n");
    let expected = "environment variable `EXPLAINED_ZONE` changed from \"UTC\" to \"CET\"\n";
    assert_eq!(of("CET", "abc"), expected);
    assert_eq!(of("CET", "def"), "environment variable `EXPLAINED_TOKEN` changed\n");
    let expected = "environment variable `EXPLAINED_ZONE` changed from \"CET\" to unset\n";
    assert_eq!(explained(folder.path(), &[], &[("EXPLAINED_TOKEN", "abc")]), expected);
}

#[test]
fn warn_excluded_has_three_spellings() {
    let variable = tempfile::tempdir().unwrap();
    let on = [("DAGLITE_WARN_EXCLUDED", "true")];
    assert_eq!(explained(variable.path(), &[], &[]), "no entry yet\n");
    assert_eq!(explained(variable.path(), &["verbose"], &on), "hit\nverbose: false, true\n");
    assert_eq!(explained(variable.path(), &["verbose"], &[]), "hit\n", "it is off by itself");
    assert_eq!(explained(variable.path(), &[], &on), "hit\n", "the same as recorded");

    let file = tempfile::tempdir().unwrap();
    std::fs::write(file.path().join("daglite.toml"), "warn_excluded = true\n").unwrap();
    assert_eq!(explained(file.path(), &["verbose"], &[]), "no entry yet\n");
    assert_eq!(explained(file.path(), &[], &[]), "hit\nverbose: true, false\n");
    let off = [("DAGLITE_WARN_EXCLUDED", "false")];
    assert_eq!(explained(file.path(), &[], &off), "hit\n");
}

#[task(cache)]
fn outer(from: u64) -> u64 {
    // A run inside a task belongs to the run around it.
    (from..from + 10).map(|n| scaled([1.0], n as f64).run().unwrap()[0] as u64).sum()
}

#[test]
fn a_run_in_which_all_is_missing_asks_for_the_history_of_a_task_once() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = logged_with(Session::builder().cache(Handle(Arc::clone(&spy))));
    join_all((0..100).map(|n| outer(10 * n))).run_in(&session).unwrap();
    let all = misses(&log);
    assert_eq!(all.len(), 1100);
    let is_new = |line: &String| line.ends_with(": no entry yet");
    assert!(all.iter().all(is_new), "what the run itself puts explains nothing");
    let seen = spy.seen();
    assert_eq!((seen.histories, seen.describes), (2, 2), "once a task");

    join_all((100..200).map(|n| outer(10 * n))).run_in(&session).unwrap();
    assert!(misses(&log).iter().all(|line| line.contains(" changed from ")));
    let seen = spy.seen();
    assert_eq!((seen.histories, seen.describes), (4, 2), "once a run and task, once a process");
}

/// Nobody makes use of the reasons.
struct Quiet;

impl daglite::Observer for Quiet {
    fn event(&self, event: &Event) {
        if let Event::Miss { reason, .. } = event {
            assert_eq!(*reason, MissReason::NoEntry);
        }
    }

    fn wants_reasons(&self) -> bool {
        false
    }
}

#[test]
fn a_run_whose_reasons_nobody_wants_does_not_look_for_them() {
    let spy = Spy::new(Claims::Alone);
    let store = Handle(Arc::clone(&spy));
    let session = Session::builder().cache(store).observe(Quiet).build().unwrap();
    scaled([1.0], 2.0).run_in(&session).unwrap();
    scaled([1.0], 3.0).run_in(&session).unwrap();
    assert_eq!(spy.seen().histories, 0);
}

#[test]
fn an_entry_has_no_more_than_450_bytes_beside_a_small_value() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Index).open().unwrap();
    #[task(cache)]
    fn small(n: u64) -> u64 {
        n
    }
    let session = Session::builder().cache(open()).build().unwrap();
    join_all((0..1000).map(small)).run_in(&session).unwrap();
    drop(session);
    let stats = open().stats().unwrap();
    let each = stats.bytes / stats.entries;
    println!("{each} bytes an entry");
    assert!(each <= 450, "{each} bytes an entry");
    let entry = &open().entries().list().unwrap()[0];
    assert!(entry.meta.record.is_some());
    assert!(entry.meta.parts[0].shown.parse::<u64>().is_ok());
}

#[test]
fn items_are_told_apart() {
    let code = Change::Code(vec![
        ItemChange::Changed("helpers::scale".to_owned()),
        ItemChange::Added("offset".to_owned()),
        ItemChange::Removed("LIMIT".to_owned()),
    ]);
    let expected = "code changed: `helpers::scale`, `offset` (new), `LIMIT` (gone)";
    assert_eq!(code.to_string(), expected);
    let many = (0..8).map(|n| ItemChange::Changed(format!("f{n}"))).collect();
    let text = Change::Code(many).to_string();
    assert_eq!(text, "code changed: `f0`, `f1`, `f2`, `f3`, `f4` and 3 more");
}

#[test]
fn whatever_a_store_answers_a_miss_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).layout(FileStoreLayout::Index).open().unwrap();
    scaled([1.0], 2.0).run_in(&Session::builder().cache(open()).build().unwrap()).unwrap();
    let index = rusqlite::Connection::open(folder.path().join("v1/index.sqlite")).unwrap();
    for damage in [
        "UPDATE record SET bytes = x'ff'",
        "UPDATE recent SET entries = x'0102030405060708090a0b'",
        "UPDATE recent SET entries = 'text'",
        "DELETE FROM record",
    ] {
        index.execute_batch(damage).unwrap();
        let (session, log) = logged_with(Session::builder().cache(open()).without_memory());
        edited::scaled([1.0], 2.0).run_in(&session).unwrap();
        let line = misses(&log).pop().unwrap();
        let fine = ["miss scaled: code changed", "miss scaled: no entry yet"];
        assert!(fine.contains(&line.as_str()), "{damage}: {line}");
        let key = open().entries().list().unwrap().pop().unwrap().key;
        assert!(matches!(now(open().head(&key)).unwrap(), Lookup::Found(_)));
        now(open().remove(&key)).unwrap();
        index.execute_batch("DELETE FROM gone").unwrap();
    }
}
