//! Looks at every byte of checkpoints, and reports; deletes nothing.

use std::fmt;

use super::FileCheckpoints;
use super::load::{Unread, read_document, verify_value};
use super::tags::is_real_folder;
use crate::store::StoreError;

/// What a look at every byte of checkpoints has found.
///
/// ```
/// use daglite::FileCheckpoints;
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// checkpoints.save("model", &1u8)?;
/// let found = checkpoints.verify("model")?;
/// assert!(found.is_sound());
/// assert_eq!(found.versions, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "ask what was found"]
pub struct CheckpointVerification {
    /// How many versions were looked at.
    pub versions: u64,
    /// How many bytes their values have.
    pub bytes: u64,
    /// What is wrong, in the order of names and versions.
    pub flaws: Vec<CheckpointFlaw>,
}

impl CheckpointVerification {
    /// Whether nothing is wrong.
    ///
    /// ```
    /// assert!(daglite::checkpoint::CheckpointVerification::default().is_sound());
    /// ```
    pub fn is_sound(&self) -> bool {
        self.flaws.is_empty()
    }
}

/// One thing that is wrong.
///
/// ```
/// use daglite::checkpoint::CheckpointFlaw;
///
/// let flaw = CheckpointFlaw {
///     name: "model".to_owned(),
///     version: "20261122T193015.123456Z".to_owned(),
///     what: "its value is missing".to_owned(),
/// };
/// assert_eq!(flaw.to_string(), "model@20261122T193015.123456Z: its value is missing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointFlaw {
    /// The checkpoint.
    pub name: String,
    /// The version of it, or the tag.
    pub version: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for CheckpointFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}: {}", self.name, self.version, self.what)
    }
}

impl FileCheckpoints {
    /// Reads every version of a checkpoint, and its tags.
    pub(super) fn verify_name(
        &self,
        name: &str,
        found: &mut CheckpointVerification,
    ) -> Result<(), StoreError> {
        for version in self.list_versions(name)? {
            let folder = self.version_folder(name, &version);
            let read = read_document(&folder, name, &version)
                .and_then(|meta| verify_value(&folder, &meta).map(|()| meta.size));
            let what = match read {
                Ok(bytes) => {
                    found.bytes += bytes;
                    None
                }
                // Somebody has deleted it meanwhile.
                Err(_) if !is_real_folder(&folder) => continue,
                Err(Unread::Damaged(why) | Unread::Newer(why)) => Some(why),
                Err(Unread::Store(error)) => Some(error.to_string()),
            };
            found.versions += 1;
            if let Some(what) = what {
                found.flaws.push(CheckpointFlaw { name: name.to_owned(), version, what });
            }
        }
        for (tag, version) in self.all_tags(name)? {
            let what = match version {
                Err(why) => format!("the tag is damaged: {why}"),
                Ok(version) if is_real_folder(&self.version_folder(name, &version)) => continue,
                Ok(version) => format!("the tag names version {version}, which is not there"),
            };
            found.flaws.push(CheckpointFlaw { name: name.to_owned(), version: tag, what });
        }
        Ok(())
    }
}
