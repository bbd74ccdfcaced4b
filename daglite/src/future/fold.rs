//! One value of many, by tasks: `fold` from left to right, `reduce` as a tree.

use std::panic::Location;
use std::sync::Arc;

use crate::graph::{Fan, Fold, Input, IntoArg, Node, Op, Step, Tree};

use super::TaskFuture;
use super::clone::Cloner;
use super::fan_out::{Apart, Told};
use super::place::called_at;

impl<T: Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// Puts the elements together from left to right: `step` makes the task future of what has come of it so far and the next
    /// element. Each step may be cached by itself, so that after a change the steps before it are found.
    ///
    /// Right behind [`map_each`](Self::map_each) there is no list in between: an element is taken up as soon as all before it
    /// are, and no more than the bound of `map_each` are there. An empty list gives `first`.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn words() -> Vec<String> {
    ///     ["a", "lazy", "graph"].map(String::from).to_vec()
    /// }
    ///
    /// #[task(cache)]
    /// fn append(text: String, word: &str) -> String {
    ///     text + word
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(words().fold("", append).run_in(&session)?, "alazygraph");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn fold<A: Send + Sync + 'static>(
        self,
        first: impl IntoArg<A>,
        step: impl FnMut(TaskFuture<A>, TaskFuture<T>) -> TaskFuture<A> + Send + 'static,
    ) -> TaskFuture<A> {
        let place = Location::caller();
        let first = match first.into_arg().0 {
            Input::Value(value) => Node::of_value(value, place),
            Input::Node(node) => node,
        };
        let elements = self.elements();
        let told = Told::default();
        let step = step_of(step, Arc::clone(&told), Arc::clone(&elements.told), place);
        let sink = Box::new(Fold::new(first, step));
        let Apart { source, feed, most, .. } = elements;
        let mut fan = Fan::new("fold", feed, sink, Box::new(()));
        fan.most = most;
        made(source, fan, told, place)
    }

    /// Puts the elements together two by two, in a tree: neighbours first, then what has come of them, until one is left. The
    /// order is kept, so `step` has to give the same whichever neighbours are put together first (it is associative); it need not give the same if
    /// its arguments are swapped.
    ///
    /// The shape of the tree depends on the number of elements alone. So if the task is cached and one element of a million
    /// changes, only the twenty steps above that one are computed again; and what is added at the end leaves most steps as
    /// they are. Steps that do not need each other run in parallel.
    ///
    /// Right behind [`map_each`](Self::map_each) there is no list in between, as with [`fold`](Self::fold). Of an empty list nothing
    /// can be made: the run fails with [`ErrorKind::Length`](crate::ErrorKind::Length).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache)]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// #[task(cache)]
    /// fn add(a: u64, b: u64) -> u64 {
    ///     a + b
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let sum = |numbers: Vec<u64>| map_each(numbers, square).reduce(add);
    /// assert_eq!(sum(vec![1, 2, 3, 4]).outcome_in(&session)?.summary.computed, 4 + 3);
    /// // Another last element: its square, and the two sums that it is in.
    /// assert_eq!(sum(vec![1, 2, 3, 5]).outcome_in(&session)?.summary.computed, 1 + 2);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce(
        self,
        step: impl FnMut(TaskFuture<T>, TaskFuture<T>) -> TaskFuture<T> + Send + 'static,
    ) -> TaskFuture<T> {
        let place = Location::caller();
        let Apart { source, feed, most, told } = self.elements();
        let step = step_of(step, Arc::clone(&told), Arc::clone(&told), place);
        let sink = Box::new(Tree::new(step, place));
        let mut fan = Fan::new("reduce", feed, sink, Box::new(()));
        fan.most = most;
        made(source, fan, told, place)
    }
}

/// The node of what `step` makes of two nodes.
fn step_of<A: Send + Sync + 'static, B: Send + Sync + 'static>(
    mut step: impl FnMut(TaskFuture<A>, TaskFuture<B>) -> TaskFuture<A> + Send + 'static,
    told: Told<A>,
    told_right: Told<B>,
    place: &'static Location<'static>,
) -> Step {
    Box::new(move |left, right| {
        let left = TaskFuture::of_node(left, known(&told));
        let right = TaskFuture::of_node(right, known(&told_right));
        let TaskFuture { node, cloner, .. } = called_at(place, || step(left, right));
        if told.get().is_none() && !matches!(cloner, Cloner::No) {
            // Whoever was faster knows the same.
            let _ = told.set(cloner);
        }
        node
    })
}

/// How a value is cloned, as far as that is known.
fn known<T>(told: &Told<T>) -> Cloner<T> {
    told.get().cloned().unwrap_or(Cloner::No)
}

/// The value that a fan makes.
fn made<A: Send + Sync + 'static>(
    source: Option<Arc<Node>>,
    fan: Fan,
    told: Told<A>,
    place: &'static Location<'static>,
) -> TaskFuture<A> {
    let node = Node::new(Op::Fan { source, fan: Arc::new(fan) }, place);
    let composed = move |value: &A| told.get()?.clone_value(value);
    TaskFuture::of_node(node, Cloner::Composed(Arc::new(composed)))
}
