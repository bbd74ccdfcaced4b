//! The one place where time is read, so that tests can move it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved, and what moves it. It starts at noon of 2000-01-01, UTC.
    pub fn manual() -> (Self, ClockHands) {
        let millis = Arc::new(AtomicU64::new(946_728_000_000));
        (Self(Source::Manual(Arc::clone(&millis))), ClockHands(millis))
    }

    /// The time since 1970 as exactly as it can be told, for measuring: unless somebody moves the clock back, it never goes
    /// back.
    pub(crate) fn precise(&self) -> Duration {
        match &self.0 {
            Source::System => system_precise(),
            Source::Manual(millis) => Duration::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
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
#[derive(Debug, Clone)]
pub struct ClockHands(Arc<AtomicU64>);

impl ClockHands {
    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let later = Timestamp(self.0.load(Ordering::SeqCst)).after(duration);
        self.0.store(later.0, Ordering::SeqCst);
    }

    /// Sets the clock, back too.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }
}
