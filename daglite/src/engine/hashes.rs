//! `Hashes`: what was made of values that several calls of a run share, so that each of them is hashed once.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::digest::Digest;
use crate::hash::{Strategy, pass_on, watching};
use crate::sync::{Instant, Mutex};
use crate::task::Value;

/// Up to so many values are remembered whatever they cost: what is kept of them must not count.
const MOST: usize = 4096;

/// Those above are remembered if hashing them took so long.
const DEAR: Duration = Duration::from_micros(20);

/// What came of hashing a value.
#[derive(Clone)]
pub(super) struct Hashed {
    /// The digest, or why there is none.
    pub(super) digest: Result<Digest, String>,
    /// How large the largest bulk data is that was only sampled, though nobody has said so.
    pub(super) sampled: Option<usize>,
}

/// A value, and what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Where the value lies.
    place: usize,
    /// Which function hashes it.
    function: usize,
    strategy: Strategy,
}

impl Question {
    /// What comes of `value` by the function at the address `function`.
    pub(super) fn new(value: &Value, function: usize, strategy: Strategy) -> Self {
        Self { place: Arc::as_ptr(value).addr(), function, strategy }
    }
}

/// An answer and what keeps its question from being another's.
struct Kept<T> {
    /// As long as this is there, no other value lies in that place, and this one is never changed there. Yet it can be
    /// dropped, and moved out by who has it alone.
    _place: Weak<dyn Any + Send + Sync>,
    /// Once there is one. `None` if the value holds files: each key has to note them anew.
    answer: OnceLock<Option<T>>,
}

/// Answers to questions.
struct Memo<T>(Mutex<HashMap<Question, Arc<Kept<T>>>>);

/// What was made in a run.
#[derive(Default)]
pub(super) struct Hashes {
    hashed: Memo<Hashed>,
    shown: Memo<String>,
}

impl Hashes {
    /// The hash of a `value` that is shared, made once however many ask.
    pub(super) fn hashed(
        &self,
        value: &Value,
        question: Question,
        make: impl Fn() -> Hashed,
    ) -> Hashed {
        self.hashed.of(value, question, make)
    }

    /// The same for `value` as people see it.
    pub(super) fn shown(
        &self,
        value: &Value,
        question: Question,
        make: impl Fn() -> String,
    ) -> String {
        self.shown.of(value, question, make)
    }
}

impl<T: Clone> Memo<T> {
    /// What `make` makes of `value`.
    fn of(&self, value: &Value, question: Question, make: impl Fn() -> T) -> T {
        let kept = {
            let mut kept = self.0.lock();
            match kept.get(&question) {
                Some(known) => Some(Arc::clone(known)),
                None if kept.len() < MOST => {
                    Some(Arc::clone(kept.entry(question).or_insert(Kept::new(value))))
                }
                None => None,
            }
        };
        match kept {
            Some(kept) => kept.ask(make),
            None => self.of_many(value, question, make),
        }
    }

    /// The same where many answers are kept already.
    fn of_many(&self, value: &Value, question: Question, make: impl Fn() -> T) -> T {
        let kept = Kept::new(value);
        let started = Instant::now();
        let answer = kept.ask(make);
        if started.elapsed() >= DEAR {
            self.0.lock().insert(question, kept);
        }
        answer
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Whether something was made of a value before: then others share it, or have shared it.
pub(super) fn was_asked(value: &Value) -> bool {
    Arc::weak_count(value) > 0
}

impl<T: Clone> Kept<T> {
    /// No answer yet.
    fn new(value: &Value) -> Arc<Self> {
        Arc::new(Self { _place: Arc::downgrade(value), answer: OnceLock::new() })
    }

    /// The answer: that of before, of whoever is at it just now, or a new one.
    fn ask(&self, make: impl Fn() -> T) -> T {
        let mut own = None;
        let answer = self.answer.get_or_init(|| {
            let (made, watched) = watching(&make);
            let answer = (!watched.has_files()).then(|| made.clone());
            pass_on(watched);
            own = Some(made);
            answer
        });
        own.or_else(|| answer.clone()).unwrap_or_else(make)
    }
}
