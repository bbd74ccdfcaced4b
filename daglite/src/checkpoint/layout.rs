//! What all stores of checkpoints have in common, for authors of further ones: the text of a `meta.json`, and the order of
//! versions.

use super::files::document;
use super::meta::CheckpointMeta;
use super::name::{are_case_twins, check_name};
use super::version::Moment;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::store::StoreError;

impl CheckpointMeta {
    /// The text of its `meta.json`, the same in every store: JSON that people can read, with a checksum at its end.
    ///
    /// ```
    /// # use daglite::{checkpoint::CheckpointMeta, clock::Timestamp};
    /// let meta = CheckpointMeta {
    ///     version: "20261122T193015.123456Z".to_owned(),
    ///     extension: "json".to_owned(),
    ///     ..CheckpointMeta::new("model", b"[0.1]", Timestamp::from_millis(0))
    /// };
    /// let text = meta.to_document()?;
    /// let read = CheckpointMeta::from_document(text.as_bytes(), "model", "20261122T193015.123456Z");
    /// assert_eq!(read, Ok(meta));
    /// # Ok::<(), daglite::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The user's notes cannot be written as JSON.
    pub fn to_document(&self) -> Result<String, StoreError> {
        document::write(self).map_err(|cause| {
            let name = &self.name;
            StoreError::new(format!("cannot write the metadata of checkpoint `{name}` as JSON"))
                .with_source(cause)
        })
    }

    /// The metadata that the text of a `meta.json` says, which must be that of `version` of `name`.
    ///
    /// ```
    /// # use daglite::checkpoint::CheckpointMeta;
    /// let read = CheckpointMeta::from_document(b"{}", "model", "20261122T193015.123456Z");
    /// assert!(read.unwrap_err().starts_with("its meta.json cannot be read"));
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence about the version.
    pub fn from_document(text: &[u8], name: &str, version: &str) -> Result<Self, String> {
        document::read_foreign(text, name, version)
    }

    /// An error if no version can be made of this metadata and `bytes`: what every `save` has to refuse.
    ///
    /// ```
    /// # use daglite::{checkpoint::CheckpointMeta, clock::Timestamp};
    /// let meta = CheckpointMeta::new("model", b"[0.1]", Timestamp::from_millis(0));
    /// assert!(meta.check(b"[0.2]").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The name or the extension cannot be one, or the bytes do not match the size and the digest.
    pub fn check(&self, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(&self.name)?;
        let name = &self.name;
        if let Some(flaw) = document::extension_flaw(&self.extension) {
            return Err(StoreError::new(format!("checkpoint `{name}` cannot be saved: {flaw}")));
        }
        if self.size != bytes.len() as u64 || self.digest != Digest::of_bytes(bytes) {
            return Err(StoreError::new(format!(
                "the value of checkpoint `{name}` does not match its metadata: set `size` and `digest` from its bytes"
            )));
        }
        Ok(())
    }
}

/// Whether `text` is the name of a version.
///
/// ```
/// use daglite::checkpoint::is_version;
///
/// assert!(is_version("20261122T193015.123456Z"));
/// assert!(!is_version("../.."));
/// ```
pub fn is_version(text: &str) -> bool {
    document::is_version(text)
}

/// The version of something saved at `created`, later than `latest`, the newest there is.
///
/// ```
/// use daglite::checkpoint::next_version;
/// use daglite::clock::Timestamp;
///
/// let first = next_version(Timestamp::from_millis(946_728_000_000), None);
/// assert_eq!(first.as_deref(), Some("20000101T120000.000000Z"));
/// // The clock went back.
/// let next = next_version(Timestamp::from_millis(0), first.as_deref());
/// assert_eq!(next.as_deref(), Some("20000101T120000.000001Z"));
/// ```
///
/// Answers `None` if nothing can follow `latest`: it is at the end of the year 9999.
pub fn next_version(created: Timestamp, latest: Option<&str>) -> Option<String> {
    let wanted = Moment::of(created);
    let next = match latest.and_then(Moment::parse) {
        Some(latest) => latest.next()?.max(wanted),
        None => wanted,
    };
    Some(next.to_string())
}

/// Whether two parts of names differ in the case of letters alone, so that some systems take them for one.
///
/// ```
/// assert!(daglite::checkpoint::case_twins("model", "Model"));
/// assert!(!daglite::checkpoint::case_twins("model", "model"));
/// ```
pub fn case_twins(one: &str, other: &str) -> bool {
    are_case_twins(one, other)
}
