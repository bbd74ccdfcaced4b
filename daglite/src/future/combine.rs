//! What makes another future of one: `then`, `map`, `and_then`, `also`, `refresh`.

use std::panic::Location;
use std::sync::Arc;

use crate::graph::{Mode, Op};
use crate::task::Value;

use super::clone::Cloner;
use super::place::called_at;
use super::{TaskFuture, each_op};

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// Hands this future to `f`, usually the next task: `load(path).then(clean)`, or with further arguments
    /// `load(path).then(|rows| fit(rows, 0.1))`. The graph stays known before anything runs.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn half(n: f64) -> f64 {
    ///     n / 2.0
    /// }
    ///
    /// assert_eq!(half(8.0).then(half).then(half).run()?, 1.0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn then<R>(self, f: impl FnOnce(Self) -> R) -> R {
        called_at(Location::caller(), || f(self))
    }

    /// Changes the value inline: for what is too cheap to be a task. Not cached and not named; a task that takes the
    /// result has its value hashed.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn name() -> String {
    ///     "daglite".to_string()
    /// }
    ///
    /// assert_eq!(name().map(|name| name.len()).run()?, 7);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: Clone + Send + Sync + 'static>(
        self,
        f: impl FnOnce(T) -> U + Send + 'static,
    ) -> TaskFuture<U> {
        let cloner = self.cloner;
        let apply = Box::new(move |value| Ok(Arc::new(f(cloner.own(value)?)) as Value));
        TaskFuture::from_op(Op::Map { source: self.node, apply }, Cloner::Typed(U::clone))
    }

    /// Lets the value decide what comes next: `f` sees it and returns the task future to go on with. The graph is
    /// made as it runs; where it can be known before, [`then`](Self::then) shows more of it.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn collatz(n: u64) -> u64 {
    ///     if n % 2 == 0 { n / 2 } else { 3 * n + 1 }
    /// }
    ///
    /// fn to_one(n: u64) -> TaskFuture<u64> {
    ///     collatz(n).and_then(|next| if next == 1 { collatz(2) } else { to_one(next) })
    /// }
    ///
    /// assert_eq!(to_one(27).run()?, 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn and_then<U: Clone + Send + Sync + 'static>(
        self,
        f: impl FnOnce(T) -> TaskFuture<U> + Send + 'static,
    ) -> TaskFuture<U> {
        let cloner = self.cloner;
        let place = Location::caller();
        let next = Box::new(move |value| {
            let value = cloner.own(value)?;
            Ok(called_at(place, || f(value)).node)
        });
        TaskFuture::from_op(Op::AndThen { source: self.node, next }, Cloner::Typed(U::clone))
    }

    /// A side effect with the value, whenever the graph is run, from the cache or not. What `f` returns is ignored;
    /// if it panics, that is an event ([`Event::AlsoPanicked`](crate::Event::AlsoPanicked)) and not a failure.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn rows() -> Vec<u32> {
    ///     vec![1, 2, 3]
    /// }
    ///
    /// rows().also(|rows| println!("{} rows", rows.len())).run()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn also<R>(self, f: impl FnOnce(&T) -> R + Send + 'static) -> Self {
        let look = Box::new(move |value: &Value| {
            if let Some(value) = value.downcast_ref::<T>() {
                f(value);
            }
        });
        Self::from_op(Op::Also { source: self.node, look }, self.cloner)
    }

    /// Has the task that this future stands for computed again, and its cache entry overwritten. Through `map`, `also`,
    /// `checkpoint` and `join` it reaches the tasks behind them; the arguments of those tasks stay as they are.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    ///
    /// #[task(cache)]
    /// fn temperature() -> u32 {
    ///     CALLS.fetch_add(1, Ordering::Relaxed)
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(temperature().run_in(&session)?, 0);
    /// assert_eq!(temperature().run_in(&session)?, 0);
    /// assert_eq!(temperature().refresh().run_in(&session)?, 1);
    /// assert_eq!(temperature().run_in(&session)?, 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn refresh(self) -> Self {
        each_op(&self.node, |op| {
            match op {
                Op::Task(call) => call.learn().mode = Mode::Refresh,
                Op::Checkpoint(save) => save.anew = true,
                _ => {}
            }
            !matches!(op, Op::Task(_))
        });
        self
    }
}
