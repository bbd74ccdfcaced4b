//! A call's cache key: what it is made of, byte by byte. The layout is fixed in `docs/format.md`.
//!
//! All or nothing: a part that cannot be hashed means that the call has no key, never a key without that part.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::digest::Digest;
use crate::event::Event;
use crate::graph::{Arg, ArgPart, Input, Key, Node, Slot};
use crate::hash::{ContentHasher, Strategy, watching};
use crate::store::{ArtifactMeta, PartKind};
use crate::task::{CacheSpec, ParamHash, Task, Value, note_task};
use crate::threads;

use super::hashes::{Hashed, Hashes, Question, was_asked};

/// How keys are made: their first words, which change with it.
pub(super) const KEY_SCHEME: &str = "daglite key v1";

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

/// Stands where the source of an argument stands: what follows is the session's seed.
const SEED: u8 = 4;

impl Source {
    /// The same, as it is kept.
    fn kind(self) -> PartKind {
        match self {
            Self::Artifact => PartKind::Artifact,
            Self::Content => PartKind::Content,
            Self::Custom => PartKind::Custom,
        }
    }
}

/// The cache key of a call, from the digests of its arguments, with the files that it covers.
pub(super) fn key_of(
    task: &'static Task,
    args: &[Arg],
    cache: &CacheSpec,
    hash: &Hashing<'_>,
) -> Keyed {
    let (mut keyed, watched) = watching(|| digests_of(task, args, cache, hash));
    if let Keyed::Key(key) = &mut keyed {
        key.files = watched.seen;
    }
    keyed
}

/// Why a task has no keys that nothing tells from another one.
const TWIN: &str = "another task has the same place, name and code, and types of the same names, so one could be taken \
                    for the other: give one of them another `name`, or one of the types";

/// The key, still without its files.
fn digests_of(task: &'static Task, args: &[Arg], cache: &CacheSpec, hash: &Hashing<'_>) -> Keyed {
    let mut stream = Stream::of_task(task, cache);
    if task.spec.seeded {
        stream.text("seed");
        stream.bytes(&[SEED]);
        stream.bytes(&hash.engine.seed.to_le_bytes());
    }
    if task.memo.has_twin() {
        return Keyed::Unhashable(TWIN.to_owned());
    }
    let mut parts = SmallVec::with_capacity(args.len());
    let mut add = |name: &'static str, source: Source, digest: Digest| {
        stream.text(name);
        stream.bytes(&[source as u8]);
        stream.bytes(digest.as_bytes());
        parts.push(ArgPart { name, digest, kind: source.kind() });
    };
    for ((arg, name), param) in args.iter().zip(task.spec.params).zip(&task.params) {
        let part = match &arg.0 {
            Input::Value(value) => hash.value(value, param, name, Arc::strong_count(value) > 1),
            Input::Node(node) => hash.node(node, param, name),
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
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            match &arg.0 {
                Input::Value(value) => values.push(Arc::clone(value)),
                Input::Node(node) => match &*node.slot.lock() {
                    Slot::Done { value, .. } => values.push(Arc::clone(value)),
                    _ => return Keyed::NeedsValues,
                },
            }
        }
        let mut hasher = hash.hasher(hash.engine.hash_strategy);
        hash_all(&values, &mut hasher);
        if let Some(size) = hasher.sampled() {
            hash.tell_sampled("cache_hash", false, size);
        }
        match hasher.finish() {
            Ok(digest) => add("cache_hash", Source::Custom, digest),
            Err(error) => return Keyed::Unhashable(format!("`cache_hash`: {error}")),
        }
    }
    Keyed::Key(Key { digest: stream.finish(), parts, files: Vec::new() })
}

/// The seed of a call: of the session's seed, the task's name and types, and the content of the arguments, whatever those were made of.
/// Not of the code, and not of what the cache knows: the same call draws the same with a cache and without.
pub(super) fn seed_of(
    task: &'static Task,
    args: &[Arg],
    session: u64,
    hash: &Hashing<'_>,
) -> Result<[u8; 32], String> {
    let (seed, _) = watching(|| seed_of_content(task, args, session, hash));
    seed.map(|seed| *seed.as_bytes())
}

fn seed_of_content(
    task: &'static Task,
    args: &[Arg],
    session: u64,
    hash: &Hashing<'_>,
) -> Result<Digest, String> {
    let mut stream = Stream::default();
    stream.text("daglite seed v1");
    stream.bytes(&session.to_le_bytes());
    stream.text(task.spec.package);
    stream.text(task.spec.name);
    stream.count(task.types.len());
    task.types.iter().for_each(|type_name| stream.text(type_name()));
    let mut values = Vec::with_capacity(args.len());
    for arg in args {
        values.push(match &arg.0 {
            Input::Value(value) => Arc::clone(value),
            Input::Node(node) => match &*node.slot.lock() {
                Slot::Done { value, .. } => Arc::clone(value),
                _ => return Err("an argument is not there: run again".to_owned()),
            },
        });
    }
    for ((value, name), param) in values.iter().zip(task.spec.params).zip(&task.params) {
        match hash.value(value, param, name, true) {
            Part::Nothing => {}
            Part::Digest(_, digest) => {
                stream.text(name);
                stream.bytes(digest.as_bytes());
            }
            Part::NeedsValue => return Err("an argument is not there: run again".to_owned()),
            Part::Unhashable(why) => return Err(format!("parameter `{name}`: {why}")),
        }
    }
    if let Some(hash_all) = task.hash_all {
        let mut hasher = hash.hasher(hash.engine.hash_strategy);
        hash_all(&values, &mut hasher);
        let digest = hasher.finish().map_err(|error| format!("`cache_hash`: {error}"))?;
        stream.bytes(digest.as_bytes());
    }
    Ok(stream.finish())
}

/// The fingerprint of a task: its code and its place.
pub(super) fn fingerprint(task: &'static Task) -> Digest {
    task.memo.get(|| fixed(task)).0
}

/// A task's fingerprint, and the part of its keys that is the same for all calls.
fn fixed(task: &'static Task) -> (Digest, Vec<u8>) {
    let fingerprint = task.spec.digest();
    let mut stream = Stream::default();
    stream.text(KEY_SCHEME);
    stream.bytes(fingerprint.as_bytes());
    stream.count(task.types.len());
    for type_name in task.types {
        stream.text(type_name());
    }
    if let Some(cache) = &task.spec.cache {
        stream.text(cache.version);
        stream.count(cache.env.len());
        note_task(task, Digest::of_bytes(stream.whole()));
    }
    (fingerprint, stream.whole().to_vec())
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
    /// What stands for results that are not there, but would be.
    pub(super) planned: Option<&'a HashMap<*const Node, Digest>>,
    /// What was made of values that several calls share.
    pub(super) hashes: &'a Hashes,
}

/// One argument's part of the key.
enum Part {
    Nothing,
    Digest(Source, Digest),
    NeedsValue,
    Unhashable(String),
}

impl Hashing<'_> {
    /// The part of an argument, if it is one and can be told before anything runs.
    pub(super) fn known_part(
        &self,
        arg: &Arg,
        param: &ParamHash,
        name: &'static str,
    ) -> Option<ArgPart> {
        let part = match &arg.0 {
            Input::Value(value) => self.value(value, param, name, true),
            Input::Node(node) => self.node(node, param, name),
        };
        match part {
            Part::Digest(source, digest) => Some(ArgPart { name, digest, kind: source.kind() }),
            Part::Nothing | Part::NeedsValue | Part::Unhashable(_) => None,
        }
    }

    fn node(&self, node: &Arc<Node>, param: &ParamHash, name: &'static str) -> Part {
        if let Some(digest) = self.planned.and_then(|planned| planned.get(&Arc::as_ptr(node)))
            && matches!(param, ParamHash::Value(..) | ParamHash::Registry(_))
        {
            return Part::Digest(Source::Artifact, *digest);
        }
        let value = match (&*node.slot.lock(), param) {
            (_, ParamHash::Excluded(_) | ParamHash::Covered) => return Part::Nothing,
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
        // One holder is the run, another the call.
        self.value(&value, param, name, Arc::strong_count(node) > 2)
    }

    /// `is_shared`: whether others have the value too.
    fn value(&self, value: &Value, param: &ParamHash, name: &'static str, is_shared: bool) -> Part {
        let (source, function, asked) = match param {
            ParamHash::Excluded(_) | ParamHash::Covered => return Part::Nothing,
            ParamHash::Value(hash, strategy) => (Source::Content, hash.address(), *strategy),
            ParamHash::Custom(hash) => (Source::Custom, *hash as usize, None),
            ParamHash::Registry(_) => (Source::Content, 0, None),
        };
        let strategy = asked
            .or_else(|| self.engine.registry.hash_strategy(|| (**value).type_id()))
            .unwrap_or(self.engine.hash_strategy);
        let hash = || {
            let mut hasher = self.hasher(strategy);
            match param {
                ParamHash::Value(hash, _) => hash.hash(&**value, &mut hasher),
                ParamHash::Custom(hash) => hash(&**value, &mut hasher),
                ParamHash::Registry(type_name) => {
                    self.engine.registry.hash_dyn(&**value, type_name(), &mut hasher);
                }
                ParamHash::Excluded(_) | ParamHash::Covered => unreachable!("answered above"),
            }
            let sampled = hasher.sampled();
            Hashed { digest: hasher.finish().map_err(|error| error.to_string()), sampled }
        };
        let hashed = if is_shared || was_asked(value) {
            self.hashes.hashed(value, Question::new(value, function, strategy), hash)
        } else {
            hash()
        };
        if let Some(size) = hashed.sampled {
            self.tell_sampled(name, matches!(param, ParamHash::Value(..)), size);
        }
        match hashed.digest {
            Ok(digest) => Part::Digest(source, digest),
            Err(why) => Part::Unhashable(why),
        }
    }

    /// A hasher that has the threads of the session.
    fn hasher(&self, strategy: Strategy) -> ContentHasher {
        let threads = self.engine.pool.concurrency().min(threads::of_machine());
        ContentHasher::new(strategy).with_threads(threads)
    }

    /// Tells, once a session, that of an argument only a sample went into the key, though nobody has asked for that.
    /// `has_word`: whether the parameter can say which strategy it wants.
    fn tell_sampled(&self, parameter: &'static str, has_word: bool, size: usize) {
        let task = self.task;
        if !self.engine.told_sampled.lock().insert((task, parameter)) {
            return;
        }
        let remedy = if has_word {
            format!(
                "write `cache_hash_params({parameter} = fast)` to read every byte of it, or `{parameter} = sampled` if a \
                 sample will do"
            )
        } else {
            "call `hash_strategy(Strategy::Fast)` on the session's builder to read every byte of it, or \
             `Strategy::Sampled` if a sample will do"
                .to_owned()
        };
        tracing::warn!(target: "daglite", "`{parameter}` of `{task}` was only sampled: {remedy}");
        let size = size as u64;
        self.engine.tell(|| Event::Sampled { task, parameter, size, remedy });
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
    fn of_task(task: &'static Task, cache: &CacheSpec) -> Self {
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
