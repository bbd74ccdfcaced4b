//! `Strategy`: how closely bulk data is read.

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

/// What is done with one piece of bulk data; its number goes into the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Every byte.
    Exact = 1,
    /// Every byte, by the function for speed.
    Fast = 2,
    /// The blocks of a sample.
    Sampled = 3,
}

/// `Auto` samples what is larger than this.
const AUTO_EXACT_LIMIT: usize = 1 << 30;

/// What is not larger than this is hashed whole: reading it costs no more than gathering a sample.
pub(super) const SAMPLE_WHOLE_LIMIT: usize = 128 << 10;

impl Strategy {
    /// What to do with `len` bytes.
    pub(super) fn method_for(self, len: usize) -> Method {
        match self {
            Self::Auto if len > AUTO_EXACT_LIMIT => Method::Sampled,
            Self::Sampled if len > SAMPLE_WHOLE_LIMIT => Method::Sampled,
            Self::Auto | Self::Exact | Self::Sampled => Method::Exact,
            Self::Fast => Method::Fast,
        }
    }
}
