//! What a future is for: `run`, `.await`, `outcome`, `plan`, `graph`.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::mem::needs_drop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::{Engine, Finished, Plan, RunFuture, Shortcut, block_on, current};
use crate::error::Error;
use crate::graph::{Graph, Node};
use crate::session::Session;

use super::blocking::{NOT_IN_RUNTIME, may_block};
use super::clone::{Cloner, shared};
use super::{Outcome, TaskFuture};

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// Runs all that is needed for this value, in the current session: the one around it inside a task, else the
    /// [default one](Session::default_session).
    ///
    /// # Errors
    ///
    /// The first error or panic of a task, with the task's name and where it was called; a checkpoint that cannot be
    /// saved; a malformed configuration; and a call from inside an async runtime, where only `.await` works.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn add(a: i64, b: i64) -> i64 {
    ///     a + b
    /// }
    ///
    /// assert_eq!(add(add(1, 2), 3).run()?, 6);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run(self) -> Result<T, Error> {
        match current() {
            Some(body) => self.run_by(&body.engine),
            None => self.run_by(Session::default_ref()?.by_ref()),
        }
    }

    /// Runs all that is needed for this value in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// #[task]
    /// fn answer() -> u8 {
    ///     42
    /// }
    ///
    /// let session = Session::builder().concurrency(1).build()?;
    /// assert_eq!(answer().run_in(&session)?, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_in(self, session: &Session) -> Result<T, Error> {
        self.run_by(session.by_ref())
    }

    fn run_by(mut self, engine: &Arc<Engine>) -> Result<T, Error> {
        may_block(NOT_IN_RUNTIME)?;
        let mut taken = None;
        let question = match self.take_short(engine, &mut taken) {
            Shortcut::Unknown(question) => Some(question),
            Shortcut::Taken | Shortcut::None => None,
        };
        if let Some(value) = taken {
            Node::recycle(self.node);
            return Ok(value);
        }
        let (value, key) = engine.run_here(self.node)?;
        if let (Some(question), Some(key)) = (question, key) {
            let is_plain = const { !needs_drop::<T>() && size_of::<T>() <= 64 };
            engine.learn_shortcut(*question, &key, is_plain);
        }
        self.cloner.own(value)
    }

    /// Takes the value, if there is a short way to it.
    fn take_short(&mut self, engine: &Engine, taken: &mut Option<T>) -> Shortcut {
        let Self { node, cloner, .. } = self;
        engine.shortcut(node, &mut |value: &(dyn Any + Send + Sync)| {
            *taken = value.downcast_ref::<T>().and_then(|value| cloner.clone_value(value));
            taken.is_some()
        })
    }

    /// As [`run`](Self::run), but gives the value in an `Arc`, for types that are not `Clone` and held elsewhere too.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// struct Big(Vec<u8>);
    ///
    /// #[task]
    /// fn big() -> Big {
    ///     Big(vec![0; 1000])
    /// }
    ///
    /// let future = big();
    /// let (a, b) = (future.clone().run_shared()?, future.run_shared()?);
    /// assert_eq!(a.0.len(), 1000);
    /// assert!(std::sync::Arc::ptr_eq(&a, &b));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_shared(self) -> Result<Arc<T>, Error> {
        self.run_shared_in(&Session::current()?)
    }

    /// As [`run_shared`](Self::run_shared), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn answer() -> u8 { 42 }
    /// assert_eq!(*answer().run_shared_in(&Session::current()?)?, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn run_shared_in(self, session: &Session) -> Result<Arc<T>, Error> {
        may_block(NOT_IN_RUNTIME)?;
        shared(session.by_ref().run_here(self.node)?.0)
    }

    /// As [`run`](Self::run), and tells how each result came to be.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache)]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let first = square(4).outcome_in(&session)?;
    /// let second = square(4).outcome_in(&session)?;
    /// assert_eq!((first.value, second.value), (16, 16));
    /// assert_eq!((first.summary.computed, second.summary.hits), (1, 1));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn outcome(self) -> Result<Outcome<T>, Error> {
        self.outcome_in(&Session::current()?)
    }

    /// As [`outcome`](Self::outcome), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn answer() -> u8 { 42 }
    /// assert_eq!(answer().outcome_in(&Session::current()?)?.value, 42);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn outcome_in(self, session: &Session) -> Result<Outcome<T>, Error> {
        Outcome::new(finish(session, self.node)?, &self.cloner)
    }

    /// What a run in the current session would do: which tasks the cache would answer, and why not the others. Nothing is
    /// run and nothing is put; the cache is looked into, on this thread.
    ///
    /// # Errors
    ///
    /// A malformed configuration; and a call from inside an async runtime, which it would block.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn answer() -> u8 {
    ///     42
    /// }
    ///
    /// let plan = answer().plan()?;
    /// assert!(plan.to_string().starts_with("1 task: 1 to compute\n"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn plan(&self) -> Result<Plan, Error> {
        self.plan_in(&Session::current()?)
    }

    /// As [`plan`](Self::plan), in `session`.
    ///
    /// # Errors
    ///
    /// A call from inside an async runtime, which it would block.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use daglite::{MissReason, PlannedState};
    ///
    /// #[task(cache)]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let future = square(4);
    /// let before = future.plan_in(&session)?;
    /// assert_eq!(before.nodes[0].state, PlannedState::WouldCompute(MissReason::NoEntry));
    /// future.run_in(&session)?;
    /// assert_eq!(square(4).plan_in(&session)?.hits(), 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn plan_in(&self, session: &Session) -> Result<Plan, Error> {
        let advice =
            "`plan()` would block the async runtime it was called in: call it in `spawn_blocking`";
        may_block(advice)?;
        Ok(session.engine().plan(Arc::clone(&self.node)))
    }

    /// A picture of the graph, with what has become of each task, or would: that of [`plan`](Self::plan). Nothing is run. What has
    /// been made in a run is one node then, as nothing above it is needed any more; [`Outcome::graph`] shows all of a run.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(name = "load")]
    /// fn load() -> Vec<u32> {
    ///     vec![1, 2, 3]
    /// }
    ///
    /// #[task(name = "total")]
    /// fn total(values: &[u32]) -> u32 {
    ///     values.iter().sum()
    /// }
    ///
    /// println!("{}", load().then(total).graph()?.mermaid());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph(&self) -> Result<Graph, Error> {
        Ok(self.plan()?.graph())
    }

    /// As [`graph`](Self::graph), in `session`.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// let session = Session::builder().without_cache().build()?;
    /// assert_eq!(one().graph_in(&session)?.tasks(), 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph_in(&self, session: &Session) -> Result<Graph, Error> {
        Ok(self.plan_in(session)?.graph())
    }

    /// As [`outcome`](Self::outcome), for `.await`, in the current session.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// let outcome = answer().await_outcome().await?;
    /// assert_eq!((outcome.value, outcome.summary.computed), (42, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn await_outcome(self) -> Result<Outcome<T>, Error> {
        self.await_outcome_in(&Session::current()?).await
    }

    /// As [`await_outcome`](Self::await_outcome), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// assert_eq!(answer().await_outcome_in(&Session::current()?).await?.value, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn await_outcome_in(self, session: &Session) -> Result<Outcome<T>, Error> {
        let finished = RunFuture::new(session.engine(), self.node, false, true).await?;
        Outcome::new(finished, &self.cloner)
    }

    /// A future that runs in `session`: what `.await` uses with the current one.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # async fn answer() -> u8 { 42 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), daglite::Error> {
    /// let session = Session::builder().concurrency(2).build()?;
    /// assert_eq!(answer().await_in(&session).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn await_in(self, session: &Session) -> TaskRun<T> {
        let run = RunFuture::new(session.engine(), self.node, false, false);
        TaskRun { state: Ok(run), cloner: self.cloner, value: PhantomData }
    }
}

/// Runs `node` on this thread, and reports on all that happens.
fn finish(session: &Session, node: Arc<Node>) -> Result<Finished, Error> {
    may_block(NOT_IN_RUNTIME)?;
    block_on(RunFuture::new(session.engine(), node, true, true))
}

/// A run under way: the future behind `.await`. Dropping it cancels the run; what has been computed stays cached.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// async fn greet(name: String) -> String {
///     format!("hello, {name}")
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), daglite::Error> {
///     assert_eq!(greet("graph").await?, "hello, graph");
///     Ok(())
/// }
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct TaskRun<T> {
    state: Result<RunFuture, Option<Error>>,
    cloner: Cloner<T>,
    value: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for TaskRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskRun")
    }
}

impl<T: Send + Sync + 'static> Future for TaskRun<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Ok(run) => match Pin::new(run).poll(cx) {
                Poll::Ready(finished) => {
                    Poll::Ready(finished.and_then(|finished| self.cloner.own(finished.value)))
                }
                Poll::Pending => Poll::Pending,
            },
            Err(error) => {
                Poll::Ready(Err(error.take().expect("a future is not polled after its end")))
            }
        }
    }
}

impl<T: Send + Sync + 'static> IntoFuture for TaskFuture<T> {
    type Output = Result<T, Error>;
    type IntoFuture = TaskRun<T>;

    fn into_future(self) -> TaskRun<T> {
        match Session::current() {
            Ok(session) => self.await_in(&session),
            Err(error) => {
                TaskRun { state: Err(Some(error)), cloner: self.cloner, value: PhantomData }
            }
        }
    }
}
