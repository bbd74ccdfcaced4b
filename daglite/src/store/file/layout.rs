//! What lies where in the folder of a `FileStore`.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::error::StoreError;
use super::access::{create_private, remove_whatever};
use crate::digest::Digest;

/// The first line by which backup programs know a cache, and a line for people.
pub(super) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
# This folder is a cache of daglite. It may be deleted at any time; what was in it is computed again.\n\
# The first line keeps it out of backups: see https://bford.info/cachedir/\n";

/// The longest extension that a file gets.
const MAX_EXTENSION: usize = 16;

/// The paths of one store.
#[derive(Debug)]
pub(super) struct Layout {
    /// The folder that was named.
    root: PathBuf,
    /// The folder of this version of the layout.
    version: PathBuf,
    /// The folder of all entries, where each is a file.
    entries: PathBuf,
    /// The folder of larger values.
    objects: PathBuf,
    /// The folder of what is being written; on the volume of all others, or a rename could not publish.
    tmp: PathBuf,
    /// The folder of lock files.
    locks: PathBuf,
    /// The index of the entries.
    index: PathBuf,
    /// The folder of what explains misses, where each entry is a file.
    tasks: PathBuf,
}

impl Layout {
    /// The layout under `root`, an absolute path.
    pub(super) fn new(root: PathBuf) -> Self {
        let version = root.join("v1");
        Self {
            entries: version.join("entries"),
            objects: version.join("objects"),
            tmp: version.join("tmp"),
            locks: version.join("locks"),
            index: version.join("index.sqlite"),
            tasks: version.join("tasks"),
            version,
            root,
        }
    }

    /// The folder that was named.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The tag that says: this is a cache.
    fn tag(&self) -> PathBuf {
        self.root.join("CACHEDIR.TAG")
    }

    /// The folder of all entries, where each is a file.
    pub(super) fn entries(&self) -> &Path {
        &self.entries
    }

    /// The folder of larger values.
    pub(super) fn objects(&self) -> &Path {
        &self.objects
    }

    /// The folder of what is being written.
    pub(super) fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// The folder of lock files.
    pub(super) fn locks(&self) -> &Path {
        &self.locks
    }

    /// The folder of what explains misses, where each entry is a file.
    pub(super) fn tasks(&self) -> &Path {
        &self.tasks
    }

    /// The index of the entries.
    pub(super) fn index(&self) -> &Path {
        &self.index
    }

    /// The files that SQLite keeps beside the index, and the index.
    pub(super) fn index_files(&self) -> [PathBuf; 3] {
        ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"].map(|name| self.version.join(name))
    }

    /// Where a damaged index is kept.
    pub(super) fn damaged(&self) -> PathBuf {
        self.version.join("damaged")
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

    /// The file of an object.
    pub(super) fn object(&self, name: &ObjectName) -> PathBuf {
        let digits = name.digest.to_string();
        let mut path = PathBuf::with_capacity(self.objects.as_os_str().len() + 90);
        path.push(&self.objects);
        path.push(&digits[..2]);
        path.push(&digits[2..4]);
        path.push(format!("{}.{}", &digits[4..], name.suffix()));
        path
    }

    /// Removes what has taken the place of a folder of an indexed store: a file, or a link that leads to none.
    pub(super) fn clear_the_way(&self) {
        for folder in [&self.version, &self.objects, &self.tmp, &self.locks] {
            if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !folder.is_dir() {
                // What cannot be removed shows when the folder is made.
                let _ = remove_whatever(folder);
            }
        }
    }

    /// Makes the folder of lock files, which may be the first of all.
    pub(super) fn make_locks(&self) -> io::Result<()> {
        self.make_root()?;
        create_private(&self.locks)
    }

    /// Makes the root. The folders above belong to the user: they get the usual permissions.
    fn make_root(&self) -> io::Result<()> {
        if let Some(above) = self.root.parent() {
            fs::create_dir_all(above)?;
        }
        create_private(&self.root)
    }

    /// Makes the root, its tag and `folders`.
    pub(super) fn prepare(&self, folders: &[&Path]) -> Result<(), StoreError> {
        let failed = |cause| StoreError::io("create the cache folder", &self.root, cause);
        self.make_root().map_err(failed)?;
        for folder in folders {
            create_private(folder)
                .map_err(|cause| StoreError::io("create the cache folder", folder, cause))?;
        }
        let tag = self.tag();
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&tag)
            .and_then(|mut file| file.write_all(CACHEDIR_TAG.as_bytes()));
        match written {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
                Err(StoreError::io("write the tag", &tag, cause))
            }
            _ => Ok(()),
        }
    }
}

/// The name of an object: what is in it, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectName {
    /// The digest of the value.
    digest: Digest,
    /// The extension of its format, made safe for every file system.
    extension: String,
    /// Whether the file is compressed.
    packed: bool,
}

impl ObjectName {
    /// The name of a value with this digest, in a format with this extension.
    pub(super) fn new(digest: Digest, extension: &str, packed: bool) -> Self {
        let is_safe = !extension.is_empty()
            && extension.len() <= MAX_EXTENSION
            && extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let extension = if is_safe { extension } else { "bin" };
        Self { digest, extension: extension.to_owned(), packed }
    }

    /// The name that `text`, as [`Display`](fmt::Display) writes it, stands for.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, suffix) = text.split_once('.')?;
        let (extension, packed) = match suffix.strip_suffix(PACKED) {
            Some(extension) => (extension, true),
            None => (suffix, false),
        };
        let name = Self::new(digits.parse().ok()?, extension, packed);
        (name.to_string() == text).then_some(name)
    }

    /// The name of the object in `file` of the folders `ab` and `cd`.
    pub(super) fn from_path(path: &Path) -> Option<Self> {
        let mut parts = path.iter().rev().map(|part| part.to_str());
        let [file, second, first] = [parts.next()??, parts.next()??, parts.next()??];
        Self::parse(&format!("{first}{second}{file}"))
    }

    /// Whether the file is compressed.
    pub(super) fn is_packed(&self) -> bool {
        self.packed
    }

    /// What follows the first dot.
    fn suffix(&self) -> String {
        format!("{}{}", self.extension, if self.packed { PACKED } else { "" })
    }
}

/// What the names of compressed objects end with.
const PACKED: &str = ".zst";

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.digest, self.suffix())
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
    fn an_object_lies_two_folders_deep_under_its_digest_and_its_name_reads_back() {
        let layout = Layout::new(PathBuf::from("root"));
        for (extension, packed, suffix) in [
            ("npy", false, "npy"),
            ("json", true, "json.zst"),
            ("CON:", false, "bin"),
            ("", true, "bin.zst"),
        ] {
            let name = ObjectName::new(Digest::from_bytes([0xab; 32]), extension, packed);
            let path = layout.object(&name);
            let expected = format!("root/v1/objects/ab/ab/{}.{suffix}", "ab".repeat(30));
            assert_eq!(path, PathBuf::from(expected));
            assert_eq!(ObjectName::from_path(&path), Some(name.clone()));
            assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn the_tag_starts_with_the_signature_of_the_standard() {
        assert_eq!(&CACHEDIR_TAG[..43], "Signature: 8a477f597d28d172789f06886806bc55");
    }
}
