//! What a node of a large graph takes of memory, pending and while it runs, beyond the user's own data.
//!
//! `DAGLITE_TEST_NODES=1000000` takes so many nodes.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use daglite::prelude::*;
use daglite_tests::shapes::{Shape, nodes};

/// The most bytes of a node.
const MOST: usize = 400;
/// What a value is to the user: each argument and each result.
const VALUE: usize = size_of::<u64>();

/// Counts the bytes that are in use, and the most that ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn more(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::SeqCst) + bytes;
    PEAK.fetch_max(now, Ordering::SeqCst);
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // As the system's does with what is large: it grows where it is, or its pages move.
        more(size.saturating_sub(layout.size()));
        NOW.fetch_sub(layout.size().saturating_sub(size), Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` leaves in use, and the most that it needs, beside what is in use before it.
fn bytes_of<T>(work: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = NOW.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let done = work();
    (NOW.load(Ordering::SeqCst) - before, PEAK.load(Ordering::SeqCst) - before, done)
}

// One test, as all threads of the program are counted.
#[test]
fn a_node_takes_no_more_than_four_hundred_bytes() {
    // Tables double: the second size is just above one that is full.
    for nodes in [nodes(), nodes().next_power_of_two() + nodes() / 50] {
        for shape in Shape::ALL {
            let session = Session::builder().without_cache().concurrency(2).build().unwrap();
            // What is made once is there already.
            shape.graph(10).0.run_in(&session).unwrap();
            let (pending, build, (graph, right)) = bytes_of(|| shape.graph(nodes));
            let (_, run, results) = bytes_of(|| graph.run_in(&session).unwrap());
            assert!(results == right, "{shape:?}");
            let running = pending + run;
            let each = |bytes: usize| bytes / nodes;
            println!(
                "{shape:?} of {nodes}: {} bytes a node pending ({} while it is built), {} while it runs",
                each(pending),
                each(build),
                each(running)
            );
            assert!(each(running) <= MOST + 2 * VALUE, "{shape:?}: {} bytes a node", each(running));
        }
    }
}
