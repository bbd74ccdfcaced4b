//! `Digest`: the 32 bytes that stand for content, code or a cache key.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::ops::Range;
use std::str::FromStr;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::threads;

/// 32 bytes of BLAKE3 that stand for content: a value, a file, an artifact, a function's code, a cache key.
///
/// Printed and parsed as 64 lower-case hexadecimal digits; serialized so in formats that people read, and as
/// 32 plain bytes in the others.
///
/// # Examples
///
/// ```
/// use daglite::Digest;
///
/// let digest = Digest::of_bytes(b"daglite");
/// assert_eq!(digest, digest.to_string().parse().unwrap());
/// assert_ne!(digest, Digest::of_bytes(b"Daglite"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// How digests find their places in tables, and what begins with the compiler's number of a type: they are hashes already, and
/// nobody can choose their bytes.
pub(crate) type ByDigest = BuildHasherDefault<FirstBytes>;

/// Takes the first eight bytes for the hash of all.
#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length that stands before an array, and the number of a variant behind what is taken.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Digest {
    /// The BLAKE3 digest of `bytes`.
    ///
    /// ```
    /// # use daglite::Digest;
    /// assert!(Digest::of_bytes(b"").to_string().starts_with("af1349b9"));
    /// ```
    pub fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.len() < WORTH_A_THREAD {
            return Self(*blake3::hash(bytes).as_bytes());
        }
        let update = |range: Range<usize>, (): &mut (), hasher: &mut blake3::Hasher| {
            hasher.update(&bytes[range]);
        };
        hash_in_parallel(bytes.len(), SUBTREE, threads::of_machine(), || (), update)
    }

    /// Wraps 32 bytes that already are a digest.
    ///
    /// ```
    /// # use daglite::Digest;
    /// assert_eq!(Digest::from_bytes([0; 32]).as_bytes(), &[0; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    ///
    /// ```
    /// # use daglite::Digest;
    /// assert_eq!(Digest::of_bytes(b"x").as_bytes().len(), 32);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// As many bytes for each thread, it saves more than it costs: 20 to 100 µs against 200.
pub(crate) const WORTH_A_THREAD: usize = 1 << 20;

/// Bytes of a subtree that one thread hashes in one go, at least. A power of two, as the tree of BLAKE3 asks.
const SUBTREE: usize = 256 << 10;

/// The most subtrees: what is kept of them must not count.
const MOST_SUBTREES: usize = 1 << 12;

/// The BLAKE3 hash of `len` bytes, on up to `threads` threads. `update` hands those of a range to the hasher: `least` or more, but for
/// the last range. What `room` makes is each thread's own.
pub(crate) fn hash_in_parallel<S>(
    len: usize,
    least: usize,
    threads: usize,
    room: impl Fn() -> S + Sync,
    update: impl Fn(Range<usize>, &mut S, &mut blake3::Hasher) + Sync,
) -> Digest {
    let size = subtree_of(len).max(least.next_power_of_two());
    let threads = threads.min(len / WORTH_A_THREAD);
    if threads <= 1 || len <= size {
        let mut hasher = blake3::Hasher::new();
        update(0..len, &mut room(), &mut hasher);
        return Digest(*hasher.finalize().as_bytes());
    }
    let values = threads::each(len.div_ceil(size), threads, room, |number, room| {
        let start = number * size;
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(start as u64);
        update(start..len.min(start + size), room, &mut hasher);
        hasher.finalize_non_root()
    });
    root(&values)
}

/// Bytes of the subtrees into which so many are divided.
fn subtree_of(len: usize) -> usize {
    len.div_ceil(MOST_SUBTREES).next_power_of_two().max(SUBTREE)
}

/// The digest of the whole tree, of two subtrees at least.
fn root(values: &[ChainingValue]) -> Digest {
    let (left, right) = halves(values);
    Digest(*merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).as_bytes())
}

/// The subtrees on the left, a power of two of them, and at least one on the right.
fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}

/// The value of the tree of these subtrees, which is not the whole one.
fn merged(values: &[ChainingValue]) -> ChainingValue {
    match values {
        [value] => *value,
        _ => {
            let (left, right) = halves(values);
            merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
        }
    }
}

/// The digest of bytes that are read from somewhere else, from their beginning to their end.
///
/// On several threads, each of which hashes a piece while it is still in the processor's cache.
pub(crate) struct ReadDigest {
    /// How many bytes there are in all.
    size: u64,
    /// How many of them were read.
    at: u64,
    /// The subtrees of what was read, from the left; as in BLAKE3, two are merged when the next one is there, as the last
    /// merging is another one.
    stack: Vec<ChainingValue>,
    /// What was read, if all of it is no more than one subtree.
    small: blake3::Hasher,
}

impl ReadDigest {
    /// All but the last reading are of a whole number of these.
    pub(crate) const PIECE: usize = SUBTREE;

    /// That of `size` bytes, none of which was read.
    pub(crate) fn new(size: u64) -> Self {
        Self { size, at: 0, stack: Vec::new(), small: blake3::Hasher::new() }
    }

    /// How many bytes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.size - self.at
    }

    /// Fills `bytes` with the next ones by `read`, which is told where in the whole a piece begins.
    pub(crate) fn fill(
        &mut self,
        bytes: &mut [u8],
        read: impl Fn(u64, &mut [u8]) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let (start, length) = (self.at, bytes.len() as u64);
        debug_assert!(length == self.left() || length.is_multiple_of(Self::PIECE as u64));
        if self.size <= Self::PIECE as u64 {
            read(start, bytes)?;
            self.small.update(bytes);
            self.at += length;
            return Ok(());
        }
        let pieces: Vec<_> = bytes.chunks_mut(Self::PIECE).map(Mutex::new).collect();
        let threads = threads::of_machine().min(bytes_worth(length));
        let values = threads::each(
            pieces.len(),
            threads,
            || (),
            |number, ()| {
                let (start, mut piece) =
                    (start + (number * Self::PIECE) as u64, pieces[number].lock());
                read(start, &mut piece)?;
                Ok(blake3::Hasher::new().set_input_offset(start).update(&piece).finalize_non_root())
            },
        );
        for value in values.into_iter().collect::<io::Result<Vec<_>>>()? {
            self.push(value);
            self.at += Self::PIECE as u64;
        }
        self.at = start + length;
        Ok(())
    }

    /// Adds the next subtree.
    fn push(&mut self, value: ChainingValue) {
        let there = self.at / Self::PIECE as u64;
        while self.stack.len() > there.count_ones() as usize {
            let (left, right) = self.last_two();
            self.stack.push(merge_subtrees_non_root(&left, &right, Mode::Hash));
        }
        self.stack.push(value);
    }

    /// Takes the last two subtrees.
    fn last_two(&mut self) -> (ChainingValue, ChainingValue) {
        let right = self.stack.pop().expect("there are two subtrees");
        (self.stack.pop().expect("there are two subtrees"), right)
    }

    /// The digest; all must have been read.
    pub(crate) fn finish(mut self) -> Digest {
        debug_assert_eq!(self.left(), 0);
        if self.size <= Self::PIECE as u64 {
            return Digest(*self.small.finalize().as_bytes());
        }
        while self.stack.len() > 2 {
            let (left, right) = self.last_two();
            self.stack.push(merge_subtrees_non_root(&left, &right, Mode::Hash));
        }
        let (left, right) = self.last_two();
        Digest(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
    }
}

/// For how many threads so many bytes are worth it; one at least.
fn bytes_worth(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).div_ceil(WORTH_A_THREAD).max(1)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text was not 64 hexadecimal digits.
///
/// ```
/// # use daglite::Digest;
/// let error = "not a digest".parse::<Digest>().unwrap_err();
/// assert_eq!(error.to_string(), "a digest is written as 64 hexadecimal digits");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseDigestError(());

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest is written as 64 hexadecimal digits")
    }
}

impl std::error::Error for ParseDigestError {}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| ParseDigestError(()))?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            Ok(Self(<[u8; 32]>::deserialize(deserializer)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_threads_give_the_digest_of_one() {
        let bytes: Vec<u8> =
            (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let small = [0, 1, SUBTREE - 1, SUBTREE, SUBTREE + 1, 3 * SUBTREE + 1024];
        let large = [1 << 20, (1 << 20) + 1, (1 << 21) - 1, 3 << 20, 4_718_592, 5_000_000];
        for length in small.into_iter().chain(large) {
            let bytes = &bytes[..length];
            let update = |range: Range<usize>, (): &mut (), hasher: &mut blake3::Hasher| {
                hasher.update(&bytes[range]);
            };
            for threads in [1, 2, 3, 8] {
                let digest = hash_in_parallel(length, 1, threads, || (), update);
                assert_eq!(
                    digest.as_bytes(),
                    blake3::hash(bytes).as_bytes(),
                    "{length} bytes, {threads} threads"
                );
            }
            assert_eq!(Digest::of_bytes(bytes).as_bytes(), blake3::hash(bytes).as_bytes());
        }
    }

    #[test]
    fn what_is_read_in_pieces_has_the_digest_of_the_whole() {
        let all: Vec<u8> = (0..5_000_001_u32).map(|n| (n ^ (n >> 7)) as u8).collect();
        let read = |at: u64, piece: &mut [u8]| {
            piece.copy_from_slice(&all[at as usize..at as usize + piece.len()]);
            Ok(())
        };
        let small = [0, 1, 1024, SUBTREE, SUBTREE + 1, 2 * SUBTREE, 3 * SUBTREE, 4 * SUBTREE + 1];
        for length in small.into_iter().chain([7 * SUBTREE, 3 << 20, 4_194_305, all.len()]) {
            for step in [SUBTREE, 3 * SUBTREE, 1 << 22, usize::MAX] {
                let mut bytes = vec![0; length];
                let mut digest = ReadDigest::new(length as u64);
                bytes.chunks_mut(step).for_each(|some| digest.fill(some, read).unwrap());
                assert!(bytes == all[..length], "{length}");
                let expected = Digest::from_bytes(*blake3::hash(&bytes).as_bytes());
                assert_eq!(digest.finish(), expected, "{length} bytes, {step} at once");
            }
        }
        let failing = |at: u64, _: &mut [u8]| match at {
            0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        assert!(ReadDigest::new(3 << 20).fill(&mut vec![0; 3 << 20], failing).is_err());
    }
}
