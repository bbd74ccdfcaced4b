//! `worker_main`: what makes a program the worker of its isolated tasks.

use crate::digest::Digest;
use crate::executor::{TaskEntry, note_worker_main, serve_if_worker};
use crate::session::Session;

/// Makes this program able to be its own worker for tasks with the option `isolate`: write it as the first line of `main`.
///
/// In a process that was started as a worker it does not return: that one runs bodies until nobody has any more for it. In any other
/// process it returns at once. Where a `main` does not call it, isolated tasks are an error that says so, and no process is started: it
/// would be the whole program once more.
///
/// What comes before it happens in each worker, too. Best is nothing at all, but for what isolated bodies need: formats that are
/// registered in [`Registry::global()`](crate::Registry::global), a logger.
///
/// ```
/// use daglite::prelude::*;
///
/// fn main() -> Result<(), daglite::Error> {
///     daglite::worker_main();
///     // The program.
///     Ok(())
/// }
/// ```
pub fn worker_main() {
    serve_if_worker(around);
    note_worker_main();
}

/// Runs a body in a worker: in the default session, so that it can keep how far it has come.
fn around(entry: &'static TaskEntry, key: Option<Digest>, body: &mut dyn FnMut()) -> Vec<String> {
    let Some((key, session)) = key.zip(Session::default_session().ok()) else {
        body();
        return Vec::new();
    };
    session.by_ref().around_isolated(entry.task(), key, body)
}
