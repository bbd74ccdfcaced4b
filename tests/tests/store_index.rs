//! The index of a store: who sees what and when, claims, and what becomes of it when it is deleted, replaced or damaged.

mod index_support;
mod store_support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use daglite::store::{CacheStore, Glimpse, KeyClaim, KeyHold, Lookup, RunReport};
use daglite::{Digest, FileStore};
use index_support::{
    ask, bytes, eventually, flip, flush, index, large, lasting, object_of, objects, settle, sql,
    within,
};
use store_support::{get, head, key, now, open_index, put, tree};

fn numbered(number: usize) -> Digest {
    key(&number.to_string())
}

fn find(store: &FileStore, keys: &[Digest]) -> Vec<Lookup<Glimpse>> {
    now(store.find(keys)).expect("the store can answer")
}

/// How many of the entries `0..count` can be read; each value is its number's text repeated.
fn readable(store: &FileStore, count: usize) -> usize {
    (0..count)
        .filter(|&number| match get(store, &numbered(number)) {
            Lookup::Found(found) => {
                assert_eq!(found, lasting(&value(number)), "a wrong value of {number}");
                true
            }
            Lookup::Absent | Lookup::Damaged(_) => false,
        })
        .count()
}

/// The value of entry `number`: 300 bytes.
fn value(number: usize) -> Vec<u8> {
    bytes(number as u64 + 1, 300)
}

/// A store with the entries `0..count`, all in the index.
fn filled(root: &Path, count: usize) -> FileStore {
    let store = open_index(root);
    for number in 0..count {
        put(&store, &numbered(number), &lasting(&value(number)));
    }
    flush(&store);
    store
}

#[test]
fn what_was_put_is_seen_by_others_after_end_run() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    for value in [b"small".to_vec(), large(1)] {
        one.begin_run();
        put(&one, &key("k"), &lasting(&value));
        assert_eq!(
            get(&one, &key("k")),
            Lookup::Found(lasting(&value)),
            "who put it sees it at once"
        );
        flush(&one);
        assert_eq!(get(&two, &key("k")), Lookup::Found(lasting(&value)));
    }
}

#[test]
fn what_was_put_is_seen_by_others_soon_without_end_run() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    // The first put makes the index as well.
    put(&one, &key("first"), &lasting(b"value"));
    eventually("the first entry is written", || get(&two, &key("first")).found().is_some());
    for round in 0..5 {
        put(&one, &numbered(round), &lasting(b"value"));
        // 50 ms are promised; the rest is for a busy machine.
        within(Duration::from_millis(1_050), "the entry is written", || {
            get(&two, &numbered(round)).found().is_some()
        });
    }
}

#[test]
fn what_was_put_is_there_after_the_store_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let value = if round % 2 == 0 { value(round) } else { large(round as u64) };
        put(&open_index(folder.path()), &numbered(round), &lasting(&value));
        assert_eq!(
            get(&open_index(folder.path()), &numbered(round)),
            Lookup::Found(lasting(&value))
        );
    }
}

#[test]
fn find_answers_a_thousand_keys_in_their_order_with_absent_and_damaged_ones_between() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1_000));
    let rows = sql(folder.path());
    // Entry 1 is removed, entry 2 damaged, and so on in steps of 100.
    for hundred in 0..10 {
        let [absent, damaged] = [hundred * 100 + 1, hundred * 100 + 2];
        let store = open_index(folder.path());
        assert!(now(store.remove(&numbered(absent))).unwrap());
        damage_row(&rows, &numbered(damaged));
    }
    drop(rows);
    let store = open_index(folder.path());
    let keys: Vec<_> = (0..1_000).rev().map(numbered).collect();
    for (number, answer) in (0..1_000).rev().zip(find(&store, &keys)) {
        match (number % 100, answer) {
            (1, answer) => assert_eq!(answer, Lookup::Absent, "{number}"),
            (2, answer) => assert!(matches!(answer, Lookup::Damaged(_)), "{number}: {answer:?}"),
            (_, answer) => {
                let glimpse = answer.found().expect("it is sound");
                assert_eq!(glimpse.meta, lasting(&value(number)).meta);
                assert_eq!(glimpse.bytes, Some(value(number)), "a small value comes along");
            }
        }
    }
    assert_eq!(find(&store, &[numbered(2), numbered(3)])[0], Lookup::Absent, "damage is removed");
    assert!(store.verify().unwrap().is_sound(), "and with it nothing else");
    assert!(find(&store, &[]).is_empty());
}

#[test]
fn find_brings_no_large_value_along_and_sees_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 2);
    put(&store, &numbered(7), &lasting(&large(7)));
    put(&store, &numbered(0), &lasting(b"newer"));
    let answers = find(&store, &[numbered(7), numbered(0), numbered(1), numbered(9)]);
    let bytes: Vec<_> =
        answers.into_iter().map(|answer| answer.found().map(|it| it.bytes)).collect();
    assert_eq!(bytes, [Some(None), Some(Some(b"newer".to_vec())), Some(Some(value(1))), None]);
}

/// Flips a byte in the row of `key`.
fn damage_row(index: &rusqlite::Connection, key: &Digest) {
    let damaged = index.execute(
        "UPDATE entry SET bytes = substr(bytes, 1, 80) || x'ff' || substr(bytes, 82) WHERE instr(bytes, ?1)",
        [key.as_bytes().as_slice()],
    );
    assert_eq!(damaged, Ok(1), "the row is there");
    // `||` makes text of it.
    index.execute("UPDATE entry SET bytes = CAST(bytes AS BLOB)", []).unwrap();
}

#[test]
fn a_damaged_row_is_said_to_be_damaged_once_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 20);
    damage_row(&sql(folder.path()), &numbered(7));
    damage_row(&sql(folder.path()), &numbered(8));
    assert!(matches!(get(&store, &numbered(7)), Lookup::Damaged(_)));
    assert_eq!(get(&store, &numbered(7)), Lookup::Absent);
    assert!(matches!(head(&store, &numbered(8)), Lookup::Damaged(_)));
    assert_eq!(head(&store, &numbered(8)), Lookup::Absent);
    assert_eq!(readable(&store, 20), 18);
    put(&store, &numbered(7), &lasting(&value(7)));
    assert_eq!(readable(&open_after(store, folder.path()), 20), 19);
}

/// Drops `store` and opens its folder again.
fn open_after(store: FileStore, root: &Path) -> FileStore {
    drop(store);
    open_index(root)
}

#[test]
fn every_flipped_byte_of_a_row_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 1);
    flush(&store);
    let rows = sql(folder.path());
    let sound: Vec<u8> = rows.query_row("SELECT bytes FROM entry", [], |row| row.get(0)).unwrap();
    let saved = rows.execute("CREATE TABLE saved AS SELECT * FROM entry", []).unwrap();
    assert_eq!(saved, 0, "it is no row that changes");
    let slot: i64 = rows.query_row("SELECT key FROM slot", [], |row| row.get(0)).unwrap();
    for place in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[place] ^= 1;
        rows.execute_batch(
            "DELETE FROM entry; DELETE FROM slot; INSERT INTO entry SELECT * FROM saved",
        )
        .unwrap();
        rows.execute("INSERT INTO slot SELECT ?1, id FROM entry", [slot]).unwrap();
        rows.execute("UPDATE entry SET bytes = ?1", [&flipped]).unwrap();
        match get(&store, &numbered(0)) {
            // The key of another entry: as if two keys shared a place.
            Lookup::Absent => assert!((24..56).contains(&place), "{place}"),
            Lookup::Damaged(_) => {}
            Lookup::Found(_) => panic!("the flipped byte {place} was not noticed"),
        }
    }
}

#[test]
fn an_object_that_is_gone_cut_flipped_or_a_folder_is_damaged_once_and_then_absent() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| fs::write(path, &fs::read(path).unwrap()[..1_000]).unwrap()),
        ("empty", |path| fs::write(path, b"").unwrap()),
        ("flipped", |path| flip(path, 5_000)),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir_all(path.join("inner")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let store = open_index(folder.path());
        put(&store, &key("sound"), &lasting(&large(1)));
        put(&store, &key("k"), &lasting(&large(2)));
        flush(&store);
        damage(&object_of(folder.path(), &large(2)));
        let answer = get(&store, &key("k"));
        assert!(matches!(answer, Lookup::Damaged(_)), "{what}: {answer:?}");
        assert_eq!(get(&store, &key("k")), Lookup::Absent, "{what}");
        assert_eq!(get(&store, &key("sound")), Lookup::Found(lasting(&large(1))), "{what}");
        put(&store, &key("k"), &lasting(&large(2)));
        assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(&large(2))), "{what}");
        flush(&store);
        assert!(store.verify().unwrap().is_sound(), "{what}");
    }
}

/// Whoever opens a pipe to read waits until somebody writes.
#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_an_object_or_of_the_index_holds_nobody_up() {
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().unwrap();
        let store = open_index(folder.path());
        put(&store, &key("k"), &lasting(&large(1)));
        put(&store, &key("other"), &lasting(b"small"));
        flush(&store);
        settle(folder.path());
        let make_pipe = |path: &Path| {
            fs::remove_file(path).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        };
        make_pipe(&object_of(folder.path(), &large(1)));
        assert!(!store.verify().unwrap().is_sound());
        let seen = get(&store, &key("k"));
        make_pipe(&index(folder.path()));
        let others = get(&store, &key("other"));
        put(&store, &key("k"), &lasting(&large(1)));
        flush(&store);
        assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(&large(1))));
        sender.send((seen, others)).unwrap();
    });
    let (seen, others) = done.recv_timeout(Duration::from_secs(60)).expect("nothing hangs");
    assert_eq!(seen, Lookup::Damaged("it is not a file".to_owned()));
    assert!(!matches!(others, Lookup::Found(_)));
}

#[test]
fn equal_values_share_an_object_that_stays_until_its_last_user_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for number in 0..3 {
        put(&store, &numbered(number), &lasting(&large(1)));
    }
    flush(&store);
    assert_eq!(objects(folder.path()), [object_of(folder.path(), &large(1))]);
    assert!(now(store.remove(&numbered(0))).unwrap());
    // Replaced by another value.
    put(&store, &numbered(1), &lasting(b"small"));
    flush(&store);
    assert_eq!(get(&store, &numbered(2)), Lookup::Found(lasting(&large(1))));
    assert!(now(store.remove(&numbered(2))).unwrap());
    assert_eq!(objects(folder.path()), Vec::<std::path::PathBuf>::new());
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_value_replaced_before_it_was_written_leaves_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for seed in 0..20 {
        put(&store, &key("k"), &lasting(&large(seed)));
    }
    put(&store, &key("k"), &lasting(&large(19)));
    flush(&store);
    assert_eq!(objects(folder.path()), [object_of(folder.path(), &large(19))]);
    assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(&large(19))));
}

/// An equal value that another handle removes, while ours waits to be written, must not take ours with it.
#[test]
fn an_equal_value_that_another_removes_meanwhile_does_not_take_ours_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    for round in 0..20 {
        let value = lasting(&large(round));
        put(&one, &key("theirs"), &value);
        flush(&one);
        put(&two, &key("ours"), &value);
        assert!(now(one.remove(&key("theirs"))).unwrap());
        assert_eq!(get(&two, &key("ours")), Lookup::Found(value.clone()));
        flush(&two);
        assert_eq!(get(&one, &key("ours")), Lookup::Found(value));
        assert!(now(two.remove(&key("ours"))).unwrap());
    }
    drop(two);
    assert_eq!(objects(folder.path()).len(), 0);
    assert_eq!(
        tree(&folder.path().join("v1/tmp")).len(),
        3,
        "only the folder of the one that lives"
    );
}

#[test]
fn removals_changes_whenever_entries_are_removed_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    for open in [store_support::open, open_index] {
        let store = open(&folder.path().join("cache"));
        let mut before = store.removals();
        let mut changes = |what: &str| {
            let after = store.removals();
            assert_ne!(after, before, "{what}");
            before = after;
        };
        now(store.remove(&key("absent"))).unwrap();
        changes("remove in a folder that is not there");
        now(store.clear()).unwrap();
        changes("clear of a folder that is not there");
        put(&store, &key("k"), &lasting(b"value"));
        now(store.remove(&key("k"))).unwrap();
        changes("remove");
        put(&store, &key("k"), &lasting(b"value"));
        now(store.clear()).unwrap();
        changes("clear");
        put(&store, &key("k"), &lasting(b"value"));
        assert_eq!(store.entries().task("features").clear().unwrap(), 1);
        changes("clear of a task");
        assert_eq!(store.entries().clear().unwrap(), 0);
        changes("clear of all entries");
        get(&store, &key("k"));
        assert_eq!(store.removals(), before, "a look-up removes nothing");
        drop(store);
        fs::remove_dir_all(folder.path().join("cache")).unwrap();
    }
}

#[test]
fn remove_and_clear_forget_what_waits_and_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for value in [b"small".to_vec(), large(1)] {
        for is_written in [false, true] {
            put(&store, &key("k"), &lasting(&value));
            put(&store, &key("other"), &lasting(&value));
            if is_written {
                flush(&store);
            }
            assert!(now(store.remove(&key("k"))).unwrap(), "written: {is_written}");
            assert!(!now(store.remove(&key("k"))).unwrap(), "written: {is_written}");
            assert_eq!(get(&store, &key("k")), Lookup::Absent);
            assert!(get(&store, &key("other")).found().is_some());
            put(&store, &key("k"), &lasting(&value));
            if is_written {
                flush(&store);
            }
            now(store.clear()).unwrap();
            for gone in ["k", "other"] {
                assert_eq!(get(&store, &key(gone)), Lookup::Absent, "written: {is_written}");
            }
            flush(&store);
            assert_eq!(get(&open_index(folder.path()), &key("k")), Lookup::Absent);
            assert_eq!(objects(folder.path()).len(), 0, "written: {is_written}");
        }
    }
}

fn claim(store: &FileStore, key: &Digest) -> KeyClaim {
    now(store.claim(key)).expect("the store can answer")
}

fn granted(store: &FileStore, key: &Digest) -> KeyHold {
    match claim(store, key) {
        KeyClaim::Granted(hold) => hold,
        KeyClaim::Taken { by } => panic!("it is taken by {by:?}"),
    }
}

#[test]
fn a_claimed_key_is_taken_for_others_until_its_hold_is_dropped() {
    for open in [store_support::open, open_index] {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [open(folder.path()), open(folder.path())];
        let hold = granted(&one, &key("k"));
        for store in [&one, &two] {
            let KeyClaim::Taken { by } = claim(store, &key("k")) else {
                panic!("two have the key")
            };
            assert_eq!(by, Some(std::process::id()));
            drop(granted(store, &key("other")));
        }
        drop(hold);
        drop(granted(&two, &key("k")));
        drop(granted(&one, &key("k")));
    }
}

#[test]
fn a_hold_outlives_its_store_and_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    let hold = granted(&one, &key("k"));
    put(&one, &key("k"), &lasting(b"value"));
    drop(one);
    assert!(matches!(claim(&two, &key("k")), KeyClaim::Taken { .. }));
    drop(hold);
    drop(granted(&two, &key("k")));
}

#[test]
fn whoever_is_granted_a_key_after_its_holder_finds_what_the_holder_put() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    for round in 0..30 {
        let key = numbered(round);
        let hold = granted(&one, &key);
        put(&one, &key, &lasting(b"value"));
        drop(hold);
        let mut mine = None;
        eventually("the key is granted", || match claim(&two, &key) {
            KeyClaim::Granted(hold) => {
                mine = Some(hold);
                true
            }
            KeyClaim::Taken { .. } => false,
        });
        assert_eq!(get(&two, &key), Lookup::Found(lasting(b"value")), "in round {round}");
        drop(mine);
    }
}

#[test]
fn a_hold_dropped_after_clear_or_remove_frees_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    for is_clear in [true, false] {
        let hold = granted(&one, &key("k"));
        put(&one, &key("k"), &lasting(b"value"));
        drop(hold);
        if is_clear {
            now(one.clear()).unwrap();
        } else {
            now(one.remove(&key("k"))).unwrap();
        }
        drop(granted(&two, &key("k")));
    }
}

/// The lock files were deleted with the folder: a lock on what nobody can open any more would keep nobody away.
#[test]
fn claims_still_keep_others_away_after_the_folder_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let one = open_index(&root);
    drop(granted(&one, &key("k")));
    fs::remove_dir_all(&root).unwrap();
    let _hold = granted(&one, &key("k"));
    let two = open_index(&root);
    assert!(matches!(claim(&two, &key("k")), KeyClaim::Taken { .. }));
}

#[test]
fn an_index_deleted_under_the_store_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open_index(folder.path()), open_index(folder.path())];
    for round in 0..3 {
        one.begin_run();
        put(&one, &key("k"), &lasting(&value(round)));
        put(&one, &key("large"), &lasting(&large(round as u64)));
        flush(&one);
        assert_eq!(get(&two, &key("k")), Lookup::Found(lasting(&value(round))));
        fs::remove_file(index(folder.path())).unwrap();
        if round == 1 {
            for rest in ["-wal", "-shm"] {
                fs::remove_file(format!("{}{rest}", index(folder.path()).display())).unwrap();
            }
        }
        for store in [&one, &two] {
            assert_eq!(get(store, &key("k")), Lookup::Absent, "round {round}");
        }
        put(&two, &key("after"), &lasting(b"value"));
        flush(&two);
        assert!(get(&one, &key("after")).found().is_some(), "round {round}");
    }
    assert!(one.notices().is_empty() && two.notices().is_empty(), "deleting is nobody's fault");
}

#[test]
fn a_folder_deleted_under_the_store_is_made_again_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let store = open_index(&root);
    for round in 0..3 {
        store.begin_run();
        for value in [value(round), large(round as u64)] {
            put(&store, &key("k"), &lasting(&value));
            assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(&value)));
        }
        flush(&store);
        assert!(root.join("CACHEDIR.TAG").exists());
        assert_eq!(
            get(&open_index(&root), &key("k")),
            Lookup::Found(lasting(&large(round as u64)))
        );
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(get(&store, &key("k")), Lookup::Absent);
        assert!(!root.exists(), "a look-up makes nothing");
    }
}

#[test]
fn a_folder_deleted_while_rows_wait_is_made_again_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let store = filled(&root, 3);
    for round in 0..5 {
        put(&store, &numbered(round), &lasting(&value(round)));
        fs::remove_dir_all(&root).unwrap();
        put(&store, &numbered(round + 1), &lasting(&value(round + 1)));
        flush(&store);
        assert!(get(&open_index(&root), &numbered(round + 1)).found().is_some());
    }
}

#[test]
fn an_index_replaced_by_garbage_a_folder_or_a_link_is_moved_aside_with_a_notice() {
    type Replace = fn(&Path, &Path);
    let replacements: [(&str, Replace); 5] = [
        ("garbage", |index, _| fs::write(index, bytes(1, 50_000)).unwrap()),
        ("text", |index, _| fs::write(index, "not an index at all").unwrap()),
        ("a folder", |index, _| fs::create_dir_all(index.join("inner")).unwrap()),
        ("another program's tables", |index, _| {
            let theirs = rusqlite::Connection::open(index).unwrap();
            theirs
                .execute_batch("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('x')")
                .unwrap();
        }),
        ("a link", |index, elsewhere| {
            #[cfg(unix)]
            std::os::unix::fs::symlink(elsewhere, index).unwrap();
            #[cfg(not(unix))]
            fs::create_dir(index).unwrap_or_else(|_| panic!("{}", elsewhere.display()));
        }),
    ];
    for (what, replace) in replacements {
        for is_open in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("cache");
            let elsewhere = folder.path().join("elsewhere");
            fs::write(&elsewhere, b"precious").unwrap();
            let mut store = filled(&root, 10);
            settle(&root);
            if !is_open {
                store = open_after(store, &root);
            }
            fs::remove_file(index(&root)).unwrap();
            replace(&index(&root), &elsewhere);
            assert!(!matches!(get(&store, &numbered(1)), Lookup::Found(_)), "{what}");
            store.begin_run();
            put(&store, &key("after"), &lasting(b"value"));
            flush(&store);
            assert_eq!(get(&store, &key("after")), Lookup::Found(lasting(b"value")), "{what}");
            let notices = store.notices();
            assert_eq!(notices.len(), 1, "{what}: {notices:?}");
            assert!(notices[0].contains("v1/damaged"), "{what}: {notices:?}");
            assert!(root.join("v1/damaged/index.sqlite").symlink_metadata().is_ok(), "{what}");
            assert_eq!(fs::read(&elsewhere).unwrap(), b"precious", "{what}");
            assert!(store.verify().unwrap().is_sound(), "{what}");
        }
    }
}

#[test]
fn a_flipped_page_in_the_middle_costs_few_entries() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1_000));
    settle(folder.path());
    let pages = fs::metadata(index(folder.path())).unwrap().len() / 4096;
    assert!(pages > 50, "the index has {pages} pages");
    let whole = fs::read(index(folder.path())).unwrap();
    let mut lost = Vec::new();
    for page in (pages / 4..pages * 3 / 4).step_by(7) {
        let mut damaged = whole.clone();
        let start = page as usize * 4096;
        damaged[start..start + 4096].copy_from_slice(&bytes(page, 4096));
        fs::write(index(folder.path()), &damaged).unwrap();
        for rest in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{rest}", index(folder.path()).display()));
        }
        let store = open_index(folder.path());
        // Whoever meets the damage has it mended.
        let _ = store.verify().unwrap().repair().unwrap();
        let kept = readable(&store, 1_000);
        assert!(kept >= 950, "{kept} of 1,000 entries are left without page {page}");
        lost.push(1_000 - kept);
        assert!(store.verify().unwrap().is_sound());
    }
    assert!(lost.iter().any(|lost| *lost > 0), "some pages had entries");
}

/// Salvage puts the sound entries back: they are what `clear` is asked to remove.
#[test]
fn clear_and_remove_of_a_damaged_index_leave_nothing_of_what_was_to_go() {
    for is_clear in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path(), 500));
        settle(folder.path());
        break_tree(folder.path());
        let store = open_index(folder.path());
        if is_clear {
            now(store.clear()).unwrap();
            assert_eq!(readable(&store, 500), 0);
        } else {
            now(store.remove(&numbered(3))).unwrap();
            assert_eq!(get(&store, &numbered(3)), Lookup::Absent);
            assert!(readable(&store, 500) > 400);
        }
        assert_eq!(store.notices().len(), 1);
    }
}

/// Overwrites the root page of the table that finds keys: no statement that writes gets past it.
fn break_tree(root: &Path) {
    let page = ask(root, "SELECT rootpage FROM sqlite_schema WHERE name = 'slot'") as usize;
    settle(root);
    let mut whole = fs::read(index(root)).unwrap();
    whole[(page - 1) * 4096..page * 4096].fill(0xee);
    fs::write(index(root), whole).unwrap();
}

#[test]
fn a_damaged_index_is_mended_by_the_look_up_that_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 500));
    settle(folder.path());
    break_tree(folder.path());
    let store = open_index(folder.path());
    assert_eq!(readable(&store, 500), 500, "the rows themselves are sound");
    let notices = store.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("500 entries of it have been saved"), "{notices:?}");
}

#[cfg(unix)]
#[test]
fn everything_in_the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("above/cache");
    let store = open_index(&root);
    let _hold = granted(&store, &key("k"));
    put(&store, &key("k"), &lasting(b"small"));
    put(&store, &key("large"), &lasting(&large(1)));
    flush(&store);
    let mut seen = 0;
    for name in tree(&root) {
        let path = root.join(&name);
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        let expected = match name.as_str() {
            // It says no more than that it is a cache.
            "CACHEDIR.TAG" => continue,
            name if name.ends_with('/') => 0o700,
            _ => 0o600,
        };
        assert_eq!(mode, expected, "{name}");
        seen += 1;
    }
    assert_eq!(root.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_ne!(root.parent().unwrap().metadata().unwrap().permissions().mode() & 0o055, 0);
    assert!(seen > 10 && root.join("v1/index.sqlite-wal").exists(), "{:?}", tree(&root));
}

#[test]
fn nothing_is_created_before_the_first_put() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(&folder.path().join("a/b/cache"));
    store.begin_run();
    assert_eq!(get(&store, &key("k")), Lookup::Absent);
    assert_eq!(head(&store, &key("k")), Lookup::Absent);
    assert_eq!(find(&store, &[key("k")]), [Lookup::Absent]);
    assert!(!now(store.remove(&key("k"))).unwrap());
    now(store.clear()).unwrap();
    assert_eq!(store.stats().unwrap().entries, 0);
    assert!(store.entries().list().unwrap().is_empty());
    assert!(store.verify().unwrap().is_sound());
    store.gc().unwrap();
    now(store.end_run(&RunReport { hits: 1, misses: 2, ..RunReport::default() })).unwrap();
    drop(store);
    assert!(tree(folder.path()).is_empty(), "{:?}", tree(folder.path()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_root_whose_name_is_not_unicode_works() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for open in [store_support::open, open_index] {
        let root = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9 100% ?x=#1"));
        let store = open(&root);
        put(&store, &key("k"), &lasting(b"small"));
        put(&store, &key("large"), &lasting(&large(1)));
        drop(store);
        let store = open(&root);
        assert!(get(&store, &key("k")).found().is_some());
        assert!(get(&store, &key("large")).found().is_some());
        assert!(store.verify().unwrap().is_sound());
        assert!(root.join("v1").is_dir());
    }
}

#[test]
fn many_threads_write_and_read_at_once_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [open_index(folder.path()), open_index(folder.path())];
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &stores[thread % 2];
            scope.spawn(move || {
                store.begin_run();
                for number in 0..200 {
                    let number = thread * 200 + number;
                    // Each tenth value is large, and equal to another thread's.
                    let value =
                        if number % 10 == 0 { large(number as u64 % 200) } else { value(number) };
                    put(store, &numbered(number), &lasting(&value));
                    assert_eq!(get(store, &numbered(number)), Lookup::Found(lasting(&value)));
                }
                flush(store);
            });
        }
    });
    drop(stores);
    let store = open_index(folder.path());
    for number in 0..1_600 {
        let value = if number % 10 == 0 { large(number as u64 % 200) } else { value(number) };
        assert_eq!(get(&store, &numbered(number)), Lookup::Found(lasting(&value)), "{number}");
    }
    assert_eq!(objects(folder.path()).len(), 20);
    assert_eq!(store.stats().unwrap().entries, 1_600);
    assert!(store.verify().unwrap().is_sound());
}

/// A reader that looked at the version before the tables were made, and at the tables afterwards, took a sound index for
/// another program's and moved it aside.
#[test]
fn many_make_and_read_a_new_index_at_once_and_nothing_is_lost() {
    for _ in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let stores: Vec<_> = (0..6).map(|_| open_index(folder.path())).collect();
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for (number, store) in stores.iter().enumerate() {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    for turn in 0..200 {
                        if number % 2 == 1 && turn == 20 {
                            put(store, &numbered(number), &lasting(&value(number)));
                            flush(store);
                        }
                        let lookup = get(store, &numbered(turn % 6));
                        assert!(!matches!(lookup, Lookup::Damaged(_)), "{lookup:?}");
                    }
                });
            }
        });
        for store in &stores {
            assert_eq!(readable(store, 6), 3);
            assert_eq!(store.notices(), Vec::<String>::new());
        }
    }
}

#[test]
fn the_last_of_many_puts_of_a_key_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for round in 0..200 {
        put(&store, &key("k"), &lasting(&value(round)));
        assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(&value(round))));
        if round % 17 == 0 {
            flush(&store);
        }
    }
    drop(store);
    assert_eq!(get(&open_index(folder.path()), &key("k")), Lookup::Found(lasting(&value(199))));
    assert_eq!(ask(folder.path(), "SELECT count(*) FROM entry"), 1);
}

/// A folder that cannot be written still answers; as root, who can write anything, there is nothing to see.
#[cfg(unix)]
#[test]
fn a_read_only_folder_still_answers() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    drop(filled(&root, 5));
    settle(&root);
    let set_modes = |file: u32, open: u32| {
        for name in tree(&root).into_iter().chain([String::new()]) {
            let mode = if name.is_empty() || name.ends_with('/') { open } else { file };
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set_modes(0o400, 0o500);
    let is_root = fs::write(root.join("probe"), b"").is_ok();
    if !is_root {
        let store = open_index(&root);
        assert_eq!(readable(&store, 5), 5);
        let error = now(store.put(&key("new"), &lasting(b"value")))
            .and_then(|_| now(store.end_run(&RunReport::default())));
        assert!(error.is_err_and(|error| error.to_string().contains("choose another folder")));
    }
    set_modes(0o600, 0o700);
}
