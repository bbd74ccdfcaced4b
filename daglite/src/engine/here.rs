//! Loop checkpoints: how far a long task has come, kept under its key until its result is safe.

use std::any::{Any, type_name};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{Checkpoint, CheckpointMeta, CheckpointStore, Policy, Saved, Version};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::registry::ValueFormats;
use crate::store::{KeyClaim, KeyHold, StoreError};
use crate::sync::Mutex;
use crate::task::Task;

use super::block::wait;
use super::context::current;
use super::key::fingerprint;
use super::resume::{Loaded, load_value};
use super::save::save_value;
use super::{Engine, caught};

/// The group that states are saved in.
const GROUP: &str = "unfinished";
/// How many versions of a state are kept: if the last is damaged, there is the one before.
const KEPT: usize = 2;
/// What was not saved or resumed for so long is of a task that has changed, or that nobody will finish.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The states that bodies have saved or found.
#[derive(Default)]
pub(super) struct States {
    /// Their names in the checkpoint store, by the key of the task.
    names: Mutex<HashMap<Digest, BTreeSet<String>>>,
    /// Whether those were swept that nobody will ever ask for.
    swept: AtomicBool,
}

/// Saves how far the running task has come, under a name of its own within the task.
///
/// Called in the body of a cached task, every now and then; [`resume_here`] finds it if the process is killed and the task
/// runs again. The state belongs to the key of the call: with other arguments, or after a change of the code, nothing is
/// found. It lies in the session's checkpoint store, under `unfinished/`, and is removed once the result is safe in the
/// cache. Blocks until the state is on the disk.
///
/// A state that was neither saved nor resumed for 30 days is removed too, unless a process is at work on its task: it is
/// of code that has changed since, or of a task that nobody has finished. That happens when a session has finished the first task
/// that has states.
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
    let Some((meta, value)) = place.load(ValueFormats::serde::<T>())? else { return Ok(None) };
    let value = value.map_err(|cause| {
        let CheckpointMeta { name, version, type_name: saved, .. } = &meta;
        let wanted = type_name::<T>();
        let message = format!(
            "version {version} of checkpoint `{name}` cannot be read as `{wanted}`: it was saved from `{saved}`: resume it \
             as that type"
        );
        Error::new(ErrorKind::Checkpoint, message).with_source(cause)
    })?;
    place.keep_young(&meta, &*value, ValueFormats::serde::<T>());
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
        let meta = CheckpointMeta {
            task: Some(self.task.spec.name.to_string()),
            fingerprint: Some(fingerprint(self.task)),
            key: Some(self.key),
            type_name: type_name.to_owned(),
            user: state.user_meta().clone(),
            always: state.policy() == Policy::Always,
            ..CheckpointMeta::new(&self.name, &[], self.engine.clock.now())
        };
        // Noted first: if the save fails half way, what is there goes with the rest.
        self.engine.states.note(self.key, &self.name);
        let (registry, format) = (&self.engine.registry, state.wanted_format());
        let begin = || formats.begin(registry, value, format);
        let saved = save_value(self.store.as_ref(), meta, begin)
            .map_err(|error| self.cannot("save", error))?;
        if matches!(saved, Saved::New(_)) {
            self.engine.delete_states(self.store.as_ref(), &self.name, KEPT);
        }
        Ok(())
    }

    /// Saves a state anew that was saved so long ago that others would soon take it for one that nobody uses.
    fn keep_young(
        &self,
        meta: &CheckpointMeta,
        value: &(dyn Any + Send + Sync),
        formats: ValueFormats,
    ) {
        let age = self.engine.clock.now().since(meta.created);
        if age.is_none_or(|age| age < UNUSED / 2) {
            return;
        }
        let user = meta.user.iter();
        let state = user.fold(Checkpoint::named("state"), |it, (key, value)| it.meta(key, value));
        let state = state.format(&meta.format).always();
        if let Err(error) = self.save(&state, value, formats, &meta.type_name) {
            tracing::warn!(%error, "a state that was resumed stays as old as it is");
        }
    }

    /// The last state that can be read.
    fn load(&self, formats: ValueFormats) -> Result<Option<Loaded>, Error> {
        let failed = |error: StoreError| self.cannot("resume", error);
        let mut first_error = None;
        for version in wait(self.store.versions(&self.name)).map_err(failed)?.into_iter().rev() {
            let (store, version) = (self.store.as_ref(), Version::Exact(version));
            match load_value(store, &self.engine.registry, formats, &self.name, &version) {
                // The name has the start of the key alone.
                Ok(Some((meta, value))) if meta.key == Some(self.key) => {
                    if let Some(error) = first_error {
                        self.engine.warn(format!("resumed from the state before: {error}"));
                    }
                    self.engine.states.note(self.key, &self.name);
                    return Ok(Some((meta, value)));
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
        self.names.lock().entry(key).or_default().insert(name.to_owned());
    }

    /// Whether the task of `key` may have states.
    pub(super) fn has(&self, key: &Digest) -> bool {
        self.names.lock().contains_key(key)
    }
}

impl Engine {
    /// Removes the states of tasks whose results are safe; the first time, also those that nobody has used for long.
    pub(super) fn forget_states(&self, finished: Vec<Digest>) {
        let Some(store) = self.checkpoints.as_deref().filter(|_| !finished.is_empty()) else {
            return;
        };
        for key in finished {
            for name in self.states.names.lock().remove(&key).unwrap_or_default() {
                self.delete_states(store, &name, 0);
            }
        }
        if !self.states.swept.swap(true, Ordering::Relaxed) {
            self.no_matter("swept", || self.sweep_states(store));
        }
    }

    /// Removes the states that nobody has saved or resumed for long: with other code or arguments nobody finds them.
    fn sweep_states(&self, store: &dyn CheckpointStore) -> Result<(), StoreError> {
        let group = format!("{GROUP}/");
        for name in wait(store.names())?.into_iter().filter(|name| name.starts_with(&group)) {
            // One that cannot be read does not hold up the others.
            let Ok(Some(latest)) = wait(store.head(&name, &Version::Latest)) else { continue };
            let Some(key) = latest.key.filter(|key| !self.states.has(key)) else { continue };
            if self.clock.now().since(latest.created).is_none_or(|age| age < UNUSED) {
                continue;
            }
            // Nobody begins with it as long as this is held.
            let Some(_nobody) = self.claimed(&key) else { continue };
            tracing::debug!(name, "a state that nobody has used for long is removed");
            for version in wait(store.versions(&name))? {
                // One that somebody has saved meanwhile, where there are no claims, stays.
                if version <= latest.version {
                    wait(store.delete(&name, &version))?;
                }
            }
        }
        Ok(())
    }

    /// The right to compute a key, unless another process does that now.
    fn claimed(&self, key: &Digest) -> Option<KeyHold> {
        match self.cache.as_deref().map(|cache| wait(cache.claim(key))) {
            None => Some(KeyHold::nothing()),
            Some(Ok(KeyClaim::Granted(hold))) => Some(hold),
            Some(Ok(KeyClaim::Taken { .. }) | Err(_)) => None,
        }
    }

    /// Deletes the versions of a state but for the last `kept`.
    fn delete_states(&self, store: &dyn CheckpointStore, name: &str, kept: usize) {
        self.no_matter("deleted", || {
            let mut versions = wait(store.versions(name))?;
            versions.truncate(versions.len().saturating_sub(kept));
            for version in versions {
                wait(store.delete(name, &version))?;
            }
            Ok(())
        });
    }

    /// Does what does no harm if it fails.
    fn no_matter(&self, done: &str, work: impl FnOnce() -> Result<(), StoreError>) {
        match caught(work) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(target: "daglite", %error, "states that nobody needs cannot be {done}");
            }
            Err(message) => {
                tracing::warn!(target: "daglite", %message, "the checkpoint store panicked")
            }
        }
    }
}
