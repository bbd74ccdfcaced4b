//! Limits of a session: no more bodies at once than there are places, in all of its runs, and nobody waits for ever.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use daglite::clock::Clock;
use daglite::prelude::*;
use daglite::{Error, ErrorKind};
use daglite_tests::{in_time, logged_with, wait_until};

/// How many bodies are at work, and the most that ever were.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Count {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    /// Is at work for a moment, so that others come too if they may.
    fn work(&self) {
        self.enter();
        (0..20).for_each(|_| thread::yield_now());
        self.leave();
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A door that is opened by a message, once for each.
#[derive(Clone)]
struct Door(Arc<Mutex<Receiver<()>>>);

impl Door {
    fn new() -> (Sender<()>, Self) {
        let (key, door) = mpsc::channel();
        (key, Self(Arc::new(Mutex::new(door))))
    }

    fn wait(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

/// What ran, in order.
type Order = Mutex<Vec<&'static str>>;

#[task(limits = ["db"])]
fn meets(gate: &Barrier, count: &Count) {
    count.enter();
    gate.wait();
    count.leave();
}

#[task(limits = ["db"])]
fn counted(count: &Count) {
    count.work();
}

#[task(limits = ["db"])]
fn held(door: &Door, begun: &AtomicUsize) -> u32 {
    begun.fetch_add(1, Ordering::SeqCst);
    door.wait();
    1
}

#[task(limits = ["db"])]
fn passes(number: u32) -> u32 {
    number
}

fn limited(db: usize) -> daglite::SessionBuilder {
    Session::builder().without_cache().limit("db", db)
}

#[test]
fn as_many_bodies_run_at_once_as_there_are_places_and_no_more() {
    in_time(|| {
        let session = limited(2).concurrency(8).build().unwrap();
        // Two have to be there together, or the first waits for ever.
        let (gate, count) = (Arc::new(Barrier::new(2)), Arc::<Count>::default());
        let all = (0..50).map(|_| meets(Arc::clone(&gate), Arc::clone(&count)));
        join_all(all).run_in(&session).unwrap();
        assert_eq!(count.most(), 2);
    });
}

#[test]
fn async_bodies_count_as_sync_ones_do() {
    #[task(limits = ["db"])]
    async fn meets_async(gate: Arc<tokio::sync::Barrier>, count: Arc<Count>) {
        count.enter();
        gate.wait().await;
        count.leave();
    }

    in_time(|| {
        let session = limited(3).concurrency(2).build().unwrap();
        let (gate, count) = (Arc::new(tokio::sync::Barrier::new(3)), Arc::<Count>::default());
        let all =
            (0..30).map(|_| meets_async(Arc::new(Arc::clone(&gate)), Arc::new(Arc::clone(&count))));
        join_all(all).run_in(&session).unwrap();
        assert_eq!(count.most(), 3);

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all =
            (0..30).map(|_| meets_async(Arc::new(Arc::clone(&gate)), Arc::new(Arc::clone(&count))));
        runtime.block_on(join_all(all).await_in(&session)).unwrap();
        assert_eq!(count.most(), 3);
    });
}

#[test]
fn a_limit_is_one_for_all_runs_of_the_session_also_those_inside_of_bodies() {
    #[task]
    fn outer(count: &Arc<Count>) -> Result<(), Error> {
        join_all((0..10).map(|_| counted(Arc::clone(count)))).run().map(drop)
    }

    in_time(|| {
        let session = limited(2).concurrency(4).build().unwrap();
        let count = Arc::<Count>::default();
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let (session, count) = (session.clone(), Arc::clone(&count));
                thread::spawn(move || {
                    let inside = (0..3).map(|_| outer(Arc::new(Arc::clone(&count))));
                    let direct = (0..10).map(|_| counted(Arc::clone(&count)));
                    join((join_all(inside), join_all(direct))).run_in(&session)
                })
            })
            .collect();
        runs.into_iter().for_each(|run| drop(run.join().unwrap().unwrap()));
        assert_eq!(count.most(), 2);
    });
}

#[test]
fn a_task_with_several_limits_takes_all_of_them_or_none() {
    #[task(limits = ["one", "two"])]
    fn forth(one: &Count, two: &Count) {
        one.enter();
        two.work();
        one.leave();
    }
    #[task(limits = ["two", "one"])]
    fn back(one: &Count, two: &Count) {
        two.enter();
        one.work();
        two.leave();
    }
    #[task(limits = ["two"])]
    fn only(two: &Count) {
        two.work();
    }

    in_time(|| {
        let builder = Session::builder().without_cache().limit("one", 1).limit("two", 1);
        let session = builder.concurrency(4).build().unwrap();
        let (one, two) = (Arc::<Count>::default(), Arc::<Count>::default());
        let all = (0..40).flat_map(|_| {
            [
                forth(Arc::clone(&one), Arc::clone(&two)),
                back(Arc::clone(&one), Arc::clone(&two)),
                only(Arc::clone(&two)),
            ]
        });
        join_all(all.collect::<Vec<_>>()).run_in(&session).unwrap();
        assert_eq!((one.most(), two.most()), (1, 1));
    });
}

#[test]
fn who_wants_two_limits_is_not_passed_by_those_that_want_one() {
    #[task(limits = ["one"])]
    fn one(door: &Door, begun: &AtomicUsize) {
        begun.fetch_add(1, Ordering::SeqCst);
        door.wait();
    }
    #[task(limits = ["two"])]
    fn two(door: &Door, begun: &AtomicUsize) {
        begun.fetch_add(1, Ordering::SeqCst);
        door.wait();
    }
    #[task(limits = ["one", "two"])]
    fn both(order: &Order) {
        order.lock().unwrap().push("both");
    }
    #[task(limits = ["one"])]
    fn late(order: &Order) {
        order.lock().unwrap().push("late");
    }
    #[task]
    fn nothing(_number: u32) {}

    in_time(|| {
        let builder = Session::builder().without_cache().limit("one", 1).limit("two", 1);
        let (session, log) = logged_with(builder.concurrency(8));
        let order = Arc::<Order>::default();
        let (first, second, begun) = (Door::new(), Door::new(), Arc::<AtomicUsize>::default());
        let run = |future: TaskFuture<()>| {
            let session = session.clone();
            thread::spawn(move || future.run_in(&session).unwrap())
        };
        let holds_one = run(one(first.1.clone(), Arc::clone(&begun)));
        let holds_two = run(two(second.1.clone(), Arc::clone(&begun)));
        wait_until(|| begun.load(Ordering::SeqCst) == 2);
        let wants_both = run(both(Arc::clone(&order)));
        wait_until(|| log.count("waits for one, two: both") == 1);
        let wants_one = run(late(Arc::clone(&order)));
        wait_until(|| log.count("waits for one: late") == 1);
        drop(first.0);
        holds_one.join().unwrap();
        // Time in which somebody could go ahead who must not.
        join_all((0..1000).map(nothing)).run_in(&session).unwrap();
        drop(second.0);
        [holds_two, wants_both, wants_one].into_iter().for_each(|run| run.join().unwrap());
        assert_eq!(*order.lock().unwrap(), ["both", "late"]);
    });
}

#[test]
fn who_waits_for_room_holds_no_thread() {
    #[task(limits = ["db"])]
    async fn holds(word: Arc<tokio::sync::Notify>) {
        word.notified().await;
    }
    #[task]
    fn opens(word: &Arc<tokio::sync::Notify>) {
        word.notify_one();
    }

    in_time(|| {
        let session = limited(1).concurrency(1).build().unwrap();
        let word = Arc::<tokio::sync::Notify>::default();
        let waiting = join_all((0..100).map(passes));
        let all = join((holds(Arc::new(Arc::clone(&word))), waiting, opens(Arc::new(word))));
        assert_eq!(all.run_in(&session).unwrap().1.len(), 100);
    });
}

#[test]
fn a_body_lends_its_place_to_those_inside_of_it() {
    #[task(limits = ["db"])]
    fn factorial(n: u64) -> Result<u64, Error> {
        if n == 0 { Ok(1) } else { Ok(n * factorial(n - 1).run()?) }
    }
    #[task(limits = ["db"])]
    async fn factorial_async(n: u64) -> Result<u64, Error> {
        if n == 0 { Ok(1) } else { Ok(n * factorial_async(n - 1).await?) }
    }

    for concurrency in [1, 4] {
        in_time(move || {
            let session = limited(1).concurrency(concurrency).build().unwrap();
            assert_eq!(factorial(10).run_in(&session).unwrap(), 3_628_800);
            assert_eq!(factorial_async(10).run_in(&session).unwrap(), 3_628_800);
        });
    }
}

#[test]
fn a_place_is_lent_to_one_at_a_time() {
    #[task(limits = ["db"])]
    fn outer(count: &Arc<Count>) -> Result<(), Error> {
        join_all((0..30).map(|_| counted(Arc::clone(count)))).run().map(drop)
    }

    in_time(|| {
        let session = limited(2).concurrency(8).build().unwrap();
        let count = Arc::<Count>::default();
        let both = join((outer(Arc::new(Arc::clone(&count))), outer(Arc::new(Arc::clone(&count)))));
        both.run_in(&session).unwrap();
        assert!(count.most() <= 2, "{} at once", count.most());
    });
}

/// What two bodies tell each other that meet in a circle.
#[derive(Clone)]
struct Circle {
    first: Arc<AtomicU32>,
    second: Arc<AtomicU32>,
    log: Arc<Mutex<Option<daglite_tests::Log>>>,
}

impl Circle {
    fn count(&self, line: &str) -> usize {
        self.log.lock().unwrap().as_ref().map_or(0, |log| log.count(line))
    }
}

/// Takes the limit inside of a key: when `late`, after somebody who has the limit waits for the key.
#[task(cache, cache_exclude = [circle, late])]
fn key(circle: &Circle, late: bool) -> Result<u32, Error> {
    circle.second.fetch_add(1, Ordering::SeqCst);
    wait_until(|| circle.first.load(Ordering::SeqCst) > 0);
    if late {
        wait_until(|| circle.count("wait key") > 0);
    }
    passes(7).run()
}

/// Takes the key inside of the limit.
#[task(limits = ["db"])]
fn around(circle: &Circle, late: bool) -> Result<u32, Error> {
    circle.first.fetch_add(1, Ordering::SeqCst);
    wait_until(|| circle.second.load(Ordering::SeqCst) > 0);
    if !late {
        wait_until(|| circle.count("waits for db: passes") > 0);
    }
    key(circle.clone(), late).run()
}

#[test]
fn a_limit_inside_of_a_key_and_the_key_inside_of_the_limit_are_no_circle() {
    for late in [false, true] {
        for concurrency in [2, 4] {
            in_time(move || {
                let builder = Session::builder().cache(MemoryStore::new()).limit("db", 1);
                let (session, log) = logged_with(builder.concurrency(concurrency));
                let circle =
                    Circle { first: Arc::default(), second: Arc::default(), log: Arc::default() };
                *circle.log.lock().unwrap() = Some(log.clone());
                let runs = [
                    {
                        let (session, circle) = (session.clone(), circle.clone());
                        thread::spawn(move || around(circle, late).run_in(&session))
                    },
                    {
                        let (session, circle) = (session.clone(), circle.clone());
                        thread::spawn(move || key(circle, late).run_in(&session))
                    },
                ];
                for run in runs {
                    assert_eq!(run.join().unwrap().unwrap(), 7);
                }
                if late {
                    // Who waits lends its place: nothing has to be computed twice.
                    assert_eq!(log.count("computed key"), 1);
                }
            });
        }
    }
}

#[test]
fn nobody_holds_a_place_in_the_pause_before_a_retry() {
    #[task(limits = ["db"], retries = 1, retry_delay = "1h")]
    fn flaky(calls: &AtomicU32) -> Result<u32, String> {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err("not yet".to_string()),
            _ => Ok(2),
        }
    }

    in_time(|| {
        let (clock, hands) = Clock::manual();
        let (session, log) = logged_with(limited(1).clock(clock));
        let run = {
            let session = session.clone();
            thread::spawn(move || flaky(Arc::<AtomicU32>::default()).run_in(&session))
        };
        wait_until(|| log.count("retried") == 1);
        assert_eq!(passes(5).run_in(&session).unwrap(), 5);
        hands.advance(Duration::from_secs(3600));
        assert_eq!(run.join().unwrap().unwrap(), 2);
    });
}

#[test]
fn the_next_attempt_waits_for_room_as_the_first_did() {
    #[task(cache, cache_exclude = [calls], limits = ["db"], retries = 1, retry_delay = "1h")]
    fn flaky(calls: &AtomicU32) -> Result<u32, String> {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err("not yet".to_string()),
            _ => Ok(2),
        }
    }

    in_time(|| {
        let (clock, hands) = Clock::manual();
        let builder = Session::builder().cache(MemoryStore::new()).limit("db", 1);
        let (session, log) = logged_with(builder.clock(clock).concurrency(4));
        let calls = Arc::<AtomicU32>::default();
        let run = {
            let (session, calls) = (session.clone(), Arc::clone(&calls));
            thread::spawn(move || flaky(calls).run_in(&session))
        };
        wait_until(|| log.count("retried") == 1);
        let (key, door) = Door::new();
        let begun = Arc::<AtomicUsize>::default();
        let other = {
            let (session, begun) = (session.clone(), Arc::clone(&begun));
            thread::spawn(move || held(door, begun).run_in(&session))
        };
        wait_until(|| begun.load(Ordering::SeqCst) == 1);
        hands.advance(Duration::from_secs(3600));
        wait_until(|| log.count("waits for db: flaky") == 1);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(key);
        assert_eq!(other.join().unwrap().unwrap(), 1);
        assert_eq!(run.join().unwrap().unwrap(), 2);
    });
}

#[test]
fn an_abandoned_body_has_its_place_until_it_ends() {
    #[task(limits = ["db"], timeout = "30s")]
    fn slow(door: &Door, hands: &daglite::clock::ClockHands) {
        hands.advance(Duration::from_secs(60));
        door.wait();
    }

    in_time(|| {
        let (clock, hands) = Clock::manual();
        let (session, log) = logged_with(limited(1).clock(clock));
        let (key, door) = Door::new();
        let error = slow(door, hands).run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let run = {
            let session = session.clone();
            thread::spawn(move || passes(3).run_in(&session))
        };
        wait_until(|| log.count("waits for db: passes") == 1);
        assert_eq!(log.count("computed passes"), 0);
        drop(key);
        assert_eq!(run.join().unwrap().unwrap(), 3);
    });
}

#[test]
fn a_run_that_is_dropped_or_fails_leaves_the_line() {
    #[task]
    fn fails(begun: &AtomicUsize) -> Result<u32, String> {
        wait_until(|| begun.load(Ordering::SeqCst) == 2);
        Err("no".to_string())
    }

    in_time(|| {
        let (session, log) = logged_with(limited(1).concurrency(4));
        let ((key, door), begun) = (Door::new(), Arc::<AtomicUsize>::default());
        let holder = {
            let (session, begun) = (session.clone(), Arc::clone(&begun));
            thread::spawn(move || held(door, begun).run_in(&session))
        };
        wait_until(|| begun.load(Ordering::SeqCst) == 1);
        let mut dropped = Box::pin(passes(1).await_in(&session));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        wait_until(|| {
            assert!(dropped.as_mut().poll(&mut context).is_pending());
            log.count("waits for db") == 1
        });
        let failing = {
            let (session, begun) = (session.clone(), Arc::clone(&begun));
            thread::spawn(move || join((passes(2), fails(begun))).run_in(&session))
        };
        wait_until(|| log.count("waits for db") == 2);
        let last = {
            let session = session.clone();
            thread::spawn(move || passes(3).run_in(&session))
        };
        wait_until(|| log.count("waits for db") == 3);
        drop(dropped);
        begun.fetch_add(1, Ordering::SeqCst);
        assert!(failing.join().unwrap().is_err());
        drop(key);
        holder.join().unwrap().unwrap();
        assert_eq!(last.join().unwrap().unwrap(), 3);
        assert_eq!(log.count("computed passes"), 1);
    });
}

#[test]
fn a_hit_needs_no_room() {
    #[task(cache, limits = ["db"])]
    fn cached(number: u32) -> u32 {
        number
    }

    in_time(|| {
        let builder = Session::builder().cache(MemoryStore::new()).limit("db", 1);
        let (session, log) = logged_with(builder.concurrency(2));
        cached(1).run_in(&session).unwrap();
        let ((key, door), begun) = (Door::new(), Arc::<AtomicUsize>::default());
        let holder = {
            let (session, begun) = (session.clone(), Arc::clone(&begun));
            thread::spawn(move || held(door, begun).run_in(&session))
        };
        wait_until(|| begun.load(Ordering::SeqCst) == 1);
        assert_eq!(cached(1).run_in(&session).unwrap(), 1);
        assert_eq!(log.count("hit cached"), 1);
        drop(key);
        holder.join().unwrap().unwrap();
    });
}

#[test]
fn a_body_that_fails_or_panics_gives_its_place_back() {
    #[task(limits = ["db"])]
    fn fails() -> Result<u32, String> {
        Err("no".to_string())
    }
    #[task(limits = ["db"])]
    fn panics() -> u32 {
        panic!("over")
    }
    #[task(limits = ["db"])]
    async fn panics_async() -> u32 {
        panic!("over")
    }

    in_time(|| {
        let session = limited(1).build().unwrap();
        assert!(fails().run_in(&session).is_err());
        assert!(panics().run_in(&session).is_err());
        assert!(panics_async().run_in(&session).is_err());
        assert_eq!(passes(1).run_in(&session).unwrap(), 1);
    });
}

#[test]
fn an_async_body_that_is_dropped_gives_its_place_back() {
    #[task(limits = ["db"])]
    async fn never(begun: Arc<AtomicUsize>) -> u32 {
        begun.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    in_time(|| {
        let session = limited(1).build().unwrap();
        let begun = Arc::<AtomicUsize>::default();
        let mut run = Box::pin(never(Arc::new(Arc::clone(&begun))).await_in(&session));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        wait_until(|| {
            assert!(run.as_mut().poll(&mut context).is_pending());
            begun.load(Ordering::SeqCst) == 1
        });
        drop(run);
        assert_eq!(passes(1).run_in(&session).unwrap(), 1);
    });
}

#[test]
fn a_name_without_a_limit_is_told_once_with_the_nearest() {
    #[task(limits = ["bd"])]
    fn mistyped(number: u32) -> u32 {
        number
    }

    let (session, log) = logged_with(limited(1).limit("network", 3));
    join_all((0..5).map(mistyped)).run_in(&session).unwrap();
    let told: Vec<_> = log.take().into_iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(
        told,
        ["warning: `limits::mistyped` names the limit `bd`, which \
          this session does not set, so it limits nothing: the nearest that is set is `db`; set `bd` too, or correct the name"]
    );
    // A session without any limits has nothing to say about them.
    let (session, log) = logged_with(Session::builder().without_cache());
    mistyped(1).run_in(&session).unwrap();
    assert_eq!(log.count("warning"), 0);
}

#[test]
fn ten_thousand_calls_in_line_are_served_in_good_time() {
    #[task]
    fn many() -> Result<usize, Error> {
        join_all((0..10_000).map(passes)).run().map(|all| all.len())
    }
    #[task(limits = ["db"])]
    fn inside() -> Result<usize, Error> {
        join_all((0..10_000).map(passes)).run().map(|all| all.len())
    }
    #[task(limits = ["db"])]
    async fn short(number: u32) -> u32 {
        tokio::task::yield_now().await;
        number
    }

    in_time(|| {
        let session = limited(2).concurrency(2).build().unwrap();
        assert_eq!(join_all((0..10_000).map(passes)).run_in(&session).unwrap().len(), 10_000);
        assert_eq!(many().run_in(&session).unwrap(), 10_000);
        assert_eq!(inside().run_in(&session).unwrap(), 10_000);
        assert_eq!(join_all((0..10_000).map(short)).run_in(&session).unwrap().len(), 10_000);
    });
}
