//! The cache: what is a hit, what is not, and what happens when the store is of no help.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use daglite::ErrorKind;
use daglite::clock::{Clock, Timestamp};
use daglite::prelude::*;
use daglite_tests::{Log, logged, logged_with};
use serde::{Deserialize, Serialize};

#[task(cache)]
fn load(rows: usize) -> Vec<u64> {
    (0..rows as u64).collect()
}

#[task(cache)]
fn evens(rows: &[u64]) -> Vec<u64> {
    rows.iter().copied().filter(|row| row % 2 == 0).collect()
}

#[task(cache)]
fn total(rows: &[u64]) -> u64 {
    rows.iter().sum()
}

fn pipeline() -> TaskFuture<u64> {
    load(10).then(evens).then(total)
}

/// A session that asks the file store in `folder` every time.
fn on_disk(folder: &Path) -> (Session, Log) {
    let store = FileStore::builder(folder).layout(daglite::FileStoreLayout::Files).open().unwrap();
    logged_with(Session::builder().cache(store).without_memory())
}

/// A session that asks its store every time.
fn logged_without_memory() -> (Session, Log) {
    logged_with(Session::builder().cache(MemoryStore::new()).without_memory())
}

/// The files of the entries in `folder`.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("v1").join("entries")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn the_second_run_answers_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let (first, log) = on_disk(folder.path());
    assert_eq!(pipeline().run_in(&first).unwrap(), 20);
    assert_eq!(log.count("computed"), 3);
    assert_eq!(log.count("stored"), 3);

    let (second, log) = on_disk(folder.path());
    assert_eq!(pipeline().run_in(&second).unwrap(), 20);
    assert_eq!(log.count("hit"), 3);
    assert_eq!(log.count("computed"), 0);
}

#[test]
fn a_full_rerun_decodes_the_last_value_alone() {
    let (session, log) = logged_without_memory();
    pipeline().run_in(&session).unwrap();
    log.take();
    pipeline().run_in(&session).unwrap();
    assert_eq!(log.take(), ["hit load", "hit evens", "hit total", "loaded total"]);

    join((load(10).then(evens), pipeline())).run_in(&session).unwrap();
    let loaded = log.take().into_iter().filter(|line| line.starts_with("loaded"));
    let mut loaded: Vec<_> = loaded.collect();
    loaded.sort();
    assert_eq!(loaded, ["loaded evens", "loaded total"], "a join asks for its parts");
}

/// Which rows `source` gives. Two choices have the same even rows.
#[task(cache)]
fn source(rows: usize) -> Vec<u64> {
    (0..rows as u64).collect()
}

#[test]
fn an_upstream_change_with_the_same_result_leaves_downstream_a_hit() {
    let (session, log) = logged();
    source(9).then(evens).then(total).run_in(&session).unwrap();
    log.take();
    source(10).then(evens).then(total).run_in(&session).unwrap();
    let lines = log.take();
    assert!(lines.contains(&"computed source".to_string()), "{lines:?}");
    assert!(lines.contains(&"computed evens".to_string()), "{lines:?}");
    assert!(lines.contains(&"hit total".to_string()), "{lines:?}");
    assert!(!lines.contains(&"loaded evens".to_string()), "{lines:?}");
}

#[test]
fn a_value_that_a_miss_needs_is_loaded_and_no_other() {
    let (session, log) = logged_without_memory();
    load(10).then(evens).run_in(&session).unwrap();
    log.take();
    pipeline().run_in(&session).unwrap();
    assert_eq!(
        log.take(),
        [
            "hit load",
            "hit evens",
            "loaded evens",
            "miss total: no entry yet",
            "computed total",
            "stored total"
        ]
    );
}

#[task]
fn passing(n: u64) -> u64 {
    n
}

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[test]
fn the_value_of_an_uncached_task_is_hashed() {
    let (session, log) = logged();
    assert_eq!(square(passing(4)).run_in(&session).unwrap(), 16);
    assert_eq!(square(passing(4).map(|n| n)).run_in(&session).unwrap(), 16);
    assert_eq!(square(4).run_in(&session).unwrap(), 16);
    assert_eq!(log.count("computed square"), 1);
    assert_eq!(square(passing(5)).run_in(&session).unwrap(), 25);
    assert_eq!(log.count("computed square"), 2);
}

static EXCLUDED: AtomicUsize = AtomicUsize::new(0);

#[task(cache, cache_exclude = [verbose])]
fn quiet_square(n: u64, verbose: bool) -> u64 {
    EXCLUDED.fetch_add(usize::from(verbose) + 1, Ordering::SeqCst);
    n * n
}

#[test]
fn an_excluded_argument_makes_no_difference() {
    let (session, _) = logged();
    quiet_square(3, true).run_in(&session).unwrap();
    quiet_square(3, false).run_in(&session).unwrap();
    assert_eq!(EXCLUDED.load(Ordering::SeqCst), 2);
}

#[task(cache, cache_hash_params(text = first_letter))]
fn shout(text: &str) -> String {
    text.to_uppercase()
}

fn first_letter(text: &str) -> Option<char> {
    text.chars().next()
}

#[task(cache, cache_hash = sorted)]
fn sum_of(mut a: Vec<u32>, b: &[u32]) -> u32 {
    a.extend(b);
    a.into_iter().sum()
}

fn sorted(a: &Vec<u32>, b: &[u32]) -> Vec<u32> {
    let mut all = [a.as_slice(), b].concat();
    all.sort_unstable();
    all
}

#[test]
fn a_function_of_the_user_may_say_what_is_hashed() {
    let (session, log) = logged();
    assert_eq!(shout("abc").run_in(&session).unwrap(), "ABC");
    assert_eq!(shout("axe").run_in(&session).unwrap(), "ABC", "the key is the first letter");
    assert_eq!(shout("bee").run_in(&session).unwrap(), "BEE");

    sum_of([1, 2], [3]).run_in(&session).unwrap();
    sum_of([3], [2, 1]).run_in(&session).unwrap();
    sum_of(load(3).map(|rows| rows.into_iter().map(|n| n as u32 + 1).collect()), [])
        .run_in(&session)
        .unwrap();
    assert_eq!(log.count("computed sum_of"), 1);
    sum_of([4], [2, 1]).run_in(&session).unwrap();
    assert_eq!(log.count("computed sum_of"), 2);
}

/// A type that only the registry can hash.
#[derive(Clone)]
struct Opaque(u8);

#[task(cache, cache_hash_params(value = registry))]
fn open(value: Opaque) -> u8 {
    value.0
}

#[test]
fn the_registry_may_say_how_a_parameter_is_hashed() {
    let registry = Registry::new();
    registry.register_hash::<Opaque>(|value, hasher| value.0.content_hash(hasher)).unwrap();
    let (session, log) =
        logged_with(Session::builder().cache(MemoryStore::new()).registry(&registry));
    open(Opaque(1)).run_in(&session).unwrap();
    open(Opaque(1)).run_in(&session).unwrap();
    open(Opaque(2)).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("computed")), (1, 2));
}

#[test]
fn an_argument_without_a_hash_means_no_cache_for_that_call() {
    let (session, log) =
        logged_with(Session::builder().cache(MemoryStore::new()).registry(&Registry::new()));
    assert_eq!(open(Opaque(7)).run_in(&session).unwrap(), 7);
    assert_eq!(open(Opaque(8)).run_in(&session).unwrap(), 8);
    let lines = log.take();
    assert!(
        lines[0].starts_with("warning: `cache::open` runs uncached: parameter `value`: "),
        "{lines:?}"
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("computed")).count(), 2);
    assert!(!lines.iter().any(|line| line.starts_with("stored")), "{lines:?}");
}

mod version_one {
    use daglite::prelude::*;

    #[task(cache, name = "versioned")]
    pub fn versioned(n: u8) -> u8 {
        n
    }
}

mod version_two {
    use daglite::prelude::*;

    #[task(cache, name = "versioned", cache_version = "2")]
    pub fn versioned(n: u8) -> u8 {
        n
    }
}

mod other_body {
    use daglite::prelude::*;

    #[task(cache, name = "versioned")]
    pub fn versioned(n: u8) -> u8 {
        n.wrapping_add(0)
    }
}

#[test]
fn the_code_and_the_version_are_in_the_key() {
    let (session, log) = logged();
    version_one::versioned(1).run_in(&session).unwrap();
    version_two::versioned(1).run_in(&session).unwrap();
    other_body::versioned(1).run_in(&session).unwrap();
    assert_eq!(log.count("computed"), 3);
}

#[task(cache)]
fn size_of_type<T>(_marker: std::marker::PhantomData<T>) -> usize {
    size_of::<T>()
}

#[test]
fn the_types_of_a_generic_function_are_in_the_key() {
    let (session, _) = logged();
    let one = size_of_type::<u8>(std::marker::PhantomData).run_in(&session).unwrap();
    let eight = size_of_type::<u64>(std::marker::PhantomData).run_in(&session).unwrap();
    assert_eq!((one, eight), (1, 8));
}

#[task(cache, cache_env = ["CARGO_PKG_NAME", "DAGLITE_NO_SUCH_VARIABLE"])]
fn package() -> String {
    std::env::var("CARGO_PKG_NAME").unwrap_or_default()
}

#[test]
fn a_variable_that_is_not_set_is_no_obstacle() {
    let (session, log) = logged();
    package().run_in(&session).unwrap();
    package().run_in(&session).unwrap();
    assert_eq!(log.count("hit"), 1);
}

#[task(cache, cache_ttl = "1h")]
fn hourly(n: u32) -> u32 {
    n
}

#[test]
fn expired_entry_is_recomputed() {
    let (clock, hands) = Clock::manual();
    let (session, log) = logged_with(Session::builder().cache(MemoryStore::new()).clock(clock));
    hourly(1).run_in(&session).unwrap();
    hands.advance(Duration::from_millis(3_599_999));
    hourly(1).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("computed")), (1, 1));
    hands.advance(Duration::from_millis(1));
    hourly(1).run_in(&session).unwrap();
    assert_eq!(log.count("miss hourly: the entry has expired"), 1);
    hourly(1).run_in(&session).unwrap();
    assert_eq!((log.count("hit"), log.count("computed")), (2, 2));
}

#[test]
fn an_entry_from_the_future_is_not_trusted_with_a_ttl() {
    let (clock, hands) = Clock::manual();
    let (session, log) = logged_with(Session::builder().cache(MemoryStore::new()).clock(clock));
    hourly(1).run_in(&session).unwrap();
    square(1).run_in(&session).unwrap();
    hands.set(Timestamp::from_millis(0));
    hourly(1).run_in(&session).unwrap();
    square(1).run_in(&session).unwrap();
    assert_eq!(log.count("miss hourly: the entry is dated in the future"), 1);
    assert_eq!(log.count("hit square"), 1);
}

static REFRESHED: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn counted() -> usize {
    REFRESHED.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn refresh_computes_again_and_overwrites() {
    let (session, _) = logged();
    assert_eq!(counted().run_in(&session).unwrap(), 0);
    assert_eq!(counted().map(|n| n).refresh().run_in(&session).unwrap(), 1);
    assert_eq!(counted().run_in(&session).unwrap(), 1);
}

static FAILURES: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn sometimes() -> Result<usize, std::io::Error> {
    match FAILURES.fetch_add(1, Ordering::SeqCst) {
        0 => Err(std::io::Error::other("not yet")),
        n => Ok(n),
    }
}

#[test]
fn an_error_is_never_cached() {
    let (session, _) = logged();
    assert_eq!(sometimes().run_in(&session).unwrap_err().kind(), ErrorKind::Task);
    assert_eq!(sometimes().run_in(&session).unwrap(), 1);
    assert_eq!(sometimes().run_in(&session).unwrap(), 1);
}

fn damage(change: impl Fn(&Path), reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = on_disk(folder.path());
    assert_eq!(square(12).run_in(&session).unwrap(), 144);
    let files = entries(folder.path());
    assert_eq!(files.len(), 1);
    change(&files[0]);
    log.take();

    assert_eq!(square(12).run_in(&session).unwrap(), 144);
    let lines = log.take();
    let miss =
        lines.iter().find(|line| line.starts_with("miss")).expect("a damaged entry is a miss");
    assert!(miss.contains("the entry was damaged") && miss.contains(reason), "{miss}");

    assert_eq!(square(12).run_in(&session).unwrap(), 144);
    assert_eq!(log.take(), ["hit square", "loaded square"], "the entry has been replaced");
}

#[test]
fn a_truncated_empty_or_flipped_entry_is_recomputed_and_replaced() {
    damage(|file| fs::write(file, []).unwrap(), "empty");
    damage(
        |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        "truncated",
    );
    damage(
        |file| {
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        },
        "digest",
    );
}

#[test]
fn damage_that_shows_only_when_a_value_is_read_recomputes_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = on_disk(folder.path());
    load(10).then(evens).run_in(&session).unwrap();
    // The last byte of an entry belongs to its value: the header is still whole.
    for file in entries(folder.path()) {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }
    log.take();
    assert_eq!(pipeline().run_in(&session).unwrap(), 20);
    let lines = log.take();
    for task in ["load", "evens", "total"] {
        assert!(lines.contains(&format!("computed {task}")), "{lines:?}");
    }
    log.take();
    assert_eq!(pipeline().run_in(&session).unwrap(), 20);
    assert_eq!(log.count("hit"), 3);
}

#[test]
fn a_store_that_cannot_be_written_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let (session, log) = on_disk(&file.join("cache"));
    assert_eq!(pipeline().run_in(&session).unwrap(), 20);
    assert_eq!(pipeline().run_in(&session).unwrap(), 20);
    let lines = log.take();
    let warnings: Vec<_> = lines.iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 1, "{lines:?}");
    assert!(warnings[0].contains("cannot be written, so results are not cached"), "{warnings:?}");
    assert!(warnings[0].contains("file"), "the warning names the folder: {warnings:?}");
}

static UNENCODABLE: AtomicUsize = AtomicUsize::new(0);

/// Serde lets it through at compile time, and then refuses.
#[derive(Clone, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("I will not"))
    }
}

#[task(cache)]
fn stubborn() -> Stubborn {
    UNENCODABLE.fetch_add(1, Ordering::SeqCst);
    Stubborn
}

#[test]
fn a_result_that_cannot_be_encoded_is_used_and_computed_once() {
    let (session, log) = logged();
    let future = stubborn();
    join((future.clone(), future.map(|_| ()))).run_in(&session).unwrap();
    assert_eq!(UNENCODABLE.load(Ordering::SeqCst), 1);
    let lines = log.take();
    let warning = lines.iter().find(|line| line.starts_with("warning")).unwrap();
    assert!(
        warning.contains("is used but not cached") && warning.contains("I will not"),
        "{warning}"
    );
}

static FLIGHTS: AtomicUsize = AtomicUsize::new(0);

#[task(cache, cache_exclude = [gate])]
fn shared_work(n: u64, gate: Arc<Barrier>) -> u64 {
    FLIGHTS.fetch_add(1, Ordering::SeqCst);
    gate.wait();
    n
}

#[test]
fn a_key_is_computed_once_at_a_time_in_a_session() {
    let (session, log) = logged_with(Session::builder().cache(MemoryStore::new()).concurrency(4));
    let gate = Arc::new(Barrier::new(2));
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let (session, gate) = (session.clone(), Arc::clone(&gate));
                scope.spawn(move || shared_work(1, Arc::new(gate)).run_in(&session).unwrap())
            })
            .collect();
        // The others are waiting for the first one by now, or will find its result: the count tells.
        while log.count("wait") < 3 {
            std::thread::yield_now();
        }
        gate.wait();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), 1));
    });
    assert_eq!(FLIGHTS.load(Ordering::SeqCst), 1);
}

#[test]
fn equal_calls_in_one_graph_are_computed_once() {
    let (session, log) = logged();
    let calls = join_all((0..50).map(|n| square(n % 5)));
    calls.run_in(&session).unwrap();
    assert_eq!(log.count("computed square"), 5);
}

#[task(cache)]
fn endless(n: u64) -> Result<u64, daglite::Error> {
    endless(n).run()
}

#[task(cache)]
fn ping(n: u64) -> Result<u64, daglite::Error> {
    pong(n).run()
}

#[task(cache)]
fn pong(n: u64) -> Result<u64, daglite::Error> {
    ping(n).run()
}

#[test]
fn a_task_that_waits_for_itself_is_an_error() {
    let (session, _) = logged_with(Session::builder().cache(MemoryStore::new()).concurrency(2));
    let error = endless(1).run_in(&session).unwrap_err();
    assert!(format!("{error:?}").contains("calls itself with the same arguments"), "{error:?}");

    let both = join_all([ping(1), pong(1), ping(1), pong(1)]);
    let error = both.run_in(&session).unwrap_err();
    assert!(format!("{error:?}").contains("calls itself with the same arguments"), "{error:?}");
}

#[task(cache)]
fn ladder(n: u64) -> Result<u64, daglite::Error> {
    if n == 0 { Ok(0) } else { Ok(ladder(n - 1).run()? + ladder(n - 1).run()? + 1) }
}

#[test]
fn cached_tasks_that_call_cached_tasks_share_results_and_never_deadlock() {
    for concurrency in [1, 2, 4] {
        let builder = Session::builder().cache(MemoryStore::new()).concurrency(concurrency);
        let (session, log) = logged_with(builder);
        let all = join_all((0..12).rev().map(ladder)).run_in(&session).unwrap();
        assert_eq!(all[0], 2047);
        assert_eq!(log.count("computed"), 12);
    }
}

#[task(cache)]
fn picky(file: InputFile) -> usize {
    file.read().map_or(0, |bytes| bytes.len())
}

#[test]
fn an_input_file_counts_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    fs::write(&one, "same").unwrap();
    fs::write(&two, "same").unwrap();
    let (session, log) = logged();
    picky(one.as_path()).run_in(&session).unwrap();
    picky(two.clone()).run_in(&session).unwrap();
    assert_eq!(log.count("hit"), 1);
    fs::write(&two, "other").unwrap();
    assert_eq!(picky(two).run_in(&session).unwrap(), 5);
    let gone = picky("no/such/file").run_in(&session).unwrap();
    assert_eq!(gone, 0);
    assert_eq!(log.count("warning: `cache::picky` runs uncached: parameter `file`"), 1);
}

#[test]
fn a_session_without_a_cache_computes_every_time() {
    let (session, log) = logged_with(Session::builder().without_cache());
    square(2).run_in(&session).unwrap();
    square(2).run_in(&session).unwrap();
    assert_eq!(log.take(), ["computed square", "computed square"]);
}

#[test]
fn the_outcome_tells_how_each_result_came_to_be() {
    let (session, _) = logged();
    let first = pipeline().outcome_in(&session).unwrap();
    assert_eq!((first.value, first.summary.computed, first.summary.misses), (20, 3, 3));
    let second = pipeline().outcome_in(&session).unwrap();
    assert_eq!((second.value, second.summary.hits, second.summary.computed), (20, 3, 0));
    assert!(second.tasks.iter().all(|task| task.origin == daglite::Origin::Hit));
    assert_eq!(second.tasks.last().unwrap().task, "cache::total");
    assert!(second.summary.to_string().starts_with("3 hits, 0 computed in "));
}

#[test]
fn cache_keys_do_not_change_between_versions() {
    use std::sync::Mutex;

    #[task(cache, name = "golden", cache_track = "function", cache_version = "1", cache_exclude = [skipped])]
    fn golden(number: u32, text: &str, list: &[f64], skipped: bool) -> u32 {
        let _ = (text, list, skipped);
        number
    }

    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let observer = move |event: &daglite::Event| {
        if let daglite::Event::Stored { key, digest, .. } = event {
            seen.lock().unwrap().push((key.to_string(), digest.to_string()));
        }
    };
    let session = Session::builder().cache(MemoryStore::new()).observe(observer).build().unwrap();
    golden(7, "seven", [0.5, -0.0], true).run_in(&session).unwrap();
    let keys = keys.lock().unwrap();
    let [(key, digest)] = &keys[..] else { panic!("one entry") };
    assert_eq!(key, "f837ff5da7ac0a9788c8ad75c2864996ae513cbd0efedbbea79c4ce018a03ffa");
    assert_eq!(
        *digest,
        daglite::Digest::of_bytes(&[7]).to_string(),
        "postcard writes a small number as one byte"
    );
}
