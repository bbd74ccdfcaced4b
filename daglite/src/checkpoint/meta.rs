//! `CheckpointMeta`: what is kept beside a checkpoint's value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::provenance::{git, host};
use super::version::rfc3339;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::store::{KeyPart, PartKind};

/// What is kept beside a checkpoint's value: where it came from, and what it is.
///
/// ```
/// use daglite::checkpoint::CheckpointMeta;
/// use daglite::clock::Timestamp;
///
/// let meta = CheckpointMeta {
///     format: "json".to_owned(),
///     extension: "json".to_owned(),
///     ..CheckpointMeta::new("model", b"[0.1,0.9]", Timestamp::from_millis(946_728_000_000))
/// };
/// assert_eq!(meta.time, "2000-01-01T12:00:00.000Z");
/// assert_eq!(meta.size, 9);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// The checkpoint's name.
    pub name: String,
    /// This version of it. Empty until the store has picked it.
    pub version: String,
    /// When it was saved.
    pub created: Timestamp,
    /// The same as text: RFC 3339, UTC.
    pub time: String,
    /// The task that computed the value, as `module::path::name`.
    pub task: Option<String>,
    /// The fingerprint of that task's code.
    pub fingerprint: Option<Digest>,
    /// The cache key of the call, if the task is cached.
    pub key: Option<Digest>,
    /// The digests of the call's arguments.
    #[serde(serialize_with = "known_parts")]
    pub arguments: Vec<KeyPart>,
    /// The format of the value.
    pub format: String,
    /// The file extension of that format, without the dot.
    pub extension: String,
    /// The value's type, for people.
    pub type_name: String,
    /// The digest of the structure of that type.
    pub shape: Digest,
    /// How many bytes the value has.
    pub size: u64,
    /// The digest of those bytes.
    pub digest: Digest,
    /// The digest of the cache artifact that the value came from, if it came from one.
    pub source_digest: Option<Digest>,
    /// The commit that was checked out in the working directory.
    pub git_commit: Option<String>,
    /// Whether the working directory had changes that are in no commit.
    pub git_dirty: Option<bool>,
    /// The machine.
    pub host: String,
    /// The version of daglite that saved it.
    pub daglite_version: String,
    /// How long the value took to compute.
    pub took: Duration,
    /// The checkpoints it was made from, as `name@version`.
    pub made_from: Vec<String>,
    /// The user's own notes.
    pub user: BTreeMap<String, serde_json::Value>,
    /// Whether it counts as another value even if it is the same: a version is added each time. Not kept.
    #[serde(skip)]
    pub always: bool,
}

/// One argument as it is written: what is not known is left out.
#[derive(Serialize)]
struct KnownPart<'a> {
    name: &'a str,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<PartKind>,
    #[serde(skip_serializing_if = "str::is_empty")]
    shown: &'a str,
}

/// Writes the arguments without what is not known of them.
fn known_parts<S: Serializer>(parts: &[KeyPart], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(parts.iter().map(|part| KnownPart {
        name: &part.name,
        digest: part.digest,
        kind: (part.kind != PartKind::Content).then_some(part.kind),
        shown: &part.shown,
    }))
}

impl CheckpointMeta {
    /// The metadata of a value whose encoded form is `bytes`, saved as `name` at `created`.
    ///
    /// Fills in what follows from these and from the process: digest, size, time, commit, host, daglite's version. The
    /// rest is empty, for the caller to set.
    ///
    /// ```
    /// # use daglite::{Digest, checkpoint::CheckpointMeta, clock::Timestamp};
    /// let meta = CheckpointMeta::new("model", b"abc", Timestamp::from_millis(0));
    /// assert_eq!(meta.digest, Digest::of_bytes(b"abc"));
    /// assert!(meta.version.is_empty() && meta.task.is_none());
    /// ```
    pub fn new(name: impl Into<String>, bytes: &[u8], created: Timestamp) -> Self {
        let git = git();
        Self {
            name: name.into(),
            version: String::new(),
            created,
            time: rfc3339(created),
            task: None,
            fingerprint: None,
            key: None,
            arguments: Vec::new(),
            format: String::new(),
            extension: String::new(),
            type_name: String::new(),
            shape: Digest::from_bytes([0; 32]),
            size: bytes.len() as u64,
            digest: Digest::of_bytes(bytes),
            source_digest: None,
            git_commit: git.commit.clone(),
            git_dirty: git.dirty,
            host: host().to_owned(),
            daglite_version: env!("CARGO_PKG_VERSION").to_owned(),
            took: Duration::ZERO,
            made_from: Vec::new(),
            user: BTreeMap::new(),
            always: false,
        }
    }

    /// Whether `other` keeps the same value: equal bytes that decode the same way, unless one of them is to be kept
    /// [`always`](Self::always).
    ///
    /// ```
    /// # use daglite::{checkpoint::CheckpointMeta, clock::Timestamp};
    /// let old = CheckpointMeta::new("model", b"abc", Timestamp::from_millis(0));
    /// let new = CheckpointMeta::new("model", b"abc", Timestamp::from_millis(5));
    /// assert!(old.same_value(&new));
    /// ```
    pub fn same_value(&self, other: &Self) -> bool {
        let essence = |meta: &Self| (meta.digest, meta.size, meta.shape);
        let may_be = !self.always && !other.always;
        may_be && essence(self) == essence(other) && self.format == other.format
    }
}
