//! `Strategy`: how closely bulk data is read.

use std::str::FromStr;

use crate::digest::WORTH_A_THREAD;

/// How closely bulk data is read: numbers in a slice, text, bytes. Everything else is always hashed whole.
///
/// What a sample can miss: it reads 66 KiB, so a single changed element of a buffer of `n` bytes goes unnoticed
/// with a chance of about `1 − 67,584/n`: one half at 132 KiB, 93.5 % at 1 MiB, 99.99 % at 800 MB. It does notice another
/// length, another element type, and changes that are spread over the whole. Sample only what never changes in single
/// places.
///
/// ```
/// use daglite::{ContentHash, ContentHasher, Strategy};
///
/// let digest = |strategy, values: &[f64]| {
///     let mut hasher = ContentHasher::new(strategy);
///     values.content_hash(&mut hasher);
///     hasher.finish().unwrap()
/// };
/// let mut values = vec![0.0; 1_000_000];
/// let (exact, sampled) = (digest(Strategy::Exact, &values), digest(Strategy::Sampled, &values));
/// assert_eq!(digest(Strategy::Auto, &values), exact);
/// assert_ne!(exact, sampled);
///
/// values[999_999] = 1.0; // the ends are always read
/// assert_ne!(digest(Strategy::Sampled, &values), sampled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Every byte, up to 1 GiB in one slice, string or byte buffer; a sample of what is larger.
    #[default]
    Auto,
    /// Every byte, with BLAKE3.
    Exact,
    /// Every byte, as fast as memory allows, with no promise against forgery. Today it is the same function as
    /// `Exact`; the digests differ already, so that it may become faster.
    Fast,
    /// Both ends and 64 blocks of 1 KiB spread evenly over the whole; up to 128 KiB every byte.
    Sampled,
}

impl Strategy {
    /// All strategies, and how they are written.
    const ALL: [(Self, &'static str); 4] = [
        (Self::Auto, "auto"),
        (Self::Exact, "exact"),
        (Self::Fast, "fast"),
        (Self::Sampled, "sampled"),
    ];
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(strategy, _)| *strategy).ok_or_else(|| {
            format!("`{text}` is no hash strategy: write `auto`, `exact`, `fast` or `sampled`")
        })
    }
}

/// What is done with one piece of bulk data; its number goes into the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Every byte, in the stream.
    Whole = 1,
    /// The same, of a few bytes that were to be hashed fast.
    FastWhole = 2,
    /// The blocks of a sample.
    Sampled = 3,
    /// The BLAKE3 hash of every byte, which several threads can make.
    Apart = 4,
    /// The XXH3 hashes of chunks.
    Fast = 5,
}

/// `Auto` hashes what is larger than this by `Fast`: from here on BLAKE3 keeps a task waiting for milliseconds.
const AUTO_EXACT_LIMIT: usize = 8 << 20;

/// `Auto` samples what is larger than this.
const AUTO_FAST_LIMIT: usize = 1 << 30;

/// What is not larger than this is hashed whole: reading it costs no more than gathering a sample.
pub(super) const SAMPLE_WHOLE_LIMIT: usize = 128 << 10;

/// Not larger than this, BLAKE3 is as fast as anything.
const FAST_WHOLE_LIMIT: usize = 1 << 10;

impl Strategy {
    /// What to do with `len` bytes.
    #[inline]
    pub(super) fn method_for(self, len: usize) -> Method {
        match self {
            Self::Sampled if len > SAMPLE_WHOLE_LIMIT => Method::Sampled,
            Self::Auto if len > AUTO_FAST_LIMIT => Method::Sampled,
            Self::Auto if len > AUTO_EXACT_LIMIT => Method::Fast,
            Self::Fast if len > FAST_WHOLE_LIMIT => Method::Fast,
            Self::Fast => Method::FastWhole,
            Self::Auto | Self::Exact if len >= WORTH_A_THREAD => Method::Apart,
            Self::Auto | Self::Exact | Self::Sampled => Method::Whole,
        }
    }
}
