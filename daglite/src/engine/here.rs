//! Loop checkpoints: how far a long task has come, kept under its key until its result is safe.

use std::any::{Any, type_name};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{Checkpoint, CheckpointMeta, CheckpointStore, Policy, Saved, Version};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::registry::ValueFormats;
use crate::store::StoreError;
use crate::task::Task;

use super::block::wait;
use super::context::current;
use super::key::fingerprint;
use super::{Engine, caught, panicked};

/// The group that states are saved in.
const GROUP: &str = "unfinished";
/// How many versions of a state are kept: if the last is damaged, there is the one before.
const KEPT: usize = 2;

/// The states that bodies have saved or found: their names in the checkpoint store, by the key of the task.
#[derive(Default)]
pub(super) struct States(Mutex<HashMap<Digest, BTreeSet<String>>>);

/// Saves how far the running task has come, under a name of its own within the task.
///
/// Called in the body of a cached task, every now and then; [`resume_here`] finds it if the process is killed and the task
/// runs again. The state belongs to the key of the call: with other arguments, or after a change of the code, nothing is
/// found. It lies in the session's checkpoint store, under `unfinished/`, and is removed once the result is safe in the
/// cache. Blocks until the state is on the disk.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(cache)]
/// fn simulate(steps: u64) -> Result<u64, daglite::Error> {
///     let (mut step, mut sum) = resume_here::<(u64, u64)>("state")?.unwrap_or_default();
///     while step < steps {
///         sum += step;
///         step += 1;
///         if step % 100 == 0 {
///             checkpoint_here("state", &(step, sum))?;
///         }
///     }
///     Ok(sum)
/// }
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let checkpoints = FileCheckpoints::open(folder.path())?;
/// let session = Session::builder().cache(MemoryStore::new()).checkpoints(checkpoints).build()?;
/// assert_eq!(simulate(1_000).run_in(&session)?, 499_500);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// It is not called by the body of a cached task, on the body's own thread; the session has no checkpoint store; or the
/// state cannot be saved.
pub fn checkpoint_here<T>(state: impl Into<Checkpoint>, value: &T) -> Result<(), Error>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let state = state.into();
    let place = Place::here("checkpoint_here", &state)?;
    place.save(&state, value, ValueFormats::serde::<T>(), type_name::<T>())
}

/// How far the running task had come when it was last saved by [`checkpoint_here`]; `None` if it never was.
///
/// # Errors
///
/// It is not called by the body of a cached task, on the body's own thread; the session has no checkpoint store; the state
/// is of another type; or it cannot be read, nor the one before it.
///
/// ```
/// let error = daglite::resume_here::<u64>("state").unwrap_err();
/// assert!(error.to_string().contains("call it in the body of a `#[task(cache)]`"));
/// ```
pub fn resume_here<T>(state: &str) -> Result<Option<T>, Error>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let place = Place::here("resume_here", &Checkpoint::from(state))?;
    let Some((meta, bytes)) = place.load()? else { return Ok(None) };
    let registry = &place.engine.registry;
    let formats = ValueFormats::serde::<T>();
    let decoded = caught(|| formats.decode(registry, &bytes, &meta.format, meta.shape))
        .unwrap_or_else(|panic| Err(panicked(&panic)));
    let value = decoded.map_err(|cause| {
        let CheckpointMeta { name, version, type_name: saved, .. } = &meta;
        let wanted = type_name::<T>();
        let message = format!(
            "version {version} of checkpoint `{name}` cannot be read as `{wanted}`: it was saved from `{saved}`: resume it \
             as that type"
        );
        Error::new(ErrorKind::Checkpoint, message).with_source(cause)
    })?;
    let value = value.downcast::<T>().ok().and_then(Arc::into_inner);
    Ok(Some(value.expect("the formats of a type decode to that type, and nobody shares it yet")))
}

/// Where a state of the running task lies.
struct Place {
    engine: Arc<Engine>,
    store: Arc<dyn CheckpointStore>,
    task: &'static Task,
    key: Digest,
    /// The name in the store.
    name: String,
}

impl Place {
    /// That of `state` in the task body that the thread is in.
    fn here(what: &str, state: &Checkpoint) -> Result<Self, Error> {
        let error = |message: String| Error::new(ErrorKind::Checkpoint, message);
        state.check()?;
        let context = current();
        let found =
            context.as_ref().and_then(|context| Some((context, context.task?, context.key?)));
        let Some((context, task, key)) = found else {
            return Err(error(format!(
                "`{what}` knows no key to keep `{}` under: call it in the body of a `#[task(cache)]`, on the thread that \
                 runs the body, in a session with a cache",
                state.name()
            )));
        };
        let engine = Arc::clone(&context.engine);
        let Some(store) = engine.checkpoints.clone() else {
            return Err(error(format!(
                "`{what}` has nowhere to keep `{}`: give the session a store with `Session::builder().checkpoints(…)`",
                state.name()
            )));
        };
        let short = task.spec.name.rsplit("::").next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let short: String = short.chars().take(60).map(plain).collect();
        let name = format!("{GROUP}/{short}-{:.16}/{}", key.to_string(), state.name());
        Checkpoint::from(&name).check()?;
        Ok(Self { engine, store, task, key, name })
    }

    /// Saves a state, and deletes those before the last two.
    fn save(
        &self,
        state: &Checkpoint,
        value: &(dyn Any + Send + Sync),
        formats: ValueFormats,
        type_name: &str,
    ) -> Result<(), Error> {
        let encoded =
            caught(|| formats.encode(&self.engine.registry, value, state.wanted_format()))
                .unwrap_or_else(|panic| Err(panicked(&panic)))
                .map_err(|error| self.cannot("save", error))?;
        let meta = CheckpointMeta {
            task: Some(self.task.spec.name.to_string()),
            fingerprint: Some(fingerprint(self.task)),
            key: Some(self.key),
            format: encoded.format,
            extension: encoded.extension,
            type_name: type_name.to_owned(),
            shape: encoded.shape,
            user: state.user_meta().clone(),
            always: state.policy() == Policy::Always,
            ..CheckpointMeta::new(&self.name, &encoded.bytes, self.engine.clock.now())
        };
        // Noted first: if the save fails half way, what is there goes with the rest.
        self.engine.states.note(self.key, &self.name);
        let saved = wait(self.store.save(meta, encoded.bytes))
            .map_err(|error| self.cannot("save", error))?;
        if matches!(saved, Saved::New(_)) {
            self.engine.delete_states(self.store.as_ref(), &self.name, KEPT);
        }
        Ok(())
    }

    /// The last state that can be read.
    fn load(&self) -> Result<Option<(CheckpointMeta, Vec<u8>)>, Error> {
        let failed = |error: StoreError| self.cannot("resume", error);
        let mut first_error = None;
        for version in wait(self.store.versions(&self.name)).map_err(failed)?.into_iter().rev() {
            match wait(self.store.load(&self.name, &Version::Exact(version))) {
                // The name has the start of the key alone.
                Ok(Some((meta, bytes))) if meta.key == Some(self.key) => {
                    if let Some(error) = first_error {
                        self.engine.warn(format!("resumed from the state before: {error}"));
                    }
                    self.engine.states.note(self.key, &self.name);
                    return Ok(Some((meta, bytes)));
                }
                Ok(_) => {}
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        first_error.map_or(Ok(None), |error| Err(failed(error)))
    }

    /// The error for a state that cannot be saved or resumed.
    fn cannot(&self, what: &str, source: impl Into<crate::error::BoxError>) -> Error {
        let source = source.into();
        Error::new(
            ErrorKind::Checkpoint,
            format!("cannot {what} checkpoint `{}`: {source}", self.name),
        )
        .with_source(source)
    }
}

impl States {
    /// Notes that there may be a state of this name.
    fn note(&self, key: Digest, name: &str) {
        self.0.lock().entry(key).or_default().insert(name.to_owned());
    }

    /// Whether the task of `key` may have states.
    pub(super) fn has(&self, key: &Digest) -> bool {
        self.0.lock().contains_key(key)
    }
}

impl Engine {
    /// Removes the states of tasks whose results are safe.
    pub(super) fn forget_states(&self, finished: Vec<Digest>) {
        let Some(store) = &self.checkpoints else { return };
        for key in finished {
            for name in self.states.0.lock().remove(&key).unwrap_or_default() {
                self.delete_states(store.as_ref(), &name, 0);
            }
        }
    }

    /// Deletes the versions of a state but for the last `kept`. Those that cannot be deleted do no harm.
    fn delete_states(&self, store: &dyn CheckpointStore, name: &str, kept: usize) {
        let deleted = caught(|| {
            let mut versions = wait(store.versions(name))?;
            versions.truncate(versions.len().saturating_sub(kept));
            for version in versions {
                wait(store.delete(name, &version))?;
            }
            Ok::<_, StoreError>(())
        });
        match deleted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(target: "daglite", %error, "a state that nobody needs cannot be deleted")
            }
            Err(message) => {
                tracing::warn!(target: "daglite", %message, "the checkpoint store panicked")
            }
        }
    }
}
