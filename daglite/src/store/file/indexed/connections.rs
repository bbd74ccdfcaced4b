//! The connections to the index: one that writes, some that read, all of the file that is there now.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::super::access::is_missing;
use super::super::layout::Layout;
use super::schema::{set_up_reader, set_up_writer};
use super::trouble::Trouble;
use crate::store::StoreError;

/// How many reading connections are kept.
const KEPT: usize = 64;
/// How long a lock is waited for: another process's batch, or its log that is moved into the index.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long after a look at the file that the connections are of, none is needed: to answer costs less than to look. What
/// was deleted in between is right for its key all the same, and who writes looks each time.
const MOMENT: Duration = Duration::from_micros(25);
/// How long once a lock could not be had in that time.
const IMPATIENCE: Duration = Duration::from_millis(50);
/// How long that is remembered.
const GRUDGE: Duration = Duration::from_secs(60);

/// The connections of one store.
#[derive(Debug)]
pub(super) struct Connections {
    /// Where the index lies.
    layout: Arc<Layout>,
    /// Goes up when the index is another file than before: older connections are of a file that nobody sees any more.
    generation: AtomicU64,
    /// Which file the connections of this generation are of.
    opened: Mutex<Option<FileIdentity>>,
    /// When it was last seen to be that one still.
    seen: Mutex<Option<Instant>>,
    /// Reading connections that nobody uses now.
    readers: Mutex<Vec<(u64, Connection)>>,
    /// The writing connection.
    writer: Mutex<Option<(u64, Connection)>>,
    /// When a lock could last not be had in good time.
    blocked: Mutex<Option<Instant>>,
    /// When SQLite last gave up on its locks.
    out_of_order: Mutex<Option<Instant>>,
}

impl Connections {
    /// No connections yet.
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            generation: AtomicU64::new(0),
            opened: Mutex::default(),
            seen: Mutex::default(),
            readers: Mutex::default(),
            writer: Mutex::default(),
            blocked: Mutex::default(),
            out_of_order: Mutex::default(),
        }
    }

    /// The path of the index.
    pub(super) fn path(&self) -> &Path {
        self.layout.index()
    }

    /// Which index the connections are of.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// As [`refresh`](Self::refresh), unless that was done a moment ago.
    pub(super) fn refresh_soon(&self) {
        let now = Instant::now();
        let mut seen = self.seen.lock();
        if !seen.is_some_and(|seen| now.saturating_duration_since(seen) < MOMENT) {
            *seen = Some(now);
            drop(seen);
            self.refresh();
        }
    }

    /// Notices that the index has been deleted or replaced by somebody.
    pub(super) fn refresh(&self) {
        let mut opened = self.opened.lock();
        if let Some(known) = *opened
            && FileIdentity::of(self.path()) != Some(known)
        {
            *opened = None;
            drop(opened);
            self.forget();
        }
    }

    /// Lets go of all connections: the index they are of is no more.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        *self.opened.lock() = None;
        self.readers.lock().clear();
    }

    /// Lets `look` read; `None` if there is no index.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        self.check_order()?;
        let generation = self.generation();
        let kept = self.readers.lock().pop().filter(|(of, _)| *of == generation);
        let (connection, lasts) = match kept {
            Some((_, connection)) => (connection, true),
            None => match self.open_reader()? {
                Some(opened) => opened,
                None => return Ok(None),
            },
        };
        let seen = look(&connection).inspect_err(|trouble| self.note_blocked(trouble))?;
        let mut readers = self.readers.lock();
        if lasts && readers.len() < KEPT && self.generation() == generation {
            readers.push((generation, connection));
        }
        Ok(Some(seen))
    }

    /// Lets `look` read what is on the disk, and not what another look has left in memory; `None` if there is no index.
    pub(super) fn read_anew<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        self.open_reader()?.map(|(connection, _)| look(&connection)).transpose()
    }

    /// Closes the connections, as far as nobody uses them now.
    pub(super) fn close(&self) {
        self.readers.lock().clear();
        self.writer.lock().take();
    }

    /// Lets `change` write, in a transaction of its own that ends with it.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        self.with_writer(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = change(&transaction)?;
            transaction.commit()?;
            Ok(changed)
        })
    }

    /// Lets `work` use the writing connection; made, with the index, if need be.
    pub(super) fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        self.check_order()?;
        let mut writer = self.writer.lock();
        self.refresh();
        let generation = self.generation();
        let kept = writer.take().filter(|(of, _)| *of == generation);
        let opened = match kept {
            Some((_, connection)) => Ok(connection),
            None => self.open_writer(),
        };
        let done = opened.and_then(|mut connection| {
            connection.busy_timeout(self.patience())?;
            Ok((work(&mut connection)?, connection))
        });
        let (done, connection) = done.inspect_err(|trouble| self.note_blocked(trouble))?;
        *writer = Some((generation, connection));
        *self.blocked.lock() = None;
        Ok(done)
    }

    /// How long a lock is waited for. Who could not have one waits only shortly for the next: a process that is stopped
    /// with a lock in hand must not hold up a run again and again.
    pub(super) fn patience(&self) -> Duration {
        match *self.blocked.lock() {
            Some(since) if since.elapsed() < GRUDGE => IMPATIENCE,
            _ => PATIENCE,
        }
    }

    /// Fails at once if locks did not work lately: SQLite tries for ten seconds before it gives up on them.
    fn check_order(&self) -> Result<(), Trouble> {
        match *self.out_of_order.lock() {
            Some(since) if since.elapsed() < GRUDGE => Err(StoreError::new(format!(
                "the locks of the index `{}` do not work: choose a folder on another file system",
                self.path().display()
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Remembers that a lock could not be had.
    fn note_blocked(&self, trouble: &Trouble) {
        if let Trouble::Refused(error) = trouble
            && error.sqlite_error_code() == Some(ErrorCode::FileLockingProtocolFailed)
        {
            *self.out_of_order.lock() = Some(Instant::now());
        }
        if let Trouble::Refused(error) = trouble
            && matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
        {
            self.lose_patience();
        }
    }

    /// Remembers that somebody was waited for in vain.
    pub(super) fn lose_patience(&self) {
        *self.blocked.lock() = Some(Instant::now());
    }

    /// A connection that reads, and whether it may be kept; `None` if there is nothing to read.
    ///
    /// One that takes the index for immutable sees nothing of what is put later. It may have been opened only because the
    /// process had no file left to open, so that it answers one question and no more.
    fn open_reader(&self) -> Result<Option<(Connection, bool)>, Trouble> {
        let path = self.path();
        // Before it is opened: who finds it damaged must know later whether it is still the same.
        self.opened(path);
        match path.symlink_metadata() {
            Err(cause) if is_missing(&cause) => return Ok(None),
            Err(cause) => return Err(StoreError::io("read the index", path, cause).into()),
            Ok(found) if !found.is_file() => return Err(not_a_file()),
            Ok(found) if found.len() == 0 => return Ok(None),
            Ok(_) => {}
        }
        self.check_companions()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags)
            .map_err(Trouble::from)
            .and_then(|connection| Ok((set_up_reader(&connection, self.patience())?, connection)));
        let (has_tables, connection, lasts) =
            match opened.inspect_err(|trouble| self.note_blocked(trouble)) {
                Err(trouble) if is_read_only(&trouble) => {
                    let (has_tables, connection) = open_immutable(path)?;
                    (has_tables, connection, false)
                }
                other => {
                    let (has_tables, connection) = other?;
                    (has_tables, connection, true)
                }
            };
        Ok(has_tables.then_some((connection, lasts)))
    }

    /// The connection that writes, to an index that is made if there is none.
    fn open_writer(&self) -> Result<Connection, Trouble> {
        let layout = &self.layout;
        let path = layout.index();
        layout.clear_the_way();
        layout.prepare(&[layout.objects(), layout.tmp(), layout.locks()])?;
        match path.symlink_metadata() {
            Ok(found) if !found.is_file() => {
                self.opened(path);
                return Err(not_a_file());
            }
            Ok(_) => {}
            Err(_) => create_private_file(path)
                .map_err(|cause| StoreError::io("create the index", path, cause))?,
        }
        self.opened(path);
        self.check_companions()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        let set_up = set_up_writer(&mut connection, self.patience());
        if connection.is_readonly(MAIN_DB).is_ok_and(|forbids| forbids) && can_be_written(path) {
            return Err(Trouble::damaged("its header says that it must not be written"));
        }
        set_up?;
        Ok(connection)
    }

    /// Refuses a log, or what belongs to it, that is a folder or a link: SQLite would follow it, or give up.
    fn check_companions(&self) -> Result<(), Trouble> {
        for path in self.layout.index_files() {
            if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
                return Err(not_a_file());
            }
        }
        Ok(())
    }

    /// Notes which file the connections are of.
    fn opened(&self, path: &Path) {
        let mut opened = self.opened.lock();
        if opened.is_none() {
            *opened = FileIdentity::of(path);
        }
    }
}

/// What is wrong with a folder or a link in the place of the index.
fn not_a_file() -> Trouble {
    Trouble::damaged("it is not a file")
}

/// Whether the system lets us write a file. To be asked of an index that is moved aside if so: closing the file frees the
/// locks that this process has on it.
fn can_be_written(path: &Path) -> bool {
    OpenOptions::new().write(true).open(path).is_ok()
}

/// Whether the index cannot be opened for writing, and reading may be possible.
fn is_read_only(trouble: &Trouble) -> bool {
    let Trouble::Refused(error) = trouble else { return false };
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}

/// A connection to an index on a medium that nobody can write.
fn open_immutable(path: &Path) -> Result<(bool, Connection), Trouble> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    Ok((set_up_reader(&connection, PATIENCE)?, connection))
}

/// Makes an empty file that only its owner may read.
fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

/// Which file lies at a path, whatever is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity(u64, u64);

impl FileIdentity {
    /// The file at `path`; `None` if there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self(found.dev(), found.ino()))
        }
        #[cfg(not(unix))]
        {
            // An open file cannot be replaced there.
            let _ = found;
            Some(Self(0, 0))
        }
    }
}
