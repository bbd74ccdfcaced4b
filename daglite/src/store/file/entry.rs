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
//! 56   h   header: the metadata, postcard of `HeaderV1`
//! +0  32   BLAKE3 of everything above
//! +32  v   value
//! ```

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::super::contract::{Artifact, ArtifactMeta, KeyPart};
use super::super::error::StoreError;
use crate::clock::Timestamp;
use crate::digest::Digest;

/// The first bytes of every entry. The first is no ASCII and no UTF-8, so that no text is mistaken for an entry.
const MAGIC: [u8; 8] = *b"\x89daglite";
/// The version of the layout that this file describes.
const VERSION: u32 = 1;
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

/// The metadata as the first version of the layout writes it. Never change it: add a `HeaderV2`.
#[derive(Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
struct HeaderV1 {
    digest: Digest,
    format: String,
    extension: String,
    shape: Digest,
    created: u64,
    expires: Option<u64>,
    task: String,
    fingerprint: Digest,
    took_secs: u64,
    took_nanos: u32,
    parts: Vec<(String, Digest)>,
}

impl HeaderV1 {
    /// The header of `meta`; the size is in the prelude.
    fn of(meta: &ArtifactMeta) -> Self {
        let ArtifactMeta {
            digest,
            format,
            extension,
            shape,
            size: _,
            created,
            expires,
            task,
            fingerprint,
            took,
            parts,
        } = meta.clone();
        Self {
            digest,
            format,
            extension,
            shape,
            created: created.millis(),
            expires: expires.map(Timestamp::millis),
            task,
            fingerprint,
            took_secs: took.as_secs(),
            took_nanos: took.subsec_nanos(),
            parts: parts.into_iter().map(|part| (part.name, part.digest)).collect(),
        }
    }
}

/// Reads what postcard has written of a [`HeaderV1`], field by field: serde would take a digest byte by byte, and every
/// look-up reads a header.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// So many bytes.
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A number of seven bits a byte, the lowest first; none that has more than 64 bits.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.bytes(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// How many of something follow.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        let bytes = self.bytes(32)?;
        Some(Digest::from_bytes(bytes.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).ok().map(str::to_owned)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.number().map(Timestamp::from_millis)
    }

    fn optional_time(&mut self) -> Option<Option<Timestamp>> {
        match self.bytes(1)? {
            [0] => Some(None),
            [1] => self.time().map(Some),
            _ => None,
        }
    }

    fn parts(&mut self) -> Option<Vec<KeyPart>> {
        let count = self.length()?;
        // Each part takes more than 32 bytes: no more memory than the header could fill.
        let mut parts = Vec::with_capacity(count.min(self.0.len() / 32));
        for _ in 0..count {
            let (name, digest) = (self.text()?, self.digest()?);
            parts.push(KeyPart { name, digest });
        }
        Some(parts)
    }

    /// The metadata of a value of `size` bytes, with the parts of a second of how long it took, as they were written.
    fn meta(&mut self, size: u64) -> Option<(ArtifactMeta, u32)> {
        let (digest, format, extension) = (self.digest()?, self.text()?, self.text()?);
        let (shape, created, expires) = (self.digest()?, self.time()?, self.optional_time()?);
        let (task, fingerprint) = (self.text()?, self.digest()?);
        let took = Duration::from_secs(self.number()?);
        let nanos = u32::try_from(self.number()?).ok()?;
        let parts = self.parts()?;
        let meta = ArtifactMeta {
            digest,
            format,
            extension,
            shape,
            size,
            created,
            expires,
            task,
            fingerprint,
            took,
            parts,
        };
        Some((meta, nanos))
    }
}

/// The metadata in a header, with the size that the prelude had.
fn parse_header(header: &[u8], size: u64) -> Result<ArtifactMeta, Flaw> {
    let mut fields = Fields(header);
    let read = fields.meta(size);
    let (mut meta, nanos) = read.ok_or_else(|| Flaw::new("the header cannot be decoded"))?;
    if !fields.0.is_empty() {
        return Err(Flaw::new("the header has bytes left over"));
    }
    if nanos >= 1_000_000_000 {
        return Err(Flaw::new("the header has a duration that does not exist"));
    }
    meta.took += Duration::from_nanos(u64::from(nanos));
    Ok(meta)
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
    let header = postcard::to_stdvec(&HeaderV1::of(meta)).map_err(|cause| {
        StoreError::new("cannot encode the header of a cache entry").with_source(cause)
    })?;
    let header_length = u32::try_from(header.len()).ok().filter(|&length| length <= MAX_HEADER).ok_or_else(|| {
        StoreError::new(format!(
            "the metadata of a result of `{}` has {} bytes, more than a cache entry can hold: exclude parameters",
            meta.task,
            header.len()
        ))
    })?;
    let mut bytes = Vec::with_capacity(PRELUDE + header.len() + CHECKSUM);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&header_length.to_le_bytes());
    bytes.extend_from_slice(&meta.size.to_le_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(&header);
    let checksum = Digest::of_bytes(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
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
    let (lengths, key) = parse_lengths(bytes, bytes.len() as u64)?;
    if bytes.len() < lengths.head {
        return Err(Flaw::new(format!("truncated: {} of {} bytes", bytes.len(), lengths.head)));
    }
    let (head, value) = bytes.split_at(lengths.head);
    let meta = parse_head(head, lengths.value)?;
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
    if version != VERSION {
        return Err(Flaw::new(format!(
            "in layout version {version}, but this daglite reads version {VERSION}"
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

/// The metadata in `head`: the bytes of the entry before the value, all of them, as long as [`Lengths::head`].
pub(super) fn parse_head(head: &[u8], value_length: u64) -> Result<ArtifactMeta, Flaw> {
    let (checked, checksum) = head.split_at(head.len() - CHECKSUM);
    if Digest::of_bytes(checked).as_bytes() != checksum {
        return Err(Flaw::new("the header does not match its checksum"));
    }
    parse_header(&checked[PRELUDE..], value_length)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(expires: Option<u64>, parts: usize) -> ArtifactMeta {
        let digest = |n: u8| Digest::from_bytes([n; 32]);
        let part = |n| KeyPart { name: format!("part \u{e9} {n}"), digest: digest(n as u8) };
        ArtifactMeta {
            digest: digest(1),
            format: "raw".to_owned(),
            extension: String::new(),
            shape: digest(2),
            size: 7,
            created: Timestamp::from_millis(u64::MAX),
            expires: expires.map(Timestamp::from_millis),
            task: "t".repeat(300),
            fingerprint: digest(3),
            took: Duration::new(u64::MAX, 999_999_999),
            parts: (0..parts).map(part).collect(),
        }
    }

    #[test]
    fn a_header_is_read_as_postcard_reads_it() {
        for (expires, parts) in [(None, 0), (Some(0), 1), (Some(u64::MAX), 200)] {
            let meta = meta(expires, parts);
            let bytes = postcard::to_stdvec(&HeaderV1::of(&meta)).unwrap();
            assert_eq!(parse_header(&bytes, 7), Ok(meta.clone()));
            for cut in 0..bytes.len() {
                assert!(parse_header(&bytes[..cut], 7).is_err(), "cut to {cut} bytes");
            }
            // With any byte changed, both read the same or both refuse.
            for at in (0..bytes.len()).filter(|at| *at < 800 || at % 97 == 0) {
                for flip in [1, 0x40, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= flip;
                    let read = postcard::take_from_bytes::<HeaderV1>(&bytes);
                    let whole = read.ok().filter(|(header, rest)| {
                        rest.is_empty() && header.took_nanos < 1_000_000_000
                    });
                    let again = whole.map(|(header, _)| postcard::to_stdvec(&header).unwrap());
                    let ours = parse_header(&bytes, 7).ok();
                    let ours = ours.map(|meta| postcard::to_stdvec(&HeaderV1::of(&meta)).unwrap());
                    assert_eq!(ours, again, "byte {at} changed by {flip:#x}");
                }
            }
        }
    }
}
