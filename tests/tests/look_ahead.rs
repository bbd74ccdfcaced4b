//! Look-ups of a planned graph go many at once, and are as right as one by one.

mod spy_store;

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use daglite::CacheStore;
use daglite::prelude::*;
use daglite_tests::{Log, logged_with};
use spy_store::{Claims, Handle, Spy, now};

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

fn on(spy: &Arc<Spy>, concurrency: usize) -> (Session, Log) {
    let builder = Session::builder().cache(Handle(Arc::clone(spy))).without_memory();
    logged_with(builder.concurrency(concurrency))
}

fn squares(count: u64) -> TaskFuture<u64> {
    join_all((0..count).map(square)).map(|all| all.into_iter().sum())
}

fn sum_of_squares(count: u64) -> u64 {
    (0..count).map(|n| n * n).sum()
}

#[test]
fn ten_thousand_hits_are_far_fewer_questions() {
    for concurrency in [1, 2, 8] {
        let spy = Spy::new(Claims::Alone);
        let (session, log) = on(&spy, concurrency);
        assert_eq!(squares(10_000).run_in(&session).unwrap(), sum_of_squares(10_000));
        spy.forget_seen();
        assert_eq!(squares(10_000).run_in(&session).unwrap(), sum_of_squares(10_000));
        let seen = spy.seen();
        assert!(seen.finds <= 300, "{} questions at concurrency {concurrency}", seen.finds);
        assert_eq!(seen.keys, 10_000, "each key is looked for once");
        assert_eq!(seen.gets, 0, "small values come along");
        assert_eq!((log.count("hit"), log.count("computed")), (10_000, 10_000));
    }
}

#[test]
fn a_cold_run_asks_little_more_than_once_a_key() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy, 2);
    squares(10_000).run_in(&session).unwrap();
    let seen = spy.seen();
    assert!(seen.keys <= 14_000, "{} keys for 10,000 tasks", seen.keys);
    assert!(seen.finds <= 4_300, "{} questions", seen.finds);
}

#[test]
fn who_finds_a_result_does_not_ask_what_other_processes_have_put() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = on(&spy, 1);
    square(1).run_in(&session).unwrap();
    spy.forget_seen();
    for _ in 0..10 {
        square(1).run_in(&session).unwrap();
    }
    assert_eq!((log.count("hit"), spy.seen().finds, spy.seen().changes), (10, 10, 0));
}

#[test]
fn an_awaited_run_looks_ahead_too() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy, 2);
    squares(3_000).run_in(&session).unwrap();
    spy.forget_seen();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum = runtime.block_on(async { squares(3_000).await_in(&session).await.unwrap() });
    assert_eq!(sum, sum_of_squares(3_000));
    assert!(spy.seen().finds <= 200, "{} questions", spy.seen().finds);
}

#[test]
fn a_store_that_fails_at_many_at_once_is_asked_one_by_one() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = on(&spy, 2);
    squares(1_000).run_in(&session).unwrap();
    log.take();
    spy.find_fails.store(true, Ordering::SeqCst);
    assert_eq!(squares(1_000).run_in(&session).unwrap(), sum_of_squares(1_000));
    spy.find_fails.store(false, Ordering::SeqCst);
    spy.find_forgets_one.store(true, Ordering::SeqCst);
    assert_eq!(squares(1_000).run_in(&session).unwrap(), sum_of_squares(1_000));
    assert_eq!((log.count("hit"), log.count("computed")), (2_000, 0));
}

static WIPED: OnceLock<Arc<Spy>> = OnceLock::new();

#[task(cache, cache_exclude = [when])]
fn wipe(n: u64, when: u64) -> u64 {
    if when == 1 {
        now(WIPED.get().unwrap().inner.clear()).unwrap();
    }
    n
}

#[test]
fn what_was_removed_before_it_was_looked_for_is_a_miss() {
    let spy = WIPED.get_or_init(|| Spy::new(Claims::Alone));
    let (session, log) = on(spy, 1);
    let run = |wiping: bool| {
        let calls = (0..1_000).map(|n| match n {
            500 if wiping => wipe(n, 1),
            _ => square(n),
        });
        join_all(calls).map(|all| all.len()).run_in(&session).unwrap()
    };
    run(false);
    log.take();
    run(true);
    // Some of those that stand behind it were looked for together with it, and had their answers before the removal.
    let (hits, computed) = (log.count("hit"), log.count("computed"));
    assert_eq!(hits + computed, 1_000);
    assert!(
        (500..500 + 256).contains(&hits),
        "{hits} hits: what came after the removal was computed"
    );
}

/// A value that nobody can clone.
struct Single(u64);

#[task]
fn single(n: u64) -> Single {
    Single(n)
}

#[task(cache, cache_hash_params(single = number_of))]
fn consume(single: Single) -> u64 {
    single.0
}

fn number_of(single: &Single) -> u64 {
    single.0
}

#[test]
fn looking_ahead_makes_no_value_a_shared_one() {
    for concurrency in [1, 4] {
        let spy = Spy::new(Claims::Alone);
        let (session, log) = on(&spy, concurrency);
        let all = || join_all((0..500).map(|n| consume(single(n)))).map(|all| all.len());
        assert_eq!(all().run_in(&session).unwrap(), 500);
        assert_eq!(all().run_in(&session).unwrap(), 500);
        let own = || join_all((0..500).map(|n| consume(Single(n)))).map(|all| all.len());
        assert_eq!(own().run_in(&session).unwrap(), 500);
        assert_eq!(log.count("failed"), 0);
    }
}

#[test]
fn an_argument_without_a_hash_is_one_warning_a_call() {
    #[task(cache)]
    fn length(file: InputFile) -> usize {
        file.read().map_or(0, |bytes| bytes.len())
    }

    let spy = Spy::new(Claims::Alone);
    let (session, log) = on(&spy, 2);
    let all = join_all((0..50).map(|n| length(format!("no/such/file/{n}"))));
    assert_eq!(all.run_in(&session).unwrap(), [0; 50]);
    assert_eq!(log.count("warning"), 50);
    assert_eq!(log.count("computed"), 50);
}

#[test]
fn two_runs_of_one_graph_at_once_are_right() {
    for round in 0..20 {
        let spy = Spy::new(Claims::Alone);
        let (session, log) = on(&spy, 2);
        let shared = squares(300);
        if round % 2 == 1 {
            squares(300).run_in(&session).unwrap();
            log.take();
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (shared, session) = (shared.clone(), session.clone());
                scope.spawn(move || {
                    assert_eq!(shared.run_in(&session).unwrap(), sum_of_squares(300));
                });
            }
        });
        assert!(log.count("computed") <= 300);
    }
}
