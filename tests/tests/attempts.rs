//! Bodies that are run again when they fail: which, how often, after what pauses, and what goes on meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{Error, ErrorKind, Event, IntoDuration, SessionBuilder};
use daglite_tests::{Log, in_time, logged, logged_with, wait_until};

/// Fails so many times, and counts how often it is asked.
#[derive(Clone, Default)]
struct Line(Arc<(AtomicU32, AtomicU32)>);

impl Line {
    fn busy(times: u32) -> Self {
        let line = Self::default();
        line.0.0.store(times, Ordering::SeqCst);
        line
    }

    fn call(&self) -> Result<u32, String> {
        let calls = self.0.1.fetch_add(1, Ordering::SeqCst) + 1;
        let left =
            self.0.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_or(Ok(calls), |_| Err("the line is busy".to_string()))
    }

    fn calls(&self) -> u32 {
        self.0.1.load(Ordering::SeqCst)
    }
}

#[task(retries = 3, retry_delay = "0s")]
fn dial(line: &Line) -> Result<u32, String> {
    line.call()
}

#[task(cache, cache_exclude = [line], retries = 3, retry_delay = "10s")]
fn kept(number: u32, line: &Line) -> Result<u32, String> {
    line.call().map(|calls| number + calls)
}

#[task(retries = 3, retry_delay = "0s")]
async fn dial_async(line: Line) -> Result<u32, String> {
    tokio::task::yield_now().await;
    line.call()
}

/// A session whose clock is moved by hand, and its hands.
fn by_hand(builder: SessionBuilder) -> (Session, Log, ClockHands) {
    let (clock, hands) = Clock::manual();
    let (session, log) = logged_with(builder.cache(MemoryStore::new()).clock(clock));
    (session, log, hands)
}

#[test]
fn a_body_that_fails_is_run_again_until_it_does_not() {
    let (session, log) = logged();
    let line = Line::busy(3);
    assert_eq!(dial(line.clone()).run_in(&session).unwrap(), 4);
    assert_eq!(
        log.take(),
        [
            "retried dial: attempt 1, 3 retries",
            "retried dial: attempt 2, 3 retries",
            "retried dial: attempt 3, 3 retries",
            "computed dial",
        ]
    );
}

#[test]
fn the_last_failure_is_the_error_and_tells_how_many_attempts_there_were() {
    let (session, log) = logged();
    let line = Line::busy(100);
    let error = dial(line.clone()).run_in(&session).unwrap_err();
    assert_eq!((line.calls(), error.attempts(), error.kind()), (4, 4, ErrorKind::Task));
    let text = error.to_string();
    assert!(text.ends_with(", 4 attempts) failed: the line is busy"), "{text}");
    assert_eq!((log.count("retried"), log.count("failed")), (3, 1));
}

fn is_busy<E: ToString>(error: &E) -> bool {
    error.to_string().contains("busy")
}

#[task(retries = 5, retry_delay = "0s", retry_if = is_busy)]
fn picky(line: &Line, what: &str) -> Result<u32, String> {
    line.call().map_err(|_| what.to_string())
}

#[test]
fn retry_if_says_which_errors_are_worth_another_try() {
    let (session, _) = logged();
    let (busy, dead) = (Line::busy(2), Line::busy(2));
    assert_eq!(picky(busy.clone(), "busy").run_in(&session).unwrap(), 3);
    let error = picky(dead.clone(), "dead").run_in(&session).unwrap_err();
    assert_eq!((dead.calls(), error.attempts()), (1, 1));
}

#[task(retries = 2, retry_delay = "0s")]
fn trips(line: &Line) -> u32 {
    line.call().expect("the line is free")
}

#[task(retries = 2, retry_delay = "0s", retry_if = is_busy)]
fn trips_picky(line: &Line) -> Result<u32, String> {
    Ok(line.call().expect("the line is free"))
}

#[test]
fn a_panic_is_a_failure_like_others_unless_there_is_a_retry_if() {
    let (session, _) = logged();
    assert_eq!(trips(Line::busy(2)).run_in(&session).unwrap(), 3);
    let error = trips(Line::busy(3)).run_in(&session).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Panic, 3));
    let error = trips_picky(Line::busy(1)).run_in(&session).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Panic, 1));
}

/// The pauses before eight retries of a call in a session with this seed: the clock is moved by each, and by no more.
fn pauses(seed: u64) -> Vec<Duration> {
    let (clock, hands) = Clock::manual();
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&pauses);
    let observer = move |event: &Event| {
        if let Event::Retried { delay, .. } = event {
            seen.lock().unwrap().push(*delay);
            hands.advance(*delay);
        }
    };
    let session =
        Session::builder().without_cache().clock(clock).jitter_seed(seed).observe(observer).build();
    let call = dial(Line::busy(8)).retries(8).retry_delay("10s");
    assert_eq!(call.run_in(&session.unwrap()).unwrap(), 9);
    std::mem::take(&mut *pauses.lock().unwrap())
}

#[test]
fn pauses_are_random_below_a_ceiling_that_doubles_up_to_a_minute() {
    in_time(|| {
        let mut longest = [Duration::ZERO; 8];
        for seed in 0..50 {
            let pauses = pauses(seed);
            for (at, (pause, ceiling)) in
                pauses.iter().zip([10, 20, 40, 60, 60, 60, 60, 60]).enumerate()
            {
                assert!(*pause <= Duration::from_secs(ceiling), "retry {at}: {pause:?}");
                longest[at] = longest[at].max(*pause);
            }
        }
        // Of fifty random times the longest is in the upper half, but once in 2^50.
        for (longest, ceiling) in longest.iter().zip([10, 20, 40, 60, 60, 60, 60, 60]) {
            assert!(*longest > Duration::from_secs(ceiling) / 2, "{longest:?} of {ceiling} s");
        }
    });
}

#[test]
fn the_same_seed_makes_the_same_pauses() {
    in_time(|| {
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    });
}

#[task]
fn moves_the_clock(hands: &Hands) -> u32 {
    hands.0.advance(Duration::from_secs(60));
    1
}

struct Hands(ClockHands);

#[test]
fn a_pause_holds_no_thread_and_no_place() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder().concurrency(1));
        let both = join((kept(1, Line::busy(1)), moves_the_clock(Hands(hands))));
        assert_eq!(both.run_in(&session).unwrap(), (3, 1));
        assert_eq!(log.count("retried"), 1);
    });
}

#[test]
fn a_pause_inside_a_task_holds_no_place_either() {
    #[task]
    fn outer(line: &Line, hands: &Hands) -> Result<(u32, u32), Error> {
        join((kept(2, line.clone()), moves_the_clock(Hands(hands.0.clone())))).run()
    }

    in_time(|| {
        let (session, _, hands) = by_hand(Session::builder().concurrency(1));
        let call = outer(Line::busy(1), Hands(hands));
        assert_eq!(call.run_in(&session).unwrap(), (4, 1));
    });
}

#[test]
fn who_waits_for_the_same_key_gets_what_the_retry_makes() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::busy(1);
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let (session, line) = (session.clone(), line.clone());
                std::thread::spawn(move || kept(5, line).run_in(&session))
            })
            .collect();
        wait_until(|| log.count("retried") == 1 && log.count("wait") == 2);
        hands.advance(Duration::from_secs(10));
        for run in runs {
            assert_eq!(run.join().unwrap().unwrap(), 7);
        }
        assert_eq!((line.calls(), log.count("computed")), (2, 1));
    });
}

#[test]
fn who_waits_for_the_same_key_gets_the_last_error() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::busy(100);
        let first = kept(6, line.clone()).retries(1);
        let second = kept(6, line.clone()).retries(1);
        let other = session.clone();
        let run = std::thread::spawn(move || first.run_in(&other));
        wait_until(|| log.count("retried") == 1);
        let other = session.clone();
        let waiting = std::thread::spawn(move || second.run_in(&other));
        wait_until(|| log.count("wait") == 1);
        hands.advance(Duration::from_secs(10));
        for run in [run, waiting] {
            assert_eq!(run.join().unwrap().unwrap_err().attempts(), 2);
        }
        assert_eq!(line.calls(), 2);
    });
}

#[test]
fn two_runs_of_one_future_share_its_attempts() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::busy(1);
        let future = kept(7, line.clone());
        let (again, other) = (future.clone(), session.clone());
        let run = std::thread::spawn(move || again.run_in(&other));
        wait_until(|| log.count("retried") == 1);
        let other = session.clone();
        let second = std::thread::spawn(move || future.run_in(&other));
        hands.advance(Duration::from_secs(10));
        assert_eq!(run.join().unwrap().unwrap(), 9);
        assert_eq!(second.join().unwrap().unwrap(), 9);
        assert_eq!(line.calls(), 2);
    });
}

/// Begins a run of `future`, and drops it in the pause before its last retry of `retries`.
fn drop_in_a_pause(
    future: TaskFuture<u32>,
    session: &Session,
    log: &Log,
    hands: &ClockHands,
    retries: usize,
) {
    let mut run = Box::pin(future.await_in(session));
    let mut context = Context::from_waker(Waker::noop());
    for retry in 1..=retries {
        wait_until(|| {
            assert!(run.as_mut().poll(&mut context).is_pending());
            log.count("retried") == retry
        });
        if retry < retries {
            hands.advance(Duration::from_secs(60));
        }
    }
    drop(run);
}

#[test]
fn a_dropped_run_frees_the_key_that_it_was_to_try_again() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::busy(1);
        drop_in_a_pause(kept(8, line.clone()), &session, &log, &hands, 1);
        // The clock stands still: who waited for the pause would wait for ever.
        assert_eq!(kept(8, line).run_in(&session).unwrap(), 10);
    });
}

#[test]
fn a_future_whose_run_was_dropped_in_a_pause_can_be_run_again() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::busy(1);
        let future = kept(9, line.clone());
        drop_in_a_pause(future.clone(), &session, &log, &hands, 1);
        assert_eq!(future.run_in(&session).unwrap(), 11);
    });
}

#[test]
fn the_failure_of_another_task_ends_the_run_in_the_pause() {
    #[task]
    fn fails(_after: u32) -> Result<u32, String> {
        Err("it is over".to_string())
    }

    in_time(|| {
        let (session, log, _hands) = by_hand(Session::builder());
        let line = Line::busy(100);
        let error = join((kept(10, line.clone()), fails(1))).run_in(&session).unwrap_err();
        assert!(error.to_string().ends_with("it is over"), "{error}");
        assert!(log.count("retried") <= 1 && line.calls() <= 1);
        // And the key is free.
        let line = Line::busy(0);
        assert_eq!(kept(10, line).run_in(&session).unwrap(), 11);
    });
}

/// A value that cannot be encoded.
#[derive(Clone)]
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it has no bytes"))
    }
}

impl<'de> serde::Deserialize<'de> for Unwritable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[test]
fn the_writing_of_a_result_is_no_attempt() {
    #[task(cache, cache_exclude = [line], retries = 3, retry_delay = "0s")]
    fn unwritable(line: &Line) -> Result<Unwritable, String> {
        line.call().map(|_| Unwritable)
    }

    let (session, log) = logged();
    let line = Line::default();
    assert!(unwritable(line.clone()).run_in(&session).is_ok());
    assert_eq!((line.calls(), log.count("retried"), log.count("warning")), (1, 0, 1));
}

#[test]
fn async_bodies_are_run_again_in_a_blocking_run() {
    let (session, log) = logged_with(Session::builder().without_cache());
    #[task(retries = 3, retry_delay = "1ms")]
    async fn plain(line: Line) -> Result<u32, String> {
        line.call()
    }
    assert_eq!(in_time(move || plain(Line::busy(3)).run_in(&session)).unwrap(), 4);
    assert_eq!(log.count("retried"), 3);
}

#[tokio::test]
async fn async_bodies_are_run_again_under_await() {
    let (session, log) = logged();
    let calls = join_all((0..20).map(|busy| dial_async(Line::busy(busy % 4))));
    let expected: Vec<u32> = (0..20).map(|busy| busy % 4 + 1).collect();
    assert_eq!(calls.await_in(&session).await.unwrap(), expected);
    assert_eq!(log.count("retried"), 30);
}

/// Counts its clones.
struct Counted(Arc<AtomicU32>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

#[test]
fn the_last_possible_attempt_gets_the_arguments_themselves() {
    #[task(retries = 2, retry_delay = "0s")]
    fn takes(counted: Counted, line: &Line) -> Result<u32, String> {
        drop(counted);
        line.call()
    }

    let (session, _) = logged();
    for (busy, clones) in [(0, 1), (1, 2), (2, 2)] {
        let counted = Arc::new(AtomicU32::new(0));
        takes(Counted(Arc::clone(&counted)), Line::busy(busy)).run_in(&session).unwrap();
        assert_eq!(counted.load(Ordering::SeqCst), clones, "busy {busy} times");
    }
}

#[test]
fn a_call_says_for_itself_how_often() {
    let (session, _) = logged();
    let line = Line::busy(1);
    assert!(dial(line.clone()).retries(0).run_in(&session).is_err());
    assert_eq!(line.calls(), 1);
    let line = Line::busy(6);
    assert_eq!(dial(line).retries(6).run_in(&session).unwrap(), 7);
}

#[test]
fn calls_that_nobody_watches_are_tried_again_too() {
    #[task]
    fn once(line: &Line) -> Result<u32, String> {
        line.call()
    }

    // No key, no observer, many at once: the shortest way through the engine.
    let session = Session::builder().without_cache().concurrency(2).build().unwrap();
    let by_task = join_all((0..500).map(|at| dial(Line::busy(at % 4))));
    let expected: Vec<u32> = (0..500).map(|at| at % 4 + 1).collect();
    assert_eq!(by_task.run_in(&session).unwrap(), expected);
    let by_call = (0..500).map(|at| once(Line::busy(at % 4)).retries(3).retry_delay("0s"));
    assert_eq!(join_all(by_call).run_in(&session).unwrap(), expected);
    let in_time = (0..500).map(|at| once(Line::busy(at % 4)).retries(3).timeout("1h"));
    assert_eq!(
        join_all(in_time.map(|call| call.retry_delay("0s"))).run_in(&session).unwrap(),
        expected
    );
}

#[test]
fn what_a_future_says_reaches_the_task_behind_it_and_not_its_arguments() {
    #[task]
    fn twice(number: u32, line: &Line) -> Result<u32, String> {
        line.call().map(|_| 2 * number)
    }
    #[task]
    fn once(line: &Line) -> Result<u32, String> {
        line.call()
    }

    let (session, _) = logged();
    let call = once(Line::default()).then(|n| twice(n, Line::busy(2))).map(|n| n + 1);
    assert_eq!(call.retries(2).retry_delay("0s").run_in(&session).unwrap(), 3);
    let call = once(Line::busy(1)).then(|n| twice(n, Line::default()));
    assert!(call.retries(2).retry_delay("0s").run_in(&session).is_err());
}

#[test]
fn an_argument_that_cannot_be_given_twice_is_a_clear_error() {
    struct Ticket;

    #[task]
    fn enter(ticket: Ticket) -> u32 {
        let Ticket = ticket;
        1
    }

    let (session, log) = logged();
    assert_eq!(enter(Ticket).run_in(&session).unwrap(), 1);
    let error = enter(Ticket).retries(1).run_in(&session).unwrap_err();
    assert_eq!((error.kind(), log.count("retried")), (ErrorKind::Shared, 0));
    let text = error.to_string();
    assert!(text.contains("but the value is kept for a retry and"), "{text}");
}

#[test]
fn a_text_that_is_no_time_fails_the_run_and_says_where() {
    let (session, _) = logged();
    let line = Line::default();
    for (call, text) in [
        (dial(line.clone()).retry_delay("soon"), "`retry_delay` at tests/tests/attempts.rs:"),
        (dial(line.clone()).timeout("30"), "`timeout` at tests/tests/attempts.rs:"),
        (dial(line.clone()).timeout(Duration::ZERO), "no body ends in no time: write a longer one"),
    ] {
        let error = call.run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().replace('\\', "/").contains(text), "{error}");
    }
    assert_eq!(line.calls(), 0);
    assert_eq!("1h30m".into_duration().unwrap(), Duration::from_secs(5400));
}

#[test]
fn a_refreshed_call_stays_refreshed_through_its_retries() {
    in_time(|| {
        let (session, log, hands) = by_hand(Session::builder());
        let line = Line::default();
        assert_eq!(kept(11, line.clone()).run_in(&session).unwrap(), 12);
        let busy = Line::busy(2);
        let refreshed = kept(11, busy.clone()).refresh();
        drop_in_a_pause(refreshed.clone(), &session, &log, &hands, 2);
        assert_eq!(refreshed.run_in(&session).unwrap(), 14);
        assert_eq!(busy.calls(), 3);
    });
}
