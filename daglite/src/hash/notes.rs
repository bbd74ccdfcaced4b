//! `Notes`: where digests of files are kept for other processes, by whoever has a place for them.

use std::cell::RefCell;
use std::sync::Arc;

use crate::Digest;
use crate::sync::thread_local;

/// Keeps a few bytes by name. What it has may be missing, and is never wrong.
pub(crate) trait Notes: Send + Sync {
    /// The bytes under `name`.
    fn noted(&self, name: &Digest) -> Option<Vec<u8>>;

    /// Keeps `bytes` under `name`.
    fn note(&self, name: &Digest, bytes: &[u8]);
}

thread_local! {
    /// What is consulted by hashing on this thread.
    static CONSULTED: RefCell<Option<Arc<dyn Notes>>> = const { RefCell::new(None) };
}

/// While it lives, hashing on this thread consults some notes.
pub(crate) struct Consulting {
    before: Option<Arc<dyn Notes>>,
}

/// Has hashing on this thread consult `notes`, or none.
pub(crate) fn consulting(notes: Option<Arc<dyn Notes>>) -> Consulting {
    Consulting { before: CONSULTED.with(|consulted| consulted.replace(notes)) }
}

impl Drop for Consulting {
    fn drop(&mut self) {
        let before = self.before.take();
        CONSULTED.with(|consulted| *consulted.borrow_mut() = before);
    }
}

/// The notes that are consulted now.
pub(super) fn consulted() -> Option<Arc<dyn Notes>> {
    CONSULTED.with(|consulted| consulted.borrow().clone())
}
