//! Who used what: counted in memory, written in batches, and what the running runs have used is pinned.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use super::rows::{State, slot_of};
use super::trouble::Trouble;
use crate::digest::Digest;
use crate::store::RunReport;

/// After this time what has been counted is worth a write of its own.
const WORTH_WRITING: Duration = Duration::from_secs(5);
/// So many uses are worth a write of their own.
const MANY: usize = 100_000;
/// So many pins are never too many.
const FEW_PINS: usize = 1_000;
/// So many uses are never too many.
const FEW: u64 = 1_000;
/// So many rows of uses are made one.
const MOST_ROWS: i64 = 8;

/// Slots are random already: they are their own hash.
pub(super) type SlotMap<T> = HashMap<i64, T, BuildHasherDefault<SlotHasher>>;

/// Takes the slot itself for its hash.
#[derive(Default)]
pub(super) struct SlotHasher(u64);

impl Hasher for SlotHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_i64(&mut self, slot: i64) {
        self.0 = slot.cast_unsigned();
    }
}

/// One slot's uses, as they are written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Touch {
    /// The slot, little endian: a varint of it would be longer.
    slot: [u8; 8],
    /// How often it was used.
    uses: u64,
    /// The number that the next entry would have got at the last use.
    at: i64,
}

/// How a slot has been used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// How often.
    pub(super) uses: u64,
    /// The number that the next entry would have got at the last use.
    pub(super) at: i64,
}

/// What has been counted since the last write.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<Counts>);

/// What the end of a run brings.
pub(super) struct Ended {
    /// Whether the counts are worth a write of their own.
    pub(super) is_worth_writing: bool,
    /// Whether something may have been let go that was pinned.
    pub(super) lets_go: bool,
}

/// The counts.
#[derive(Debug, Default)]
struct Counts {
    /// Uses by slot.
    touched: SlotMap<u64>,
    /// What running runs have used or put, with the number of the run that was the latest to begin by then. Any run up to
    /// that one may be the one that used it.
    pinned: SlotMap<u64>,
    /// At so many pins, those of runs that have ended are dropped.
    many_pins: usize,
    /// The numbers of the runs that are running.
    running: BTreeSet<u64>,
    /// The number of the run that was the latest to begin.
    latest: u64,
    /// Hits that runs have reported.
    hits: u64,
    /// Misses that runs have reported.
    misses: u64,
    /// Milliseconds saved.
    saved: u64,
    /// When counts were last written.
    written: Option<Instant>,
}

/// What is to be written of the counts.
#[derive(Debug, Default)]
pub(super) struct Due {
    touched: SlotMap<u64>,
    /// Hits since the last write.
    pub(super) hits: u64,
    /// Misses since the last write.
    pub(super) misses: u64,
    /// Milliseconds saved since the last write.
    pub(super) saved: u64,
}

impl Counts {
    /// Counts a use of `slot`; in runs, however often they ask, one: a value that is not small is asked for twice.
    fn use_once(&mut self, slot: i64) {
        if self.running.is_empty() || self.pinned.insert(slot, self.latest) != Some(self.latest) {
            *self.touched.entry(slot).or_default() += 1;
        }
    }

    /// Whether a running run may have used `slot`.
    fn is_pinned(&self, slot: i64) -> bool {
        self.pinned.get(&slot).is_some_and(|latest| self.is_recent(*latest))
    }

    /// Whether a run is still running of those that had begun by then.
    fn is_recent(&self, latest: u64) -> bool {
        self.running.first().is_some_and(|oldest| *oldest <= latest)
    }

    /// Drops the pins of runs that have ended, if there are many: in a process that is never without a run, too.
    fn drop_pins(&mut self) {
        if self.running.is_empty() {
            self.pinned.clear();
        } else if self.pinned.len() >= self.many_pins.max(FEW_PINS) {
            let mut pinned = std::mem::take(&mut self.pinned);
            pinned.retain(|_, latest| self.is_recent(*latest));
            self.many_pins = 2 * pinned.len();
            self.pinned = pinned;
        }
    }
}

impl Usage {
    /// Whether runs are running.
    pub(super) fn is_running(&self) -> bool {
        !self.0.lock().running.is_empty()
    }

    /// Notes that these slots were found by a look-up.
    pub(super) fn found(&self, slots: impl Iterator<Item = i64>) {
        let mut counts = self.0.lock();
        for slot in slots {
            counts.use_once(slot);
        }
    }

    /// Notes that a slot was put: it is pinned, and its use is that it is new.
    pub(super) fn put(&self, slot: i64) {
        let mut counts = self.0.lock();
        if !counts.running.is_empty() {
            let latest = counts.latest;
            counts.pinned.insert(slot, latest);
        }
    }

    /// A run begins; answers its number.
    pub(super) fn begin_run(&self) -> u64 {
        let mut counts = self.0.lock();
        counts.latest += 1;
        let run = counts.latest;
        counts.running.insert(run);
        run
    }

    /// A run has ended.
    pub(super) fn end_run(&self, report: &RunReport) -> Ended {
        let mut counts = self.0.lock();
        counts.hits += report.hits;
        counts.misses += report.misses;
        counts.saved += u64::try_from(report.saved.as_millis()).unwrap_or(u64::MAX);
        for key in &report.used {
            counts.use_once(slot_of(key));
        }
        let oldest = counts.running.first().copied();
        if !counts.running.remove(&report.run) {
            // Who does not say which run it was ends the one that pins least.
            counts.running.pop_last();
        }
        let lets_go = counts.running.first().copied() != oldest || oldest.is_none();
        if lets_go {
            counts.drop_pins();
        }
        let something = !counts.touched.is_empty() || counts.hits + counts.misses > 0;
        // The first run of a process is often its last.
        let long_ago = counts.written.is_none_or(|written| written.elapsed() >= WORTH_WRITING);
        let is_worth_writing = something && (long_ago || counts.touched.len() >= MANY);
        Ended { is_worth_writing, lets_go }
    }

    /// Whether a running run has used `slot`.
    pub(super) fn is_pinned(&self, slot: i64) -> bool {
        self.0.lock().is_pinned(slot)
    }

    /// Whether running runs have used anything.
    pub(super) fn pins_any(&self) -> bool {
        let counts = self.0.lock();
        !counts.running.is_empty() && !counts.pinned.is_empty()
    }

    /// Adds the uses that are not written yet, as those of the moment before entry `next`.
    pub(super) fn add_to(&self, all: &mut SlotMap<Used>, next: i64) {
        for (slot, uses) in &self.0.lock().touched {
            let used = all.entry(*slot).or_default();
            used.uses = used.uses.saturating_add(*uses);
            used.at = next;
        }
    }

    /// Takes what is to be written.
    pub(super) fn take(&self) -> Due {
        let mut counts = self.0.lock();
        counts.written = Some(Instant::now());
        Due {
            touched: std::mem::take(&mut counts.touched),
            hits: std::mem::take(&mut counts.hits),
            misses: std::mem::take(&mut counts.misses),
            saved: std::mem::take(&mut counts.saved),
        }
    }

    /// Forgets the uses of `slots`: their entries are gone.
    pub(super) fn forget_slots(&self, slots: &HashSet<i64>) {
        if !slots.is_empty() {
            self.0.lock().touched.retain(|slot, _| !slots.contains(slot));
        }
    }

    /// Forgets all uses: the entries are gone.
    pub(super) fn forget(&self) {
        self.0.lock().touched.clear();
    }
}

impl Due {
    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.hits + self.misses + self.saved == 0
    }

    /// Writes the uses, as those of the moment before the next entry.
    ///
    /// When uses are put together, those of entries that are no more are left out, if there are as many of them as of the
    /// others.
    pub(super) fn write(
        &self,
        transaction: &Transaction<'_>,
        state: &State,
    ) -> Result<(), Trouble> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let touches = self.touched.iter().map(|(slot, uses)| Touch {
            slot: slot.to_le_bytes(),
            uses: *uses,
            at: state.next,
        });
        append(transaction, touches)?;
        let rows: i64 = transaction
            .prepare_cached("SELECT count(*) FROM touch")?
            .query_row([], |row| row.get(0))?;
        if rows > MOST_ROWS {
            let mut all = load(transaction)?;
            // What is counted may be absurd.
            if all.len() as u64 > state.entries.saturating_mul(2).saturating_add(FEW) {
                keep_existing(transaction, &mut all)?;
            }
            rewrite(transaction, &all)?;
        }
        Ok(())
    }
}

/// Leaves out the uses of slots in which nothing is.
fn keep_existing(transaction: &Transaction<'_>, all: &mut SlotMap<Used>) -> Result<(), Trouble> {
    let mut statement = transaction.prepare_cached("SELECT 1 FROM slot WHERE key = ?1")?;
    let mut gone = Vec::new();
    for slot in all.keys() {
        if !statement.exists([slot])? {
            gone.push(*slot);
        }
    }
    for slot in gone {
        all.remove(&slot);
    }
    Ok(())
}

/// Adds a row of uses.
fn append(
    transaction: &Transaction<'_>,
    touches: impl Iterator<Item = Touch>,
) -> Result<(), Trouble> {
    let touches: Vec<Touch> = touches.collect();
    let bytes = postcard::to_stdvec(&touches)
        .map_err(|error| Trouble::damaged(format!("uses cannot be encoded: {error}")))?;
    transaction.prepare_cached("INSERT INTO touch (bytes) VALUES (?1)")?.execute([bytes])?;
    Ok(())
}

/// All uses that were written. Rows that cannot be read count as none: an order of eviction suffers, no entry.
pub(super) fn load(connection: &Connection) -> Result<SlotMap<Used>, Trouble> {
    let mut all = SlotMap::default();
    let mut statement = connection.prepare_cached("SELECT bytes FROM touch ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(bytes) = row.get_ref(0)?.as_blob() else { continue };
        add_touches(&mut all, bytes);
    }
    Ok(all)
}

/// Adds the uses in a row; none of them if it cannot be read.
fn add_touches(all: &mut SlotMap<Used>, bytes: &[u8]) {
    let Ok(touches) = postcard::from_bytes::<Vec<Touch>>(bytes) else { return };
    for touch in touches {
        let used: &mut Used = all.entry(i64::from_le_bytes(touch.slot)).or_default();
        used.uses = used.uses.saturating_add(touch.uses);
        used.at = used.at.max(touch.at);
    }
}

/// Writes all uses as one row.
pub(super) fn rewrite(transaction: &Transaction<'_>, all: &SlotMap<Used>) -> Result<(), Trouble> {
    transaction.prepare_cached("DELETE FROM touch")?.execute([])?;
    let touches = all.iter().map(|(slot, used)| Touch {
        slot: slot.to_le_bytes(),
        uses: used.uses,
        at: used.at,
    });
    append(transaction, touches)
}

/// The slot of each key.
pub(super) fn slots(keys: &[Digest]) -> impl Iterator<Item = i64> + '_ {
    keys.iter().map(slot_of)
}
