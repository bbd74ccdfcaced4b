//! Opens and removes what lies at a path, whatever it is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// How often a folder is emptied that others still write to.
const ATTEMPTS: usize = 8;

/// Opens a file to read, without waiting for a writer if it is a pipe; what it is must be looked at afterwards.
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NONBLOCK);
    options.open(path)
}

/// `O_NONBLOCK`, where its value is known. Regular files do not care; elsewhere, a pipe is waited for.
#[cfg(unix)]
const NONBLOCK: i32 = if cfg!(target_vendor = "apple") {
    0x4
} else if cfg!(any(target_os = "linux", target_os = "android"))
    && !cfg!(any(target_arch = "mips", target_arch = "mips32r6"))
    && !cfg!(any(target_arch = "mips64", target_arch = "mips64r6"))
    && !cfg!(any(target_arch = "sparc", target_arch = "sparc64"))
{
    0o4000
} else {
    0
};

/// Whether nothing is at the path, which may be because nothing is above it.
pub(crate) fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Removes a file, a link or a whole folder.
pub(in crate::store) fn remove_whatever(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return fs::remove_file(path);
    }
    for _ in 1..ATTEMPTS {
        match fs::remove_dir_all(path) {
            // Somebody who was about to publish into the folder when it was set aside has done so.
            Err(cause) if cause.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            done => return done,
        }
    }
    fs::remove_dir_all(path)
}

/// Makes a folder, and those above that are missing, that only its owner may enter.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let Err(cause) = builder.create(path) else { return Ok(()) };
    let in_the_way = |above: &Path| fs::metadata(above).is_ok_and(|found| !found.is_dir());
    if cause.kind() == io::ErrorKind::AlreadyExists && !path.ancestors().any(in_the_way) {
        // Somebody removed the folder between the two looks of the standard library: it is missing.
        return if path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) };
    }
    Err(cause)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A process put an object while another cleared the store, and was told that a file was in the way.
    #[test]
    fn a_folder_that_somebody_removes_meanwhile_is_missing_and_not_in_the_way() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("d0/1b");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _ = fs::remove_dir(&folder);
                    let _ = fs::remove_dir(root.path().join("d0"));
                }
            });
            for _ in 0..20_000 {
                if let Err(cause) = create_private(&folder) {
                    over.store(!is_missing(&cause), Ordering::Relaxed);
                    assert!(is_missing(&cause), "{cause}");
                }
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}
