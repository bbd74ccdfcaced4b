//! `settled`: failures of elements are results, and end nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use daglite::prelude::*;
use daglite::{Error, ErrorKind, SessionBuilder};
use daglite_tests::{in_time, logged_with};

#[task(cache)]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse::<u32>()
}

#[task(cache)]
fn double(n: u32) -> u32 {
    2 * n
}

#[task]
fn break_at(n: u32, bad: u32) -> u32 {
    assert!(n != bad, "{n} is bad");
    n
}

#[task]
async fn away(n: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    if n.is_multiple_of(3) { Err(format!("{n} is lost")) } else { Ok(n) }
}

#[task(timeout = "20ms")]
async fn stuck(n: u32) -> u32 {
    if n == 1 { std::future::pending().await } else { n }
}

fn builders() -> Vec<SessionBuilder> {
    let with = |concurrency, keep_going| {
        let builder = Session::builder().cache(MemoryStore::new()).without_memory();
        builder.concurrency(concurrency).keep_going(keep_going)
    };
    vec![with(1, false), with(1, true), with(3, false), with(3, true)]
}

const TEXTS: [&str; 5] = ["1", "two", "3", "four", "5"];

/// The values, and in the places of failures nothing.
fn values(outcomes: Vec<Result<u32, Error>>) -> Vec<Option<u32>> {
    outcomes.into_iter().map(Result::ok).collect()
}

#[test]
fn failures_keep_their_places_and_end_nothing() {
    for builder in builders() {
        let (session, log) = logged_with(builder);
        let parsed =
            map_each(TEXTS, |text| double(parse(text))).settled().run_in(&session).unwrap();
        let error = parsed[1].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.task()), (ErrorKind::Task, Some("settled::parse")));
        assert!(error.path()[0].what().ends_with("double"), "{error:?}");
        assert_eq!(values(parsed), [Some(2), None, Some(6), None, Some(10)]);
        assert_eq!((log.count("computed double"), log.count("failed parse")), (3, 2));
        // What has not failed is found, and the failures are tried again.
        log.take();
        let again = join_all(TEXTS.map(|text| double(parse(text)))).settled();
        assert_eq!(
            values(again.run_in(&session).unwrap()),
            [Some(2), None, Some(6), None, Some(10)]
        );
        assert_eq!((log.count("computed"), log.count("failed parse")), (0, 2));
    }
}

#[test]
fn panics_and_timeouts_are_failures_too() {
    in_time(|| {
        for builder in builders() {
            let (session, _) = logged_with(builder);
            let broken = map_each(0..4, |n| break_at(n, 2)).settled().run_in(&session).unwrap();
            assert_eq!(broken[2].as_ref().unwrap_err().kind(), ErrorKind::Panic);
            assert_eq!(values(broken), [Some(0), Some(1), None, Some(3)]);
            let late = map_each(0..3, stuck).settled().run_in(&session).unwrap();
            assert_eq!(late[1].as_ref().unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(values(late), [Some(0), None, Some(2)]);
        }
    });
}

#[test]
fn thousands_of_failures_are_settled() {
    in_time(|| {
        for builder in builders() {
            let (session, _) = logged_with(builder);
            let right = |n: u32| (!n.is_multiple_of(3)).then_some(n);
            let each = map_each(0..3000, away).settled().run_in(&session).unwrap();
            assert!(values(each).into_iter().eq((0..3000).map(right)));
            let each = join_all((0..3000).map(away)).settled().run_in(&session).unwrap();
            assert!(values(each).into_iter().eq((0..3000).map(right)));
            let few = map_each(0..3000, away).in_flight(2).settled().run_in(&session).unwrap();
            assert!(values(few).into_iter().eq((0..3000).map(right)));
        }
    });
}

#[test]
fn an_element_that_has_several_failures_fails_once() {
    for builder in builders() {
        let (session, _) = logged_with(builder);
        let both = |n: u32| {
            let pair = join((break_at(n, 1), break_at(n + 1, 2)));
            pair.map(|(a, b)| a + b).then(double)
        };
        let outcomes = map_each(0..4, both).settled().run_in(&session).unwrap();
        assert_eq!(values(outcomes), [Some(2), None, Some(10), Some(14)]);
        let outcomes = join_all((0..4).map(both)).settled().run_in(&session).unwrap();
        assert_eq!(values(outcomes), [Some(2), None, Some(10), Some(14)]);
    }
}

#[test]
fn a_failure_that_others_need_as_well_fails_the_run() {
    for builder in builders() {
        let (session, _) = logged_with(builder);
        let bad = break_at(1, 1);
        let settled = join_all([bad.clone(), break_at(0, 1)]).settled().map(values);
        let both = join((settled, bad));
        let error = both.run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert_eq!(error.failures().len(), 1);
    }
}

#[test]
fn one_failure_settles_in_all_places_where_it_is_needed() {
    for builder in builders() {
        let (session, _) = logged_with(builder);
        let bad = break_at(1, 1);
        let (one, other) = (bad.clone(), bad.then(double));
        let first = map_each(0..3, move |n| if n == 1 { one.clone() } else { break_at(n, 1) });
        let second = join_all([other, double(5)]).settled();
        let (first, second) = join((first.settled(), second)).run_in(&session).unwrap();
        assert_eq!(values(first), [Some(0), None, Some(2)]);
        assert_eq!(values(second), [None, Some(10)]);
    }
}

#[test]
fn settled_lists_lie_inside_of_each_other() {
    for builder in builders() {
        let (session, _) = logged_with(builder);
        let row = |bad: u32| {
            let row = map_each(0..4, move |n| break_at(n, bad)).settled().map(values);
            row.map(move |row| u32::try_from(row.iter().flatten().count()).unwrap() + bad)
        };
        let rows = map_each(2..6, move |bad| row(bad).then(|n| break_at(n, 8)));
        assert_eq!(
            values(rows.settled().run_in(&session).unwrap()),
            [Some(5), Some(6), None, Some(9)]
        );
    }
}

#[test]
fn a_list_that_cannot_be_made_is_no_failure_of_an_element() {
    for builder in builders() {
        let (session, _) = logged_with(builder);
        let list = parse("none").map(|n| vec![n; 3]).map_each(double).settled();
        assert_eq!(list.run_in(&session).unwrap_err().task(), Some("settled::parse"));
        let panics = map_each((0..3).inspect(|n| assert!(*n < 2)), double).settled();
        assert_eq!(panics.run_in(&session).unwrap_err().kind(), ErrorKind::Panic);
    }
}

static BEGUN: AtomicUsize = AtomicUsize::new(0);

#[task]
async fn never(n: u32, gate: Arc<Barrier>) -> u32 {
    BEGUN.fetch_add(1, Ordering::SeqCst);
    gate.wait();
    std::future::pending::<()>().await;
    n
}

#[test]
fn the_end_of_a_run_is_no_failure_of_an_element() {
    in_time(|| {
        let session = Session::builder().without_cache().build().unwrap();
        let gate = Arc::new(Barrier::new(1));
        let hanging = never(1, Arc::new(gate));
        let list = join_all([hanging.clone()]).settled();
        let mut run = Box::pin(hanging.await_in(&session));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while BEGUN.load(Ordering::SeqCst) == 0 {
            assert!(run.as_mut().poll(&mut context).is_pending());
        }
        drop(run);
        assert_eq!(list.run_in(&session).unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn what_cannot_settle_is_an_error_that_says_what_to_do() {
    let session = Session::builder().without_cache().build().unwrap();
    let line = line!() + 1;
    let error = double(1).map(|n| vec![n]).settled().run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(&format!("settled.rs:{line}")), "{error}");
    assert!(error.to_string().contains("right behind a `map_each` or `join_all`"), "{error}");
    let list = map_each(0..3, double);
    let error = list.clone().settled().run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(list.run_in(&session).unwrap(), [0, 2, 4]);
}

#[test]
fn several_runs_settle_the_same_list() {
    in_time(|| {
        for builder in builders() {
            let session = builder.build().unwrap();
            let list = map_each(0..200, away).settled();
            let sum = list.map(|list| list.iter().flatten().sum::<u32>());
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let (sum, session) = (sum.clone(), &session);
                    scope.spawn(move || {
                        let right = (0..200).filter(|n| n % 3 != 0).sum::<u32>();
                        assert_eq!(sum.run_in(session).unwrap(), right);
                    });
                }
            });
        }
    });
}
