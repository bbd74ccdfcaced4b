//! `Observer`: whoever is told the events of a run, how much of them, and what is known of the moment.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;

use super::Event;

/// Whoever is told the events of a run. A closure `Fn(&Event)` is one.
///
/// # Contract
///
/// `event` is called on a thread that the observer has to itself, one event after the other, in the order in which they were
/// told. What it does harms nobody else:
///
/// * A run goes on while an observer is at work. When it ends, it waits until its observers have been told everything, so that what
///   they have written is there when `run()` returns.
/// * An observer that blocks is not waited for: after two seconds in which it has taken nothing the run ends without it. While the run
///   goes on, 16,384 events are kept for it. If these are full, it is waited for as long as it takes a thousand events a second; of a
///   slower one events are counted and dropped until it comes back, and an [`Event::Missed`] tells it how many.
/// * A panic in it is caught. The first one is a warning for the other observers, and for `tracing`.
/// * Nothing is made that no observer wants: see [`interest`](Self::interest).
///
/// ```
/// use daglite::{Event, Observer};
///
/// struct Quiet;
/// impl Observer for Quiet {
///     fn event(&self, _: &Event) {}
/// }
/// let session = daglite::Session::builder().observe(Quiet).build()?;
/// # Ok::<(), daglite::Error>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event);

    /// As [`event`](Self::event), with what is known of the moment: called in its place. Who needs it writes this one, and leaves
    /// the other empty.
    ///
    /// ```
    /// use daglite::{Event, Moment, Observer, Session};
    ///
    /// struct Times;
    /// impl Observer for Times {
    ///     fn event(&self, _: &Event) {}
    ///     fn event_at(&self, event: &Event, moment: &Moment) {
    ///         println!("{} {}", moment.time.millis(), event.name());
    ///     }
    /// }
    /// let session = Session::builder().observe(Times).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn event_at(&self, event: &Event, moment: &Moment) {
        let _ = moment;
        self.event(event);
    }

    /// It has been told all there is for now: time to write what it has kept back. Called when nothing has come for a few
    /// milliseconds, and once more after a tenth of a second.
    ///
    /// ```
    /// use daglite::{Event, Observer, Session};
    /// use std::io::Write;
    ///
    /// struct Dots;
    /// impl Observer for Dots {
    ///     fn event(&self, _: &Event) {
    ///         print!(".");
    ///     }
    ///     fn caught_up(&self) {
    ///         let _ = std::io::stdout().flush();
    ///     }
    /// }
    /// let session = Session::builder().observe(Dots).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn caught_up(&self) {}

    /// The session is gone, and nothing more will come: time to write the end.
    ///
    /// ```
    /// use daglite::{Event, Observer, Session};
    ///
    /// struct Polite;
    /// impl Observer for Polite {
    ///     fn event(&self, _: &Event) {}
    ///     fn ended(&self) {
    ///         println!("good bye");
    ///     }
    /// }
    /// let session = Session::builder().observe(Polite).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn ended(&self) {}

    /// How much of what happens it wants to be told. It is asked once, when the session is built.
    ///
    /// ```
    /// use daglite::{Interest, Observer, Progress};
    ///
    /// assert_eq!(Progress::warnings().interest(), Interest::Warnings);
    /// ```
    fn interest(&self) -> Interest {
        Interest::Tasks
    }

    /// Whether it makes use of the reasons of misses. If no observer does, nobody looks for what has changed: a task that
    /// the store has no entry for is a [`MissReason::NoEntry`](crate::MissReason::NoEntry) then.
    ///
    /// ```
    /// use daglite::{Observer, Progress};
    ///
    /// assert!(!Progress::stderr().wants_reasons());
    /// assert!(Progress::stderr().each_task().wants_reasons());
    /// ```
    fn wants_reasons(&self) -> bool {
        self.interest() == Interest::Tasks
    }
}

impl<F: Fn(&Event) + Send + Sync + 'static> Observer for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

/// How much an observer is told: each holds what stands before it too.
///
/// ```
/// use daglite::Interest;
///
/// assert!(Interest::Warnings < Interest::Runs && Interest::Runs < Interest::Tasks);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Interest {
    /// What somebody should look at.
    Warnings,
    /// What there is of once or a few times in a run: its beginning and its end, checkpoints, evictions.
    Runs,
    /// What happens to each task.
    Tasks,
}

/// When and where something happened.
///
/// ```
/// use daglite::{Event, Moment, Observer};
///
/// struct Threads;
/// impl Observer for Threads {
///     fn event(&self, _: &Event) {}
///     fn event_at(&self, event: &Event, moment: &Moment) {
///         println!("{} on thread {}", event.name(), moment.thread);
///     }
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Moment {
    /// The time, by the session's clock.
    pub time: Timestamp,
    /// The same more exactly, as the time since 1970: for measuring. It never goes back by itself.
    pub precise: Duration,
    /// A number of the run; that of the outermost one for what happens inside of tasks. 0 if it belongs to no run.
    pub run: u64,
    /// A number of the call of a task, alike in all events of that call in a run; 0 if it belongs to no call.
    pub call: u64,
    /// Whether that task is `async`, so that others may be at work on the same thread.
    pub is_async: bool,
    /// A number of the thread, from 1 up.
    pub thread: u64,
    /// The name of the thread, if it has one.
    pub thread_name: Option<Arc<str>>,
}
