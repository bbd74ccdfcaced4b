//! Ctrl-C: the token of the process that it cancels, and what is said then.

use std::io::{self, Write};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind};

use super::CancelToken;

/// What a program exits with that Ctrl-C has ended: what a shell expects.
pub(crate) const INTERRUPTED: u8 = 130;

/// How many tasks are named that are waited for.
const NAMED: usize = 3;

/// Whether Ctrl-C was pressed.
static PRESSED: AtomicBool = AtomicBool::new(false);

/// Held while it is said what is waited for.
static SAYING: Mutex<()> = Mutex::new(());

/// Whether Ctrl-C was pressed, or the process was asked to end. What was to be said of it has been said then.
pub(crate) fn was_interrupted() -> bool {
    let was_pressed = PRESSED.load(Ordering::SeqCst);
    if was_pressed {
        drop(SAYING.lock());
    }
    was_pressed
}

impl CancelToken {
    /// The token that Ctrl-C cancels (SIGINT, and SIGTERM, which asks a process to end): the same one at each call, as the process has
    /// one keyboard. From the first call on, Ctrl-C no longer ends the process at once: it cancels the runs of the sessions that
    /// have this token, and says on standard error what is waited for. The second one ends the process, with exit code 130.
    ///
    /// For programs that make their sessions themselves. [`run_main`](crate::run_main) does it for the default session.
    ///
    /// # Errors
    ///
    /// The system does not let the process hear of Ctrl-C.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// use daglite::CancelToken;
    ///
    /// let session = Session::builder().cancel_token(&CancelToken::ctrl_c()?).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn ctrl_c() -> Result<Self, Error> {
        static TOKEN: OnceLock<Result<CancelToken, Error>> = OnceLock::new();
        let make = || {
            let token = Self::new();
            hear(token.clone()).map_err(|error| {
                let message = format!("cannot hear of Ctrl-C: {error}: run without it");
                Error::new(ErrorKind::Config, message).with_source(error)
            })?;
            Ok(token)
        };
        TOKEN.get_or_init(make).clone()
    }

    /// Ctrl-C was pressed, for the first time or once more.
    fn pressed(&self) {
        if PRESSED.load(Ordering::SeqCst) {
            process::exit(i32::from(INTERRUPTED));
        }
        let _saying = SAYING.lock();
        PRESSED.store(true, Ordering::SeqCst);
        self.cancel();
        let waits = match &self.at_work()[..] {
            [] => "nothing more is started".to_owned(),
            tasks => format!("waiting for {} to end", listed(tasks)),
        };
        // Nobody may be there to read it.
        let _ = writeln!(io::stderr(), "daglite: cancelled: {waits}; Ctrl-C again ends at once");
    }
}

/// The names of a few tasks.
fn listed(tasks: &[&str]) -> String {
    let names: Vec<String> = tasks.iter().take(NAMED).map(|task| format!("`{task}`")).collect();
    match tasks.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// Has a thread tell `token` of each Ctrl-C.
#[cfg(unix)]
fn hear(token: CancelToken) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let thread = std::thread::Builder::new().name("daglite signals".into());
    thread.spawn(move || signals.forever().for_each(|_| token.pressed()))?;
    Ok(())
}

/// Has a thread tell `token` of each Ctrl-C.
#[cfg(not(unix))]
fn hear(token: CancelToken) -> io::Result<()> {
    ctrlc::set_handler(move || token.pressed()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_few_names_are_told_and_the_rest_is_counted() {
        assert_eq!(listed(&["a", "b"]), "`a`, `b`");
        assert_eq!(listed(&["a", "b", "c", "d", "e"]), "`a`, `b`, `c` and 2 more");
    }
}
