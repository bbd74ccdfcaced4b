//! What a store is told of runs: when they begin and end, what they used; and what it tells users.

mod spy_store;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use daglite::Digest;
use daglite::prelude::*;
use daglite_tests::{Log, logged_with};
use spy_store::{Claims, Handle, Spy, until};

#[task(cache)]
fn work(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn around(n: u64) -> Result<u64, daglite::Error> {
    Ok(work(n).run()? + work(n + 1).run()?)
}

#[task]
fn plain(n: u64) -> u64 {
    n
}

#[task(cache)]
async fn forever(n: u64) -> u64 {
    std::future::pending::<()>().await;
    n
}

fn on(spy: &Arc<Spy>) -> (Session, Log) {
    logged_with(Session::builder().cache(Handle(Arc::clone(spy))).concurrency(2))
}

#[test]
fn a_run_returns_after_its_store_has_ended_it() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy);
    work(3).run_in(&session).unwrap();
    assert_eq!(spy.ended.load(Ordering::SeqCst), 1);
    work(3).run_in(&session).unwrap();
    assert_eq!(spy.ended.load(Ordering::SeqCst), 2);
    let seen = spy.seen();
    assert_eq!(seen.begins, 2);
    let counts: Vec<_> = seen.ends.iter().map(|(end, _)| (end.hits, end.misses)).collect();
    assert_eq!(counts, [(0, 1), (1, 0)]);
}

#[test]
fn an_awaited_run_does_so_too_and_its_runtime_is_not_held_up() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for round in 1..20 {
        runtime.block_on(async { work(3).await_in(&session).await.unwrap() });
        assert_eq!(spy.ended.load(Ordering::SeqCst), round);
    }
    let here = thread::current().id();
    assert!(spy.seen().ends.iter().all(|(_, thread)| *thread != here));
}

#[test]
fn runs_inside_bodies_belong_to_the_run_around_them() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy);
    around(3).run_in(&session).unwrap();
    let seen = spy.seen();
    assert_eq!((seen.begins, seen.ends.len()), (1, 1));
    assert_eq!((seen.ends[0].0.hits, seen.ends[0].0.misses), (0, 3));
}

#[test]
fn a_run_inside_a_body_of_another_session_is_a_run_of_its_own() {
    let (inner, outer) = (Spy::new(Claims::Alone), Spy::new(Claims::Alone));
    let (inside, _) = on(&inner);
    let (session, _) = on(&outer);
    let nested = plain(1).and_then(move |n| {
        let squared = work(n).run_in(&inside);
        squared.map(plain).unwrap()
    });
    join((nested, work(2))).run_in(&session).unwrap();
    assert_eq!((inner.seen().begins, inner.seen().ends.len()), (1, 1));
    assert_eq!((outer.seen().begins, outer.seen().ends.len()), (1, 1));
}

#[test]
fn what_memory_answered_is_reported_as_used() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy);
    let keys = Arc::new(std::sync::Mutex::new(Vec::<Digest>::new()));
    join_all((0..5).map(work)).run_in(&session).unwrap();
    assert!(spy.seen().ends[0].0.used.is_empty());
    spy.forget_seen();
    let seen = Arc::clone(&keys);
    drop(session);
    let session = Session::builder()
        .cache(Handle(Arc::clone(&spy)))
        .observe(move |event: &daglite::Event| {
            if let daglite::Event::Hit { key, .. } = event {
                seen.lock().unwrap().push(*key);
            }
        })
        .build()
        .unwrap();
    join_all((0..5).map(work)).run_in(&session).unwrap();
    keys.lock().unwrap().clear();
    join_all((0..5).map(work)).run_in(&session).unwrap();
    let ends = spy.seen().ends;
    assert!(ends[0].0.used.is_empty(), "the store was asked itself");
    let sorted = |mut keys: Vec<Digest>| {
        keys.sort();
        keys
    };
    assert_eq!(sorted(ends[1].0.used.clone()), sorted(keys.lock().unwrap().clone()));
    assert_eq!((ends[1].0.used.len(), ends[1].0.hits), (5, 5));
}

#[test]
fn a_run_that_asks_the_store_nothing_is_not_told_to_it() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = on(&spy);
    plain(1).run_in(&session).unwrap();
    assert_eq!((spy.seen().begins, spy.seen().ends.len()), (0, 0));
}

#[test]
fn a_failed_and_a_dropped_run_end_too() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = on(&spy);
    work(1).map(|_| -> u64 { panic!("after a miss") }).run_in(&session).unwrap_err();
    assert_eq!((spy.seen().begins, spy.seen().ends.len()), (1, 1));

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let begun = async {
            while log.count("miss forever") == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            value = forever(1).await_in(&session) => panic!("{value:?}"),
            () = begun => {}
        }
    });
    until("the dropped run ends", || spy.seen().ends.len() == 2);
    assert_eq!(spy.seen().begins, 2);
}

#[test]
fn an_end_that_fails_is_one_warning_and_no_failed_run() {
    let spy = Spy::new(Claims::Alone);
    spy.end_fails.store(true, Ordering::SeqCst);
    let (session, log) = on(&spy);
    for n in 0..3 {
        assert_eq!(work(n).run_in(&session).unwrap(), n * n);
    }
    let lines = log.take();
    let warnings: Vec<_> = lines.iter().filter(|line| line.starts_with("warning")).collect();
    let [warning] = warnings[..] else { panic!("{lines:?}") };
    assert!(
        warning.contains("the spy") && warning.ends_with("the disk is full: make room"),
        "{warning}"
    );
}

#[test]
fn notices_of_the_store_are_warnings() {
    let spy = Spy::new(Claims::Alone);
    let (session, log) = on(&spy);
    spy.notices.lock().unwrap().push("this folder lies on a network".into());
    let told = Arc::clone(&spy);
    let run = work(3).also(move |_| told.notices.lock().unwrap().push("later".into()));
    run.run_in(&session).unwrap();
    let warnings: Vec<_> =
        log.take().into_iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings, ["warning: this folder lies on a network", "warning: later"]);
}
