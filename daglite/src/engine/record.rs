//! What becomes of a body's result: into the cache, to those who wait for it, and into the report.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::digest::Digest;
use crate::event::Event;
use crate::graph::{Key, Made, Node, Origin, Slot};
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
        let Completion { order, result, took } = completion;
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
        self.note(TaskOutcome { task, origin: Origin::Computed, took, saved: Duration::ZERO });
        self.engine.tell(|| Event::Computed { task, took });
        let (digest, stored) = match &order.key {
            Some(key) => self.keep(order.task, key, &value, took),
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
        value: &Value,
        took: Duration,
    ) -> (Option<Digest>, bool) {
        let engine = &self.engine;
        let name = task.spec.name;
        let (Some(formats), Some(store)) = (&task.result, self.store()) else {
            return (None, false);
        };
        let encoded = match caught(|| formats.encode(&engine.registry, &**value, None)) {
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
        let artifact = self.artifact(task, key, encoded, took);
        let (digest, reference) = (artifact.meta.digest, reference(&artifact.meta));
        let removals = store.removals();
        let put = wait(store.put(&key.digest, &artifact));
        engine.in_memory(|memory| match &put {
            Ok(Put::Kept) => {
                let kept = Kept::of(task, value, reference, &artifact.meta, removals);
                memory.keep(key.digest, kept);
            }
            Ok(Put::Refused(_)) | Err(_) => memory.forget(&key.digest),
        });
        match put {
            Ok(Put::Kept) => {
                engine.tell_unclaimable(store.as_ref());
                let size = artifact.meta.size;
                engine.tell(|| Event::Stored { task: name, key: key.digest, digest, size });
                (Some(reference), true)
            }
            Ok(Put::Refused(reason)) => {
                let size = artifact.meta.size;
                engine.tell(|| Event::Refused { task: name, key: key.digest, size, reason });
                (Some(reference), false)
            }
            Err(error) => {
                engine.warn_once(&engine.told_unwritable, || {
                    format!(
                        "{} cannot be written, so results are not cached: {error}",
                        store.location()
                    )
                });
                (Some(reference), false)
            }
        }
    }

    fn artifact(&self, task: &Task, key: &Key, encoded: Encoded, took: Duration) -> Artifact {
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
            parts: key_parts(key),
        };
        Artifact { meta, bytes }
    }
}

/// A key's parts, as they are kept.
pub(super) fn key_parts(key: &Key) -> Vec<KeyPart> {
    let part =
        |part: &crate::graph::ArgPart| KeyPart { name: part.name.to_string(), digest: part.digest };
    key.parts.iter().map(part).collect()
}
