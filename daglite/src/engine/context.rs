//! What a thread is doing for daglite: which engine, which task, and whether it may block.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::digest::Digest;
use crate::sync::{AtomicBool, thread_local};
use crate::task::Task;

use super::Engine;
use super::ledger::Ledger;
use super::seed::Seed;
use super::waits::Thing;

/// The surroundings of a task's body.
pub(crate) struct Context {
    /// The engine that runs the body: a task called inside a task runs in the same session.
    pub(crate) engine: Arc<Engine>,
    /// Whether the body may block the thread. An `async` one may not.
    pub(crate) blocking: bool,
    /// The task, if it is cached or seeded.
    pub(super) task: Option<&'static Task>,
    /// The key that the body is to fill, if its task is cached.
    pub(super) key: Option<Digest>,
    /// What its random numbers are made of, if its task says that there are any.
    pub(super) seed: Option<Arc<Seed>>,
    /// The body's number among those that hold places of limits, if it holds any.
    pub(super) holds: Option<u64>,
    /// Whether nobody waits for the body any more, if it is one that may be abandoned.
    pub(super) abandoned: Option<Arc<AtomicBool>>,
    /// The body that this one was called from.
    pub(super) parent: Option<Arc<Context>>,
    /// The number of the outermost run around it, if anybody is told of runs.
    pub(super) outermost: u64,
    /// What is noted for the cache store of the run that the body belongs to.
    pub(super) ledger: Arc<Ledger>,
}

impl Context {
    /// The surroundings of something inside of `outer`, of which nothing more is known.
    pub(super) fn inside(outer: Arc<Self>) -> Self {
        Self {
            engine: Arc::clone(&outer.engine),
            blocking: outer.blocking,
            task: None,
            key: None,
            seed: None,
            holds: None,
            abandoned: None,
            outermost: outer.outermost,
            ledger: Arc::clone(&outer.ledger),
            parent: Some(outer),
        }
    }

    /// Whether nobody waits for the body any more: its session's runs were cancelled, or its time is over, or that of a body around
    /// it.
    fn is_cancelled(&self) -> bool {
        let mut chain = std::iter::successors(Some(self), |context| context.parent.as_deref());
        chain.any(|context| {
            let abandoned = context.abandoned.as_ref();
            abandoned.is_some_and(|abandoned| abandoned.load(Ordering::Relaxed))
                || context.engine.is_cancelled()
        })
    }

    /// What waits if this body waits: the keys that it and those around it are to fill, and the places that they hold, innermost
    /// first.
    pub(super) fn things(&self) -> impl Iterator<Item = Thing> + '_ {
        let chain = std::iter::successors(Some(self), |context| context.parent.as_deref());
        chain.flat_map(|context| {
            let (body, key) = (context.holds.map(Thing::Body), context.key.map(Thing::Key));
            body.into_iter().chain(key)
        })
    }

    /// The notes of the run of `engine` that this body is part of, however deep inside.
    pub(super) fn ledger_of(&self, engine: &Arc<Engine>) -> Option<Arc<Ledger>> {
        let mut chain = std::iter::successors(Some(self), |context| context.parent.as_deref());
        let own = chain.find(|context| Arc::ptr_eq(&context.engine, engine));
        own.map(|context| Arc::clone(&context.ledger))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

/// The task body that the calling thread is in, if any.
pub(crate) fn current() -> Option<Arc<Context>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// Whether the task body that the calling thread is in should come to an end: the runs of its session were cancelled, by a
/// [`CancelToken`](crate::CancelToken) or by Ctrl-C, or it has taken longer than its `timeout`. False outside of bodies.
///
/// An `async` body that is cancelled is dropped where it waits. A sync one runs on, as nothing can stop it, and its run waits for
/// it; one that takes long asks now and then, and ends. What it returns then is its result: if it is not the whole, return an
/// error, so that nothing wrong is cached.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::{CancelToken, ErrorKind};
///
/// #[task(cache, cache_exclude = [token])]
/// fn simulate(steps: u64, token: &CancelToken) -> Result<u64, String> {
///     let mut state = 1_u64;
///     for step in 0..steps {
///         if step == 1_000 {
///             token.cancel(); // somebody does, at some time
///         }
///         if daglite::is_cancelled() {
///             return Err(format!("stopped after {step} steps"));
///         }
///         state = state.wrapping_mul(3);
///     }
///     Ok(state)
/// }
///
/// # let token = CancelToken::new();
/// # let session = Session::builder().cache(MemoryStore::new()).cancel_token(&token).build()?;
/// let error = simulate(u64::MAX, token.clone()).run_in(&session).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Cancelled);
/// # Ok::<(), daglite::Error>(())
/// ```
pub fn is_cancelled() -> bool {
    with_current(|body| body.is_some_and(|body| body.is_cancelled()))
}

/// What `ask` makes of the task body that the calling thread is in, if any, without another handle on it.
pub(crate) fn with_current<R>(ask: impl FnOnce(Option<&Arc<Context>>) -> R) -> R {
    CURRENT.with(|current| ask(current.borrow().as_ref()))
}

/// Runs `body` as a part of `context`.
pub(super) fn within<R>(context: Arc<Context>, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Context>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            let inner = CURRENT.with(|current| current.replace(before));
            drop(inner);
        }
    }
    let _restore = Restore(CURRENT.with(|current| current.replace(Some(context))));
    body()
}

/// Runs `body` as a part of `context`, which is lent for as long: nobody counts who holds it.
pub(super) fn within_lent<R>(context: &mut Option<Arc<Context>>, body: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a mut Option<Arc<Context>>);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), self.0));
        }
    }
    let restore = Restore(context);
    CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), restore.0));
    body()
}
