//! The one place where time is read, so that tests can move it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 00:00 UTC.
///
/// ```
/// use daglite::clock::Timestamp;
/// use std::time::Duration;
///
/// let noon = Timestamp::from_millis(43_200_000);
/// assert_eq!(noon.after(Duration::from_secs(1)).millis(), 43_201_000);
/// assert_eq!(noon.since(Timestamp::from_millis(0)), Some(Duration::from_secs(43_200)));
/// assert_eq!(Timestamp::from_millis(0).since(noon), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `millis` milliseconds after the start of 1970, UTC.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start of 1970, UTC.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The moment `duration` later; the last moment there is if that is too far away.
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The time between `earlier` and this moment; `None` if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }
}

/// A time before 1970 counts as the start of 1970.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// Where a session or a store reads the time from.
///
/// ```
/// use daglite::clock::Clock;
/// use std::time::Duration;
///
/// let (clock, hands) = Clock::manual();
/// let before = clock.now();
/// hands.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Some(Duration::from_secs(60)));
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Dial>),
}

/// What a clock that is moved by hand shows, and who wants to know when it is moved.
struct Dial {
    millis: AtomicU64,
    watchers: Mutex<Vec<Weak<dyn Moved>>>,
}

/// Whoever wants to know when a clock is moved by hand.
pub(crate) trait Moved: Send + Sync {
    /// It shows another time now.
    fn moved(&self);
}

impl Dial {
    /// Shows `time` from now on.
    fn set(&self, time: Timestamp) {
        self.millis.store(time.0, Ordering::SeqCst);
        // Not under the lock: whoever is told may look at the clock.
        let watchers = {
            let mut watchers = self.watchers.lock();
            watchers.retain(|watcher| watcher.strong_count() > 0);
            watchers.clone()
        };
        watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.moved());
    }
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved, and what moves it. It starts at noon of 2000-01-01, UTC.
    pub fn manual() -> (Self, ClockHands) {
        let millis = AtomicU64::new(946_728_000_000);
        let dial = Arc::new(Dial { millis, watchers: Mutex::default() });
        (Self(Source::Manual(Arc::clone(&dial))), ClockHands(dial))
    }

    /// The time since 1970 as exactly as it can be told, for measuring: unless somebody moves the clock back, it never goes
    /// back.
    pub(crate) fn precise(&self) -> Duration {
        match &self.0 {
            Source::System => system_precise(),
            Source::Manual(dial) => Duration::from_millis(dial.millis.load(Ordering::SeqCst)),
        }
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(dial) => Timestamp(dial.millis.load(Ordering::SeqCst)),
        }
    }

    /// The time that has gone by since some start: unlike the time of day, it never jumps unless it is moved by hand.
    pub(crate) fn reading(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Manual(_) => Duration::from_millis(self.now().0),
        }
    }

    /// Whether it moves only when somebody moves it.
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }

    /// Has `watcher` told whenever the clock is moved by hand.
    pub(crate) fn tell_when_moved(&self, watcher: Weak<dyn Moved>) {
        if let Source::Manual(dial) = &self.0 {
            dial.watchers.lock().push(watcher);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
fn system_now() -> Timestamp {
    // A clock set before 1970 counts as 1970: entries then look future-dated and are not trusted.
    Timestamp::from(SystemTime::now())
}

/// The system's time when it was first asked for, and what has passed since.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
fn system_precise() -> Duration {
    static START: OnceLock<(Duration, Instant)> = OnceLock::new();
    let start = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now, Instant::now())
    };
    let (since_1970, start) = START.get_or_init(start);
    *since_1970 + start.elapsed()
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Source::System => "system",
            Source::Manual(_) => "manual",
        };
        write!(f, "Clock({kind}, {:?})", self.now())
    }
}

/// Moves the clock that [`Clock::manual`] made.
///
/// ```
/// # use daglite::clock::{Clock, Timestamp};
/// let (clock, hands) = Clock::manual();
/// hands.set(Timestamp::from_millis(5));
/// assert_eq!(clock.now().millis(), 5);
/// ```
#[derive(Clone)]
pub struct ClockHands(Arc<Dial>);

impl fmt::Debug for ClockHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClockHands({})", self.0.millis.load(Ordering::SeqCst))
    }
}

impl ClockHands {
    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.0.set(Timestamp(self.0.millis.load(Ordering::SeqCst)).after(duration));
    }

    /// Sets the clock, back too.
    pub fn set(&self, time: Timestamp) {
        self.0.set(time);
    }
}
