//! `Runtime`: the threads that drive the transfers, since a run of daglite may have no async runtime around.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use daglite::store::StoreError;
use tokio::runtime::{Builder, Handle, Runtime as Tokio};
use tokio::task::JoinHandle;

/// How many threads drive all transfers of a store: encryption takes one, checking digests another.
const THREADS: usize = 2;

/// A tokio runtime of the store's own.
pub(crate) struct Runtime(Option<Tokio>);

impl Runtime {
    /// Starts the threads.
    pub(crate) fn start() -> Result<Self, StoreError> {
        let made = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("daglite-remote")
            .enable_all()
            .build();
        let runtime = made.map_err(|cause| {
            StoreError::new("cannot start the threads of a remote store: allow more threads")
                .with_source(cause)
        })?;
        Ok(Self(Some(runtime)))
    }

    /// What starts further work on it.
    pub(crate) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle()
    }

    /// Starts `work`; what comes back can be polled anywhere, and ends the work when it is dropped.
    pub(crate) fn start_work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Work<T> {
        Work(self.handle().spawn(work))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed inside of another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Work that goes on elsewhere.
#[must_use = "the work ends when this is dropped"]
pub(crate) struct Work<T>(JoinHandle<T>);

impl<T: Send + 'static> Work<T> {
    /// Starts `work` on the runtime that this is called on, for any of its threads.
    pub(crate) fn spread(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl<T> Future for Work<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| {
            StoreError::new("a transfer of a remote store was cut off: please report it")
        })
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
