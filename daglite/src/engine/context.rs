//! What a thread is doing for daglite: which engine, which task, and whether it may block.

use std::cell::RefCell;
use std::sync::Arc;

use crate::digest::Digest;
use crate::sync::thread_local;
use crate::task::Task;

use super::Engine;
use super::ledger::Ledger;
use super::seed::Seed;

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
    /// The body that this one was called from.
    pub(super) parent: Option<Arc<Context>>,
    /// The number of the outermost run around it, if anybody is told of runs.
    pub(super) outermost: u64,
    /// What is noted for the cache store of the run that the body belongs to.
    pub(super) ledger: Arc<Ledger>,
}

impl Context {
    /// The keys that this body and those around it are to fill, innermost first.
    pub(super) fn keys(&self) -> impl Iterator<Item = Digest> + '_ {
        let chain = std::iter::successors(Some(self), |context| context.parent.as_deref());
        chain.filter_map(|context| context.key)
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
