//! Locks among processes: on a key while it is computed, and on whole chores. The system frees them when a process dies.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::layout::Layout;
use crate::digest::{ByDigest, Digest};

/// The locks of one store.
#[derive(Debug)]
pub(super) struct Locks {
    /// Where the lock files lie.
    layout: Arc<Layout>,
    /// The keys that this process holds: the system's locks do not keep a process from itself.
    held: Mutex<HashSet<Digest, ByDigest>>,
    /// The files with a byte for each key.
    keys: ranges::KeyFiles,
}

/// The answer to who wants a key.
pub(super) enum Locked {
    /// It is ours, until `release`.
    Ours,
    /// This process has it, or that one.
    Taken(Option<u32>),
}

impl Locks {
    /// No locks yet.
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, held: Mutex::default(), keys: ranges::KeyFiles::default() }
    }

    /// Takes the lock on `key` if nobody has it.
    pub(super) fn try_key(&self, key: &Digest) -> io::Result<Locked> {
        if !self.held.lock().insert(*key) {
            return Ok(Locked::Taken(Some(std::process::id())));
        }
        let locked = self.keys.try_lock(&self.layout, key);
        if !matches!(locked, Ok(Locked::Ours)) {
            self.held.lock().remove(key);
        }
        locked
    }

    /// Notices that the lock files have been deleted.
    pub(super) fn forget_deleted(&self) {
        self.keys.forget_deleted();
    }

    /// Gives the lock on `key` back.
    pub(super) fn release(&self, key: &Digest) {
        self.keys.unlock(key);
        self.held.lock().remove(key);
    }

    /// The right to do a chore that one process does at a time; `None` if another is at it.
    pub(super) fn try_chore(&self, chore: &str) -> io::Result<Option<Chore>> {
        self.layout.make_locks()?;
        let file = open_lock(&self.layout.locks().join(chore))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Chore(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }
}

/// The right to do a chore. Ends when dropped.
#[derive(Debug)]
pub(super) struct Chore(#[expect(dead_code, reason = "closing the file frees the lock")] File);

/// Opens a file whose only use is to be locked.
pub(super) fn open_lock(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A byte of a file for each key: no file is made or removed for a lock, and it costs a call to the system.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod ranges {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::sync::Arc;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    use parking_lot::Mutex;

    use super::super::layout::Layout;
    use super::{Locked, open_lock};
    use crate::digest::Digest;

    /// How many files the keys are spread over: the system looks through a file's locks one by one.
    const FILES: usize = 64;
    /// How many notes of holders a file has.
    const NOTES: u64 = 512;

    /// The lock files, opened as they are needed.
    #[derive(Debug)]
    pub(super) struct KeyFiles(Mutex<[Option<Arc<File>>; FILES]>);

    impl Default for KeyFiles {
        fn default() -> Self {
            Self(Mutex::new([const { None }; FILES]))
        }
    }

    /// Where the lock of a key is: the file, and the byte.
    fn place(key: &Digest) -> (usize, u64) {
        let word = |at: usize| {
            u64::from_le_bytes(key.as_bytes()[at..at + 8].try_into().expect("8 bytes are 8"))
        };
        // Folded, so that keys that differ anywhere differ here; far from the end, which is signed.
        let byte = (word(0) ^ word(8).rotate_left(21) ^ word(16).rotate_left(42) ^ word(24)) >> 2;
        (byte as usize % FILES, byte)
    }

    impl KeyFiles {
        /// Locks the byte of `key`, if nobody else has.
        pub(super) fn try_lock(&self, layout: &Layout, key: &Digest) -> io::Result<Locked> {
            let (number, byte) = place(key);
            let file = self.file(layout, number)?;
            match fcntl(&*file, FcntlArg::F_OFD_SETLK(&range(libc::F_WRLCK, byte))) {
                Ok(_) => {
                    // A note for people; whoever reads it knows that it may be of another key.
                    let _ = file.write_all_at(&note(own_number(), byte), note_at(byte));
                    Ok(Locked::Ours)
                }
                // Linux says so, and nothing else, when another has it.
                Err(Errno::EAGAIN) => Ok(Locked::Taken(holder(&file, byte))),
                Err(cause) => Err(cause.into()),
            }
        }

        /// Unlocks the byte of `key`.
        pub(super) fn unlock(&self, key: &Digest) {
            let (number, byte) = place(key);
            let file = self.0.lock()[number].clone();
            if let Some(file) = file {
                let _ = fcntl(&*file, FcntlArg::F_OFD_SETLK(&range(libc::F_UNLCK, byte)));
            }
        }

        /// Lets go of files that somebody has deleted: a lock on them keeps nobody away.
        pub(super) fn forget_deleted(&self) {
            for file in &mut *self.0.lock() {
                let is_deleted =
                    |file: &Arc<File>| !file.metadata().is_ok_and(|found| found.nlink() > 0);
                if file.as_ref().is_some_and(is_deleted) {
                    *file = None;
                }
            }
        }

        /// The file of that number, opened at its first use.
        fn file(&self, layout: &Layout, number: usize) -> io::Result<Arc<File>> {
            let mut files = self.0.lock();
            if let Some(file) = &files[number] {
                return Ok(Arc::clone(file));
            }
            let path = layout.locks().join(format!("keys-{number:02x}"));
            let file = match open_lock(&path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                    layout.make_locks()?;
                    open_lock(&path)?
                }
                opened => opened?,
            };
            let file = Arc::new(file);
            files[number] = Some(Arc::clone(&file));
            Ok(file)
        }
    }

    /// The number of this process, asked for once: a fork that notes its parent's misleads people, and no lock.
    fn own_number() -> u32 {
        static NUMBER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        *NUMBER.get_or_init(std::process::id)
    }

    /// The lock on one byte.
    fn range(kind: i32, byte: u64) -> libc::flock {
        libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: byte.cast_signed(),
            l_len: 1,
            l_pid: 0,
        }
    }

    /// Where in the file the holder of a byte is noted.
    fn note_at(byte: u64) -> u64 {
        byte / FILES as u64 % NOTES * 8
    }

    /// The process, and enough of the byte to tell most others.
    fn note(process: u32, byte: u64) -> [u8; 8] {
        let mut note = [0; 8];
        note[..4].copy_from_slice(&process.to_le_bytes());
        note[4..].copy_from_slice(&((byte >> 24) as u32).to_le_bytes());
        note
    }

    /// The process that has noted itself as the holder of a byte.
    fn holder(file: &File, byte: u64) -> Option<u32> {
        let mut found = [0; 8];
        file.read_exact_at(&mut found, note_at(byte)).ok()?;
        let process = u32::from_le_bytes(found[..4].try_into().expect("4 bytes are 4"));
        (found == note(process, byte)).then_some(process)
    }
}

/// A file for each key that is locked, where single bytes cannot be.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod ranges {
    use std::collections::HashMap;
    use std::fs::{self, File, TryLockError};
    use std::io;
    use std::path::PathBuf;

    use parking_lot::Mutex;

    use super::super::layout::Layout;
    use super::{Locked, open_lock};
    use crate::digest::Digest;

    /// The locked files, by key.
    #[derive(Debug, Default)]
    pub(super) struct KeyFiles(Mutex<HashMap<Digest, (PathBuf, File)>>);

    impl KeyFiles {
        /// Locks the file of `key`, if nobody else has.
        pub(super) fn try_lock(&self, layout: &Layout, key: &Digest) -> io::Result<Locked> {
            layout.make_locks()?;
            let path = layout.locks().join(&key.to_string()[..32]);
            let file = open_lock(&path)?;
            match file.try_lock() {
                Ok(()) => {
                    self.0.lock().insert(*key, (path, file));
                    Ok(Locked::Ours)
                }
                Err(TryLockError::WouldBlock) => Ok(Locked::Taken(None)),
                Err(TryLockError::Error(cause)) => Err(cause),
            }
        }

        /// Each lock has a file of its own, which is made anew.
        pub(super) fn forget_deleted(&self) {}

        /// Unlocks the file of `key`, and removes it.
        ///
        /// Whoever opened it before it was removed gets a lock on nothing: two may compute then, and neither wrongly.
        pub(super) fn unlock(&self, key: &Digest) {
            if let Some((path, file)) = self.0.lock().remove(key) {
                let _ = fs::remove_file(path);
                drop(file);
            }
        }
    }
}
