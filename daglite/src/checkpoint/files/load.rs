//! Reads versions, and trusts nothing in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::meta::CheckpointMeta;
use super::super::name::check_name;
use super::super::version::Version;
use super::{FileCheckpoints, document, listed};
use crate::digest::Digest;
use crate::store::{StoreError, is_missing, open_at_once};

/// Why a version could not be read.
pub(super) enum Unread {
    /// It is damaged: what is wrong.
    Damaged(String),
    /// The operating system refused.
    Store(StoreError),
}

impl FileCheckpoints {
    /// A version with its value, verified.
    pub(super) fn load_version(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<(CheckpointMeta, Vec<u8>)>, StoreError> {
        self.look_up(name, version, |folder, version| {
            let meta = read_document(folder, name, version)?;
            let bytes = read_value(folder, &meta)?;
            Ok((meta, bytes))
        })
    }

    /// The metadata of a version.
    pub(super) fn read_meta(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<CheckpointMeta>, StoreError> {
        self.look_up(name, version, |folder, version| read_document(folder, name, version))
    }

    /// The folder of a version.
    pub(super) fn version_folder(&self, name: &str, version: &str) -> PathBuf {
        let mut folder = self.root.clone();
        folder.extend(name.split('/'));
        folder.push(version);
        folder
    }

    /// Finds the folder of the version that is meant and lets `read` make something of it.
    fn look_up<T>(
        &self,
        name: &str,
        version: &Version,
        read: impl FnOnce(&Path, &str) -> Result<T, Unread>,
    ) -> Result<Option<T>, StoreError> {
        check_name(name)?;
        let version = match version {
            // Nothing else is a version, and much of it is no safe file name.
            Version::Exact(version) if document::is_version(version) => version.clone(),
            Version::Exact(_) => return Ok(None),
            Version::Latest => match self.list_versions(name)?.pop() {
                Some(latest) => latest,
                None => return Ok(None),
            },
        };
        let folder = self.version_folder(name, &version);
        match read(&folder, &version) {
            Ok(found) => Ok(Some(found)),
            // It is gone, not damaged, if somebody deleted it meanwhile.
            Err(Unread::Damaged(_))
                if folder.symlink_metadata().is_err_and(|cause| is_missing(&cause)) =>
            {
                Ok(None)
            }
            Err(Unread::Damaged(why)) => Err(self.damaged(name, &version, &folder, &why)),
            Err(Unread::Store(error)) => Err(error),
        }
    }

    /// The error for a damaged version: it names the ones before.
    fn damaged(&self, name: &str, version: &str, folder: &Path, why: &str) -> StoreError {
        let mut before = self.list_versions(name).unwrap_or_default();
        before.retain(|other| other.as_str() < version);
        before.reverse();
        let advice = if before.is_empty() {
            "there is none before it: delete it, and compute it again".to_owned()
        } else {
            format!("load one of those before it: {}", listed(&before, String::clone))
        };
        let folder = folder.display();
        StoreError::new(format!(
            "version {version} of checkpoint `{name}` in `{folder}` is damaged: {why}; {advice}"
        ))
    }
}

/// The file of a value in the folder of its version.
pub(super) fn value_file(folder: &Path, meta: &CheckpointMeta) -> PathBuf {
    folder.join(format!("value.{}", meta.extension))
}

/// Reads and checks the metadata in `folder`.
pub(super) fn read_document(
    folder: &Path,
    name: &str,
    version: &str,
) -> Result<CheckpointMeta, Unread> {
    let path = folder.join("meta.json");
    let failed = |cause| unread(&path, "meta.json", cause);
    let (mut file, _) = open(&path, "meta.json")?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    document::read(&text, name, version).map_err(Unread::Damaged)
}

/// Reads and verifies the value in `folder`.
pub(super) fn read_value(folder: &Path, meta: &CheckpointMeta) -> Result<Vec<u8>, Unread> {
    let path = value_file(folder, meta);
    let failed = |cause| unread(&path, "value", cause);
    let (file, length) = open(&path, "value")?;
    // The length first: whatever the metadata claims, no more is read than is there.
    if length != meta.size {
        return Err(Unread::Damaged(format!("its value has {length} of {} bytes", meta.size)));
    }
    let mut bytes = Vec::new();
    usize::try_from(length)
        .ok()
        .and_then(|length| bytes.try_reserve_exact(length).ok())
        .ok_or_else(|| failed(io::ErrorKind::OutOfMemory.into()))?;
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    if Digest::of_bytes(&bytes) != meta.digest {
        return Err(Unread::Damaged("its value does not match its digest".to_owned()));
    }
    Ok(bytes)
}

/// Opens a part and tells its length; it is a file, or damaged.
fn open(path: &Path, part: &str) -> Result<(File, u64), Unread> {
    let failed = |cause| unread(path, part, cause);
    let file = open_at_once(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Unread::Damaged(format!("its {part} is a folder")));
    }
    if !found.is_file() {
        return Err(Unread::Damaged(format!("its {part} is not a file")));
    }
    Ok((file, found.len()))
}

/// Whether the value's file is there in full, without reading it.
pub(super) fn has_value(folder: &Path, meta: &CheckpointMeta) -> bool {
    value_file(folder, meta)
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() == meta.size)
}

/// Tells a part that is missing from one that the system does not let us read.
fn unread(path: &Path, part: &str, cause: io::Error) -> Unread {
    if is_missing(&cause) {
        return Unread::Damaged(format!("its {part} is missing"));
    }
    if path.is_dir() {
        return Unread::Damaged(format!("its {part} is a folder"));
    }
    Unread::Store(StoreError::io("read the checkpoint", path, cause))
}
