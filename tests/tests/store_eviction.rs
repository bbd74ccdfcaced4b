//! A store keeps within its limits: what goes first, what may not go, and what is not taken in.

mod index_support;
mod store_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use daglite::clock::{Clock, Timestamp};
use daglite::store::{Artifact, CacheStore, FileStoreBuilder, Lookup, Put, RunReport};
use daglite::{Digest, Eviction, FileStore, FileStoreLayout};
use index_support::{
    IN_PLACE, age, ask, bytes, eventually, flush, large, lasting, object_of, objects, sql, try_put,
};
use proptest::prelude::*;
use store_support::{entry_path, get, key, now, put};

/// What a row costs beside its bytes.
const ROW_OVERHEAD: u64 = 60;
const POLICIES: [Eviction; 4] =
    [Eviction::Lru, Eviction::Lfu, Eviction::LargestFirst, Eviction::OldestFirst];

fn numbered(number: usize) -> Digest {
    key(&number.to_string())
}

/// An index that is to be limited.
fn limited(root: &Path) -> FileStoreBuilder {
    FileStore::builder(root).layout(FileStoreLayout::Index)
}

/// Which of the keys `0..count` are there.
fn there(store: &FileStore, count: usize) -> BTreeSet<usize> {
    let listed: BTreeSet<_> =
        store.entries().list().unwrap().into_iter().map(|entry| entry.key).collect();
    (0..count).filter(|&number| listed.contains(&numbered(number))).collect()
}

/// Uses entries in a run of their own.
fn use_in_a_run(store: &FileStore, keys: impl IntoIterator<Item = usize>) {
    store.begin_run();
    for number in keys {
        let _ = get(store, &numbered(number));
    }
    flush(store);
}

/// Waits until an eviction that the writing thread has begun is over.
fn until_within(store: &FileStore, max_size: u64, max_entries: u64) {
    let mark = |limit: u64| ((limit as f64 * 0.9) as u64).max(1);
    eventually("the store is within its limits", || {
        let stats = store.stats().unwrap();
        stats.bytes <= mark(max_size) && stats.entries <= mark(max_entries)
    });
}

/// How many bytes come before the value in a row of [`lasting`].
static HEAD: LazyLock<u64> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    drop(put_one(&limited(folder.path()).open().unwrap(), 0, &[7; 100]));
    ask(folder.path(), "SELECT length(bytes) FROM entry").cast_unsigned() - 100
});

/// Where the keys of a model lie in the index.
static SLOTS: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let slot_of = |number| {
        let folder = tempfile::tempdir().unwrap();
        put_one(&limited(folder.path()).open().unwrap(), number, b"value");
        ask(folder.path(), "SELECT slot FROM entry")
    };
    (0..KEYS).map(slot_of).collect()
});

fn put_one(store: &FileStore, number: usize, value: &[u8]) -> Put {
    let kept = try_put(store, &numbered(number), &lasting(value));
    flush(store);
    kept
}

/// How many keys a model has.
const KEYS: usize = 14;

/// What a model knows of an entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The number of its put.
    put: u64,
    /// How many bytes it takes, with its object.
    bytes: u64,
    /// Its object, which others may share, and how many bytes that takes.
    object: Option<(u64, u64)>,
    /// How many runs used it since it was first there.
    uses: u64,
    /// The number of the put that came next after its last use.
    used_before: u64,
}

/// What a store should do.
struct Model {
    policy: Eviction,
    max_size: u64,
    max_entries: u64,
    entries: BTreeMap<usize, Entry>,
    puts: u64,
    evicted: u64,
}

impl Model {
    fn put(&mut self, number: usize, length: usize, content: u64) {
        self.puts += 1;
        let before = self.entries.get(&number);
        let entry = Entry {
            put: self.puts,
            bytes: length as u64 + *HEAD + ROW_OVERHEAD,
            object: (length > IN_PLACE).then_some((content, length as u64)),
            uses: before.map_or(0, |entry| entry.uses),
            used_before: before.map_or(0, |entry| entry.used_before),
        };
        self.entries.insert(number, entry);
        self.evict();
    }

    fn use_in_a_run(&mut self, keys: &BTreeSet<usize>) {
        let next = self.puts + 1;
        for number in keys {
            if let Some(entry) = self.entries.get_mut(number) {
                entry.uses += 1;
                entry.used_before = next;
            }
        }
    }

    fn totals(&self) -> (u64, u64) {
        let objects: BTreeSet<_> = self.entries.values().filter_map(|entry| entry.object).collect();
        let own = |entry: &Entry| entry.bytes - entry.object.map_or(0, |(_, bytes)| bytes);
        let bytes = self.entries.values().map(own).sum::<u64>()
            + objects.iter().map(|(_, bytes)| bytes).sum::<u64>();
        (bytes, self.entries.len() as u64)
    }

    /// How many bytes and entries are above that part of the limits.
    fn excess(&self, part: f64) -> (u64, u64) {
        let (bytes, entries) = self.totals();
        let above = |is: u64, limit: u64| is.saturating_sub((limit as f64 * part) as u64);
        (above(bytes, self.max_size), above(entries, self.max_entries))
    }

    fn evict(&mut self) {
        if self.excess(0.9) == (0, 0) {
            return;
        }
        let mut order: Vec<_> = self.entries.keys().copied().collect();
        order.sort_by_key(|number| self.rank(*number));
        for number in order {
            if self.excess(0.7) == (0, 0) {
                break;
            }
            self.entries.remove(&number);
            self.evicted += 1;
        }
    }

    /// What is least goes first.
    fn rank(&self, number: usize) -> (u64, u64, i64) {
        let entry = self.entries[&number];
        let slot = SLOTS[number];
        match self.policy {
            // A use comes before the put that came next; equals go by their place in the index.
            Eviction::Lru if entry.used_before > entry.put => (entry.used_before, 0, slot),
            Eviction::Lru => (entry.put, 1, 0),
            Eviction::Lfu if entry.uses == 0 => (0, entry.put, 0),
            Eviction::Lfu => (entry.uses, entry.used_before, slot),
            Eviction::LargestFirst => (u64::MAX - entry.bytes, entry.put, 0),
            _ => (entry.put, 0, 0),
        }
    }
}

/// One step of a store's life.
#[derive(Clone, Debug)]
enum Step {
    /// A value of that length and content.
    Put(usize, usize, u64),
    Use(BTreeSet<usize>),
    Remove(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![
        4 => 1..2_000_usize,
        2 => 10_000..16_000_usize,
        // Few, so that keys share objects.
        2 => prop::sample::select(vec![17_000, 25_000]),
    ];
    let step = prop_oneof![
        8 => (0..KEYS, length, 1..4_u64)
            .prop_map(|(number, length, content)| Step::Put(number, length, content)),
        4 => prop::collection::btree_set(0..KEYS, 1..5).prop_map(Step::Use),
        1 => (0..KEYS).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_is_what_each_policy_says(
        steps in steps(),
        policy in prop::sample::select(POLICIES.to_vec()),
        max_size in 60_000..150_000_u64,
        max_entries in 4..12_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            limited(folder.path()).max_size(max_size).max_entries(max_entries).eviction(policy).open().unwrap()
        };
        let mut store = open();
        let mut model =
            Model { policy, max_size, max_entries, entries: BTreeMap::new(), puts: 0, evicted: 0 };
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Put(number, length, content) => {
                    prop_assert_eq!(put_one(&store, *number, &bytes(*content, *length)), Put::Kept);
                    model.put(*number, *length, *content);
                    until_within(&store, max_size, max_entries);
                }
                Step::Use(keys) => {
                    use_in_a_run(&store, keys.iter().copied());
                    model.use_in_a_run(keys);
                }
                Step::Remove(number) => {
                    let was_there = now(store.remove(&numbered(*number))).unwrap();
                    // A removed entry that comes back is the same result again: it is known how it was used.
                    prop_assert_eq!(was_there, model.entries.contains_key(number));
                    model.entries.remove(number);
                    store.gc().unwrap();
                }
                Step::Reopen => {
                    drop(store);
                    store = open();
                }
            }
            let expected: BTreeSet<_> = model.entries.keys().copied().collect();
            prop_assert_eq!(there(&store, KEYS), expected, "after step {}, {:?}", at, step);
            let stats = store.stats().unwrap();
            prop_assert_eq!((stats.bytes, stats.entries), model.totals());
            prop_assert_eq!(stats.evicted, model.evicted);
        }
        prop_assert!(store.verify().unwrap().is_sound());
    }
}

#[test]
fn a_store_keeps_10_gib_unless_it_is_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).open().unwrap();
    put_one(&store, 0, b"value");
    let gib = |count: u64| (count * (1 << 30)).cast_signed();
    let grow = |bytes: i64| {
        sql(folder.path()).execute("UPDATE state SET bytes = ?1", [bytes]).unwrap();
    };
    grow(gib(9) - 10_000);
    put_one(&store, 1, b"value");
    assert_eq!(there(&store, 2).len(), 2, "9 of 10 GiB are no reason");
    grow(gib(9));
    put_one(&store, 2, b"value");
    eventually("all is evicted, as the count says it is not enough", || {
        there(&store, 3).is_empty()
    });
    let without = limited(folder.path()).without_max_size().open().unwrap();
    put_one(&without, 3, b"value");
    grow(gib(1_000));
    put_one(&without, 4, b"value");
    assert_eq!(there(&without, 5).len(), 2);
}

#[test]
fn a_cache_of_one_entry_keeps_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(1).open().unwrap();
    for number in 0..5 {
        put_one(&store, number, b"value");
        eventually("the last is left", || there(&store, 5) == BTreeSet::from([number]));
    }
}

#[test]
fn a_value_larger_than_the_limit_is_refused_with_a_reason_and_disturbs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let root = folder.path().join(format!("{layout:?}"));
        let store = FileStore::builder(&root).layout(layout).max_size("20 kB").open().unwrap();
        assert_eq!(put_one(&store, 0, b"value"), Put::Kept);
        let refused = put_one(&store, 1, &bytes(1, 20_001));
        let reason = "it has 20 kB, and the whole cache may have 20 kB: raise `max_size`";
        assert_eq!(refused, Put::Refused(reason.to_owned()));
        assert_eq!(there(&store, 2), BTreeSet::from([0]));
        assert_eq!(objects(&root).len(), 0);
    }
}

/// The keys that a run uses are pinned: whatever the policy, they stay until its end.
#[test]
fn what_the_running_run_has_used_stays_and_what_is_then_too_much_is_refused() {
    for policy in POLICIES {
        let folder = tempfile::tempdir().unwrap();
        let store = limited(folder.path()).max_entries(10).eviction(policy).open().unwrap();
        for number in 0..5 {
            put_one(&store, number, b"value");
        }
        // A run uses two old entries, which every policy would let go.
        store.begin_run();
        for number in [0, 1] {
            assert!(get(&store, &numbered(number)).found().is_some());
        }
        let mut refused = None;
        for number in 5..500 {
            match try_put(&store, &numbered(number), &lasting(b"value")) {
                Put::Kept => assert_eq!(refused, None, "{policy}: once refused, always refused"),
                Put::Refused(reason) => refused = Some(reason),
            }
            // Nothing that the run has used or put goes.
            for used in [0, 1, 5] {
                assert!(
                    get(&store, &numbered(used)).found().is_some(),
                    "{policy}: {used}, at {number}"
                );
            }
            std::thread::yield_now();
            if number > 40 && refused.is_none() {
                eventually("the batch is written", || sql_entries(folder.path()) >= number - 5);
            }
        }
        let refused = refused.expect("it is full at some time");
        assert!(refused.contains("in use") && refused.contains("raise"), "{refused}");
        let notices = store.notices();
        assert_eq!(notices.len(), 1, "{policy}: {notices:?}");
        assert!(notices[0].contains("is full") && notices[0].contains("the running session"));
        flush(&store);
        eventually("the run's end makes room", || there(&store, 500).len() <= 7);
        assert_eq!(put_one(&store, 600, b"value"), Put::Kept);
        assert_eq!(store.notices().len(), 0);
    }
}

fn sql_entries(root: &Path) -> usize {
    usize::try_from(ask(root, "SELECT count(*) FROM entry")).unwrap()
}

#[test]
fn a_clear_in_a_run_makes_room_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(5).open().unwrap();
    store.begin_run();
    let mut number = 0;
    eventually("it is full", || {
        number += 1;
        try_put(&store, &numbered(number), &lasting(b"value")) != Put::Kept
    });
    now(store.clear()).unwrap();
    assert_eq!(try_put(&store, &numbered(0), &lasting(b"value")), Put::Kept);
    flush(&store);
}

fn expiring(value: &[u8], millis: u64) -> Artifact {
    let mut artifact = lasting(value);
    artifact.meta.expires = Some(Timestamp::from_millis(millis));
    artifact
}

#[test]
fn what_has_expired_goes_first_whatever_the_policy() {
    for policy in POLICIES {
        let folder = tempfile::tempdir().unwrap();
        let (clock, hands) = Clock::manual();
        let hour = clock.now().after(Duration::from_secs(3_600)).millis();
        let store =
            limited(folder.path()).max_entries(10).eviction(policy).clock(clock).open().unwrap();
        for number in 0..9 {
            // The last ones expire: no policy would choose them.
            let artifact =
                if number < 5 { lasting(&large(number)) } else { expiring(b"value", hour) };
            put(&store, &numbered(number as usize), &artifact);
            flush(&store);
        }
        for _ in 0..2 {
            use_in_a_run(&store, 5..9);
        }
        hands.advance(Duration::from_secs(3_601));
        assert_eq!(there(&store, 9).len(), 9, "nothing is swept before there is need");
        put_one(&store, 9, b"value");
        eventually("what has expired is gone", || {
            there(&store, 10) == BTreeSet::from([0, 1, 2, 3, 4, 9])
        });
        let stats = store.stats().unwrap();
        assert_eq!((stats.expired, stats.evicted), (4, 0), "{policy}");
    }
}

#[test]
fn a_clock_moved_back_sweeps_nothing_that_has_not_expired() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let root = folder.path().join(format!("{layout:?}"));
        let (clock, hands) = Clock::manual();
        let noon = clock.now();
        let store = FileStore::builder(&root).layout(layout).clock(clock).open().unwrap();
        put(&store, &numbered(0), &expiring(b"value", noon.millis() + 1_000));
        put(&store, &numbered(1), &expiring(b"value", noon.millis() - 1_000));
        put(&store, &numbered(2), &lasting(b"value"));
        for back in [Timestamp::from_millis(0), Timestamp::from_millis(noon.millis() - 10_000)] {
            hands.set(back);
            assert_eq!(store.gc().unwrap().expired, 0);
            assert_eq!(there(&store, 3).len(), 3);
        }
        hands.set(noon);
        assert_eq!(store.gc().unwrap().expired, 1, "{layout:?}");
        assert_eq!(there(&store, 3), BTreeSet::from([0, 2]));
        // To the millisecond: what expires now has expired.
        hands.set(Timestamp::from_millis(noon.millis() + 999));
        assert_eq!(store.gc().unwrap().expired, 0);
        hands.advance(Duration::from_millis(1));
        assert_eq!(store.gc().unwrap().expired, 1);
        assert_eq!(there(&store, 3), BTreeSet::from([2]), "what does not expire stays");
    }
}

#[test]
fn what_a_run_uses_is_not_swept_though_it_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hands) = Clock::manual();
    let store = limited(folder.path()).clock(clock.clone()).open().unwrap();
    for number in 0..3 {
        put(&store, &numbered(number), &expiring(b"value", clock.now().millis() + 1_000));
    }
    hands.advance(Duration::from_secs(10));
    store.begin_run();
    assert!(get(&store, &numbered(1)).found().is_some(), "whoever reads decides");
    assert_eq!(store.gc().unwrap().expired, 2);
    assert!(get(&store, &numbered(1)).found().is_some());
    flush(&store);
    assert_eq!(store.gc().unwrap().expired, 1);
}

#[test]
fn an_object_stays_until_its_last_user_is_evicted() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        limited(folder.path()).max_entries(10).eviction(Eviction::OldestFirst).open().unwrap();
    let shared = large(1);
    for number in 0..9 {
        // 0 and 5 share an object.
        let value = if number % 5 == 0 { shared.clone() } else { vec![number as u8] };
        put_one(&store, number, &value);
    }
    assert_eq!(objects(folder.path()).len(), 1);
    let bytes_before = store.stats().unwrap().bytes;
    put_one(&store, 9, b"value");
    eventually("the oldest are gone", || there(&store, 10) == (3..10).collect());
    assert_eq!(get(&store, &numbered(5)), Lookup::Found(lasting(&shared)));
    assert!(bytes_before - store.stats().unwrap().bytes < 5_000, "its object was not freed");
    for number in 10..13 {
        put_one(&store, number, b"value");
    }
    eventually("its last user is gone", || !there(&store, 13).contains(&5));
    assert!(!object_of(folder.path(), &shared).exists());
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_reader_whose_entry_is_evicted_under_it_sees_a_miss_and_never_damage() {
    let folder = tempfile::tempdir().unwrap();
    let open = || limited(folder.path()).max_size("300 kB").open().unwrap();
    let [writer, reader] = [open(), open()];
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for round in 0..300_u64 {
                put_one(&writer, (round % 30) as usize, &bytes(round % 30 + 1, 20_000));
            }
        });
        let (mut found, mut absent) = (0, 0);
        while !writing.is_finished() {
            for number in 0..30 {
                match get(&reader, &numbered(number)) {
                    Lookup::Found(artifact) => {
                        assert_eq!(artifact, lasting(&bytes(number as u64 + 1, 20_000)));
                        found += 1;
                    }
                    Lookup::Absent => absent += 1,
                    Lookup::Damaged(why) => panic!("{why}"),
                }
            }
        }
        assert!(found > 0 && absent > 0, "{found} found, {absent} absent");
    });
    drop((reader, writer));
    let store = open();
    assert!(store.verify().unwrap().is_sound());
    assert!(store.stats().unwrap().bytes <= 300_000);
}

#[test]
fn two_evictors_at_once_do_not_fight() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || limited(folder.path()).max_entries(200).eviction(Eviction::OldestFirst).open().unwrap();
    let stores = [open(), open(), open()];
    std::thread::scope(|scope| {
        for (at, store) in stores.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..40 {
                    for number in 0..10 {
                        let number = at * 10_000 + round * 10 + number;
                        put(store, &numbered(number), &lasting(&bytes(number as u64 + 1, 200)));
                    }
                    flush(store);
                    store.gc().unwrap();
                }
            });
        }
    });
    let stats = stores[0].stats().unwrap();
    assert!((140..=180).contains(&stats.entries), "{} entries", stats.entries);
    assert_eq!(stats.entries + stats.evicted, 1_200, "none was evicted twice, none lost");
    assert!(stores[1].verify().unwrap().is_sound());
    assert!(stores.iter().all(|store| store.notices().is_empty()));
}

#[test]
fn a_policy_of_none_refuses_when_full_and_takes_in_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let root = folder.path().join(format!("{layout:?}"));
        let open = || {
            let builder = FileStore::builder(&root).layout(layout);
            builder.eviction(Eviction::None).max_entries(10).open().unwrap()
        };
        let mut store = open();
        for number in 0..30 {
            let kept = put_one(&store, number, b"value");
            assert_eq!(kept == Put::Kept, number < 10, "{layout:?}: {number}: {kept:?}");
            if number % 7 == 0 {
                drop(store);
                store = open();
            }
        }
        assert_eq!(there(&store, 30), (0..10).collect(), "{layout:?}");
        let notices = store.notices();
        assert_eq!(notices.len(), 1, "{layout:?}: {notices:?}");
        assert!(notices[0].contains("is full") && notices[0].contains("evicts nothing"));
        let Put::Refused(reason) = put_one(&store, 30, b"value") else { panic!("it is full") };
        assert!(reason.contains("full") && reason.contains("raise"), "{reason}");
        now(store.remove(&numbered(3))).unwrap();
        assert_eq!(put_one(&store, 31, b"value"), Put::Kept, "{layout:?}");
        assert_ne!(put_one(&store, 32, b"value"), Put::Kept, "{layout:?}");
        assert_eq!(store.notices().len(), 0, "they know already");
        now(store.clear()).unwrap();
        assert_eq!(put_one(&store, 33, b"value"), Put::Kept, "{layout:?}");
    }
}

#[test]
fn a_policy_of_none_counts_what_waits_to_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let builder = limited(folder.path()).eviction(Eviction::None).max_size("50 kB");
    let store = builder.open().unwrap();
    let kept = (0..100).filter(|&number| {
        try_put(&store, &numbered(number), &lasting(&bytes(number as u64 + 1, 9_000))) == Put::Kept
    });
    assert_eq!(kept.count(), 5);
}

#[test]
fn uses_that_are_reported_without_a_look_up_count_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(10).eviction(Eviction::Lfu).open().unwrap();
    for number in 0..9 {
        put_one(&store, number, b"value");
    }
    store.begin_run();
    let used = (0..4).map(numbered).collect();
    now(store.end_run(&RunReport { used, hits: 4, ..RunReport::default() })).unwrap();
    put_one(&store, 9, b"value");
    eventually("the unused are gone", || {
        there(&store, 10) == BTreeSet::from([0, 1, 2, 3, 7, 8, 9])
    });
}

/// A value that does not come along with its metadata is asked for twice; that makes it no more popular.
#[test]
fn a_run_uses_an_entry_once_however_often_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(10).eviction(Eviction::Lfu).open().unwrap();
    for number in 0..9 {
        put_one(&store, number, b"value");
    }
    for number in 0..9 {
        // Entry 0 is used in one run, the others in two.
        for run in 0..2 {
            store.begin_run();
            for _ in 0..if run == 0 { 5 } else { 1 } {
                if run == 0 || number > 0 {
                    let _ = get(&store, &numbered(number));
                }
            }
            flush(&store);
        }
    }
    use_in_a_run(&store, 1..9);
    put_one(&store, 9, b"value");
    eventually("three are gone", || there(&store, 10).len() == 7);
    assert!(!there(&store, 10).contains(&0), "the one that fewest runs used");
}

#[test]
fn how_entries_were_used_is_forgotten_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(20).open().unwrap();
    for number in 0..400 {
        put_one(&store, number, b"value");
        use_in_a_run(&store, [number]);
    }
    until_within(&store, u64::MAX, 20);
    let uses = || ask(folder.path(), "SELECT coalesce(sum(length(bytes)), 0) FROM touch");
    eventually("the uses of 20 entries are left", || uses() < 20 * 30);
    for number in 0..400 {
        now(store.remove(&numbered(number))).unwrap();
    }
    // What is removed one by one is forgotten when somebody tidies up: an empty list has a byte for its length.
    store.gc().unwrap();
    assert!(uses() <= 1, "{} bytes", uses());
}

/// A server is never without a run: what ended ones have used must go all the same.
#[test]
fn runs_that_overlap_without_end_pin_no_longer_than_each_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).max_entries(20).open().unwrap();
    let end = |run| now(store.end_run(&RunReport { run, ..RunReport::default() })).unwrap();
    let (first, mut run) = (store.begin_run(), store.begin_run());
    assert_eq!(put_one_of_many(&store, 1_000), Put::Kept);
    for number in 0..200 {
        let next = store.begin_run();
        // The first one, which goes on, has used nothing since its own.
        if number == 10 {
            end(first);
        }
        assert_eq!(put_one_of_many(&store, number), Put::Kept, "result {number}");
        end(run);
        run = next;
        let is_pinned = store.entries().list().unwrap().iter().any(|it| it.key == numbered(1_000));
        assert!(is_pinned || number >= 10, "the first run lasts");
    }
    assert!(store.stats().unwrap().entries <= 20);
    assert!(store.notices().is_empty());
}

/// Puts a small result without ending the run.
fn put_one_of_many(store: &FileStore, number: usize) -> Put {
    index_support::try_put(store, &numbered(number), &lasting(b"value"))
}

/// Removing one by one leaves the uses where they are; they must not pile up for ever.
#[test]
fn how_removed_entries_were_used_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = limited(folder.path()).open().unwrap();
    for round in 0..40 {
        let numbers = round * 300..(round + 1) * 300;
        for number in numbers.clone() {
            put(&store, &numbered(number), &lasting(b"value"));
        }
        flush(&store);
        use_in_a_run(&store, numbers);
        store.entries().task("pipeline::features").clear().unwrap();
    }
    drop(store);
    let bytes = ask(folder.path(), "SELECT coalesce(sum(length(bytes)), 0) FROM touch");
    assert!(bytes < 60_000, "the uses of no entries take {bytes} bytes");
}

#[test]
fn the_plain_layout_keeps_its_limits_too() {
    for (policy, left) in [
        (Eviction::OldestFirst, BTreeSet::from([4, 5, 6, 7, 8, 9, 3])),
        (Eviction::Lru, BTreeSet::from([4, 5, 6, 7, 8, 9, 3])),
        (Eviction::LargestFirst, BTreeSet::from([0, 1, 2, 3, 4, 5, 6])),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Files);
        let store = builder.max_entries(10).eviction(policy).open().unwrap();
        for number in 0..10 {
            put(&store, &numbered(number), &lasting(&bytes(1, 100 * (number + 1))));
            age(
                &entry_path(folder.path(), &numbered(number)),
                Duration::from_secs(1_000 - number as u64),
            );
        }
        flush(&store);
        assert_eq!(there(&store, 10), left, "{policy}");
    }
    let folder = tempfile::tempdir().unwrap();
    let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Files);
    let store = builder.max_size("100 kB").open().unwrap();
    for number in 0..100 {
        put_one(&store, number, &bytes(number as u64 + 1, 9_000));
        assert!(store.stats().unwrap().bytes <= 100_000, "{number}");
    }
    assert!(store.stats().unwrap().entries >= 6);
}

#[test]
fn expired_files_of_the_plain_layout_go_before_others() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hands) = Clock::manual();
    let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Files);
    let store = builder.max_entries(10).clock(clock.clone()).open().unwrap();
    for number in 0..10 {
        let artifact = if number < 7 {
            lasting(b"value")
        } else {
            expiring(b"value", clock.now().millis() + 5)
        };
        put(&store, &numbered(number), &artifact);
    }
    hands.advance(Duration::from_millis(5));
    flush(&store);
    assert_eq!(there(&store, 10), (0..7).collect());
    assert_eq!(store.gc().unwrap().evicted, 0);
}
