//! What is being written and not visible yet: its unique name, and that it vanishes unless it is published.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::access::remove_whatever;
use super::living::is_workplace;
use crate::clock::{Clock, Timestamp};

/// What has not been touched for so long belongs to a process that was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// A file or folder under a name that nobody else picks. Removed when dropped, unless it was published.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Where it is; `None` once it is there no more.
    path: Option<PathBuf>,
}

impl Staged {
    /// A new file in `tmp`, private to its user, open for writing.
    pub(crate) fn file(tmp: &Path) -> io::Result<(Self, File)> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::claim(tmp, |path| options.open(path))
    }

    /// A new, empty folder in `tmp`.
    pub(crate) fn folder(tmp: &Path) -> io::Result<Self> {
        let (staged, ()) = Self::claim(tmp, |path| fs::create_dir(path))?;
        Ok(staged)
    }

    /// A name in `tmp` that nothing has yet.
    pub(super) fn unused_name(tmp: &Path) -> Self {
        Self { path: Some(tmp.join(unique_name())) }
    }

    /// Lets `create` make something new under a unique name; a name that is taken after all is left alone.
    fn claim<T>(tmp: &Path, create: impl Fn(&Path) -> io::Result<T>) -> io::Result<(Self, T)> {
        loop {
            let path = tmp.join(unique_name());
            match create(&path) {
                Ok(made) => return Ok((Self { path: Some(path) }, made)),
                Err(cause)
                    if cause.kind() == io::ErrorKind::AlreadyExists
                        && path.symlink_metadata().is_ok() => {}
                Err(cause) => return Err(cause),
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().expect("a staged path is asked for before it is published")
    }

    /// Whether it has not been published.
    pub(crate) fn is_pending(&self) -> bool {
        self.path.is_some()
    }

    /// It has been published: leave it alone.
    pub(super) fn forget(&mut self) {
        self.path = None;
    }

    /// Removes it now and reports if that fails.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.path.take().map_or(Ok(()), |path| remove_whatever(&path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What cannot be removed now is swept later.
            let _ = remove_whatever(path);
        }
    }
}

/// Removes from `tmp` what killed processes left there.
///
/// A courtesy: whatever goes wrong, the next sweep may do better. Age decides, as the process may be of another
/// machine; a day is more than the clocks of machines on one file system differ.
pub(crate) fn sweep_stale(tmp: &Path) {
    let Ok(found) = fs::read_dir(tmp) else { return };
    let now = Clock::system().now();
    for entry in found.flatten() {
        // The folder of a process is swept when the process is gone, however old it is.
        if is_workplace(&entry.path()) {
            continue;
        }
        if last_change(&entry).and_then(|changed| now.since(changed)).is_some_and(|age| age > STALE)
        {
            let _ = remove_whatever(&entry.path());
        }
    }
}

/// When the file or folder was last written to.
fn last_change(entry: &fs::DirEntry) -> Option<Timestamp> {
    let modified = entry.metadata().ok()?.modified().ok()?;
    Some(Timestamp::from_millis(0).after(modified.duration_since(UNIX_EPOCH).ok()?))
}

/// A name that no other thread, process or machine picks.
fn unique_name() -> String {
    static SEED: OnceLock<blake3::Hasher> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    let mut hasher = SEED.get_or_init(seed).clone();
    // The process again, as a fork has its parent's seed and counter.
    hasher.update(&process.to_le_bytes());
    hasher.update(&COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let name = hasher.finalize().to_hex();
    format!("{process}-{}", &name[..32])
}

/// What tells this process from all others: the system's randomness where it can be read, and whatever else differs.
fn seed() -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    let mut random = [0; 32];
    if cfg!(unix)
        && File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).is_ok()
    {
        hasher.update(&random);
    }
    for variable in ["HOSTNAME", "COMPUTERNAME", "USERNAME", "SESSIONNAME"] {
        hasher.update(format!("{:?}\n", std::env::var_os(variable)).as_bytes());
    }
    let stack = format!("{:p}", &raw const random);
    hasher.update(stack.as_bytes());
    hasher.update(format!("{:?} {:?}", Instant::now(), Clock::system().now()).as_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    hasher
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_across_threads() {
        let names = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..2_500).map(|_| unique_name()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<HashSet<_>>()
        });
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn what_is_not_published_vanishes() {
        let tmp = tempfile::tempdir().unwrap();
        let (staged, _file) = Staged::file(tmp.path()).unwrap();
        let folder = Staged::folder(tmp.path()).unwrap();
        fs::write(folder.path().join("value"), b"half").unwrap();
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 2);
        drop((staged, folder));
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_what_is_a_day_old_is_swept() {
        let tmp = tempfile::tempdir().unwrap();
        let [old, young] = ["old", "young"].map(|name| tmp.path().join(name));
        for path in [&old, &young] {
            fs::write(path, b"half").unwrap();
        }
        let long_ago =
            young.metadata().unwrap().modified().unwrap() - Duration::from_secs(25 * 60 * 60);
        OpenOptions::new().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        sweep_stale(tmp.path());
        assert!(!old.exists() && young.exists());
    }
}
