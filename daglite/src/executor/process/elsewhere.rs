//! What takes the place of workers where there are no Unix sockets: an error that says so.

use std::sync::Arc;

use super::Surroundings;
use super::settings::Settings;
use crate::executor::{Job, JobError, JobFuture};

/// An executor that has no workers.
pub(super) struct Shared {
    pub(super) settings: Settings,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings })
    }

    pub(super) fn close(&self) {}
}

/// Answers the error.
pub(super) fn submit(_: &Arc<Shared>, job: Job) -> JobFuture {
    let why = format!(
        "`{}` is to run in a worker process, and daglite has none on this system yet: call \
         `Session::builder().isolation(false)` to run it in this process",
        job.name()
    );
    Box::pin(async move { Err(JobError::Refused(why)) })
}

/// No process is a worker.
pub(crate) fn serve_if_worker(_: Surroundings) {}
