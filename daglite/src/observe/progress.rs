//! `Progress`: bars and lines for people while a run goes on, and one line at its end.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};
use parking_lot::Mutex;

use crate::event::{Event, Interest, Moment, Observer, Short, Summary};
use crate::size::ByteSize;

use super::bars::{Bars, Screen};

/// Shows people what happens in a run: warnings, one line at the end, and on a terminal a picture of how far it is.
///
/// The picture has a line for each task, by its name, with a bar, and tells hits from what was computed; above stands the whole, and
/// how long it may still last, once calls like those that are left have ended. It is drawn on a terminal alone, ten times a second at
/// most, of runs that last a tenth of a second or longer; if there are more than eight names, those at work are shown. It goes when the
/// run ends. Several runs at once share it. What fails is a line of its own, above.
///
/// A `Progress` may be cloned, to write in between without the picture getting in the way: [`suspend`](Self::suspend),
/// [`println`](Self::println).
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
#[derive(Clone)]
pub struct Progress {
    shared: Arc<Mutex<Shared>>,
    each_task: bool,
    summary: bool,
    has_bars: bool,
}

/// What the clones of a `Progress` share.
struct Shared {
    out: Out,
    bars: Option<Bars>,
}

/// Where lines go.
enum Out {
    Write(Box<dyn Write + Send>),
    Terminal(Arc<dyn TermLike>),
}

impl Progress {
    /// Writes warnings and summaries to standard error; and draws there how far a run is, if it is a terminal.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::stderr()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn stderr() -> Self {
        let screen = std::io::stderr().is_terminal().then(|| Screen {
            target: Box::new(ProgressDrawTarget::stderr),
            width: Box::new(|| usize::from(Term::stderr().size().1)),
            is_live: true,
        });
        Self::new(Out::Write(Box::new(std::io::stderr())), screen)
    }

    /// Writes warnings and summaries to `out`, and draws nothing.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::to(std::io::stdout())).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self::new(Out::Write(Box::new(out)), None)
    }

    /// Writes warnings alone to standard error: what a session without an observer does.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::warnings()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn warnings() -> Self {
        Self { summary: false, ..Self::to(std::io::stderr()) }
    }

    /// Draws on a terminal that is none of the system's: for tests of what is drawn.
    #[doc(hidden)]
    pub fn drawn_on(terminal: impl TermLike + Clone + 'static) -> Self {
        let (drawn, lines) = (terminal.clone(), Arc::new(terminal.clone()));
        let screen = Screen {
            target: Box::new(move || {
                ProgressDrawTarget::term_like_with_hz(Box::new(drawn.clone()), 255)
            }),
            width: Box::new(move || usize::from(terminal.width())),
            is_live: false,
        };
        Self::new(Out::Terminal(lines), Some(screen))
    }

    fn new(out: Out, screen: Option<Screen>) -> Self {
        let has_bars = screen.is_some();
        let shared = Shared { out, bars: screen.map(Bars::new) };
        Self { shared: Arc::new(Mutex::new(shared)), each_task: false, summary: true, has_bars }
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

    /// Writes a line above the picture, to where the others go.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// let progress = Progress::stderr();
    /// let session = Session::builder().observe(progress.clone()).build()?;
    /// progress.println("reading 12 files");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn println(&self, line: impl AsRef<str>) {
        self.shared.lock().println(line.as_ref());
    }

    /// Takes the picture away while `write` runs, and answers what that answers: for whatever else writes to the terminal. `write` must
    /// not call this `Progress` itself.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// let progress = Progress::stderr();
    /// let session = Session::builder().observe(progress.clone()).build()?;
    /// progress.suspend(|| println!("written to standard output"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        let shown = self.shared.lock().bars.as_ref().and_then(|bars| bars.shown().cloned());
        match shown {
            Some(shown) => shown.suspend(write),
            None => write(),
        }
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.shared.lock().println(&format!("daglite: {text}"));
    }
}

impl Shared {
    /// Writes a line, above the picture if there is one. Standard error may be closed: nothing to do about it, and no reason to
    /// fail.
    fn println(&mut self, line: &str) {
        let shown = self.bars.as_ref().and_then(Bars::shown);
        match (&mut self.out, shown) {
            (Out::Write(out), Some(shown)) => _ = shown.suspend(|| writeln!(out, "{line}")),
            (Out::Write(out), None) => _ = writeln!(out, "{line}"),
            (Out::Terminal(_), Some(shown)) => shown.println(line),
            (Out::Terminal(terminal), None) => _ = terminal.write_line(line),
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { each_task, summary, has_bars, .. } = self;
        f.debug_struct("Progress")
            .field("each_task", each_task)
            .field("summary", summary)
            .field("has_bars", has_bars)
            .finish_non_exhaustive()
    }
}

impl Observer for Progress {
    fn interest(&self) -> Interest {
        match (self.each_task || self.has_bars, self.summary) {
            (true, _) => Interest::Tasks,
            (false, true) => Interest::Runs,
            (false, false) => Interest::Warnings,
        }
    }

    fn wants_reasons(&self) -> bool {
        self.each_task
    }

    fn event_at(&self, event: &Event, moment: &Moment) {
        let mut failed = 0;
        if let Some(bars) = &mut self.shared.lock().bars {
            failed = bars.failed();
            bars.take(event, moment);
        }
        match event {
            Event::RunFinished { summary } if self.summary => self.conclude("", summary, failed),
            Event::RunCancelled { summary } if self.summary => {
                self.conclude("cancelled: ", summary, failed);
            }
            _ => self.event(event),
        }
    }

    fn caught_up(&self) {
        if let Some(bars) = &mut self.shared.lock().bars {
            bars.draw();
        }
    }

    fn event(&self, event: &Event) {
        match event {
            Event::Warning { message } => self.line(format_args!("warning: {message}")),
            Event::AlsoPanicked { message } => {
                self.line(format_args!("warning: the closure of an `also` panicked: {message}"));
            }
            Event::Missed { events } => {
                self.line(format_args!("warning: {events} events were lost, as they could not be shown in time"));
            }
            Event::ExcludedDiffers { task, parameter, from, to, .. } => self.line(format_args!(
                "warning: `{task}` was a hit, though the excluded argument `{parameter}` differs{}",
                differs(from, to)
            )),
            Event::Sampled { task, parameter, size, remedy } => self.line(format_args!(
                "warning: `{parameter}` of `{task}` has {} in one piece, of which only a sample went into the cache key: {remedy}",
                ByteSize::new(*size)
            )),
            Event::Failed { error, .. } if self.each_task || self.has_bars => {
                self.line(format_args!("failed    {error}"));
            }
            _ if self.each_task => self.each(event),
            _ => {}
        }
    }
}

impl Progress {
    /// The line for what happened to a task.
    fn each(&self, event: &Event) {
        match event {
            Event::Hit { task, saved, .. } => {
                self.line(format_args!("hit       {task} (saved {})", Short(*saved)));
            }
            Event::Miss { task, reason, .. } => {
                self.line(format_args!("miss      {task}: {reason}"));
            }
            Event::WaitingForProcess { task, process, .. } => match process {
                Some(number) => self.line(format_args!("waiting   {task} for process {number}")),
                None => self.line(format_args!("waiting   {task} for another process")),
            },
            Event::WaitingForLimit { task, limits } => {
                self.line(format_args!("waiting   {task} for room in {}", limits.join(", ")));
            }
            Event::Retried { task, attempt, retries, delay, error } => self.line(format_args!(
                "again     {task} in {} (attempt {attempt} of {}): {error}",
                Short(*delay),
                retries.saturating_add(1)
            )),
            Event::TimedOut { task, limit, still_running: true, .. } => self.line(format_args!(
                "too long  {task} took more than {}, and is still running",
                Short(*limit)
            )),
            Event::AbandonedEnded { task, took } => {
                self.line(format_args!("ended     {task} at last, after {}", Short(*took)));
            }
            Event::Computed { task, took } => {
                self.line(format_args!("computed  {task} in {}", Short(*took)));
            }
            Event::Resumed { name, version, differs } => {
                let differs: String = differs.iter().map(|what| format!("; {what}")).collect();
                self.line(format_args!("resumed   {name}@{version}{differs}"));
            }
            Event::CheckpointSaved { name, version } => {
                self.line(format_args!("saved     {name}@{version}"));
            }
            _ => {}
        }
    }

    /// The line at the end of a run.
    fn conclude(&self, what: &str, summary: &Summary, failed: u64) {
        match failed {
            0 => self.line(format_args!("{what}{summary}")),
            failed => self.line(format_args!("{what}{summary}, {failed} failed")),
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
