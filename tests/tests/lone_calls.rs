//! A lone call whose result is in memory takes the shortest way there is, and asks the same question as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite_tests::counted;
use daglite_tests::counted::ran;
use proptest::prelude::*;

fn in_memory() -> Session {
    Session::builder().cache(MemoryStore::new()).build().unwrap()
}

counted! { SQUARED, #[task(cache)] fn square(n: u64) -> u64 { n * n } }

#[test]
fn a_thousand_hits_are_one_computation() {
    let session = in_memory();
    for n in 0..5_000 {
        assert_eq!(square(n % 5).run_in(&session).unwrap(), (n % 5) * (n % 5));
    }
    assert_eq!(ran(&SQUARED), 5);
}

counted! { MOMENT, #[task(cache)] fn moment() -> u64 { MOMENT.load(Ordering::SeqCst) } }

#[test]
fn a_refresh_is_what_later_calls_get() {
    let session = in_memory();
    for _ in 0..3 {
        let now = moment().refresh().run_in(&session).unwrap();
        for _ in 0..3 {
            assert_eq!(moment().run_in(&session).unwrap(), now);
        }
    }
    assert_eq!(ran(&MOMENT), 3);
}

#[test]
fn a_refresh_on_another_thread_is_what_later_calls_get() {
    counted! { TOLD, #[task(cache)] fn told() -> u64 { TOLD.load(Ordering::SeqCst) } }
    let session = in_memory();
    for _ in 0..3 {
        assert_eq!(told().run_in(&session).unwrap(), 1);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(told().refresh().run_in(&session).unwrap(), 2));
    });
    assert_eq!(told().run_in(&session).unwrap(), 2);
}

counted! { CLEARED, #[task(cache)] fn cleared(n: u64) -> u64 { n } }

#[test]
fn what_was_cleared_or_removed_is_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::builder(folder.path()).open().unwrap());
    let session = Session::builder().cache(Arc::clone(&store)).build().unwrap();
    let call = || {
        for _ in 0..4 {
            assert_eq!(cleared(1).run_in(&session).unwrap(), 1);
        }
        ran(&CLEARED)
    };
    assert_eq!(call(), 1);
    store.entries().clear().unwrap();
    assert_eq!(call(), 1);
    assert_eq!(call(), 0);
}

counted! { AGED, #[task(cache, cache_ttl = "1h")] fn aged() -> u64 { 7 } }

#[test]
fn a_result_that_ages_is_looked_at_each_time() {
    let (clock, hands) = Clock::manual();
    let session = Session::builder().cache(MemoryStore::new()).clock(clock).build().unwrap();
    for _ in 0..3 {
        aged().run_in(&session).unwrap();
    }
    assert_eq!(ran(&AGED), 1);
    hands.advance(Duration::from_secs(3_601));
    aged().run_in(&session).unwrap();
    assert_eq!(ran(&AGED), 1);
}

counted! { OF_FILE, #[task(cache)] fn of_file(file: InputFile) -> String { String::from_utf8(file.read().unwrap()).unwrap() } }

#[test]
fn a_file_is_looked_at_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input.txt");
    let session = in_memory();
    for text in ["one", "two and more", "three"] {
        std::fs::write(&path, text).unwrap();
        for _ in 0..3 {
            assert_eq!(of_file(path.as_path()).run_in(&session).unwrap(), text);
        }
    }
    assert_eq!(ran(&OF_FILE), 3);
}

counted! { SHOWN, #[task(cache, cache_exclude = [loud])] fn shown(n: u64, loud: bool) -> String { format!("{n} {loud}") } }

#[test]
fn an_excluded_argument_makes_no_difference() {
    let session = in_memory();
    for loud in [true, false, true] {
        assert_eq!(shown(3, loud).run_in(&session).unwrap(), "3 true");
    }
    assert_eq!(ran(&SHOWN), 1);
}

counted! { APART, #[task(cache)] fn apart(n: u64) -> u64 { n } }

#[test]
fn sessions_know_nothing_of_each_other() {
    for _ in 0..3 {
        let session = in_memory();
        for _ in 0..3 {
            assert_eq!(apart(1).run_in(&session).unwrap(), 1);
        }
        assert_eq!(ran(&APART), 1);
    }
}

/// A value that says when it goes.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Owned(String);

static GONE: AtomicU64 = AtomicU64::new(0);

impl Drop for Owned {
    fn drop(&mut self) {
        GONE.fetch_add(u64::from(self.0 == "kept"), Ordering::SeqCst);
    }
}

static MADE: AtomicU64 = AtomicU64::new(0);

#[task(cache)]
fn owned() -> Owned {
    MADE.fetch_add(1, Ordering::SeqCst);
    Owned("kept".to_owned())
}

#[test]
fn what_owns_memory_goes_with_its_session() {
    let session = in_memory();
    for _ in 0..5 {
        owned().run_in(&session).unwrap();
    }
    let before = GONE.load(Ordering::SeqCst);
    drop(session);
    assert_eq!(GONE.load(Ordering::SeqCst), before + 1);
    assert_eq!(MADE.load(Ordering::SeqCst), 1);
}

#[test]
fn what_was_used_on_the_short_way_counts_as_used() {
    #[task(cache)]
    fn used(n: u64) -> u64 {
        n
    }

    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::builder(folder.path()).open().unwrap());
    let session = Session::builder().cache(Arc::clone(&store)).build().unwrap();
    for _ in 0..100 {
        used(1).run_in(&session).unwrap();
    }
    drop(session);
    let stats = store.stats().unwrap();
    assert_eq!((stats.hits, stats.misses), (99, 1));
}

#[test]
fn hits_on_the_short_way_between_runs_are_told_once_each() {
    #[task(cache)]
    fn counted(n: u64) -> u64 {
        n
    }

    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::builder(folder.path()).open().unwrap());
    let session = Session::builder().cache(Arc::clone(&store)).build().unwrap();
    for n in 0..40 {
        for _ in 0..n {
            counted(n % 3).run_in(&session).unwrap();
        }
        // A whole run, at whose end the store is told.
        join((counted(100 + n), counted(0))).run_in(&session).unwrap();
    }
    drop(session);
    let stats = store.stats().unwrap();
    let calls = (0..40).sum::<u64>() + 80;
    assert_eq!((stats.hits + stats.misses, stats.misses), (calls, 43));
}

#[test]
fn more_questions_than_a_thread_remembers_have_answers_of_their_own() {
    counted! { MANY, #[task(cache)] fn many(n: u64) -> u64 { n ^ 0x5555 } }

    const QUESTIONS: u64 = 17_000;
    let session = in_memory();
    for _ in 0..2 {
        for n in 0..QUESTIONS {
            assert_eq!(many(n).run_in(&session).unwrap(), n ^ 0x5555);
        }
    }
    assert_eq!(ran(&MANY), QUESTIONS);
}

#[test]
fn an_observer_is_told_of_every_hit() {
    #[task(cache)]
    fn watched(n: u64) -> u64 {
        n
    }

    let builder = Session::builder().cache(MemoryStore::new());
    let (session, log) = daglite_tests::logged_with(builder);
    for _ in 0..10 {
        watched(1).run_in(&session).unwrap();
    }
    assert_eq!(log.count("hit"), 9);
}

#[test]
fn a_session_that_says_a_summary_of_each_run_says_it_of_each_hit() {
    #[task(cache)]
    fn summed(n: u64) -> u64 {
        n
    }

    let (lines, page) = std::sync::mpsc::channel();
    let each = move |event: &daglite::Event| {
        if let daglite::Event::RunFinished { summary } = event {
            lines.send(summary.hits).unwrap();
        }
    };
    let session = Session::builder().cache(MemoryStore::new()).observe(each).build().unwrap();
    for _ in 0..3 {
        summed(1).run_in(&session).unwrap();
    }
    assert_eq!(page.try_iter().collect::<Vec<_>>(), [0, 1, 1]);
}

#[test]
fn a_call_inside_a_body_takes_it_too() {
    counted! { INNER, #[task(cache)] fn inner(n: u64) -> u64 { n + 1 } }

    #[task]
    fn outer() -> u64 {
        (0..50).map(|_| inner(1).run().unwrap()).sum()
    }

    assert_eq!(outer().run_in(&in_memory()).unwrap(), 100);
    assert_eq!(ran(&INNER), 1);
}

#[test]
fn threads_agree() {
    counted! { COMMON, #[task(cache)] fn common(n: u64) -> u64 { n * 3 } }

    let session = in_memory();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..2_000 {
                    assert_eq!(common(n % 7).run_in(&session).unwrap(), n % 7 * 3);
                }
            });
        }
    });
    assert_eq!(ran(&COMMON), 7);
}

#[task(cache)]
fn joined(a: String, b: String, c: u8) -> String {
    format!("{a}|{b}|{c}")
}

#[task(cache)]
fn also_joined(a: String, b: String, c: u8) -> String {
    format!("{c}|{b}|{a}")
}

proptest! {
    #[test]
    fn arguments_are_never_taken_for_others(
        calls in prop::collection::vec(("[ab]{0,3}", "[ab]{0,3}", 0_u8..2, any::<bool>()), 1..200)
    ) {
        let session = in_memory();
        for (a, b, c, also) in calls {
            let (call, expected) = if also {
                (also_joined(a.clone(), b.clone(), c), format!("{c}|{b}|{a}"))
            } else {
                (joined(a.clone(), b.clone(), c), format!("{a}|{b}|{c}"))
            };
            prop_assert_eq!(call.run_in(&session).unwrap(), expected);
        }
    }
}

#[test]
fn parts_of_one_argument_are_never_taken_for_parts_of_the_next() {
    /// Two numbers, in as many parts as they like.
    #[derive(Clone, Copy)]
    struct Few {
        parts: [u8; 3],
        count: usize,
    }

    impl daglite::ContentHash for Few {
        fn content_hash(&self, hasher: &mut daglite::ContentHasher) {
            self.parts[..self.count].iter().for_each(|part| hasher.u8(*part));
        }
    }

    #[task(cache)]
    fn counts(a: Few, b: Few) -> u64 {
        (a.count * 10 + b.count) as u64
    }

    let few = |count| Few { parts: [1; 3], count };
    let session = in_memory();
    for _ in 0..3 {
        assert_eq!(counts(few(1), few(2)).run_in(&session).unwrap(), 12);
        assert_eq!(counts(few(2), few(1)).run_in(&session).unwrap(), 21);
        assert_eq!(counts(few(3), few(0)).run_in(&session).unwrap(), 30);
    }
}
