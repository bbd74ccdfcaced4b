//! Fan-outs: a bounded number of elements at once, in order, whatever becomes of them; and lists of pairs.

mod spy_store;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use daglite::ErrorKind;
use daglite::prelude::*;
use daglite_tests::{in_time, logged, logged_with};
use spy_store::{Claims, Handle, Spy};

/// How many values are alive, and how many there ever were at once.
#[derive(Default)]
struct Census {
    alive: AtomicUsize,
    most: AtomicUsize,
}

impl Census {
    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A value that is counted as long as it lives. It cannot be cloned: who takes it has to be the only holder.
struct Counted(u64, &'static Census);

impl Counted {
    fn new(n: u64, census: &'static Census) -> Self {
        let alive = census.alive.fetch_add(1, Ordering::SeqCst) + 1;
        census.most.fetch_max(alive, Ordering::SeqCst);
        Self(n, census)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

fn census() -> &'static Census {
    Box::leak(Box::default())
}

#[task]
fn begin(n: Counted) -> Counted {
    n
}

#[task]
fn middle(n: Counted) -> Counted {
    Counted::new(n.0 * 2, n.1)
}

#[task]
fn end(n: Counted) -> u64 {
    n.0 + 1
}

#[task]
fn pair(a: &Counted, b: Counted) -> u64 {
    a.0 + b.0
}

#[task]
async fn away(n: Counted) -> Counted {
    tokio::task::yield_now().await;
    n
}

#[task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[task(cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn join_text(a: &str, b: &str) -> String {
    format!("({a}{b})")
}

fn uncached(concurrency: usize) -> Session {
    Session::builder().without_cache().concurrency(concurrency).build().unwrap()
}

#[test]
fn values_on_their_way_do_not_pile_up() {
    for concurrency in [1, 2, 5] {
        for watched in [false, true] {
            let builder = Session::builder().without_cache().concurrency(concurrency);
            let session = if watched { logged_with(builder).0 } else { builder.build().unwrap() };
            // A chain, and a diamond in which one value is needed twice.
            let chain = |n: Counted| end(middle(begin(n)));
            let seen = census();
            let list = map_each((0..3000).map(|n| Counted::new(n, seen)), chain);
            let results = list.run_in(&session).unwrap();
            assert!(results.iter().copied().eq((0..3000).map(|n| 2 * n + 1)));
            // While a body turns one value into another, both are there.
            let most = concurrency * 4 + concurrency;
            assert!(seen.most() <= most, "{} at concurrency {concurrency}", seen.most());

            let seen = census();
            let sum = map_each((0..3000).map(|n| Counted::new(n, seen)), chain).fold(0, add);
            assert_eq!(sum.run_in(&session).unwrap(), 9_000_000);
            assert!(seen.most() <= most, "{} at concurrency {concurrency}", seen.most());
        }
    }
}

#[test]
fn values_that_an_element_needs_twice_do_not_pile_up() {
    let seen = census();
    let diamond = move |n: u64| {
        let first = begin(Counted::new(n, seen));
        pair(first, middle(begin(Counted::new(n, seen))))
    };
    let results = map_each(0..1000, diamond).run_in(&uncached(2)).unwrap();
    assert!(results.iter().copied().eq((0..1000).map(|n| 3 * n)));
    // Two for each of eight elements, and those that bodies are making.
    assert!(seen.most() <= 2 * 8 + 2, "{}", seen.most());
}

#[task(cache)]
fn cached_end(n: u64) -> u64 {
    n + 1
}

#[test]
fn closures_are_not_called_far_ahead_of_what_is_computed() {
    let spy = Spy::new(Claims::Alone);
    let (session, _) = logged_with(Session::builder().cache(Handle(spy)).concurrency(2));
    let called = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (calls, highest) = (Arc::clone(&called), Arc::clone(&most));
    let list = map_each(0..2000_u64, move |n| {
        highest.fetch_max(calls.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let calls = Arc::clone(&calls);
        cached_end(n).also(move |_| calls.fetch_sub(1, Ordering::SeqCst))
    });
    assert_eq!(list.run_in(&session).unwrap().len(), 2000);
    assert!(most.load(Ordering::SeqCst) <= 8, "{most:?} calls ahead");
}

/// Opens once it has been pushed often enough.
#[derive(Default)]
struct Gate(Mutex<usize>, Condvar);

impl Gate {
    fn push(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    fn wait_for(&self, pushes: usize) {
        let mut count = self.0.lock().unwrap();
        while *count < pushes {
            count = self.1.wait(count).unwrap();
        }
    }
}

#[task]
fn first_is_last(n: u64, count: u64, gate: Arc<Gate>) -> u64 {
    if n == 0 {
        gate.wait_for(count as usize)
    } else {
        gate.push()
    }
    n
}

#[test]
fn a_slow_element_holds_up_none_of_the_others() {
    in_time(|| {
        let gate: Arc<Gate> = Arc::default();
        let list = map_each(0..500, move |n| first_is_last(n, 499, Arc::new(Arc::clone(&gate))));
        assert!(list.run_in(&uncached(2)).unwrap().into_iter().eq(0..500));
    });
}

#[test]
fn a_fold_waits_for_a_slow_element_with_no_more_than_the_bound() {
    in_time(|| {
        let gate: Arc<Gate> = Arc::default();
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let list = map_each(0..500, move |n| {
            count.fetch_add(1, Ordering::SeqCst);
            // The first ends when seven others have; no more than eight are there until then.
            let element = first_is_last(n, 7, Arc::new(Arc::clone(&gate)));
            let count = Arc::clone(&count);
            element.also(move |n| {
                if *n == 0 {
                    assert_eq!(count.load(Ordering::SeqCst), 8);
                }
            })
        });
        let (session, log) = logged_with(Session::builder().without_cache().concurrency(2));
        assert_eq!(list.fold(0, add).run_in(&session).unwrap(), 124_750);
        assert_eq!((log.count("also panicked"), made.load(Ordering::SeqCst)), (0, 500));
    });
}

#[task]
async fn meet(n: usize, barrier: Arc<tokio::sync::Barrier>) -> usize {
    barrier.wait().await;
    n
}

fn meeting(count: usize) -> impl FnMut(usize) -> TaskFuture<usize> + Send {
    let barrier = Arc::new(tokio::sync::Barrier::new(count));
    move |n| meet(n, Arc::new(Arc::clone(&barrier)))
}

#[test]
fn a_thousand_async_elements_are_in_flight_at_once() {
    in_time(|| {
        for concurrency in [1, 2] {
            let list = map_each(0..2000, meeting(1000)).run_in(&uncached(concurrency)).unwrap();
            assert!(list.into_iter().eq(0..2000));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let session = uncached(2);
        let list = map_each(0..2000, meeting(1000)).await_in(&session);
        assert_eq!(runtime.block_on(list).unwrap().len(), 2000);
    });
}

#[test]
fn as_many_elements_are_in_flight_as_the_user_says() {
    in_time(|| {
        let all = map_each(0..3000, meeting(3000)).in_flight(3000);
        assert_eq!(all.run_in(&uncached(1)).unwrap().len(), 3000);
        let seen = census();
        let few = map_each((0..200).map(|n| Counted::new(n, seen)), |n| end(away(n))).in_flight(3);
        assert_eq!(few.run_in(&uncached(2)).unwrap().len(), 200);
        assert!(seen.most() <= 3, "{}", seen.most());
        let seen = census();
        let one = map_each((0..200).map(|n| Counted::new(n, seen)), |n| end(begin(n)));
        assert_eq!(one.in_flight(1).fold(0, add).run_in(&uncached(4)).unwrap(), 20_100);
        assert_eq!(seen.most(), 1);
    });
}

#[test]
fn a_bound_that_makes_no_sense_is_an_error_that_says_where() {
    let error = map_each(0..3, square).in_flight(0).run_in(&logged().0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("fan_out.rs"), "{error}");
    let error = join_all((0..3).map(square)).in_flight(3).run_in(&logged().0).unwrap_err();
    assert!(error.to_string().contains("right behind `map_each`"), "{error}");
}

#[task]
fn numbers(n: u64) -> Vec<u64> {
    (0..n).collect()
}

#[task]
fn upto(n: u64) -> Result<u64, String> {
    if n < 100 { Ok(n) } else { Err(format!("{n} is too much")) }
}

#[test]
fn a_failure_ends_what_would_never_end() {
    in_time(|| {
        for concurrency in [1, 4] {
            let pulled = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&pulled);
            let endless = (0..).inspect(move |_| _ = count.fetch_add(1, Ordering::SeqCst));
            let error = map_each(endless, upto).run_in(&uncached(concurrency)).unwrap_err();
            assert!(error.to_string().contains("is too much"), "{error}");
            assert!(pulled.load(Ordering::SeqCst) <= 100 + 4 * concurrency, "{pulled:?}");
        }
    });
}

#[test]
fn a_run_that_keeps_going_does_all_elements() {
    in_time(|| {
        for concurrency in [1, 4] {
            let builder = Session::builder().without_cache().keep_going(true);
            let (session, log) = logged_with(builder.concurrency(concurrency));
            let error = map_each(95..105, upto).fold(0, add).run_in(&session).unwrap_err();
            assert_eq!(error.failures().len(), 5);
            assert_eq!(log.count("computed upto"), 5);
            let quiet = Session::builder().without_cache().keep_going(true);
            let quiet = quiet.concurrency(concurrency).build().unwrap();
            let list = map_each(0..1000, upto);
            let twice = list.clone();
            assert_eq!(list.run_in(&quiet).unwrap_err().failures().len(), 900);
            assert!(twice.run_in(&quiet).is_err());
        }
    });
}

#[test]
fn what_panics_in_a_closure_or_an_iterator_is_an_error() {
    in_time(|| {
        for concurrency in [1, 3] {
            let session = uncached(concurrency);
            let closure = map_each(0..100, |n| if n < 50 { square(n) } else { panic!("no {n}") });
            let error = closure.run_in(&session).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Panic);
            assert!(error.to_string().contains("`map_each` panicked: no 50"), "{error}");
            let iterator = (0..100).inspect(|n| assert!(*n < 50, "no {n}"));
            let error = map_each(iterator, square).run_in(&session).unwrap_err();
            assert!(error.to_string().contains("panicked: no 50"), "{error}");
            let step = |a: TaskFuture<u64>, b: TaskFuture<u64>| {
                let _ = (a, b);
                panic!("no step")
            };
            let error = numbers(5).fold(0, step).run_in(&session).unwrap_err();
            assert!(error.to_string().contains("`fold` panicked: no step"), "{error}");
            let error = numbers(5).reduce(step).run_in(&session).unwrap_err();
            assert!(error.to_string().contains("`reduce` panicked: no step"), "{error}");
        }
    });
}

#[test]
fn a_fan_out_that_is_dropped_gives_everything_back() {
    let seen = census();
    let list = map_each((0..100).map(|n| Counted::new(n, seen)), |n| end(away(n)));
    let session = uncached(2);
    let mut run = Box::pin(list.await_in(&session));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..5 {
        let _ = run.as_mut().poll(&mut context);
    }
    drop(run);
    drop(session);
    daglite_tests::wait_until(|| seen.alive.load(Ordering::SeqCst) == 0);
    let seen = census();
    let made = (0..10).map(|n| Counted::new(n, seen)).collect::<Vec<_>>();
    drop(map_each(made, |n| end(begin(n))));
    assert_eq!(seen.alive.load(Ordering::SeqCst), 0);
}

static SHARED_CALLS: AtomicUsize = AtomicUsize::new(0);

#[task]
fn tally(n: u64) -> u64 {
    SHARED_CALLS.fetch_add(1, Ordering::SeqCst);
    n
}

#[task]
async fn tally_away(n: u64) -> u64 {
    SHARED_CALLS.fetch_add(1, Ordering::SeqCst);
    tokio::task::yield_now().await;
    n
}

#[test]
fn several_runs_of_one_fan_out_compute_each_element_once() {
    in_time(|| {
        for round in 0..60_usize {
            SHARED_CALLS.store(0, Ordering::SeqCst);
            let session = uncached(1 + round % 3);
            let list = map_each(0..200, move |n| match round % 4 {
                0 => tally(n),
                1 => tally_away(n),
                2 => tally(tally_away(n).map(|n| n)).map(|n| n),
                _ => tally(n).and_then(|n| join((tally_away(n), tally(n))).map(|(n, _)| n)),
            });
            let list = if round % 5 == 0 { list.in_flight(3) } else { list };
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let (list, session) = (list.clone(), &session);
                    scope.spawn(move || {
                        assert!(list.run_in(session).unwrap().into_iter().eq(0..200))
                    });
                }
            });
            let calls = [200, 200, 400, 600][round % 4];
            assert_eq!(SHARED_CALLS.load(Ordering::SeqCst), calls, "round {round}");
        }
    });
}

#[test]
fn a_run_goes_on_with_a_fan_out_that_another_one_has_left() {
    in_time(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for polls in 0..40 {
            let session = uncached(2);
            let has_async = polls % 2 == 0;
            let list = map_each(0..300, move |n| match n % 2 {
                0 if has_async => add(tally_away(n), 0),
                0 => pair_of(n, add(n, 0), add(n, 1)),
                _ => add(n, 0),
            });
            let mut left = Box::pin(list.clone().await_in(&session));
            let other = std::thread::spawn({
                let (session, list) = (session.clone(), list.clone());
                move || list.run_in(&session)
            });
            runtime.block_on(async {
                for _ in 0..polls {
                    let poll = |cx: &mut std::task::Context<'_>| {
                        let _ = left.as_mut().poll(cx);
                        std::task::Poll::Ready(())
                    };
                    std::future::poll_fn(poll).await;
                    tokio::task::yield_now().await;
                }
            });
            drop(left);
            match other.join().unwrap() {
                Ok(values) => assert!(values.into_iter().eq(0..300)),
                // An `async` body that nobody waited for yet has gone with its run.
                Err(error) => {
                    assert!(has_async && error.kind() == ErrorKind::Cancelled, "{error}");
                    continue;
                }
            }
            assert!(list.run_in(&session).unwrap().into_iter().eq(0..300));
        }
    });
}

#[task]
fn pair_of(n: u64, a: u64, b: u64) -> u64 {
    n + b - a - 1
}

#[test]
fn fan_outs_lie_inside_of_each_other() {
    in_time(|| {
        for concurrency in [1, 3] {
            let rows = map_each(0..50, |n| map_each(0..50, move |m| add(n, m)).fold(0, add));
            let sum = rows.reduce(add).run_in(&uncached(concurrency)).unwrap();
            assert_eq!(sum, 50 * 50 * 49);
        }
    });
}

#[task]
fn nested(n: u64) -> Result<u64, daglite::Error> {
    map_each(0..n, square).fold(0, add).run()
}

#[test]
fn a_fan_out_inside_of_a_task_runs_at_any_concurrency() {
    in_time(|| {
        for concurrency in [1, 2, 4] {
            let builder = Session::builder().cache(MemoryStore::new()).concurrency(concurrency);
            let list = map_each(0..40, nested).run_in(&builder.build().unwrap()).unwrap();
            let right = |n: u64| (0..n).map(|n| n * n).sum::<u64>();
            assert!(list.into_iter().eq((0..40).map(right)));
        }
    });
}

#[test]
fn hits_are_looked_for_many_at_once() {
    let spy = Spy::new(Claims::Alone);
    let builder = Session::builder().cache(Handle(Arc::clone(&spy))).without_memory();
    let (session, log) = logged_with(builder.concurrency(2));
    map_each(0..10_000, square).run_in(&session).unwrap();
    spy.forget_seen();
    map_each(0..10_000, square).run_in(&session).unwrap();
    let seen = spy.seen();
    assert_eq!((seen.keys, seen.gets, log.count("hit")), (10_000, 0, 10_000));
    assert!(seen.finds <= 600, "{} questions", seen.finds);
}

#[task(cache)]
fn total(all: &[u64]) -> u64 {
    all.iter().sum()
}

#[test]
fn a_list_of_hits_is_not_read_if_nobody_needs_its_values() {
    let builder = Session::builder().cache(MemoryStore::new()).without_memory();
    let (session, log) = logged_with(builder);
    let sum = || total(map_each(0..100, square)).run_in(&session).unwrap();
    let right = (0..100).map(|n| n * n).sum::<u64>();
    assert_eq!(sum(), right);
    log.take();
    assert_eq!(sum(), right);
    assert_eq!((log.count("hit"), log.count("computed")), (101, 0));
    assert_eq!(log.count("loaded square"), 0);
    // It is the question that `join_all` asks, so what was cached before is still found.
    log.take();
    assert_eq!(total(join_all((0..100).map(square))).run_in(&session).unwrap(), right);
    assert_eq!(log.count("computed"), 0);
    // One that is not there is computed, and then all are read.
    log.take();
    assert_eq!(total(map_each(0..101, square)).run_in(&session).unwrap(), right + 10_000);
    assert_eq!((log.count("computed square"), log.count("computed total")), (1, 1));
}

#[test]
fn a_cached_task_takes_a_list_of_which_some_have_no_digest() {
    let builder = Session::builder().cache(MemoryStore::new()).without_memory();
    let (session, _) = logged_with(builder.concurrency(2));
    map_each(0..50, square).run_in(&session).unwrap();
    let mixed = |n: u64| if n < 30 { square(n) } else { add(n, n) };
    let right = (0..30).map(|n| n * n).sum::<u64>() + (30..100).map(|n| 2 * n).sum::<u64>();
    assert_eq!(total(map_each(0..100, mixed)).run_in(&session).unwrap(), right);
    assert_eq!(total(map_each(0..100, mixed)).run_in(&session).unwrap(), right);
}

#[test]
fn steps_of_a_fold_are_found_up_to_the_first_change() {
    let (session, log) = logged_with(Session::builder().cache(MemoryStore::new()).without_memory());
    let text = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        map_each(words, |word| join_text(word, "")).fold("", join_text)
    };
    assert_eq!(text(&["a", "b", "c"]).run_in(&session).unwrap(), "(((".to_owned() + "(a))(b))(c))");
    log.take();
    assert_eq!(text(&["a", "b", "d"]).run_in(&session).unwrap(), "((((a))(b))(d))");
    // The last word, and the last step.
    assert_eq!((log.count("hit"), log.count("computed")), (4, 2));
    assert_eq!(text(&[]).run_in(&session).unwrap(), "");
    log.take();
    let first = text(&["x"]);
    assert_eq!(
        numbers(0)
            .fold(first, |text, n| join_text(text, n.map(|_| String::new())))
            .run_in(&session)
            .unwrap(),
        "((x))"
    );
}

#[task]
fn collect(mut all: Unique, n: u64) -> Unique {
    all.0.push(n);
    all
}

/// A value that cannot be cloned.
struct Unique(Vec<u64>);

#[test]
fn what_a_fold_has_so_far_is_moved_and_never_cloned() {
    for concurrency in [1, 3] {
        let all = map_each(0..1000, |n| add(n, 0)).fold(Unique(Vec::new()), collect);
        assert!(all.run_in(&uncached(concurrency)).unwrap().0.into_iter().eq(0..1000));
        let all = numbers(1000).fold(Unique(Vec::new()), collect);
        assert!(all.run_in(&uncached(concurrency)).unwrap().0.into_iter().eq(0..1000));
    }
}

#[test]
fn a_reduction_keeps_the_order_and_its_shape_depends_on_the_length_alone() {
    /// Neighbours first, and who has none goes up as it is.
    fn right(mut row: Vec<String>) -> String {
        while row.len() > 1 {
            row = row
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => format!("({a}{b})"),
                    one => one[0].clone(),
                })
                .collect();
        }
        row.pop().unwrap()
    }
    for concurrency in [1, 3] {
        let builder = Session::builder().without_cache().concurrency(concurrency);
        let session = builder.build().unwrap();
        for length in 1..70_u64 {
            let row: Vec<String> = (0..length).map(|n| n.to_string()).collect();
            let by_list = map_each(row.clone(), |text| {
                join_text(text, "").map(|text| text[1..text.len() - 1].to_owned())
            });
            assert_eq!(by_list.reduce(join_text).run_in(&session).unwrap(), right(row.clone()));
            let plain =
                numbers(length).map(|all| all.iter().map(u64::to_string).collect::<Vec<_>>());
            assert_eq!(plain.reduce(join_text).run_in(&session).unwrap(), right(row));
        }
    }
}

#[test]
fn after_one_change_of_1024_elements_ten_steps_of_a_reduction_are_computed() {
    let (session, log) = logged();
    let sum = |changed: u64| {
        let numbers = (0..1024).map(move |n| if n == 700 { changed } else { n });
        map_each(numbers, square).reduce(join_sum)
    };
    sum(700).run_in(&session).unwrap();
    assert_eq!(log.count("computed join_sum"), 1023);
    log.take();
    sum(5000).run_in(&session).unwrap();
    assert_eq!((log.count("computed square"), log.count("computed join_sum")), (1, 10));
}

#[task(cache)]
fn join_sum(a: u64, b: u64) -> u64 {
    a + b
}

#[test]
fn what_is_added_at_the_end_leaves_most_of_a_reduction_as_it_is() {
    let (session, log) = logged();
    map_each(0..1000, square).reduce(join_sum).run_in(&session).unwrap();
    log.take();
    map_each(0..1001, square).reduce(join_sum).run_in(&session).unwrap();
    assert!(log.count("computed") <= 12, "{}", log.count("computed"));
}

#[test]
fn nothing_cannot_be_reduced_and_the_error_says_where() {
    let line = line!() + 1;
    let error = numbers(0).reduce(add).run_in(&uncached(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Length);
    assert!(error.to_string().contains(&format!("fan_out.rs:{line}")), "{error}");
    let error = map_each(0..0, square).reduce(add).run_in(&uncached(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Length);
    assert_eq!(map_each(0..0, square).run_in(&uncached(1)).unwrap(), [0; 0]);
    assert_eq!(map_each(0..0, square).fold(7, add).run_in(&uncached(1)).unwrap(), 7);
}

#[test]
fn lists_are_paired_and_the_lengths_are_told_if_they_differ() {
    let session = uncached(2);
    let pairs = zip(numbers(3), map_each(5..8, square)).run_in(&session).unwrap();
    assert_eq!(pairs, [(0, 25), (1, 36), (2, 49)]);
    let error = numbers(3).zip(numbers(5)).run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Length);
    assert!(error.to_string().contains("different lengths, 3 and 5"), "{error}");
    let grid = product(numbers(2), numbers(3)).map_each(|(a, b)| add(10 * a, b));
    assert_eq!(grid.run_in(&session).unwrap(), [0, 1, 2, 10, 11, 12]);
    assert_eq!(product(numbers(0), numbers(3)).run_in(&session).unwrap(), []);
}

#[task(cache)]
fn of_pairs(pairs: &[(u64, u64)]) -> usize {
    pairs.len()
}

#[test]
fn pairs_of_two_kinds_are_never_taken_for_each_other() {
    let (session, _) = logged();
    let two = || map_each(0..2, square);
    assert_eq!(of_pairs(zip(two(), two())).run_in(&session).unwrap(), 2);
    assert_eq!(of_pairs(product(two(), two())).run_in(&session).unwrap(), 4);
}

#[test]
fn a_plan_says_that_more_is_known_once_it_runs() {
    let (session, _) = logged();
    let plan = numbers(3).map_each(square).then(|all| total(all)).plan_in(&session).unwrap();
    let text = plan.to_string();
    assert!(text.contains("unknown  map_each"), "{text}");
    let plan = map_each(0..3, square).fold(0, add).plan_in(&session).unwrap();
    assert!(plan.to_string().contains("fold"), "{plan}");
    let outcome = numbers(3).map_each(square).reduce(add).outcome_in(&session).unwrap();
    assert_eq!((outcome.value, outcome.tasks.len(), outcome.graph().tasks()), (5, 6, 6));
}

#[test]
fn a_hundred_thousand_elements_run_in_a_small_space() {
    let seen = census();
    let elements = (0..100_000).map(|n| Counted::new(n, seen));
    let sum = map_each(elements, |n| end(begin(n))).fold(0, add);
    assert_eq!(sum.run_in(&uncached(2)).unwrap(), 5_000_050_000);
    assert!(seen.most() <= 8, "{}", seen.most());
}
