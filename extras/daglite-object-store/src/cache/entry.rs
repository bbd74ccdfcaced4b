//! The bytes of a remote entry. `docs/format.md` has the table.

use daglite::Digest;
use daglite::store::ArtifactMeta;

/// What every entry of this layout starts with.
const MAGIC: &[u8; 8] = b"dagremt1";

/// The length of what stands before the header.
pub(super) const PRELUDE: usize = 88;

/// No header is longer.
pub(super) const LONGEST_HEADER: u64 = 4 << 20;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lies {
    /// Right behind the header.
    Here,
    /// In an object of its own, named by its digest.
    Apart,
}

/// What the fixed part says.
#[derive(Debug)]
pub(super) struct Prelude {
    header: u32,
    size: u64,
    lies: Lies,
}

impl Prelude {
    /// Where the header ends.
    pub(super) fn header_end(&self) -> usize {
        PRELUDE + self.header as usize
    }

    /// The length of the whole entry.
    pub(super) fn entry_length(&self) -> u64 {
        let value = if self.lies == Lies::Here { self.size } else { 0 };
        (self.header_end() as u64).saturating_add(value)
    }

    /// Where the value lies.
    pub(super) fn lies(&self) -> Lies {
        self.lies
    }
}

/// What stands before the value of the entry under `key`.
pub(super) fn encode(key: &Digest, meta: &ArtifactMeta, lies: Lies) -> Result<Vec<u8>, String> {
    let header = serde_json::to_vec(meta).map_err(|_| "its metadata is no JSON".to_owned())?;
    let length = u32::try_from(header.len()).ok().filter(|&length| length as u64 <= LONGEST_HEADER);
    let length = length.ok_or("its metadata is longer than 4 MiB")?;
    let mut bytes = Vec::with_capacity(PRELUDE + header.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&meta.size.to_le_bytes());
    bytes.extend_from_slice(&[u8::from(lies == Lies::Apart), 0, 0, 0]);
    let checksum = checksum(&bytes, &header);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes.extend_from_slice(&header);
    Ok(bytes)
}

/// What the start of an entry says; else what is wrong with it.
pub(super) fn prelude(bytes: &[u8], key: &Digest) -> Result<Prelude, String> {
    let mut fields = Fields(bytes.get(..PRELUDE).ok_or("it is too short for an entry")?);
    if fields.take::<8>() != *MAGIC {
        return Err("it is no entry of a layout that is known".to_owned());
    }
    if fields.take::<32>() != *key.as_bytes() {
        return Err("it is the entry of another key".to_owned());
    }
    let header = u32::from_le_bytes(fields.take());
    let size = u64::from_le_bytes(fields.take());
    let lies = match fields.take() {
        [0, 0, 0, 0] => Lies::Here,
        [1, 0, 0, 0] => Lies::Apart,
        _ => return Err("it is no entry of a layout that is known".to_owned()),
    };
    if u64::from(header) > LONGEST_HEADER {
        return Err(format!("its metadata claims {header} bytes"));
    }
    Ok(Prelude { header, size, lies })
}

/// The metadata in the start of an entry, which has the header in full.
pub(super) fn metadata(bytes: &[u8], prelude: &Prelude) -> Result<ArtifactMeta, String> {
    let header = bytes.get(PRELUDE..prelude.header_end()).ok_or("its metadata is cut")?;
    let (said, kept) = bytes[..PRELUDE].split_at(PRELUDE - 32);
    if checksum(said, header).as_bytes() != kept {
        return Err("its metadata does not match its checksum".to_owned());
    }
    let meta: ArtifactMeta =
        serde_json::from_slice(header).map_err(|_| "its metadata cannot be read".to_owned())?;
    if meta.size != prelude.size {
        return Err("its metadata tells another size than it has".to_owned());
    }
    // Stores make names of files of it.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if meta.extension.len() > 32
        || !meta.extension.bytes().all(plain)
        || meta.extension.contains("..")
    {
        return Err("its extension cannot end a file's name".to_owned());
    }
    Ok(meta)
}

/// The digest of all that is said of a value.
fn checksum(said: &[u8], header: &[u8]) -> Digest {
    Digest::of_bytes(&[said, header].concat())
}

/// Takes fields of a fixed length from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes, which are there.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) =
            self.0.split_first_chunk::<N>().expect("the prelude has all its fields");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use daglite::clock::Timestamp;
    use daglite::store::KeyPart;

    use super::*;

    fn meta() -> ArtifactMeta {
        ArtifactMeta {
            digest: Digest::of_bytes(b"[1,2]"),
            format: "json".to_owned(),
            extension: "json".to_owned(),
            shape: Digest::of_bytes(b"shape"),
            size: 5,
            created: Timestamp::from_millis(946_728_000_000),
            expires: None,
            task: "pipeline::features".to_owned(),
            fingerprint: Digest::of_bytes(b"code"),
            took: Duration::from_millis(12),
            record: Some(Digest::of_bytes(b"record")),
            parts: vec![KeyPart::new("window", Digest::of_bytes(b"30"))],
        }
    }

    fn read(bytes: &[u8], key: &Digest) -> Result<ArtifactMeta, String> {
        metadata(bytes, &prelude(bytes, key)?)
    }

    #[test]
    fn an_entry_is_written_as_ever() {
        let key = Digest::of_bytes(b"key");
        let bytes = encode(&key, &meta(), Lies::Here).unwrap();
        let golden = include_bytes!("../../tests/golden/entry.bin");
        assert!(bytes == golden, "the bytes changed: {}", bytes.escape_ascii());
        assert_eq!(read(golden, &key), Ok(meta()));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let key = Digest::of_bytes(b"key");
        let bytes = encode(&key, &meta(), Lies::Apart).unwrap();
        for at in 0..bytes.len() {
            assert!(read(&bytes[..at], &key).is_err(), "cut to {at} bytes");
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            assert!(read(&changed, &key).is_err(), "byte {at} changed");
        }
        assert!(read(&bytes, &Digest::of_bytes(b"another key")).is_err());
    }

    #[test]
    fn an_extension_that_leads_elsewhere_is_refused() {
        let key = Digest::of_bytes(b"key");
        for extension in ["../bin", "a/b", "a\\b", "..", &"x".repeat(33)] {
            let meta = ArtifactMeta { extension: extension.to_owned(), ..meta() };
            assert!(read(&encode(&key, &meta, Lies::Here).unwrap(), &key).is_err(), "{extension}");
        }
    }
}
