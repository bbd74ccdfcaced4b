//! How two versions differ: in their metadata, and in their content as far as their format lets us look into it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::meta::CheckpointMeta;
use crate::digest::Digest;

/// So many changes of content are told one by one.
const MOST_CHANGES: usize = 1_000;

/// How two versions of a checkpoint differ. For people it displays as a line a change.
///
/// ```
/// use daglite::{Checkpoint, FileCheckpoints};
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// let model = |alpha| Checkpoint::named("model").format("json").meta("alpha", alpha);
/// let old = checkpoints.save(model(0.1), &vec![1, 2, 3])?;
/// checkpoints.save(model(0.2), &vec![1, 2, 4])?;
/// let difference = checkpoints.diff("model", old.version(), "latest")?;
/// assert!(difference.to_string().contains("user.alpha: 0.1 → 0.2"));
/// assert!(difference.to_string().contains("content[2]: 3 → 4"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointDiff {
    /// The fields of the metadata that differ, sorted by name. Arguments and the user's notes are compared one by one, as
    /// `arguments.window` and `user.alpha`; version and time are left out, as they always differ.
    pub metadata: Vec<FieldChange>,
    /// How the values differ.
    pub content: ContentDiff,
}

impl CheckpointDiff {
    /// How the versions with this metadata and, unless they are equal, these values differ.
    pub(super) fn of(old: (&CheckpointMeta, &[u8]), new: (&CheckpointMeta, &[u8])) -> Self {
        Self { metadata: metadata_changes(old.0, new.0), content: ContentDiff::of(old, new) }
    }
}

/// How the values of two versions differ.
///
/// ```
/// use daglite::checkpoint::ContentDiff;
///
/// let told = ContentDiff::Other { old_size: 12, new_size: 24 }.to_string();
/// assert_eq!(told, "content: 12 bytes → 24 other bytes\n");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContentDiff {
    /// Not at all: they have one digest, and are read in one way.
    Equal,
    /// As these places in them do: both are JSON.
    Json {
        /// The places, in the order of the values: `[3].delay`.
        changes: Vec<FieldChange>,
        /// How many there are besides.
        more: usize,
    },
    /// They do; in this format nobody can say where.
    Other {
        /// How many bytes the old one has.
        old_size: u64,
        /// How many bytes the new one has.
        new_size: u64,
    },
}

impl ContentDiff {
    /// How two values differ.
    fn of(
        (old, old_bytes): (&CheckpointMeta, &[u8]),
        (new, new_bytes): (&CheckpointMeta, &[u8]),
    ) -> Self {
        if old.same_value(new) {
            return Self::Equal;
        }
        if old.format == "json" && new.format == "json" {
            let parsed = [old_bytes, new_bytes].map(serde_json::from_slice::<Value>);
            if let [Ok(old), Ok(new)] = &parsed {
                let mut found = Found::default();
                compare("", Some(old), Some(new), &mut found);
                return Self::Json { changes: found.changes, more: found.more };
            }
        }
        Self::Other { old_size: old.size, new_size: new.size }
    }
}

/// A field, or a place in a value, in which two versions differ.
///
/// ```
/// use daglite::checkpoint::FieldChange;
///
/// let change = FieldChange { field: "user.alpha".to_owned(), old: None, new: Some(0.1.into()) };
/// assert_eq!(change.to_string(), "user.alpha: nothing → 0.1");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What the old version has there, if it has it at all.
    pub old: Option<Value>,
    /// What the new version has there, if it has it at all.
    pub new: Option<Value>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = [&self.old, &self.new].map(|value| match value {
            Some(value) => cut(value.to_string()),
            None => "nothing".to_owned(),
        });
        write!(f, "{}: {old} → {new}", self.field)
    }
}

impl fmt::Display for CheckpointDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        write!(f, "{}", self.content)
    }
}

impl fmt::Display for ContentDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal => writeln!(f, "content: equal"),
            Self::Other { old_size, new_size } => {
                writeln!(f, "content: {old_size} bytes → {new_size} other bytes")
            }
            Self::Json { changes, more } => {
                if changes.is_empty() {
                    writeln!(f, "content: equal but for how it is written")?;
                }
                changes.iter().try_for_each(|change| writeln!(f, "content{change}"))?;
                match more {
                    0 => Ok(()),
                    more => writeln!(f, "content: {more} more changes"),
                }
            }
        }
    }
}

/// The start of a text: a value of a megabyte would hide the rest.
fn cut(mut text: String) -> String {
    const ENOUGH: usize = 80;
    if text.len() > ENOUGH {
        text.truncate(text.floor_char_boundary(ENOUGH));
        text.push('…');
    }
    text
}

/// The changes found so far, and how many were only counted.
#[derive(Default)]
struct Found {
    changes: Vec<FieldChange>,
    more: usize,
}

/// Notes where two values differ. The depth is bounded: serde_json reads no deeper than 128.
fn compare(place: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    match (old, new) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for i in 0..old.len().max(new.len()) {
                compare(&format!("{place}[{i}]"), old.get(i), new.get(i), found);
            }
        }
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                compare(&format!("{place}.{key}"), old.get(key), new.get(key), found);
            }
        }
        (old, new) if old == new => {}
        _ if found.changes.len() == MOST_CHANGES => found.more += 1,
        (old, new) => found.changes.push(FieldChange {
            field: place.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

/// The fields in which the metadata of two versions differs.
fn metadata_changes(old: &CheckpointMeta, new: &CheckpointMeta) -> Vec<FieldChange> {
    let mut old = fields(old);
    let mut changes = Vec::new();
    for (field, new) in fields(new) {
        let old = old.remove(&field);
        if old.as_ref() != Some(&new) {
            changes.push(FieldChange { field, old, new: Some(new) });
        }
    }
    changes.extend(old.into_iter().map(|(field, old)| FieldChange {
        field,
        old: Some(old),
        new: None,
    }));
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

/// The fields of `meta` that are worth comparing, by their dotted names.
fn fields(meta: &CheckpointMeta) -> BTreeMap<String, serde_json::Value> {
    // Named one by one, so that a new field does not compile until it has its place here.
    let CheckpointMeta {
        name,
        version: _,
        created: _,
        time: _,
        task,
        fingerprint,
        key,
        arguments,
        format,
        extension,
        type_name,
        shape,
        size,
        digest,
        source_digest,
        git_commit,
        git_dirty,
        host,
        daglite_version,
        took,
        made_from,
        user,
        always: _,
    } = meta;
    let text = |digest: &Option<Digest>| serde_json::json!(digest.map(|digest| digest.to_string()));
    let plain = [
        ("name", serde_json::json!(name)),
        ("task", serde_json::json!(task)),
        ("fingerprint", text(fingerprint)),
        ("key", text(key)),
        ("format", serde_json::json!(format)),
        ("extension", serde_json::json!(extension)),
        ("type_name", serde_json::json!(type_name)),
        ("shape", text(&Some(*shape))),
        ("size", serde_json::json!(size)),
        ("digest", text(&Some(*digest))),
        ("source_digest", text(source_digest)),
        ("git_commit", serde_json::json!(git_commit)),
        ("git_dirty", serde_json::json!(git_dirty)),
        ("host", serde_json::json!(host)),
        ("daglite_version", serde_json::json!(daglite_version)),
        ("took", serde_json::json!(took.as_secs_f64())),
        ("made_from", serde_json::json!(made_from)),
    ];
    let plain = plain.into_iter().map(|(field, value)| (field.to_owned(), value));
    let arguments = arguments.iter().map(|part| {
        // Two values may look the same to people: the digest is what counts.
        let value = match part.shown.as_str() {
            "" => text(&Some(part.digest)),
            shown => serde_json::json!(format!("{shown} ({:.16})", part.digest.to_string())),
        };
        (format!("arguments.{}", part.name), value)
    });
    let user = user.iter().map(|(key, value)| (format!("user.{key}"), value.clone()));
    plain.chain(arguments).chain(user).collect()
}
