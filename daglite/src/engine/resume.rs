//! Going on from checkpoints: a version that was saved stands for the value, and nothing above it runs.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::checkpoint::{CheckpointMeta, CheckpointStore, Incoming, Version, no_such_version};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::graph::{Made, Node, Origin, Save};
use crate::registry::{Registry, ValueFormats};
use crate::store::StoreError;
use crate::task::Value;

use super::block::wait;
use super::run::{Progress, Run, TaskOutcome};
use super::save::cannot;
use super::{Engine, caught, panicked};

/// The checkpoint from which a run went on, and what is different today.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::Origin;
///
/// #[task]
/// fn simulate(years: u32) -> u32 {
///     years
/// }
///
/// # let folder = tempfile::tempdir()?;
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// let session =
///     Session::builder().without_cache().checkpoints(checkpoints).resume(true).build()?;
/// simulate(3).checkpoint("state").run_in(&session)?;
/// let outcome = simulate(1000).checkpoint("state").outcome_in(&session)?;
/// assert_eq!((outcome.value, outcome.tasks[0].origin), (3, Origin::Resumed));
/// let resumed = outcome.tasks[0].resumed.as_ref().unwrap();
/// assert_eq!(resumed.checkpoint, "state");
/// assert!(resumed.differs.is_empty(), "the code is the same");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resumption {
    /// The name of the checkpoint.
    pub checkpoint: String,
    /// Its version.
    pub version: String,
    /// What differs today, a sentence each: the code of the task that made it, and the arguments of the call, with the values
    /// then and now, and the files they name, as far as they are known before anything runs. Arguments are recorded of
    /// cached tasks; the result of another task is not known if that would have to run.
    pub differs: Vec<String>,
}

impl Run {
    /// Settles a node with the version that is to stand for its value; `None` if there is none to go on from.
    pub(super) fn resume(
        &self,
        store: &dyn CheckpointStore,
        node: &Arc<Node>,
        save: &Save,
    ) -> Option<Progress> {
        let name = save.checkpoint.name();
        let (meta, value) = match self.saved_value(store, save) {
            Ok(Some(found)) => found,
            Ok(None) if save.from.is_none() => return None,
            Ok(None) => return Some(self.failed(node, no_version(store, save))),
            Err(error) if save.from.is_some() => return Some(self.failed(node, error)),
            Err(error) => {
                self.engine.warn(format!("{error}; its value is computed"));
                return None;
            }
        };
        let differs = self.differences(&meta, save);
        let version = meta.version.clone();
        tracing::debug!(
            target: "daglite",
            parent: &self.span,
            checkpoint = name,
            version,
            origin = "resumed",
            "resumed",
        );
        self.engine.tell_run(|| Event::Resumed {
            name: name.to_owned(),
            version: version.clone(),
            differs: differs.clone(),
        });
        self.note(TaskOutcome {
            task: save.source.task.map_or("checkpoint", |task| task.spec.name),
            origin: Origin::Resumed,
            took: Duration::ZERO,
            saved: meta.took,
            reason: None,
            resumed: Some(Resumption {
                checkpoint: name.to_owned(),
                version: version.clone(),
                differs,
            }),
        });
        self.tally.resumed.fetch_add(1, Ordering::Relaxed);
        let made = Made {
            task: save.source.task,
            key: None,
            took: meta.took,
            checkpoints: vec![format!("{name}@{version}")],
        };
        Some(self.done(node, value, meta.source_digest, Some(Arc::new(made))))
    }

    /// The version with its value, if it is there.
    fn saved_value(
        &self,
        store: &dyn CheckpointStore,
        save: &Save,
    ) -> Result<Option<(CheckpointMeta, Value)>, Error> {
        let name = save.checkpoint.name();
        let version = save.from.as_ref().unwrap_or(&Version::Latest);
        let found = load_value(store, &self.engine.registry, save.formats, name, version)
            .map_err(|error| cannot("go on from", name, error))?;
        let Some((meta, value)) = found else { return Ok(None) };
        let value = value.map_err(|error| cannot("go on from", name, error))?;
        Ok(Some((meta, value)))
    }
}

impl Engine {
    /// The version from which a run would go on at a checkpoint.
    pub(super) fn would_resume(&self, save: &Save) -> Option<CheckpointMeta> {
        if !save.may_resume(self.resume) {
            return None;
        }
        let version = save.from.as_ref().unwrap_or(&Version::Latest);
        let store = self.checkpoints.as_ref()?;
        caught(|| wait(store.head(save.checkpoint.name(), version))).ok()?.ok()?
    }
}

/// A version, and its value if it can be decoded.
pub(super) type Loaded = (CheckpointMeta, Result<Value, Error>);

/// The version that is meant, if it is there.
pub(super) fn load_value(
    store: &dyn CheckpointStore,
    registry: &Registry,
    formats: ValueFormats,
    name: &str,
    version: &Version,
) -> Result<Option<Loaded>, StoreError> {
    let (mut incoming, mut panic) = (Incoming::new(registry, formats), None);
    let mut read = |meta: &CheckpointMeta, from: &mut dyn Read| {
        panic = caught(|| incoming.read(meta, from)).err();
    };
    let found = wait(store.load_with(name, version, &mut read))?;
    Ok(found.map(|meta| {
        let finished = || panic.map_or_else(|| caught(|| incoming.finish(&meta)), Err);
        let value = finished().unwrap_or_else(|panic| Err(panicked(&panic)));
        (meta, value)
    }))
}

/// The error of a version that was named and is not there.
fn no_version(store: &dyn CheckpointStore, save: &Save) -> Error {
    let (name, place) = (save.checkpoint.name(), store.location());
    let version = save.from.clone().unwrap_or_default();
    let versions = caught(|| wait(store.versions(name))).ok().and_then(Result::ok);
    let tags = || caught(|| wait(store.tags(name))).ok().and_then(Result::ok).unwrap_or_default();
    let known = match versions.as_deref() {
        Some([]) | None => "there is no version of it".to_owned(),
        Some(versions) => format!("it has {}", no_such_version(&version, versions, tags)),
    };
    Error::new(
        ErrorKind::Checkpoint,
        format!("cannot go on from checkpoint `{name}@{version}` in {place}: {known}"),
    )
}
