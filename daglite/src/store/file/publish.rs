//! Makes things visible, whole and at once: the only place that renames.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::super::contract::Artifact;
use super::super::error::StoreError;
use super::FileStore;
use super::entry;
use super::layout::CACHEDIR_TAG;
use super::read::{is_missing, remove_whatever};
use super::staged::{Staged, sweep_stale};
use crate::digest::Digest;

/// How often a put starts again because somebody deletes the folder under it.
const ATTEMPTS: usize = 8;
/// Up to this size a value is copied behind its head, to write both at once.
const WRITE_AT_ONCE: usize = 64 << 10;

/// Whether what is published must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// It may be lost or torn then: whoever reads it notices by its digest.
    No,
    /// Data and folders are on the disk before and after it becomes visible.
    Yes,
}

/// Makes `staged` visible as `target`, on the same volume: whole, or not at all. On failure it stays staged.
///
/// A file replaces the file in its place. A folder takes the place of nothing but an empty folder.
pub(crate) fn publish(staged: &mut Staged, target: &Path, durable: Durable) -> io::Result<()> {
    match durable {
        Durable::No => move_whole(staged.path(), target)?,
        Durable::Yes => {
            sync_all_in(staged.path())?;
            move_whole(staged.path(), target)?;
        }
    }
    staged.forget();
    match (durable, target.parent()) {
        (Durable::Yes, Some(folder)) => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Makes `visible` invisible at once; what is returned removes it.
pub(crate) fn set_aside(visible: &Path, tmp: &Path) -> io::Result<Staged> {
    let aside = Staged::unused_name(tmp);
    move_whole(visible, aside.path())?;
    Ok(aside)
}

/// The one door to renaming.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that renames; its callers sync and clean up"
)]
fn move_whole(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Waits until a file, or a folder and the files right in it, are on the disk.
fn sync_all_in(path: &Path) -> io::Result<()> {
    if path.is_file() {
        return sync_file(path);
    }
    for found in fs::read_dir(path)? {
        sync_file(&found?.path())?;
    }
    sync_folder(path)
}

/// Waits until the file's bytes are on the disk.
fn sync_file(path: &Path) -> io::Result<()> {
    // Windows syncs only files that are open for writing.
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Waits until the names in the folder are on the disk, where the system can do that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

impl FileStore {
    /// Writes the entry of `key` and makes it visible.
    ///
    /// Nothing is synced: an entry that a loss of power tears fails its checksums and counts as damaged.
    pub(super) fn publish_entry(
        &self,
        key: &Digest,
        artifact: &Artifact,
    ) -> Result<(), StoreError> {
        let Artifact { meta, bytes } = artifact;
        if meta.size != bytes.len() as u64 {
            return Err(StoreError::new(format!(
                "the artifact of `{}` has {} bytes, but its metadata says {}: set `size` from its bytes",
                meta.task,
                bytes.len(),
                meta.size
            )));
        }
        let head = entry::encode_head(key, meta)?;
        if !self.prepared.load(Ordering::Acquire) {
            self.prepare()?;
        }
        for _ in 1..ATTEMPTS {
            match self.try_publish(key, &head, bytes) {
                Err(Refused { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                    self.prepare()?
                }
                done => return done.map_err(StoreError::from),
            }
        }
        self.try_publish(key, &head, bytes).map_err(StoreError::from)
    }

    /// One attempt to write the entry, in folders that may vanish meanwhile.
    fn try_publish(&self, key: &Digest, head: &[u8], value: &[u8]) -> Result<(), Refused> {
        let tmp = self.layout.tmp();
        let refused = |cause| Refused::new("write the cache entry in", tmp, cause);
        let (mut staged, file) = Staged::file(tmp).map_err(refused)?;
        write_entry(file, head, value).map_err(refused)?;
        let target = self.layout.entry(key);
        // Most folders are there already: asking for the rename first saves two calls a put.
        if publish(&mut staged, &target, Durable::No).is_ok() {
            return Ok(());
        }
        self.make_way(key, &target)?;
        publish(&mut staged, &target, Durable::No)
            .map_err(|cause| Refused::new("publish the cache entry", &target, cause))
    }

    /// Makes the folders above `target` and removes what has taken their place or its own.
    fn make_way(&self, key: &Digest, target: &Path) -> Result<(), Refused> {
        let shard = self.layout.shard(key);
        if shard.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !shard.is_dir() {
            remove_whatever(&shard)
                .map_err(|cause| Refused::new("remove the damaged", &shard, cause))?;
        }
        create_private(&shard).map_err(|cause| Refused::new("create the folder", &shard, cause))?;
        if target.is_dir() {
            remove_whatever(target)
                .map_err(|cause| Refused::new("remove the damaged", target, cause))?;
        }
        Ok(())
    }

    /// Makes the folders of the store and its tag, and sweeps what killed processes left.
    fn prepare(&self) -> Result<(), StoreError> {
        let root = self.layout.root();
        let failed = |cause| StoreError::io("create the cache folder", root, cause);
        // The folders above belong to the user: they get the usual permissions.
        if let Some(above) = root.parent() {
            fs::create_dir_all(above).map_err(failed)?;
        }
        create_private(root).map_err(failed)?;
        for folder in [self.layout.entries(), self.layout.tmp()] {
            create_private(folder)
                .map_err(|cause| StoreError::io("create the cache folder", folder, cause))?;
        }
        let tag = self.layout.tag();
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&tag)
            .and_then(|mut file| file.write_all(CACHEDIR_TAG.as_bytes()))
        {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StoreError::io("write the tag", &tag, cause));
            }
            _ => {}
        }
        sweep_stale(self.layout.tmp());
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes every entry, all at once where the system can.
    pub(super) fn remove_all(&self) -> Result<(), StoreError> {
        let entries = self.layout.entries();
        let failed = |cause| StoreError::io("clear the cache in", entries, cause);
        if !entries.exists() {
            return Ok(());
        }
        create_private(self.layout.tmp()).map_err(failed)?;
        sweep_stale(self.layout.tmp());
        match set_aside(entries, self.layout.tmp()) {
            Ok(aside) => aside.remove().map_err(failed),
            Err(cause) if is_missing(&cause) => Ok(()),
            // Windows does not rename a folder while a file in it is open.
            Err(_) => fs::remove_dir_all(entries).map_err(failed),
        }
    }
}

/// What the operating system refused to do while an entry was published.
struct Refused {
    act: &'static str,
    path: std::path::PathBuf,
    cause: io::Error,
}

impl Refused {
    /// It refused to `act` on `path`.
    fn new(act: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { act, path: path.to_owned(), cause }
    }
}

impl From<Refused> for StoreError {
    fn from(Refused { act, path, cause }: Refused) -> Self {
        Self::io(act, &path, cause)
    }
}

/// Writes an entry; the file is closed then, as Windows renames no open file.
fn write_entry(mut file: File, head: &[u8], value: &[u8]) -> io::Result<()> {
    if value.len() <= WRITE_AT_ONCE {
        return file.write_all(&[head, value].concat());
    }
    file.write_all(head)?;
    file.write_all(value)
}

/// Makes a folder, and those above that are missing, that only its owner may enter.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
