//! `FileStoreBuilder`: what a folder may hold, and what goes when it is too much.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::FileStore;
use super::filesystem::can_share_an_index;
use super::folder_path;
use super::indexed::Indexed;
use super::layout::Layout;
use super::plain::PlainFiles;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::size::{ByteSize, IntoByteSize};

/// How much a store holds when nobody says otherwise: 10 GiB.
const DEFAULT_MAX_SIZE: u64 = 10 << 30;

/// Above this part of a limit, entries are evicted.
pub(super) const HIGH_MARK: f64 = 0.9;
/// Until this part of it is left.
pub(super) const LOW_MARK: f64 = 0.7;

/// Which entries go first when a cache is too large.
///
/// Each is exact, not a guess from samples. In settings they are written `lru`, `lfu`, `largest-first`, `oldest-first`
/// and `none`.
///
/// ```
/// use daglite::Eviction;
///
/// assert_eq!("largest-first".parse(), Ok(Eviction::LargestFirst));
/// assert_eq!(Eviction::default(), Eviction::Lru);
/// assert_eq!(Eviction::Lru.to_string(), "lru");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// Those whose last use is longest ago: being computed is a use.
    #[default]
    Lru,
    /// Those that were used least often; among equals, those whose last use is longest ago.
    Lfu,
    /// The largest; among equals, the oldest.
    LargestFirst,
    /// Those that were computed first, however often they are used.
    OldestFirst,
    /// None: when the cache is full, new results are not cached.
    None,
}

impl Eviction {
    /// All of them, with their names in settings.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Lru, "lru"),
        (Self::Lfu, "lfu"),
        (Self::LargestFirst, "largest-first"),
        (Self::OldestFirst, "oldest-first"),
        (Self::None, "none"),
    ];
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(policy, _)| policy == self).map(|(_, name)| *name);
        f.write_str(name.expect("all policies have a name"))
    }
}

impl FromStr for Eviction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(policy, _)| *policy).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(_, name)| format!("`{name}`")).collect();
            format!("`{text}` is no policy of eviction: write one of {}", names.join(", "))
        })
    }
}

/// How a folder keeps its entries.
///
/// In settings they are written `auto`, `index` and `files`.
///
/// ```
/// use daglite::FileStoreLayout;
///
/// assert_eq!("files".parse(), Ok(FileStoreLayout::Files));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileStoreLayout {
    /// An index where processes can share one, files elsewhere: on network file systems.
    #[default]
    Auto,
    /// A SQLite index with small values in place, and larger values as files beside it.
    Index,
    /// One file an entry.
    Files,
}

impl FromStr for FileStoreLayout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "index" => Ok(Self::Index),
            "files" => Ok(Self::Files),
            _ => Err(format!("`{text}` is no layout: write `auto`, `index` or `files`")),
        }
    }
}

/// How much a store may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most bytes.
    pub(super) max_size: Option<u64>,
    /// The most entries.
    pub(super) max_entries: Option<u64>,
    /// What goes first.
    pub(super) eviction: Eviction,
    /// The level at which larger values are compressed, if they are.
    pub(super) compression: Option<i32>,
}

impl Limits {
    /// Whether a store of this size is above that part of a limit.
    pub(super) fn is_above(&self, part: f64, bytes: u64, entries: u64) -> bool {
        let (bytes, entries) = self.excess(part, bytes, entries);
        bytes > 0 || entries > 0
    }

    /// How many bytes and entries a store of this size has above that part of its limits.
    pub(super) fn excess(&self, part: f64, bytes: u64, entries: u64) -> (u64, u64) {
        // Limits are far below 2^53, or are not reached.
        let above = |limit: Option<u64>, is: u64| {
            // At least one: a cache of one entry has one.
            limit.map_or(0, |limit| is.saturating_sub(((limit as f64 * part) as u64).max(1)))
        };
        (above(self.max_size, bytes), above(self.max_entries, entries))
    }

    /// Why a value of this size is not taken in, if it is larger than the whole cache may be.
    pub(super) fn refuse_size(&self, size: u64) -> Option<String> {
        let most = self.max_size.filter(|most| size > *most)?;
        Some(format!(
            "it has {}, and the whole cache may have {}: raise `max_size`",
            ByteSize::new(size),
            ByteSize::new(most)
        ))
    }
}

/// Settings of a [`FileStore`] that is not open yet.
///
/// ```
/// use daglite::{Eviction, FileStore};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileStore::builder(folder.path())
///     .max_size("2GB")
///     .max_entries(1_000_000)
///     .eviction(Eviction::LargestFirst)
///     .open()?;
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `open` to get the store"]
pub struct FileStoreBuilder {
    /// The folder, as it was given.
    path: PathBuf,
    /// The most bytes; the text that is no size, if it is none.
    max_size: Result<Option<u64>, Arc<Error>>,
    limits: Limits,
    layout: FileStoreLayout,
    clock: Clock,
}

impl FileStoreBuilder {
    /// The settings that hold when nobody says otherwise.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            max_size: Ok(Some(DEFAULT_MAX_SIZE)),
            limits: Limits {
                max_size: None,
                max_entries: None,
                eviction: Eviction::default(),
                compression: None,
            },
            layout: FileStoreLayout::default(),
            clock: Clock::system(),
        }
    }

    /// Keeps at most `size` bytes: text as in `"10GB"`, or a number. Without it, 10 GiB.
    ///
    /// Eviction starts at 0.9 of it and goes on until 0.7 is left. A single result that is larger is used and not kept.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// let error = FileStore::builder("cache").max_size("10 apples").open().unwrap_err();
    /// assert!(error.to_string().contains("10 apples"));
    /// ```
    pub fn max_size(mut self, size: impl IntoByteSize) -> Self {
        self.max_size = size.into_byte_size().map(|size| Some(size.bytes())).map_err(Arc::new);
        self
    }

    /// Keeps whatever comes, however much it is.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).without_max_size().open()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn without_max_size(mut self) -> Self {
        self.max_size = Ok(None);
        self
    }

    /// Keeps at most `entries` entries. Without it, as many as fit.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).max_entries(10_000).open()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.limits.max_entries = Some(entries);
        self
    }

    /// What goes first when the cache is too large. Without it, [`Eviction::Lru`].
    ///
    /// ```
    /// # use daglite::{Eviction, FileStore};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).eviction(Eviction::Lfu).open()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn eviction(mut self, policy: Eviction) -> Self {
        self.limits.eviction = policy;
        self
    }

    /// Compresses values above 16 KiB with zstd, at a level from 1 (fast) to 22 (small). Needs the feature `zstd`.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let opened = FileStore::builder(folder.path()).compression(3).open();
    /// # drop(opened);
    /// ```
    pub fn compression(mut self, level: i32) -> Self {
        self.limits.compression = Some(level);
        self
    }

    /// How the folder keeps its entries. Without it, [`FileStoreLayout::Auto`].
    ///
    /// ```
    /// # use daglite::{FileStore, FileStoreLayout};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path()).layout(FileStoreLayout::Files).open()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn layout(mut self, layout: FileStoreLayout) -> Self {
        self.layout = layout;
        self
    }

    /// Reads the time from `clock`, to tell what has expired: for tests that move it.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let (clock, hands) = daglite::clock::Clock::manual();
    /// let store = FileStore::builder(folder.path()).clock(clock).open()?;
    /// hands.advance(std::time::Duration::from_secs(3600));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The store. Looks at the folder, and creates nothing.
    ///
    /// ```
    /// # use daglite::FileStore;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = FileStore::builder(folder.path().join("not/there/yet")).open();
    /// assert!(store.is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// The path is empty, or there is a file in its place; a setting makes no sense. A folder that cannot be written
    /// shows at the first put.
    pub fn open(self) -> Result<FileStore, Error> {
        let Self { path, max_size, mut limits, layout, clock } = self;
        let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
        limits.max_size = match max_size {
            Ok(Some(0)) => return wrong(
                "`max_size` is 0, so nothing could be cached: give a size, or do without a cache"
                    .to_owned(),
            ),
            Ok(size) => size,
            Err(error) => return wrong(format!("`max_size`: {error}")),
        };
        if limits.max_entries == Some(0) {
            return wrong(
                "`max_entries` is 0, so nothing could be cached: give a number, or do without a cache".to_owned(),
            );
        }
        if let Some(level) = limits.compression {
            if !(1..=22).contains(&level) {
                return wrong(format!("`compression` is {level}: choose a level from 1 to 22"));
            }
            if cfg!(not(feature = "zstd")) {
                return wrong(
                    "`compression` needs the feature `zstd` of daglite: enable it in Cargo.toml"
                        .to_owned(),
                );
            }
        }
        let root = folder_path(&path, "the cache", ErrorKind::Store)?;
        let mut notice = None;
        let in_files = match layout {
            FileStoreLayout::Files => true,
            FileStoreLayout::Index => false,
            FileStoreLayout::Auto => match can_share_an_index(&root) {
                Ok(()) => false,
                Err(kind) => {
                    notice = Some(format!(
                        "the cache `{}` is on {kind}, where processes cannot share an index: each entry is a file, \
                         which is slower; a folder on a local disk is faster",
                        root.display()
                    ));
                    true
                }
            },
        };
        let layout = Arc::new(Layout::new(root));
        Ok(if in_files {
            FileStore::in_files(PlainFiles::new(layout, limits, clock, notice))
        } else {
            FileStore::indexed(Indexed::new(layout, limits, clock))
        })
    }
}
