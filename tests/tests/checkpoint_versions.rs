//! Versions: their names, their order, when there is a new one, and that a value once saved stays.

mod checkpoint_support;

use std::fs;
use std::thread;

use checkpoint_support::{EVENING, bytes, files, fresh, save_at, try_save_at, version_folder};
use daglite::checkpoint::{CheckpointStore, ContentDiff, Saved};
use daglite::{Checkpoint, ErrorKind, FileCheckpoints, Format, HasFormat};
use proptest::prelude::*;

#[test]
fn a_version_is_its_time() {
    let (folder, store) = fresh();
    assert_eq!(save_at(&store, "model", b"one", EVENING), "20261122T193015.123000Z");
    let expected =
        ["meta.json", "value.txt"].map(|file| format!("model/20261122T193015.123000Z/{file}"));
    assert_eq!(files(folder.path()), expected);
    assert_eq!(store.meta("model", "latest").unwrap().time, "2026-11-22T19:30:15.123Z");
}

#[test]
fn a_save_at_the_same_time_gets_a_later_version() {
    let (_folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    assert_eq!(save_at(&store, "model", b"two", EVENING), "20261122T193015.123001Z");
    assert_eq!(save_at(&store, "model", b"three", EVENING), "20261122T193015.123002Z");
    assert_eq!(save_at(&store, "other", b"one", EVENING), "20261122T193015.123000Z");
}

#[test]
fn a_clock_moved_back_gives_a_later_version() {
    let (_folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    assert_eq!(save_at(&store, "model", b"two", 0), "20261122T193015.123001Z");
    assert_eq!(bytes(&store, "model", "latest").unwrap().unwrap(), b"two");
    assert_eq!(store.meta("model", "latest").unwrap().created.millis(), 0);
}

#[test]
fn a_clock_at_the_end_of_time_is_an_error_and_not_a_wrong_order() {
    let (_folder, store) = fresh();
    assert_eq!(save_at(&store, "model", b"one", u64::MAX), "99991231T235959.999999Z");
    let error = try_save_at(&store, "model", b"two", EVENING).unwrap_err();
    assert!(error.to_string().contains("no version can follow 99991231T235959.999999Z"), "{error}");
    assert_eq!(bytes(&store, "model", "latest").unwrap().unwrap(), b"one");
}

#[test]
fn an_unchanged_value_adds_no_version() {
    let (folder, store) = fresh();
    let first = save_at(&store, "model", b"one", EVENING);
    let before = files(folder.path());
    let again = try_save_at(&store, "model", b"one", EVENING + 60_000).unwrap();
    assert_eq!(again, Saved::Unchanged(first));
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_damaged_latest_version_is_not_taken_for_the_same_value() {
    // Saying "unchanged" here would report as saved what nobody can load.
    for file in ["value.txt", "meta.json"] {
        let (folder, store) = fresh();
        let first = save_at(&store, "model", b"one", EVENING);
        fs::write(version_folder(folder.path(), "model", &first).join(file), b"0ne").unwrap();
        save_at(&store, "model", b"one", EVENING + 1);
        assert_eq!(bytes(&store, "model", "latest").unwrap().unwrap(), b"one", "{file}");
    }
}

#[test]
fn ten_threads_at_once_give_ten_versions() {
    let (folder, store) = fresh();
    let other = FileCheckpoints::open(folder.path()).unwrap();
    let mut saved: Vec<(String, Vec<u8>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10_u8)
            .map(|i| {
                // Two stores on one folder do not know each other's locks: as two processes.
                let store = if i % 2 == 0 { &store } else { &other };
                scope.spawn(move || {
                    let value = vec![i; 50_000];
                    (save_at(store, "model", &value, EVENING), value)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    saved.sort();
    let versions: Vec<_> = saved.iter().map(|(version, _)| version.clone()).collect();
    assert_eq!(store.versions("model").unwrap(), versions);
    assert_eq!(versions.len(), 10);
    for (version, value) in saved {
        assert!(
            bytes(&store, "model", &version).unwrap() == Some(value),
            "{version} has another value"
        );
    }
}

#[test]
fn ten_threads_that_save_one_value_give_one_version() {
    let (_folder, store) = fresh();
    thread::scope(|scope| {
        for i in 0..10 {
            let store = &store;
            scope.spawn(move || try_save_at(store, "model", b"one", EVENING + i).unwrap());
        }
    });
    assert_eq!(store.versions("model").unwrap().len(), 1);
}

#[test]
fn what_takes_the_place_of_a_version_is_left_alone() {
    let (folder, store) = fresh();
    let blocked = folder.path().join("model/20261122T193015.123000Z");
    fs::create_dir(folder.path().join("model")).unwrap();
    fs::write(&blocked, b"a file of somebody's").unwrap();
    assert_eq!(save_at(&store, "model", b"one", EVENING), "20261122T193015.123001Z");
    assert_eq!(fs::read(&blocked).unwrap(), b"a file of somebody's");
    assert_eq!(store.versions("model").unwrap(), ["20261122T193015.123001Z"]);
}

#[test]
fn prune_keeps_the_newest() {
    let (_folder, store) = fresh();
    let saved: Vec<_> =
        (0..5).map(|i| save_at(&store, "model", &[i], EVENING + u64::from(i))).collect();
    assert_eq!(store.prune("model", 10).unwrap(), Vec::<String>::new());
    assert_eq!(store.prune("model", 2).unwrap(), saved[..3]);
    assert_eq!(store.versions("model").unwrap(), saved[3..]);
    let error = store.prune("model", 0).unwrap_err();
    assert!(error.to_string().contains("keep 1 or more"), "{error}");
    assert!(store.prune("modle", 1).unwrap_err().to_string().contains("there are `model`"));
}

#[test]
fn prune_never_deletes_the_last_sound_version() {
    let (folder, store) = fresh();
    let saved: Vec<_> =
        (0..4).map(|i| save_at(&store, "model", &[i], EVENING + u64::from(i))).collect();
    let damaged = version_folder(folder.path(), "model", &saved[3]);
    fs::write(damaged.join("value.txt"), b"").unwrap();
    assert_eq!(store.prune("model", 1).unwrap(), saved[..2]);
    assert_eq!(store.versions("model").unwrap(), saved[2..]);
}

#[test]
fn a_deleted_version_leaves_no_trace() {
    let (folder, store) = fresh();
    let version = save_at(&store, "deep/down/model", b"one", EVENING);
    save_at(&store, "deep", b"one", EVENING);
    store.delete("deep/down/model", &version).unwrap();
    assert_eq!(store.names().unwrap(), ["deep"]);
    assert!(!folder.path().join("deep/down").exists());
    assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
    let error = store.delete("deep", "yesterday").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains("checkpoint `deep` has no version `yesterday`"), "{error}");
}

#[test]
fn a_typed_value_comes_back_in_any_format() {
    let (folder, store) = fresh();
    let value = vec![("JFK".to_owned(), 0.1_f64), ("LGA".to_owned(), f64::MAX)];
    let plain = store.save("plain", &value).unwrap();
    let json = store.save(Checkpoint::named("readable").format("json"), &value).unwrap();
    for (name, saved) in [("plain", &plain), ("readable", &json)] {
        assert_eq!(store.load::<Vec<(String, f64)>>(name, saved.version()).unwrap(), value);
    }
    let readable = version_folder(folder.path(), "readable", json.version()).join("value.json");
    assert!(fs::read_to_string(readable).unwrap().starts_with(r#"[["JFK",0.1]"#));
}

/// Writes five megabytes, and then what it is told to do.
#[derive(Debug)]
struct Stubborn(&'static str);

impl HasFormat for Stubborn {
    fn formats() -> Vec<Format<Self>> {
        let write = |it: &Self, to: &mut dyn std::io::Write| {
            for _ in 0..5 {
                to.write_all(&[7; 1 << 20])?;
            }
            match it.0 {
                "fine" => Ok(()),
                "panic" => panic!("half way"),
                why => Err(why.into()),
            }
        };
        let read = |from: &mut dyn std::io::Read, _| {
            let mut first = [0];
            from.read_exact(&mut first)?;
            std::io::copy(from, &mut std::io::sink())?;
            Ok(Self(if first == [7] { "fine" } else { "wrong" }))
        };
        vec![Format::streaming("stubborn", "bin", write, read)]
    }
}

#[test]
fn a_large_value_that_cannot_be_written_leaves_nothing() {
    let (folder, store) = fresh();
    let error = store.save_own("model", &Stubborn("it is too odd")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().ends_with("as stubborn: it is too odd"), "{error}");
    let panicking = || drop(store.save_own("model", &Stubborn("panic")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking)).is_err());
    assert!(files(folder.path()).is_empty());
    let saved = store.save_own("model", &Stubborn("fine")).unwrap();
    assert_eq!(store.load_own::<Stubborn>("model", saved.version()).unwrap().0, "fine");
    // The same again adds nothing, though it is known to be the same only when it is written.
    let again = store.save_own("model", &Stubborn("fine")).unwrap();
    assert_eq!(again, Saved::Unchanged(saved.version().to_owned()));
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn a_value_is_not_loaded_as_another_type() {
    let (_folder, store) = fresh();
    store.save("model", &vec![1_u32, 2, 3]).unwrap();
    let error = store.load::<Vec<(u32, String)>>("model", "latest").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains("cannot be read as `alloc::vec::Vec<(u32, "), "{error}");
    assert!(error.to_string().contains("saved from `alloc::vec::Vec<u32>`"), "{error}");
    assert_eq!(store.load::<Vec<u32>>("model", "latest").unwrap(), [1, 2, 3]);
}

#[test]
fn what_is_missing_is_answered_with_what_there_is() {
    let (folder, store) = fresh();
    let root = folder.path().display();
    let error = store.load::<u8>("model", "latest").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no checkpoint is called `model` in `{root}`: there are none yet")
    );
    for i in 0..7 {
        save_at(&store, "model", &[i], EVENING + u64::from(i));
    }
    let error = store.meta("modle", "latest").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no checkpoint is called `modle` in `{root}`: there are `model`")
    );
    let error = store.diff("model", "latest", "20200101T000000.000000Z").unwrap_err();
    let expected = "checkpoint `model` has no version `20200101T000000.000000Z`: the nearest are \
        20261122T193015.123000Z, 20261122T193015.124000Z, 20261122T193015.125000Z, 20261122T193015.126000Z, \
        20261122T193015.127000Z; or load `latest`, which is 20261122T193015.129000Z";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_diff_names_what_differs_and_nothing_else() {
    let (_folder, store) = fresh();
    let old = Checkpoint::named("model").meta("alpha", 0.1).meta("folds", 5).meta("kept", "same");
    let new = Checkpoint::named("model").meta("alpha", 0.2).meta("seed", 7).meta("kept", "same");
    let old = store.save(old, &1_u8).unwrap();
    let new = store.save(new, &2_u8).unwrap();
    let difference = store.diff("model", old.version(), new.version()).unwrap();
    let shown: Vec<_> = difference.metadata.iter().map(ToString::to_string).collect();
    assert!(shown[0].starts_with("digest: "), "{shown:?}");
    let notes = ["user.alpha: 0.1 → 0.2", "user.folds: 5 → nothing", "user.seed: nothing → 7"];
    assert_eq!(shown[1..], notes);
    assert_eq!(difference.content, ContentDiff::Other { old_size: 1, new_size: 1 });
    let same = store.diff("model", new.version(), "latest").unwrap();
    assert_eq!((same.metadata.len(), same.content), (0, ContentDiff::Equal));
}

#[test]
fn notes_that_are_no_json_are_refused_before_anything_is_saved() {
    let (_folder, store) = fresh();
    let pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = store.save(Checkpoint::named("model").meta("pairs", pairs), &1_u8).unwrap_err();
    let expected = "the metadata `pairs` of checkpoint `model` cannot be written as JSON: \
        key must be a string: note something simpler";
    assert_eq!(error.to_string(), expected);
    assert!(store.names().unwrap().is_empty());
}

#[test]
fn a_store_reports_its_folder() {
    let (folder, store) = fresh();
    assert_eq!(store.location(), folder.path().display().to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn versions_keep_the_order_of_saving(saves in prop::collection::vec((0..4_u8, 0..3_u64), 1..12)) {
        let (_folder, store) = fresh();
        let mut kept: Vec<(String, u8)> = Vec::new();
        for (value, time) in saves {
            match try_save_at(&store, "model", &[value], EVENING + time).unwrap() {
                Saved::New(version) => {
                    prop_assert_ne!(kept.last().map(|(_, value)| *value), Some(value));
                    kept.push((version, value));
                }
                Saved::Unchanged(version) => {
                    prop_assert_eq!(kept.last(), Some(&(version, value)));
                }
            }
        }
        let versions: Vec<_> = kept.iter().map(|(version, _)| version.clone()).collect();
        prop_assert!(versions.is_sorted());
        prop_assert_eq!(store.versions("model").unwrap(), versions);
        for (version, value) in kept {
            prop_assert_eq!(bytes(&store, "model", &version).unwrap(), Some(vec![value]));
        }
    }
}
