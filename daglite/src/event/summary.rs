//! `Summary`: a run in figures; and durations as people read them.

use std::fmt;
use std::time::Duration;

/// The run in figures. Displays as one line.
///
/// ```
/// use daglite::Summary;
/// use std::time::Duration;
///
/// let summary = Summary {
///     hits: 3,
///     computed: 1,
///     took: Duration::from_millis(120),
///     saved: Duration::from_secs(4),
///     ..Summary::default()
/// };
/// assert_eq!(summary.to_string(), "3 hits, 1 computed in 120 ms (4.00 s saved)");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cached tasks answered from the cache.
    pub hits: u64,
    /// Tasks whose body ran, cached or not.
    pub computed: u64,
    /// Cached tasks among the computed ones.
    pub misses: u64,
    /// Checkpoints from which the run went on.
    pub resumed: u64,
    /// Wall-clock time of the run.
    pub took: Duration,
    /// The computing time that the hits saved.
    pub saved: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hits = if self.hits == 1 { "hit" } else { "hits" };
        write!(f, "{} {hits}, ", self.hits)?;
        if self.resumed > 0 {
            write!(f, "{} resumed, ", self.resumed)?;
        }
        write!(f, "{} computed in {}", self.computed, Short(self.took))?;
        if self.hits > 0 {
            write!(f, " ({} saved)", Short(self.saved))?;
        }
        Ok(())
    }
}

/// A duration with three digits and a unit.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match seconds {
            s if s < 1e-3 => (s * 1e6, "µs"),
            s if s < 1.0 => (s * 1e3, "ms"),
            s if s < 120.0 => (s, "s"),
            s if s < 7200.0 => (s / 60.0, "min"),
            s => (s / 3600.0, "h"),
        };
        let decimals = match value {
            v if v < 10.0 => 2,
            v if v < 100.0 => 1,
            _ => 0,
        };
        write!(f, "{value:.decimals$} {unit}")
    }
}
