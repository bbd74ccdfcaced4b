//! A value is dropped as soon as its last reader is done, and nothing else is kept for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use daglite::prelude::*;
use daglite_tests::in_time;

/// How many values there are, and the most that ever were.
#[derive(Default)]
struct Living {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Living {
    fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A value that is counted as long as it lives.
struct Counted(Arc<Living>);

impl Counted {
    fn new(living: &Arc<Living>) -> Self {
        let now = living.now.fetch_add(1, Ordering::SeqCst) + 1;
        living.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(living))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[task]
fn make(living: &Arc<Living>) -> Counted {
    Counted::new(living)
}

/// Lent: the value lives until the body has ended.
#[task]
fn next(before: &Counted) -> Counted {
    Counted::new(&before.0)
}

#[task]
fn read(value: &Counted) -> usize {
    value.0.now()
}

#[task]
fn read_both(one: &Counted, _other: &Counted) -> usize {
    one.0.now()
}

fn session(concurrency: usize) -> Session {
    Session::builder().without_cache().without_memory().concurrency(concurrency).build().unwrap()
}

#[expect(
    clippy::redundant_allocation,
    reason = "an argument of type `&Arc<T>` is an `Arc<T>` in an `Arc`"
)]
fn living() -> Arc<Arc<Living>> {
    Arc::default()
}

#[test]
fn a_chain_keeps_two_values_at_a_time() {
    for concurrency in [1, 4] {
        let living = living();
        let chain = (0..1000).fold(make(Arc::clone(&living)), |last, _| last.then(next));
        read(chain).run_in(&session(concurrency)).unwrap();
        assert_eq!((living.most(), living.now()), (2, 0));
    }
}

#[test]
fn by_value_the_chain_keeps_one() {
    #[task]
    fn change(before: Counted) -> Counted {
        let living = Arc::clone(&before.0);
        drop(before);
        Counted::new(&living)
    }

    let living = living();
    let chain = (0..1000).fold(make(Arc::clone(&living)), |last, _| last.then(change));
    read(chain).run_in(&session(1)).unwrap();
    assert_eq!((living.most(), living.now()), (1, 0));
}

#[test]
fn a_diamond_keeps_its_source_until_both_sides_are_done() {
    let living = living();
    let source = make(Arc::clone(&living));
    let (left, right) = (next(source.clone()), next(source));
    // While the last body runs, the source is gone.
    assert_eq!(read_both(left, right).run_in(&session(1)).unwrap(), 2);
    assert_eq!((living.most(), living.now()), (3, 0));
}

#[test]
fn of_many_that_are_read_one_by_one_few_are_there_at_once() {
    for concurrency in [1, 2] {
        let living = living();
        let all = join_all((0..1000).map(|_| read(make(Arc::clone(&living)))));
        all.run_in(&session(concurrency)).unwrap();
        assert_eq!(living.now(), 0);
        assert!(living.most() <= 2 * concurrency, "{} at once", living.most());
    }
}

#[test]
fn what_a_late_reader_waits_for_is_all_that_is_kept() {
    #[task]
    fn late(value: &Counted, gate: &Barrier) -> usize {
        gate.wait();
        gate.wait();
        value.0.now()
    }

    in_time(|| {
        let (living, gate) = (living(), Arc::new(Barrier::new(2)));
        // A chain whose last value has a late reader.
        let chain = (0..100).fold(make(Arc::clone(&living)), |last, _| last.then(next));
        let run = {
            let late = late(chain, Arc::clone(&gate));
            thread::spawn(move || late.run_in(&session(2)))
        };
        gate.wait();
        assert_eq!(living.now(), 1, "the value that is being read is all that is there");
        gate.wait();
        assert_eq!(run.join().unwrap().unwrap(), 1);
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_value_that_one_more_reader_needs_stays_and_the_others_go() {
    #[task]
    fn late(value: &Counted, _read: usize, gate: &Barrier) -> usize {
        gate.wait();
        gate.wait();
        value.0.now()
    }

    in_time(|| {
        let (living, gate) = (living(), Arc::new(Barrier::new(2)));
        let source = make(Arc::clone(&living));
        let others = (0..10).map(|_| read(next(source.clone()))).collect::<Vec<_>>();
        let others = join_all(others).map(|all| all.len());
        let run = {
            let late = late(source, others, Arc::clone(&gate));
            thread::spawn(move || late.run_in(&session(2)))
        };
        gate.wait();
        assert_eq!(living.now(), 1, "the source is all that is there");
        gate.wait();
        run.join().unwrap().unwrap();
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_heavy_body_and_one_with_a_timeout_keep_nothing_longer() {
    #[task(weight = 2)]
    fn heavy(before: &Counted) -> Counted {
        Counted::new(&before.0)
    }
    #[task(timeout = "1h", limits = ["one"])]
    fn timed(before: &Counted) -> Counted {
        Counted::new(&before.0)
    }

    in_time(|| {
        let living = living();
        let chain = (0..50).fold(make(Arc::clone(&living)), |last, _| last.then(heavy).then(timed));
        let session =
            Session::builder().without_cache().limit("one", 1).concurrency(2).build().unwrap();
        read(chain).run_in(&session).unwrap();
        assert_eq!((living.most(), living.now()), (2, 0));
    });
}

#[test]
fn async_bodies_keep_nothing_longer() {
    #[task]
    async fn later(before: Arc<Living>) -> Counted {
        tokio::task::yield_now().await;
        Counted::new(&before)
    }
    #[task]
    async fn look(value: &Counted) -> usize {
        tokio::task::yield_now().await;
        value.0.now()
    }

    let living = living();
    let all = join_all((0..100).map(|_| look(later(Arc::clone(&living)))));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(all.await_in(&session(1))).unwrap();
    assert_eq!(living.now(), 0);
}

#[test]
fn a_graph_that_fails_keeps_nothing() {
    #[task]
    fn fails(_value: &Counted) -> Result<u32, String> {
        Err("no luck".to_string())
    }

    let living = living();
    let graph = join((fails(make(Arc::clone(&living))), read(next(make(Arc::clone(&living))))));
    assert!(graph.run_in(&session(1)).is_err());
    assert_eq!(living.now(), 0);
}
