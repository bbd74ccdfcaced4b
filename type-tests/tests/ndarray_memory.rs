//! An array takes little more memory than its elements: where it is stored and loaded, and where a view of it is hashed.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use daglite::prelude::*;
use daglite::{ContentHasher, HasFormat, Strategy};
use ndarray::{Array2, Axis, ShapeBuilder, Slice, s};

/// Counts the bytes that are in use, and the most that ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn more(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::SeqCst) + bytes;
    MOST.fetch_max(now, Ordering::SeqCst);
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` needs at most, beside what is in use before it.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = NOW.load(Ordering::SeqCst);
    MOST.store(before, Ordering::SeqCst);
    let done = work();
    (MOST.load(Ordering::SeqCst) - before, done)
}

const ROWS: usize = 2000;
const COLUMNS: usize = 1500;
const VALUE: usize = ROWS * COLUMNS * size_of::<f64>();
/// What may be needed beside the value where it is stored and loaded.
const EXTRA: usize = 1 << 20;

#[task(cache)]
fn grid(first: f64) -> Array2<f64> {
    let mut grid = Array2::zeros((ROWS, COLUMNS));
    grid[[0, 0]] = first;
    grid
}

#[task(cache)]
fn turned(first: f64) -> Array2<f64> {
    let mut grid = Array2::zeros((ROWS, COLUMNS).f());
    grid[[0, 0]] = first;
    grid
}

fn is_stored_and_loaded_in_little_more_than_the_value(
    task: impl Fn(f64) -> TaskFuture<Array2<f64>>,
) {
    let folder = tempfile::tempdir().unwrap();
    for hits in [0, 1] {
        let store = FileStore::builder(folder.path()).open().unwrap();
        let session = Session::builder().cache(store).without_memory().build().unwrap();
        let (peak, outcome) = peak(|| task(0.5).outcome_in(&session).unwrap());
        assert_eq!((outcome.summary.hits, outcome.value[[0, 0]]), (hits, 0.5));
        let extra = peak - VALUE;
        println!("{hits} hits: {} KiB beside the value", extra >> 10);
        assert!(extra < EXTRA, "{hits} hits: {extra} bytes beside the value");
    }
}

fn is_hashed_in_less_than_two_mebibytes(what: &str, view: &impl ContentHash) {
    for strategy in [Strategy::Exact, Strategy::Fast, Strategy::Sampled] {
        for threads in [2, 8] {
            let mut hasher = ContentHasher::new(strategy).with_threads(threads);
            let (peak, ()) = peak(|| view.content_hash(&mut hasher));
            println!("{what}, {strategy:?}, {threads} threads: {} KiB", peak >> 10);
            assert!(peak < 2 << 20, "{what}, {strategy:?}, {threads} threads: {peak} bytes");
        }
    }
}

// One test, as all threads of the program are counted.
#[test]
fn arrays_take_no_second_copy_of_themselves() {
    is_stored_and_loaded_in_little_more_than_the_value(grid);
    is_stored_and_loaded_in_little_more_than_the_value(turned);

    let array = Array2::from_shape_fn((ROWS, COLUMNS), |(r, c)| (r * COLUMNS + c) as f64);
    let mut backwards = array.view();
    backwards.invert_axis(Axis(1));
    // What lies apart is written piece by piece, too.
    let mut file = std::io::sink();
    let cut = array.clone().slice_move(s![.., ..COLUMNS - 1]);
    let (peak, ()) = peak(|| Array2::formats()[0].write(&cut, &mut file).unwrap());
    assert!(peak < 1 << 20, "{peak} bytes to write it");

    is_hashed_in_less_than_two_mebibytes("together", &array);
    is_hashed_in_less_than_two_mebibytes("transposed", &array.t());
    is_hashed_in_less_than_two_mebibytes("backwards", &backwards);
    let every_other = array.slice_axis(Axis(1), Slice::new(0, None, 2));
    is_hashed_in_less_than_two_mebibytes("every other column", &every_other);
    let complex = array.mapv(|x| num_complex::Complex::new(x as f32, 1.0));
    is_hashed_in_less_than_two_mebibytes("complex, transposed", &complex.t());
    let three = array.into_shape_with_order((ROWS / 40, 40, COLUMNS)).unwrap();
    is_hashed_in_less_than_two_mebibytes("three axes, reversed", &three.t());
}
