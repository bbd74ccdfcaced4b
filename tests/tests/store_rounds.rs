//! Many keys that are asked for at once: those whose rows lie side by side are read so, and the answers are those of asking one
//! by one.

mod index_support;
mod store_support;

use daglite::store::{CacheStore, Glimpse, Lookup};
use daglite::{Digest, FileStore};
use index_support::{flush, large, lasting, settle, sql};
use proptest::prelude::*;
use store_support::{head, key, now, open_index, put};

/// How many numbers there are; not all of them have an entry.
const NUMBERS: usize = 60;

fn numbered(number: usize) -> Digest {
    key(&number.to_string())
}

/// The value of entry `number` in its `version`: small, some too large to come along, some objects.
fn value(number: usize, version: u8) -> Vec<u8> {
    let length = [40, 90, 1_000, 3_000, 40][number % 5];
    match number % 11 {
        10 => large(number as u64 + 1_000 * u64::from(version)),
        _ => vec![version.wrapping_mul(60).wrapping_add(number as u8); length],
    }
}

fn put_version(store: &FileStore, number: usize, version: u8) {
    put(store, &numbered(number), &lasting(&value(number, version)));
}

/// Asks for all `numbers` at once, and compares with the version that each has.
fn check(store: &FileStore, numbers: &[usize], versions: &[Option<u8>]) {
    let keys: Vec<_> = numbers.iter().map(|number| numbered(*number)).collect();
    let found = now(store.find(&keys)).expect("the store can answer");
    assert_eq!(found.len(), keys.len());
    for (number, found) in numbers.iter().zip(found) {
        let whole = versions[*number].map(|version| lasting(&value(*number, version)));
        match (found, whole) {
            (Lookup::Found(Glimpse { meta, bytes }), Some(whole)) => {
                assert_eq!(meta, whole.meta, "the metadata of {number}");
                assert!(bytes.is_none_or(|bytes| bytes == whole.bytes), "the bytes of {number}");
                assert_eq!(head(store, &numbered(*number)), Lookup::Found(meta));
            }
            (Lookup::Absent, None) => {}
            (found, _) => panic!("{number} is answered with {found:?}"),
        }
    }
}

/// What is done with an entry after the first ones were put.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// It is put again, and written.
    Replaced,
    /// It is put again, and waits.
    Waits,
    /// It is removed.
    Removed,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_keys_in_any_order_are_answered_as_one_by_one(
        order in Just((0..NUMBERS).collect::<Vec<_>>()).prop_shuffle(),
        is_shuffled in any::<bool>(),
        count in 0..NUMBERS,
        changes in prop::collection::vec(
            (0..NUMBERS, prop_oneof![Just(Change::Replaced), Just(Change::Waits), Just(Change::Removed)]),
            0..10,
        ),
        asked in prop::collection::vec(0..NUMBERS, 0..80),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = open_index(folder.path());
        store.begin_run();
        let mut versions = vec![None; NUMBERS];
        for number in order.into_iter().take(count) {
            put_version(&store, number, 1);
            versions[number] = Some(1);
        }
        flush(&store);
        store.begin_run();
        for (number, change) in changes {
            match change {
                Change::Replaced | Change::Waits => {
                    put_version(&store, number, 2);
                    versions[number] = Some(2);
                    if let Change::Replaced = change {
                        flush(&store);
                        store.begin_run();
                    }
                }
                Change::Removed => {
                    now(store.remove(&numbered(number))).unwrap();
                    versions[number] = None;
                }
            }
        }
        check(&store, &asked, &versions);
        if !is_shuffled {
            check(&store, &(0..NUMBERS).collect::<Vec<_>>(), &versions);
        }
    }
}

#[test]
fn a_damaged_row_among_others_is_found_damaged_once_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    (0..NUMBERS).for_each(|number| put_version(&store, number, 1));
    flush(&store);
    drop(store);
    settle(folder.path());
    // A byte of the header, which the checksum covers, and one of the key.
    let connection = sql(folder.path());
    let flipped = "UPDATE entry SET bytes = CAST(substr(bytes, 1, ?2) || x'ff' || substr(bytes, ?2 + 2) AS BLOB) \
                   WHERE id = (SELECT id FROM entry ORDER BY id LIMIT 1 OFFSET ?1)";
    for (number, place) in [(20, 100), (30, 30)] {
        assert_eq!(connection.execute(flipped, [number, place]).unwrap(), 1);
    }
    drop(connection);
    let store = open_index(folder.path());
    let keys: Vec<_> = (0..NUMBERS).map(numbered).collect();
    let mut found = now(store.find(&keys)).unwrap();
    assert!(
        matches!(&found[20], Lookup::Damaged(why) if why.contains("checksum")),
        "{:?}",
        found[20]
    );
    // What says that it is of another key is no answer to this one.
    assert!(!matches!(found[30], Lookup::Found(_)), "{:?}", found[30]);
    for (number, found) in
        found.drain(..).enumerate().filter(|(number, _)| ![20, 30].contains(number))
    {
        assert!(matches!(found, Lookup::Found(_)), "{number} is answered with {found:?}");
    }
    assert_eq!(now(store.find(&keys)).unwrap()[20], Lookup::Absent, "it has been removed");
}
