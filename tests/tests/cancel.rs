//! Cancellation by a token: nothing more is started, what is at work ends and is kept, and nothing else is waited for.

use std::fs;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite::{CancelToken, Error, ErrorKind, Event, SessionBuilder};
use daglite_tests::{Log, in_time, logged_with, wait_until};

mod spy_store;

use spy_store::{Claims, Handle, Spy};

/// What bodies of these tests share: a door that they wait at, and how many have begun.
#[derive(Clone)]
struct Scene {
    token: CancelToken,
    door: Arc<Mutex<Receiver<()>>>,
    begun: Arc<AtomicUsize>,
}

/// Opens the door for good when dropped.
type Key = Sender<()>;

impl Scene {
    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    fn wait(&self) {
        self.begin();
        let _ = self.door.lock().unwrap().recv();
    }
}

fn scene(builder: SessionBuilder) -> (Session, Log, Scene, Key) {
    let token = CancelToken::new();
    let (session, log) = logged_with(builder.cancel_token(&token));
    let (key, door) = mpsc::channel();
    let scene = Scene { token, door: Arc::new(Mutex::new(door)), begun: Arc::default() };
    (session, log, scene, key)
}

fn cached() -> SessionBuilder {
    Session::builder().cache(MemoryStore::new())
}

/// Runs `future` on a thread of its own.
fn start<T: Clone + Send + Sync + 'static>(
    future: TaskFuture<T>,
    session: &Session,
) -> thread::JoinHandle<Result<T, Error>> {
    let session = session.clone();
    thread::spawn(move || future.run_in(&session))
}

#[task(cache, cache_exclude = [scene])]
fn slow(number: u32, scene: &Scene) -> u32 {
    scene.wait();
    number
}

#[task(cache)]
fn double(number: u32) -> u32 {
    2 * number
}

/// Says when it is dropped.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[task]
async fn never(scene: Scene, dropped: Arc<AtomicBool>) -> u32 {
    let _guard = Guard(dropped);
    scene.begin();
    pending().await
}

#[test]
fn what_is_at_work_ends_and_is_kept_and_nothing_more_is_started() {
    in_time(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = || FileStore::builder(folder.path()).open().unwrap();
        let builder = Session::builder().cache(store()).concurrency(2);
        let (session, log, scene, key) = scene(builder);
        let run = start(join((double(slow(1, scene.clone())), double(double(5)))), &session);
        wait_until(|| scene.begun() == 1 && log.count("stored double") == 2);
        scene.token.cancel();
        drop(key);
        let error = run.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(
            error.to_string(),
            "the run was cancelled with 3 tasks done, 0 stopped half-way, 1 not begun: run it again to go on with what the cache has"
        );
        assert_eq!((log.count("stored slow"), log.count("computed double")), (1, 2));
        drop(session);
        let left = fs::read_dir(folder.path().join("v1/tmp")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "a temporary file is left");

        let (session, log) = logged_with(Session::builder().cache(store()));
        assert_eq!(double(slow(1, scene)).run_in(&session).unwrap(), 2);
        assert_eq!((log.count("hit slow"), log.count("computed double")), (1, 1));
    });
}

#[test]
fn an_async_body_is_dropped_and_a_run_that_sleeps_wakes() {
    in_time(|| {
        let (session, log, scene, _key) = scene(cached());
        let dropped = Arc::<AtomicBool>::default();
        let run = start(never(scene.clone(), Arc::new(Arc::clone(&dropped))), &session);
        wait_until(|| scene.begun() == 1);
        scene.token.cancel();
        let error = run.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let text = error.to_string();
        assert!(text.starts_with("task `cancel::never` (called at "), "{text}");
        assert!(
            text.contains("was cancelled with 0 tasks done, 1 stopped half-way, 0 not begun"),
            "{text}"
        );
        assert!(dropped.load(Ordering::SeqCst));
        assert_eq!(log.count("failed"), 0);
    });
}

#[tokio::test]
async fn an_awaited_run_ends_too() {
    let (session, _, scene, _key) = scene(cached());
    let dropped = Arc::<AtomicBool>::default();
    let all = join((never(scene.clone(), Arc::new(Arc::clone(&dropped))), double(3)));
    let run = tokio::spawn(all.await_in(&session));
    while scene.begun() == 0 {
        tokio::task::yield_now().await;
    }
    scene.token.cancel();
    assert_eq!(run.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_body_may_cancel_its_own_run() {
    #[task]
    async fn ends_all(scene: Scene) -> u32 {
        scene.token.cancel();
        pending().await
    }
    #[task]
    fn ends_all_sync(scene: &Scene) -> u32 {
        scene.token.cancel();
        7
    }

    in_time(|| {
        let (session, _, first, _key) = scene(cached());
        assert_eq!(ends_all(first).run_in(&session).unwrap_err().kind(), ErrorKind::Cancelled);
        let (session, log, second, _key) = scene(cached());
        let error = double(ends_all_sync(second)).run_in(&session).unwrap_err();
        assert_eq!((error.kind(), log.count("computed")), (ErrorKind::Cancelled, 1));
    });
}

#[test]
fn a_long_sync_body_can_ask_and_end() {
    #[task(cache, cache_exclude = [scene])]
    fn counts(scene: &Scene) -> Result<u64, String> {
        scene.begin();
        for number in 0_u64.. {
            if daglite::is_cancelled() {
                return Err(format!("stopped at {number}"));
            }
            thread::yield_now();
        }
        Ok(0)
    }

    in_time(|| {
        assert!(!daglite::is_cancelled(), "there is no body here");
        let (session, log, scene, _key) = scene(cached());
        let run = start(counts(scene.clone()), &session);
        wait_until(|| scene.begun() == 1);
        scene.token.cancel();
        let error = run.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.to_string().contains("0 tasks done, 1 stopped half-way"), "{error}");
        assert_eq!(log.count("stored"), 0);
    });
}

#[test]
fn a_body_that_has_taken_too_long_can_ask_too() {
    #[task(timeout = "30s")]
    fn counts(hands: &daglite::clock::ClockHands) {
        hands.advance(Duration::from_secs(60));
        wait_until(daglite::is_cancelled);
    }

    in_time(|| {
        let (clock, hands) = Clock::manual();
        let (session, log) = logged_with(Session::builder().without_cache().clock(clock));
        assert_eq!(counts(hands).run_in(&session).unwrap_err().kind(), ErrorKind::TimedOut);
        wait_until(|| log.count("ended late") == 1);
    });
}

#[test]
fn who_waits_for_the_same_key_waits_no_longer() {
    in_time(|| {
        let (session, log, scene, key) = scene(cached().concurrency(4));
        let first = start(slow(1, scene.clone()), &session);
        wait_until(|| scene.begun() == 1);
        let second = start(slow(1, scene.clone()), &session);
        wait_until(|| log.count("wait slow") == 1);
        scene.token.cancel();
        assert_eq!(second.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(!first.is_finished(), "its body is at work");
        drop(key);
        assert_eq!(first.join().unwrap().unwrap(), 1, "the last body has made the result");
    });
}

#[test]
fn who_waits_for_room_in_a_limit_waits_no_longer() {
    #[task(limits = ["db"])]
    fn limited(scene: &Scene) {
        scene.wait();
    }

    in_time(|| {
        let (session, log, scene, key) = scene(cached().limit("db", 1).concurrency(4));
        let first = start(limited(scene.clone()), &session);
        wait_until(|| scene.begun() == 1);
        let second = start(limited(scene.clone()), &session);
        wait_until(|| log.count("waits for db") == 1);
        scene.token.cancel();
        assert_eq!(second.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        drop(key);
        first.join().unwrap().unwrap();
        assert_eq!(scene.begun(), 1);
    });
}

#[test]
fn who_waits_for_places_waits_no_longer() {
    #[task(weight = 2)]
    fn heavy(scene: &Scene) {
        scene.begin();
    }

    in_time(|| {
        let (session, log, scene, key) = scene(cached().concurrency(2));
        let first = start(slow(1, scene.clone()), &session);
        wait_until(|| scene.begun() == 1);
        let second = start(join((double(1), heavy(scene.clone()))), &session);
        wait_until(|| log.count("stored double") == 1);
        scene.token.cancel();
        assert_eq!(second.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        drop(key);
        first.join().unwrap().unwrap();
        assert_eq!(scene.begun(), 1);
    });
}

#[test]
fn the_pause_before_a_retry_ends() {
    #[task(retries = 3, retry_delay = "1h")]
    fn flaky() -> Result<u32, String> {
        Err("busy".to_string())
    }

    in_time(|| {
        let (clock, _hands) = Clock::manual();
        let (session, log, scene, _key) = scene(cached().clock(clock));
        let run = start(flaky(), &session);
        wait_until(|| log.count("retried") == 1);
        scene.token.cancel();
        assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn who_waits_for_another_process_waits_no_longer() {
    in_time(|| {
        let store = Handle(Spy::new(Claims::Taken));
        let (session, log, scene, _key) = scene(Session::builder().cache(store));
        let run = start(double(4), &session);
        wait_until(|| log.count("waits for process") == 1);
        scene.token.cancel();
        assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn a_body_that_waits_for_tasks_of_its_own_wakes() {
    #[task]
    fn outer(scene: &Scene, dropped: &Arc<AtomicBool>) -> Result<u32, Error> {
        never(scene.clone(), Arc::new(Arc::clone(dropped))).run()
    }

    in_time(|| {
        for concurrency in [1, 3] {
            let (session, _, scene, _key) = scene(cached().concurrency(concurrency));
            let dropped = Arc::<AtomicBool>::default();
            let run = start(outer(scene.clone(), Arc::new(Arc::clone(&dropped))), &session);
            wait_until(|| scene.begun() == 1);
            scene.token.cancel();
            assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
            assert!(dropped.load(Ordering::SeqCst));
        }
    });
}

#[test]
fn a_run_after_the_end_fails_at_once_and_says_why() {
    in_time(|| {
        let (session, log, scene, _key) = scene(cached());
        assert_eq!(double(1).run_in(&session).unwrap(), 2);
        log.take();
        scene.token.cancel();
        for number in [1, 2] {
            let error = double(number).run_in(&session).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            assert_eq!(
                error.to_string(),
                "nothing is started, as the cancel token of the session has been cancelled: make a session with a new token"
            );
        }
        assert_eq!(log.take(), Vec::<String>::new());
        // A future that was not begun can be run elsewhere.
        let future = double(3);
        assert!(future.clone().run_in(&session).is_err());
        assert_eq!(future.run_in(&cached().build().unwrap()).unwrap(), 6);
    });
}

#[test]
fn a_lone_call_that_is_in_memory_fails_too() {
    in_time(|| {
        let token = CancelToken::new();
        // Nobody listens, so that the short way is open.
        let session = cached().cancel_token(&token).build().unwrap();
        for _ in 0..5 {
            assert_eq!(double(8).run_in(&session).unwrap(), 16);
        }
        token.cancel();
        assert!(double(8).run_in(&session).is_err());
    });
}

#[test]
fn another_session_that_waits_for_the_same_future_goes_on() {
    #[task]
    async fn hears(scene: Scene, word: Arc<tokio::sync::Notify>) -> u32 {
        scene.begin();
        word.notified().await;
        5
    }
    #[task]
    fn at_work(scene: &Scene) {
        scene.begin();
    }

    in_time(|| {
        let (session, _, scene, _key) = scene(cached());
        let word = Arc::<tokio::sync::Notify>::default();
        let shared = hears(scene.clone(), Arc::new(Arc::clone(&word)));
        let first = start(shared.clone(), &session);
        wait_until(|| scene.begun() == 1);
        let other = cached().concurrency(2).build().unwrap();
        let second = start(join((shared, at_work(scene.clone()))), &other);
        wait_until(|| scene.begun() == 2);
        scene.token.cancel();
        assert_eq!(first.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        word.notify_one();
        assert_eq!(second.join().unwrap().unwrap().0, 5);
    });
}

#[test]
fn all_runs_of_all_sessions_with_the_token_end() {
    in_time(|| {
        let (one, _, scene, _key) = scene(cached());
        let other = cached().cancel_token(&scene.token).build().unwrap();
        let runs: Vec<_> = [&one, &one, &other]
            .map(|session| start(never(scene.clone(), Arc::<Arc<AtomicBool>>::default()), session))
            .into();
        wait_until(|| scene.begun() == 3);
        scene.token.cancel();
        for run in runs {
            assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        }
    });
}

#[test]
fn events_tell_of_it() {
    in_time(|| {
        let names = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&names);
        let observer = move |event: &Event| told.lock().unwrap().push(event.name().to_string());
        let (session, _, scene, _key) = scene(Session::builder().without_cache().observe(observer));
        let run = start(never(scene.clone(), Arc::<Arc<AtomicBool>>::default()), &session);
        wait_until(|| scene.begun() == 1);
        scene.token.cancel();
        run.join().unwrap().unwrap_err();
        assert_eq!(
            *names.lock().unwrap(),
            ["run_started", "queued", "started", "cancelled", "run_cancelled"]
        );
    });
}

#[test]
fn a_failure_that_came_first_is_told() {
    #[task]
    fn fails() -> Result<u32, String> {
        Err("no luck".to_string())
    }

    in_time(|| {
        let (session, log, scene, key) = scene(cached().concurrency(2));
        let run = start(join((slow(1, scene.clone()), fails())), &session);
        wait_until(|| scene.begun() == 1 && log.count("failed") == 1);
        scene.token.cancel();
        drop(key);
        assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Task);
    });
}

#[test]
fn a_run_that_keeps_going_ends_too() {
    in_time(|| {
        let (session, _, scene, _key) = scene(cached().keep_going(true));
        let run = start(never(scene.clone(), Arc::<Arc<AtomicBool>>::default()), &session);
        wait_until(|| scene.begun() == 1);
        scene.token.cancel();
        assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn cancelled_at_any_moment_a_run_ends_and_leaves_nothing_behind() {
    #[task(cache, limits = ["some"], weight = 2)]
    fn heavy(number: u32) -> u32 {
        number
    }
    #[task(cache, limits = ["some"])]
    async fn light(number: u32) -> u32 {
        tokio::task::yield_now().await;
        number
    }
    #[task]
    fn nested(number: u32) -> Result<u32, Error> {
        join((heavy(number), light(number))).map(|(a, b)| a + b).run()
    }

    let mut random = daglite_tests::random::Random::new(daglite_tests::random::seed());
    for _ in 0..100 {
        let after = random.below(2000);
        in_time(move || {
            let (session, _, scene, _key) = scene(cached().limit("some", 2).concurrency(3));
            let runs: Vec<_> = (0..3)
                .map(|_| start(join_all((0..50).map(|number| double(nested(number)))), &session))
                .collect();
            (0..after).for_each(|_| thread::yield_now());
            scene.token.cancel();
            for run in runs {
                if let Err(error) = run.join().unwrap() {
                    assert_eq!(error.kind(), ErrorKind::Cancelled);
                }
            }
            // What is left of them holds no place: the others of another token have them all.
            drop(session);
        });
    }
}
