//! The floor to compare with: a file an entry, written and renamed, and read. Nothing is hashed, checked or described.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::cache::{Cache, Held};
use crate::call::{Call, through};

/// Writes a file beside `path` and renames it.
///
/// # Errors
///
/// The folder cannot be written.
#[expect(clippy::disallowed_methods, reason = "a rename without more is the floor to compare with")]
pub fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = path.with_extension("new");
    fs::write(&staged, bytes)?;
    fs::rename(staged, path)
}

/// A function cached in the files of `folder`.
pub fn in_plain_files<V: 'static>(
    folder: &Path,
    compute: fn(u64) -> V,
    encode: fn(&V) -> Vec<u8>,
    decode: fn(Vec<u8>) -> V,
) -> Call<V> {
    let folder = folder.to_path_buf();
    let place = folder.clone();
    through(
        move |n| fs::read(folder.join(n.to_string())).ok().map(decode),
        move |n, value| {
            let published = publish(&place.join(n.to_string()), &encode(value));
            published.expect("a folder of our own can be written");
        },
        compute,
    )
}

/// A number as bytes, for [`in_plain_files`].
pub fn encode(number: &u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// The number that [`encode`] made into bytes.
pub fn decode(bytes: Vec<u8>) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes were written"))
}

/// Numbered values in the files of a folder, all of them in that one.
pub struct PlainFiles(PathBuf);

impl PlainFiles {
    /// Those in `folder`.
    pub fn open(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    fn read(&self, n: u64) -> Option<Vec<u8>> {
        fs::read(self.0.join(n.to_string())).ok()
    }
}

impl Cache for PlainFiles {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        publish(&self.0.join(n.to_string()), &value).expect("a folder of our own can be written");
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        self.read(n).map(Held::Own)
    }
}

/// [`PlainFiles`] whose values stay in memory once they have been read, as those of a session do: each is read into memory that
/// the process has not had before.
pub struct KeptPlainFiles {
    files: PlainFiles,
    kept: Vec<Arc<Vec<u8>>>,
}

impl KeptPlainFiles {
    /// Those in `folder`.
    pub fn open(folder: &Path) -> Self {
        Self { files: PlainFiles::open(folder), kept: Vec::new() }
    }
}

impl Cache for KeptPlainFiles {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        self.files.put(n, value);
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        let value = Arc::new(self.files.read(n)?);
        self.kept.push(Arc::clone(&value));
        Some(Held::Shared(value))
    }
}
