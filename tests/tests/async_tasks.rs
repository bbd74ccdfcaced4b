//! `async` tasks and runs under `.await`.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use daglite::ErrorKind;
use daglite::prelude::*;
use daglite_tests::{logged, logged_with};
use tokio::sync::{Barrier, oneshot};

#[task(cache)]
async fn greet(name: String) -> String {
    tokio::task::yield_now().await;
    format!("hello, {name}")
}

#[task(cache)]
fn length(text: &str) -> usize {
    text.len()
}

#[tokio::test]
async fn sync_and_async_tasks_compose_under_await() {
    let (session, log) = logged();
    assert_eq!(greet("graph").then(length).await_in(&session).await.unwrap(), 12);
    assert_eq!(greet("graph").then(length).await_in(&session).await.unwrap(), 12);
    assert_eq!((log.count("computed"), log.count("hit")), (2, 2));
}

#[test]
fn an_async_task_runs_without_any_runtime() {
    let (session, _) = logged();

    #[task]
    async fn twice(n: u32) -> u32 {
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        2 * n
    }

    assert_eq!(twice(twice(4)).run_in(&session).unwrap(), 16);
}

#[task]
async fn meet(gate: Arc<Barrier>) -> bool {
    gate.wait().await.is_leader()
}

#[tokio::test]
async fn async_tasks_are_in_flight_together_whatever_the_concurrency() {
    // Each waits for all others: one after the other they would wait for ever.
    let gate = Arc::new(Barrier::new(1000));
    let session = Session::builder().without_cache().concurrency(1).build().unwrap();
    let all = join_all((0..1000).map(|_| meet(Arc::new(Arc::clone(&gate)))));
    let leaders = all.await_in(&session).await.unwrap();
    assert_eq!(leaders.into_iter().filter(|leader| *leader).count(), 1);
}

#[task]
fn blocking_sum(n: u64) -> Result<u64, daglite::Error> {
    // A sync task may block, also when the run around it is awaited.
    join_all((0..n).map(triple)).map(|all| all.into_iter().sum::<u64>()).run()
}

#[task(cache)]
async fn triple(n: u64) -> u64 {
    tokio::task::yield_now().await;
    3 * n
}

#[task]
async fn outer(n: u64) -> Result<u64, daglite::Error> {
    let inner = blocking_sum(n).await?;
    Ok(inner + triple(1).await?)
}

#[tokio::test]
async fn tasks_inside_tasks_never_deadlock_under_await() {
    for concurrency in [1, 2, 5] {
        let (session, _) =
            logged_with(Session::builder().cache(MemoryStore::new()).concurrency(concurrency));
        let all = join_all((0..20).map(outer)).await_in(&session).await.unwrap();
        assert_eq!(all[3], 3 * 3 + 3);
    }
}

/// A sync and an async task of one run want the same key, one directly and one from inside.
#[task]
fn wants_triple(n: u64) -> Result<u64, daglite::Error> {
    triple(n).run()
}

#[tokio::test]
async fn a_sync_body_that_waits_for_an_async_one_of_its_run_does_not_stop_it() {
    for concurrency in [1, 2] {
        let (session, log) =
            logged_with(Session::builder().cache(MemoryStore::new()).concurrency(concurrency));
        let both = join((triple(7), wants_triple(7), triple(7)));
        assert_eq!(both.await_in(&session).await.unwrap(), (21, 21, 21));
        assert_eq!(log.count("computed triple"), 1);
    }
}

#[test]
fn the_same_holds_for_a_blocking_run() {
    #[task(cache)]
    async fn quadruple(n: u64) -> u64 {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 5 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        4 * n
    }

    #[task]
    fn wants_quadruple(n: u64) -> Result<u64, daglite::Error> {
        quadruple(n).run()
    }

    for concurrency in [1, 2] {
        let (session, _) =
            logged_with(Session::builder().cache(MemoryStore::new()).concurrency(concurrency));
        let both = join((quadruple(7), wants_quadruple(7), wants_quadruple(8), quadruple(8)));
        assert_eq!(both.run_in(&session).unwrap(), (28, 28, 32, 32));
    }
}

#[tokio::test]
async fn run_inside_an_async_runtime_says_to_await() {
    let error = length("abc").run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocking);
    assert!(error.to_string().contains("write `.await` in place of `.run()`"), "{error}");
    let error = tokio::spawn(async { length("abc").run().unwrap_err() }).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Blocking);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_is_allowed_where_the_runtime_allows_blocking() {
    let (session, _) = logged();
    let blocking = session.clone();
    let length =
        tokio::task::spawn_blocking(move || length("abc").run_in(&blocking)).await.unwrap();
    assert_eq!(length.unwrap(), 3);
}

#[test]
fn run_inside_an_async_task_says_to_await() {
    #[task]
    async fn wrong() -> Result<usize, daglite::Error> {
        length("abc").run()
    }

    let (session, _) = logged();
    let error = wrong().run_in(&session).unwrap_err();
    assert!(error.to_string().contains("write `.await`"), "{error}");
}

#[test]
fn a_panic_in_an_async_task_is_an_error() {
    #[task(cache)]
    async fn panics() -> u8 {
        panic!("mid-air")
    }

    let (session, _) = logged();
    let error = panics().run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().ends_with("panicked: mid-air"), "{error}");
    // The key is free again.
    assert_eq!(panics().run_in(&session).unwrap_err().kind(), ErrorKind::Panic);
}

/// How often a body was started, and how often dropped.
#[derive(Default)]
struct Lives {
    started: AtomicUsize,
    dropped: AtomicUsize,
}

struct Dropped(Arc<Lives>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[task(cache, cache_exclude = [lives])]
async fn never(n: u64, lives: Arc<Lives>) -> u64 {
    lives.started.fetch_add(1, Ordering::SeqCst);
    let _guard = Dropped(lives);
    pending::<()>().await;
    n
}

/// Drives `run` until `enough` holds, and drops it.
async fn cancel_once<T: Send + Sync + 'static>(
    run: daglite::TaskRun<T>,
    enough: impl Fn() -> bool,
) {
    let enough = async {
        while !enough() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = run => panic!("the run has ended: {:?}", result.err()),
        () = enough => {}
    }
}

#[tokio::test]
async fn dropping_the_run_cancels_it_and_keeps_what_is_finished() {
    let (session, log) = logged();
    let lives = Arc::<Lives>::default();
    let finished = greet("early");
    let stuck = join((finished.clone(), never(1, Arc::new(Arc::clone(&lives)))));
    let held = stuck.clone();
    cancel_once(stuck.await_in(&session), || {
        log.count("stored greet") == 1 && lives.started.load(Ordering::SeqCst) == 1
    })
    .await;
    assert_eq!(lives.dropped.load(Ordering::SeqCst), 1, "the body was dropped");
    assert_eq!(finished.await_in(&session).await.unwrap(), "hello, early");

    let error = held.await_in(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("call the task again"), "{error}");

    // Its key is free again: another call of it starts, and does not wait for the first.
    let again = never(1, Arc::new(Arc::clone(&lives))).await_in(&session);
    cancel_once(again, || lives.started.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_computed_once_by_many_awaiting_runs() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    #[task(cache, cache_exclude = [gate])]
    async fn slow(n: u64, gate: Arc<Mutex<Option<oneshot::Receiver<()>>>>) -> u64 {
        CALLS.fetch_add(1, Ordering::SeqCst);
        let gate = gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.await.unwrap();
        }
        n
    }

    let (session, log) = logged();
    let (open, gate) = oneshot::channel();
    let gate = Arc::new(Mutex::new(Some(gate)));
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let (session, gate) = (session.clone(), Arc::clone(&gate));
            tokio::spawn(async move { slow(5, Arc::new(gate)).await_in(&session).await })
        })
        .collect();
    while log.count("wait") < 7 {
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap(), 5);
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
}

#[test]
fn an_async_body_may_be_woken_from_another_thread() {
    #[task]
    async fn woken() -> u8 {
        let state: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
        let other = Arc::clone(&state);
        std::thread::spawn(move || {
            let mut state = other.lock().unwrap();
            state.0 = true;
            if let Some(waker) = state.1.take() {
                waker.wake();
            }
        });
        poll_fn(move |cx| {
            let mut state = state.lock().unwrap();
            if state.0 {
                return Poll::Ready(9);
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    let (session, _) = logged();
    for _ in 0..200 {
        assert_eq!(woken().run_in(&session).unwrap(), 9);
    }
}

#[test]
fn a_sync_body_never_holds_up_the_start_of_an_async_one() {
    /// Something that has happened, or not yet.
    #[derive(Clone)]
    struct Started(Arc<AtomicUsize>);

    #[task]
    fn blocks(until: Started) -> bool {
        let begun = std::time::Instant::now();
        while until.0.load(Ordering::SeqCst) == 0 {
            if begun.elapsed() > std::time::Duration::from_secs(10) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    #[task]
    fn first() -> u8 {
        1
    }

    #[task]
    async fn starts(_after: u8, flag: Started) -> u8 {
        flag.0.store(1, Ordering::SeqCst);
        2
    }

    for concurrency in [2, 3, 4] {
        let (session, _) = logged_with(Session::builder().concurrency(concurrency));
        let flag = Started(Arc::default());
        let late = starts(first(), flag.clone());
        let (sync, other) = join((blocks(flag), late)).run_in(&session).unwrap();
        assert!(sync, "the body that blocks has waited in vain at concurrency {concurrency}");
        assert_eq!(other, 2);
    }
}
