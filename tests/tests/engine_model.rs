//! Random graphs against plain arithmetic: whatever the shape, the threads and the state of the cache, the answer is
//! right, and every node of a run is computed at most once.

mod spy_store;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use daglite::prelude::*;
use daglite_tests::logged_with;
use proptest::prelude::*;
use spy_store::{Claims, Handle, Spy};

/// How a node is made of two earlier ones.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Cached,
    Plain,
    Async,
    CachedAsync,
    Nested,
    NestedAsync,
    Map,
    Join,
    AndThen,
    Each,
    Folded,
    Reduced,
    Settled,
    Also,
    Refreshed,
    Checkpoint,
}

/// A node: its kind, and its two sources as distances back.
#[derive(Debug, Clone, Copy)]
struct Plan(Kind, usize, usize);

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    prop::sample::select(vec![
        Cached,
        Plain,
        Async,
        CachedAsync,
        Nested,
        NestedAsync,
        Map,
        Join,
        AndThen,
        Each,
        Folded,
        Reduced,
        Settled,
        Also,
        Refreshed,
        Checkpoint,
    ])
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    prop::collection::vec(
        (kind(), 1..6usize, 1..6usize).prop_map(|(kind, a, b)| Plan(kind, a, b)),
        1..40,
    )
}

fn mix(a: u64, b: u64) -> u64 {
    a.wrapping_mul(31).wrapping_add(b) % 1009
}

#[task(cache)]
fn cached(a: u64, b: &u64) -> u64 {
    mix(a, *b)
}

#[task]
fn plain(a: &u64, b: u64) -> u64 {
    mix(*a, b)
}

#[task]
async fn asynchronous(a: u64, b: u64) -> u64 {
    tokio::task::yield_now().await;
    mix(a, b)
}

#[task(cache)]
async fn cached_async(a: &u64, b: &u64) -> u64 {
    tokio::task::yield_now().await;
    mix(*a, *b)
}

#[task(cache)]
fn nested(a: u64, b: u64) -> Result<u64, daglite::Error> {
    join((cached(a, b), cached_async(a, b))).map(|(x, _)| x).run()
}

#[task]
async fn nested_async(a: u64, b: u64) -> Result<u64, daglite::Error> {
    let (x, _) = join((nested(a, b), plain(a, b))).await?;
    Ok(x)
}

fn expected(plans: &[Plan]) -> u64 {
    let mut values = vec![1, 2];
    for Plan(_, a, b) in plans {
        let at = |back: usize| values[values.len().saturating_sub(back)];
        values.push(mix(at(*a), at(*b)));
    }
    values[values.len() - 1]
}

fn graph(plans: &[Plan], looks: &Arc<AtomicU64>) -> TaskFuture<u64> {
    let mut nodes = vec![plain(0, 1), plain(0, 2)];
    for Plan(kind, a, b) in plans {
        let at = |back: usize| nodes[nodes.len().saturating_sub(back)].clone();
        let (a, b) = (at(*a), at(*b));
        nodes.push(match kind {
            Kind::Cached => cached(a, b),
            Kind::Plain => plain(a, b),
            Kind::Async => asynchronous(a, b),
            Kind::CachedAsync => cached_async(a, b),
            Kind::Nested => nested(a, b),
            Kind::NestedAsync => nested_async(a, b),
            Kind::Map => join((a, b)).map(|(a, b)| mix(a, b)),
            Kind::Join => join_all([a, b]).map(|both| mix(both[0], both[1])),
            Kind::AndThen => join((a, b)).and_then(|(a, b)| cached(a, b)),
            Kind::Each => {
                join_all([a, b]).map_each(|n| cached(0, n)).map(|both| mix(both[0], both[1]))
            }
            Kind::Folded => map_each([a, b], |n| asynchronous(0, n)).in_flight(1).fold(0, cached),
            Kind::Reduced => map_each([a, b], |n| cached(0, n)).reduce(plain),
            Kind::Settled => join_all([a, b]).settled().map(|both| {
                let value = |at: usize| both[at].as_ref().copied().unwrap_or_default();
                mix(value(0), value(1))
            }),
            Kind::Also => {
                let looks = Arc::clone(looks);
                cached(a, b).also(move |_| looks.fetch_add(1, Ordering::SeqCst))
            }
            Kind::Refreshed => cached(a, b).refresh(),
            Kind::Checkpoint => cached(a, b).checkpoint(format!("node/{}", nodes.len())),
        });
    }
    nodes.pop().expect("there is a node")
}

/// What `work` returns; a panic if it takes so long that it must be a deadlock.
fn bounded<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(work()));
    told.recv_timeout(Duration::from_secs(60)).expect("the run neither ends nor fails")
}

/// What is cached where.
#[derive(Debug, Clone, Copy)]
enum Cache {
    /// Every hit comes from memory.
    Memory,
    /// Every hit is read from the store.
    Store,
    /// Other processes are at some keys, and memory holds next to nothing.
    Shared,
}

fn cache() -> impl Strategy<Value = Cache> {
    prop::sample::select(vec![Cache::Memory, Cache::Store, Cache::Shared])
}

fn check(plans: Vec<Plan>, concurrency: usize, cache: Cache, awaiting: bool) {
    let right = expected(&plans);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    let builder = Session::builder().checkpoints(checkpoints);
    let builder = match cache {
        Cache::Memory => builder.cache(MemoryStore::new()),
        Cache::Store => builder.cache(MemoryStore::new()).without_memory(),
        Cache::Shared => builder.cache(Handle(Spy::new(Claims::Sometimes))).memory("4 kB"),
    };
    let (session, log) = logged_with(builder.concurrency(concurrency));
    for round in 0..3 {
        let looks = Arc::default();
        let future = graph(&plans, &looks);
        let shared = (round == 2).then(|| future.clone());
        let run = {
            let session = session.clone();
            move || {
                if awaiting {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(async { future.await_in(&session).await })
                } else {
                    future.run_in(&session)
                }
            }
        };
        let other = shared.map(|future| {
            let session = session.clone();
            std::thread::spawn(move || future.run_in(&session))
        });
        assert_eq!(bounded(run).unwrap(), right);
        if let Some(other) = other {
            assert_eq!(bounded(move || other.join().unwrap()).unwrap(), right);
        }
        let most = plans.iter().filter(|plan| matches!(plan.0, Kind::Also)).count() as u64;
        assert!(looks.load(Ordering::SeqCst) <= most, "a look happens once a node");
    }
    assert_eq!(log.count("warning"), 0);
    assert_eq!(log.count("failed"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_blocking_run_gives_the_right_answer(
        plans in plans(),
        concurrency in 1..4usize,
        cache in cache(),
    ) {
        check(plans, concurrency, cache, false);
    }

    #[test]
    fn an_awaited_run_gives_the_right_answer(
        plans in plans(),
        concurrency in 1..4usize,
        cache in cache(),
    ) {
        check(plans, concurrency, cache, true);
    }
}
