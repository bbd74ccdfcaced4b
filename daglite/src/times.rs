//! `IntoDuration`: times, as people write them.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// The units of time, with their milliseconds: those of `cache_ttl`.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// What a text has to be, for messages.
pub(crate) const EXPECTED: &str = "a time such as `10m` or `1h30m`";

/// The time that `text` stands for: whole numbers with units.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// What is taken where a time is asked for: a text such as `"1h30m"`, or a [`Duration`].
///
/// ```
/// use daglite::IntoDuration;
/// use std::time::Duration;
///
/// let times = ["1m30s".into_duration()?, Duration::from_secs(90).into_duration()?];
/// assert_eq!(times[0], times[1]);
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a time",
    note = "write a text such as `\"30s\"`, or a `std::time::Duration`"
)]
pub trait IntoDuration: sealed::Sealed {
    /// The time.
    ///
    /// # Errors
    ///
    /// When a text is no time: with what is expected.
    ///
    /// ```
    /// use daglite::IntoDuration;
    /// assert_eq!("200ms".into_duration()?.as_millis(), 200);
    /// let error = "200".into_duration().unwrap_err();
    /// assert_eq!(error.to_string(), "`200` is not a time: write a time such as `10m` or `1h30m`");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn into_duration(self) -> Result<Duration, Error>;
}

/// Keeps [`IntoDuration`] ours, so that more ways can be added.
mod sealed {
    /// Whoever is a time.
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for std::time::Duration {}
}

impl IntoDuration for &str {
    fn into_duration(self) -> Result<Duration, Error> {
        read(self.trim()).ok_or_else(|| {
            let message = format!("`{self}` is not a time: write {EXPECTED}");
            Error::new(ErrorKind::Config, message)
        })
    }
}

impl IntoDuration for String {
    fn into_duration(self) -> Result<Duration, Error> {
        self.as_str().into_duration()
    }
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Result<Duration, Error> {
        Ok(self)
    }
}
