//! Large graphs of every shape are built, planned, run and dropped on threads of so small a stack that any recursion over the graph
//! would end the process.
//!
//! `DAGLITE_TEST_NODES=1000000` takes so many nodes.

use std::thread;

use daglite::prelude::*;
use daglite_tests::shapes::{Shape, nodes};

/// A recursion of a hundred thousand levels, a hundred bytes each, has no room in it forty times over.
const STACK: usize = 256 << 10;

/// What `work` makes on a thread of a small stack.
fn on_a_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.expect("a thread can be started").join().expect("it does not panic")
    })
}

fn uncached(concurrency: usize) -> Session {
    Session::builder().without_cache().concurrency(concurrency).build().unwrap()
}

#[test]
fn every_shape_is_run_on_a_small_stack_and_rightly() {
    for shape in Shape::ALL {
        for concurrency in [1, 2] {
            on_a_small_stack(|| {
                let (graph, right) = shape.graph(nodes());
                let results = graph.run_in(&uncached(concurrency)).unwrap();
                assert!(results == right, "{shape:?}, {concurrency} at once");
            });
        }
    }
}

#[test]
fn every_shape_is_awaited_on_a_small_stack() {
    for shape in Shape::ALL {
        on_a_small_stack(|| {
            let (graph, right) = shape.graph(nodes());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let results = runtime.block_on(graph.await_in(&uncached(2))).unwrap();
            assert!(results == right, "{shape:?}");
        });
    }
}

#[test]
fn every_shape_is_planned_on_a_small_stack() {
    let session = Session::builder().cache(MemoryStore::new()).build().unwrap();
    for shape in Shape::ALL {
        on_a_small_stack(|| {
            let plan = shape.graph(nodes()).0.plan_in(&session).unwrap();
            assert!(
                plan.nodes.len() + 1 >= nodes(),
                "{shape:?}: {} of {}",
                plan.nodes.len(),
                nodes()
            );
        });
    }
}

#[test]
fn every_shape_is_dropped_on_a_small_stack_before_it_is_run_and_half_way() {
    for shape in Shape::ALL {
        on_a_small_stack(|| {
            drop(shape.graph(nodes()));
            let session = uncached(2);
            let mut run = Box::pin(shape.graph(nodes()).0.await_in(&session));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = run.as_mut().poll(&mut context);
            drop(run);
        });
    }
}
