//! A plan says what a run would do, and does nothing of it.

mod spy_store;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use daglite::prelude::*;
use daglite::{Event, MissReason, Plan, PlannedState};
use spy_store::{Claims, Handle, Spy};

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[task(cache, name = "load")]
fn load(rows: u64) -> Vec<u64> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    (0..rows).collect()
}

#[task(cache, name = "evens")]
fn evens(rows: &[u64]) -> Vec<u64> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    rows.iter().copied().filter(|row| row % 2 == 0).collect()
}

#[task(cache, name = "total")]
fn total(rows: &[u64]) -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    rows.iter().sum()
}

#[task(name = "plain")]
fn plain(n: u64) -> u64 {
    n
}

#[task(cache, name = "square")]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache, name = "sum")]
fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

fn session() -> Session {
    Session::builder().cache(MemoryStore::new()).build().unwrap()
}

fn states(plan: &Plan) -> Vec<(&'static str, &PlannedState)> {
    plan.nodes.iter().map(|node| (node.task, &node.state)).collect()
}

/// The lines of a plan, without the time that hits save.
fn lines(plan: &Plan) -> Vec<String> {
    let text = plan.to_string();
    let line = |line: &str| line.split(" saves ").next().unwrap_or_default().trim().to_owned();
    text.lines().map(line).collect()
}

#[test]
fn a_plan_names_each_task_before_those_that_need_it() {
    let session = session();
    let pipeline = |rows| load(rows).then(evens).then(total);
    let expected = [
        "3 tasks: 1 to compute, 2 unknown",
        "compute  load   no entry yet",
        "unknown  evens  depends on the result of `load`",
        "unknown  total  depends on the result of `load`",
    ];
    assert_eq!(lines(&pipeline(10).plan_in(&session).unwrap()), expected);
    pipeline(10).run_in(&session).unwrap();
    let expected = ["3 tasks: 3 hits", "hit      load", "hit      evens", "hit      total"];
    assert_eq!(lines(&pipeline(10).plan_in(&session).unwrap()), expected);
    let plan = pipeline(11).plan_in(&session).unwrap();
    let expected = "compute  load   argument `rows` changed from 10 to 11";
    assert_eq!(lines(&plan)[1], expected);
    assert!(plan.nodes[0].key.is_some() && plan.nodes[1].key.is_none());
}

#[test]
fn a_plan_of_what_has_run_already_is_ready() {
    let session = session();
    let future = load(10).then(total);
    future.clone().run_in(&session).unwrap();
    let plan = future.plan_in(&session).unwrap();
    assert_eq!(states(&plan), [("total", &PlannedState::Ready)]);
}

#[test]
fn a_plan_runs_nothing_claims_nothing_and_puts_nothing() {
    let spy = Spy::new(Claims::Free);
    let events = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&events);
    let session = Session::builder()
        .cache(Handle(Arc::clone(&spy)))
        .observe(move |_: &Event| {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    load(7).run_in(&session).unwrap();
    spy.forget_seen();
    let (runs, told) = (RUNS.load(Ordering::SeqCst), events.load(Ordering::SeqCst));
    let future = join((load(7).then(evens).also(|_| panic!("looked at")), load(8).then(total)));
    let plan = future.plan_in(&session).unwrap();
    assert_eq!(plan.nodes.len(), 4);
    assert_eq!(plan.hits(), 1);
    let seen = spy.seen();
    assert_eq!((seen.puts, seen.claims, seen.begins, seen.ends.len()), (0, 0, 0, 0));
    assert_eq!((seen.gets, seen.describes), (0, 0));
    assert_eq!(events.load(Ordering::SeqCst), told, "nobody is told of events that are none");
    // Other tests of this file run beside this one.
    assert!(RUNS.load(Ordering::SeqCst) >= runs);
    drop(future);
    assert_eq!(spy.seen().puts, 0);
}

#[test]
fn a_run_after_a_plan_does_what_the_plan_said() {
    let session = session();
    load(5).run_in(&session).unwrap();
    let future = load(5).then(evens).then(total);
    let plan = future.plan_in(&session).unwrap();
    let computed = |plan: &Plan| {
        let computes = |state: &PlannedState| {
            matches!(state, PlannedState::WouldCompute(_) | PlannedState::Unknown { .. })
        };
        plan.nodes.iter().filter(|node| computes(&node.state)).count() as u64
    };
    let outcome = future.outcome_in(&session).unwrap();
    assert_eq!((outcome.summary.hits, outcome.summary.computed), (1, computed(&plan)));
    assert_eq!(outcome.value, 6);
}

#[test]
fn what_is_not_cached_would_run_and_what_follows_is_unknown() {
    let session = session();
    let plan = plain(4).then(square).plan_in(&session).unwrap();
    let after = PlannedState::Unknown { after: "plain" };
    assert_eq!(states(&plan), [("plain", &PlannedState::WouldRun), ("square", &after)]);
    let uncached = Session::builder().without_cache().build().unwrap();
    let plan = square(4).plan_in(&uncached).unwrap();
    assert_eq!(states(&plan), [("square", &PlannedState::WouldRun)]);
    assert_eq!(lines(&plan), ["1 task: 1 to compute", "compute  square  not cached"]);
}

#[test]
fn joins_closures_and_refreshes_are_planned() {
    let session = session();
    let all = || join_all((0..3).map(square));
    all().then(sum).run_in(&session).unwrap();
    assert_eq!(all().then(sum).plan_in(&session).unwrap().hits(), 4);

    let plan = all().map(|all| all).then(sum).plan_in(&session).unwrap();
    let after = PlannedState::Unknown { after: "map" };
    assert_eq!(plan.nodes.last().map(|node| &node.state), Some(&after));

    let plan = square(2).and_then(square).plan_in(&session).unwrap();
    let after = PlannedState::Unknown { after: "and_then" };
    assert_eq!(states(&plan)[1], ("and_then", &after));

    let plan = square(2).refresh().plan_in(&session).unwrap();
    let refreshed = PlannedState::WouldCompute(MissReason::Refreshed);
    assert_eq!(states(&plan), [("square", &refreshed)]);
}

#[test]
fn neighbours_that_are_alike_share_a_line() {
    let session = session();
    let plan = join_all((0..1000).map(square)).plan_in(&session).unwrap();
    let expected = ["1000 tasks: 1000 to compute", "compute  square  no entry yet (× 1000)"];
    assert_eq!(lines(&plan), expected);
}

#[test]
fn a_wide_graph_is_looked_for_many_at_once() {
    let spy = Spy::new(Claims::Alone);
    let session = Session::builder().cache(Handle(Arc::clone(&spy))).build().unwrap();
    let plan = join_all((0..10_000).map(square)).plan_in(&session).unwrap();
    assert_eq!(plan.nodes.len(), 10_000);
    let seen = spy.seen();
    assert_eq!((seen.keys, seen.histories), (10_000, 1));
    assert!(seen.finds <= 50, "{} questions", seen.finds);
}

#[test]
fn a_chain_of_a_million_is_planned() {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let session = session();
        let mut chain = square(1);
        for _ in 1..1_000_000 {
            chain = plain(chain);
        }
        let plan = chain.plan_in(&session).unwrap();
        drop(chain);
        send.send(plan.nodes.len()).unwrap();
    });
    let nodes = receive.recv_timeout(Duration::from_secs(120)).expect("it hangs, or it panicked");
    assert_eq!(nodes, 1_000_000);
}

#[test]
fn a_chain_of_hits_is_planned_to_its_end() {
    let session = session();
    let chain = || (0..2_000).fold(square(1), |chain, _| square(chain));
    chain().run_in(&session).unwrap();
    assert_eq!(chain().plan_in(&session).unwrap().hits(), 2_001);
}

#[test]
fn a_plan_inside_an_async_runtime_is_an_error_that_says_what_to_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { square(1).plan_in(&session()).unwrap_err() });
    assert!(error.to_string().contains("spawn_blocking"), "{error}");
}

#[test]
fn a_store_that_fails_is_the_reason() {
    let spy = Spy::new(Claims::Alone);
    spy.find_fails.store(true, Ordering::SeqCst);
    let session = Session::builder().cache(Handle(Arc::clone(&spy))).build().unwrap();
    let plan = join_all((0..3).map(square)).plan_in(&session).unwrap();
    let failed = MissReason::StoreFailed("too many at once: ask for one".to_owned());
    assert_eq!(plan.nodes[0].state, PlannedState::WouldCompute(failed));
}
