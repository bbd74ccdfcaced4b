//! `run_main`: a program's `main`, which Ctrl-C ends in good order.

use std::io::{self, Write};
use std::process::{ExitCode, Termination};

use crate::cancel::{CancelToken, INTERRUPTED, was_interrupted};
use crate::error::Error;
use crate::session::Session;

/// Runs a program, so that Ctrl-C ends it in good order: for `main`.
///
/// What `program` returns is reported as if it were what `main` returns. Inside of it the first Ctrl-C (SIGINT, or SIGTERM) cancels
/// all runs of the default session: nothing more is started, `async` bodies are dropped, and what is at work comes to its end and is put
/// into the cache; what is waited for is said on standard error. The run's error is of the kind
/// [`Cancelled`](crate::ErrorKind::Cancelled), and if the program fails by it, the exit code is 130. A second Ctrl-C ends the process
/// at once. Long sync bodies can ask [`is_cancelled`](crate::is_cancelled()).
///
/// Sessions that the program builds itself listen if they are given the token, with
/// `.cancel_token(&CancelToken::ctrl_c()?)`. An `async` program starts its runtime inside.
///
/// ```
/// use daglite::prelude::*;
/// use std::process::ExitCode;
///
/// #[task]
/// fn answer() -> u32 {
///     42
/// }
///
/// fn program() -> Result<(), daglite::Error> {
///     assert_eq!(answer().run()?, 42);
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
///     daglite::run_main(program)
/// }
/// ```
pub fn run_main<T: Termination>(program: impl FnOnce() -> T) -> ExitCode {
    if let Err(error) = listen() {
        let _ = writeln!(io::stderr(), "daglite: warning: {error}");
    }
    let result = program();
    let was_interrupted = was_interrupted();
    let code = result.report();
    if was_interrupted && code != ExitCode::SUCCESS { ExitCode::from(INTERRUPTED) } else { code }
}

/// Has the default session listen to Ctrl-C. One that cannot be made tells so when it is used.
fn listen() -> Result<(), Error> {
    let token = CancelToken::ctrl_c()?;
    if let Ok(session) = Session::default_ref() {
        session.by_ref().listen_to(token);
    }
    Ok(())
}
