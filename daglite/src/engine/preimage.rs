//! What is kept of a key to explain later misses: each part with its value for people, and once a task what all its
//! entries have in common.

use std::collections::HashMap;
use std::ptr;
use std::sync::Arc;

use crate::digest::Digest;
use crate::event::Event;
use crate::graph::{Arg, Input, Key, Slot, TaskOp};
use crate::hash::{ContentHasher, Strategy, ValueHash, cut, looks_secret};
use crate::store::{ArtifactMeta, CacheStore, KeyPart, PartKind, TaskRecord};
use crate::sync::{Mutex, RwLock};
use crate::task::{ParamHash, Task, Value};

use super::block::wait;
use super::hashes::{Hashes, Question, was_asked};
use super::key::KEY_SCHEME;
use super::step::digest_and_made;
use super::{Engine, caught};

/// The records of tasks that the store has been told of.
#[derive(Default)]
pub(super) struct Records {
    /// By the place of the task.
    told: RwLock<HashMap<usize, Told>>,
    /// Held by who tells the store.
    telling: Mutex<()>,
}

/// What the store has been told of a task.
#[derive(Clone)]
struct Told {
    record: Arc<TaskRecord>,
    id: Digest,
    /// The store's count of removals before: what was told earlier may be gone.
    removals: u64,
}

impl Engine {
    /// What the key of a call was made from, and its excluded arguments as far as they are recorded.
    /// Values that several calls share are looked up in `hashes`.
    pub(super) fn parts_of(
        &self,
        task: &Task,
        args: &[Arg],
        key: &Key,
        hashes: &Hashes,
    ) -> Vec<KeyPart> {
        let mut parts = Vec::with_capacity(key.parts.len());
        for part in &key.parts {
            let mut kept = KeyPart { kind: part.kind, ..KeyPart::new(part.name, part.digest) };
            if part.kind == PartKind::Content {
                kept.shown = shown_argument(task, args, part.name, hashes);
            }
            parts.push(kept);
        }
        if let Some(cache) = &task.spec.cache {
            parts.extend(cache.env.iter().map(|name| variable(name)));
        }
        parts.extend(self.excluded(task, args, self.warn_excluded).map(|(_, part)| part));
        parts
    }

    /// The excluded arguments of a call that can be hashed; those that are not cheap only if `all` are asked for.
    fn excluded<'a>(
        &self,
        task: &'a Task,
        args: &'a [Arg],
        all: bool,
    ) -> impl Iterator<Item = (&'static str, KeyPart)> + use<'a> {
        let params = task.params.iter().zip(task.spec.params).zip(args);
        params.filter_map(move |((param, name), arg)| {
            let ParamHash::Excluded(Some(hash)) = param else { return None };
            Some((*name, excluded_part(name, hash, arg, all)?))
        })
    }

    /// What was recorded of excluded arguments, if somebody wants to know when they differ.
    pub(super) fn excluded_of(&self, meta: &ArtifactMeta) -> Box<[KeyPart]> {
        let parts = meta.parts.iter().filter(|part| self.warn_excluded && part.kind.is_excluded());
        parts.cloned().collect()
    }

    /// Tells of a hit whose excluded arguments are others than those that were recorded.
    pub(super) fn tell_excluded(&self, call: &TaskOp, key: &Digest, recorded: &[KeyPart]) {
        if recorded.is_empty() {
            return;
        }
        for (parameter, now) in self.excluded(call.task, &call.args, true) {
            let is_it = |then: &&KeyPart| then.name == now.name && then.kind == now.kind;
            let Some(then) = recorded.iter().find(is_it) else { continue };
            if then.digest != now.digest {
                let (task, key, from, to) =
                    (call.task.spec.name, *key, then.shown.clone(), now.shown);
                self.tell(|| Event::ExcludedDiffers { task, key, parameter, from, to });
            }
        }
    }

    /// What all entries of `task` have in common; the store has been told of it.
    pub(super) fn described(&self, task: &'static Task, store: &dyn CacheStore) -> Digest {
        let removals = store.removals();
        let place = ptr::from_ref(task).addr();
        let known = || self.records.told.read().get(&place).cloned();
        if let Some(told) = known().filter(|told| told.removals == removals) {
            return told.id;
        }
        // One thread tells the store, the others wait for it.
        let _telling = self.records.telling.lock();
        let told = match known() {
            Some(told) if told.removals == removals => return told.id,
            Some(told) => Told { removals, ..told },
            None => {
                let record = record_of(task);
                Told { id: record.id(), record: Arc::new(record), removals }
            }
        };
        // It serves messages alone: whatever goes wrong, the entry is as good.
        if let Ok(Err(error)) = caught(|| wait(store.describe(&told.record))) {
            tracing::debug!(target: "daglite", %error, "the store cannot keep what explains misses");
        }
        let id = told.id;
        self.records.told.write().insert(place, told);
        id
    }
}

/// What all entries of `task` have in common.
pub(super) fn record_of(task: &Task) -> TaskRecord {
    let spec = task.spec;
    let items = spec.items().map(|(item, digest)| (item.to_owned(), digest));
    let conditions = spec.conditions.iter();
    let conditions = conditions.map(|(text, holds)| (format!("cfg({text})"), u64::from(*holds)));
    TaskRecord {
        task: spec.name.to_owned(),
        package: spec.package.to_owned(),
        scheme: KEY_SCHEME.to_owned(),
        code: items.chain(conditions).collect(),
        types: task.types.iter().map(|name| name().to_owned()).collect(),
        version: spec.cache.as_ref().map_or("", |cache| cache.version).to_owned(),
        result: task.result.map_or("", |formats| formats.type_name()).to_owned(),
    }
}

/// The argument for the parameter `name`, for people.
pub(super) fn shown_argument(task: &Task, args: &[Arg], name: &str, hashes: &Hashes) -> String {
    let Some(at) = task.spec.params.iter().position(|param| *param == name) else {
        return String::new();
    };
    match (task.params.get(at), args.get(at).and_then(value_of)) {
        // What a function of the user's makes of a value may be dear: it is not made twice.
        (Some(ParamHash::Value(hash, strategy)), Some(value)) => {
            if looks_secret(name) {
                return String::new();
            }
            let strategy = strategy.unwrap_or_default();
            let shown = || sketched(hash, strategy, &value);
            if was_asked(&value) {
                let question = Question::new(&value, hash.address(), strategy);
                return hashes.shown(&value, question, shown);
            }
            shown()
        }
        _ => String::new(),
    }
}

/// A value for people, unless its name says that it is not for everybody.
fn shown(name: &str, hash: &ValueHash, strategy: Strategy, value: &Value) -> String {
    if looks_secret(name) {
        return String::new();
    }
    sketched(hash, strategy, value)
}

/// A value for people.
fn sketched(hash: &ValueHash, strategy: Strategy, value: &Value) -> String {
    let sketched = caught(|| {
        let mut sketch = ContentHasher::sketch(strategy);
        hash.hash(&**value, &mut sketch);
        sketch.shown()
    });
    sketched.unwrap_or_default()
}

/// The value of an argument, if it is there.
fn value_of(arg: &Arg) -> Option<Value> {
    match &arg.0 {
        Input::Value(value) => Some(Arc::clone(value)),
        Input::Node(node) => match &*node.slot.lock() {
            Slot::Done { value, .. } => Some(Arc::clone(value)),
            _ => None,
        },
    }
}

/// What is recorded of an excluded argument.
fn excluded_part(name: &str, hash: &ValueHash, arg: &Arg, all: bool) -> Option<KeyPart> {
    if let Input::Node(node) = &arg.0
        && let (Some(digest), _) = digest_and_made(node)
    {
        return Some(KeyPart { kind: PartKind::ExcludedArtifact, ..KeyPart::new(name, digest) });
    }
    let value = value_of(arg)?;
    if !all && !hash.is_cheap(&*value) {
        return None;
    }
    let hashed = caught(|| {
        let mut hasher = ContentHasher::new(Strategy::Auto);
        hash.hash(&*value, &mut hasher);
        hasher.finish()
    });
    let digest = hashed.ok()?.ok()?;
    let shown = shown(name, hash, Strategy::Auto, &value);
    Some(KeyPart { kind: PartKind::Excluded, shown, ..KeyPart::new(name, digest) })
}

/// What is recorded of a variable of the environment.
pub(super) fn variable(name: &str) -> KeyPart {
    let value = std::env::var_os(name);
    let mut bytes = vec![u8::from(value.is_some())];
    bytes.extend_from_slice(value.as_ref().map_or(b"", |value| value.as_encoded_bytes()));
    let shown = match &value {
        None => "unset".to_owned(),
        Some(_) if looks_secret(name) => String::new(),
        Some(value) => cut(&format!("{value:?}")),
    };
    KeyPart { kind: PartKind::Variable, shown, ..KeyPart::new(name, Digest::of_bytes(&bytes)) }
}
