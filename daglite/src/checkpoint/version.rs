//! `Version`: which version of a checkpoint is meant, and the text that names one.

use std::fmt;

use chrono::{DateTime, NaiveDateTime};

use super::super::clock::Timestamp;

/// Which version of a checkpoint is meant.
///
/// As text: `latest`, a tag, which begins with a letter, or the name of a version, which begins with a digit.
///
/// ```
/// use daglite::checkpoint::Version;
///
/// assert_eq!(Version::from("latest"), Version::Latest);
/// assert_eq!(Version::from("prod"), Version::tag("prod"));
/// let exact = Version::from("20261122T193015.123456Z");
/// assert_eq!(exact.to_string(), "20261122T193015.123456Z");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Version {
    /// The newest there is.
    #[default]
    Latest,
    /// The one of this name.
    Exact(String),
    /// The newest there was at this time.
    At(Timestamp),
    /// The one that has this tag.
    Tag(String),
}

impl Version {
    /// The newest version there was at `time`: the last one that was saved then or before.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use daglite::FileCheckpoints;
    /// use daglite::checkpoint::Version;
    ///
    /// # fn main() -> Result<(), daglite::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// checkpoints.save("model", &1u8)?;
    /// let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    /// assert_eq!(checkpoints.load::<u8>("model", Version::at(now + hour))?, 1);
    /// assert!(checkpoints.load::<u8>("model", Version::at(now - hour)).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn at(time: impl Into<Timestamp>) -> Self {
        Self::At(time.into())
    }

    /// The version that has the tag `tag`.
    ///
    /// ```
    /// # use daglite::checkpoint::Version;
    /// assert_eq!(Version::tag("prod").to_string(), "prod");
    /// ```
    pub fn tag(tag: impl Into<String>) -> Self {
        Self::Tag(tag.into())
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        match text {
            "latest" => Self::Latest,
            _ if text.starts_with(char::is_alphabetic) => Self::Tag(text.to_owned()),
            _ => Self::Exact(text.to_owned()),
        }
    }
}

impl From<String> for Version {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Version {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for Version {
    fn from(version: &Self) -> Self {
        version.clone()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Exact(version) => f.write_str(version),
            Self::At(time) => write!(f, "at {}", rfc3339(*time)),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

/// How a moment is written as a version: it sorts by time, and every file system takes it.
const PATTERN: &str = "%Y%m%dT%H%M%S%.6fZ";
/// The last microsecond of the year 9999; later moments would have a fifth digit and sort wrongly.
const LAST: u64 = 253_402_300_799_999_999;

/// The name of a version, as a moment in microseconds since the start of 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// The moment that `time` shows.
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.millis().saturating_mul(1_000).min(LAST))
    }

    /// The millisecond that it lies in.
    pub(super) fn time(self) -> Timestamp {
        Timestamp::from_millis(self.0 / 1_000)
    }

    /// The moment in the name of a version; `None` if the text is no such name.
    pub(super) fn parse(version: &str) -> Option<Self> {
        // Most of what is asked about has another length, and chrono need not look at it.
        if version.len() != "20261122T193015.123456Z".len() {
            return None;
        }
        let time = NaiveDateTime::parse_from_str(version, PATTERN).ok()?;
        let moment = Self(u64::try_from(time.and_utc().timestamp_micros()).ok()?);
        // One moment has one name: what chrono reads leniently is refused here.
        (moment.0 <= LAST && moment.to_string() == version).then_some(moment)
    }

    /// The next moment; `None` at the end of time.
    pub(super) fn next(self) -> Option<Self> {
        (self.0 < LAST).then_some(Self(self.0 + 1))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0).expect("moments end with the year 9999");
        let time = DateTime::from_timestamp_micros(micros).expect("moments end with the year 9999");
        write!(f, "{}", time.format(PATTERN))
    }
}

/// `time` as RFC 3339 says it, for people.
pub(super) fn rfc3339(time: Timestamp) -> String {
    let millis = i64::try_from(time.millis()).ok();
    let time = millis.and_then(DateTime::from_timestamp_millis);
    time.map_or_else(
        || "after all time".to_owned(),
        |time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_moment_and_back() {
        let moment = Moment::of(Timestamp::from_millis(1_795_375_815_123)).next().unwrap();
        assert_eq!(moment.to_string(), "20261122T193015.123001Z");
        assert_eq!(Moment::parse("20261122T193015.123001Z"), Some(moment));
    }

    #[test]
    fn versions_sort_as_text_to_the_end_of_time() {
        let times = [0, 1, 946_684_799_999, 946_684_800_000, 253_402_300_799_999, u64::MAX];
        let names = times.map(|time| Moment::of(Timestamp::from_millis(time)).to_string());
        assert!(names.is_sorted(), "{names:?}");
        assert!(
            names.iter().all(|name| name.len() == 23 && Moment::parse(name).is_some()),
            "{names:?}"
        );
        assert_eq!(Moment(LAST).next(), None);
    }

    #[test]
    fn only_the_one_spelling_is_a_version() {
        for text in [
            "latest",
            "",
            "20261122",
            "20261122T193015Z",
            "20261122T193015.1234567Z",
            "20261122T193015.123Z",
            "2026-11-22T19:30:15.123456Z",
            "20261122T193015.123456",
            "20261131T193015.123456Z",
            "20261122T193015.12345Z ",
            "+20261122T193015.123456Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
