//! Bodies that take too long: `async` ones are dropped, sync ones are abandoned, and nobody else suffers.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{Error, ErrorKind, SessionBuilder};
use daglite_tests::{Log, in_time, logged_with, wait_until};

/// What bodies of these tests share: the clock that they move, and a door that they wait at.
#[derive(Clone)]
struct Scene {
    hands: ClockHands,
    door: Arc<Mutex<Receiver<()>>>,
    calls: Arc<AtomicU32>,
    dropped: Arc<AtomicBool>,
}

/// Opens the door, once for each time; for good when dropped.
type Key = Sender<()>;

impl Scene {
    /// Takes a minute by the clock, and then until the door opens.
    fn takes_too_long(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.hands.advance(Duration::from_secs(60));
        let _ = self.door.lock().unwrap().recv();
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Says when it is dropped.
struct Guard(Scene);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::SeqCst);
    }
}

fn scene(builder: SessionBuilder) -> (Session, Log, Scene, Key) {
    let (clock, hands) = Clock::manual();
    let (session, log) = logged_with(builder.cache(MemoryStore::new()).clock(clock));
    let (key, door) = channel();
    let door = Arc::new(Mutex::new(door));
    let scene = Scene { hands, door, calls: Arc::default(), dropped: Arc::default() };
    (session, log, scene, key)
}

#[task(cache, cache_exclude = [scene], timeout = "30s")]
fn slow(number: u32, scene: &Scene) -> u32 {
    scene.takes_too_long();
    number
}

#[task(cache, cache_exclude = [scene], timeout = "30s")]
fn quick(number: u32, scene: &Scene) -> u32 {
    scene.calls.fetch_add(1, Ordering::SeqCst);
    number
}

#[task(timeout = "30s")]
async fn stuck(scene: Scene) -> u32 {
    let guard = Guard(scene);
    guard.0.hands.advance(Duration::from_secs(60));
    pending().await
}

#[test]
fn a_sync_body_is_abandoned_and_its_end_is_told() {
    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder());
        let error = slow(1, scene.clone()).run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text = error.to_string();
        assert!(text.contains("timed out after 30s, and its body still runs, as nothing can stop it: if that is too early"), "{text}");
        assert_eq!(log.count("timed out slow: attempt 1, still running"), 1);
        assert_eq!((log.count("failed"), log.count("ended late")), (1, 0));
        drop(key);
        wait_until(|| log.count("ended late slow") == 1);
        assert_eq!((log.count("computed"), log.count("stored")), (0, 0));
    });
}

#[test]
fn a_result_that_comes_late_is_no_result() {
    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder());
        assert!(slow(2, scene.clone()).run_in(&session).is_err());
        drop(key);
        wait_until(|| log.count("ended late") == 1);
        // The next one is asked again, and is as slow by the clock.
        let _ = slow(2, scene.clone()).run_in(&session);
        assert_eq!((scene.calls(), log.count("hit")), (2, 0));
    });
}

#[test]
fn an_abandoned_body_takes_no_place() {
    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder().concurrency(1));
        for number in 0..4 {
            assert!(slow(number, scene.clone()).run_in(&session).is_err());
        }
        // Four bodies wait at the door, and the one place is free.
        assert_eq!(quick(7, scene.clone()).run_in(&session).unwrap(), 7);
        assert_eq!(log.count("ended late"), 0);
        drop(key);
        wait_until(|| log.count("ended late") == 4);
        let both = join((quick(8, scene.clone()), quick(9, scene))).run_in(&session);
        assert_eq!(both.unwrap(), (8, 9));
    });
}

#[test]
fn bodies_that_have_come_back_take_their_places_again() {
    #[task]
    fn meets(now: &AtomicCount) -> u32 {
        let together = now.0.fetch_add(1, Ordering::SeqCst) + 1;
        (0..50).for_each(|_| std::thread::yield_now());
        now.0.fetch_sub(1, Ordering::SeqCst);
        together
    }
    struct AtomicCount(AtomicU32);

    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder().concurrency(1));
        for number in 0..4 {
            assert!(slow(number, scene.clone()).run_in(&session).is_err());
        }
        drop(key);
        wait_until(|| log.count("ended late") == 4);
        let now = Arc::new(AtomicCount(AtomicU32::new(0)));
        // Several runs, each of which would take a place that is there.
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let (session, now) = (session.clone(), Arc::clone(&now));
                let bodies = (0..50).map(move |_| meets(Arc::clone(&now)));
                std::thread::spawn(move || join_all(bodies).run_in(&session))
            })
            .collect();
        for run in runs {
            let together = run.join().unwrap().unwrap().into_iter().max();
            assert_eq!(together, Some(1), "one place is one place");
        }
    });
}

#[test]
fn an_async_body_is_dropped_when_its_time_is_over() {
    in_time(|| {
        let (session, log, scene, _key) = scene(Session::builder());
        let error = stuck(scene.clone()).run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(scene.dropped.load(Ordering::SeqCst));
        assert_eq!(log.count("timed out stuck: attempt 1, dropped"), 1);
        let text = error.to_string();
        assert!(
            text.contains("timed out after 30s, and its body was dropped: if that is too early"),
            "{text}"
        );
    });
}

#[tokio::test]
async fn an_async_body_is_dropped_under_await_too() {
    let (session, log, scene, _key) = scene(Session::builder());
    let calls = join_all((0..10).map(|_| stuck(scene.clone())));
    let error = calls.await_in(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(log.count("timed out") >= 1);
}

#[tokio::test]
async fn a_sync_body_is_abandoned_under_await_too() {
    let (session, log, scene, key) = scene(Session::builder().concurrency(1));
    let error = slow(1, scene.clone()).await_in(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(key);
    wait_until(|| log.count("ended late") == 1);
}

#[test]
fn each_attempt_has_its_own_time() {
    #[task(timeout = "30s", retries = 2, retry_delay = "0s")]
    fn third_time_lucky(scene: &Scene) -> u32 {
        if scene.calls() < 2 {
            scene.takes_too_long();
        }
        3
    }

    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder());
        assert_eq!(third_time_lucky(scene).run_in(&session).unwrap(), 3);
        assert_eq!(
            log.take(),
            [
                "timed out third_time_lucky: attempt 1, still running",
                "retried third_time_lucky: attempt 1, 2 retries",
                "timed out third_time_lucky: attempt 2, still running",
                "retried third_time_lucky: attempt 2, 2 retries",
                "computed third_time_lucky",
            ]
        );
        drop(key);
        wait_until(|| log.count("ended late") == 2);
    });
}

#[test]
fn the_pause_before_a_retry_is_not_the_bodys_time() {
    in_time(|| {
        let (session, log, scene, _key) = scene(Session::builder());
        let hands = scene.hands.clone();
        #[task(timeout = "30s", retries = 1, retry_delay = "20s")]
        fn second_time_lucky(scene: &Scene) -> Result<u32, String> {
            match scene.calls.fetch_add(1, Ordering::SeqCst) {
                0 => Err("not yet".to_string()),
                _ => Ok(2),
            }
        }
        let run = std::thread::spawn(move || second_time_lucky(scene).run_in(&session));
        wait_until(|| log.count("retried") == 1);
        hands.advance(Duration::from_secs(100));
        assert_eq!(run.join().unwrap().unwrap(), 2);
        assert_eq!(log.count("timed out"), 0);
    });
}

#[test]
fn who_waits_for_the_key_of_a_body_that_times_out_gets_the_error() {
    in_time(|| {
        let (session, log, scene, _key) = scene(Session::builder());
        #[task(cache, cache_exclude = [scene], timeout = "30s")]
        fn late(scene: &Scene) -> u32 {
            scene.calls.fetch_add(1, Ordering::SeqCst);
            let _ = scene.door.lock().unwrap().recv();
            1
        }
        let runs: Vec<_> = (0..2)
            .map(|_| {
                let (session, scene) = (session.clone(), scene.clone());
                std::thread::spawn(move || late(scene).run_in(&session))
            })
            .collect();
        wait_until(|| scene.calls() == 1 && log.count("wait") == 1);
        scene.hands.advance(Duration::from_secs(60));
        for run in runs {
            assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        }
    });
}

#[test]
fn a_body_with_a_timeout_may_run_a_graph_of_its_own_at_any_concurrency() {
    #[task(timeout = "30s")]
    fn outer(scene: &Scene) -> Result<u32, Error> {
        let parts = join_all((0..5).map(|number| quick(number, scene.clone())));
        Ok(parts.run()?.into_iter().sum())
    }

    for concurrency in [1, 2, 8] {
        in_time(move || {
            let (session, _, scene, _key) = scene(Session::builder().concurrency(concurrency));
            assert_eq!(outer(scene.clone()).run_in(&session).unwrap(), 10);
            assert_eq!(scene.calls(), 5);
        });
    }
}

#[test]
fn a_body_in_time_is_like_any_other() {
    in_time(|| {
        let (session, log, scene, _key) = scene(Session::builder());
        for _ in 0..2 {
            assert_eq!(quick(4, scene.clone()).run_in(&session).unwrap(), 4);
        }
        scene.hands.advance(Duration::from_secs(60));
        assert_eq!((scene.calls(), log.count("hit"), log.count("timed out")), (1, 1, 0));
    });
}

#[test]
fn a_run_that_is_dropped_leaves_its_body_to_end_and_be_kept() {
    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder());
        #[task(cache, cache_exclude = [scene], timeout = "30s")]
        fn waits(scene: &Scene) -> u32 {
            scene.calls.fetch_add(1, Ordering::SeqCst);
            let _ = scene.door.lock().unwrap().recv();
            5
        }
        let mut run = Box::pin(waits(scene.clone()).await_in(&session));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        wait_until(|| {
            assert!(run.as_mut().poll(&mut context).is_pending());
            scene.calls() == 1
        });
        drop(run);
        drop(key);
        wait_until(|| log.count("stored waits") == 1);
        assert_eq!(waits(scene).run_in(&session).unwrap(), 5);
        assert_eq!(log.count("hit"), 1);
    });
}

#[test]
fn the_call_may_give_another_time() {
    in_time(|| {
        let (session, log, scene, key) = scene(Session::builder());
        drop(key);
        // A minute by the clock is less than an hour.
        let call = slow(3, scene.clone()).timeout("1h");
        assert_eq!(call.run_in(&session).unwrap(), 3);
        let call = quick(3, scene).timeout(Duration::from_secs(1));
        assert_eq!(call.run_in(&session).unwrap(), 3);
        assert_eq!(log.count("timed out"), 0);
    });
}

#[test]
fn real_time_counts_where_no_clock_is_moved_by_hand() {
    in_time(|| {
        let (session, log) = logged_with(Session::builder().without_cache());
        #[task(timeout = "20ms", retries = 1, retry_delay = "1ms")]
        async fn never() -> u32 {
            pending().await
        }
        let error = never().run_in(&session).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::TimedOut, 2));
        assert_eq!((log.count("timed out"), log.count("retried")), (2, 1));
    });
}
