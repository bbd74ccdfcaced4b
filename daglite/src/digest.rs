//! `Digest`: the 32 bytes that stand for content, code or a cache key.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::str::FromStr;
use std::sync::OnceLock;
use std::thread;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

impl Digest {
    /// The BLAKE3 digest of `bytes`.
    ///
    /// ```
    /// # use daglite::Digest;
    /// assert!(Digest::of_bytes(b"").to_string().starts_with("af1349b9"));
    /// ```
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let hash = match bytes.len() {
            0..WORTH_A_THREAD => blake3::hash(bytes),
            _ => hash_in_parallel(bytes),
        };
        Self(*hash.as_bytes())
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

/// From this size on, a second thread saves more than it costs: about 20 µs against 250.
const WORTH_A_THREAD: usize = 1 << 20;

/// The BLAKE3 hash of more than one chunk, on as many threads as the machine has.
fn hash_in_parallel(bytes: &[u8]) -> blake3::Hash {
    static THREADS: OnceLock<usize> = OnceLock::new();
    let threads = *THREADS
        .get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS));
    if threads == 1 {
        return blake3::hash(bytes);
    }
    let (left, right) = halves(bytes, 0, threads);
    merge_subtrees_root(&left, &right, Mode::Hash)
}

/// More threads than these wait for memory.
const MOST_THREADS: usize = 8;

/// The values of the two subtrees of `bytes`, which lie at `offset` in the whole.
fn halves(bytes: &[u8], offset: u64, threads: usize) -> (ChainingValue, ChainingValue) {
    let (left, right) = bytes.split_at(left_subtree_len(bytes.len() as u64) as usize);
    let right_offset = offset + left.len() as u64;
    thread::scope(|scope| {
        let hash_right = || subtree(right, right_offset, threads / 2);
        let spawned = thread::Builder::new().spawn_scoped(scope, hash_right);
        let left = subtree(left, offset, threads - threads / 2);
        let right = match spawned {
            Ok(thread) => thread.join().expect("hashing does not panic"),
            // A machine that gives no more threads.
            Err(_) => subtree(right, right_offset, 1),
        };
        (left, right)
    })
}

/// The value of the subtree of `bytes`.
fn subtree(bytes: &[u8], offset: u64, threads: usize) -> ChainingValue {
    if threads > 1 && bytes.len() >= WORTH_A_THREAD {
        let (left, right) = halves(bytes, offset, threads);
        return merge_subtrees_non_root(&left, &right, Mode::Hash);
    }
    blake3::Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

/// Fills `bytes` from `read`, which is told where in the whole a piece begins, and answers with their digest.
///
/// On several threads, each of which hashes a piece while it is still in the processor's cache.
pub(crate) fn read_and_digest(
    bytes: &mut [u8],
    read: &(impl Fn(u64, &mut [u8]) -> io::Result<()> + Sync),
) -> io::Result<Digest> {
    if bytes.len() <= WORTH_A_THREAD {
        read(0, bytes)?;
        return Ok(Digest::of_bytes(bytes));
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let (left, right) = read_halves(bytes, 0, threads, read)?;
    Ok(Digest(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()))
}

/// Fills `bytes`, which belong at `offset`; the values of their two subtrees.
fn read_halves(
    bytes: &mut [u8],
    offset: u64,
    threads: usize,
    read: &(impl Fn(u64, &mut [u8]) -> io::Result<()> + Sync),
) -> io::Result<(ChainingValue, ChainingValue)> {
    let (left, right) = bytes.split_at_mut(left_subtree_len(bytes.len() as u64) as usize);
    let right_offset = offset + left.len() as u64;
    if threads == 1 {
        let left = read_subtree(left, offset, 1, read)?;
        return Ok((left, read_subtree(right, right_offset, 1, read)?));
    }
    thread::scope(|scope| {
        let right = scope.spawn(|| read_subtree(right, right_offset, threads / 2, read));
        let left = read_subtree(left, offset, threads - threads / 2, read);
        let right = right.join().expect("neither reading nor hashing panics");
        Ok((left?, right?))
    })
}

/// Fills `bytes`, which belong at `offset`; the value of their subtree.
fn read_subtree(
    bytes: &mut [u8],
    offset: u64,
    threads: usize,
    read: &(impl Fn(u64, &mut [u8]) -> io::Result<()> + Sync),
) -> io::Result<ChainingValue> {
    if bytes.len() > WORTH_A_THREAD {
        let (left, right) = read_halves(bytes, offset, threads, read)?;
        return Ok(merge_subtrees_non_root(&left, &right, Mode::Hash));
    }
    read(offset, bytes)?;
    Ok(blake3::Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root())
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
        for length in [1 << 20, (1 << 20) + 1, (1 << 21) - 1, 3 << 20, 4_718_592, 5_000_000] {
            let bytes = &bytes[..length];
            for threads in [2, 3, 8] {
                let (left, right) = halves(bytes, 0, threads);
                let hash = merge_subtrees_root(&left, &right, Mode::Hash);
                assert_eq!(hash, blake3::hash(bytes), "{length} bytes, {threads} threads");
            }
            assert_eq!(Digest::of_bytes(bytes).as_bytes(), blake3::hash(bytes).as_bytes());
        }
    }

    #[test]
    fn what_is_read_in_pieces_has_the_digest_of_the_whole() {
        let all: Vec<u8> = (0..5_000_001_u32).map(|n| (n ^ (n >> 7)) as u8).collect();
        for length in [0, 1, 1024, 1 << 20, (1 << 20) + 1, 3 << 20, 4_194_305, all.len()] {
            let mut bytes = vec![0; length];
            let read = |at: u64, piece: &mut [u8]| {
                piece.copy_from_slice(&all[at as usize..at as usize + piece.len()]);
                Ok(())
            };
            let digest = read_and_digest(&mut bytes, &read).unwrap();
            assert!(bytes == all[..length], "{length}");
            assert_eq!(digest, Digest::from_bytes(*blake3::hash(&bytes).as_bytes()), "{length}");
        }
        let failing = |at: u64, _: &mut [u8]| match at {
            0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        assert!(read_and_digest(&mut vec![0; 3 << 20], &failing).is_err());
    }
}
