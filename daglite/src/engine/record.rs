//! What becomes of a body's result: into the cache, to those who wait for it, and into the report.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::graph::{Key, Made, Node, Origin, Slot};
use crate::hash::{Watched, watching};
use crate::registry::{Encoded, Encoding, Flowing};
use crate::store::{
    Artifact, ArtifactMeta, CacheStore, KeyPart, PartKind, Put, StoreError, Written,
};
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
            Err(cut) => return self.record_failure(node, order, cut.into_error()),
        };
        self.tally.computed.fetch_add(1, Ordering::Relaxed);
        let (origin, saved, reason) = (Origin::Computed, Duration::ZERO, order.reason.take());
        self.note(TaskOutcome { task, origin, took, saved, reason, resumed: None });
        tracing::debug!(
            target: "daglite",
            parent: &self.span,
            task,
            key = order.key.as_ref().map(|key| tracing::field::display(key.digest)),
            origin = "computed",
            ?took,
            "computed",
        );
        self.engine.tell_task(|| Event::Computed { task, took });
        let (digest, stored) = match &order.key {
            Some(key) => {
                let parts = std::mem::take(&mut order.parts);
                let encoded = order.encoded.take();
                let (digest, stored) = self.keep(order.task, key, parts, &value, encoded, took);
                if stored && self.engine.states.has(&key.digest) {
                    self.context.ledger.finished(key.digest);
                }
                (digest, stored)
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

    fn record_failure(&self, node: &Node, order: Order, error: Error) -> Progress {
        let task = order.task.spec.name;
        let attempts = order.attempt.as_ref().map_or(1, |attempt| attempt.number);
        let error = self.told_of(node, &order, error).after_attempts(attempts);
        tracing::debug!(target: "daglite", parent: &self.span, task, %error, "a task failed");
        self.engine.tell_task(|| Event::Failed { task, error: error.clone() });
        if let Some(flight) = order.flight {
            flight.land(Landing::Failed(error.clone()));
        }
        self.failed(node, error)
    }

    /// An error of a body, with what is known of the call.
    pub(super) fn told_of(&self, node: &Node, order: &Order, error: Error) -> Error {
        let shown = order
            .parts
            .iter()
            .filter(|part| part.kind == PartKind::Content && !part.shown.is_empty());
        let arguments = shown.map(|part| (part.name.clone(), part.shown.clone())).collect();
        error.in_task(order.task.spec.name, node.location).with_arguments(arguments)
    }

    /// Puts a result into the cache. Its digest, if it could be encoded, and whether the store has it.
    fn keep(
        &self,
        task: &'static Task,
        key: &Key,
        parts: Vec<KeyPart>,
        value: &Value,
        encoded: Option<Box<Encoded>>,
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
            tracing::debug!(target: "daglite", task = name, "the result is an `Err`: it is used and not cached");
            return (None, false);
        }
        // What came as bytes is stored as they are.
        let encoded = encoded.filter(|encoded| formats.gives(&engine.registry, encoded));
        let (encoding, watched) = match encoded {
            Some(encoded) => (Ok(Ok(Encoding::Whole(*encoded))), Watched::default()),
            None => watching(|| caught(|| formats.begin(&engine.registry, &**value, None))),
        };
        let not_cached = |why: String| {
            engine.warn(format!("the result of `{name}` is used but not cached: {why}"));
            (None, false)
        };
        let encoding = match encoding {
            Ok(Ok(encoding)) => encoding,
            Ok(Err(error)) => return not_cached(error.to_string()),
            Err(panic) => return not_cached(format!("encoding panicked: {panic}")),
        };
        if watched.has_files() && !task.has_files() {
            return not_cached(HOLDS_A_FILE.to_owned());
        }
        let record = engine.described(task, store.as_ref());
        let removals = store.removals();
        let (meta, put) = match encoding {
            Encoding::Whole(encoded) => {
                let Encoded { bytes, format, extension, shape } = encoded;
                let meta = self.meta(task, record, parts, format, extension, shape);
                let (digest, size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
                let meta = ArtifactMeta { digest, size, took, ..meta };
                let artifact = Artifact { meta, bytes };
                let put = wait(store.put(&key.digest, &artifact));
                (artifact.meta, put)
            }
            Encoding::Flowing(mut flowing) => {
                let (format, extension) =
                    (std::mem::take(&mut flowing.format), std::mem::take(&mut flowing.extension));
                let meta = self.meta(task, record, parts, format, extension, flowing.shape);
                let meta = ArtifactMeta { took, ..meta };
                match put_flowing(store.as_ref(), task, key, &meta, &flowing) {
                    Ok(Written { digest, size, put }) => {
                        (ArtifactMeta { digest, size, ..meta }, put)
                    }
                    Err(NotPut::Encoding(why)) => return not_cached(why),
                    Err(NotPut::Store(error)) => {
                        self.cannot_write(store.as_ref(), &error);
                        return (None, false);
                    }
                }
            }
        };
        // A value with files is hashed wherever it is an argument: the files may change, its bytes do not.
        let (digest, stands) = (meta.digest, reference(&meta));
        let reference = (!task.has_files()).then_some(stands);
        let size = meta.size;
        engine.in_memory(|memory| match &put {
            Ok(Put::Kept) if !task.has_files() => {
                let excluded = engine.excluded_of(&meta);
                let kept = Kept::of(task, value, stands, meta, excluded, removals);
                memory.keep(key.digest, kept);
            }
            Ok(_) | Err(_) => memory.forget(&key.digest),
        });
        match put {
            Ok(Put::Kept) => {
                engine.tell_unclaimable(store.as_ref());
                engine.tell_task(|| Event::Stored { task: name, key: key.digest, digest, size });
                (reference, true)
            }
            Ok(Put::Refused(reason)) => {
                engine.tell_run(|| Event::Refused { task: name, key: key.digest, size, reason });
                (reference, false)
            }
            Err(error) => {
                self.cannot_write(store.as_ref(), &error);
                (reference, false)
            }
        }
    }

    /// Has users told, once, that results are not kept.
    fn cannot_write(&self, store: &dyn CacheStore, error: &StoreError) {
        self.engine.warn_once(&self.engine.told_unwritable, || {
            format!("{} cannot be written, so results are not cached: {error}", store.location())
        });
    }

    /// What is known of a result before its bytes are there.
    fn meta(
        &self,
        task: &'static Task,
        record: Digest,
        parts: Vec<KeyPart>,
        format: String,
        extension: String,
        shape: Digest,
    ) -> ArtifactMeta {
        let created = self.engine.clock.now();
        let ttl = task.spec.cache.as_ref().and_then(|cache| cache.ttl_millis);
        ArtifactMeta {
            digest: Digest::from_bytes([0; 32]),
            format,
            extension,
            shape,
            size: 0,
            created,
            expires: ttl.map(|millis| created.after(Duration::from_millis(millis))),
            task: task.spec.name.to_string(),
            fingerprint: fingerprint(task),
            took: Duration::ZERO,
            record: Some(record),
            parts,
        }
    }
}

/// Why a value whose bytes were to be written straight to the store is not there.
enum NotPut {
    /// It has no bytes.
    Encoding(String),
    /// The store could not answer.
    Store(StoreError),
}

/// What users are told of a result that holds a file, which its type does not show.
const HOLDS_A_FILE: &str = "it holds a file, which its type does not show beforehand, so that the file could not be looked at again";

/// Has a value write its bytes straight to the store.
fn put_flowing(
    store: &dyn CacheStore,
    task: &Task,
    key: &Key,
    meta: &ArtifactMeta,
    flowing: &Flowing<'_>,
) -> Result<Written, NotPut> {
    let mut flaw = None;
    let mut write = |to: &mut dyn Write| {
        let (written, watched) = watching(|| caught(|| flowing.write(to)));
        let why = match written {
            Ok(Ok(())) if watched.has_files() && !task.has_files() => HOLDS_A_FILE.to_owned(),
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("encoding panicked: {panic}"),
        };
        flaw = Some(why.clone());
        Err(io::Error::other(why))
    };
    let put = wait(store.put_with(&key.digest, meta.clone(), &mut write));
    match (flaw, put) {
        (Some(why), _) => Err(NotPut::Encoding(why)),
        (None, Err(error)) => Err(NotPut::Store(error)),
        (None, Ok(written)) => Ok(written),
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
