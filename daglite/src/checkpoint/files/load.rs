//! Reads versions, and trusts nothing in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::contract::ReadCheckpoint;
use super::super::flow::room_for;
use super::super::meta::CheckpointMeta;
use super::super::name::check_name;
use super::super::version::{Moment, Version};
use super::tags::is_real_folder;
use super::verified::Verified;
use super::{FileCheckpoints, document};
use crate::store::{StoreError, is_missing, open_at_once};

/// So many versions before one that cannot be read are named, of so many that are looked at.
const FEW: usize = 5;
/// See [`FEW`].
const LOOKED_AT: usize = 100;

/// Why a version could not be read.
pub(super) enum Unread {
    /// It is damaged: what is wrong.
    Damaged(String),
    /// It is sound, but a newer daglite wrote it: what is new.
    Newer(String),
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

    /// Lets `read` make something of the value of a version, and verifies it.
    pub(super) fn load_version_with(
        &self,
        name: &str,
        version: &Version,
        read: &mut ReadCheckpoint<'_>,
    ) -> Result<Option<CheckpointMeta>, StoreError> {
        self.look_up(name, version, |folder, version| {
            let meta = read_document(folder, name, version)?;
            read_value_with(folder, &meta, read)?;
            Ok(meta)
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

    /// The folder of a name.
    pub(super) fn name_folder(&self, name: &str) -> PathBuf {
        let mut folder = self.root.clone();
        folder.extend(name.split('/'));
        folder
    }

    /// The folder of a version.
    pub(super) fn version_folder(&self, name: &str, version: &str) -> PathBuf {
        self.name_folder(name).join(version)
    }

    /// An error if a link is in the place of a folder of `name`: it may lead anywhere.
    pub(super) fn refuse_links(&self, name: &str) -> Result<(), StoreError> {
        let mut folder = self.root.clone();
        for segment in name.split('/') {
            folder.push(segment);
            refuse_link(&folder)?;
        }
        Ok(())
    }

    /// The name of the version that is meant; an exact one as it is.
    pub(super) fn find_version(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<String>, StoreError> {
        check_name(name)?;
        Ok(match version {
            Version::Exact(version) => Some(version.clone()),
            Version::Latest => self.list_versions(name)?.pop(),
            Version::Tag(tag) => {
                self.refuse_links(name)?;
                self.tagged(name, tag)?
            }
            Version::At(time) => {
                let mut versions = self.list_versions(name)?;
                let saved_later =
                    |version: &String| Moment::parse(version).is_none_or(|at| at.time() > *time);
                versions.truncate(versions.partition_point(|version| !saved_later(version)));
                versions.pop()
            }
        })
    }

    /// Finds the folder of the version that is meant and lets `read` make something of it.
    fn look_up<T>(
        &self,
        name: &str,
        version: &Version,
        read: impl FnOnce(&Path, &str) -> Result<T, Unread>,
    ) -> Result<Option<T>, StoreError> {
        // Nothing else is a version, and much of it is no safe file name.
        let Some(version) = self.find_version(name, version)?.filter(|it| document::is_version(it))
        else {
            return Ok(None);
        };
        self.refuse_links(name)?;
        let folder = self.version_folder(name, &version);
        refuse_link(&folder)?;
        match read(&folder, &version) {
            Ok(found) => Ok(Some(found)),
            // It is gone, not damaged, if somebody deleted it meanwhile.
            Err(Unread::Damaged(_)) if !is_real_folder(&folder) => Ok(None),
            Err(Unread::Damaged(why)) => {
                let why = format!("is damaged: {why}");
                Err(self.unreadable(
                    name,
                    &version,
                    &folder,
                    &why,
                    "delete it, and compute it again",
                ))
            }
            Err(Unread::Newer(why)) => {
                let why = format!("cannot be read: {why}");
                Err(self.unreadable(name, &version, &folder, &why, "update daglite"))
            }
            Err(Unread::Store(error)) => Err(error),
        }
    }

    /// The error for a version that cannot be read: it names the ones before.
    fn unreadable(
        &self,
        name: &str,
        version: &str,
        folder: &Path,
        why: &str,
        advice: &str,
    ) -> StoreError {
        let mut before = self.list_versions(name).unwrap_or_default();
        before.retain(|other| other.as_str() < version);
        let looks_sound = |other: &String| {
            let folder = self.version_folder(name, other);
            read_document(&folder, name, other).is_ok_and(|meta| has_value(&folder, &meta))
        };
        let nearest = before.into_iter().rev().take(LOOKED_AT);
        let before: Vec<_> = nearest.filter(looks_sound).take(FEW).collect();
        let advice = if before.is_empty() {
            format!("there is no sound one before it: {advice}")
        } else {
            format!("load one of those before it: {}", before.join(", "))
        };
        let folder = folder.display();
        StoreError::new(format!(
            "version {version} of checkpoint `{name}` in `{folder}` {why}; {advice}"
        ))
    }
}

/// An error if a link is at `path`.
pub(super) fn refuse_link(path: &Path) -> Result<(), StoreError> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(StoreError::new(format!(
            "`{}` is a link, which may lead anywhere: put the folder itself in its place",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The file of a value in the folder of its version.
pub(super) fn value_file(folder: &Path, extension: &str) -> PathBuf {
    folder.join(format!("value.{extension}"))
}

/// Reads and checks the metadata in `folder`.
pub(super) fn read_document(
    folder: &Path,
    name: &str,
    version: &str,
) -> Result<CheckpointMeta, Unread> {
    let path = folder.join("meta.json");
    let failed = |cause| unread(&path, "meta.json", cause);
    let (file, length) = open(&path, "meta.json")?;
    let longest = document::LONGEST;
    if length > longest {
        return Err(Unread::Damaged(format!(
            "its meta.json has {length} bytes, and none has more than {longest}"
        )));
    }
    let mut text = Vec::new();
    // It may grow meanwhile.
    file.take(longest).read_to_end(&mut text).map_err(failed)?;
    document::read(&text, name, version)
}

/// Reads and verifies the value in `folder`.
pub(super) fn read_value(folder: &Path, meta: &CheckpointMeta) -> Result<Vec<u8>, Unread> {
    let mut bytes = None;
    read_value_with(folder, meta, &mut |meta, from| {
        let mut room = room_for(meta.size);
        // What cannot be read is told at the end.
        let _ = room.as_mut().map(|room| from.read_exact(room));
        bytes = room;
    })?;
    bytes.ok_or_else(|| {
        unread(&value_file(folder, &meta.extension), "value", io::ErrorKind::OutOfMemory.into())
    })
}

/// Reads and verifies the value in `folder`, and keeps nothing of it.
pub(super) fn verify_value(folder: &Path, meta: &CheckpointMeta) -> Result<(), Unread> {
    read_value_with(folder, meta, &mut |_, _| ())
}

/// Lets `read` make something of the value in `folder`, and verifies it.
pub(super) fn read_value_with(
    folder: &Path,
    meta: &CheckpointMeta,
    read: &mut ReadCheckpoint<'_>,
) -> Result<(), Unread> {
    let path = value_file(folder, &meta.extension);
    let (file, length) = open(&path, "value")?;
    // The length first: whatever the metadata claims, no more is read than is there.
    if length != meta.size {
        return Err(Unread::Damaged(format!("its value has {length} of {} bytes", meta.size)));
    }
    let mut verified = Verified::new(file, length);
    read(meta, &mut verified);
    let digest = verified.finish().map_err(|cause| unread(&path, "value", cause))?;
    if digest != meta.digest {
        return Err(Unread::Damaged("its value does not match its digest".to_owned()));
    }
    Ok(())
}

/// Opens a part and tells its length; it is a file, or damaged.
fn open(path: &Path, part: &str) -> Result<(File, u64), Unread> {
    let failed = |cause| unread(path, part, cause);
    if path.symlink_metadata().map_err(failed)?.is_symlink() {
        return Err(Unread::Damaged(format!(
            "its {part} is a link, which may lead anywhere: put the file itself in its place"
        )));
    }
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
    value_file(folder, &meta.extension)
        .symlink_metadata()
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
    if cause.kind() == io::ErrorKind::UnexpectedEof {
        return Unread::Damaged(format!("its {part} became shorter while it was read"));
    }
    Unread::Store(StoreError::io("read the checkpoint", path, cause))
}
