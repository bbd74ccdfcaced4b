//! What a key was made from, kept to explain a miss: [`KeyPart`] in each entry, [`TaskRecord`] once for all entries of a
//! task as it was, [`Fate`] of an entry that is gone.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// How a part came into a key.
///
/// ```
/// assert_eq!(daglite::store::PartKind::default(), daglite::store::PartKind::Content);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PartKind {
    /// An argument, by the digest of its content.
    #[default]
    Content,
    /// An argument that is the result of a cached task, by what stands for its artifact.
    Artifact,
    /// An argument, or all of them, by what a function of the user's made of it.
    Custom,
    /// A variable of the environment.
    Variable,
    /// An argument that is excluded: it is not in the key, and kept to tell when it differs.
    Excluded,
    /// The same, by what stands for its artifact.
    ExcludedArtifact,
}

impl PartKind {
    /// Whether it is kept beside the key, and no part of it.
    ///
    /// ```
    /// assert!(daglite::store::PartKind::Excluded.is_excluded());
    /// ```
    pub fn is_excluded(self) -> bool {
        matches!(self, Self::Excluded | Self::ExcludedArtifact)
    }
}

/// One part of what a key was made from.
///
/// ```
/// use daglite::Digest;
/// use daglite::store::KeyPart;
///
/// let part = KeyPart::new("window", Digest::of_bytes(b"30"));
/// assert_eq!((part.name.as_str(), part.shown.as_str()), ("window", ""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    /// The parameter, or the variable of the environment.
    pub name: String,
    /// The digest of its value.
    pub digest: Digest,
    /// How it came into the key.
    #[serde(default)]
    pub kind: PartKind,
    /// The value for people, cut to about 40 characters; empty if it is not shown.
    #[serde(default)]
    pub shown: String,
}

impl KeyPart {
    /// A part of which no more is known than the digest of its content.
    ///
    /// ```
    /// # use daglite::{Digest, store::KeyPart};
    /// assert_eq!(KeyPart::new("alpha", Digest::of_bytes(b"0.1")).name, "alpha");
    /// ```
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { name: name.into(), digest, kind: PartKind::Content, shown: String::new() }
    }
}

/// What all entries of a task have in common, as long as its code and its options do not change. It stands under its own
/// digest, which [`ArtifactMeta::record`](super::ArtifactMeta::record) names.
///
/// ```
/// use daglite::store::TaskRecord;
///
/// let record = TaskRecord { task: "pipeline::fit".to_owned(), ..TaskRecord::default() };
/// assert_eq!(record.id(), record.clone().id());
/// assert_ne!(record.id(), TaskRecord::default().id());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The task, as `module::path::name`.
    pub task: String,
    /// The package that it is written in.
    pub package: String,
    /// How its keys are made: a name that changes with daglite's way to make them.
    pub scheme: String,
    /// The items that its fingerprint covers, each with what stands for its code.
    pub code: Vec<(String, u64)>,
    /// The names of the types that a generic function was called with.
    pub types: Vec<String>,
    /// The text of `cache_version`.
    pub version: String,
    /// The name of the type of its result.
    pub result: String,
}

impl TaskRecord {
    /// The digest that it stands under.
    ///
    /// ```
    /// # use daglite::store::TaskRecord;
    /// let digits = TaskRecord::default().id().to_string();
    /// assert_eq!(digits.len(), 64);
    /// ```
    pub fn id(&self) -> Digest {
        let mut bytes = b"daglite task record v1".to_vec();
        bytes.extend_from_slice(&self.to_bytes());
        Digest::of_bytes(&bytes)
    }

    /// The bytes that stand for it in a store. `docs/format.md` has them.
    ///
    /// ```
    /// # use daglite::store::TaskRecord;
    /// let record = TaskRecord::default();
    /// assert_eq!(TaskRecord::from_bytes(&record.to_bytes(), &record.id()), Some(record));
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("postcard can write text and numbers")
    }

    /// The record that `bytes` are of, if it is the one that stands under `id`.
    ///
    /// ```
    /// # use daglite::store::TaskRecord;
    /// assert_eq!(TaskRecord::from_bytes(b"damaged", &TaskRecord::default().id()), None);
    /// ```
    pub fn from_bytes(bytes: &[u8], id: &Digest) -> Option<Self> {
        let record: Self = postcard::from_bytes(bytes).ok()?;
        (record.id() == *id).then_some(record)
    }
}

/// What became of an entry that is not there any more.
///
/// ```
/// assert_ne!(daglite::store::Fate::Evicted, daglite::store::Fate::Removed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was evicted, to keep the store within its limits.
    Evicted,
    /// It had expired, and was swept.
    Expired,
    /// Somebody removed it.
    Removed,
}
