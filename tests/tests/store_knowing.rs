//! What is in a store, for people: figures, lists, removing by what a list shows, and mending what is damaged.

mod index_support;
mod store_support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use daglite::clock::{Clock, Timestamp};
use daglite::store::{Artifact, CacheStore, Lookup, Problem, RunReport};
use daglite::{Digest, ErrorKind, FileStore, FileStoreLayout};
use index_support::{
    age, ask, bytes, eventually, flip, flush, index, large, lasting, object_of, objects, settle,
    sql,
};
use store_support::{entry_path, get, key, now, open_index, put};

const LAYOUTS: [FileStoreLayout; 2] = [FileStoreLayout::Index, FileStoreLayout::Files];
const HOUR: Duration = Duration::from_secs(3_600);

fn numbered(number: usize) -> Digest {
    key(&number.to_string())
}

/// An artifact of a task, computed at that time.
fn of_task(task: &str, created: u64, bytes: &[u8]) -> Artifact {
    let mut artifact = lasting(bytes);
    artifact.meta.task = task.to_owned();
    artifact.meta.created = Timestamp::from_millis(created);
    artifact
}

/// Calls `test` with a store of each layout in a fresh folder.
fn in_each_layout(test: impl Fn(&FileStore, &Path, FileStoreLayout)) {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        test(&FileStore::builder(&root).layout(layout).open().unwrap(), &root, layout);
    }
}

#[test]
fn stats_count_entries_bytes_and_tasks() {
    in_each_layout(|store, root, layout| {
        assert_eq!(store.stats().unwrap(), daglite::store::StoreStats::default());
        put(store, &numbered(0), &of_task("pipeline::load", 1, &large(1)));
        put(store, &numbered(1), &of_task("pipeline::load", 2, &large(1)));
        put(store, &numbered(2), &of_task("pipeline::fit", 3, b"four"));
        // Replaced: it counts once.
        put(store, &numbered(2), &of_task("pipeline::fit", 4, b"seven b"));
        let stats = store.stats().unwrap();
        assert_eq!(stats.entries, 3, "what waits counts too");
        let tasks: Vec<_> = stats
            .tasks
            .iter()
            .map(|(name, task)| (name.as_str(), task.entries, task.bytes))
            .collect();
        assert_eq!(tasks, [("pipeline::fit", 1, 7), ("pipeline::load", 2, 2 * 16_385)]);
        assert_eq!(stats.tasks["pipeline::load"].took, 2 * lasting(b"").meta.took);
        let values = match layout {
            FileStoreLayout::Files => 2 * 16_385 + 7,
            _ => 16_385 + 7,
        };
        assert!((values..values + 3 * 500).contains(&stats.bytes), "{} bytes", stats.bytes);
        flush(store);
        drop(FileStore::builder(root).layout(layout).open().unwrap());
        assert_eq!(
            store.stats().unwrap().bytes,
            stats.bytes,
            "they are the same once they are written"
        );
        now(store.clear()).unwrap();
        assert_eq!((store.stats().unwrap().entries, store.stats().unwrap().bytes), (0, 0));
    });
}

/// An object whose only user was replaced by an equal value counted twice.
#[test]
fn an_equal_value_put_again_counts_once() {
    in_each_layout(|store, _, _| {
        put(store, &key("k"), &lasting(&large(1)));
        flush(store);
        let bytes = store.stats().unwrap().bytes;
        for _ in 0..5 {
            put(store, &key("k"), &lasting(&large(1)));
            flush(store);
            assert_eq!(store.stats().unwrap().bytes, bytes);
        }
        assert!(store.verify().unwrap().is_sound());
    });
}

#[test]
fn stats_add_up_what_runs_report_over_all_processes() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let store = open_index(folder.path());
        put(&store, &numbered(0), &lasting(b"value"));
        for _ in 0..10 {
            store.begin_run();
            let report = RunReport {
                hits: 3,
                misses: 1,
                saved: Duration::from_millis(1_500),
                ..RunReport::default()
            };
            now(store.end_run(&report)).unwrap();
        }
        let stats = store.stats().unwrap();
        assert_eq!((stats.hits, stats.misses), (round * 30, round * 10));
        assert_eq!(stats.saved, Duration::from_secs(15) * round as u32);
        assert_eq!(stats.hit_rate(), Some(0.75));
    }
    let store = open_index(folder.path());
    now(store.clear()).unwrap();
    assert_eq!(store.stats().unwrap().hits, 90, "a clear forgets entries, not what was");
}

#[test]
fn stats_tell_what_was_evicted_and_what_had_expired() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hands) = Clock::manual();
    let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Index);
    let store = builder.max_entries(12).clock(clock.clone()).open().unwrap();
    for number in 0..10 {
        let mut artifact = lasting(&bytes(number as u64 + 1, 1_000));
        artifact.meta.expires = (number < 2).then(|| clock.now().after(HOUR));
        put(&store, &numbered(number), &artifact);
    }
    hands.advance(HOUR * 2);
    let bytes_before = store.stats().unwrap().bytes;
    let collected = store.gc().unwrap();
    // 10 were not above the high mark.
    assert_eq!((collected.expired, collected.evicted, collected.orphans), (2, 0, 0));
    for number in 10..13 {
        put(&store, &numbered(number), &lasting(&bytes(number as u64 + 1, 1_000)));
    }
    flush(&store);
    eventually("it is evicted", || store.stats().unwrap().evicted > 0);
    let stats = store.stats().unwrap();
    assert_eq!((stats.entries, stats.expired, stats.evicted), (8, 2, 3));
    assert!((3_000..5_000).contains(&stats.evicted_bytes), "{}", stats.evicted_bytes);
    assert!(stats.bytes.abs_diff(bytes_before / 10 * 8) < 100, "{} bytes", stats.bytes);
    assert!((2_000..4_000).contains(&collected.bytes), "{}", collected.bytes);
}

/// Six entries of two tasks, of two ages and three sizes; and a clock that shows when the youngest is an hour old.
fn six_entries(store: &FileStore) {
    for (number, (task, created, length)) in [
        ("pipeline::load", 1_000, 10),
        ("pipeline::load", 2_000, 20_000),
        ("pipeline::features", 1_500, 10),
        ("pipeline::features", 9_000_000, 300),
        ("other::features", 500, 20_000),
        ("pipeline::old_features", 9_000_000, 10),
    ]
    .into_iter()
    .enumerate()
    {
        put(store, &numbered(number), &of_task(task, created, &bytes(number as u64 + 1, length)));
    }
}

fn numbers(entries: Vec<daglite::store::EntryInfo>) -> Vec<usize> {
    let number = |key| (0..6).find(|&number| numbered(number) == key).unwrap();
    entries.into_iter().map(|entry| number(entry.key)).collect()
}

#[test]
fn entries_are_listed_oldest_first_by_each_filter_and_by_all_together() {
    in_each_layout(|_, root, layout| {
        let (clock, hands) = Clock::manual();
        hands.set(Timestamp::from_millis(9_000_000 + 3_600_000));
        let store = FileStore::builder(root).layout(layout).clock(clock).open().unwrap();
        assert!(store.entries().list().unwrap().is_empty());
        six_entries(&store);
        let list = |entries: daglite::store::Entries<'_>| numbers(entries.list().unwrap());
        let all = list(store.entries());
        assert_eq!(all[..4], [4, 0, 2, 1]);
        assert_eq!(BTreeSet::from_iter(all[4..].iter().copied()), BTreeSet::from([3, 5]));
        assert_eq!(list(store.entries().task("pipeline::features")), [2, 3]);
        assert_eq!(
            list(store.entries().task("features")),
            [4, 2, 3],
            "the end of its path, by whole parts"
        );
        assert!(list(store.entries().task("eatures")).is_empty());
        assert!(list(store.entries().task("pipeline")).is_empty());
        assert_eq!(
            list(store.entries().older_than(HOUR)),
            [4, 0, 2, 1],
            "an hour is not older than an hour"
        );
        assert_eq!(
            list(store.entries().larger_than(300)),
            [4, 1],
            "300 bytes are not more than 300"
        );
        assert_eq!(list(store.entries().larger_than("299 B")), [4, 1, 3]);
        assert_eq!(list(store.entries().task("features").larger_than(100)), [4, 3]);
        assert_eq!(list(store.entries().task("features").larger_than(100).older_than(HOUR)), [4]);
        hands.set(Timestamp::from_millis(0));
        assert!(
            list(store.entries().older_than(Duration::ZERO)).is_empty(),
            "from the future: no age"
        );
        let error = store.entries().larger_than("10 apples").list().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = store.entries().larger_than("10 apples").clear().unwrap_err();
        assert!(error.to_string().contains("10 apples"));
        let info = store.entries().task("load").larger_than(10).list().unwrap().remove(0);
        assert_eq!(info.meta, of_task("pipeline::load", 2_000, &bytes(2, 20_000)).meta);
        assert!((20_000..20_600).contains(&info.on_disk), "{}", info.on_disk);
    });
}

#[test]
fn entries_are_cleared_by_the_same_filters() {
    in_each_layout(|_, root, layout| {
        let (clock, hands) = Clock::manual();
        hands.set(Timestamp::from_millis(9_000_000 + 3_600_000));
        let store = FileStore::builder(root).layout(layout).clock(clock).open().unwrap();
        six_entries(&store);
        let mut left: BTreeSet<usize> = (0..6).collect();
        let mut gone = |removed: u64, numbers: &[usize], what: &str| {
            assert_eq!(removed, numbers.len() as u64, "{layout:?}, {what}");
            left.retain(|number| !numbers.contains(number));
            let found: BTreeSet<_> =
                (0..6).filter(|&number| get(&store, &numbered(number)).found().is_some()).collect();
            assert_eq!(found, left, "{layout:?}, {what}");
            assert_eq!(store.stats().unwrap().entries, left.len() as u64);
        };
        gone(store.entries().task("nobody").clear().unwrap(), &[], "a task without entries");
        gone(store.entries().task("load").larger_than(10).clear().unwrap(), &[1], "task and size");
        gone(
            store.entries().older_than(HOUR).task("features").clear().unwrap(),
            &[4, 2],
            "task and age",
        );
        gone(store.entries().task("pipeline::old_features").clear().unwrap(), &[5], "a task");
        gone(store.entries().older_than(HOUR).clear().unwrap(), &[0], "an age");
        gone(store.entries().clear().unwrap(), &[3], "all");
        gone(store.entries().clear().unwrap(), &[], "all of nothing");
        assert!(objects(root).is_empty());
        assert!(store.verify().unwrap().is_sound());
    });
}

#[test]
fn more_entries_than_one_step_removes_are_cleared() {
    in_each_layout(|store, _, _| {
        for number in 0..1_203 {
            put(store, &numbered(number), &of_task(["a", "b"][number % 2], 1, b"value"));
        }
        assert_eq!(store.entries().task("b").clear().unwrap(), 601);
        assert_eq!(store.entries().list().unwrap().len(), 602);
    });
}

#[test]
fn gc_removes_objects_that_nobody_needs_when_they_are_an_hour_old() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    put(&store, &key("needed"), &lasting(&large(1)));
    flush(&store);
    let orphans: Vec<_> = (2..5).map(|seed| object_of(folder.path(), &large(seed))).collect();
    for (seed, path) in (2..5).zip(&orphans) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, large(seed)).unwrap();
    }
    age(&orphans[0], HOUR * 2);
    age(&orphans[1], HOUR + Duration::from_secs(1));
    age(&orphans[2], HOUR - Duration::from_secs(60));
    age(&object_of(folder.path(), &large(1)), HOUR * 50);
    let problems = store.verify().unwrap().problems().len();
    assert_eq!(problems, 2, "a young one may be another process's, whose row is on its way");
    assert_eq!(store.gc().unwrap().orphans, 2);
    assert_eq!(orphans.iter().map(|path| path.exists()).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(get(&store, &key("needed")), Lookup::Found(lasting(&large(1))));
    assert_eq!(store.gc().unwrap().orphans, 0);
}

#[test]
fn gc_gives_free_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for number in 0..300 {
        put(&store, &numbered(number), &lasting(&bytes(number as u64 + 1, 10_000)));
    }
    flush(&store);
    store.gc().unwrap();
    let full = fs::metadata(index(folder.path())).unwrap().len();
    assert!(full > 3_000_000, "{full}");
    for number in 0..290 {
        now(store.remove(&numbered(number))).unwrap();
    }
    store.gc().unwrap();
    let now = fs::metadata(index(folder.path())).unwrap().len();
    assert!(now < full / 10, "{now} of {full} bytes are left for 10 of 300 entries");
}

#[test]
fn everything_can_be_asked_while_another_handle_writes() {
    in_each_layout(|store, root, layout| {
        let writer = FileStore::builder(root).layout(layout).open().unwrap();
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for number in 0..400 {
                    let value = if number % 20 == 0 {
                        large(number as u64)
                    } else {
                        bytes(number as u64 + 1, 50)
                    };
                    put(&writer, &numbered(number), &of_task("pipeline::load", 1, &value));
                    if number % 50 == 0 {
                        flush(&writer);
                    }
                }
            });
            while !writing.is_finished() {
                let stats = store.stats().unwrap();
                assert!(stats.entries <= 400);
                for entry in store.entries().task("load").list().unwrap() {
                    assert_eq!(entry.meta.task, "pipeline::load");
                }
                store.gc().unwrap();
                let verification = store.verify().unwrap();
                assert_eq!(verification.problems(), []);
            }
        });
        flush(&writer);
        assert_eq!(store.stats().unwrap().entries, 400);
        assert_eq!(store.verify().unwrap().entries(), 400);
    });
}

#[test]
fn a_sound_store_is_sound() {
    in_each_layout(|store, root, layout| {
        for number in 0..50 {
            put(store, &numbered(number), &lasting(&bytes(number as u64 % 7, number * 100)));
        }
        for number in 50..60 {
            put(store, &numbered(number), &lasting(&large(number as u64 % 3)));
        }
        now(store.remove(&numbered(55))).unwrap();
        put(store, &numbered(56), &lasting(b"small now"));
        put(store, &numbered(57), &lasting(&large(77)));
        let verification = store.verify().unwrap();
        assert_eq!((verification.entries(), verification.problems()), (59, &[][..]));
        assert_eq!(verification.repair().unwrap(), 0);
        let again = FileStore::builder(root).layout(layout).open().unwrap();
        assert!(again.verify().unwrap().is_sound());
    });
}

/// A store of 40 entries, every fourth of them an object and some of these shared; its folder; settled in its files.
fn forty() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_index(folder.path());
    for number in 0..40 {
        put(&store, &numbered(number), &lasting(&value(number)));
    }
    flush(&store);
    drop(store);
    settle(folder.path());
    let store = open_index(folder.path());
    (folder, store)
}

/// The value of an entry of [`forty`].
fn value(number: usize) -> Vec<u8> {
    // 0 and 20 share an object, 4 and 24 too, and so on.
    if number.is_multiple_of(4) { large(number as u64 % 20) } else { bytes(number as u64 + 1, 200) }
}

/// Damages a store with `damage`, and expects `verify` to find that many problems, one of which says `what`; `repair` to
/// mend them; and all entries but `lost` to be there afterwards.
fn found_and_mended(what: &str, problems: usize, lost: &[usize], damage: impl FnOnce(&Path)) {
    let (folder, store) = forty();
    assert!(store.verify().unwrap().is_sound());
    damage(folder.path());
    let verification = store.verify().unwrap();
    let found: &[Problem] = verification.problems();
    assert_eq!(found.len(), problems, "{what}: {found:#?}");
    assert!(found.iter().any(|problem| problem.what.contains(what)), "{what}: {found:#?}");
    let again = store.verify().unwrap();
    assert_eq!(again.problems().len(), found.len(), "a look changes nothing");
    assert_eq!(verification.repair().unwrap(), problems as u64);
    let verification = store.verify().unwrap();
    assert_eq!(verification.problems(), [], "{what}: after the repair");
    assert_eq!(verification.entries(), 40 - lost.len() as u64, "{what}");
    for number in 0..40 {
        let expected = if lost.contains(&number) {
            Lookup::Absent
        } else {
            Lookup::Found(lasting(&value(number)))
        };
        assert!(get(&store, &numbered(number)) == expected, "{what}: {number}");
        put(&store, &numbered(number), &lasting(&value(number)));
    }
    flush(&store);
    assert_eq!(store.verify().unwrap().problems(), [], "{what}: as good as new");
    assert_eq!(store.stats().unwrap().entries, 40);
}

/// Runs a statement that changes one row at least.
fn change(root: &Path, statement: &str, key: &Digest) {
    let index = sql(root);
    let id: i64 = index
        .query_row(
            "SELECT id FROM entry WHERE instr(bytes, ?1)",
            [key.as_bytes().as_slice()],
            |row| row.get(0),
        )
        .unwrap();
    let statement = statement.replace("?1", &id.to_string());
    assert!(index.execute(&statement, []).unwrap() > 0, "{statement}");
}

#[test]
fn a_damaged_row_is_found_and_mended() {
    let flip = "UPDATE entry SET bytes = CAST(substr(bytes, 1, 99) || x'ee' || substr(bytes, 101) AS BLOB) WHERE id = ?1";
    found_and_mended("checksum", 1, &[7], |root| change(root, flip, &numbered(7)));
    let flip = "UPDATE entry SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'ee' AS BLOB) WHERE id = ?1";
    found_and_mended("does not match its digest", 1, &[7], |root| change(root, flip, &numbered(7)));
    let cut = "UPDATE entry SET bytes = substr(bytes, 1, 60) WHERE id = ?1";
    found_and_mended("truncated", 1, &[7], |root| change(root, cut, &numbered(7)));
    found_and_mended("empty", 1, &[7], |root| {
        change(root, "UPDATE entry SET bytes = x'' WHERE id = ?1", &numbered(7));
    });
    found_and_mended("missing", 1, &[8], |root| {
        change(root, "UPDATE entry SET kind = 0 WHERE id = ?1", &numbered(8));
    });
}

/// The row is sound: all that is wrong is that nothing leads to it.
#[test]
fn a_slot_that_is_gone_or_leads_elsewhere_is_found_and_mended_and_the_entry_stays() {
    found_and_mended("cannot be found by its key", 2, &[], |root| {
        change(root, "DELETE FROM slot WHERE entry = ?1", &numbered(7));
    });
    found_and_mended("cannot be found by its key", 1, &[], |root| {
        change(root, "UPDATE slot SET entry = 4711 WHERE entry = ?1", &numbered(7));
    });
    found_and_mended("cannot be found by its key", 1, &[], |root| {
        change(root, "UPDATE entry SET slot = slot + 1 WHERE id = ?1", &numbered(8));
    });
    found_and_mended("can be found", 1, &[], |root| {
        sql(root).execute("INSERT INTO slot VALUES (4711, 4711)", []).unwrap();
    });
}

#[test]
fn a_damaged_object_is_found_and_mended() {
    // 0 and 20 share the object.
    found_and_mended("is gone", 2, &[0, 20], |root| {
        fs::remove_file(object_of(root, &value(0))).unwrap()
    });
    found_and_mended("digest", 2, &[0, 20], |root| flip(&object_of(root, &value(0)), 77));
    found_and_mended("100 of 16385 bytes", 2, &[0, 20], |root| {
        fs::write(object_of(root, &value(0)), [0; 100]).unwrap();
    });
    found_and_mended("not a file", 2, &[0, 20], |root| {
        fs::remove_file(object_of(root, &value(0))).unwrap();
        fs::create_dir_all(object_of(root, &value(0)).join("inner")).unwrap();
    });
    found_and_mended("no entry needs the object", 1, &[], |root| {
        let path = object_of(root, &large(99));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, large(99)).unwrap();
        age(&path, HOUR * 2);
    });
}

#[test]
fn wrong_counts_are_found_and_mended() {
    for (what, statement) in [
        ("counted", "UPDATE state SET entries = 3"),
        ("bytes", "UPDATE state SET bytes = 9000000000000"),
        ("bytes", "UPDATE state SET bytes = 0"),
        ("the number of the next entry", "UPDATE state SET next = 2"),
        ("object", "UPDATE object SET uses = uses + 1 WHERE name = (SELECT min(name) FROM object)"),
        ("object", "UPDATE object SET uses = 1 WHERE name = (SELECT min(name) FROM object)"),
        ("object", "DELETE FROM object WHERE name = (SELECT min(name) FROM object)"),
        ("object", "INSERT INTO object VALUES ('unknown', 1, 0)"),
    ] {
        found_and_mended(what, 1, &[], |root| {
            assert_eq!(sql(root).execute(statement, []).unwrap(), 1, "{statement}");
        });
    }
}

#[test]
fn a_broken_index_is_found_and_mended() {
    found_and_mended("the index is damaged", 1, &[], |root| {
        let page = ask(root, "SELECT rootpage FROM sqlite_schema WHERE name = 'slot'") as usize;
        settle(root);
        let mut whole = fs::read(index(root)).unwrap();
        whole[(page - 1) * 4096..page * 4096].fill(0x55);
        fs::write(index(root), whole).unwrap();
    });
    let all: Vec<_> = (0..40).collect();
    found_and_mended("the index is damaged", 1, &all, |root| {
        fs::write(index(root), bytes(1, 30_000)).unwrap()
    });
    found_and_mended("the index is damaged", 1, &[], |root| {
        sql(root).execute_batch("DROP TABLE state").unwrap();
    });
}

#[test]
fn what_is_damaged_in_the_plain_layout_is_found_and_mended() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("digest", |path| flip(path, fs::metadata(path).unwrap().len() as usize - 1)),
        ("checksum", |path| flip(path, 100)),
        ("truncated", |path| fs::write(path, &fs::read(path).unwrap()[..70]).unwrap()),
        ("empty", |path| fs::write(path, b"").unwrap()),
        ("not a file", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir_all(path.join("inner")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let store = store_support::open(folder.path());
        for number in 0..40 {
            put(&store, &numbered(number), &lasting(&value(number)));
        }
        damage(&entry_path(folder.path(), &numbered(7)));
        let verification = store.verify().unwrap();
        let [problem] = verification.problems() else { panic!("{:?}", verification.problems()) };
        assert_eq!(problem.key, Some(numbered(7)));
        assert!(problem.what.contains(what), "{what}: {problem:?}");
        assert_eq!(verification.repair().unwrap(), 1);
        let verification = store.verify().unwrap();
        assert_eq!((verification.entries(), verification.problems()), (39, &[][..]));
        assert_eq!(get(&store, &numbered(7)), Lookup::Absent);
    }
}

#[test]
fn a_problem_names_the_entry_if_it_is_known() {
    let (folder, store) = forty();
    fs::remove_file(object_of(folder.path(), &value(4))).unwrap();
    let verification = store.verify().unwrap();
    let keys: BTreeSet<_> = verification.problems().iter().map(|problem| problem.key).collect();
    assert_eq!(keys, BTreeSet::from([Some(numbered(4)), Some(numbered(24))]));
}
