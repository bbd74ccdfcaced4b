//! `Checkpoint`: what a program asks to be kept, and under what name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::name::check_name;
use crate::error::{Error, ErrorKind};

/// A request to keep a result under a name: made from a `&str`, or step by step.
///
/// ```
/// use daglite::Checkpoint;
///
/// let plain = Checkpoint::from("features");
/// let model = Checkpoint::named("model").format("json").meta("alpha", 0.1).meta("folds", 5);
/// assert_ne!(plain, model);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "hand it to `.checkpoint(…)`"]
pub struct Checkpoint {
    /// The name, not checked yet.
    name: String,
    /// The format to write, if it is not the type's default.
    format: Option<String>,
    /// The user's own metadata.
    user: BTreeMap<String, serde_json::Value>,
    /// When a version is added.
    policy: Policy,
    /// The first thing that went wrong while it was built; told when it is used.
    problem: Option<String>,
}

/// When a version is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Each time.
    Always,
    /// If the latest has another value.
    IfChanged,
    /// If there is none.
    IfAbsent,
}

impl Checkpoint {
    /// A checkpoint called `name`; `/` makes groups, as in `churn/model`.
    ///
    /// ```
    /// # use daglite::Checkpoint;
    /// let checkpoint = Checkpoint::named("churn/model");
    /// # let _ = checkpoint;
    /// ```
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            format: None,
            user: BTreeMap::new(),
            policy: Policy::IfChanged,
            problem: None,
        }
    }

    /// The same checkpoint, written in `format` in place of the type's default.
    ///
    /// ```
    /// # use daglite::Checkpoint;
    /// let readable = Checkpoint::named("model").format("json");
    /// # let _ = readable;
    /// ```
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// The same checkpoint with a note of your own in its metadata; a second note under one key replaces the first.
    ///
    /// ```
    /// # use daglite::Checkpoint;
    /// let noted = Checkpoint::named("model").meta("alpha", 0.1).meta("features", ["month", "origin"]);
    /// # let _ = noted;
    /// ```
    pub fn meta(mut self, key: impl Into<String>, value: impl Serialize) -> Self {
        let key = key.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.user.insert(key, value);
            }
            Err(cause) => {
                self.problem.get_or_insert_with(|| {
                    format!(
                        "the metadata `{key}` of checkpoint `{}` cannot be written as JSON: {cause}: note something simpler",
                        self.name
                    )
                });
            }
        }
        self
    }

    /// The same checkpoint, of which each run adds a version, even if the latest has that value already.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn one() -> u8 {
    ///     1
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().checkpoints(checkpoints.clone()).build()?;
    /// for _ in 0..2 {
    ///     one().checkpoint(Checkpoint::named("daily").always()).run_in(&session)?;
    /// }
    /// assert_eq!(checkpoints.versions("daily")?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn always(mut self) -> Self {
        self.policy = Policy::Always;
        self
    }

    /// The same checkpoint, saved only if there is no version of it yet: the first value stays.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn same(n: u8) -> u8 {
    ///     n
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session = Session::builder().checkpoints(checkpoints.clone()).build()?;
    /// for n in 1..=3 {
    ///     let value = same(n).checkpoint(Checkpoint::named("first").if_absent()).run_in(&session)?;
    ///     assert_eq!(value, n);
    /// }
    /// assert_eq!(checkpoints.load::<u8>("first", "latest")?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn if_absent(mut self) -> Self {
        self.policy = Policy::IfAbsent;
        self
    }

    /// When a version is added.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// An error if this cannot be saved, whatever the value: a bad name, metadata that is no JSON.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name(&self.name).map_err(|refused| refused.into_error(ErrorKind::Checkpoint))?;
        match &self.problem {
            Some(problem) => Err(Error::new(ErrorKind::Checkpoint, problem.as_str())),
            None => Ok(()),
        }
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The format that was asked for.
    pub(crate) fn wanted_format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// The user's own metadata.
    pub(crate) fn user_meta(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.user
    }
}

impl From<&str> for Checkpoint {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for Checkpoint {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl From<&String> for Checkpoint {
    fn from(name: &String) -> Self {
        Self::named(name)
    }
}
