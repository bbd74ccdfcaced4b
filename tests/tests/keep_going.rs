//! Runs that keep going: what does not depend on a failure is done, and all failures are told in one error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use daglite::prelude::*;
use daglite::{Error, ErrorKind};
use daglite_tests::random::{Random, rounds, seed};
use daglite_tests::{Log, in_time, logged, logged_with};

#[task]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse::<u32>()
}

#[task(cache)]
fn double(n: u32) -> u32 {
    2 * n
}

#[task]
fn sum(parts: &[u32]) -> u32 {
    parts.iter().sum()
}

fn going() -> (Session, Log) {
    logged_with(Session::builder().cache(MemoryStore::new()).keep_going(true))
}

#[test]
fn all_that_does_not_depend_on_a_failure_is_done() {
    for concurrency in [1, 4] {
        let builder = Session::builder().cache(MemoryStore::new()).keep_going(true);
        let (session, log) = logged_with(builder.concurrency(concurrency));
        let parts = ["1", "two", "3", "four", "5"].map(|text| double(parse(text)));
        let error = sum(join_all(parts)).run_in(&session).unwrap_err();
        assert_eq!((log.count("computed parse"), log.count("computed double")), (3, 3));
        assert_eq!(log.count("computed sum"), 0);
        assert_eq!(error.failures().len(), 2);
    }
}

#[test]
fn the_first_failure_ends_a_run_that_is_not_told_otherwise() {
    let builder = Session::builder().cache(MemoryStore::new()).concurrency(1);
    let (session, log) = logged_with(builder);
    let parts = ["one", "two", "3", "4", "5"].map(|text| double(parse(text)));
    let error = sum(join_all(parts)).run_in(&session).unwrap_err();
    assert_eq!((log.count("failed"), log.count("computed")), (1, 0));
    assert_eq!(error.failures().len(), 1);
}

#[test]
fn one_error_tells_all_failures_in_the_order_of_the_graph() {
    let (session, _) = going();
    let parts = ["one", "2", "three", ""].map(parse);
    let error = join_all(parts).then(|parts| sum(parts)).run_in(&session).unwrap_err();
    let text = error.to_string();
    assert!(text.ends_with("failed: invalid digit found in string; 2 more failures"), "{text}");
    assert_eq!(error.kind(), ErrorKind::Task);
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    let told: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
    assert!(told[0].ends_with("invalid digit found in string"));
    assert!(told[1].ends_with("invalid digit found in string"));
    assert!(told[2].ends_with("cannot parse integer from empty string"));
    let long = format!("{error:?}");
    assert!(long.starts_with("3 failures\n1. task `keep_going::parse`"), "{long}");
    assert_eq!(long.matches("needed by: task `keep_going::sum`").count(), 3, "{long}");
}

#[test]
fn a_single_failure_is_told_as_ever() {
    let (session, _) = going();
    let error = join((parse("1"), parse("two"))).run_in(&session).unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert!(error.to_string().ends_with("invalid digit found in string"));
}

#[test]
fn one_failure_that_many_need_is_told_once() {
    let (session, _) = going();
    let failing = parse("one");
    let parts = (0..10).map(|_| double(failing.clone()));
    let error = join_all(parts).run_in(&session).unwrap_err();
    assert_eq!(error.failures().len(), 1);
}

#[test]
fn a_graph_without_failures_is_run_as_ever() {
    let (session, _) = going();
    assert_eq!(sum(join_all(["1", "2"].map(parse))).run_in(&session).unwrap(), 3);
}

#[test]
fn a_pause_before_a_retry_is_no_end() {
    #[task(retries = 2, retry_delay = "20ms")]
    fn flaky(calls: &Calls) -> Result<u32, String> {
        if calls.0.fetch_add(1, Ordering::SeqCst) < 2 { Err("busy".to_string()) } else { Ok(1) }
    }
    struct Calls(AtomicU32);

    in_time(|| {
        let (session, log) = going();
        let calls = Arc::new(Calls(AtomicU32::new(0)));
        let error = join((parse("one"), flaky(calls))).run_in(&session).unwrap_err();
        assert_eq!(error.failures().len(), 1);
        assert_eq!(log.count("computed flaky"), 1);
    });
}

#[tokio::test]
async fn async_bodies_in_flight_are_no_end() {
    #[task]
    async fn later(n: u32) -> Result<u32, String> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        if n.is_multiple_of(2) { Ok(n) } else { Err(format!("{n} is odd")) }
    }

    let (session, log) = going();
    let all = join_all((0..20).map(later));
    let error = join((parse("one"), all)).await_in(&session).await.unwrap_err();
    assert_eq!(error.failures().len(), 11);
    assert_eq!(log.count("computed later"), 10);
}

#[test]
fn what_other_runs_are_computing_is_waited_for() {
    #[task(cache, cache_exclude = [gate])]
    fn held(gate: &Gate) -> u32 {
        gate.0.fetch_add(1, Ordering::SeqCst);
        daglite_tests::wait_until(|| gate.0.load(Ordering::SeqCst) > 1);
        7
    }
    #[derive(Clone)]
    struct Gate(Arc<AtomicU32>);

    in_time(|| {
        let (session, log) = going();
        let gate = Gate(Arc::default());
        let (other, first) = (session.clone(), held(gate.clone()));
        let run = std::thread::spawn(move || first.run_in(&other));
        daglite_tests::wait_until(|| gate.0.load(Ordering::SeqCst) == 1);
        let (other, waits) = (session.clone(), double(held(gate.clone())));
        let both = std::thread::spawn(move || join((parse("one"), waits)).run_in(&other));
        daglite_tests::wait_until(|| log.count("wait") == 1 && log.count("failed") == 1);
        gate.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(run.join().unwrap().unwrap(), 7);
        assert!(both.join().unwrap().is_err());
        assert_eq!(log.count("computed double"), 1);
    });
}

/// A node of a random graph: some fail, at once or for a while.
#[task(retries = 2, retry_delay = "0s")]
fn node(number: u32, fails: u32, calls: &Counts, sources: &[u32]) -> Result<u32, String> {
    let call = calls.0[number as usize].fetch_add(1, Ordering::SeqCst);
    if call < fails {
        Err(format!("node {number}"))
    } else {
        Ok(1 + sources.iter().sum::<u32>() % 1000)
    }
}

#[derive(Clone)]
struct Counts(Arc<Vec<AtomicU32>>);

#[test]
fn random_graphs_do_exactly_what_can_be_done() {
    let seed = seed();
    let mut random = Random::new(seed);
    for round in 0..rounds(200) {
        let count = 1 + random.below(30) as usize;
        let concurrency = 1 + random.below(3) as usize;
        let fails: Vec<u32> =
            (0..count).map(|_| [0, 0, 0, 1, 2, 9][random.below(6) as usize]).collect();
        let sources: Vec<Vec<usize>> =
            (0..count).map(|at| (0..at).filter(|_| random.below(5) == 0).collect()).collect();
        let calls = Counts(Arc::new((0..count).map(|_| AtomicU32::new(0)).collect()));
        let mut futures: Vec<TaskFuture<u32>> = Vec::new();
        for at in 0..count {
            let needs = join_all(sources[at].iter().map(|source| futures[*source].clone()));
            futures.push(node(at as u32, fails[at], calls.clone(), needs));
        }
        // What a sequential reading says.
        let mut lost = vec![false; count];
        let mut failures = 0;
        let mut expected_calls = vec![0; count];
        for at in 0..count {
            if sources[at].iter().any(|source| lost[*source]) {
                lost[at] = true;
                continue;
            }
            lost[at] = fails[at] > 2;
            failures += usize::from(lost[at]);
            expected_calls[at] = fails[at].min(2) + 1;
        }
        let session = Session::builder()
            .without_cache()
            .concurrency(concurrency)
            .keep_going(true)
            .build()
            .unwrap();
        let told = in_time(move || join_all(futures).run_in(&session));
        let place = format!("seed {seed}, round {round}");
        match told {
            Ok(_) => assert_eq!(failures, 0, "{place}"),
            Err(error) => assert_eq!(error.failures().len(), failures, "{place}: {error:?}"),
        }
        let counted: Vec<u32> = calls.0.iter().map(|calls| calls.load(Ordering::SeqCst)).collect();
        assert_eq!(counted, expected_calls, "{place}");
    }
}

#[test]
fn a_graph_inside_a_task_keeps_going_too() {
    #[task]
    fn outer() -> Result<u32, Error> {
        sum(join_all(["one", "2", "three"].map(parse))).run()
    }

    let (session, log) = going();
    let error = outer().run_in(&session).unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert!(error.to_string().ends_with("1 more failure"), "{error}");
    assert_eq!(log.count("computed parse"), 1);
    let (session, _) = logged();
    assert!(outer().run_in(&session).is_err());
}
