//! The order in which a run takes what can be done: a long chain is not left to the end, and what lies in memory is used up first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use daglite::prelude::*;
use daglite_tests::in_time;

/// What ran, in order.
type Order = Mutex<Vec<&'static str>>;

#[task]
fn head(order: &Order) -> u32 {
    order.lock().unwrap().push("chain");
    0
}

#[task]
fn step(n: u32, order: &Order) -> u32 {
    order.lock().unwrap().push("chain");
    n + 1
}

#[task]
fn short(order: &Order) -> u32 {
    order.lock().unwrap().push("short");
    1
}

#[task]
fn short_after(_head: u32, order: &Order) -> u32 {
    order.lock().unwrap().push("short");
    1
}

fn session(concurrency: usize) -> Session {
    Session::builder().without_cache().concurrency(concurrency).build().unwrap()
}

/// A chain of `length` tasks.
fn chain(length: u32, order: &Arc<Order>) -> TaskFuture<u32> {
    (1..length).fold(head(Arc::clone(order)), |last, _| step(last, Arc::clone(order)))
}

#[test]
fn a_long_chain_begins_before_short_tasks_that_stand_before_it() {
    let order = Arc::<Order>::default();
    let shorts = join_all((0..20).map(|_| short(Arc::clone(&order))));
    join((shorts, chain(10, &order))).run_in(&session(1)).unwrap();
    let order = order.lock().unwrap();
    assert_eq!((order.len(), order[0]), (30, "chain"), "{order:?}");
}

#[test]
fn a_long_chain_goes_first_where_both_come_free_at_once() {
    let order = Arc::<Order>::default();
    let first = head(Arc::clone(&order));
    let shorts = join_all(
        (0..20).map(|_| short_after(first.clone(), Arc::clone(&order))).collect::<Vec<_>>(),
    );
    let chain = (1..10).fold(first, |last, _| step(last, Arc::clone(&order)));
    join((shorts, chain)).run_in(&session(1)).unwrap();
    assert_eq!(order.lock().unwrap()[..10], ["chain"; 10]);
}

#[test]
fn the_same_holds_for_a_graph_that_is_made_as_the_run_goes_on() {
    let order = Arc::<Order>::default();
    let inside = Arc::clone(&order);
    let graph = short(Arc::clone(&order)).and_then(move |_| {
        let shorts = join_all((0..20).map(|_| short(Arc::clone(&inside))));
        join((shorts, chain(10, &inside)))
    });
    graph.run_in(&session(1)).unwrap();
    let order = order.lock().unwrap();
    assert_eq!((order[0], order[1]), ("short", "chain"), "{order:?}");
}

#[test]
fn two_threads_are_busy_to_the_end() {
    const LENGTH: u32 = 12;

    /// Goes on when another task is at work too: so the chain cannot be left alone.
    #[task]
    fn beside(gate: &Barrier) -> u32 {
        gate.wait();
        1
    }
    #[task]
    fn next(n: u32, gate: &Barrier) -> u32 {
        gate.wait();
        n + 1
    }

    in_time(|| {
        for _ in 0..20 {
            let gate = Arc::new(Barrier::new(2));
            // As many short tasks as the chain has steps: one beside each, or the run never ends.
            let shorts = join_all((0..LENGTH).map(|_| beside(Arc::clone(&gate))));
            let chain = (1..LENGTH)
                .fold(beside(Arc::clone(&gate)), |last, _| next(last, Arc::clone(&gate)));
            join((shorts, chain)).run_in(&session(2)).unwrap();
        }
    });
}

/// A value that counts those that are there.
struct Large(Arc<Living>);

/// How many large values there are, and the most that ever were.
#[derive(Default)]
struct Living {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Large {
    fn new(living: &Arc<Living>) -> Self {
        let now = living.now.fetch_add(1, Ordering::SeqCst) + 1;
        living.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(living))
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[task]
fn load(living: &Arc<Living>) -> Large {
    Large::new(living)
}

#[task]
fn clean(large: Large) -> Large {
    Large::new(&large.0)
}

#[task]
fn summarize(_large: &Large) -> u32 {
    1
}

#[test]
fn what_is_in_memory_is_used_up_before_more_is_loaded() {
    let living = Arc::<Living>::default();
    let files = (0..1000).map(|_| summarize(clean(load(Arc::new(Arc::clone(&living))))));
    // Beside it something that makes the paths unequal.
    let order = Arc::<Order>::default();
    join((join_all(files), chain(8, &order))).run_in(&session(1)).unwrap();
    let most = living.most.load(Ordering::SeqCst);
    assert!(most <= 40, "{most} large values at once");
    assert_eq!(living.now.load(Ordering::SeqCst), 0);
}

#[test]
fn all_shapes_give_their_results_on_any_number_of_threads() {
    #[task]
    fn one(n: u64) -> u64 {
        n
    }
    #[task]
    fn add(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    /// Each of the last few with the one before it: shared nodes, and paths of all lengths.
    fn net(seed: u64, size: usize) -> TaskFuture<u64> {
        let mut random = daglite_tests::random::Random::new(seed);
        let mut nodes = vec![one(1)];
        for number in 1..size {
            let [a, b] = [(); 2].map(|()| nodes[random.below(number as u64) as usize].clone());
            nodes.push(if random.below(5) == 0 { one(number as u64) } else { add(a, b) });
        }
        join_all(nodes).map(|all| all.into_iter().fold(0, u64::wrapping_add))
    }

    let seed = daglite_tests::random::seed();
    println!("DAGLITE_TEST_SEED={seed}");
    for round in 0..20 {
        let results = [1, 2, 4].map(|concurrency| {
            in_time(move || {
                net(seed.wrapping_add(round), 500).run_in(&session(concurrency)).unwrap()
            })
        });
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}
