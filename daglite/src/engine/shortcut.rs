//! The shortest way to a result in memory: for a lone call whose arguments are small and at hand.
//!
//! A call that has had its answer in this session leaves behind what its arguments write into a hash, byte for byte, and
//! where the answer is. A later call of the same task that writes the same bytes asks the same question: it needs no key, no
//! run and nothing that threads would have to share. No hash is taken at its word here: the bytes are compared.
//!
//! Each thread has its own few places for that, so that none ever waits for another. Values that own memory are not kept
//! there but found in the memory tier: what a session holds goes with it.

use std::any::Any;
use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::digest::Digest;
use crate::graph::{Input, Key, Node, Op, Slot, TaskOp};
use crate::hash::{ContentHasher, Strategy};
use crate::task::{ParamHash, Task};

use super::ledger::Ledger;
use super::memory::Kept;
use super::{Engine, caught};

/// How many rows of questions a thread remembers.
const ROWS: usize = 64;

/// How many questions are in a row: those of one row push each other out, the oldest first.
const IN_A_ROW: usize = 4;

/// After so many answers a question goes the long way once, which tells the store of them.
const LONG_WAY: u64 = 1024;

/// The most uses of one answer that are told one by one.
const MOST_USES: u64 = 1024;

/// What came of looking for a short way.
pub(crate) enum Shortcut {
    /// The answer has been taken.
    Taken,
    /// There is none yet: the answer of the long way may be left at this place.
    Unknown(Question),
    /// There is none for this call.
    None,
}

/// A call, by what its arguments write.
pub(crate) struct Question {
    task: &'static Task,
    bytes: SmallVec<[u8; 64]>,
    at: usize,
}

/// A question that has been answered.
struct Answered {
    /// The session's number.
    engine: u64,
    question: Question,
    /// The value's key.
    key: Digest,
    /// The value, if it owns no memory.
    kept: Option<Arc<Kept>>,
    uses: Arc<Uses>,
}

impl Answered {
    /// Whether it is the answer to the question in this session.
    fn is(&self, engine: u64, task: &'static Task, bytes: &[u8]) -> bool {
        self.engine == engine
            && ptr::eq(self.question.task, task)
            && self.question.bytes.as_slice() == bytes
    }
}

/// How often an answer was taken. One thread counts, any may read.
struct Uses {
    key: Digest,
    /// How long its computation took.
    nanos: u64,
    count: AtomicU64,
    /// Those that the store has been told of.
    told: AtomicU64,
}

/// What a session knows of the short ways into it.
pub(super) struct Shortcuts {
    /// What tells the session from others.
    engine: u64,
    /// Whether there is anything that the store has not been told.
    is_used: AtomicBool,
    uses: Mutex<Vec<Arc<Uses>>>,
}

impl Default for Shortcuts {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let engine = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { engine, is_used: AtomicBool::new(false), uses: Mutex::default() }
    }
}

/// Questions that are looked for together, the youngest first.
type Row = [Option<Answered>; IN_A_ROW];

/// What a thread looks for answers with.
struct Desk {
    /// Takes down what arguments write: to begin a new one costs more than the rest.
    hasher: ContentHasher,
    /// What has been answered, by row; none before the first.
    answered: Vec<Row>,
}

thread_local! {
    static DESK: RefCell<Desk> =
        RefCell::new(Desk { hasher: ContentHasher::new(Strategy::Exact), answered: Vec::new() });
}

impl Engine {
    /// Hands the result of the call that `node` is to `take`, if there is a short way to it. `node` has no other use then.
    ///
    /// `take` answers whether it could take the value.
    pub(crate) fn shortcut(
        &self,
        node: &mut Arc<Node>,
        take: &mut dyn FnMut(&(dyn Any + Send + Sync)) -> bool,
    ) -> Shortcut {
        let Some(shortcuts) = &self.shortcuts else { return Shortcut::None };
        if self.is_cancelled() {
            return Shortcut::None;
        }
        let Some(node) = Arc::get_mut(node) else { return Shortcut::None };
        let (Some(task), Slot::Idle(Op::Task(call))) = (node.task, node.slot.get_mut()) else {
            return Shortcut::None;
        };
        if call.is_learnt() || !may_be_short(task) {
            return Shortcut::None;
        }
        let looked = DESK.try_with(|desk| {
            // The hash of an argument is code of the user, which may come by here.
            let mut desk = desk.try_borrow_mut().ok()?;
            let Desk { hasher, answered } = &mut *desk;
            write_down(task, call, hasher)?;
            let bytes = hasher.few()?;
            let at = row_of(task, bytes);
            let taken = answered.get_mut(at).and_then(|row| {
                let place = row.iter_mut().find(|place| {
                    place.as_ref().is_some_and(|it| it.is(shortcuts.engine, task, bytes))
                })?;
                self.answer(shortcuts, place, task, take)
            });
            Some(match taken {
                Some(true) => Shortcut::Taken,
                Some(false) => Shortcut::None,
                None => {
                    Shortcut::Unknown(Question { task, bytes: SmallVec::from_slice(bytes), at })
                }
            })
        });
        let looked = looked.ok().flatten().unwrap_or(Shortcut::None);
        if matches!(looked, Shortcut::Taken) {
            // Nothing is left to be done for it, so nothing has to be taken apart with care.
            drop(std::mem::replace(node.slot.get_mut(), Slot::Running(Vec::new())));
            let task = task.spec.name;
            tracing::debug!(target: "daglite", task, origin = "hit", "hit");
        }
        looked
    }

    /// Takes the answer at `place`, if it still is one: whether it was taken.
    fn answer(
        &self,
        shortcuts: &Shortcuts,
        place: &mut Option<Answered>,
        task: &'static Task,
        take: &mut dyn FnMut(&(dyn Any + Send + Sync)) -> bool,
    ) -> Option<bool> {
        let answered = place.as_ref()?;
        let removals = self.cache.as_ref()?.removals();
        let found;
        let kept = match &answered.kept {
            Some(kept) if kept.is_current() && kept.removals == removals => kept,
            _ => {
                let Some(kept) = self.remembered(task, &answered.key, removals) else {
                    *place = None;
                    return None;
                };
                found = kept;
                &found
            }
        };
        let count = answered.uses.count.load(Ordering::Relaxed) + 1;
        if count % LONG_WAY == 0 {
            answered.uses.count.store(count, Ordering::Relaxed);
            return Some(false);
        }
        if !take(&*kept.value) {
            return Some(false);
        }
        answered.uses.count.store(count, Ordering::Relaxed);
        if !shortcuts.is_used.load(Ordering::Relaxed) {
            shortcuts.is_used.store(true, Ordering::Relaxed);
        }
        Some(true)
    }

    /// Leaves the answer to `question` where the next one will find it. `is_plain`: whether the value owns no memory.
    pub(crate) fn learn_shortcut(&self, question: Question, key: &Key, is_plain: bool) {
        let (Some(shortcuts), Some(store)) = (&self.shortcuts, &self.cache) else { return };
        // What lies in files has to be looked at each time.
        if !key.files.is_empty() {
            return;
        }
        let Some(kept) = self.remembered(question.task, &key.digest, store.removals()) else {
            return;
        };
        let nanos = u64::try_from(kept.took.as_nanos()).unwrap_or(u64::MAX);
        let (count, told) = (AtomicU64::new(0), AtomicU64::new(0));
        let uses = Arc::new(Uses { key: key.digest, nanos, count, told });
        shortcuts.watch(&uses);
        let (at, engine) = (question.at, shortcuts.engine);
        let kept = is_plain.then_some(kept);
        let answered = Answered { engine, question, key: key.digest, kept, uses };
        let before = DESK.try_with(|desk| {
            let all = &mut desk.try_borrow_mut().ok()?.answered;
            if all.is_empty() {
                all.resize_with(ROWS, Row::default);
            }
            let row = all.get_mut(at)?;
            row.rotate_right(1);
            row[0].replace(answered)
        });
        drop(before);
    }

    /// Notes for the store what was used on short ways.
    pub(super) fn note_shortcuts(&self, ledger: &Ledger) {
        let Some(shortcuts) = &self.shortcuts else { return };
        if !shortcuts.is_used.swap(false, Ordering::Relaxed) {
            return;
        }
        for uses in &*shortcuts.uses.lock() {
            let count = uses.count.load(Ordering::Relaxed);
            let more = count - uses.told.swap(count, Ordering::Relaxed).min(count);
            if more > 0 {
                ledger.add_hits(more, more.saturating_mul(uses.nanos));
                (0..more.min(MOST_USES)).for_each(|_| ledger.used(uses.key));
            }
        }
    }

    /// Whether there is something to be noted.
    pub(super) fn has_used_shortcuts(&self) -> bool {
        self.shortcuts.as_ref().is_some_and(|all| all.is_used.load(Ordering::Relaxed))
    }
}

impl Shortcuts {
    /// Keeps an eye on the uses of an answer, and forgets those that no thread counts any more.
    fn watch(&self, uses: &Arc<Uses>) {
        let mut all = self.uses.lock();
        if all.len() == all.capacity() {
            all.retain(|uses| {
                let is_told =
                    uses.count.load(Ordering::Relaxed) <= uses.told.load(Ordering::Relaxed);
                Arc::strong_count(uses) > 1 || !is_told
            });
        }
        all.push(Arc::clone(uses));
    }
}

/// Writes down what the arguments of a call say; `None` if they are not small and at hand.
fn write_down(task: &Task, call: &TaskOp, hasher: &mut ContentHasher) -> Option<()> {
    hasher.begin_again();
    for (arg, param) in call.args.iter().zip(&task.params) {
        match (&arg.0, param) {
            (Input::Value(_), ParamHash::Excluded(_)) => {}
            (Input::Value(value), ParamHash::Value(hash, _)) if hash.is_cheap(&**value) => {
                // What it panics with, the long way will tell.
                caught(|| hash.hash(&**value, hasher)).ok()?;
                hasher.end_part();
            }
            _ => return None,
        }
    }
    Some(())
}

/// Whether the arguments alone say what a call of `task` asks, and its answer does not age.
fn may_be_short(task: &Task) -> bool {
    let Some(cache) = &task.spec.cache else { return false };
    cache.ttl_millis.is_none()
        && cache.env.is_empty()
        && task.hash_all.is_none()
        && task.clone.is_some()
        && !task.memo.has_twin()
        && !task.has_files()
}

/// The row of a question: any that is the same each time will do.
fn row_of(task: &'static Task, bytes: &[u8]) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(SPREAD).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let start = ptr::from_ref(task).addr() as u64;
    let hash = words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    (mix(hash, 0) >> 32) as usize % ROWS
}
