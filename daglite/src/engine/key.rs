//! A call's cache key: what it is made of, byte by byte. The layout is fixed in `docs/format.md`.
//!
//! All or nothing: a part that cannot be hashed means that the call has no key, never a key without that part.

use std::sync::Arc;

use crate::digest::Digest;
use crate::graph::{ArgPart, Input, Key, Node, Slot, TaskOp};
use crate::hash::{ContentHasher, Strategy};
use crate::store::ArtifactMeta;
use crate::task::{CacheSpec, ParamHash, Task, TaskSpec, Value};

/// What came of the attempt to make a key.
pub(super) enum Keyed {
    /// The key.
    Key(Key),
    /// The values of the arguments are needed first.
    NeedsValues,
    /// A part could not be hashed: why.
    Unhashable(String),
}

/// How an argument got into the key: its digest stands for the bytes of an artifact, or for a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Artifact = 1,
    Content = 2,
    Custom = 3,
}

/// The cache key of a call, from the digests of its arguments.
pub(super) fn key_of(call: &TaskOp, cache: &CacheSpec, hash: &Hashing<'_>) -> Keyed {
    let task = call.task;
    let mut stream = Stream::of_task(task, cache);
    let mut parts = Vec::with_capacity(call.args.len());
    let mut add = |name: &'static str, source: Source, digest: Digest| {
        stream.text(name);
        stream.bytes(&[source as u8]);
        stream.bytes(digest.as_bytes());
        parts.push(ArgPart { name, digest, from_artifact: source == Source::Artifact });
    };
    for ((arg, name), param) in call.args.iter().zip(task.spec.params).zip(&task.params) {
        let part = match &arg.0 {
            Input::Value(value) => hash.value(value, param),
            Input::Node(node) => hash.node(node, param),
        };
        match part {
            Part::Nothing => {}
            Part::Digest(source, digest) => add(name, source, digest),
            Part::NeedsValue => return Keyed::NeedsValues,
            Part::Unhashable(why) => {
                return Keyed::Unhashable(format!("parameter `{name}`: {why}"));
            }
        }
    }
    if let Some(hash_all) = task.hash_all {
        let mut values = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            match &arg.0 {
                Input::Value(value) => values.push(Arc::clone(value)),
                Input::Node(node) => match &*node.slot.lock() {
                    Slot::Done { value, .. } => values.push(Arc::clone(value)),
                    _ => return Keyed::NeedsValues,
                },
            }
        }
        let mut hasher = ContentHasher::new(Strategy::Auto);
        hash_all(&values, &mut hasher);
        match hasher.finish() {
            Ok(digest) => add("cache_hash", Source::Custom, digest),
            Err(error) => return Keyed::Unhashable(format!("`cache_hash`: {error}")),
        }
    }
    Keyed::Key(Key { digest: stream.finish(), parts })
}

/// The fingerprint of a task: its code and its place.
pub(super) fn fingerprint(task: &Task) -> Digest {
    task.memo.get(|| fixed(task)).0
}

/// A task's fingerprint, and the part of its keys that is the same for all calls.
fn fixed(task: &Task) -> (Digest, Vec<u8>) {
    let fingerprint = fingerprint_of(task.spec);
    let mut stream = Stream::default();
    stream.text("daglite key v1");
    stream.bytes(fingerprint.as_bytes());
    stream.count(task.types.len());
    for type_name in task.types {
        stream.text(type_name());
    }
    if let Some(cache) = &task.spec.cache {
        stream.text(cache.version);
        stream.count(cache.env.len());
    }
    (fingerprint, stream.whole().to_vec())
}

fn fingerprint_of(spec: &TaskSpec) -> Digest {
    let mut stream = Stream::default();
    stream.text("daglite fingerprint v2");
    stream.text(spec.package);
    stream.text(spec.name);
    stream.bytes(&spec.fingerprint);
    stream.count(spec.conditions.len());
    for (condition, holds) in spec.conditions {
        stream.text(condition);
        stream.bytes(&[u8::from(*holds)]);
    }
    stream.finish()
}

/// What stands for an artifact in the keys of those who take it: its bytes, and how they are read. Never the digest of
/// the bytes alone: two formats may give the same bytes for two values, and bytes may be what another digest is of.
pub(super) fn reference(meta: &ArtifactMeta) -> Digest {
    let mut stream = Stream::default();
    stream.text("daglite artifact v1");
    stream.text(&meta.format);
    stream.bytes(meta.shape.as_bytes());
    stream.bytes(meta.digest.as_bytes());
    stream.finish()
}

/// What stands for a tuple or list whose parts all have a digest.
pub(super) fn joined(parts: &[Digest]) -> Digest {
    let mut stream = Stream::default();
    stream.text("daglite join v1");
    stream.count(parts.len());
    for part in parts {
        stream.bytes(part.as_bytes());
    }
    stream.finish()
}

/// Hashes arguments the way their parameters ask for.
pub(super) struct Hashing<'a> {
    pub(super) engine: &'a super::Engine,
    pub(super) task: &'static str,
}

/// One argument's part of the key.
enum Part {
    Nothing,
    Digest(Source, Digest),
    NeedsValue,
    Unhashable(String),
}

impl Hashing<'_> {
    fn node(&self, node: &Node, param: &ParamHash) -> Part {
        let value = match (&*node.slot.lock(), param) {
            (_, ParamHash::Excluded) => return Part::Nothing,
            (
                Slot::Done { digest: Some(digest), .. },
                ParamHash::Value(..) | ParamHash::Registry(_),
            ) => {
                return Part::Digest(Source::Artifact, *digest);
            }
            (Slot::Known(known), ParamHash::Value(..) | ParamHash::Registry(_)) => {
                return Part::Digest(Source::Artifact, known.digest);
            }
            (Slot::Done { value, .. }, _) => Arc::clone(value),
            _ => return Part::NeedsValue,
        };
        self.value(&value, param)
    }

    fn value(&self, value: &Value, param: &ParamHash) -> Part {
        let (hasher, source) = match param {
            ParamHash::Excluded => return Part::Nothing,
            ParamHash::Value(hash, strategy) => {
                let mut hasher = ContentHasher::new(*strategy);
                hash.hash(&**value, &mut hasher);
                (hasher, Source::Content)
            }
            ParamHash::Custom(hash) => {
                let mut hasher = ContentHasher::new(Strategy::Auto);
                hash(&**value, &mut hasher);
                (hasher, Source::Custom)
            }
            ParamHash::Registry(type_name) => {
                let mut hasher = ContentHasher::new(Strategy::Auto);
                self.engine.registry.hash_dyn(&**value, type_name(), &mut hasher);
                (hasher, Source::Content)
            }
        };
        if hasher.sampled() {
            self.engine.warn(format!(
                "an argument of `{}` is above 1 GiB, so only samples of it went into the cache key: write \
                 `cache_hash_params(… = exact)` to read all of it",
                self.task
            ));
        }
        match hasher.finish() {
            Ok(digest) => Part::Digest(source, digest),
            Err(error) => Part::Unhashable(error.to_string()),
        }
    }
}

/// Length-prefixed bytes, for BLAKE3: gathered first, as its state is dear to make and to move for so few.
struct Stream {
    /// The first bytes.
    few: [u8; 448],
    /// How many of them there are.
    length: usize,
    /// All bytes, once they are more than a few.
    many: Vec<u8>,
}

impl Default for Stream {
    fn default() -> Self {
        Self { few: [0; 448], length: 0, many: Vec::new() }
    }
}

impl Stream {
    /// The part of a key that is the same for all calls of a task in one environment.
    fn of_task(task: &Task, cache: &CacheSpec) -> Self {
        let mut stream = Self::default();
        stream.bytes(&task.memo.get(|| fixed(task)).1);
        for name in cache.env {
            stream.text(name);
            match std::env::var_os(name) {
                None => stream.bytes(&[0]),
                Some(value) => {
                    stream.bytes(&[1]);
                    stream.count(value.as_encoded_bytes().len());
                    stream.bytes(value.as_encoded_bytes());
                }
            }
        }
        stream
    }

    fn count(&mut self, count: usize) {
        self.bytes(&(count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if self.many.is_empty()
            && let Some(place) = self.few.get_mut(self.length..end)
        {
            place.copy_from_slice(bytes);
            self.length = end;
            return;
        }
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.few[..self.length]);
        }
        self.many.extend_from_slice(bytes);
    }

    /// All bytes.
    fn whole(&self) -> &[u8] {
        if self.many.is_empty() { &self.few[..self.length] } else { &self.many }
    }

    fn finish(self) -> Digest {
        Digest::of_bytes(self.whole())
    }
}
