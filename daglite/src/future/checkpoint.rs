//! Checkpoints in a graph: `checkpoint`, `resume_from`, `run_from`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{Checkpoint, Version};
use crate::error::{Error, ErrorKind};
use crate::graph::{Op, Save};
use crate::registry::{HasFormat, ValueFormats};
use crate::session::Session;

use super::{TaskFuture, each_op};

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// Goes on from a checkpoint: where this graph saves it, the named version is loaded, and nothing above runs, even if
    /// code or arguments have changed since. `checkpoint` is `name@version`, or `name` for the latest version.
    ///
    /// [`SessionBuilder::resume`](crate::SessionBuilder::resume) does it for all checkpoints that are there.
    ///
    /// # Errors
    ///
    /// If this graph saves no checkpoint of that name. The run fails if the version is not there or cannot be read.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn simulate(years: u32) -> Vec<f64> {
    ///     (0..years).map(f64::from).collect()
    /// }
    ///
    /// #[task]
    /// fn mean(values: &[f64]) -> f64 {
    ///     values.iter().sum::<f64>() / values.len() as f64
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().without_cache().checkpoints(checkpoints).build()?;
    /// simulate(3).checkpoint("state").then(mean).run_in(&session)?;
    /// // What has been saved counts, and not what would be computed today.
    /// let graph = simulate(1000).checkpoint("state").then(mean);
    /// assert_eq!(graph.resume_from("state")?.run_in(&session)?, 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume_from(self, checkpoint: &str) -> Result<Self, Error> {
        let (name, version) = checkpoint.rsplit_once('@').unwrap_or((checkpoint, "latest"));
        let version = Version::from(version);
        let mut names = BTreeSet::new();
        each_op(&self.node, |op| {
            if let Op::Checkpoint(save) = op {
                names.insert(save.checkpoint.name().to_owned());
                if save.checkpoint.name() == name {
                    (save.from, save.anew) = (Some(version.clone()), false);
                }
            }
            true
        });
        if names.contains(name) {
            return Ok(self);
        }
        let known = match names.len() {
            0 => "none".to_owned(),
            _ => format!("`{}`", names.into_iter().collect::<Vec<_>>().join("`, `")),
        };
        Err(Error::new(
            ErrorKind::Checkpoint,
            format!("this graph saves no checkpoint `{name}` to go on from; it saves {known}"),
        ))
    }

    /// Runs as [`run`](Self::run), and [goes on from a checkpoint](Self::resume_from): `name@version`, or `name` for the
    /// latest version.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run) and [`resume_from`](Self::resume_from).
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn one() -> u8 {
    ///     1
    /// }
    ///
    /// let error = one().checkpoint("one").run_from("two").unwrap_err();
    /// assert!(error.to_string().ends_with("it saves `one`"));
    /// ```
    pub fn run_from(self, checkpoint: &str) -> Result<T, Error> {
        self.resume_from(checkpoint)?.run()
    }

    /// As [`run_from`](Self::run_from), in `session`.
    ///
    /// # Errors
    ///
    /// As [`run_from`](Self::run_from).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().without_cache().checkpoints(checkpoints).build()?;
    /// one().checkpoint("one").run_in(&session)?;
    /// assert_eq!(one().checkpoint("one").run_from_in("one", &session)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_from_in(self, checkpoint: &str, session: &Session) -> Result<T, Error> {
        self.resume_from(checkpoint)?.run_in(session)
    }

    #[track_caller]
    fn save_as(self, checkpoint: Checkpoint, formats: ValueFormats) -> Self {
        let formats = self.node.task.and_then(|task| task.result).unwrap_or(formats);
        let type_name = std::any::type_name::<T>();
        let save =
            Save { source: self.node, checkpoint, formats, type_name, from: None, anew: false };
        Self::from_op(Op::Checkpoint(Box::new(save)), self.cloner)
    }
}

// The bounds stand on the block, not on the method: only then does the compiler go on to `CheckpointOwnFormat` for a
// type that does not meet them.
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> TaskFuture<T> {
    /// Saves the value under a name in the session's checkpoint store. A value that is that of the latest version adds
    /// no version.
    ///
    /// # Errors
    ///
    /// A checkpoint that cannot be saved fails the run: it was asked for.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn fit() -> Vec<f64> {
    ///     vec![0.5, 1.5]
    /// }
    ///
    /// let folder = tempfile::tempdir()?;
    /// let session = Session::builder().checkpoints(FileCheckpoints::open(folder.path())?).build()?;
    /// fit().checkpoint(Checkpoint::named("model").format("json").meta("alpha", 0.1)).run_in(&session)?;
    ///
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// assert_eq!(checkpoints.load::<Vec<f64>>("model", "latest")?, [0.5, 1.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self {
        self.save_as(checkpoint.into(), ValueFormats::serde::<T>())
    }
}

/// [`TaskFuture::checkpoint`] for values that bring a format of their own and know nothing of serde.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::HasFormat;
///
/// #[derive(Debug, Clone, PartialEq)]
/// struct Note(String);
///
/// impl HasFormat for Note {
///     fn formats() -> Vec<Format<Self>> {
///         let text = Format::new(
///             "text",
///             "txt",
///             |note: &Note| Ok(note.0.clone().into_bytes()),
///             |bytes| Ok(Note(String::from_utf8(bytes.to_vec())?)),
///         );
///         vec![text]
///     }
/// }
///
/// #[task]
/// fn note() -> Note {
///     Note("remember".to_string())
/// }
///
/// let folder = tempfile::tempdir()?;
/// let session = Session::builder().checkpoints(FileCheckpoints::open(folder.path())?).build()?;
/// assert_eq!(note().checkpoint("note").run_in(&session)?.0, "remember");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CheckpointOwnFormat: Sized {
    /// Saves the value under a name in the session's checkpoint store, as [`TaskFuture::checkpoint`] does.
    #[track_caller]
    fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self;
}

// The compiler looks here when the method of the same name on `TaskFuture` itself does not suit the type.
impl<T: HasFormat> CheckpointOwnFormat for TaskFuture<T> {
    #[track_caller]
    fn checkpoint(self, checkpoint: impl Into<Checkpoint>) -> Self {
        self.save_as(checkpoint.into(), ValueFormats::own::<T>())
    }
}
