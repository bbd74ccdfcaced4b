//! What becomes of a body's result: into the cache, to those who wait for it, and into the report.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::digest::Digest;
use crate::event::Event;
use crate::graph::{Key, Made, Node, Origin, Slot};
use crate::hash::watching;
use crate::registry::Encoded;
use crate::store::{Artifact, ArtifactMeta, KeyPart, Put};
use crate::task::{Task, Value};

use super::block::wait;
use super::caught;
use super::execute::{Completion, Order};
use super::flight::Landing;
use super::key::{fingerprint, reference};
use super::memory::Kept;
use super::run::{Progress, Run, TaskOutcome};

impl Run {
    /// Sees to the result of a body.
    pub(super) fn record_completion(&self, node: &Node, completion: Completion) -> Progress {
        let Completion { mut order, result, took } = completion;
        let task = order.task.spec.name;
        let value = match result {
            Ok(Ok(value)) => value,
            Ok(Err(failure)) => return self.record_failure(node, order, failure.into_error()),
            Err(message) => {
                let error = self.panicked_in(node, &message);
                return self.record_failure(node, order, error);
            }
        };
        self.tally.computed.fetch_add(1, Ordering::Relaxed);
        let (origin, saved, reason) = (Origin::Computed, Duration::ZERO, order.reason.take());
        self.note(TaskOutcome { task, origin, took, saved, reason, resumed: None });
        self.engine.tell(|| Event::Computed { task, took });
        let (digest, stored) = match &order.key {
            Some(key) => {
                let parts = std::mem::take(&mut order.parts);
                self.keep(order.task, key, parts, &value, took)
            }
            None => (None, true),
        };
        let made = (order.key.is_some() || !order.checkpoints.is_empty()).then(|| {
            let (key, checkpoints) = (order.key.clone(), order.checkpoints);
            Arc::new(Made { task: Some(order.task), key, took, checkpoints })
        });
        let for_waiters = (!stored).then(|| Landing::Value(Arc::clone(&value), digest));
        self.settle(node, Slot::Done { value, digest, made });
        match (order.flight, for_waiters) {
            (Some(flight), Some(landing)) => flight.land(landing),
            (flight, _) => drop(flight),
        }
        Progress::Settled
    }

    fn record_failure(&self, node: &Node, order: Order, error: crate::error::Error) -> Progress {
        let task = order.task.spec.name;
        let error = error.in_task(task, node.location);
        tracing::debug!(task, %error, "a task failed");
        self.engine.tell(|| Event::Failed { task, error: error.clone() });
        if let Some(flight) = order.flight {
            flight.land(Landing::Failed(error.clone()));
        }
        self.failed(node, error)
    }

    /// Puts a result into the cache. Its digest, if it could be encoded, and whether the store has it.
    fn keep(
        &self,
        task: &'static Task,
        key: &Key,
        parts: Vec<KeyPart>,
        value: &Value,
        took: Duration,
    ) -> (Option<Digest>, bool) {
        let engine = &self.engine;
        let name = task.spec.name;
        let (Some(formats), Some(store)) = (&task.result, self.store()) else {
            return (None, false);
        };
        if !self.inputs_have_stayed(task, key) {
            return (None, false);
        }
        if formats.is_err(&**value) {
            tracing::debug!(task = name, "the result is an `Err`: it is used and not cached");
            return (None, false);
        }
        let (encoded, watched) =
            watching(|| caught(|| formats.encode(&engine.registry, &**value, None)));
        let encoded = match encoded {
            Ok(Ok(encoded)) => encoded,
            Ok(Err(error)) => {
                engine.warn(format!("the result of `{name}` is used but not cached: {error}"));
                return (None, false);
            }
            Err(panic) => {
                engine.warn(format!(
                    "the result of `{name}` is used but not cached: encoding panicked: {panic}"
                ));
                return (None, false);
            }
        };
        let has_files = watched.has_files();
        if has_files && !task.has_files() {
            engine.warn(format!(
                "the result of `{name}` is used but not cached: it holds a file, which its type does not show \
                 beforehand, so that the file could not be looked at again"
            ));
            return (None, false);
        }
        let record = engine.described(task, store.as_ref());
        let artifact = self.artifact(task, record, parts, encoded, took);
        // A value with files is hashed wherever it is an argument: the files may change, its bytes do not.
        let (digest, stands) = (artifact.meta.digest, reference(&artifact.meta));
        let reference = (!task.has_files()).then_some(stands);
        let removals = store.removals();
        let put = wait(store.put(&key.digest, &artifact));
        engine.in_memory(|memory| match &put {
            Ok(Put::Kept) if !task.has_files() => {
                let excluded = engine.excluded_of(&artifact.meta);
                let kept = Kept::of(task, value, stands, &artifact.meta, excluded, removals);
                memory.keep(key.digest, kept);
            }
            Ok(_) | Err(_) => memory.forget(&key.digest),
        });
        match put {
            Ok(Put::Kept) => {
                engine.tell_unclaimable(store.as_ref());
                let size = artifact.meta.size;
                engine.tell(|| Event::Stored { task: name, key: key.digest, digest, size });
                (reference, true)
            }
            Ok(Put::Refused(reason)) => {
                let size = artifact.meta.size;
                engine.tell(|| Event::Refused { task: name, key: key.digest, size, reason });
                (reference, false)
            }
            Err(error) => {
                engine.warn_once(&engine.told_unwritable, || {
                    format!(
                        "{} cannot be written, so results are not cached: {error}",
                        store.location()
                    )
                });
                (reference, false)
            }
        }
    }

    fn artifact(
        &self,
        task: &'static Task,
        record: Digest,
        parts: Vec<KeyPart>,
        encoded: Encoded,
        took: Duration,
    ) -> Artifact {
        let Encoded { bytes, format, extension, shape } = encoded;
        let created = self.engine.clock.now();
        let ttl = task.spec.cache.as_ref().and_then(|cache| cache.ttl_millis);
        let meta = ArtifactMeta {
            digest: Digest::of_bytes(&bytes),
            format,
            extension,
            shape,
            size: bytes.len() as u64,
            created,
            expires: ttl.map(|millis| created.after(Duration::from_millis(millis))),
            task: task.spec.name.to_string(),
            fingerprint: fingerprint(task),
            took,
            record: Some(record),
            parts,
        };
        Artifact { meta, bytes }
    }
}

/// A key's parts, as they are kept.
pub(super) fn key_parts(key: &Key) -> Vec<KeyPart> {
    let part = |part: &crate::graph::ArgPart| KeyPart {
        kind: part.kind,
        ..KeyPart::new(part.name, part.digest)
    };
    key.parts.iter().map(part).collect()
}
