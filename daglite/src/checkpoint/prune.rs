//! `Prune`: which versions of a checkpoint are to go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::meta::CheckpointMeta;

/// Which versions of a checkpoint are to go. Those with a tag stay, unless [`tagged_too`](Self::tagged_too) is said, and
/// the newest sound one always stays.
///
/// ```
/// use std::time::Duration;
///
/// use daglite::FileCheckpoints;
/// use daglite::checkpoint::Prune;
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// for epoch in 0..5u32 {
///     checkpoints.save("model", &epoch)?;
/// }
/// checkpoints.tag("model", "latest", "prod")?;
/// checkpoints.save("model", &99u32)?;
///
/// assert_eq!(checkpoints.prune("model", Prune::older_than(Duration::from_secs(3600)))?.len(), 0);
/// assert_eq!(checkpoints.prune("model", Prune::keep_last(1))?.len(), 4);
/// assert_eq!(checkpoints.load::<u32>("model", "prod")?, 4);
/// assert_eq!(checkpoints.prune("model", Prune::keep_last(1).tagged_too())?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "hand it to `prune`"]
pub struct Prune {
    /// Which versions.
    pub(super) rule: Rule,
    /// Whether tags protect nothing.
    pub(super) tagged_too: bool,
}

/// Says of a version whether it is to go.
type Predicate = Arc<dyn Fn(&CheckpointMeta) -> bool + Send + Sync>;

/// Which versions are to go.
#[derive(Clone)]
pub(super) enum Rule {
    /// Those before so many sound ones.
    KeepLast(usize),
    /// Those saved longer ago.
    OlderThan(Duration),
    /// Those of which this is true.
    When(Predicate),
}

impl Prune {
    /// All but the newest `keep` sound versions, which must be one or more. A damaged version that is newer than those
    /// stays, for you to look at.
    ///
    /// ```
    /// # use daglite::{FileCheckpoints, checkpoint::Prune};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// # checkpoints.save("model", &1u8).unwrap();
    /// let gone = checkpoints.prune("model", Prune::keep_last(3)).unwrap();
    /// # assert!(gone.is_empty());
    /// ```
    pub fn keep_last(keep: usize) -> Self {
        Self { rule: Rule::KeepLast(keep), tagged_too: false }
    }

    /// The versions that were saved longer ago than `age`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use daglite::{FileCheckpoints, checkpoint::Prune};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// # checkpoints.save("model", &1u8).unwrap();
    /// let month = Duration::from_secs(30 * 24 * 60 * 60);
    /// let gone = checkpoints.prune("model", Prune::older_than(month)).unwrap();
    /// # assert!(gone.is_empty());
    /// ```
    pub fn older_than(age: Duration) -> Self {
        Self { rule: Rule::OlderThan(age), tagged_too: false }
    }

    /// The versions whose metadata `goes` says yes to. Those whose metadata cannot be read stay.
    ///
    /// ```
    /// # use daglite::{Checkpoint, FileCheckpoints, checkpoint::Prune};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save(Checkpoint::named("model").meta("loss", 0.9), &1u8).unwrap();
    /// checkpoints.save(Checkpoint::named("model").meta("loss", 0.1), &2u8).unwrap();
    /// let poor = Prune::when(|meta| meta.user["loss"].as_f64() > Some(0.5));
    /// assert_eq!(checkpoints.prune("model", poor).unwrap().len(), 1);
    /// ```
    pub fn when(goes: impl Fn(&CheckpointMeta) -> bool + Send + Sync + 'static) -> Self {
        Self { rule: Rule::When(Arc::new(goes)), tagged_too: false }
    }

    /// The same, and tags protect nothing: they go with their versions.
    ///
    /// ```
    /// # use daglite::checkpoint::Prune;
    /// let all_but_one = Prune::keep_last(1).tagged_too();
    /// # let _ = all_but_one;
    /// ```
    pub fn tagged_too(mut self) -> Self {
        self.tagged_too = true;
        self
    }
}

impl From<usize> for Prune {
    fn from(keep: usize) -> Self {
        Self::keep_last(keep)
    }
}

impl fmt::Debug for Prune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::KeepLast(keep) => write!(f, "Prune(keep_last {keep}")?,
            Rule::OlderThan(age) => write!(f, "Prune(older_than {age:?}")?,
            Rule::When(_) => write!(f, "Prune(when …")?,
        }
        f.write_str(if self.tagged_too { ", tagged too)" } else { ")" })
    }
}
