//! Which files a hash, an encoding or a decoding came upon: so that the engine can look at them again.
//!
//! It is noted per thread, and not in the hasher: a user's hash function may make hashers of its own.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use super::input::{InputDir, names_of};
use super::memo::{Content, MEMO, Stamp};
use crate::Digest;

/// What one piece of work came upon.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// What was read to make a digest.
    pub(crate) seen: Vec<Seen>,
    /// What was said to have been written, in what was decoded.
    pub(crate) claims: Vec<Claim>,
    /// Whether a path was written down that stands for a content.
    pub(crate) mentions: bool,
}

/// A file or folder as it was when it was hashed.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// A file.
    File {
        /// Where it lies.
        path: PathBuf,
        /// What it was.
        content: Content,
    },
    /// A folder; its files are noted one by one.
    Folder {
        /// The folder, with what is asked of it.
        folder: InputDir,
        /// The digest of the names in it.
        names: Digest,
    },
}

/// What an [`OutputFile`](super::OutputFile) said of its file when it was stored.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Where the file lies.
    pub(crate) path: PathBuf,
    /// The digest of its bytes.
    pub(crate) digest: Digest,
    /// How many they are.
    pub(crate) size: u64,
}

thread_local! {
    /// What was come upon since somebody watches; `None`: nobody does.
    static WATCHED: RefCell<Option<Watched>> = const { RefCell::new(None) };
}

/// Does `work`, and tells what it came upon on this thread.
pub(crate) fn watching<R>(work: impl FnOnce() -> R) -> (R, Watched) {
    /// Gives the watch back to who had it, after a panic too.
    struct Outer(Option<Option<Watched>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            if let Some(outer) = self.0.take() {
                WATCHED.with(|watched| *watched.borrow_mut() = outer);
            }
        }
    }
    let outer = WATCHED.with(|watched| watched.replace(Some(Watched::default())));
    let mut outer = Outer(Some(outer));
    let result = work();
    let before = outer.0.take().flatten();
    let watched = WATCHED.with(|watched| watched.replace(before));
    (result, watched.unwrap_or_default())
}

/// Notes what another watch on this thread came upon.
pub(crate) fn pass_on(watched: Watched) {
    let Watched { seen, claims, mentions } = watched;
    note(|outer| {
        outer.seen.extend(seen);
        outer.claims.extend(claims);
        outer.mentions |= mentions;
    });
}

/// Notes something, if somebody watches.
fn note(note: impl FnOnce(&mut Watched)) {
    WATCHED.with(|watched| {
        if let Some(watched) = &mut *watched.borrow_mut() {
            note(watched);
        }
    });
}

/// Notes that a file was read.
pub(super) fn saw_file(path: &Path, content: Content) {
    note(|watched| watched.seen.push(Seen::File { path: path.to_path_buf(), content }));
}

/// Notes that a folder was listed.
pub(super) fn saw_folder(folder: &InputDir, names: Digest) {
    note(|watched| watched.seen.push(Seen::Folder { folder: folder.clone(), names }));
}

/// Notes that a path was written down.
pub(super) fn mention() {
    note(|watched| watched.mentions = true);
}

/// Notes what a stored value says of a file.
pub(super) fn claim(claim: Claim) {
    note(|watched| watched.claims.push(claim));
}

/// What was read of a file a moment ago, while the same somebody watched: a value is looked at several times while it is
/// encoded.
pub(super) fn known(path: &Path) -> Option<Content> {
    WATCHED.with(|watched| {
        watched.borrow().as_ref()?.seen.iter().find_map(|seen| match seen {
            Seen::File { path: known, content } if known == path => Some(*content),
            _ => None,
        })
    })
}

impl Watched {
    /// Whether there is a file in what was encoded.
    pub(crate) fn has_files(&self) -> bool {
        self.mentions || !self.seen.is_empty()
    }
}

impl Seen {
    /// The path, if what lies there is, or may be, not what it was. A file that was changed and changed back counts as
    /// changed: somebody may have read it in between.
    pub(crate) fn changed(&self) -> Option<&Path> {
        match self {
            Self::File { path, content } => {
                let same = match fs::metadata(path).and_then(|now| Stamp::of(&now)) {
                    Ok(now) if now != content.stamp => false,
                    Ok(_) if content.settled => true,
                    Ok(_) => MEMO.content(path).is_ok_and(|now| now.digest == content.digest),
                    Err(_) => false,
                };
                (!same).then_some(path)
            }
            Self::Folder { folder, names } => {
                let same = names_of(folder).is_ok_and(|now| now == *names);
                (!same).then_some(folder.path())
            }
        }
    }
}

impl Claim {
    /// What is wrong, if the file is not what was written.
    pub(crate) fn broken(&self) -> Option<String> {
        let at = self.path.display();
        let content = match MEMO.content(&self.path) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Some(format!("`{at}` is missing"));
            }
            Err(error) => return Some(format!("`{at}` cannot be read: {error}")),
        };
        let same = content.stamp.len() == self.size && content.digest == self.digest;
        (!same).then(|| format!("`{at}` has changed since it was written"))
    }
}
