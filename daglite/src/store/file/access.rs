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
    builder.create(path)
}
