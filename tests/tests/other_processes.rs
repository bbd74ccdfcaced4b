//! Keys that other processes are computing: waited for without a thread, for a bounded time, and never in vain.

mod spy_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite_tests::{Log, logged_with};
use spy_store::{Claims, Handle, Spy, in_time, until};

#[task(cache)]
fn work(n: u64) -> u64 {
    n * n
}

#[task(cache)]
async fn async_work(n: u64) -> u64 {
    n + n
}

#[task]
fn quick(n: u64) -> u64 {
    n + 1
}

fn on(spy: &Arc<Spy>) -> (Session, Log) {
    logged_with(Session::builder().cache(Handle(Arc::clone(spy))).concurrency(1))
}

/// What the other process is: a session of its own on the same entries.
fn other(spy: &Arc<Spy>) -> Session {
    Session::builder().cache(Arc::clone(&spy.inner)).build().unwrap()
}

#[test]
fn a_key_that_another_process_computes_is_waited_for_and_then_found() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let run = {
            let session = session.clone();
            thread::spawn(move || join((work(3), quick(1))).run_in(&session).unwrap())
        };
        until("the wait is told", || log.count("waits for process 4711: work") == 1);
        // Neither the thread nor the permit is held: the session's one permit is free.
        assert_eq!(quick(5).run_in(&session).unwrap(), 6);
        until("several looks", || spy.seen().claims >= 4);
        assert_eq!(log.count("waits for process"), 1, "it is told once a wait");
        assert_eq!(work(3).run_in(&other(&spy)).unwrap(), 9);
        spy.set(Claims::Free);
        assert_eq!(run.join().unwrap(), (9, 2));
        assert_eq!((log.count("computed work"), log.count("hit work")), (0, 1));
    });
}

#[test]
fn what_another_process_gave_up_is_computed_here() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let session = session.clone();
                thread::spawn(move || work(4).run_in(&session).unwrap())
            })
            .collect();
        until("all wait", || log.count("wait") == 4);
        assert_eq!(log.count("waits for process"), 1, "the others wait for that wait");
        spy.set(Claims::Free);
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), 16));
        assert_eq!(log.count("computed work"), 1);
    });
}

#[test]
fn a_hold_ends_after_the_put() {
    let spy = Spy::new(Claims::Free);
    let (session, _) = on(&spy);
    join_all((0..20).map(work)).run_in(&session).unwrap();
    assert_eq!(async_work(1).run_in(&session).unwrap(), 2);
    assert_eq!(spy.seen().given_back, [true; 21]);
}

#[test]
fn what_another_process_put_just_before_the_claim_is_found() {
    let spy = Spy::new(Claims::Free);
    let (session, log) = on(&spy);
    let other = other(&spy);
    spy.on_claim(move |_| assert_eq!(work(6).run_in(&other).unwrap(), 36));
    assert_eq!(work(6).run_in(&session).unwrap(), 36);
    assert_eq!((log.count("computed"), log.count("hit work")), (0, 1));
    let entries_found = spy.seen().given_back;
    assert_eq!(entries_found, [true], "the hold is given back at once");
}

#[test]
fn what_another_process_put_is_found_though_the_count_of_it_was_read_long_ago() {
    let spy = Spy::new(Claims::Free);
    spy.put_by_others.store(1, Ordering::SeqCst);
    let (session, log) = on(&spy);
    work(1).run_in(&session).unwrap();
    work(2).run_in(&session).unwrap();
    assert_eq!(spy.seen().finds, 2, "nobody has put anything, so one look is enough");
    let (other, theirs) = (other(&spy), Arc::clone(&spy));
    spy.on_claim(move |_| {
        assert_eq!(work(6).run_in(&other).unwrap(), 36);
        theirs.put_by_others.store(2, Ordering::SeqCst);
    });
    assert_eq!(work(6).run_in(&session).unwrap(), 36);
    assert_eq!((log.count("computed"), log.count("hit work")), (2, 1));
}

#[test]
fn a_wait_that_takes_too_long_ends_in_computing_and_a_warning() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let builder = Session::builder().cache(Handle(Arc::clone(&spy)));
        let (session, log) = logged_with(builder.wait_for_others(Duration::from_millis(60)));
        let started = Instant::now();
        assert_eq!(join((work(7), work(7), async_work(7))).run_in(&session).unwrap(), (49, 49, 14));
        assert!(started.elapsed() >= Duration::from_millis(60));
        let lines = log.take();
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((count("computed work"), count("computed async_work")), (1, 1), "{lines:?}");
        assert_eq!(
            count("warning: process 4711 has not finished `other_processes::work`"),
            1,
            "{lines:?}"
        );
        assert_eq!(count("waits for process"), 2, "{lines:?}");
        assert_eq!(count("stored"), 2, "{lines:?}");
    });
}

#[test]
fn a_claim_that_fails_or_panics_is_one_warning_and_no_obstacle() {
    for claims in [Claims::Fails, Claims::Panics] {
        let spy = Spy::new(claims);
        let (session, log) = on(&spy);
        assert_eq!(join_all((1..=3).map(work)).run_in(&session).unwrap(), [1, 4, 9]);
        let lines = log.take();
        let warnings: Vec<_> = lines.iter().filter(|line| line.starts_with("warning")).collect();
        let [warning] = warnings[..] else { panic!("{lines:?}") };
        assert!(
            warning.contains("the spy cannot say what other processes are computing"),
            "{warning}"
        );
    }
}

#[test]
fn a_claim_that_fails_while_it_is_waited_for_ends_the_wait() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let run = thread::spawn(move || work(3).run_in(&session).unwrap());
        until("the wait is told", || log.count("waits for process") == 1);
        spy.set(Claims::Panics);
        assert_eq!(run.join().unwrap(), 9);
        assert_eq!(log.count("warning"), 1);
    });
}

#[test]
fn a_dropped_run_waits_for_nobody_and_its_session_ends() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let waits = async {
                while log.count("waits for process") == 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                value = join((work(3), async_work(3))).await_in(&session) => panic!("{value:?}"),
                () = waits => {}
            }
        });
        // Its key is free in this process: another run of it claims, and is told so.
        let before = log.count("waits for process");
        let again = {
            let session = session.clone();
            thread::spawn(move || work(3).run_in(&session).unwrap())
        };
        until("the second run waits itself", || log.count("waits for process") > before);
        spy.set(Claims::Free);
        assert_eq!(again.join().unwrap(), 9);
        drop(session);
        until("all threads of the session let go of its store", || Arc::strong_count(&spy) == 1);
    });
}

#[test]
fn a_run_that_fails_does_not_wait_for_other_processes() {
    #[task]
    fn fails() -> Result<u64, String> {
        Err("no".into())
    }

    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let error = join((work(2), fails())).run_in(&session).unwrap_err();
        assert!(error.to_string().contains("failed: no"), "{error}");
        let _ = log;
        drop(session);
        until("the session ends", || Arc::strong_count(&spy) == 1);
    });
}

static INSIDE: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn outer(n: u64) -> Result<u64, daglite::Error> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    Ok(work(n).run()? + 1)
}

/// Takes every key but that of the task `outer`, whose claim comes first.
fn all_but_the_first(spy: &Arc<Spy>) {
    let first = std::sync::OnceLock::new();
    let weak = Arc::downgrade(spy);
    spy.on_claim(move |key| {
        let is_first = first.get_or_init(|| *key) == key;
        weak.upgrade().unwrap().set(if is_first { Claims::Free } else { Claims::Taken });
    });
}

#[test]
fn a_body_does_not_wait_long_for_another_process() {
    in_time(|| {
        let spy = Spy::new(Claims::Free);
        all_but_the_first(&spy);
        let (session, log) = on(&spy);
        let started = Instant::now();
        assert_eq!(outer(5).run_in(&session).unwrap(), 26);
        assert!(started.elapsed() >= Duration::from_secs(2), "it does wait");
        assert_eq!(log.count("warning: process 4711 has not finished"), 1);
    });
}

#[test]
fn a_body_that_waits_for_a_wait_of_its_own_process_does_not_wait_long_either() {
    in_time(|| {
        let spy = Spy::new(Claims::Taken);
        let (session, log) = on(&spy);
        let waits = {
            let session = session.clone();
            thread::spawn(move || work(8).run_in(&session).unwrap())
        };
        until("the outer wait", || log.count("waits for process") == 1);
        let outer_key_is_free = Arc::downgrade(&spy);
        let first = std::sync::OnceLock::new();
        let known = std::sync::Mutex::new(None);
        spy.on_claim(move |key| {
            // The key that is waited for already is the first one seen here; that of `outer` is another.
            let waited = *known.lock().unwrap().get_or_insert(*key);
            let free = waited != *key && first.get_or_init(|| *key) == key;
            let claims = if free { Claims::Free } else { Claims::Taken };
            outer_key_is_free.upgrade().unwrap().set(claims);
        });
        until("a look", || spy.seen().claims > 3);
        assert_eq!(outer(8).run_in(&session).unwrap(), 65);
        assert_eq!(waits.join().unwrap(), 64);
        assert_eq!(log.count("computed work"), 1);
    });
}

#[tokio::test]
async fn an_awaited_run_waits_for_other_processes_too() {
    let spy = Spy::new(Claims::Taken);
    let (session, log) = on(&spy);
    let run = tokio::spawn({
        let session = session.clone();
        async move { async_work(work(2)).await_in(&session).await.unwrap() }
    });
    while log.count("waits for process 4711: work") == 0 {
        tokio::task::yield_now().await;
    }
    spy.set(Claims::Free);
    assert_eq!(run.await.unwrap(), 8);
    assert_eq!(log.count("computed"), 2);
}

#[test]
fn a_wait_is_shown_to_people() {
    use std::io::Write;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);
    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let spy = Spy::new(Claims::Taken);
    let page = Page::default();
    let session = Session::builder()
        .cache(Handle(spy))
        .wait_for_others(Duration::from_millis(1))
        .observe(Progress::to(page.clone()).each_task())
        .build()
        .unwrap();
    in_time(move || work(1).run_in(&session).unwrap());
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("daglite: waiting   other_processes::work for process 4711\n"), "{text}");
}
