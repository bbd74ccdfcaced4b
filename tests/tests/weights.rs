//! Tasks that take several of a session's places: together no more than there are, each gets its turn, and nobody waits for ever.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{Error, ErrorKind};
use daglite_tests::{in_time, logged_with, wait_until};

/// How many places bodies take, and the most that they ever took.
#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Load {
    fn work(&self, weight: usize) {
        let now = self.now.fetch_add(weight, Ordering::SeqCst) + weight;
        self.most.fetch_max(now, Ordering::SeqCst);
        (0..20).for_each(|_| thread::yield_now());
        self.now.fetch_sub(weight, Ordering::SeqCst);
    }
}

#[task]
fn one(load: &Load) {
    load.work(1);
}

#[task(weight = 2)]
fn two(load: &Load) {
    load.work(2);
}

#[task(weight = 3)]
fn three(load: &Load) {
    load.work(3);
}

/// Heavier than the sessions of these tests.
#[task(weight = 100)]
fn all_four(load: &Load) {
    load.work(4);
}

fn session(concurrency: usize) -> Session {
    Session::builder().without_cache().concurrency(concurrency).build().unwrap()
}

/// Some of each weight.
fn mixed(load: &Arc<Load>) -> TaskFuture<Vec<()>> {
    let some = |number| match number % 8 {
        0..4 => one(Arc::clone(load)),
        4 | 5 => two(Arc::clone(load)),
        6 => three(Arc::clone(load)),
        _ => all_four(Arc::clone(load)),
    };
    join_all((0..160).map(some))
}

#[test]
fn bodies_take_no_more_places_than_there_are() {
    in_time(|| {
        let (session, load) = (session(4), Arc::<Load>::default());
        mixed(&load).run_in(&session).unwrap();
        assert_eq!(load.most.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn the_same_holds_for_all_runs_of_a_session_together() {
    in_time(|| {
        let (session, load) = (session(4), Arc::<Load>::default());
        let runs: Vec<_> = (0..4)
            .map(|number| {
                let (session, load) = (session.clone(), Arc::clone(&load));
                thread::spawn(move || {
                    if number % 2 == 0 {
                        return mixed(&load).run_in(&session);
                    }
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(mixed(&load).await_in(&session))
                })
            })
            .collect();
        runs.into_iter().for_each(|run| drop(run.join().unwrap().unwrap()));
        assert_eq!(load.most.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_task_heavier_than_the_session_runs_alone() {
    in_time(|| {
        for concurrency in [1, 2] {
            let load = Arc::<Load>::default();
            let all =
                join((all_four(Arc::clone(&load)), one(Arc::clone(&load)), all_four(load.clone())));
            all.run_in(&session(concurrency)).unwrap();
            assert_eq!(load.most.load(Ordering::SeqCst), 4);
        }
    });
}

#[test]
fn a_heavy_task_gets_its_turn_though_light_ones_keep_coming() {
    /// Counts light bodies until the heavy one begins.
    #[derive(Default)]
    struct Race {
        heavy: AtomicBool,
        light: AtomicUsize,
    }
    #[task]
    fn light(race: &Race) {
        if !race.heavy.load(Ordering::SeqCst) {
            race.light.fetch_add(1, Ordering::SeqCst);
        }
    }
    #[task(weight = 2)]
    fn heavy(race: &Race) {
        race.heavy.store(true, Ordering::SeqCst);
    }
    const MANY: usize = 20_000;

    in_time(|| {
        // In the same run.
        let race = Arc::<Race>::default();
        let lights = join_all((0..MANY).map(|_| light(Arc::clone(&race))));
        join((heavy(Arc::clone(&race)), lights)).run_in(&session(2)).unwrap();
        let before = race.light.load(Ordering::SeqCst);
        assert!(before < MANY / 10, "{before} light bodies went first");

        // In another run, that goes on until the heavy one has had its turn.
        let (session, race) = (session(2), Arc::<Race>::default());
        let lights = {
            let (session, race) = (session.clone(), Arc::clone(&race));
            thread::spawn(move || {
                while !race.heavy.load(Ordering::SeqCst) {
                    join_all((0..500).map(|_| light(Arc::clone(&race)))).run_in(&session).unwrap();
                }
            })
        };
        wait_until(|| race.light.load(Ordering::SeqCst) > 0);
        heavy(Arc::clone(&race)).run_in(&session).unwrap();
        lights.join().unwrap();
    });
}

#[test]
fn light_tasks_get_their_turn_though_heavy_ones_keep_coming() {
    #[task(weight = 2)]
    fn heavy(done: &AtomicBool) -> bool {
        done.load(Ordering::SeqCst)
    }
    #[task]
    fn light(done: &AtomicBool) {
        done.store(true, Ordering::SeqCst);
    }

    in_time(|| {
        let (session, done) = (session(2), Arc::<AtomicBool>::default());
        let heavies: Vec<_> = (0..2)
            .map(|_| {
                let (session, done) = (session.clone(), Arc::clone(&done));
                thread::spawn(move || {
                    while !join_all((0..20).map(|_| heavy(Arc::clone(&done))))
                        .run_in(&session)
                        .unwrap()[19]
                    {}
                })
            })
            .collect();
        light(done).run_in(&session).unwrap();
        heavies.into_iter().for_each(|run| run.join().unwrap());
    });
}

#[task]
fn meet(gate: &Barrier) -> u32 {
    gate.wait();
    1
}

#[test]
fn a_heavy_body_lends_its_places_to_the_graph_that_it_runs() {
    #[task(weight = 4)]
    fn outer(gate: &Arc<Barrier>) -> Result<u32, Error> {
        let parts = join_all((0..8).map(|_| meet(Arc::clone(gate)))).run()?;
        Ok(parts.into_iter().sum())
    }

    in_time(|| {
        // Four have to be there together, or the first waits for ever.
        let gate = Arc::new(Arc::new(Barrier::new(4)));
        assert_eq!(outer(gate).run_in(&session(4)).unwrap(), 8);
    });
}

#[test]
fn heavy_tasks_inside_of_tasks_never_deadlock() {
    #[task]
    fn light(depth: u32) -> Result<u32, Error> {
        if depth == 0 {
            Ok(1)
        } else {
            join((heavy(depth - 1), heavy(depth - 1))).map(|(a, b)| a + b).run()
        }
    }
    #[task(weight = 3)]
    fn heavy(depth: u32) -> Result<u32, Error> {
        if depth == 0 {
            Ok(1)
        } else {
            join((light(depth - 1), light(depth - 1))).map(|(a, b)| a + b).run()
        }
    }

    for concurrency in [1, 2, 3, 8] {
        in_time(move || {
            let session = session(concurrency);
            let runs: Vec<_> = (0..3)
                .map(|_| {
                    let session = session.clone();
                    thread::spawn(move || join((light(5), heavy(5))).run_in(&session))
                })
                .collect();
            runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap().unwrap(), (32, 32)));
        });
    }
}

#[test]
fn a_body_that_awaits_a_heavy_task_on_its_own_runtime_never_deadlocks() {
    #[task(weight = 2, timeout = "1h")]
    fn heavy(n: u32) -> u32 {
        n + 1
    }
    #[task]
    fn awaits_inside(n: u32) -> Result<u32, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { Ok(heavy(heavy(n)).await? + heavy(n).await?) })
    }

    for concurrency in [1, 2] {
        in_time(move || {
            let both = join((awaits_inside(1), awaits_inside(2)));
            assert_eq!(both.run_in(&session(concurrency)).unwrap(), (5, 7));
        });
    }
}

#[test]
fn an_abandoned_heavy_body_gives_all_of_its_places_to_others() {
    #[task(weight = 2, timeout = "30s")]
    fn slow(door: &Mutex<Receiver<()>>, hands: &ClockHands) {
        hands.advance(Duration::from_secs(60));
        let _ = door.lock().unwrap().recv();
    }

    in_time(|| {
        let (clock, hands) = Clock::manual();
        let builder = Session::builder().without_cache().clock(clock).concurrency(2);
        let (session, log) = logged_with(builder);
        let (key, door): (Sender<()>, _) = mpsc::channel();
        let error = slow(Mutex::new(door), hands).run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let gate = Arc::new(Barrier::new(2));
        join((meet(Arc::clone(&gate)), meet(gate))).run_in(&session).unwrap();
        drop(key);
        wait_until(|| log.count("ended late") == 1);
        let load = Arc::<Load>::default();
        join_all((0..20).map(|_| two(Arc::clone(&load)))).run_in(&session).unwrap();
        assert_eq!(load.most.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn the_weight_of_an_async_task_says_nothing() {
    #[task(weight = 100)]
    async fn meet_async(gate: Arc<tokio::sync::Barrier>) {
        gate.wait().await;
    }

    in_time(|| {
        let gate = Arc::new(tokio::sync::Barrier::new(50));
        let all = (0..50).map(|_| meet_async(Arc::new(Arc::clone(&gate))));
        join_all(all).run_in(&session(1)).unwrap();
    });
}

#[test]
fn heavy_bodies_are_cached_fail_and_panic_as_others_do() {
    #[task(cache, weight = 2)]
    fn square(n: u64) -> u64 {
        n * n
    }
    #[task(weight = 2)]
    fn fails() -> Result<u32, String> {
        Err("no luck".to_string())
    }
    #[task(weight = 2)]
    fn panics() -> u32 {
        panic!("over")
    }

    in_time(|| {
        let (session, log) =
            logged_with(Session::builder().cache(MemoryStore::new()).concurrency(2));
        for _ in 0..2 {
            assert_eq!(square(7).run_in(&session).unwrap(), 49);
        }
        assert_eq!(
            log.take(),
            ["miss square: no entry yet", "computed square", "stored square", "hit square"]
        );
        assert!(fails().run_in(&session).unwrap_err().to_string().ends_with("failed: no luck"));
        assert_eq!(panics().run_in(&session).unwrap_err().kind(), ErrorKind::Panic);
        assert_eq!(square(7).run_in(&session).unwrap(), 49);
    });
}

/// No `Clone`, so that it has to be moved.
struct Once(u32);

#[test]
fn arguments_are_moved_into_heavy_bodies() {
    #[task]
    fn make() -> Once {
        Once(3)
    }
    #[task(weight = 2)]
    fn take(once: Once) -> u32 {
        once.0
    }

    in_time(|| assert_eq!(take(make()).run_in(&session(2)).unwrap(), 3));
}
