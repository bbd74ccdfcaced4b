//! The header of an entry: its metadata in bytes, as postcard writes them.
//!
//! `docs/format.md` has the table. Two versions are read, and the second one is written.

use std::time::Duration;

use super::super::contract::ArtifactMeta;
use super::super::preimage::{KeyPart, PartKind};
use super::entry::Flaw;
use crate::clock::Timestamp;
use crate::digest::Digest;

/// The numbers that kinds of parts have in a header.
const KINDS: [PartKind; 6] = [
    PartKind::Content,
    PartKind::Artifact,
    PartKind::Custom,
    PartKind::Variable,
    PartKind::Excluded,
    PartKind::ExcludedArtifact,
];

/// The header of `meta`. The size is in the prelude.
pub(super) fn encode(meta: &ArtifactMeta) -> Vec<u8> {
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
        record,
        parts,
    } = meta;
    let mut header = Writer(Vec::with_capacity(256));
    header.digest(digest);
    header.text(format);
    header.text(extension);
    header.digest(shape);
    header.number(created.millis());
    header.optional(expires.as_ref(), |header, expires| header.number(expires.millis()));
    header.text(task);
    header.digest(fingerprint);
    header.number(took.as_secs());
    header.number(u64::from(took.subsec_nanos()));
    header.optional(record.as_ref(), Writer::digest);
    header.number(parts.len() as u64);
    for KeyPart { name, digest, kind, shown } in parts {
        header.text(name);
        header.digest(digest);
        let number = KINDS.iter().position(|known| known == kind).unwrap_or_default();
        header.0.push(number as u8);
        header.text(shown);
    }
    header.0
}

/// Writes a header field by field, as postcard does: serde would give a digest byte by byte, and every put writes one.
struct Writer(Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(digest.as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// How much of a header is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All of it.
    Whole,
    /// What a value is used by, and not what serves people alone: the extension, the task, the parts of the key.
    ForUse,
}

/// The metadata in a header, of the first version if it `is_old`, with the size that the prelude had.
pub(super) fn parse(
    header: &[u8],
    size: u64,
    is_old: bool,
    depth: Depth,
) -> Result<ArtifactMeta, Flaw> {
    let mut fields = Fields(header);
    let read = fields.meta(size, is_old, depth);
    let (mut meta, nanos) = read.ok_or_else(|| Flaw("the header cannot be decoded".to_owned()))?;
    if depth == Depth::Whole && !fields.0.is_empty() {
        return Err(Flaw("the header has bytes left over".to_owned()));
    }
    if nanos >= 1_000_000_000 {
        return Err(Flaw("the header has a duration that does not exist".to_owned()));
    }
    meta.took += Duration::from_nanos(u64::from(nanos));
    Ok(meta)
}

/// Reads what postcard has written of a header, field by field: serde would take a digest byte by byte, and every look-up
/// reads a header.
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

    /// A text that may not be wanted: then an empty one, for which no memory is asked.
    fn text_if(&mut self, wanted: bool) -> Option<String> {
        if wanted {
            return self.text();
        }
        let length = self.length()?;
        self.bytes(length)?;
        Some(String::new())
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

    fn optional_digest(&mut self) -> Option<Option<Digest>> {
        match self.bytes(1)? {
            [0] => Some(None),
            [1] => self.digest().map(Some),
            _ => None,
        }
    }

    fn parts(&mut self, is_old: bool) -> Option<Vec<KeyPart>> {
        let count = self.length()?;
        // Each part takes more than 32 bytes: no more memory than the header could fill.
        let mut parts = Vec::with_capacity(count.min(self.0.len() / 32));
        for _ in 0..count {
            let mut part = KeyPart::new(self.text()?, self.digest()?);
            if !is_old {
                part.kind = *KINDS.get(usize::from(self.bytes(1)?[0]))?;
                part.shown = self.text()?;
            }
            parts.push(part);
        }
        Some(parts)
    }

    /// The metadata of a value of `size` bytes, with the parts of a second of how long it took, as they were written.
    fn meta(&mut self, size: u64, is_old: bool, depth: Depth) -> Option<(ArtifactMeta, u32)> {
        let all = depth == Depth::Whole;
        let (digest, format, extension) = (self.digest()?, self.text()?, self.text_if(all)?);
        let (shape, created, expires) = (self.digest()?, self.time()?, self.optional_time()?);
        let (task, fingerprint) = (self.text_if(all)?, self.digest()?);
        let took = Duration::from_secs(self.number()?);
        let nanos = u32::try_from(self.number()?).ok()?;
        let record = if is_old { None } else { self.optional_digest()? };
        let parts = if all { self.parts(is_old)? } else { Vec::new() };
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
            record,
            parts,
        };
        Some((meta, nanos))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    /// The metadata as the second version of the layout writes it. Never change it: add a `HeaderV3`.
    #[derive(Serialize, Deserialize)]
    struct HeaderV2<'a> {
        digest: Digest,
        format: &'a str,
        extension: &'a str,
        shape: Digest,
        created: u64,
        expires: Option<u64>,
        task: &'a str,
        fingerprint: Digest,
        took_secs: u64,
        took_nanos: u32,
        record: Option<Digest>,
        #[serde(borrow)]
        parts: Vec<(&'a str, Digest, u8, &'a str)>,
    }

    impl<'a> HeaderV2<'a> {
        /// The header of `meta`; the size is in the prelude.
        fn of(meta: &'a ArtifactMeta) -> Self {
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
                record,
                parts,
            } = meta;
            let number =
                |kind| KINDS.iter().position(|known| *known == kind).unwrap_or_default() as u8;
            let part = |part: &'a KeyPart| {
                (part.name.as_str(), part.digest, number(part.kind), part.shown.as_str())
            };
            Self {
                digest: *digest,
                format,
                extension,
                shape: *shape,
                created: created.millis(),
                expires: expires.map(Timestamp::millis),
                task,
                fingerprint: *fingerprint,
                took_secs: took.as_secs(),
                took_nanos: took.subsec_nanos(),
                record: *record,
                parts: parts.iter().map(part).collect(),
            }
        }
    }

    /// The metadata as the first version of the layout wrote it.
    #[derive(Serialize, Deserialize)]
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
        fn of(meta: &ArtifactMeta) -> Self {
            let meta = meta.clone();
            Self {
                digest: meta.digest,
                format: meta.format,
                extension: meta.extension,
                shape: meta.shape,
                created: meta.created.millis(),
                expires: meta.expires.map(Timestamp::millis),
                task: meta.task,
                fingerprint: meta.fingerprint,
                took_secs: meta.took.as_secs(),
                took_nanos: meta.took.subsec_nanos(),
                parts: meta.parts.into_iter().map(|part| (part.name, part.digest)).collect(),
            }
        }
    }

    fn meta(expires: Option<u64>, parts: usize) -> ArtifactMeta {
        let digest = |n: u8| Digest::from_bytes([n; 32]);
        let part = |n| KeyPart {
            kind: KINDS[n % KINDS.len()],
            shown: "é".repeat(n % 41),
            ..KeyPart::new(format!("part \u{e9} {n}"), digest(n as u8))
        };
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
            record: expires.map(|_| digest(4)),
            parts: (0..parts).map(part).collect(),
        }
    }

    /// What the first version could not say.
    fn without_news(mut meta: ArtifactMeta) -> ArtifactMeta {
        meta.record = None;
        for part in &mut meta.parts {
            *part = KeyPart::new(part.name.clone(), part.digest);
        }
        meta
    }

    /// Every cut is refused; with any byte changed, we read what postcard reads, as `theirs` and `ours` write it, or both
    /// refuse.
    fn reads_as_postcard_does(
        bytes: &[u8],
        is_old: bool,
        theirs: impl Fn(&[u8]) -> Option<Vec<u8>>,
        ours: impl Fn(&ArtifactMeta) -> Vec<u8>,
    ) {
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut], 7, is_old, Depth::Whole).is_err(), "cut to {cut} bytes");
        }
        for at in (0..bytes.len()).filter(|at| *at < 800 || at % 97 == 0) {
            for flip in [1, 0x40, 0x80, 0xff] {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= flip;
                let read = parse(&bytes, 7, is_old, Depth::Whole).ok();
                let read = read.map(|meta| ours(&meta));
                assert_eq!(read, theirs(&bytes), "byte {at} changed by {flip:#x}");
            }
        }
    }

    #[test]
    fn a_header_is_read_as_postcard_reads_it() {
        for (expires, parts) in [(None, 0), (Some(0), 1), (Some(u64::MAX), 200)] {
            let meta = meta(expires, parts);
            let bytes = encode(&meta);
            assert_eq!(bytes, postcard::to_stdvec(&HeaderV2::of(&meta)).unwrap());
            assert_eq!(parse(&bytes, 7, false, Depth::Whole), Ok(meta.clone()));
            let theirs = |bytes: &[u8]| {
                let (header, rest) = postcard::take_from_bytes::<HeaderV2<'_>>(bytes).ok()?;
                let kinds_exist =
                    header.parts.iter().all(|(_, _, kind, _)| usize::from(*kind) < KINDS.len());
                let is_whole = rest.is_empty() && header.took_nanos < 1_000_000_000 && kinds_exist;
                is_whole.then(|| postcard::to_stdvec(&header).unwrap())
            };
            reads_as_postcard_does(&bytes, false, theirs, encode);
        }
    }

    #[test]
    fn what_is_read_for_use_is_what_the_whole_has() {
        for (expires, parts) in [(None, 0), (Some(0), 1), (Some(u64::MAX), 200)] {
            let whole = meta(expires, parts);
            let read = parse(&encode(&whole), 7, false, Depth::ForUse).unwrap();
            let (extension, task) = (String::new(), String::new());
            assert_eq!(read, ArtifactMeta { extension, task, parts: Vec::new(), ..whole });
        }
    }

    #[test]
    fn a_header_of_version_1_is_read_as_postcard_reads_it() {
        for (expires, parts) in [(None, 0), (Some(0), 1), (Some(u64::MAX), 200)] {
            let meta = without_news(meta(expires, parts));
            let write = |meta: &ArtifactMeta| postcard::to_stdvec(&HeaderV1::of(meta)).unwrap();
            let bytes = write(&meta);
            assert_eq!(parse(&bytes, 7, true, Depth::Whole), Ok(meta.clone()));
            let theirs = |bytes: &[u8]| {
                let (header, rest) = postcard::take_from_bytes::<HeaderV1>(bytes).ok()?;
                let is_whole = rest.is_empty() && header.took_nanos < 1_000_000_000;
                is_whole.then(|| postcard::to_stdvec(&header).unwrap())
            };
            reads_as_postcard_does(&bytes, true, theirs, write);
        }
    }
}
