//! Runs that are dropped, nested, stopped half-way or woken late.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use daglite::prelude::*;
use daglite_tests::{logged, logged_with};
use tokio::sync::oneshot;

/// What `body` returns; a panic if it does not within ten seconds.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(body()));
    receive.recv_timeout(Duration::from_secs(10)).expect("it hangs, or it panicked")
}

/// Wakes by a message.
struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more once the test has what it wants.
        let _ = self.0.send(());
    }
}

/// Polls `future` whenever it wants to be, until `enough`.
fn poll_until<F: Future>(mut future: Pin<&mut F>, enough: impl Fn() -> bool) {
    let (send, rings) = mpsc::channel();
    let waker = Waker::from(Arc::new(Bell(send)));
    while !enough() {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        if !enough() {
            rings.recv().unwrap();
        }
    }
}

/// A flag that is up once a body has begun.
type Begun = Arc<AtomicBool>;

/// What a body waits for.
type Word = Arc<Mutex<Option<oneshot::Receiver<u32>>>>;

#[task]
async fn hears(begun: Begun, word: Word) -> u32 {
    let receiver = word.lock().unwrap().take().unwrap();
    begun.store(true, Ordering::Release);
    receiver.await.unwrap()
}

/// A future of what is sent, its flag, and the sender.
fn hearing() -> (TaskFuture<u32>, Begun, oneshot::Sender<u32>) {
    let (send, receive) = oneshot::channel();
    let begun = Begun::default();
    let word = Arc::new(Mutex::new(Some(receive)));
    (hears(Arc::new(Arc::clone(&begun)), Arc::new(word)), begun, send)
}

#[task]
fn wait_at(gate: Arc<Barrier>) -> u32 {
    gate.wait();
    2
}

/// Says when it is at work, and works until it is told to end.
#[task]
fn busy(gate: Arc<Barrier>) {
    gate.wait();
    gate.wait();
}

#[test]
fn a_body_that_ended_is_not_lost_when_its_run_is_dropped() {
    in_time(|| {
        let session = Session::builder().without_cache().concurrency(1).build().unwrap();
        let (shared, begun, send) = hearing();
        let mut dropped = Box::pin(shared.clone().await_in(&session));
        poll_until(dropped.as_mut(), || begun.load(Ordering::Acquire));
        // The one thread of the session is busy, so nobody sees to the result of the body.
        let gate = Arc::new(Barrier::new(2));
        let other = {
            let (session, gate) = (session.clone(), Arc::new(Arc::clone(&gate)));
            thread::spawn(move || busy(gate).run_in(&session))
        };
        gate.wait();
        send.send(1).unwrap();
        let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(dropped);
        gate.wait();
        other.join().unwrap().unwrap();
        assert_eq!(shared.run_in(&session).unwrap(), 1);
    });
}

#[test]
fn an_async_task_starts_while_every_thread_is_busy() {
    in_time(|| {
        let session = Session::builder().without_cache().concurrency(1).build().unwrap();
        let gate = Arc::new(Barrier::new(2));
        let other = {
            let (session, gate) = (session.clone(), Arc::new(Arc::clone(&gate)));
            thread::spawn(move || busy(gate).run_in(&session))
        };
        gate.wait();
        let (future, _, send) = hearing();
        send.send(1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(future.await_in(&session)).unwrap(), 1);
        gate.wait();
        other.join().unwrap().unwrap();
    });
}

#[test]
fn dropping_a_run_fails_no_other_run_that_waits_for_the_same_future() {
    let value = in_time(|| {
        let session = Session::builder().without_cache().concurrency(1).build().unwrap();
        let (shared, begun, send) = hearing();
        let mut dropped = Box::pin(shared.clone().await_in(&session));
        poll_until(dropped.as_mut(), || begun.load(Ordering::Acquire));
        let gate = Arc::new(Barrier::new(2));
        let other = {
            // What takes no thread is looked at first: at the gate, this run already waits for the shared future.
            let both = join((shared, wait_at(Arc::new(Arc::clone(&gate)))));
            let session = session.clone();
            thread::spawn(move || both.run_in(&session))
        };
        gate.wait();
        drop(dropped);
        let _ = send.send(1);
        other.join().unwrap()
    });
    assert_eq!(value.unwrap(), (1, 2));
}

#[task]
fn plus_one(n: u32) -> u32 {
    n + 1
}

#[task]
fn awaits_inside(n: u32) -> Result<u32, daglite::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { plus_one(n).await })
}

#[test]
fn a_sync_task_that_awaits_tasks_on_its_own_runtime_never_deadlocks() {
    let value = in_time(|| {
        let session = Session::builder().without_cache().concurrency(1).build().unwrap();
        awaits_inside(1).run_in(&session)
    });
    assert_eq!(value.unwrap(), 2);
}

static SESSIONS: OnceLock<[Session; 2]> = OnceLock::new();

#[task]
fn there_and_back(depth: u32) -> Result<u32, daglite::Error> {
    if depth == 0 {
        return Ok(0);
    }
    let sessions = SESSIONS.get().unwrap();
    there_and_back(depth - 1).map(|n| n + 1).run_in(&sessions[depth as usize % 2])
}

#[test]
fn sessions_nest_in_one_another_at_concurrency_one() {
    let depth = in_time(|| {
        let session = || Session::builder().without_cache().concurrency(1).build().unwrap();
        let sessions = SESSIONS.get_or_init(|| [session(), session()]);
        there_and_back(4).run_in(&sessions[1])
    });
    assert_eq!(depth.unwrap(), 4);
}

#[test]
fn two_awaited_runs_are_at_work_at_once() {
    in_time(|| {
        for _ in 0..50 {
            let session = Session::builder().without_cache().concurrency(2).build().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            // Afterwards one thread is there and idle.
            runtime.block_on(plus_one(1).await_in(&session)).unwrap();
            let gate = Arc::new(Barrier::new(2));
            let [one, two] =
                [(); 2].map(|()| wait_at(Arc::new(Arc::clone(&gate))).await_in(&session));
            runtime.block_on(async {
                let (one, two) = tokio::join!(one, two);
                one.unwrap();
                two.unwrap();
            });
        }
    });
}

#[test]
fn refresh_of_a_ladder_of_diamonds_is_quick() {
    in_time(|| {
        let mut sum = plus_one(0).map(u64::from);
        for _ in 0..60 {
            sum = join((sum.clone(), sum)).map(|(a, b)| a ^ b ^ 1);
        }
        let session = Session::builder().without_cache().build().unwrap();
        sum.refresh().run_in(&session).unwrap()
    });
}

static LATE: Mutex<Option<Waker>> = Mutex::new(None);

#[derive(Debug)]
struct NotClone;

#[task]
async fn leaves_a_waker() -> NotClone {
    poll_fn(|cx| {
        *LATE.lock().unwrap() = Some(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    NotClone
}

#[test]
fn a_waker_that_outlives_the_body_does_not_share_its_value() {
    let (session, _) = logged();
    let value = leaves_a_waker().run_in(&session);
    LATE.lock().unwrap().take().unwrap().wake();
    value.unwrap();
}

#[task(cache)]
fn base(n: u32) -> u32 {
    n
}

#[task(cache)]
fn next(n: u32) -> u32 {
    n + 1
}

#[test]
fn a_hit_that_fails_in_a_later_run_is_not_taken_from_its_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = || FileStore::builder(folder.path()).open().unwrap();
    let (session, _) = logged_with(Session::builder().cache(store()));
    base(1).then(next).run_in(&session).unwrap();
    let shared = base(1);
    next(&shared).run_in(&session).unwrap();
    std::fs::remove_dir_all(folder.path().join("v1")).unwrap();
    let outcome = shared.outcome_in(&session).unwrap();
    assert_eq!(outcome.summary.hits, 0);
    assert_eq!(outcome.summary.saved, Duration::ZERO);
}

struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || thread::panicking(), "{}", self.0);
    }
}

#[test]
fn a_panic_while_a_graph_is_dropped_does_not_stop_later_drops() {
    let bomb = Bomb("dropped");
    let graph = plus_one(1).map(move |n| {
        let _ = &bomb;
        n
    });
    assert!(catch_unwind(AssertUnwindSafe(|| drop(graph))).is_err());
    let canary = Arc::new(());
    let held = Arc::clone(&canary);
    drop(plus_one(1).map(move |n| {
        let _ = &held;
        n
    }));
    assert_eq!(Arc::strong_count(&canary), 1, "what was dropped later is still held");
}

struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

#[task]
fn armed() -> Grenade {
    Grenade
}

#[task(cache, cache_exclude = [_grenade])]
fn ignores(n: u32, _grenade: &Grenade) -> u32 {
    n
}

#[task]
fn fails(n: u32) -> Result<u32, String> {
    Err(format!("no {n}"))
}

#[task]
fn both(n: u32, _grenade: &Grenade) -> u32 {
    n
}

#[test]
fn a_value_that_panics_when_it_is_dropped_never_stops_the_session() {
    in_time(|| {
        let (session, _) = logged_with(Session::builder().cache(MemoryStore::new()).concurrency(2));
        for _ in 0..200 {
            let result = catch_unwind(AssertUnwindSafe(|| ignores(1, armed()).run_in(&session)));
            assert!(result.is_ok(), "the panic leaves the run");
            let _ = catch_unwind(AssertUnwindSafe(|| both(fails(1), armed()).run_in(&session)));
            assert_eq!(plus_one(1).run_in(&session).unwrap(), 2);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..200 {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(both(fails(1), armed()).await_in(&session))
            }));
        }
        assert_eq!(runtime.block_on(plus_one(1).await_in(&session)).unwrap(), 2);
    });
}
