//! How often other processes have put something: a counter in a file, less our own part of it.
//!
//! To ask the index takes a transaction; to ask the counter takes one read. So a process that has just found nothing
//! under a key knows, once it holds the lock on that key, that there is still nothing.

use std::fs::File;
use std::io;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::layout::Layout;
use super::super::locks::open_lock;

/// The counter.
#[derive(Debug)]
pub(super) struct Changes {
    layout: Arc<Layout>,
    state: Mutex<State>,
}

/// The file, and our own part.
#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    /// How often we have counted.
    own: u64,
    /// Goes up when what the file says cannot be known.
    unknown: u64,
}

impl Changes {
    /// Not opened yet.
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, state: Mutex::default() }
    }

    /// Counts a batch of our own: once it is committed, and before the locks on its keys are given back. So whoever is
    /// granted one of them, and looked before the commit, sees another count than then.
    pub(super) fn count(&self) {
        let mut state = self.state.lock();
        // The count and our part of it change together, or others' part would seem to change.
        let counted = state.open(&self.layout).and_then(|file| {
            file.lock()?;
            let counted = read(file).and_then(|count| write(file, count.wrapping_add(1)));
            file.unlock()?;
            counted
        });
        match counted {
            Ok(()) => state.own = state.own.wrapping_add(1),
            Err(_) => _ = state.lose(),
        }
    }

    /// A number that is another one when another process has written a batch in between.
    pub(super) fn of_others(&self) -> u64 {
        let mut state = self.state.lock();
        if state.file.is_none() && !state.path(&self.layout).exists() {
            // Nobody has put anything.
            return state.unknown.wrapping_sub(state.own);
        }
        match state.open(&self.layout).and_then(read) {
            Ok(count) => count.wrapping_sub(state.own).wrapping_add(state.unknown),
            Err(_) => state.lose(),
        }
    }

    /// Lets go of the file: the folder may be another one now.
    pub(super) fn forget(&self) {
        let _ = self.state.lock().lose();
    }
}

impl State {
    /// Where the file lies.
    fn path(&self, layout: &Layout) -> PathBuf {
        layout.locks().join("changes")
    }

    /// The file, opened if need be.
    fn open(&mut self, layout: &Layout) -> io::Result<&mut File> {
        if self.file.is_none() {
            layout.make_locks()?;
            self.file = Some(open_lock(&self.path(layout))?);
        }
        Ok(self.file.as_mut().expect("it has just been opened"))
    }

    /// What the file says counts no more; answers a number that was never answered before, as far as can be told.
    fn lose(&mut self) -> u64 {
        self.file = None;
        self.unknown = self.unknown.wrapping_add(1 << 32);
        self.unknown
    }
}

/// What the file says; zero if it is new.
fn read(file: &mut File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    match read_at_start(file, &mut bytes) {
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(cause) => Err(cause),
        Ok(()) => Ok(u64::from_le_bytes(bytes)),
    }
}

/// Reads from the start, in one call where the system has it.
fn read_at_start(file: &mut File, bytes: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, bytes, 0)
    }
    #[cfg(not(unix))]
    {
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(bytes)
    }
}

/// Writes the count.
fn write(file: &mut File, count: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, &count.to_le_bytes(), 0)
    }
    #[cfg(not(unix))]
    {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&count.to_le_bytes())
    }
}
