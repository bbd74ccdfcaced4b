//! Numbers that an index cannot have by itself, found by fuzzing: the store goes on, and mends them.

mod index_support;
mod store_support;

use std::path::Path;

use daglite::store::CacheStore;
use daglite::{Eviction, FileStore, FileStoreLayout};
use index_support::{ask, flip, flush, index, large, lasting, settle, sql};
use store_support::{get, key, now, open_index, put};

/// A folder with three entries.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_index(folder.path());
    for name in ["one", "two", "three"] {
        put(&store, &key(name), &lasting(name.as_bytes()));
    }
    drop(store);
    folder
}

/// Changes the index at `root`.
fn change(root: &Path, change: &str) {
    sql(root).execute_batch(change).expect("the change is right");
}

/// The values that are found of the three.
fn found(store: &FileStore) -> Vec<Vec<u8>> {
    let names = ["one", "two", "three"];
    names
        .iter()
        .filter_map(|name| get(store, &key(name)).found())
        .map(|found| found.bytes)
        .collect()
}

#[test]
fn an_index_without_numbers_for_its_next_entries_is_made_anew_with_all_it_had() {
    for damage in [
        "UPDATE state SET next = 9223372036854775807",
        "UPDATE state SET next = 0",
        "UPDATE state SET next = -7",
        "UPDATE entry SET id = 9223372036854775807 WHERE id = 2; \
         UPDATE slot SET entry = 9223372036854775807 WHERE entry = 2; \
         UPDATE state SET next = 9223372036854775807",
    ] {
        let folder = filled();
        change(folder.path(), damage);
        let store = open_index(folder.path());
        put(&store, &key("four"), &lasting(b"four"));
        put(&store, &key("five"), &lasting(b"five"));
        flush(&store);
        assert_eq!(found(&store).len(), 3, "{damage}");
        assert!(get(&store, &key("five")).found().is_some(), "{damage}");
        let numbers = (
            ask(folder.path(), "SELECT min(id) > 0 AND max(id) < 100 FROM entry"),
            ask(folder.path(), "SELECT next > (SELECT max(id) FROM entry) FROM state"),
        );
        assert_eq!(numbers, (1, 1), "{damage}");
        assert!(store.verify().unwrap().is_sound(), "{damage}");
    }
}

#[test]
fn repair_mends_a_number_that_no_entry_can_follow() {
    let damage = "UPDATE entry SET id = 9223372036854775807 WHERE id = 2; \
                  UPDATE slot SET entry = 9223372036854775807 WHERE entry = 2";
    let folder = filled();
    change(folder.path(), damage);
    let store = open_index(folder.path());
    let verification = store.verify().unwrap();
    assert!(!verification.is_sound());
    verification.repair().unwrap();
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(found(&store).len(), 3);
}

#[test]
fn absurd_sizes_are_put_right_when_an_index_is_made_anew_or_repaired() {
    let folder = filled();
    let store = open_index(folder.path());
    for seed in 0..3 {
        put(&store, &key(&format!("large {seed}")), &lasting(&large(seed)));
    }
    drop(store);
    let bytes = ask(folder.path(), "SELECT bytes FROM state");
    for damage in ["UPDATE state SET next = 0", "UPDATE object SET size = -1"] {
        change(folder.path(), "UPDATE entry SET size = 9223372036854775807");
        change(folder.path(), damage);
        let store = open_index(folder.path());
        let verification = store.verify().unwrap();
        assert!(!verification.is_sound(), "{damage}");
        verification.repair().unwrap();
        assert!(store.verify().unwrap().is_sound(), "{damage}");
        assert_eq!(ask(folder.path(), "SELECT bytes FROM state"), bytes, "{damage}");
        assert_eq!(ask(folder.path(), "SELECT max(size) FROM entry"), 16_385, "{damage}");
        assert_eq!(found(&store).len(), 3, "{damage}");
    }
}

#[test]
fn absurd_sizes_are_counted_and_evicted_without_an_overflow() {
    for policy in [Eviction::Lru, Eviction::Lfu, Eviction::LargestFirst, Eviction::OldestFirst] {
        let folder = filled();
        change(
            folder.path(),
            "UPDATE entry SET size = 9223372036854775807; \
             UPDATE state SET bytes = 9223372036854775807, evicted_bytes = 9223372036854775807, \
             hits = 9223372036854775807, misses = 9223372036854775807, saved = 9223372036854775807",
        );
        let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Index);
        let store = builder.eviction(policy).max_entries(3).max_size(100_000).open().unwrap();
        assert_eq!(store.stats().unwrap().hit_rate(), Some(0.5));
        put(&store, &key("four"), &lasting(b"four"));
        flush(&store);
        store.gc().unwrap();
        store.verify().unwrap().repair().unwrap();
        assert!(store.verify().unwrap().is_sound(), "{policy}");
    }
}

/// A store sums up what it has evicted since it was opened.
#[test]
fn absurd_sizes_are_evicted_again_and_again_without_an_overflow() {
    let folder = filled();
    let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Index);
    let store = builder.max_size(100_000).open().unwrap();
    for seed in 0..4 {
        put(&store, &key("large"), &lasting(&large(seed)));
        flush(&store);
        change(
            folder.path(),
            "UPDATE object SET size = 9223372036854775807; \
             UPDATE state SET bytes = 9223372036854775807",
        );
        put(&store, &key("small"), &lasting(b"small"));
        flush(&store);
        assert!(get(&store, &key("large")).found().is_none(), "round {seed} evicts");
    }
    assert!(store.verify().unwrap().repair().is_ok());
}

#[test]
fn a_count_that_is_far_too_high_does_not_make_the_cache_useless() {
    for damage in [
        "UPDATE state SET bytes = 9223372036854775807",
        "UPDATE state SET entries = 9223372036854775807",
    ] {
        let folder = filled();
        change(folder.path(), damage);
        for round in ["four", "five"] {
            let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Index);
            let store = builder.max_entries(1_000).open().unwrap();
            store.begin_run();
            put(&store, &key(round), &lasting(round.as_bytes()));
            flush(&store);
            now(store.find(&[key(round)])).unwrap();
        }
        // The first run has evicted all there was, and counted anew: what is put from then on stays.
        assert!(get(&open_index(folder.path()), &key("five")).found().is_some(), "{damage}");
    }
}

/// Twice as many entries as were counted do not fit into a number: a panic where overflows are looked for.
#[test]
fn uses_are_put_together_however_many_entries_are_counted() {
    let folder = filled();
    // More rows of uses than there may be; of no uses, each.
    change(
        folder.path(),
        "UPDATE state SET entries = 9223372036854775807; \
         WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 20) \
         INSERT INTO touch (bytes) SELECT x'00' FROM counted",
    );
    let store = open_index(folder.path());
    store.begin_run();
    assert_eq!(found(&store).len(), 3);
    put(&store, &key("four"), &lasting(b"four"));
    flush(&store);
    assert_eq!(ask(folder.path(), "SELECT count(*) FROM touch"), 1);
    assert_eq!(found(&store).len(), 3);
}

#[test]
fn an_index_whose_header_forbids_writing_is_made_anew_with_all_it_had() {
    let folder = filled();
    settle(folder.path());
    // The version of the file format that a program must know to write it.
    flip(&index(folder.path()), 18);
    let store = open_index(folder.path());
    assert_eq!(found(&store).len(), 3);
    put(&store, &key("four"), &lasting(b"four"));
    flush(&store);
    assert_eq!(found(&store).len(), 3);
    assert!(get(&store, &key("four")).found().is_some());
    assert!(
        store.notices().iter().any(|notice| notice.contains("3 entries of it have been saved"))
    );
}
