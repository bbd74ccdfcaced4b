//! Observers: what they are told, when, and that whatever one does harms nobody else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::{Event, Interest, Moment, Observer};
use daglite_tests::logged_with;

#[task]
fn one() -> u64 {
    1
}

#[task]
fn plus(a: u64, b: u64) -> u64 {
    a + b
}

/// Blocks at each event until its other half is dropped; then counts.
struct Blocked {
    held: Mutex<Receiver<()>>,
    told: Arc<Mutex<Vec<&'static str>>>,
    missed: Arc<AtomicUsize>,
}

impl Blocked {
    fn new() -> (Self, Sender<()>) {
        let (free, held) = channel();
        let (told, missed) = <(Arc<_>, Arc<_>)>::default();
        (Self { held: Mutex::new(held), told, missed }, free)
    }
}

impl Observer for Blocked {
    fn event(&self, event: &Event) {
        // An error when the other half has gone: from then on it blocks no more.
        let _ = self.held.lock().unwrap().recv();
        if let Event::Missed { events } = event {
            self.missed.fetch_add(*events as usize, Ordering::SeqCst);
        }
        self.told.lock().unwrap().push(event.name());
    }
}

/// Waits until `is_so`, for ten seconds at most.
fn wait_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "it took too long");
        std::thread::yield_now();
    }
}

#[test]
fn an_observer_that_blocks_does_not_block_the_run_nor_the_other_observers() {
    let (blocked, free) = Blocked::new();
    let told = Arc::clone(&blocked.told);
    let (session, log) = logged_with(Session::builder().without_cache().observe(blocked));
    let start = Instant::now();
    assert_eq!(one().run_in(&session).unwrap(), 1);
    assert!(start.elapsed() < Duration::from_secs(8), "it was waited for: {:?}", start.elapsed());
    assert_eq!(log.count("computed one"), 1);
    // It is known to hang by now, so the next run does not wait at all.
    let start = Instant::now();
    assert_eq!(one().run_in(&session).unwrap(), 1);
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "it was waited for: {:?}",
        start.elapsed()
    );
    assert!(told.lock().unwrap().is_empty());
    drop(free);
    // What came meanwhile was kept for it.
    wait_until(|| told.lock().unwrap().iter().filter(|name| **name == "run_finished").count() == 2);
}

#[test]
fn what_an_observer_misses_is_counted_and_told() {
    let (blocked, free) = Blocked::new();
    let (told, missed) = (Arc::clone(&blocked.told), Arc::clone(&blocked.missed));
    let (session, log) = logged_with(Session::builder().without_cache().observe(blocked));
    // Each of them is queued, started and computed: more than is kept.
    let tasks = 20_000;
    let sum = join_all((0..tasks).map(|n| plus(n, 1))).map(|all| all.len() as u64);
    assert_eq!(sum.run_in(&session).unwrap(), tasks);
    drop(free);
    let all = 3 * tasks as usize + 2;
    wait_until(|| missed.load(Ordering::SeqCst) > 0);
    wait_until(|| told.lock().unwrap().len() - 1 + missed.load(Ordering::SeqCst) == all);
    assert_eq!(
        log.count(
            "warning: an observer has taken fewer than 1000 events in 1s, and misses some now"
        ),
        1
    );
    assert_eq!(log.count("computed"), tasks as usize, "the other one was told everything");
}

#[test]
fn a_slow_observer_misses_nothing() {
    let told = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&told);
    let slow = move |_: &Event| {
        // About ten microseconds.
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(10) {}
        counts.fetch_add(1, Ordering::SeqCst);
    };
    let session = Session::builder().without_cache().observe(slow).build().unwrap();
    let tasks = 20_000;
    let sum = join_all((0..tasks).map(|n| plus(n, 1))).map(|all| all.len() as u64);
    sum.run_in(&session).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 3 * tasks as usize + 2);
}

#[test]
fn all_has_been_told_when_a_run_returns_also_when_it_is_awaited() {
    let (session, log) = logged_with(Session::builder().without_cache());
    for round in 1..=50 {
        one().run_in(&session).unwrap();
        assert_eq!(log.count("computed one"), 2 * round - 1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(one().await_in(&session)).unwrap();
        assert_eq!(log.count("computed one"), 2 * round);
    }
}

#[test]
fn an_observer_may_run_tasks_of_its_own_session() {
    let place: Arc<Mutex<Option<Session>>> = Arc::default();
    let inner = Arc::clone(&place);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let observer = move |event: &Event| {
        let Event::Computed { task, .. } = event else { return };
        if task.ends_with("one") {
            let session = inner.lock().unwrap().clone().unwrap();
            assert_eq!(plus(1, 2).run_in(&session).unwrap(), 3);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    };
    let session = Session::builder().without_cache().observe(observer).build().unwrap();
    *place.lock().unwrap() = Some(session.clone());
    one().run_in(&session).unwrap();
    wait_until(|| ran.load(Ordering::SeqCst) == 1);
    // Else the session and its observer would keep each other alive.
    *place.lock().unwrap() = None;
}

#[test]
fn nothing_is_told_that_an_observer_has_no_interest_in() {
    struct Some(Interest, Arc<Mutex<Vec<&'static str>>>);
    impl Observer for Some {
        fn event(&self, event: &Event) {
            self.1.lock().unwrap().push(event.name());
        }
        fn interest(&self) -> Interest {
            self.0
        }
    }
    for (interest, expected) in [
        (Interest::Warnings, &["also_panicked"][..]),
        (Interest::Runs, &["run_started", "also_panicked", "run_finished"]),
        (
            Interest::Tasks,
            &["run_started", "queued", "started", "computed", "also_panicked", "run_finished"],
        ),
    ] {
        let told = Arc::default();
        let session = Session::builder().without_cache().observe(Some(interest, Arc::clone(&told)));
        one().also(|_| -> () { panic!("on purpose") }).run_in(&session.build().unwrap()).unwrap();
        assert_eq!(*told.lock().unwrap(), expected);
    }
}

#[test]
fn a_moment_says_which_run_which_call_and_which_thread() {
    type Seen = Arc<Mutex<Vec<(String, Moment)>>>;
    struct Moments(Seen);
    impl Observer for Moments {
        fn event(&self, _: &Event) {}
        fn event_at(&self, event: &Event, moment: &Moment) {
            let task = event.task().unwrap_or_default();
            let task = task.rsplit("::").next().unwrap();
            self.0.lock().unwrap().push((format!("{} {task}", event.name()), moment.clone()));
        }
    }

    #[task]
    fn outer() -> u64 {
        one().run().unwrap()
    }

    #[task]
    async fn later() -> u64 {
        1
    }

    let seen = Seen::default();
    let session = Session::builder().without_cache().observe(Moments(Arc::clone(&seen)));
    let session = session.build().unwrap();
    outer().run_in(&session).unwrap();
    later().run_in(&session).unwrap();
    let seen = seen.lock().unwrap();
    let of = |name: &str| &seen.iter().find(|(told, _)| told == name).unwrap().1;
    assert_eq!(of("started outer").call, of("computed outer").call);
    assert_ne!(of("started outer").call, of("started one").call);
    assert_eq!(of("started outer").thread, of("started one").thread);
    // What happens inside of a task belongs to the run around it.
    assert_eq!(of("started outer").run, of("started one").run);
    assert_ne!(of("started outer").run, of("started later").run);
    assert_eq!((of("run_started ").run, of("run_started ").call), (of("started outer").run, 0));
    assert!(of("started later").is_async && !of("started outer").is_async);
    assert!(of("started outer").precise <= of("computed outer").precise);
}

#[test]
fn a_run_that_is_dropped_is_told_as_cancelled_with_its_async_bodies() {
    static IS_AT_WORK: AtomicBool = AtomicBool::new(false);

    #[task]
    async fn never() -> u64 {
        IS_AT_WORK.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
        1
    }

    let told: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let names = Arc::clone(&told);
    let session = Session::builder()
        .without_cache()
        .observe(move |event: &Event| names.lock().unwrap().push(event.name()));
    let session = session.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let run = never().await_in(&session);
        let mut run = std::pin::pin!(run);
        std::future::poll_fn(|cx| {
            let _ = run.as_mut().poll(cx);
            if IS_AT_WORK.load(Ordering::SeqCst) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    });
    wait_until(|| told.lock().unwrap().last() == Some(&"run_cancelled"));
    let told = told.lock().unwrap();
    assert_eq!(*told, ["run_started", "queued", "started", "cancelled", "run_cancelled"]);
}
