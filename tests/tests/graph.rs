//! The graph: what composes, in which order it runs, and that each node is computed once.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use daglite::ErrorKind;
use daglite::prelude::*;
use daglite_tests::{logged, logged_with};

#[task]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[task]
fn next(n: u64) -> u64 {
    n + 1
}

fn quiet() -> Session {
    Session::builder().without_cache().build().unwrap()
}

#[test]
fn nothing_runs_before_it_is_asked_for() {
    let (session, log) = logged();
    let future = add(1, 2);
    assert!(log.take().is_empty());
    assert_eq!(future.run_in(&session).unwrap(), 3);
    assert_eq!(log.take(), ["computed add"]);
}

#[test]
fn task_futures_values_and_arcs_are_arguments_alike() {
    let session = quiet();
    let seven = add(3, 4);
    assert_eq!(add(seven.clone(), 1).run_in(&session).unwrap(), 8);
    assert_eq!(add(&seven, &seven).run_in(&session).unwrap(), 14);
    assert_eq!(add(Arc::new(5), seven).run_in(&session).unwrap(), 12);
}

#[task]
fn describe(path: &std::path::Path, names: &[String], note: String) -> String {
    format!("{} {} {note}", path.display(), names.join("+"))
}

#[test]
fn borrowed_forms_are_arguments_for_owned_types() {
    let names = vec!["a".to_string(), "b".to_string()];
    let text = describe("some/path", &names, "note").run_in(&quiet()).unwrap();
    assert_eq!(text, "some/path a+b note");
    let text = describe(std::path::PathBuf::from("p"), ["c".to_string()], "n".to_string());
    assert_eq!(text.run_in(&quiet()).unwrap(), "p c n");
}

#[test]
fn then_takes_a_task_by_name_and_by_closure() {
    let future = next(1).then(next).then(|n| add(n.map(|n| n as i64), 10));
    assert_eq!(future.run_in(&quiet()).unwrap(), 13);
}

#[test]
fn a_diamond_computes_each_node_once() {
    let (session, log) = logged();
    let top = add(1, 1);
    let left = add(top.clone(), 10);
    let right = add(top, 100);
    assert_eq!(add(left, right).run_in(&session).unwrap(), 114);
    assert_eq!(log.take().len(), 4);
}

#[test]
fn a_node_is_computed_once_however_often_it_is_run() {
    let (session, log) = logged();
    let future = add(20, 22);
    assert_eq!(future.clone().run_in(&session).unwrap(), 42);
    assert_eq!(future.run_in(&session).unwrap(), 42);
    assert_eq!(log.take(), ["computed add"]);
}

static SLOW_CALLS: AtomicUsize = AtomicUsize::new(0);

#[task]
fn slow_once(gate: Arc<Barrier>) -> usize {
    gate.wait();
    SLOW_CALLS.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn a_node_shared_by_two_runs_at_once_is_computed_once() {
    let gate = Arc::new(Barrier::new(2));
    let future = slow_once(Arc::new(Arc::clone(&gate)));
    let session = Session::builder().without_cache().concurrency(2).build().unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let (future, session) = (future.clone(), session.clone());
                scope.spawn(move || future.run_in(&session).unwrap())
            })
            .collect();
        gate.wait();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), 0));
    });
    assert_eq!(SLOW_CALLS.load(Ordering::SeqCst), 1);
}

#[test]
fn a_chain_of_a_million_nodes_builds_runs_and_drops() {
    let session = quiet();
    let mut chain = next(0);
    for _ in 1..1_000_000 {
        chain = next(chain);
    }
    assert_eq!(chain.run_in(&session).unwrap(), 1_000_000);

    let mut dropped = next(0).map(|n| n);
    for _ in 1..1_000_000 {
        dropped = dropped.also(|_| ());
    }
    drop(dropped);
}

#[test]
fn a_hundred_thousand_futures_join_in_order() {
    let all = join_all((0..100_000).map(next)).run_in(&quiet()).unwrap();
    assert!(all.iter().copied().eq(1..=100_000));
}

#[test]
fn and_then_may_go_on_a_hundred_thousand_times() {
    fn count_down(n: u64) -> TaskFuture<u64> {
        next(n).and_then(|n| if n < 100_000 { count_down(n) } else { next(n) })
    }
    assert_eq!(count_down(0).run_in(&quiet()).unwrap(), 100_001);
}

#[test]
fn join_takes_up_to_twelve_futures() {
    let n = || next(0);
    let pair = join((n(), add(1, 2))).run_in(&quiet()).unwrap();
    assert_eq!(pair, (1, 3));
    let twelve = join((n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n()));
    let (.., last) = twelve.run_in(&quiet()).unwrap();
    assert_eq!(last, 1);
}

#[test]
fn a_joined_future_may_be_run_twice() {
    let both = join((next(1), join_all([next(2), next(3)])));
    let expected = (2, vec![3, 4]);
    assert_eq!(both.clone().run_in(&quiet()).unwrap(), expected);
    assert_eq!(both.run_in(&quiet()).unwrap(), expected);
}

#[task]
fn upto(n: u64) -> Vec<u64> {
    (0..n).collect()
}

#[test]
fn map_each_keeps_the_order() {
    let results = upto(100).map_each(next).run_in(&quiet()).unwrap();
    assert!(results.into_iter().eq(1..=100));
    assert!(upto(0).map_each(next).run_in(&quiet()).unwrap().is_empty());
}

#[test]
fn also_sees_the_value_and_its_panic_is_an_event() {
    let (session, log) = logged();
    let seen = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&seen);
    let future = upto(3)
        .also(move |list| told.store(list.len(), Ordering::SeqCst))
        .also(|_| -> () { panic!("no screen") });
    assert_eq!(future.run_in(&session).unwrap(), [0, 1, 2]);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    assert_eq!(log.take(), ["computed upto", "also panicked: no screen"]);
}

/// Counts its clones.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

#[task]
fn pass(value: Counted) -> Counted {
    value
}

#[task]
fn look(_value: &Counted) {}

#[test]
fn a_value_is_moved_on_its_last_use_and_cloned_before() {
    let clones = Arc::new(AtomicUsize::new(0));
    let value = pass(pass(Counted(Arc::clone(&clones))));
    value.run_in(&quiet()).unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 0);

    let shared = pass(Counted(Arc::clone(&clones)));
    let one_by_one = Session::builder().without_cache().concurrency(1).build().unwrap();
    join((look(&shared), pass(shared))).run_in(&one_by_one).unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 0, "lending clones nothing, and the last use moves");

    let shared = pass(Counted(Arc::clone(&clones)));
    join((pass(&shared), pass(&shared))).run_in(&quiet()).unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 2, "the handle outside holds the value too");
}

/// Not `Clone`.
struct Unique(u8);

#[task]
fn unique() -> Unique {
    Unique(7)
}

#[task]
fn consume(unique: Unique) -> u8 {
    unique.0
}

#[test]
fn a_value_that_is_not_clone_can_be_moved_and_shared() {
    assert_eq!(unique().run_in(&quiet()).unwrap().0, 7);
    assert_eq!(consume(unique()).run_in(&quiet()).unwrap(), 7);

    let held = unique();
    let error = held.clone().run_in(&quiet()).err().expect("the value is held twice");
    assert_eq!(error.kind(), ErrorKind::Shared);
    assert!(error.to_string().contains("use `run_shared()`"), "{error}");
    assert_eq!(held.clone().run_shared_in(&quiet()).unwrap().0, 7);

    let error = consume(&held).run_in(&quiet()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shared);
    assert!(error.to_string().contains("takes parameter `unique`"), "{error}");
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it broke")
    }
}

impl std::error::Error for Broken {}

#[task]
fn fails(_n: u64) -> Result<u64, Broken> {
    Err(Broken)
}

#[task]
fn panics(n: u64) -> u64 {
    panic!("{n} is too much")
}

#[test]
fn an_error_names_the_task_the_place_and_the_cause() {
    let error = next(fails(1)).run_in(&quiet()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Task);
    assert_eq!(error.task(), Some("graph::fails"));
    assert!(error.location().unwrap().file().ends_with("graph.rs"));
    assert!(error.downcast_ref::<Broken>().is_some());
    assert!(error.source().is_some());
    let text = error.to_string();
    assert!(text.starts_with("task `graph::fails` (called at "), "{text}");
    assert!(text.ends_with("failed: it broke"), "{text}");
}

#[test]
fn a_panic_becomes_an_error() {
    let error = next(panics(9)).run_in(&quiet()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().ends_with("panicked: 9 is too much"), "{error}");

    let error = next(1).map(|_| -> u8 { panic!("in a map") }).run_in(&quiet()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().contains("the closure of `map` at "), "{error}");
}

#[test]
fn the_first_failure_starts_nothing_more() {
    let (session, log) = logged_with(Session::builder().without_cache().concurrency(1));
    let first = fails(0);
    let rest = join_all((0..100).map(|n| add(n, first.clone().map(|n| n as i64))));
    rest.run_in(&session).unwrap_err();
    assert_eq!(log.count("failed"), 1);
    assert_eq!(log.count("computed"), 0);
}

#[test]
fn a_failed_future_fails_again_without_a_new_computation() {
    let (session, log) = logged();
    let future = fails(3);
    future.clone().run_in(&session).unwrap_err();
    future.run_in(&session).unwrap_err();
    assert_eq!(log.count("failed"), 1);
}

#[task]
fn meet(gate: Arc<Barrier>) -> u32 {
    gate.wait();
    1
}

#[test]
fn independent_nodes_run_at_once() {
    // Each waits for the other: one after the other they would wait for ever.
    let gate = Arc::new(Barrier::new(3));
    let meeting = || meet(Arc::new(Arc::clone(&gate)));
    let session = Session::builder().without_cache().concurrency(3).build().unwrap();
    let (a, b, c) = join((meeting(), meeting(), meeting())).run_in(&session).unwrap();
    assert_eq!(a + b + c, 3);
}

static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static MOST_AT_ONCE: AtomicUsize = AtomicUsize::new(0);

#[task]
fn busy(n: u64) -> u64 {
    let now = AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST_AT_ONCE.fetch_max(now, Ordering::SeqCst);
    std::thread::yield_now();
    AT_ONCE.fetch_sub(1, Ordering::SeqCst);
    n
}

#[test]
fn no_more_than_concurrency_tasks_run_at_once() {
    let session = Session::builder().without_cache().concurrency(2).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| join_all((0..500).map(busy)).run_in(&session).unwrap());
        }
    });
    assert!(MOST_AT_ONCE.load(Ordering::SeqCst) <= 2, "{MOST_AT_ONCE:?}");
}

#[task]
fn fibonacci(n: u64) -> Result<u64, daglite::Error> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = join((fibonacci(n - 1), fibonacci(n - 2))).run()?;
    Ok(a + b)
}

#[test]
fn a_task_that_calls_tasks_never_deadlocks() {
    for concurrency in [1, 2, 7] {
        let session = Session::builder().without_cache().concurrency(concurrency).build().unwrap();
        assert_eq!(fibonacci(12).run_in(&session).unwrap(), 144);
    }
}

#[test]
fn a_task_inside_a_task_runs_in_the_same_session() {
    let (session, log) = logged();
    assert_eq!(fibonacci(5).run_in(&session).unwrap(), 5);
    assert_eq!(log.count("computed fibonacci"), 15);
}

#[task]
fn pair<T: Clone + PartialEq, const N: usize>(value: T, list: &[T]) -> (T, bool) {
    let many = list.iter().filter(|other| **other == value).count() >= N;
    (value, many)
}

#[test]
fn generic_functions_are_tasks() {
    let session = quiet();
    let (text, twice) = pair::<String, 2>("a", ["a".to_string()]).run_in(&session).unwrap();
    assert_eq!((text.as_str(), twice), ("a", false));
    assert!(pair::<u8, 1>(4, vec![4]).run_in(&session).unwrap().1);
}

#[test]
fn the_debug_form_of_a_future_tells_its_state() {
    let future = next(1);
    assert_eq!(format!("{future:?}"), "TaskFuture(graph::next, not run)");
    future.clone().run_in(&quiet()).unwrap();
    assert_eq!(format!("{future:?}"), "TaskFuture(graph::next, done)");
}
