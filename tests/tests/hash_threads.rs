//! The digest of bulk data is the same at any number of threads, and wherever in memory the data lies.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{thread, time};

use daglite::{ContentHash, ContentHasher, Digest, Element, Strategy};
use proptest::prelude::{Strategy as _, *};

const STRATEGIES: [Strategy; 4] =
    [Strategy::Auto, Strategy::Exact, Strategy::Fast, Strategy::Sampled];

fn digest(strategy: Strategy, threads: usize, write: impl FnOnce(&mut ContentHasher)) -> Digest {
    let mut hasher = ContentHasher::new(strategy).with_threads(threads);
    write(&mut hasher);
    hasher.finish().unwrap()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * i % 251) as u8).collect()
}

#[test]
fn one_two_three_and_eight_threads_give_one_digest() {
    let bytes = bytes((9 << 20) + 12_345);
    let edges = [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20, (8 << 20) + 1, bytes.len()];
    for strategy in STRATEGIES {
        for len in edges {
            let alone = digest(strategy, 1, |hasher| hasher.bytes(&bytes[..len]));
            for threads in [2, 3, 8] {
                let together = digest(strategy, threads, |hasher| hasher.bytes(&bytes[..len]));
                assert_eq!(together, alone, "{strategy:?}, {len} bytes, {threads} threads");
            }
            let as_it_comes = {
                let mut hasher = ContentHasher::new(strategy);
                bytes[..len].content_hash(&mut hasher);
                hasher.finish().unwrap()
            };
            assert_eq!(as_it_comes, alone, "{strategy:?}, {len} bytes");
        }
    }
}

#[test]
fn data_that_lies_apart_is_brought_together_by_several_threads_in_less_than_two_mebibytes() {
    let count = (9 << 20) / 8;
    for strategy in [Strategy::Exact, Strategy::Fast] {
        let (largest, at_work) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let fill = |first: usize, into: &mut [u8]| {
            largest.fetch_max(into.len(), Ordering::Relaxed);
            let mut at_work = at_work.lock().unwrap();
            if !at_work.contains(&thread::current().id()) {
                at_work.push(thread::current().id());
            }
            drop(at_work);
            for (number, bytes) in into.chunks_exact_mut(8).enumerate() {
                bytes.copy_from_slice(&((first + number) as u64).to_le_bytes());
            }
        };
        let apart = digest(strategy, 3, |hasher| hasher.bulk_from(Element::U64, count, &fill));
        let numbers: Vec<u64> = (0..count as u64).collect();
        assert_eq!(apart, digest(strategy, 1, |hasher| numbers.content_hash(hasher)));
        let (largest, threads) = (largest.into_inner(), at_work.into_inner().unwrap().len());
        assert!(largest * threads < 2 << 20, "pieces of {largest} bytes, on {threads} threads");
        assert!((1..=3).contains(&threads), "{threads} threads");
    }
}

#[test]
fn many_at_once_take_no_more_threads_than_one() {
    // Each of eight hashes may have two threads. All their pieces are filled by somebody: never by more than the eight and
    // one helper.
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fill = |_: usize, into: &mut [u8]| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        into.fill(1);
        thread::yield_now();
        now.fetch_sub(1, Ordering::SeqCst);
    };
    let begun = time::Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                digest(Strategy::Exact, 2, |hasher| {
                    hasher.bulk_from(Element::U8, 2 << 20, &fill);
                })
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 9, "{most:?} threads at once");
    assert!(begun.elapsed() < time::Duration::from_secs(60));
}

#[test]
fn a_fill_that_panics_is_a_panic_of_the_hash_and_not_a_wait_for_ever() {
    let fill = |first: usize, into: &mut [u8]| {
        assert!(first < 3 << 20, "as was asked");
        into.fill(0);
    };
    let hash =
        || digest(Strategy::Exact, 3, |hasher| hasher.bulk_from(Element::U8, 9 << 20, &fill));
    assert!(std::panic::catch_unwind(hash).is_err());
    // The threads are there again.
    let whole = digest(Strategy::Exact, 3, |hasher| hasher.bytes(&bytes(2 << 20)));
    assert_eq!(whole, digest(Strategy::Exact, 1, |hasher| hasher.bytes(&bytes(2 << 20))));
}

/// A length around the places where the way of hashing changes.
fn length() -> impl proptest::strategy::Strategy<Value = usize> {
    let edges = [0, 1 << 10, 64 << 10, 128 << 10, 1 << 20, 2 << 20, 8 << 20];
    (proptest::sample::select(edges.to_vec()), 0_usize..70_000)
        .prop_map(|(edge, more)| (edge + more).saturating_sub(35_000))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_split_and_no_number_of_threads_shows_in_the_digest(
        len in length(),
        seam in any::<proptest::sample::Index>(),
        threads in 1_usize..9,
        which in 0_usize..4,
    ) {
        let strategy = STRATEGIES[which];
        let bytes = bytes(len);
        let whole = digest(strategy, 1, |hasher| hasher.bytes(&bytes));

        // A deque whose second piece begins at the seam.
        let seam = if len == 0 { 0 } else { seam.index(len) };
        let mut deque = VecDeque::with_capacity(len);
        deque.extend(&bytes[seam..]);
        bytes[..seam].iter().rev().for_each(|byte| deque.push_front(*byte));
        prop_assert_eq!(digest(strategy, threads, |hasher| deque.content_hash(hasher)), whole);

        let fill = |first: usize, into: &mut [u8]| {
            into.copy_from_slice(&bytes[first..first + into.len()]);
        };
        let apart = digest(strategy, threads, |hasher| hasher.bulk_from(Element::U8, len, &fill));
        prop_assert_eq!(apart, whole);

        let fill = |first: usize, into: &mut [u8]| {
            into.copy_from_slice(&bytes[first * 16..first * 16 + into.len()]);
        };
        let count = len / 16;
        let apart = digest(strategy, threads, |hasher| hasher.bulk_from(Element::U128, count, &fill));
        let together =
            digest(strategy, 1, |hasher| hasher.bulk(Element::U128, count, &bytes[..count * 16]));
        prop_assert_eq!(apart, together);
    }
}
