//! Tags: a small file each, beside the versions, that has the name of one.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::name::{check_name, check_tag};
use super::browse::entries;
use super::workplace::take_turn;
use super::{FileCheckpoints, document};
use crate::store::{Durable, Staged, StoreError, is_missing, open_at_once, publish, sync_folder};

/// The folder of a name's tags. No name has a part that starts with a dot.
pub(super) const TAGS: &str = ".tags";
/// A tag with the version that it says, or what is wrong with it.
pub(super) type Said = (String, Result<String, String>);

/// More than a version and the end of a line.
const LONGEST: u64 = 64;

impl FileCheckpoints {
    /// Gives `tag` to a version, and takes it from the one that had it; `false` if there is no such version.
    pub(super) fn tag_version(
        &self,
        name: &str,
        version: &str,
        tag: &str,
    ) -> Result<bool, StoreError> {
        check_tag(tag)?;
        check_name(name)?;
        self.refuse_links(name)?;
        let folder = self.version_folder(name, version);
        if !document::is_version(version) || !is_real_folder(&folder) {
            return Ok(false);
        }
        let workplace = self.workplace()?;
        let tags = self.tags_folder(name);
        let failed = |cause| StoreError::io("write a tag in", &tags, cause);
        let (mut staged, mut file) = Staged::file(workplace.path()).map_err(failed)?;
        file.write_all(format!("{version}\n").as_bytes()).map_err(failed)?;
        drop(file);
        let _here = self.publishing.lock();
        let _turn = take_turn(&self.root);
        // Under the turn nobody deletes it.
        if !is_real_folder(&folder) {
            return Ok(false);
        }
        self.create_durably(&tags).map_err(failed)?;
        publish(&mut staged, &tags.join(tag), Durable::Yes).map_err(failed)?;
        if is_real_folder(&folder) {
            return Ok(true);
        }
        // Somebody has, where folders cannot be locked.
        let _ = fs::remove_file(tags.join(tag));
        Ok(false)
    }

    /// Takes a tag away; answers whether a version had it.
    pub(super) fn remove_tag(&self, name: &str, tag: &str) -> Result<bool, StoreError> {
        check_name(name)?;
        self.refuse_links(name)?;
        if check_tag(tag).is_err() {
            return Ok(false);
        }
        let tags = self.tags_folder(name);
        let failed = |cause| StoreError::io("remove a tag in", &tags, cause);
        let had = self.tagged(name, tag)?.is_some();
        match fs::remove_file(tags.join(tag)) {
            Ok(()) => sync_folder(&tags).map_err(failed)?,
            Err(cause) if is_missing(&cause) => return Ok(false),
            Err(cause) => return Err(failed(cause)),
        }
        Ok(had)
    }

    /// The tags of versions that are there, sorted, each with its version.
    pub(super) fn list_tags(&self, name: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut tags = Vec::new();
        for (tag, version) in self.all_tags(name)? {
            if let Ok(version) = version
                && is_real_folder(&self.version_folder(name, &version))
            {
                tags.push((tag, version));
            }
        }
        Ok(tags)
    }

    /// All tags, sorted, with what they say, or what is wrong with them.
    pub(super) fn all_tags(&self, name: &str) -> Result<Vec<Said>, StoreError> {
        check_name(name)?;
        self.refuse_links(name)?;
        let mut tags = Vec::new();
        for (tag, _) in entries(&self.tags_folder(name))? {
            if check_tag(&tag).is_err() {
                continue;
            }
            match self.read_tag(name, &tag) {
                Ok(version) => tags.push((tag, version)),
                Err(cause) if is_missing(&cause) => {}
                Err(cause) => {
                    let path = self.tags_folder(name).join(&tag);
                    return Err(StoreError::io("read the tag", &path, cause));
                }
            }
        }
        tags.sort_unstable();
        Ok(tags)
    }

    /// The version that has `tag`, if one has it.
    pub(super) fn tagged(&self, name: &str, tag: &str) -> Result<Option<String>, StoreError> {
        if check_tag(tag).is_err() {
            return Ok(None);
        }
        let path = self.tags_folder(name).join(tag);
        match self.read_tag(name, tag) {
            Ok(Ok(version)) => {
                let is_there = is_real_folder(&self.version_folder(name, &version));
                Ok(is_there.then_some(version))
            }
            Ok(Err(why)) => Err(StoreError::new(format!(
                "tag `{tag}` of checkpoint `{name}` in `{}` is damaged: {why}; give the tag again",
                path.display()
            ))),
            Err(cause) if is_missing(&cause) => Ok(None),
            Err(cause) => Err(StoreError::io("read the tag", &path, cause)),
        }
    }

    /// What the file of a tag says: a version, or what is wrong.
    fn read_tag(&self, name: &str, tag: &str) -> io::Result<Result<String, String>> {
        let path = self.tags_folder(name).join(tag);
        if !path.symlink_metadata()?.is_file() {
            return Ok(Err("it is not a file".to_owned()));
        }
        let mut text = String::new();
        match open_at_once(&path)?.take(LONGEST).read_to_string(&mut text) {
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {}
            read => _ = read?,
        }
        let version = text.strip_suffix('\n').unwrap_or(&text);
        Ok(match document::is_version(version) {
            true => Ok(version.to_owned()),
            false => Err("it has no version in it".to_owned()),
        })
    }

    /// Takes away the tags of a version that has been deleted, as far as that can be done: those left name nothing.
    pub(super) fn forget_tags_of(&self, name: &str, version: &str) {
        let tags = self.tags_folder(name);
        for (tag, named) in self.all_tags(name).unwrap_or_default() {
            if named.as_deref() == Ok(version) {
                let _ = fs::remove_file(tags.join(tag));
            }
        }
        // If it is empty; a tag that comes at this moment makes it again.
        if fs::remove_dir(&tags).is_err() {
            let _ = sync_folder(&tags);
        }
    }

    /// The folder of a name's tags.
    fn tags_folder(&self, name: &str) -> PathBuf {
        self.name_folder(name).join(TAGS)
    }
}

/// Whether a folder is there, and no link to one.
pub(super) fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}
