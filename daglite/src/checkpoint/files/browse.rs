//! Lists what there is, and deletes.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::path::Path;

use super::super::name::check_name;
use super::super::prune::{Prune, Rule};
use super::super::version::Moment;
use super::load::{has_value, read_document, verify_value};
use super::tags::Said;
use super::workplace::take_turn;
use super::{FileCheckpoints, document};
use crate::clock::Clock;
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
        self.refuse_links(name)?;
        let found = entries(&self.name_folder(name))?;
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

    /// Deletes a version and its tags; answers whether it was there.
    pub(super) fn delete_version(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        check_name(name)?;
        self.refuse_links(name)?;
        let folder = self.version_folder(name, version);
        if !document::is_version(version)
            || folder.symlink_metadata().is_err_and(|cause| is_missing(&cause))
        {
            return Ok(false);
        }
        let failed = |cause| StoreError::io("delete the checkpoint", &folder, cause);
        let workplace = self.workplace()?;
        let _here = self.publishing.lock();
        let _turn = take_turn(&self.root);
        let aside = match set_aside(&folder, workplace.path()) {
            Ok(aside) => aside,
            Err(cause) if is_missing(&cause) => return Ok(false),
            Err(cause) => return Err(failed(cause)),
        };
        let above = folder.parent().expect("a version lies in the folder of its name");
        // Gone for good before it is said to be, unless the whole name is gone already.
        let _ = sync_folder(above);
        self.forget_tags_of(name, version);
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

    /// Deletes the versions that `prune` says; answers with those deleted, oldest first.
    pub(super) fn prune_versions(
        &self,
        name: &str,
        prune: &Prune,
    ) -> Result<Vec<String>, StoreError> {
        let versions = self.list_versions(name)?;
        let Some(newest) = versions.iter().rposition(|version| self.is_sound(name, version)) else {
            return Ok(Vec::new());
        };
        let kept = if prune.tagged_too { HashSet::new() } else { self.tagged_versions(name)? };
        let mut deleted = Vec::new();
        for at in self.going(name, &versions, newest, &prune.rule) {
            let version = &versions[at];
            if !kept.contains(version) && self.delete_version(name, version)? {
                deleted.push(version.clone());
            }
        }
        Ok(deleted)
    }

    /// The places of the versions that `rule` says, oldest first; never `newest`, the newest sound one.
    fn going(&self, name: &str, versions: &[String], newest: usize, rule: &Rule) -> Vec<usize> {
        let meta = |version: &String| {
            read_document(&self.version_folder(name, version), name, version).ok()
        };
        match rule {
            Rule::KeepLast(keep) => {
                let whole = |at: &usize| {
                    let version = &versions[*at];
                    let is_whole = |meta| has_value(&self.version_folder(name, version), &meta);
                    *at == newest || meta(version).is_some_and(is_whole)
                };
                let oldest_kept = (0..=newest).rev().filter(whole).nth(keep.saturating_sub(1));
                (0..oldest_kept.unwrap_or(0)).collect()
            }
            Rule::OlderThan(age) => {
                let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                let limit = Clock::system().now().millis().saturating_sub(age);
                let is_older = |at: &usize| {
                    Moment::parse(&versions[*at]).is_some_and(|saved| saved.time().millis() < limit)
                };
                (0..versions.len()).filter(|at| *at != newest).filter(is_older).collect()
            }
            Rule::When(goes) => {
                let says_yes = |at: &usize| meta(&versions[*at]).is_some_and(|meta| goes(&meta));
                (0..versions.len()).filter(|at| *at != newest).filter(says_yes).collect()
            }
        }
    }

    /// Whether a version is there, whole and undamaged.
    fn is_sound(&self, name: &str, version: &str) -> bool {
        let folder = self.version_folder(name, version);
        let meta = read_document(&folder, name, version);
        meta.is_ok_and(|meta| verify_value(&folder, &meta).is_ok())
    }

    /// The versions that have tags; an error if a tag does not say which.
    fn tagged_versions(&self, name: &str) -> Result<HashSet<String>, StoreError> {
        let tags = self.all_tags(name)?.into_iter();
        let version = |(tag, version): Said| {
            version.map_err(|why| {
                StoreError::new(format!(
                    "tag `{tag}` of checkpoint `{name}` is damaged, so nobody knows which version it keeps: {why}; give it \
                     again, or take it away"
                ))
            })
        };
        tags.map(version).collect()
    }
}

/// What is in `folder`, by name; nothing if it is not there. Names that are no text are nobody's here.
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, DirEntry)>, StoreError> {
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
