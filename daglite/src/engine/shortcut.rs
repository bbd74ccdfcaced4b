//! The shortest way to a result in memory: for a lone call whose arguments are small and at hand.
//!
//! A call that has had its answer in this session leaves behind what its arguments write into a hash, byte for byte, and
//! where the answer is. A later call of the same task that writes the same bytes asks the same question: it needs no key, no
//! run and nothing that threads would have to share. No hash is taken at its word here: the bytes are compared.
//!
//! Each thread has its own places for that, so that none ever waits for another. Values that own memory are not kept
//! there but found in the memory tier: what a session holds goes with it.

use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::digest::Digest;
use crate::graph::{Input, Key, Node, Op, Slot, TaskOp};
use crate::hash::{ContentHasher, Strategy};
use crate::sync::{Mutex, thread_local};
use crate::task::{ParamHash, Task};

use super::ledger::Ledger;
use super::memory::Kept;
use super::{Engine, caught};

/// How many rows of questions a thread begins with; they double as they fill.
const FIRST_ROWS: usize = 64;

/// The most rows of questions that a thread remembers.
const MOST_ROWS: usize = 1 << 12;

/// How many questions are in a row: those of one row push each other out, the oldest first.
const IN_A_ROW: usize = 4;

/// When there is no more room, one of so many new questions pushes out another: a program that goes through more of them
/// than are remembered has most of those that are remembered answered, and pays little for the others.
const SELDOM: u64 = 8;

/// After so many answers a question goes the long way once, which tells the store of them.
const LONG_WAY: u64 = 8192;

/// The most uses of one answer that are told one by one.
const MOST_USES: u64 = 1024;

/// What came of looking for a short way.
pub(crate) enum Shortcut {
    /// The answer has been taken.
    Taken,
    /// There is none yet: the answer of the long way may be left at this place.
    Unknown(Box<Question>),
    /// There is none for this call.
    None,
}

/// A call, by what its arguments write.
pub(crate) struct Question {
    task: &'static Task,
    bytes: SmallVec<[u8; 32]>,
    /// Where it is looked for.
    hash: u64,
}

/// A question that has been answered.
struct Answered {
    /// The session's number.
    engine: u64,
    task: &'static Task,
    /// What the arguments write.
    bytes: SmallVec<[u8; 32]>,
    /// The value, if it owns no memory.
    kept: Option<Arc<Kept>>,
    uses: Arc<Uses>,
}

impl Answered {
    /// Whether it is the answer to the question in this session.
    fn is(&self, engine: u64, task: &'static Task, bytes: &[u8]) -> bool {
        self.engine == engine && ptr::eq(self.task, task) && self.bytes.as_slice() == bytes
    }
}

/// How often an answer was taken. One thread counts, any may read.
struct Uses {
    /// The value's key.
    key: Digest,
    /// How long its computation took.
    nanos: u64,
    count: AtomicU64,
    /// Those that the store has been told of.
    told: AtomicU64,
    /// Whether it stands among those of which the store is to be told.
    is_listed: AtomicBool,
}

/// What a session knows of the short ways into it.
pub(super) struct Shortcuts {
    /// What tells the session from others.
    engine: u64,
    /// Answers that have been used since the store was told.
    used: Mutex<Vec<Arc<Uses>>>,
}

impl Default for Shortcuts {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let engine = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { engine, used: Mutex::default() }
    }
}

impl Shortcuts {
    /// Counts a use of an answer. A use at the very moment at which another thread tells the store may be told with the
    /// next one: a fence would cost each use more than that is worth.
    fn count(&self, uses: &Arc<Uses>, count: u64) {
        uses.count.store(count, Ordering::Relaxed);
        if !uses.is_listed.load(Ordering::Relaxed) {
            uses.is_listed.store(true, Ordering::Relaxed);
            self.used.lock().push(Arc::clone(uses));
        }
    }
}

/// Questions that are looked for together, the youngest first.
#[derive(Default)]
struct Row {
    /// The hashes of the questions: what else is of them need not be read to see that it is another one.
    hashes: [u64; IN_A_ROW],
    answered: [Option<Answered>; IN_A_ROW],
}

impl Row {
    /// Puts an answer in front of the others; gives back the one that it pushes out.
    fn push(&mut self, hash: u64, answered: Answered) -> Option<Answered> {
        self.hashes.rotate_right(1);
        self.answered.rotate_right(1);
        self.hashes[0] = hash;
        self.answered[0].replace(answered)
    }

    /// Whether the next answer pushes none out.
    fn has_room(&self) -> bool {
        self.answered.last().is_some_and(Option::is_none)
    }
}

/// Answers by question: a number of rows that is a power of two, or none.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// How many questions there was no room for.
    refused: u64,
}

impl Rows {
    /// The place of the answer to a question.
    fn find(
        &mut self,
        hash: u64,
        is_it: impl Fn(&Answered) -> bool,
    ) -> Option<&mut Option<Answered>> {
        let at = hash as usize & self.rows.len().checked_sub(1)?;
        let row = self.rows.get_mut(at)?;
        let places = row.hashes.iter().zip(&mut row.answered);
        let mut like = places.filter(|(other, _)| **other == hash).map(|(_, place)| place);
        like.find(|place| place.as_ref().is_some_and(&is_it))
    }

    /// Adds an answer; gives back what has to go for it, which may be that very answer.
    fn add(&mut self, hash: u64, answered: Answered) -> Option<Answered> {
        if self.rows.is_empty() {
            self.rows.resize_with(FIRST_ROWS, Row::default);
        }
        while !self.row_of(hash).has_room() {
            if self.rows.len() < MOST_ROWS {
                self.double();
                continue;
            }
            self.refused += 1;
            if !self.refused.is_multiple_of(SELDOM) {
                return Some(answered);
            }
            break;
        }
        self.row_of(hash).push(hash, answered)
    }

    fn row_of(&mut self, hash: u64) -> &mut Row {
        let at = hash as usize & (self.rows.len() - 1);
        &mut self.rows[at]
    }

    /// Makes twice as many rows. None of the new ones has more than the old one that it comes from.
    fn double(&mut self) {
        let rows = mem::take(&mut self.rows);
        self.rows.resize_with(2 * rows.len(), Row::default);
        for row in rows {
            let places = row.hashes.into_iter().zip(row.answered);
            for (hash, answered) in places.rev() {
                if let Some(answered) = answered {
                    self.row_of(hash).push(hash, answered);
                }
            }
        }
    }
}

/// What a thread looks for answers with.
struct Desk {
    /// Takes down what arguments write: to begin a new one costs more than the rest.
    hasher: ContentHasher,
    /// What has been answered.
    answered: Rows,
}

thread_local! {
    static DESK: RefCell<Desk> =
        RefCell::new(Desk { hasher: ContentHasher::new(Strategy::Exact), answered: Rows::default() });
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
            let hash = hash_of(task, bytes);
            let place = answered.find(hash, |it| it.is(shortcuts.engine, task, bytes));
            Some(match place.and_then(|place| self.answer(shortcuts, place, task, take)) {
                Some(true) => Shortcut::Taken,
                Some(false) => Shortcut::None,
                None => {
                    let bytes = SmallVec::from_slice(bytes);
                    Shortcut::Unknown(Box::new(Question { task, bytes, hash }))
                }
            })
        });
        let looked = looked.ok().flatten().unwrap_or(Shortcut::None);
        if matches!(looked, Shortcut::Taken) {
            // Nothing is left to be done for the node, which is then dropped without care.
            call.args.clear();
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
                let Some(kept) = self.remembered(task, &answered.uses.key, removals) else {
                    *place = None;
                    return None;
                };
                found = kept;
                &found
            }
        };
        let count = answered.uses.count.load(Ordering::Relaxed) + 1;
        if count.is_multiple_of(LONG_WAY) {
            shortcuts.count(&answered.uses, count);
            return Some(false);
        }
        if !take(&*kept.value) {
            return Some(false);
        }
        shortcuts.count(&answered.uses, count);
        Some(true)
    }

    /// Leaves the answer to `question` where the next one will find it. `is_plain`: whether the value owns no memory.
    pub(crate) fn learn_shortcut(&self, question: Question, key: &Key, is_plain: bool) {
        let (Some(shortcuts), Some(store)) = (&self.shortcuts, &self.cache) else { return };
        // What lies in files has to be looked at each time.
        if !key.files.is_empty() {
            return;
        }
        let Question { task, bytes, hash } = question;
        let Some(kept) = self.remembered(task, &key.digest, store.removals()) else {
            return;
        };
        let nanos = u64::try_from(kept.took.as_nanos()).unwrap_or(u64::MAX);
        let (count, told) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_listed = AtomicBool::new(false);
        let uses = Arc::new(Uses { key: key.digest, nanos, count, told, is_listed });
        let kept = is_plain.then_some(kept);
        let answered = Answered { engine: shortcuts.engine, task, bytes, kept, uses };
        let before = DESK.try_with(|desk| {
            let mut desk = desk.try_borrow_mut().ok()?;
            desk.answered.add(hash, answered)
        });
        drop(before);
    }

    /// Notes for the store what was used on short ways.
    pub(super) fn note_shortcuts(&self, ledger: &Ledger) {
        let Some(shortcuts) = &self.shortcuts else { return };
        let used = mem::take(&mut *shortcuts.used.lock());
        for uses in used {
            uses.is_listed.store(false, Ordering::Relaxed);
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
        self.shortcuts.as_ref().is_some_and(|all| !all.used.lock().is_empty())
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
    task.arguments_tell_all() && !task.memo.has_twin()
}

/// Where a question is looked for: any number that is the same each time will do.
fn hash_of(task: &'static Task, bytes: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(SPREAD).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let start = ptr::from_ref(task).addr() as u64;
    let hash = words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    mix(hash, 0)
}
