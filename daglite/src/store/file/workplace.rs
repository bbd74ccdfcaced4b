//! A process's own folder under `tmp`: what it writes before it is visible, and what must be cleaned up if it is killed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use parking_lot::Mutex;

use super::access::{is_missing, open_at_once};
use super::layout::ObjectName;
use super::living::{Abandoned, Living};
use super::publish::{Durable, publish};
use super::staged::Staged;

/// The file that lists the objects which were published and have no row yet.
const JOURNAL: &str = "published";
/// The file that lists the objects which nobody needs any more, and which are being removed.
const RELEASED: &str = "released";
/// So many names in a journal are worth a shorter one.
const LONG: usize = 1_000;

/// A folder of this process alone. Removed when dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    living: Living,
    journal: Mutex<Journal>,
}

/// The list of objects whose rows are yet to come, for others to read.
///
/// Whoever puts a value announces its object first, and looks whether it is there then. Whoever removes an object takes
/// it away first, and reads all journals then: so one of the two always sees the other.
#[derive(Debug)]
struct Journal {
    file: File,
    /// All that the file lists.
    listed: HashSet<ObjectName>,
    /// Those whose rows are not even in the queue yet, with how many puts are at it.
    in_progress: HashMap<ObjectName, usize>,
}

/// A put that has announced its object, until its row is in the queue.
#[derive(Debug)]
pub(super) struct Announced<'a> {
    workplace: &'a Workplace,
    name: ObjectName,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        let mut journal = self.workplace.journal.lock();
        if let Some(puts) = journal.in_progress.get_mut(&self.name) {
            *puts -= 1;
            if *puts == 0 {
                journal.in_progress.remove(&self.name);
            }
        }
    }
}

impl Workplace {
    /// A new folder in `tmp`, which must be there.
    pub(super) fn open(tmp: &Path) -> io::Result<Self> {
        let (living, file) = Living::open(tmp, |folder| open_journal(&folder.join(JOURNAL)))?;
        let journal = Journal { file, listed: HashSet::new(), in_progress: HashMap::new() };
        Ok(Self { living, journal: Mutex::new(journal) })
    }

    /// Where to write what is not visible yet.
    pub(super) fn path(&self) -> &Path {
        self.living.path()
    }

    /// Whether somebody has deleted it.
    pub(super) fn is_gone(&self) -> bool {
        self.living.is_gone()
    }

    /// Notes that a row is to come which needs the object `name`.
    pub(super) fn announce(&self, name: &ObjectName) -> io::Result<Announced<'_>> {
        let mut journal = self.journal.lock();
        if !journal.listed.contains(name) {
            // A line of its own, even after one that a full disk has cut.
            journal.file.write_all(format!("\n{name}\n").as_bytes())?;
            journal.listed.insert(name.clone());
        }
        *journal.in_progress.entry(name.clone()).or_default() += 1;
        Ok(Announced { workplace: self, name: name.clone() })
    }

    /// Strikes out the objects whose rows have been written or given up; answers them. `waiting` are those of the rows
    /// in the queue, asked for after it is known which puts are still at work.
    pub(super) fn strike_out(
        &self,
        waiting: impl FnOnce() -> HashSet<ObjectName>,
    ) -> Vec<ObjectName> {
        let mut journal = self.journal.lock();
        if journal.listed.is_empty() {
            return Vec::new();
        }
        let mut left = waiting();
        left.extend(journal.in_progress.keys().cloned());
        left.retain(|name| journal.listed.contains(name));
        let is_short = journal.listed.len() - left.len() < LONG;
        if !left.is_empty() && is_short {
            return Vec::new();
        }
        // What stays listed longer than need be costs others a look, and nothing else.
        if self.rewrite(&mut journal, &left).is_err() {
            return Vec::new();
        }
        let before = std::mem::replace(&mut journal.listed, left);
        before.into_iter().filter(|name| !journal.listed.contains(name)).collect()
    }

    /// Makes the file list `left` and nothing else; others see the old list or the new one.
    fn rewrite(&self, journal: &mut Journal, left: &HashSet<ObjectName>) -> io::Result<()> {
        if left.is_empty() {
            return journal.file.set_len(0);
        }
        let (mut staged, mut file) = Staged::file(self.path())?;
        for name in left {
            writeln!(file, "{name}")?;
        }
        drop(file);
        let path = self.path().join(JOURNAL);
        publish(&mut staged, &path, Durable::No)?;
        journal.file = open_journal(&path)?;
        Ok(())
    }

    /// Notes objects that nobody will need once the transaction is committed.
    pub(super) fn note_released(&self, names: &[ObjectName]) -> io::Result<()> {
        let text: String = names.iter().map(|name| format!("\n{name}\n")).collect();
        open_journal(&self.path().join(RELEASED))?.write_all(text.as_bytes())
    }

    /// Notes that they are gone.
    pub(super) fn all_removed(&self) {
        // A list that stays is looked at once more, and does no harm.
        let _ = fs::remove_file(self.path().join(RELEASED));
    }

    /// The objects that any process, ourselves included, has announced and not struck out.
    pub(super) fn all_announced(tmp: &Path) -> io::Result<HashSet<ObjectName>> {
        let mut announced = HashSet::new();
        let found = match fs::read_dir(tmp) {
            Err(cause) if is_missing(&cause) => return Ok(announced),
            found => found?,
        };
        for entry in found {
            announced.extend(read_journal(&entry?.path().join(JOURNAL))?);
        }
        Ok(announced)
    }
}

/// Opens a journal to add to it.
fn open_journal(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The objects that the journal at `path` lists; none if there is no journal.
fn read_journal(path: &Path) -> io::Result<Vec<ObjectName>> {
    let mut text = Vec::new();
    // A pipe in its place has nobody who writes.
    match open_at_once(path).and_then(|mut file| file.read_to_end(&mut text)) {
        Ok(_) => {}
        // A folder in its place is nobody's journal.
        Err(cause) if is_missing(&cause) || path.is_dir() => {}
        Err(cause) => return Err(cause),
    }
    Ok(String::from_utf8_lossy(&text).lines().filter_map(ObjectName::parse).collect())
}

impl Abandoned {
    /// The objects that were published there and perhaps have no row.
    pub(super) fn objects(&self) -> Vec<ObjectName> {
        // What cannot be read is left to `gc`.
        let lists = [JOURNAL, RELEASED].map(|name| read_journal(&self.path().join(name)));
        lists.into_iter().flat_map(Result::unwrap_or_default).collect()
    }

    /// Takes the list away: what it protected may go.
    pub(super) fn forget_objects(&self) {
        // What cannot be removed now protects its objects a little longer.
        let _ = fs::remove_file(self.path().join(JOURNAL));
    }
}
