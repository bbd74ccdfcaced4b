//! Lists what there is, and deletes.

use std::fs::{self, DirEntry};
use std::path::Path;

use super::super::name::check_name;
use super::load::{has_value, read_document};
use super::{FileCheckpoints, document};
use crate::store::{StoreError, is_missing, set_aside, sync_folder};

impl FileCheckpoints {
    /// The versions of a checkpoint, oldest first.
    pub(super) fn list_versions(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let mut versions = self.version_names(name)?;
        versions.retain(|(_, is_folder)| *is_folder);
        let mut versions: Vec<_> = versions.into_iter().map(|(version, _)| version).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Whatever has the name of a version, and whether it is a folder.
    pub(super) fn version_names(&self, name: &str) -> Result<Vec<(String, bool)>, StoreError> {
        check_name(name)?;
        let mut folder = self.root.clone();
        folder.extend(name.split('/'));
        let found = entries(&folder)?;
        Ok(found
            .into_iter()
            .filter(|(name, _)| document::is_version(name))
            .map(|(name, entry)| (name, is_folder(&entry)))
            .collect())
    }

    /// The names of all checkpoints, sorted.
    pub(super) fn list_names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut open = vec![String::new()];
        while let Some(group) = open.pop() {
            let folders =
                entries(&self.root.join(&group))?.into_iter().filter(|(_, entry)| is_folder(entry));
            let (versions, below): (Vec<_>, Vec<_>) =
                folders.map(|(name, _)| name).partition(|name| document::is_version(name));
            for segment in below {
                let name = if group.is_empty() { segment } else { format!("{group}/{segment}") };
                // What no checkpoint can be called, `.tmp` say, is somebody else's.
                if check_name(&name).is_ok() {
                    open.push(name);
                }
            }
            if !versions.is_empty() && !group.is_empty() {
                names.push(group);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes a version; answers whether it was there.
    pub(super) fn delete_version(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        check_name(name)?;
        let folder = self.version_folder(name, version);
        if !document::is_version(version)
            || folder.symlink_metadata().is_err_and(|cause| is_missing(&cause))
        {
            return Ok(false);
        }
        let failed = |cause| StoreError::io("delete the checkpoint", &folder, cause);
        fs::create_dir_all(self.tmp()).map_err(failed)?;
        let aside = match set_aside(&folder, &self.tmp()) {
            Ok(aside) => aside,
            Err(cause) if is_missing(&cause) => return Ok(false),
            Err(cause) => return Err(failed(cause)),
        };
        let above = folder.parent().expect("a version lies in the folder of its name");
        // Gone for good before it is said to be, unless the whole name is gone already.
        let _ = sync_folder(above);
        self.remove_empty(above);
        aside.remove().map_err(failed)?;
        Ok(true)
    }

    /// Removes `folder` and those above it as far as they are empty: a name without versions is no name.
    fn remove_empty(&self, folder: &Path) {
        let groups = folder.ancestors().take_while(|above| *above != self.root);
        for group in groups {
            // Anything in it keeps it; a save that loses its folder here makes it again.
            if fs::remove_dir(group).is_err() {
                return;
            }
        }
    }

    /// Deletes the versions older than the newest `keep` sound ones; answers with those deleted.
    pub(super) fn prune_versions(
        &self,
        name: &str,
        keep: usize,
    ) -> Result<Vec<String>, StoreError> {
        let versions = self.list_versions(name)?;
        let sound = |version: &&String| {
            let folder = self.version_folder(name, version);
            read_document(&folder, name, version).is_ok_and(|meta| has_value(&folder, &meta))
        };
        let Some(oldest_kept) = versions.iter().rev().filter(sound).nth(keep - 1) else {
            return Ok(Vec::new());
        };
        let mut deleted = Vec::new();
        for version in versions.iter().take_while(|version| *version != oldest_kept) {
            if self.delete_version(name, version)? {
                deleted.push(version.clone());
            }
        }
        Ok(deleted)
    }
}

/// What is in `folder`, by name; nothing if it is not there. Names that are no text are nobody's here.
fn entries(folder: &Path) -> Result<Vec<(String, DirEntry)>, StoreError> {
    let failed = |cause| StoreError::io("read the checkpoints in", folder, cause);
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(cause) if is_missing(&cause) => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause)),
    };
    let mut entries = Vec::new();
    for entry in found {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, entry));
        }
    }
    Ok(entries)
}

/// Whether it is a folder, and no link to one.
fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}
