//! `Strategy`: how closely bulk data is read.

use std::str::FromStr;

use crate::digest::WORTH_A_THREAD;

/// How closely bulk data is read: numbers in a slice, text, bytes. Everything else is always hashed whole, by BLAKE3.
///
/// | strategy | reads | two different values share a digest |
/// |---|---|---|
/// | [`Exact`](Self::Exact) | every byte | never, not even if somebody tries to make them: BLAKE3 is collision resistant |
/// | [`Fast`](Self::Fast) | every byte, at the speed of memory | never by chance (once in 2^128); but XXH3 is no secret, and who wants to can make two that do: for data that you trust |
/// | [`Sampled`](Self::Sampled) | 66 KiB, in constant time | whenever they differ only in what is not read: see below |
/// | [`Auto`](Self::Auto), the default | every byte up to 1 GiB: as `Exact` up to 8 MiB, as `Fast` above; then as `Sampled`, with an [event](crate::Event::Sampled) | as these |
///
/// Each counts for one slice or text by itself: a struct of a hundred slices of 1 MiB is hashed exactly by `Auto`. The strategy
/// is part of the digest where it makes a difference: data of which only a sample was read is never taken for data that
/// was read whole. The number of threads is not; large data takes as many as the session runs tasks at once.
///
/// A parameter chooses by `cache_hash_params(x = exact)`, else the registry does
/// ([`Registry::set_hash_strategy`](crate::Registry::set_hash_strategy)), else the session
/// ([`hash_strategy`](crate::SessionBuilder::hash_strategy), `DAGLITE_HASH_STRATEGY`, `hash_strategy` in `daglite.toml`).
///
/// What a sample can miss: it reads 67,584 bytes, so a single changed byte of a buffer of `n` bytes goes unnoticed
/// with a chance of `1 − 67,584/n`, and so does a single number but for the edges of blocks: 50 % at 132 KiB, 74.2 % at 256 KiB, 93.6 % at 1 MiB, 99.2 % at 8 MiB,
/// 99.99 % at 800 MB. It does notice another length, another element type, a change at either end, and changes that are spread
/// over the whole, in regular strides too: one that touches one byte in a thousand goes unnoticed once in 10^28. Sample only what never
/// changes in single places.
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
    /// Every byte up to 1 GiB: exactly up to 8 MiB, fast above. A sample of what is larger.
    #[default]
    Auto,
    /// Every byte, with BLAKE3: collision resistant.
    Exact,
    /// Every byte, with XXH3-128: as fast as memory is read, and no protection against forgery.
    ///
    /// That speed needs a compiler that optimises. In a dev build it is lost, by a factor of hundred or so, unless the profile says
    /// `[profile.dev.package.twox-hash] opt-level = 3`; BLAKE3, which is partly written in assembler, is as fast as ever.
    Fast,
    /// Both ends and 64 blocks of 1 KiB spread over the whole, at places that depend on the length; up to 128 KiB every byte.
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
