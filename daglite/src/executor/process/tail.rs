//! `Tail`: what a worker has written to its standard error last. All of it is passed on to our own.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::process::ChildStderr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How many bytes are kept: what was said, with the backtrace that may come after it.
const KEPT: usize = 64 << 10;

/// How many bytes of them, without backtraces, are told.
const TOLD: usize = 4 << 10;

/// The end of what a worker has written.
#[derive(Default)]
pub(super) struct Tail {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    is_ended: bool,
}

impl Tail {
    /// The tail of `from`, which a thread passes on until it ends.
    pub(super) fn of(mut from: ChildStderr) -> Arc<Self> {
        let tail = Arc::new(Self::default());
        let writer = Arc::clone(&tail);
        let thread = thread::Builder::new().name("daglite worker's errors".into());
        let spawned = thread.spawn(move || {
            let mut piece = [0; 4096];
            loop {
                match from.read(&mut piece) {
                    Ok(0) => break,
                    Ok(length) => {
                        let _ = std::io::stderr().write_all(&piece[..length]);
                        writer.push(&piece[..length]);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            writer.state.lock().is_ended = true;
            writer.ended.notify_all();
        });
        if spawned.is_err() {
            tail.state.lock().is_ended = true;
        }
        tail
    }

    fn push(&self, piece: &[u8]) {
        let mut state = self.state.lock();
        state.bytes.extend(piece);
        let too_many = state.bytes.len().saturating_sub(KEPT);
        state.bytes.drain(..too_many);
    }

    /// Forgets what was written so far: it is of another job.
    pub(super) fn clear(&self) {
        self.state.lock().bytes.clear();
    }

    /// What was written last, once the worker has ended. Its own children may hold the other end for longer, and are not waited for.
    pub(super) fn last_words(&self) -> String {
        let mut state = self.state.lock();
        if !state.is_ended {
            self.ended.wait_for(&mut state, Duration::from_millis(200));
        }
        let text = without_backtraces(&String::from_utf8_lossy(state.bytes.make_contiguous()));
        let text = text.trim();
        let start = text.ceil_char_boundary(text.len().saturating_sub(TOLD));
        text[start..].to_owned()
    }
}

/// `text` without the frames that the standard library writes where `RUST_BACKTRACE` asks for them: they would push out what
/// was said before them, and went to our own standard error whole.
fn without_backtraces(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.split_inclusive('\n') {
        is_inside = if is_inside { is_frame(line) } else { line.trim_end() == "stack backtrace:" };
        if !is_inside {
            kept.push_str(line);
        }
    }
    kept
}

/// Whether a line is of a backtrace: `  12: name`, or `      at file:line:column`.
fn is_frame(line: &str) -> bool {
    let rest = line.trim_start();
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len()
        && (rest.starts_with("at ") || (number.len() < rest.len() && number.starts_with(':')))
}
