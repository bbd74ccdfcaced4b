//! `Progress`: lines for people while a run goes on, and one at its end.

use std::fmt;
use std::io::Write;

use parking_lot::Mutex;

use crate::event::{Event, Observer, Short};
use crate::size::ByteSize;

/// Writes what happens in a run for people to read: warnings, and one line at the end.
///
/// ```
/// use daglite::prelude::*;
/// use std::sync::{Arc, Mutex};
///
/// #[task(cache)]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// // Anything that is `Write` will do; this one keeps the text.
/// #[derive(Clone, Default)]
/// struct Page(Arc<Mutex<Vec<u8>>>);
/// impl std::io::Write for Page {
///     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
///         self.0.lock().unwrap().write(bytes)
///     }
///     fn flush(&mut self) -> std::io::Result<()> {
///         Ok(())
///     }
/// }
///
/// let page = Page::default();
/// let session =
///     Session::builder().cache(MemoryStore::new()).observe(Progress::to(page.clone())).build()?;
/// square(3).run_in(&session)?;
/// let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
/// assert!(text.starts_with("daglite: 0 hits, 1 computed in "));
/// # Ok::<(), daglite::Error>(())
/// ```
pub struct Progress {
    out: Mutex<Box<dyn Write + Send>>,
    each_task: bool,
    summary: bool,
}

impl Progress {
    /// Writes warnings and summaries to standard error.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::stderr()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn stderr() -> Self {
        Self::to(std::io::stderr())
    }

    /// Writes warnings and summaries to `out`.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::to(std::io::stdout())).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)), each_task: false, summary: true }
    }

    /// Writes warnings alone to standard error: what a session without an observer does.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::warnings()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn warnings() -> Self {
        Self { summary: false, ..Self::stderr() }
    }

    /// Writes a line for each task too: what it was, a hit or computed, and why it was not a hit.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::stderr().each_task()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[must_use]
    pub fn each_task(mut self) -> Self {
        self.each_task = true;
        self
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        // Standard error may be closed: nothing to do about it, and no reason to fail.
        let _ = writeln!(self.out.lock(), "daglite: {text}");
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { each_task, summary, .. } = self;
        f.debug_struct("Progress")
            .field("each_task", each_task)
            .field("summary", summary)
            .finish_non_exhaustive()
    }
}

impl Observer for Progress {
    fn wants_reasons(&self) -> bool {
        self.each_task
    }

    fn wants_tasks(&self) -> bool {
        self.each_task
    }

    fn wants_runs(&self) -> bool {
        self.summary || self.each_task
    }

    fn event(&self, event: &Event) {
        match event {
            Event::Warning { message } => self.line(format_args!("warning: {message}")),
            Event::AlsoPanicked { message } => {
                self.line(format_args!("warning: the closure of an `also` panicked: {message}"));
            }
            Event::ExcludedDiffers { task, parameter, from, to, .. } => self.line(format_args!(
                "warning: `{task}` was a hit, though the excluded argument `{parameter}` differs{}",
                differs(from, to)
            )),
            Event::Sampled { task, parameter, size, remedy } => self.line(format_args!(
                "warning: `{parameter}` of `{task}` has {} in one piece, of which only a sample went into the cache key: {remedy}",
                ByteSize::new(*size)
            )),
            Event::RunFinished { summary } if self.summary => self.line(format_args!("{summary}")),
            Event::Hit { task, saved, .. } if self.each_task => {
                self.line(format_args!("hit       {task} (saved {})", Short(*saved)));
            }
            Event::Miss { task, reason, .. } if self.each_task => {
                self.line(format_args!("miss      {task}: {reason}"));
            }
            Event::WaitingForProcess { task, process, .. } if self.each_task => match process {
                Some(number) => self.line(format_args!("waiting   {task} for process {number}")),
                None => self.line(format_args!("waiting   {task} for another process")),
            },
            Event::Computed { task, took } if self.each_task => {
                self.line(format_args!("computed  {task} in {}", Short(*took)));
            }
            Event::CheckpointSaved { name, version } if self.each_task => {
                self.line(format_args!("saved     {name}@{version}"));
            }
            _ => {}
        }
    }
}

/// What an argument was and is, if both are known.
fn differs(from: &str, to: &str) -> String {
    if from.is_empty() || to.is_empty() || from == to {
        return String::new();
    }
    format!(": it was {from}, and is {to}")
}
