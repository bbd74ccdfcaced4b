//! `ByteSize`: a number of bytes, as people write and read it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A number of bytes.
///
/// Read from text such as `10GB`, `512 MiB`, `1.5 GB` or `4096`: units of a thousand (`kB`, `MB`, `GB`, `TB`, `PB`) and of 1024
/// (`KiB`, `MiB`, `GiB`, `TiB`, `PiB`), in any case; without a unit, bytes.
///
/// ```
/// use daglite::ByteSize;
///
/// let size: ByteSize = "1.5 GB".parse()?;
/// assert_eq!(size.bytes(), 1_500_000_000);
/// assert_eq!(size.to_string(), "1.5 GB");
/// assert_eq!(ByteSize::new(64 << 20).to_string(), "64 MiB");
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// The units, smallest first, with their bytes.
const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("PB", 1_000_000_000_000_000),
    ("PiB", 1 << 50),
];

/// The most digits after the point that are read: more make no difference to any size.
const DECIMALS: usize = 18;

impl ByteSize {
    /// A size of so many bytes.
    ///
    /// ```
    /// assert_eq!(daglite::ByteSize::new(4096).to_string(), "4 KiB");
    /// ```
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The bytes.
    ///
    /// ```
    /// assert_eq!("4 kB".parse::<daglite::ByteSize>()?.bytes(), 4_000);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// What a text has to be, for messages.
    pub(crate) const EXPECTED: &'static str =
        "a number with a unit, such as `10GB`, `512 MiB` or `1.5 GB`, or a number of bytes";

    /// What `text` says, if it is a size that fits.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let unit = unit.trim_start();
        let factor = match unit {
            "" => 1,
            _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
        };
        let (whole, decimals) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, decimals)) => (whole, decimals),
            None => (number, ""),
        };
        if decimals.len() > DECIMALS {
            return None;
        }
        let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(factor);
        let part = match decimals {
            "" => 0,
            _ => {
                let scale = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
                u128::from(decimals.parse::<u64>().ok()?) * u128::from(factor) / scale
            }
        };
        u64::try_from(whole + part).ok().map(Self)
    }
}

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            let message = format!("`{text}` is not a size: write {}", Self::EXPECTED);
            Error::new(ErrorKind::Config, message)
        })
    }
}

/// A whole number of a unit of 1024 is shown in it, all else in units of a thousand.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let whole = UNITS.iter().rev().find(|(name, factor)| {
            name.ends_with("iB")
                && bytes.is_multiple_of(*factor)
                && (1..1024).contains(&(bytes / factor))
        });
        if let Some((name, factor)) = whole {
            return write!(f, "{} {name}", bytes / factor);
        }
        let decimal = UNITS.iter().rev().filter(|(name, _)| !name.ends_with("iB"));
        let (name, factor) =
            decimal.clone().find(|(_, factor)| bytes >= *factor).unwrap_or(&UNITS[0]);
        let hundredths = u128::from(bytes) * 100 / u128::from(*factor);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole} {name}"),
            (_, 0) => write!(f, "{whole}.{} {name}", rest / 10),
            _ => write!(f, "{whole}.{rest:02} {name}"),
        }
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// What is taken where a size is asked for: a text such as `"10GB"`, a number of bytes, a [`ByteSize`].
///
/// ```
/// use daglite::{ByteSize, IntoByteSize};
/// let sizes = ["4 KiB".into_byte_size()?, 4096.into_byte_size()?, ByteSize::new(4096)];
/// assert!(sizes.iter().all(|size| size.bytes() == 4096));
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a size",
    note = "write a text such as `\"10GB\"`, a number of bytes as `u64`, or a `ByteSize`"
)]
pub trait IntoByteSize: sealed::Sealed {
    /// The size.
    ///
    /// # Errors
    ///
    /// When a text is no size: with what is expected.
    ///
    /// ```
    /// use daglite::IntoByteSize;
    /// assert_eq!("4kB".into_byte_size()?.bytes(), 4_000);
    /// assert!("4 bananas".into_byte_size().is_err());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn into_byte_size(self) -> Result<ByteSize, Error>;
}

/// Keeps [`IntoByteSize`] ours, so that more ways can be added.
mod sealed {
    /// Whoever is a size.
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for u64 {}
    impl Sealed for super::ByteSize {}
}

impl IntoByteSize for &str {
    fn into_byte_size(self) -> Result<ByteSize, Error> {
        self.parse()
    }
}

impl IntoByteSize for String {
    fn into_byte_size(self) -> Result<ByteSize, Error> {
        self.parse()
    }
}

impl IntoByteSize for u64 {
    fn into_byte_size(self) -> Result<ByteSize, Error> {
        Ok(ByteSize(self))
    }
}

impl IntoByteSize for ByteSize {
    fn into_byte_size(self) -> Result<ByteSize, Error> {
        Ok(self)
    }
}
