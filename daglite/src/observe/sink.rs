//! `Sink`: a file or a pipe that whole pieces of text are written to; the first failure is told, and is the last.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::event::complain;

/// So many bytes are written at once.
const ENOUGH: usize = 1 << 16;

/// Where an observer writes to.
pub(super) struct Sink {
    out: Box<dyn Write + Send>,
    /// What has not been written yet: whole pieces, so that a process that is killed leaves none torn that it could have written.
    waiting: Vec<u8>,
    /// What it is, for people.
    what: String,
    is_broken: bool,
}

impl Sink {
    /// Writes to `out`, which is called `what` in messages.
    pub(super) fn to(out: impl Write + Send + 'static, what: &str) -> Self {
        Self { out: Box::new(out), waiting: Vec::new(), what: what.to_owned(), is_broken: false }
    }

    /// The file `path`, which is made if it is missing; `what` it is.
    pub(super) fn file(path: &Path, append: bool, what: &str) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.create(true);
        if append {
            options.append(true)
        } else {
            options.write(true).truncate(true)
        };
        let file = options.open(path).map_err(|cause| {
            let message = format!(
                "cannot open {what} {}: {cause}: name a file in a folder that is there",
                path.display()
            );
            Error::new(ErrorKind::Config, message).with_source(cause)
        })?;
        Ok(Self::to(file, &format!("{what} {}", path.display())))
    }

    /// Writes a piece, now or with the next ones.
    pub(super) fn write(&mut self, piece: &str) {
        if self.is_broken {
            return;
        }
        self.waiting.extend_from_slice(piece.as_bytes());
        if self.waiting.len() >= ENOUGH {
            self.flush();
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let written = self.out.write_all(&self.waiting).and_then(|()| self.out.flush());
        self.waiting.clear();
        if let Err(error) = written {
            self.is_broken = true;
            complain(format!("{} cannot be written, so it ends here: {error}", self.what));
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.flush();
    }
}
