//! What lies where in the folder of a `FileStore`.

use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// The first line by which backup programs know a cache, and a line for people.
pub(super) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
# This folder is a cache of daglite. It may be deleted at any time; what was in it is computed again.\n\
# The first line keeps it out of backups: see https://bford.info/cachedir/\n";

/// The paths of one store.
#[derive(Debug)]
pub(super) struct Layout {
    /// The folder that was named.
    root: PathBuf,
    /// The folder of all entries.
    entries: PathBuf,
    /// The folder of what is being written; on the volume of `entries`, or a rename could not publish.
    tmp: PathBuf,
}

impl Layout {
    /// The layout under `root`, an absolute path.
    pub(super) fn new(root: PathBuf) -> Self {
        let version = root.join("v1");
        Self { entries: version.join("entries"), tmp: version.join("tmp"), root }
    }

    /// The folder that was named.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The tag that says: this is a cache.
    pub(super) fn tag(&self) -> PathBuf {
        self.root.join("CACHEDIR.TAG")
    }

    /// The folder of all entries.
    pub(super) fn entries(&self) -> &Path {
        &self.entries
    }

    /// The folder of what is being written.
    pub(super) fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// The file of the entry under `key`: `ab/` and the other 62 digits, so that no folder grows huge. One level, as
    /// in git: a second one makes 65,536 folders to be created and looked up.
    pub(super) fn entry(&self, key: &Digest) -> PathBuf {
        let name = key.to_string();
        let mut path = PathBuf::with_capacity(self.entries.as_os_str().len() + 66);
        path.push(&self.entries);
        path.push(&name[..2]);
        path.push(&name[2..]);
        path
    }

    /// The folder above the entry of `key`.
    pub(super) fn shard(&self, key: &Digest) -> PathBuf {
        self.entries.join(&key.to_string()[..2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lies_in_one_of_256_folders_under_its_key() {
        let layout = Layout::new(PathBuf::from("root"));
        let path = layout.entry(&Digest::from_bytes([0xab; 32]));
        let expected = format!("root/v1/entries/ab/{}", "ab".repeat(31));
        assert_eq!(path, PathBuf::from(expected));
    }

    #[test]
    fn the_tag_starts_with_the_signature_of_the_standard() {
        assert_eq!(&CACHEDIR_TAG[..43], "Signature: 8a477f597d28d172789f06886806bc55");
    }
}
