//! Whole runs in many orders of the threads: the answer is right, each body runs once, nobody is left waiting, and nothing is lost
//! for those who come after.

extern crate daglite_interleavings as daglite;

mod scenes;

use daglite::prelude::*;
use daglite::sync::{Waits, explore};
use scenes::{Bell, Count, all_places_are_there, built, caching, plain};
use shuttle::future::block_on;
use shuttle::thread;

#[task]
fn start(calls: &Count) -> u64 {
    calls.add();
    1
}

#[task]
fn add(a: u64, b: u64, calls: &Count) -> u64 {
    calls.add();
    thread::yield_now();
    a + b
}

/// Two ways from one node to another: 1, 1 + 10, 1 + 20, 32.
fn diamond(calls: &Count) -> TaskFuture<u64> {
    let top = start(calls.clone());
    let left = add(top.clone(), 10, calls.clone());
    let right = add(top, 20, calls.clone());
    add(left, right, calls.clone())
}

/// Shows: a node lets those go ahead that need it (`finish` that tells the last one alone: nobody can go on).
#[test]
fn a_diamond_is_run_once_and_rightly() {
    for concurrency in [1, 2, 3] {
        explore(Waits::Endless, 600, move || {
            let session = plain(concurrency);
            let calls = Count::default();
            assert_eq!(diamond(&calls).run_in(&session).unwrap(), 32);
            assert_eq!(calls.now(), 4);
            all_places_are_there(&session, concurrency);
        });
    }
}

/// Shows: whoever ends a run wakes its driver (without `wake_driver` in `step_down`: nobody can go on).
#[test]
fn an_awaited_diamond_is_run_once_and_rightly() {
    for concurrency in [1, 2] {
        explore(Waits::Endless, 600, move || {
            let session = plain(concurrency);
            let calls = Count::default();
            let run = diamond(&calls).await_in(&session);
            assert_eq!(block_on(run).unwrap(), 32);
            assert_eq!(calls.now(), 4);
            all_places_are_there(&session, concurrency);
        });
    }
}

#[task]
fn one(number: u64, calls: &Count) -> u64 {
    calls.add();
    number
}

/// Calls that lie in hands, and are taken from them.
///
/// Shows: what is taken from a hand is not in it any more (`clone` of the half in `take_half`: bodies run twice).
#[test]
fn many_small_calls_are_each_run_once() {
    for concurrency in [2, 3] {
        explore(Waits::Endless, 600, move || {
            let session = plain(concurrency);
            let calls = Count::default();
            let all = join_all((0..24).map(|number| one(number, calls.clone())));
            assert_eq!(all.run_in(&session).unwrap(), (0..24).collect::<Vec<_>>());
            assert_eq!(calls.now(), 24);
        });
    }
}

#[task]
fn nests(number: u64, calls: &Count) -> Result<u64, daglite::Error> {
    calls.add();
    let both = join((one(number, calls.clone()), one(number, calls.clone())));
    both.map(|(a, b)| a + b).run()
}

/// Shows: who drives a run inside a body works for it itself (`Place::Idle` for it in `place`: nobody can go on at one place).
#[test]
fn runs_inside_of_bodies_never_block_each_other() {
    for concurrency in [1, 2] {
        explore(Waits::Endless, 600, move || {
            let session = plain(concurrency);
            let calls = Count::default();
            let all = join_all((0..3).map(|number| nests(number, calls.clone())));
            assert_eq!(all.run_in(&session).unwrap(), [0, 2, 4]);
            assert_eq!(calls.now(), 9);
            all_places_are_there(&session, concurrency);
        });
    }
}

#[task]
fn listens(bell: &Bell, calls: &Count) -> Result<u64, daglite::Error> {
    hears(bell.clone(), calls.clone()).run()
}

#[task]
fn rings(bell: &Bell) -> u64 {
    bell.ring();
    7
}

/// Shows: who sleeps in a run inside a body leaves its place to others, in a run that is awaited too (`when_free` that does
/// nothing: nobody can go on).
#[test]
fn a_body_that_sleeps_in_a_run_of_its_own_leaves_its_place_to_others() {
    for awaits in [false, true] {
        explore(Waits::Endless, 600, move || {
            let session = plain(1);
            let (bell, calls) = (Bell::default(), Count::default());
            let both = join((listens(bell.clone(), calls.clone()), rings(bell)));
            let answer = match awaits {
                true => block_on(both.await_in(&session)).unwrap(),
                false => both.run_in(&session).unwrap(),
            };
            assert_eq!((answer, calls.now()), ((5, 7), 1));
            all_places_are_there(&session, 1);
        });
    }
}

/// Shows: who finds a node at work is called when it is settled (a waker put in after the slot was looked at: nobody can go on), and a
/// thread that leaves looks once more for what came meanwhile (`leave` that does nothing: nobody can go on).
#[test]
fn a_graph_that_two_run_at_once_is_computed_once() {
    for (places, awaits) in [(1, true), (2, false)] {
        explore(Waits::Endless, 800, move || {
            let session = plain(places);
            let calls = Count::default();
            let future = diamond(&calls);
            let other = {
                let (session, future) = (session.clone(), future.clone());
                thread::spawn(move || future.run_in(&session).unwrap())
            };
            let answer = match awaits {
                true => block_on(future.await_in(&session)).unwrap(),
                false => future.run_in(&session).unwrap(),
            };
            assert_eq!(answer, 32);
            assert_eq!(other.join().unwrap(), 32);
            assert_eq!(calls.now(), 4);
            all_places_are_there(&session, places);
        });
    }
}

#[task(cache, cache_exclude = [calls])]
fn square(number: u64, calls: &Count) -> u64 {
    calls.add();
    thread::yield_now();
    number * number
}

/// Shows: who gets the right to a key looks once more if a computation has ended since (without the second look in `step_task`: a
/// body runs twice).
#[test]
fn a_key_that_two_runs_want_is_computed_once() {
    for (places, awaits) in [(2, false), (1, true), (2, true)] {
        explore(Waits::Endless, 600, move || {
            let session = caching(places);
            let calls = Count::default();
            let sum = |calls: &Count| {
                join((square(3, calls.clone()), square(3, calls.clone()))).map(|(a, b)| a + b)
            };
            let other = {
                let (session, future) = (session.clone(), sum(&calls));
                thread::spawn(move || future.run_in(&session).unwrap())
            };
            let future = sum(&calls);
            let answer = match awaits {
                true => block_on(future.await_in(&session)).unwrap(),
                false => future.run_in(&session).unwrap(),
            };
            assert_eq!(answer, 18);
            assert_eq!(other.join().unwrap(), 18);
            assert_eq!(calls.now(), 1);
            all_places_are_there(&session, places);
        });
    }
}

#[task(cache, cache_exclude = [depth, calls])]
fn there(depth: u32, calls: &Count) -> Result<u64, daglite::Error> {
    calls.add();
    if depth > 0 {
        back(depth - 1, calls.clone()).run()?;
    }
    Ok(1)
}

#[task(cache, cache_exclude = [depth, calls])]
fn back(depth: u32, calls: &Count) -> Result<u64, daglite::Error> {
    calls.add();
    if depth > 0 {
        there(depth - 1, calls.clone()).run()?;
    }
    Ok(2)
}

/// Shows: a body that would wait in a circle computes by itself (`note_wait` that always says true: nobody can go on).
#[test]
fn bodies_that_want_each_others_keys_do_not_wait_for_ever() {
    for concurrency in [1, 2] {
        explore(Waits::Endless, 800, move || {
            let session = caching(concurrency);
            let calls = Count::default();
            let other = {
                let (session, future) = (session.clone(), there(1, calls.clone()));
                thread::spawn(move || future.run_in(&session).unwrap())
            };
            assert_eq!(back(1, calls.clone()).run_in(&session).unwrap(), 2);
            assert_eq!(other.join().unwrap(), 1);
            assert!((2..=4).contains(&calls.now()));
            all_places_are_there(&session, concurrency);
        });
    }
}

#[task]
async fn hears(bell: Bell, calls: Count) -> u64 {
    calls.add();
    bell.heard().await;
    5
}

#[task]
async fn hears_both(first: Bell, second: Bell, calls: Count) -> u64 {
    calls.add();
    first.heard().await;
    second.heard().await;
    5
}

/// Shows: the driver looks once more after it has begun to listen (one `drive` alone in `poll_running`: nobody can go on), and a waker
/// that comes during a poll has the body polled again (`queued` cleared after the poll in `Flying::poll`: nobody can go on).
#[test]
fn a_body_that_another_thread_wakes_goes_on() {
    for awaits in [false, true] {
        explore(Waits::Endless, 800, move || {
            let session = plain(1);
            let (first, second, calls) = (Bell::default(), Bell::default(), Count::default());
            let hears = hears_both(first.clone(), second.clone(), calls.clone());
            let future = join((hears, diamond(&calls)));
            let rings = thread::spawn(move || [first, second].iter().for_each(Bell::ring));
            let answer = match awaits {
                true => block_on(future.await_in(&session)).unwrap(),
                false => future.run_in(&session).unwrap(),
            };
            assert_eq!(answer, (5, 32));
            rings.join().unwrap();
            all_places_are_there(&session, 1);
        });
    }
}

#[task]
fn fails(number: u64, calls: &Count) -> Result<u64, String> {
    calls.add();
    Err(format!("{number} is too much"))
}

/// Shows: a run ends when it has failed and those at work have ended (`active` that is not taken back in `step_down`: nobody can go
/// on).
#[test]
fn a_failure_while_others_are_at_work_ends_the_run() {
    for keeps_going in [false, true] {
        explore(Waits::Endless, 800, move || {
            let builder = Session::builder().without_cache().concurrency(2);
            let session = built(builder.keep_going(keeps_going));
            let calls = Count::default();
            let all = join((fails(1, calls.clone()), diamond(&calls), fails(2, calls.clone())));
            let error = all.run_in(&session).unwrap_err();
            assert!(error.to_string().contains("is too much"), "{error}");
            if keeps_going {
                assert_eq!((error.failures().len(), calls.now()), (2, 6));
            }
            all_places_are_there(&session, 2);
        });
    }
}
