//! Runs that are dropped while they run, and bodies that take too long or are tried again, in many orders of the threads.

extern crate daglite_interleavings as daglite;

mod scenes;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::sync::{Waits, explore};
use daglite::{ErrorKind, Event};
use scenes::{Bell, Count, all_places_are_there, built, plain};
use shuttle::thread;

#[task]
async fn hears(bell: Bell, calls: Count) -> u64 {
    calls.add();
    bell.heard().await;
    5
}

#[task]
fn add(a: u64, b: u64, calls: &Count) -> u64 {
    calls.add();
    thread::yield_now();
    a + b
}

/// Polls `run` so many times, and drops it.
fn poll_and_drop<F: Future>(run: F, polls: usize) {
    let mut run = pin!(run);
    for _ in 0..polls {
        if run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        thread::yield_now();
    }
}

/// Shows: a body whose run is dropped goes to a run that waits for it (`hand_over` that never finds an heir: the other run is
/// cancelled), and is polled there though it was woken meanwhile (without `poll_soon` in `adopt`: nobody can go on).
#[test]
fn a_body_whose_run_is_dropped_goes_on_in_another_run() {
    explore(Waits::Endless, 1500, || {
        let session = plain(1);
        let (bell, calls) = (Bell::default(), Count::default());
        let shared = hears(bell.clone(), calls.clone());
        let other = {
            let future = add(shared.clone(), 1, calls.clone());
            let session = session.clone();
            thread::spawn(move || future.run_in(&session))
        };
        let dropped = {
            let (session, shared) = (session.clone(), shared.clone());
            thread::spawn(move || poll_and_drop(shared.await_in(&session), 2))
        };
        bell.ring();
        dropped.join().unwrap();
        match other.join().unwrap() {
            Ok(value) => assert_eq!((value, calls.now()), (6, 2)),
            // The body was dropped with its run before the other one came.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
        }
        drop(shared);
        all_places_are_there(&session, 1);
    });
}

/// Shows: helpers of a run that is dropped find that there is nothing left (`cancelled` not set in `drop`: bodies begin that nobody wants).
#[test]
fn a_run_that_is_dropped_at_any_moment_leaves_nothing_behind() {
    for polls in [0, 1, 3] {
        explore(Waits::Endless, 500, move || {
            let session = plain(2);
            let calls = Count::default();
            let chains = (0..3).map(|n| add(add(n, 1, calls.clone()), 1, calls.clone()));
            poll_and_drop(join_all(chains).await_in(&session), polls);
            all_places_are_there(&session, 2);
            assert!(calls.now() <= 6);
        });
    }
}

/// Moves the clock until `done`.
fn moves(hands: ClockHands, done: Arc<AtomicBool>) {
    while !done.load(Ordering::SeqCst) {
        hands.advance(Duration::from_secs(60));
        thread::yield_now();
    }
}

/// A session by a clock that another thread moves while `work` runs in it.
fn while_time_goes_by<R>(places: usize, work: impl FnOnce(&Session) -> R) -> R {
    let (clock, hands) = Clock::manual();
    let session = built(Session::builder().without_cache().concurrency(places).clock(clock));
    let done = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&done);
    let mover = thread::spawn(move || moves(hands, ends));
    let result = work(&session);
    done.store(true, Ordering::SeqCst);
    mover.join().unwrap();
    all_places_are_there(&session, places);
    result
}

#[task(retries = 2, retry_delay = "10s")]
fn flaky(calls: &Count) -> Result<usize, String> {
    let calls = calls.add();
    if calls < 3 { Err("busy".to_owned()) } else { Ok(calls) }
}

/// Shows: a clock that is moved while a pause begins ends it (`moved` that does not take the lock: nobody can go on, unless the clock
/// is moved again).
#[test]
fn a_body_is_tried_again_when_its_pause_is_over() {
    for places in [1, 2] {
        explore(Waits::Endless, 400, move || {
            let calls = Count::default();
            let tries = calls.clone();
            let answer = while_time_goes_by(places, move |session| {
                join((flaky(tries.clone()), add(1, 2, Count::default()))).run_in(session)
            });
            assert_eq!(answer.unwrap(), (3, 3));
            assert_eq!(calls.now(), 3);
        });
    }
}

#[task(timeout = "30s")]
async fn waits_for_ever(bell: Bell) -> u64 {
    bell.heard().await;
    5
}

/// Shows: the timer of an `async` body has it dropped by whoever polls it (`timed_out` set after the wake in `end_after`: nobody can
/// go on).
#[test]
fn an_async_body_that_takes_too_long_is_dropped() {
    explore(Waits::Endless, 800, || {
        let error = while_time_goes_by(1, |session| {
            waits_for_ever(Bell::default()).run_in(session).unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[task(timeout = "30s")]
fn waits_for(count: &Count) -> usize {
    count.wait_for(1);
    1
}

/// The end of the body and its time race: one of them tells.
///
/// Shows: whoever is first has the say (`clone` in place of `take` in `time_out`: it comes back twice), and the place of the
/// abandoned body is neither lost nor there twice (without `take_again`).
#[test]
fn a_sync_body_that_takes_too_long_is_abandoned_and_its_place_is_not() {
    for places in [1, 2] {
        explore(Waits::Endless, 800, move || {
            let count = Count::default();
            let (opens, waits) = (count.clone(), count.clone());
            let opener = thread::spawn(move || opens.add());
            let result = while_time_goes_by(places, |session| waits_for(waits).run_in(session));
            match result {
                Ok(value) => assert_eq!(value, 1),
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
            opener.join().unwrap();
        });
    }
}

/// Observers have threads of their own, and waits with an end.
///
/// Shows: the end of a run waits until all is heard (`heard` that does nothing: an event is missing).
#[test]
fn an_observer_is_told_all_before_the_run_is_over() {
    explore(Waits::Ending, 400, || {
        let (told, sees) = (Count::default(), Count::default());
        let seen = told.clone();
        let observer = move |event: &Event| {
            if matches!(event, Event::Computed { .. }) {
                seen.add();
            }
        };
        let session = built(Session::builder().without_cache().concurrency(2).observe(observer));
        let all = join_all((0..3).map(|n| add(n, 1, sees.clone())));
        assert_eq!(all.run_in(&session).unwrap(), [1, 2, 3]);
        assert_eq!((told.now(), sees.now()), (3, 3));
    });
}
