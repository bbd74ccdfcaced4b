//! `TaskSpec` and `Task`: what is known of a task before any call of it.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, OnceLock};

use parking_lot::RwLock;

use super::{Body, CloneFn, ParamHash, Value};
use crate::digest::Digest;
use crate::hash::ContentHasher;
use crate::registry::ValueFormats;

/// What the macro knows of a task without its types: plain data in a `static`.
#[derive(Debug)]
pub struct TaskSpec {
    /// `module::path::function`, or what the option `name` says.
    pub name: &'static str,
    /// The package that the function is written in.
    pub package: &'static str,
    /// Where the function stands in it: its path, with the functions around it. Only the compiler knows that path, as the
    /// name of a type; no constant holds it.
    pub place: fn() -> &'static str,
    /// The 32 bytes that stand for the function's code.
    pub fingerprint: [u8; 32],
    /// What the fingerprint covers, to say what has changed. It is in no key: `fingerprint` is.
    ///
    /// A line an item, as one text because a compiler reads that fastest: the first eight bytes of its digest in
    /// hexadecimal, a space, and its path as people know it.
    pub code: &'static str,
    /// Conditions of `cfg` that the code asks, and whether they hold in this build.
    pub conditions: &'static [(&'static str, bool)],
    /// The names of the parameters, in order.
    pub params: &'static [&'static str],
    /// How the results are cached; `None`: they are not.
    pub cache: Option<CacheSpec>,
    /// How often and for how long the body may run; `None`: once, and as long as it takes.
    pub attempts: Option<AttemptsSpec>,
    /// How many of the places that a session has the body takes.
    pub weight: u32,
    /// The limits of the session that the body counts for.
    pub limits: &'static [&'static str],
    /// How the body runs in a process of its own; `None`: it runs in this one.
    pub isolate: Option<IsolateSpec>,
    /// Whether the body may ask for a seed.
    pub seeded: bool,
}

/// What the options say about the process that runs a body.
#[derive(Debug, Clone, Copy)]
pub struct IsolateSpec {
    /// How much memory it may have, in bytes; `None`: as much as its executor says.
    pub memory: Option<u64>,
}

/// What the options say about running a body more than once, or not for ever. None of it is in any key.
#[derive(Debug, Clone, Copy)]
pub struct AttemptsSpec {
    /// How often the body is run again.
    pub retries: u32,
    /// The longest pause before the first retry, in milliseconds; `None`: the usual one.
    pub delay_millis: Option<u64>,
    /// How long one run of the body may take, in milliseconds; `None`: as long as it takes.
    pub timeout_millis: Option<u64>,
    /// Whether a function says which errors are worth another try.
    pub picky: bool,
}

impl TaskSpec {
    /// The fingerprint of the task: its code and its place.
    pub(crate) fn digest(&self) -> Digest {
        let mut stream = Vec::with_capacity(256);
        let count = |stream: &mut Vec<u8>, count: usize| {
            stream.extend_from_slice(&(count as u64).to_le_bytes());
        };
        let text = |stream: &mut Vec<u8>, text: &str| {
            count(stream, text.len());
            stream.extend_from_slice(text.as_bytes());
        };
        text(&mut stream, "daglite fingerprint v2");
        text(&mut stream, self.package);
        text(&mut stream, (self.place)());
        text(&mut stream, self.name);
        stream.extend_from_slice(&self.fingerprint);
        count(&mut stream, self.conditions.len());
        for (condition, holds) in self.conditions {
            text(&mut stream, condition);
            stream.push(u8::from(*holds));
        }
        Digest::of_bytes(&stream)
    }

    /// How many of `concurrency` places the body takes: one that is heavier than all of them takes all.
    pub fn weight_of(&self, concurrency: usize) -> usize {
        usize::try_from(self.weight).unwrap_or(usize::MAX).clamp(1, concurrency.max(1))
    }

    /// Whether nothing is said of how the body is run, but perhaps in which process: once, for as long as it takes, in one place, in no
    /// limit, and without a seed.
    pub(crate) fn is_plain(&self) -> bool {
        self.attempts.is_none() && self.weight <= 1 && self.limits.is_empty() && !self.seeded
    }

    /// The items that the fingerprint covers: the path of each, and the first bytes of its digest.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.code.lines().filter_map(|line| {
            let (digest, item) = line.split_once(' ')?;
            Some((item, u64::from_str_radix(digest, 16).ok()?))
        })
    }
}

/// What the options of a cached task say, apart from how its parameters are hashed.
#[derive(Debug)]
pub struct CacheSpec {
    /// How long a result is good, in milliseconds; `None`: for ever.
    pub ttl_millis: Option<u64>,
    /// The text of `cache_version`; empty when it is not given.
    pub version: &'static str,
    /// The environment variables that count as inputs, in the order of the attribute.
    pub env: &'static [&'static str],
}

/// A task with its types: what the engine needs to hash, run, store and load.
pub struct Task {
    /// The part without types.
    pub spec: &'static TaskSpec,
    /// The names of the types that a generic function was called with, constants included, in order.
    pub types: &'static [fn() -> &'static str],
    /// The function.
    pub body: Body,
    /// How each parameter is hashed, in order; empty when the task is neither cached nor seeded.
    pub params: Vec<ParamHash>,
    /// The function of `cache_hash`: hashes all arguments at once, in place of `params`.
    pub hash_all: Option<fn(&[Value], &mut ContentHasher)>,
    /// How the result is encoded and decoded: always there for a cached task, else if its type has a way.
    pub result: Option<ValueFormats>,
    /// Clones a result, if its type can.
    pub clone: Option<CloneFn>,
    /// What the keys of all calls have in common, once one has been made.
    pub memo: TaskMemo,
}

/// What is worked out about a task once.
#[derive(Debug)]
pub struct TaskMemo {
    /// Its fingerprint, and how its keys begin.
    fixed: OnceLock<(Digest, Vec<u8>)>,
    /// Whether files can be seen in the type of its results.
    has_files: OnceLock<bool>,
    /// Whether the arguments alone say what a call asks, and its answer does not age.
    tell_all: OnceLock<bool>,
    /// The types that a generic function was called with.
    types: Option<TypeId>,
    /// Whether there is another task whose keys would be the same.
    twin: AtomicBool,
}

impl TaskMemo {
    /// Nothing has been worked out.
    #[expect(clippy::new_without_default, reason = "only the macro makes one")]
    pub const fn new() -> Self {
        Self {
            fixed: OnceLock::new(),
            has_files: OnceLock::new(),
            tell_all: OnceLock::new(),
            types: None,
            twin: AtomicBool::new(false),
        }
    }

    /// The task's fingerprint and the first bytes of its keys, worked out by `make` at the first call.
    pub(crate) fn get(&self, make: impl FnOnce() -> (Digest, Vec<u8>)) -> &(Digest, Vec<u8>) {
        self.fixed.get_or_init(make)
    }

    /// The types that a generic function was called with.
    pub(super) fn types(&self) -> Option<TypeId> {
        self.types
    }

    /// Notes that there is another task whose keys would be the same.
    pub(super) fn set_twin(&self) {
        self.twin.store(true, Ordering::Release);
    }

    /// Whether there is another task whose keys would be the same, as far as it has come up.
    pub(crate) fn has_twin(&self) -> bool {
        self.twin.load(Ordering::Acquire)
    }
}

impl Task {
    /// Whether files can be seen in the type of the results.
    pub(crate) fn has_files(&self) -> bool {
        let result = self.result.as_ref();
        *self.memo.has_files.get_or_init(|| result.is_some_and(ValueFormats::has_files))
    }

    /// Whether the arguments alone say what a call asks, and its answer does not age.
    pub(crate) fn arguments_tell_all(&self) -> bool {
        *self.memo.tell_all.get_or_init(|| {
            self.spec.cache.as_ref().is_some_and(|cache| {
                cache.ttl_millis.is_none()
                    && cache.env.is_empty()
                    && !self.spec.seeded
                    && self.hash_all.is_none()
                    && self.clone.is_some()
                    && !self.has_files()
            })
        })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<&str> = self.types.iter().map(|name| name()).collect();
        f.debug_struct("Task")
            .field("spec", self.spec)
            .field("types", &types)
            .finish_non_exhaustive()
    }
}

/// The place of the one [`Task`] of a function that is not generic.
pub struct TaskCell(OnceLock<Task>);

impl TaskCell {
    /// An empty place.
    #[expect(clippy::new_without_default, reason = "only the macro makes one, in a `static`")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The task, made at the first call.
    pub fn get(&self, make: fn() -> Task) -> &Task {
        self.0.get_or_init(make)
    }
}

/// The tasks of generic functions: one for each function (by the address of its spec) and choice of types.
static GENERIC_TASKS: LazyLock<RwLock<HashMap<(usize, TypeId), &'static Task>>> =
    LazyLock::new(RwLock::default);

/// The task of a generic function for one choice of its types, which `Types` stands for.
///
/// A `static` in a generic function is one for all choices of types, so they are told apart here. The tasks live as
/// long as the process: there are as many as the program was compiled with.
pub fn generic_task<Types: 'static>(spec: &'static TaskSpec, make: fn() -> Task) -> &'static Task {
    let key = (std::ptr::from_ref(spec).addr(), TypeId::of::<Types>());
    if let Some(task) = GENERIC_TASKS.read().get(&key) {
        return task;
    }
    // Made outside the lock; when two threads race, the second one's task is dropped.
    let mut made = make();
    made.memo.types = Some(key.1);
    let mut tasks = GENERIC_TASKS.write();
    tasks.entry(key).or_insert_with(|| Box::leak(Box::new(made)))
}
