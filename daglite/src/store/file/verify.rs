//! `Verification`: what is wrong in a folder, and mending it.

use super::FileStore;
use crate::digest::Digest;
use crate::error::Error;

/// Something that is wrong in a store.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileStore::builder(folder.path()).open()?;
/// for problem in store.verify()?.problems() {
///     println!("{}", problem.what);
/// }
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The entry, if it is known whose fault it is.
    pub key: Option<Digest>,
    /// One sentence for people.
    pub what: String,
}

impl Problem {
    /// A problem of the store.
    pub(super) fn of_store(what: impl Into<String>) -> Self {
        Self { key: None, what: what.into() }
    }

    /// A problem of one entry.
    pub(super) fn of_entry(key: Digest, what: impl Into<String>) -> Self {
        Self { key: Some(key), what: what.into() }
    }
}

/// What a look at every byte of a store has found.
///
/// ```
/// # use daglite::FileStore;
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileStore::builder(folder.path()).open()?;
/// assert!(store.verify()?.is_sound());
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "ask what was found"]
pub struct Verification<'a> {
    store: &'a FileStore,
    found: Found,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many entries were looked at.
    pub(super) entries: u64,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
}

impl Verification<'_> {
    /// Whether nothing is wrong.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.verify()?.is_sound());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn is_sound(&self) -> bool {
        self.found.problems.is_empty()
    }

    /// How many entries were looked at.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert_eq!(store.verify()?.entries(), 0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn entries(&self) -> u64 {
        self.found.entries
    }

    /// What is wrong, a sentence each.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert!(store.verify()?.problems().is_empty());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn problems(&self) -> &[Problem] {
        &self.found.problems
    }

    /// Removes what is damaged and makes the rest agree; answers how many problems were mended.
    ///
    /// No sound entry is lost. What was damaged is computed again when it is next asked for.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = FileStore::builder(folder.path()).open()?;
    /// assert_eq!(store.verify()?.repair()?, 0);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn repair(self) -> Result<u64, Error> {
        if self.is_sound() {
            return Ok(0);
        }
        self.store.mend(&self.found)?;
        Ok(self.found.problems.len() as u64)
    }
}

impl FileStore {
    /// Reads every byte of the store and tells what is wrong. Nothing is changed; others may go on using it.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).open()?;
    /// let verification = store.verify()?;
    /// if !verification.is_sound() {
    ///     verification.repair()?;
    /// }
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Verification<'_>, Error> {
        Ok(Verification { store: self, found: self.inspect()? })
    }
}
