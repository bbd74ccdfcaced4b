//! `TaskFuture`: the handle that a call of a task returns, and all that can be done with it.
//!
//! Read in this order: this file (the handle), `combine` (one future of another), `join` (one of many), `pairs` (two lists as one),
//! `fan_out` (a task for each element), `fold` (one value of many), `settled` (failures as results), `checkpoint`, `attempts` (what a call says of its retries), `run` (values, plans and pictures), `outcome` (how they came to
//! be), `blocking` (where one may wait), `clone` (values that several hold), `place` (where a task was called).

mod attempts;
mod blocking;
mod checkpoint;
mod clone;
mod combine;
mod fan_out;
mod fold;
mod join;
mod outcome;
mod pairs;
mod place;
mod run;
mod settled;

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use crate::graph::{Arg, Input, IntoArg, Node, Op, Slot};
use crate::task::Task;

use clone::Cloner;
use place::place_of;

pub use checkpoint::CheckpointOwnFormat;
pub use fan_out::map_each;
pub use join::{Join, join, join_all};
pub use outcome::Outcome;
pub use pairs::{product, zip};
pub use run::TaskRun;

/// A value that will be there when it is asked for: what the call of a task returns.
///
/// Nothing runs until [`run`](Self::run) or `.await`. A `TaskFuture` can be passed to other tasks like the value itself;
/// clones are handles on the same node of the graph, which is computed at most once, however many hold it.
///
/// | method | what it does |
/// |---|---|
/// | [`then`](Self::then) | hand this future to the next task |
/// | [`map`](Self::map) | a cheap inline change of the value, not a task |
/// | [`and_then`](Self::and_then) | a function that sees the value and returns the next task future |
/// | [`map_each`](TaskFuture::map_each) | a task for each element of a list |
/// | [`in_flight`](TaskFuture::in_flight) | how many elements are there at once |
/// | [`fold`](TaskFuture::fold), [`reduce`](TaskFuture::reduce) | one value of a list, by a task, from left to right or as a tree |
/// | [`settled`](TaskFuture::settled) | failures of elements as results |
/// | [`zip`](TaskFuture::zip) | two lists as one of pairs |
/// | [`also`](Self::also) | a side effect with `&T` |
/// | [`checkpoint`](Self::checkpoint) | save under a name |
/// | [`refresh`](Self::refresh) | compute again and overwrite the cache's entry |
/// | [`retries`](Self::retries), [`retry_delay`](Self::retry_delay) | run the body again when it fails |
/// | [`timeout`](Self::timeout) | give the body so much time |
/// | [`run`](Self::run), [`run_in`](Self::run_in), `.await` | the value |
/// | [`run_from`](Self::run_from), [`resume_from`](Self::resume_from) | the value, from a checkpoint on |
/// | [`run_shared`](Self::run_shared) | the value in an `Arc` |
/// | [`outcome`](Self::outcome) | the value, and how each result came to be |
/// | [`plan`](Self::plan) | no execution: what a run would do, and why |
/// | [`graph`](Self::graph) | no execution: a picture of the graph |
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn words(text: &str) -> Vec<String> {
///     text.split_whitespace().map(String::from).collect()
/// }
///
/// #[task]
/// fn longest(words: Vec<String>) -> String {
///     words.into_iter().max_by_key(String::len).unwrap_or_default()
/// }
///
/// let answer = words("a lazy graph of work").then(longest);
/// assert_eq!(answer.run()?, "graph");
/// # Ok::<(), daglite::Error>(())
/// ```
#[must_use = "a task future does nothing until it is run, awaited, or passed to a task that is"]
pub struct TaskFuture<T> {
    node: Arc<Node>,
    cloner: Cloner<T>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), cloner: self.cloner.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.node.slot.lock() {
            Slot::Idle(_) => "not run",
            Slot::Running(_) => "running",
            Slot::Known(_) => "in the cache",
            Slot::Done { .. } => "done",
            Slot::Failed(_) => "failed",
        };
        let task = self.node.task.map_or(std::any::type_name::<T>(), |task| task.spec.name);
        write!(f, "TaskFuture({task}, {state})")
    }
}

/// The graph's node for one call of a task: what the code that `#[task]` writes ends in.
#[doc(hidden)]
#[track_caller]
pub fn call<T, const N: usize>(task: &'static Task, args: [Arg; N]) -> TaskFuture<T> {
    let cloner = task.clone.map_or(Cloner::No, Cloner::Erased);
    let node = Node::of_call(task, args, place_of(Location::caller()));
    TaskFuture { node, cloner, value: PhantomData }
}

/// What stands in the place of a task whose definition has compile errors.
#[doc(hidden)]
pub fn unreachable_task<T>() -> TaskFuture<T> {
    unreachable!("the program with this task does not compile")
}

impl<T: Send + Sync + 'static> IntoArg<T> for TaskFuture<T> {
    fn into_arg(self) -> Arg {
        Arg(Input::Node(self.node))
    }
}

impl<T: Send + Sync + 'static> IntoArg<T> for &TaskFuture<T> {
    fn into_arg(self) -> Arg {
        Arg(Input::Node(Arc::clone(&self.node)))
    }
}

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// The handle on a node.
    fn of_node(node: Arc<Node>, cloner: Cloner<T>) -> Self {
        Self { node, cloner, value: PhantomData }
    }

    #[track_caller]
    fn from_op(op: Op, cloner: Cloner<T>) -> Self {
        Self { node: Node::new(op, Location::caller()), cloner, value: PhantomData }
    }
}

/// Calls `visit` with each operation of the graph of `root` that has not begun, once; it answers whether to go on to what
/// the operation needs.
fn each_op(root: &Arc<Node>, mut visit: impl FnMut(&mut Op) -> bool) {
    let mut nodes = vec![Arc::clone(root)];
    // Nodes that can be reached in many ways are looked at once.
    let mut seen = HashSet::new();
    while let Some(node) = nodes.pop() {
        if !seen.insert(Arc::as_ptr(&node)) {
            continue;
        }
        if let Slot::Idle(op) = &mut *node.slot.lock()
            && visit(op)
        {
            op.each_source(|source| nodes.push(Arc::clone(source)));
        }
    }
}
