//! Checkpoints: a value under a name, saved if it is not what the latest version already has.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::{CheckpointMeta, CheckpointStore, Outgoing, Policy, Saved, Version};
use crate::digest::Digest;
use crate::error::{BoxError, Error, ErrorKind};
use crate::event::Event;
use crate::graph::{Key, Known, Made, Node, Op, Save, Slot, take_value};
use crate::registry::Encoding;
use crate::store::{KeyPart, Lookup};

use super::block::wait;
use super::key::fingerprint;
use super::record::key_parts;
use super::run::{Progress, Run};
use super::step::digest_and_made;
use super::{caught, panicked};

impl Run {
    /// Saves the value of a node under its name, unless the latest version has it.
    pub(super) fn step_checkpoint(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        save: Box<Save>,
    ) -> Progress {
        let Some(store) = self.engine.checkpoints.clone() else {
            let name = save.checkpoint.name();
            let message = format!(
                "checkpoint `{name}` has nowhere to go: give the session a store with `Session::builder().checkpoints(…)`"
            );
            return self.failed(node, Error::new(ErrorKind::Checkpoint, message));
        };
        if let Err(error) = save.checkpoint.check() {
            return self.failed(node, error);
        }
        let mut save = save;
        if save.may_resume(self.engine.resume) {
            return match self.resume(store.as_ref(), node, &save) {
                Some(progress) => progress,
                None => {
                    save.anew = true;
                    let source = Arc::clone(&save.source);
                    self.put_back(node, Op::Checkpoint(save));
                    self.line_up(idx, &[source], false);
                    Progress::Parked
                }
            };
        }
        let (digest, made) = digest_and_made(&save.source);
        if digest.is_some() || save.checkpoint.policy() == Policy::IfAbsent {
            match self.unchanged_version(store.as_ref(), &save, digest) {
                Ok(Some(version)) => {
                    self.tell_unchanged(&save, &version);
                    let made = with_checkpoint(made, &save, &version);
                    let op = Op::Forward { source: save.source };
                    return match digest {
                        Some(digest) => self.known(node, Known { digest, entry: None, op, made }),
                        None => {
                            self.put_back(node, op);
                            Progress::Again
                        }
                    };
                }
                Ok(None) => {}
                Err(error) => return self.failed(node, error),
            }
        }
        let save = match self.have_values(idx, node, Op::Checkpoint(save)) {
            Ok(Op::Checkpoint(save)) => save,
            Ok(_) => unreachable!("an operation comes back as it went"),
            Err(progress) => return progress,
        };
        // Read again: the value may have been computed anew since.
        let (digest, made) = digest_and_made(&save.source);
        match self.save(store.as_ref(), &save, digest, made.as_deref()) {
            Ok(version) => {
                let made = with_checkpoint(made, &save, &version);
                match take_value(save.source) {
                    Some(value) => self.done(node, value, digest, made),
                    None => self.lost(node),
                }
            }
            Err(error) => self.failed(node, error),
        }
    }

    fn tell_unchanged(&self, save: &Save, version: &str) {
        let name = save.checkpoint.name();
        self.engine
            .tell_run(|| Event::CheckpointUnchanged { name: name.into(), version: version.into() });
    }

    /// The latest version, if no other is to be added: it was made from the artifact `digest` and with the same wishes, or
    /// the first one is to stay.
    fn unchanged_version(
        &self,
        store: &dyn CheckpointStore,
        save: &Save,
        digest: Option<Digest>,
    ) -> Result<Option<String>, Error> {
        let name = save.checkpoint.name();
        let latest = wait(store.head(name, &Version::Latest))
            .map_err(|error| cannot("read", name, error))?;
        let same = |meta: &CheckpointMeta| match save.checkpoint.policy() {
            Policy::Always => false,
            Policy::IfAbsent => true,
            Policy::IfChanged => {
                digest.is_some()
                    && meta.source_digest == digest
                    && save.checkpoint.wanted_format().is_none_or(|format| format == meta.format)
                    && *save.checkpoint.user_meta() == meta.user
            }
        };
        Ok(latest.filter(same).map(|meta| meta.version))
    }

    fn save(
        &self,
        store: &dyn CheckpointStore,
        save: &Save,
        digest: Option<Digest>,
        made: Option<&Made>,
    ) -> Result<String, Error> {
        let name = save.checkpoint.name();
        let registry = &self.engine.registry;
        let value = {
            let slot = save.source.slot.lock();
            let Slot::Done { value, .. } = &*slot else {
                return Err(Error::new(
                    ErrorKind::Checkpoint,
                    format!("checkpoint `{name}` lost its value: run again"),
                ));
            };
            Arc::clone(value)
        };
        let task = made.and_then(|made| made.task).or(save.source.task);
        let key = made.and_then(|made| made.key.as_deref());
        let meta = CheckpointMeta {
            task: task.map(|task| task.spec.name.to_string()),
            fingerprint: task.map(fingerprint),
            key: key.map(|key| key.digest),
            arguments: key.map(|key| self.shown_parts(key)).unwrap_or_default(),
            type_name: save.type_name.to_string(),
            source_digest: digest,
            took: made.map_or(Duration::ZERO, |made| made.took),
            made_from: made.map(|made| made.checkpoints.clone()).unwrap_or_default(),
            user: save.checkpoint.user_meta().clone(),
            always: save.checkpoint.policy() == Policy::Always,
            ..CheckpointMeta::new(name, &[], self.engine.clock.now())
        };
        let format = save.checkpoint.wanted_format();
        let saved = save_value(store, meta, || save.formats.begin(registry, &*value, format));
        match saved.map_err(|error| cannot("save", name, error))? {
            Saved::New(version) => {
                let event = version.clone();
                self.engine
                    .tell_run(|| Event::CheckpointSaved { name: name.into(), version: event });
                Ok(version)
            }
            Saved::Unchanged(version) => {
                self.tell_unchanged(save, &version);
                Ok(version)
            }
        }
    }
}

impl Run {
    /// What a key was made of, with the values for people that its entry in the cache has.
    fn shown_parts(&self, key: &Key) -> Vec<KeyPart> {
        let parts = key_parts(key);
        let Some(store) = self.store() else { return parts };
        let Ok(Ok(Lookup::Found(meta))) = caught(|| wait(store.head(&key.digest))) else {
            return parts;
        };
        // It is the entry of this key, so it has the same parts, and those beside the key.
        let is_whole = parts.iter().all(|part| {
            meta.parts.iter().any(|kept| (&kept.name, kept.digest) == (&part.name, part.digest))
        });
        if is_whole { meta.parts } else { parts }
    }
}

/// Has a value write its bytes to the store, once `begin` has found out how.
pub(super) fn save_value<'a>(
    store: &dyn CheckpointStore,
    meta: CheckpointMeta,
    begin: impl FnOnce() -> Result<Encoding<'a>, Error>,
) -> Result<Saved, BoxError> {
    let encoding = caught(begin).unwrap_or_else(|panic| Err(panicked(&panic)))?;
    let mut outgoing = Outgoing::new(encoding);
    let (meta, mut panic) = (outgoing.described(meta), None);
    let mut write = |to: &mut dyn Write| {
        caught(|| outgoing.write(to)).unwrap_or_else(|message| {
            let told = io::Error::other(message.clone());
            panic = Some(message);
            Err(told)
        })
    };
    let saved = wait(store.save_with(meta, &mut write));
    match panic.map(|message| panicked(&message)).or(outgoing.into_flaw()) {
        Some(flaw) => Err(flaw.into()),
        None => Ok(saved?),
    }
}

/// The error of a checkpoint.
pub(super) fn cannot(what: &str, name: &str, source: impl Into<crate::error::BoxError>) -> Error {
    let source = source.into();
    Error::new(ErrorKind::Checkpoint, format!("cannot {what} checkpoint `{name}`: {source}"))
        .with_source(source)
}

/// How a checkpoint's value was made: as its source, and from now on from this version.
fn with_checkpoint(made: Option<Arc<Made>>, save: &Save, version: &str) -> Option<Arc<Made>> {
    let mut made = match made {
        Some(made) => (*made).clone(),
        None => Made {
            task: save.source.task,
            key: None,
            took: Duration::ZERO,
            checkpoints: Vec::new(),
        },
    };
    made.checkpoints = vec![format!("{}@{version}", save.checkpoint.name())];
    Some(Arc::new(made))
}
