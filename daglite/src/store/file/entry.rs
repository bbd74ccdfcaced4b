//! The bytes of one entry: how they are laid out, and how damage shows.
//!
//! `docs/format.md` has the table. Fixed width, little endian:
//!
//! ```text
//! 0    8   magic
//! 8    4   version of this layout
//! 12   4   length of the header, h
//! 16   8   length of the value, v
//! 24  32   key
//! 56   h   header: the metadata, see `header`
//! +0  32   checksum of everything above: XXH3-128, little endian, and 16 zeros; BLAKE3 before version 3
//! +32  v   value
//! ```

use std::fmt;

use twox_hash::XxHash3_128;

use super::super::contract::{Artifact, ArtifactMeta};
use super::super::error::StoreError;
use super::header::{self, Depth};
use crate::digest::Digest;

/// The first bytes of every entry. The first is no ASCII and no UTF-8, so that no text is mistaken for an entry.
const MAGIC: [u8; 8] = *b"\x89daglite";
/// The version of the layout that is written.
const VERSION: u32 = 3;
/// The last version whose checksum is BLAKE3.
const LAST_OF_BLAKE3: u32 = 2;
/// The oldest version that is read.
const OLDEST: u32 = 1;
/// How many bytes come before the header.
pub(super) const PRELUDE: usize = 56;
/// How many bytes of checksum come after the header.
const CHECKSUM: usize = 32;
/// The longest header there may be; a length above is damage.
const MAX_HEADER: u32 = 64 << 20;

/// Why an entry cannot be trusted, for people.
#[derive(Debug, PartialEq)]
pub(super) struct Flaw(pub(super) String);

impl Flaw {
    /// A flaw with a fixed text.
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses an artifact whose metadata gives another size.
pub(super) fn check_size(artifact: &Artifact) -> Result<(), StoreError> {
    let Artifact { meta, bytes } = artifact;
    if meta.size == bytes.len() as u64 {
        return Ok(());
    }
    Err(StoreError::new(format!(
        "the artifact of `{}` has {} bytes, but its metadata says {}: set `size` from its bytes",
        meta.task,
        bytes.len(),
        meta.size
    )))
}

/// Everything that comes before the value, in bytes.
pub(super) fn encode_head(key: &Digest, meta: &ArtifactMeta) -> Result<Vec<u8>, StoreError> {
    encode_with(key, meta, &[])
}

/// Everything that comes before `value`, and it.
pub(super) fn encode_with(
    key: &Digest,
    meta: &ArtifactMeta,
    value: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let header = header::encode(meta);
    let header_length = u32::try_from(header.len()).ok().filter(|&length| length <= MAX_HEADER).ok_or_else(|| {
        StoreError::new(format!(
            "the metadata of a result of `{}` has {} bytes, more than a cache entry can hold: exclude parameters",
            meta.task,
            header.len()
        ))
    })?;
    let mut bytes = Vec::with_capacity(PRELUDE + header.len() + CHECKSUM + value.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&header_length.to_le_bytes());
    bytes.extend_from_slice(&meta.size.to_le_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(&header);
    let checksum = checksum_of(&bytes, VERSION);
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(value);
    Ok(bytes)
}

/// The lengths in an entry, which add up to the real length of its file.
#[derive(Debug)]
pub(super) struct Lengths {
    /// Bytes before the value: prelude, header, checksum.
    pub(super) head: usize,
    /// Bytes of the value.
    pub(super) value: u64,
}

/// Reads the lengths at the start of the entry of `key`, whose file has `file_length` bytes and starts with `start`.
///
/// `start` has the whole prelude, or the whole file if that is shorter.
pub(super) fn parse_prelude(start: &[u8], file_length: u64, key: &Digest) -> Result<Lengths, Flaw> {
    let (lengths, found) = parse_lengths(start, file_length)?;
    let expected = (lengths.head as u64).saturating_add(lengths.value);
    if file_length < expected {
        return Err(Flaw::new(format!("truncated: {file_length} of {expected} bytes")));
    }
    if file_length > expected {
        return Err(Flaw::new(format!("{} bytes too long", file_length - expected)));
    }
    if found != *key {
        return Err(Flaw::new("the entry of another key"));
    }
    Ok(lengths)
}

/// Reads an entry whose value, if it is not empty, may lie elsewhere: whose it is, its metadata, and the value if it is
/// in `bytes`. Everything is verified but the value.
pub(super) fn parse_row(bytes: &[u8]) -> Result<(Digest, ArtifactMeta, Option<&[u8]>), Flaw> {
    parse_row_to(bytes, Depth::Whole)
}

/// As [`parse_row`], with as much of the metadata as is wanted.
pub(super) fn parse_row_to(
    bytes: &[u8],
    depth: Depth,
) -> Result<(Digest, ArtifactMeta, Option<&[u8]>), Flaw> {
    let (lengths, key) = parse_lengths(bytes, bytes.len() as u64)?;
    if bytes.len() < lengths.head {
        return Err(Flaw::new(format!("truncated: {} of {} bytes", bytes.len(), lengths.head)));
    }
    let (head, value) = bytes.split_at(lengths.head);
    let meta = parse_head_to(head, lengths.value, depth)?;
    match (value.len() as u64, lengths.value) {
        (found, expected) if found == expected => Ok((key, meta, Some(value))),
        (0, _) => Ok((key, meta, None)),
        (found, expected) => Err(Flaw::new(format!("{found} of {expected} bytes of the value"))),
    }
}

/// Reads the lengths at the start of an entry, and the key it says it is of.
fn parse_lengths(start: &[u8], file_length: u64) -> Result<(Lengths, Digest), Flaw> {
    if file_length == 0 {
        return Err(Flaw::new("empty"));
    }
    let known = start.len().min(MAGIC.len());
    if start[..known] != MAGIC[..known] {
        return Err(Flaw::new("not a cache entry: it starts with other bytes"));
    }
    let Some(prelude) = start.first_chunk::<PRELUDE>() else {
        let least = PRELUDE + CHECKSUM;
        return Err(Flaw::new(format!("truncated: {file_length} of at least {least} bytes")));
    };
    let version = u32::from_le_bytes(field(prelude, 8));
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(Flaw::new(format!(
            "in layout version {version}, but this daglite reads versions {OLDEST} to {VERSION}"
        )));
    }
    let header = u32::from_le_bytes(field(prelude, 12));
    if header > MAX_HEADER {
        return Err(Flaw::new(format!("a header of {header} bytes, more than there can be")));
    }
    let value = u64::from_le_bytes(field(prelude, 16));
    let head = PRELUDE + header as usize + CHECKSUM;
    Ok((Lengths { head, value }, Digest::from_bytes(field(prelude, 24))))
}

/// The key that an entry says it is of, unverified.
pub(super) fn key_in(bytes: &[u8]) -> Option<Digest> {
    Some(Digest::from_bytes(field(bytes.first_chunk()?, 24)))
}

/// The metadata in `head`: the bytes of the entry before the value, all of them, as long as [`Lengths::head`].
pub(super) fn parse_head(head: &[u8], value_length: u64) -> Result<ArtifactMeta, Flaw> {
    parse_head_to(head, value_length, Depth::Whole)
}

/// As [`parse_head`], as much of it as is wanted; all of it is verified.
fn parse_head_to(head: &[u8], value_length: u64, depth: Depth) -> Result<ArtifactMeta, Flaw> {
    let (checked, checksum) = head.split_at(head.len() - CHECKSUM);
    let version = u32::from_le_bytes(*checked[8..].first_chunk().expect("it has a prelude"));
    if checksum_of(checked, version) != checksum {
        return Err(Flaw::new("the header does not match its checksum"));
    }
    header::parse(&checked[PRELUDE..], value_length, version == OLDEST, depth)
}

/// What stands behind the header of an entry of this version. It is there against damage: who changes an entry on purpose can
/// change it as well, and signatures are elsewhere. So it need not be BLAKE3, which took longer than all else at a look.
fn checksum_of(checked: &[u8], version: u32) -> [u8; CHECKSUM] {
    if version <= LAST_OF_BLAKE3 {
        return *Digest::of_bytes(checked).as_bytes();
    }
    let mut checksum = [0; CHECKSUM];
    checksum[..16].copy_from_slice(&XxHash3_128::oneshot(checked).to_le_bytes());
    checksum
}

/// Whether `value` is what `meta` says.
pub(super) fn verify_value(value: &[u8], meta: &ArtifactMeta) -> Result<(), Flaw> {
    if Digest::of_bytes(value) == meta.digest {
        Ok(())
    } else {
        Err(Flaw::new("the value does not match its digest"))
    }
}

/// `N` bytes of the prelude from `start` on.
fn field<const N: usize>(prelude: &[u8; PRELUDE], start: usize) -> [u8; N] {
    *prelude[start..].first_chunk().expect("fields lie inside the prelude")
}
