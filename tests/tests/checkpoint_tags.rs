//! Tags, moments, references, lineage, verification, and what prune and diff say of versions.
#![expect(clippy::disallowed_methods, reason = "what others do to a folder needs no door")]

mod checkpoint_support;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use checkpoint_support::{EVENING, bytes, fresh, now, save_at, version_folder};
use daglite::checkpoint::{
    AncestorState, CheckpointMeta, CheckpointStore, ContentDiff, Prune, Version,
};
use daglite::clock::Timestamp;
use daglite::{Checkpoint, ErrorKind, FileCheckpoints};

const FIRST: &str = "20261122T193015.123000Z";

/// Saves `value` as `name`, made from the given references.
fn made_from(store: &FileCheckpoints, name: &str, value: &[u8], references: &[&str]) -> String {
    let made_from = references.iter().map(|reference| (*reference).to_owned()).collect();
    let meta = CheckpointMeta { made_from, ..checkpoint_support::meta(name, value, EVENING) };
    let saved = now(CheckpointStore::save(store, meta, value.to_vec())).unwrap();
    format!("{name}@{}", saved.version())
}

/// The lineage of the latest version of `name`: depth, name and state.
fn lineage(store: &FileCheckpoints, name: &str) -> Vec<String> {
    let word = |state: &AncestorState| match state {
        AncestorState::Found(_) => "found",
        AncestorState::Repeated => "repeated",
        AncestorState::Missing => "missing",
        AncestorState::Unreadable(_) => "unreadable",
        _ => "something else",
    };
    let lineage = store.lineage(name).unwrap();
    let line =
        |a: &daglite::checkpoint::Ancestor| format!("{} {} {}", a.depth, a.name, word(&a.state));
    lineage.0.iter().map(line).collect()
}

#[test]
fn a_tag_is_a_file_that_people_can_read() {
    let (folder, store) = fresh();
    save_at(&store, "churn/model", b"one", EVENING);
    assert_eq!(store.tag("churn/model", "latest", "prod").unwrap(), FIRST);
    let file = folder.path().join("churn/model/.tags/prod");
    assert_eq!(fs::read_to_string(file).unwrap(), format!("{FIRST}\n"));
    for name in ["churn/model@prod", "churn/model@latest", &format!("churn/model@{FIRST}")] {
        assert_eq!(store.meta(name, "latest").unwrap().version, FIRST);
    }
    assert_eq!(store.names().unwrap(), ["churn/model"]);
    let error = store.meta("churn/model@prod", "beta").unwrap_err();
    assert!(error.to_string().contains("says the version already"), "{error}");
}

#[test]
fn an_unknown_tag_is_answered_with_the_nearest() {
    let (_folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    for tag in ["archive", "prod"] {
        store.tag("model", "latest", tag).unwrap();
    }
    let error = store.load::<u8>("model@prdo", "latest").unwrap_err();
    let expected = format!(
        "checkpoint `model` has no tag `prdo`: there are `prod`, `archive`; or load `latest`, which is {FIRST}"
    );
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Checkpoint, expected));
    let early = Version::at(Timestamp::from_millis(EVENING - 1));
    let expected = format!(
        "checkpoint `model` has no version of 2026-11-22T19:30:15.122Z or before: the oldest is {FIRST}"
    );
    assert_eq!(store.meta("model", early).unwrap_err().to_string(), expected);
    let error = store.tag("model", "20000101T000000.000000Z", "prod").unwrap_err().to_string();
    assert!(error.contains("the nearest are 20261122T193015.123000Z"), "{error}");
    let error = store.tag("modle", "latest", "prod").unwrap_err().to_string();
    assert!(error.contains("there are `model`"), "{error}");
    let error = store.delete("model", "prod").unwrap_err().to_string();
    let expected = format!("checkpoint `model` has no version `prod`, which is the tag of {FIRST}");
    assert_eq!(error, expected);
}

#[test]
fn a_damaged_tag_is_an_error_and_can_be_given_again() {
    let (folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    save_at(&store, "model", b"two", EVENING + 1);
    store.tag("model", FIRST, "prod").unwrap();
    let file = folder.path().join("model/.tags/prod");
    for text in
        ["", "../../etc/passwd\n", "20261122T193015.123000Z/../x", &"long".repeat(1000), "\0"]
    {
        fs::write(&file, text).unwrap();
        let error = store.load::<u8>("model", "prod").unwrap_err().to_string();
        assert!(
            error.contains("tag `prod` of checkpoint `model`")
                && error.contains("give the tag again"),
            "{error}"
        );
        assert!(store.tags("model").unwrap().is_empty());
        // What it keeps is not known, so nothing goes.
        assert!(store.prune("model", 1).unwrap_err().to_string().contains("tag `prod`"));
        let flaws = store.verify("model").unwrap().flaws;
        assert_eq!((flaws.len(), flaws[0].version.as_str()), (1, "prod"));
    }
    store.tag("model", "latest", "prod").unwrap();
    assert_eq!(bytes(&store, "model", "prod").unwrap(), Some(b"two".to_vec()));
    // A tag of a version that somebody has removed by hand.
    fs::remove_dir_all(version_folder(folder.path(), "model", "20261122T193015.124000Z")).unwrap();
    assert!(store.tags("model").unwrap().is_empty() && store.load::<u8>("model", "prod").is_err());
    let flaws = store.verify_all().unwrap().flaws;
    assert!(
        flaws[0].what.starts_with("the tag names version 20261122T193015.124000Z"),
        "{flaws:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_tag_is_not_followed() {
    let (folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    store.tag("model", "latest", "prod").unwrap();
    let file = folder.path().join("model/.tags/prod");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(
        store.load::<u8>("model", "prod").unwrap_err().to_string().contains("it is not a file")
    );
    store.tag("model", "latest", "prod").unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file() && elsewhere.exists());
}

#[test]
fn a_tag_that_moves_is_always_there() {
    let (folder, store) = fresh();
    let versions =
        [save_at(&store, "model", b"one", EVENING), save_at(&store, "model", b"two", EVENING + 1)];
    store.tag("model", "latest", "prod").unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // As another process: it shares nothing but the folder.
            let other = FileCheckpoints::open(folder.path()).unwrap();
            for i in 0..100 {
                other.tag("model", &versions[i % 2], "prod").unwrap();
            }
            over.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) {
            assert!(bytes(&store, "model", "prod").unwrap().is_some());
        }
    });
}

#[test]
fn prune_leaves_what_has_a_tag_and_the_newest_sound_version() {
    let (folder, store) = fresh();
    let saved: Vec<_> =
        (0..6).map(|i| save_at(&store, "model", &[i], EVENING + u64::from(i))).collect();
    store.tag("model", &saved[0], "prod").unwrap();
    assert_eq!(store.prune("model", Prune::keep_last(2)).unwrap(), saved[1..4]);
    assert_eq!(store.versions("model").unwrap(), [&saved[..1], &saved[4..]].concat());
    fs::write(version_folder(folder.path(), "model", &saved[5]).join("value.txt"), [9]).unwrap();
    // The newest is damaged in its content alone, so the one before it is the last sound one.
    let all = || Prune::when(|_| true).tagged_too();
    assert_eq!(store.prune("model", all()).unwrap(), [saved[0].clone(), saved[5].clone()]);
    assert_eq!(store.prune("model", all()).unwrap(), Vec::<String>::new());
    assert_eq!(store.versions("model").unwrap(), saved[4..5]);
    assert!(store.tags("model").unwrap().is_empty());
}

#[test]
fn prune_by_age_and_by_predicate() {
    let (_folder, store) = fresh();
    let hour = 3_600_000;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let saved: Vec<_> = [48, 47, 2, 1]
        .map(|hours| save_at(&store, "model", &[hours], now - u64::from(hours) * hour))
        .to_vec();
    let day = Prune::older_than(Duration::from_secs(24 * 3600));
    assert_eq!(store.prune("model", day.clone()).unwrap(), saved[..2]);
    assert_eq!(
        store.prune("model", Prune::when(|meta| meta.size == 2)).unwrap(),
        Vec::<String>::new()
    );
    let third = saved[2].clone();
    assert_eq!(
        store.prune("model", Prune::when(move |meta| meta.version == third)).unwrap(),
        saved[2..3]
    );
    // However old it is, the newest stays.
    assert_eq!(
        store.prune("model", Prune::older_than(Duration::ZERO)).unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(
        store.prune("model", Prune::older_than(Duration::MAX)).unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(format!("{day:?}"), "Prune(older_than 86400s)");
}

#[test]
fn a_diff_of_json_names_the_places() {
    let (_folder, store) = fresh();
    let json = || Checkpoint::named("model").format("json");
    let old = store
        .save(
            json(),
            &vec![Some(("a", 1)), None]
                .into_iter()
                .map(|x| x.map(|(a, b)| (a.to_owned(), b)))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    store.save(json(), &vec![Some(("a".to_owned(), 2)), None, Some(("c".to_owned(), 3))]).unwrap();
    let difference = store.diff("model", old.version(), "latest").unwrap();
    let shown = difference.to_string();
    assert!(shown.contains("content[0][1]: 1 → 2\n"), "{shown}");
    assert!(shown.ends_with("content[2]: nothing → [\"c\",3]\n"), "{shown}");
    let long: Vec<u32> = (0..5_000).collect();
    let longer: Vec<u32> = (1..5_001).collect();
    let old = store.save(Checkpoint::named("long").format("json"), &long).unwrap();
    store.save(Checkpoint::named("long").format("json"), &longer).unwrap();
    let ContentDiff::Json { changes, more } =
        store.diff("long", old.version(), "latest").unwrap().content
    else {
        panic!("both are JSON")
    };
    assert_eq!((changes.len(), more), (1_000, 4_000));
}

#[test]
fn a_lineage_marks_what_is_missing_damaged_or_there_already() {
    let (folder, store) = fresh();
    let rows = made_from(&store, "rows", b"1", &[]);
    let left = made_from(&store, "left", b"2", &[&rows]);
    let right = made_from(&store, "right", b"3", &[&rows, "lost@20000101T000000.000000Z"]);
    made_from(&store, "model", b"4", &[&left, &right, "../../etc/passwd", "right@prod"]);
    assert_eq!(
        lineage(&store, "model"),
        [
            "0 model found",
            "1 left found",
            "2 rows found",
            "1 right found",
            "2 rows repeated",
            "2 lost missing",
            "1 ../../etc/passwd unreadable",
            "1 right unreadable",
        ]
    );
    fs::write(version_folder(folder.path(), "left", FIRST).join("meta.json"), "{}").unwrap();
    let shown = store.lineage("model").unwrap().to_string();
    assert!(shown.contains(&format!("\n  left@{FIRST} cannot be read: ")), "{shown}");
    assert!(shown.contains("\n    lost@20000101T000000.000000Z is missing\n"), "{shown}");
    let error = store.lineage("modle").unwrap_err().to_string();
    assert!(error.contains("there are `model`"), "{error}");
}

#[test]
fn a_lineage_in_a_circle_ends() {
    let (_folder, store) = fresh();
    // Nobody makes such metadata but by hand, or by saving with a version that is not there yet.
    let own = format!("model@{FIRST}");
    made_from(&store, "model", b"1", &[&own, &format!("other@{FIRST}")]);
    made_from(&store, "other", b"2", &[&own]);
    assert_eq!(
        lineage(&store, "model"),
        ["0 model found", "1 model repeated", "1 other found", "2 model repeated",]
    );
}

#[test]
fn a_lineage_of_a_thousand_generations_takes_no_stack() {
    let (_folder, store) = fresh();
    let mut last = made_from(&store, "model", b"0", &[]);
    for i in 1..300_u32 {
        last = made_from(&store, "model", &i.to_le_bytes(), &[&last]);
    }
    let lineage = store.lineage("model").unwrap();
    assert_eq!((lineage.0.len(), lineage.0.last().unwrap().depth), (300, 299));
    assert_eq!(lineage.to_string().lines().count(), 300);
}

#[test]
fn verify_reports_every_flaw_and_deletes_nothing() {
    let (folder, store) = fresh();
    for name in ["a", "b", "c", "d"] {
        save_at(&store, name, b"one", EVENING);
    }
    let place = |name: &str| version_folder(folder.path(), name, FIRST);
    fs::write(place("a").join("value.txt"), b"0ne").unwrap();
    fs::remove_file(place("b").join("meta.json")).unwrap();
    fs::write(place("c").join("meta.json"), r#"{"layout": 3}"#).unwrap();
    let found = store.verify_all().unwrap();
    let shown: Vec<_> = found.flaws.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[..2],
        [
            format!("a@{FIRST}: its value does not match its digest"),
            format!("b@{FIRST}: its meta.json is missing"),
        ]
    );
    assert!(shown[2].contains("of a newer daglite"), "{shown:?}");
    assert_eq!((found.versions, found.bytes, shown.len()), (4, 3, 3));
    assert!(store.verify("d").unwrap().is_sound());
    assert_eq!(store.names().unwrap(), ["a", "b", "c", "d"]);
    assert!(store.verify("nothing").unwrap_err().to_string().contains("there are"));
}
