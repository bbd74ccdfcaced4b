//! A large result is stored and loaded in little more memory than the value itself takes.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use daglite::prelude::*;
use daglite::{Eviction, FileStoreLayout};
use daglite_tests::logged_with;

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

/// So many numbers are 200 MB.
const COUNT: usize = 25_000_000;
const VALUE: usize = COUNT * size_of::<f64>();
/// What may be needed beside the value.
const EXTRA: usize = 4 << 20;

#[task(cache)]
fn numbers(first: f64) -> Vec<f64> {
    let mut numbers = vec![0.0; COUNT];
    numbers[0] = first;
    numbers
}

fn session(
    folder: &Path,
    layout: FileStoreLayout,
    registry: &Registry,
) -> (Session, daglite_tests::Log) {
    let store = FileStore::builder(folder)
        .layout(layout)
        .eviction(Eviction::Lru)
        .open()
        .expect("a folder can be made");
    logged_with(Session::builder().cache(store).registry(registry).memory("0"))
}

fn stores_and_loads_in_little_more_than_the_value(layout: FileStoreLayout, registry: &Registry) {
    let folder = tempfile::tempdir().unwrap();
    for told in ["computed", "hit"] {
        let (session, log) = session(folder.path(), layout, registry);
        let (peak, value) = peak(|| numbers(0.5).run_in(&session).unwrap());
        assert_eq!((value.len(), value[0], value[COUNT - 1]), (COUNT, 0.5, 0.0));
        assert_eq!(log.count(told), 1, "{layout:?}");
        let extra = peak - VALUE;
        println!("{layout:?}, {told}: {} KiB beside the value", extra >> 10);
        assert!(extra < EXTRA, "{layout:?}, {told}: {extra} bytes beside the value");
    }
}

// One test, as all threads of the program are counted.
#[test]
fn two_hundred_megabytes_need_less_than_four_more() {
    let plain = Registry::new();
    stores_and_loads_in_little_more_than_the_value(FileStoreLayout::Index, &plain);
    stores_and_loads_in_little_more_than_the_value(FileStoreLayout::Files, &plain);

    let packed = Registry::new();
    assert!(packed.replace(Format::<Vec<f64>>::raw().compress(1)).is_none());
    stores_and_loads_in_little_more_than_the_value(FileStoreLayout::Index, &packed);
}
