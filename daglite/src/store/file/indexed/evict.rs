//! Keeps the store within its limits: what goes first, how much, and in small steps.

use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::atomic::Ordering;
use std::vec::IntoIter;

use rusqlite::{Connection, Row, params};

use super::super::settings::{Eviction, HIGH_MARK, LOW_MARK};
use super::rows::{ROW_OVERHEAD, State};
use super::trouble::Trouble;
use super::usage::{self, SlotMap, Used};
use super::{Failed, Indexed};
use crate::store::{Fate, StoreError};

/// So many entries go in one transaction: a few milliseconds for whoever wants to write meanwhile.
const STEP: usize = 250;
/// So many are chosen at a time.
const CHOICE: usize = 20_000;

/// What went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Freed {
    /// Entries that had expired.
    pub(super) expired: u64,
    /// Entries that were evicted.
    pub(super) evicted: u64,
    /// The bytes of both, as far as they can be counted: an index may say absurd things of its objects.
    pub(super) bytes: u64,
}

/// An entry that may go.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    id: i64,
    slot: i64,
    /// About how many bytes it frees.
    bytes: u64,
}

impl Indexed {
    /// Evicts if the store is above a high mark. A failure is no reason to disturb a run.
    pub(super) fn evict_if_needed(&self) {
        let (bytes, entries) = self.fill();
        if !self.limits.is_above(HIGH_MARK, bytes, entries) || self.is_full.load(Ordering::Relaxed)
        {
            return;
        }
        if self.is_futile.load(Ordering::Relaxed) && !self.limits.is_above(1.0, bytes, entries) {
            return;
        }
        match self.evict() {
            Ok(Freed { expired, evicted, bytes }) => {
                let mut sum = self.evicted.lock();
                sum.entries += expired + evicted;
                sum.bytes = sum.bytes.saturating_add(bytes);
            }
            Err(error) => tracing::warn!(%error, "the cache could not evict"),
        }
    }

    /// How many bytes and entries the store has, as far as this process knows.
    fn fill(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.entries.load(Ordering::Relaxed))
    }

    /// Sweeps what has expired; and evicts down to the low mark, if the store is above the high one.
    pub(super) fn evict(&self) -> Result<Freed, StoreError> {
        let mut freed = Freed::default();
        if !self.connections.path().exists() {
            return Ok(freed);
        }
        let chore = self
            .locks
            .try_chore("evict")
            .map_err(|cause| StoreError::io("lock", self.layout.locks(), cause))?;
        // Another process is at it: one is enough.
        let Some(_turn) = chore else { return Ok(freed) };
        // So that what we take away is found if we are killed.
        self.workplace()?;
        match self.guarded(|| self.evict_in_turn(&mut freed)) {
            Ok(()) => Ok(freed),
            Err(Failed::Damaged(_)) => Ok(freed),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    /// Does it, as the only one.
    fn evict_in_turn(&self, freed: &mut Freed) -> Result<(), Trouble> {
        // A clock that was moved back makes nothing expire; one moved ahead is the user's word.
        let now = i64::try_from(self.clock.now().millis()).unwrap_or(i64::MAX);
        let mut slots = HashSet::new();
        let mut fill = loop {
            let mut expired =
                self.connections.read(|connection| expired(connection, now))?.unwrap_or_default();
            // A task may keep a result for longer than when it was put.
            expired.retain(|candidate| !self.usage.is_pinned(candidate.slot));
            let (fill, gone, bytes) = self.drop_entries(&expired, true)?;
            freed.expired += gone;
            freed.bytes = freed.bytes.saturating_add(bytes);
            slots.extend(expired.iter().map(|candidate| candidate.slot));
            if gone == 0 {
                break fill;
            }
        };
        let is_needed = self.limits.is_above(HIGH_MARK, fill.0, fill.1);
        while is_needed && self.limits.is_above(LOW_MARK, fill.0, fill.1) {
            let wanted = self.limits.excess(LOW_MARK, fill.0, fill.1);
            let chosen = self
                .connections
                .read(|connection| self.choose(connection, wanted))?
                .unwrap_or_default();
            let mut gone = 0;
            for step in chosen.chunks(STEP) {
                let (after, evicted, bytes) = self.drop_entries(step, false)?;
                gone += evicted;
                freed.bytes = freed.bytes.saturating_add(bytes);
                slots.extend(step.iter().map(|candidate| candidate.slot));
                fill = after;
                if !self.limits.is_above(LOW_MARK, fill.0, fill.1) {
                    break;
                }
            }
            freed.evicted += gone;
            if gone == 0 {
                if self.limits.eviction == Eviction::None || self.usage.pins_any() {
                    self.cannot_evict(fill);
                } else {
                    // All that may go has gone, and it is still too much: the counts were wrong.
                    self.count_anew()?;
                }
                break;
            }
        }
        self.forget_uses(&slots)
    }

    /// Counts what there is, whatever was counted before.
    pub(super) fn count_anew(&self) -> Result<(), Trouble> {
        let state = self.connections.write(|transaction| {
            let mut state = State::load(transaction)?;
            state.recount(transaction)?;
            Ok(state)
        })?;
        self.note_state(&state);
        Ok(())
    }

    /// Forgets how entries were used that are there no more: whoever puts them again begins anew.
    pub(super) fn forget_uses(&self, slots: &HashSet<i64>) -> Result<(), Trouble> {
        self.usage.forget_slots(slots);
        let has_uses = |connection: &Connection| {
            Ok(usage::load(connection)?.keys().any(|slot| slots.contains(slot)))
        };
        if slots.is_empty() || !self.connections.read(has_uses)?.unwrap_or(false) {
            return Ok(());
        }
        self.connections.write(|transaction| {
            let mut all = usage::load(transaction)?;
            all.retain(|slot, _| !slots.contains(slot));
            usage::rewrite(transaction, &all)
        })
    }

    /// Everything that is left is in use, or nothing may be evicted.
    fn cannot_evict(&self, (bytes, entries): (u64, u64)) {
        // A policy of none looks at no entry.
        self.is_futile.store(self.limits.eviction != Eviction::None, Ordering::Relaxed);
        if !self.limits.is_above(1.0, bytes, entries) {
            return;
        }
        let why = "the running session uses all that is in it";
        if self.limits.eviction == Eviction::None || self.is_full.swap(true, Ordering::Relaxed) {
            return;
        }
        if !self.told_full.swap(true, Ordering::Relaxed) {
            self.tell_full(why, bytes, entries);
        }
    }

    /// Removes entries in one transaction; answers how full the store is then, how many went, and how many bytes.
    fn drop_entries(
        &self,
        entries: &[Candidate],
        expired: bool,
    ) -> Result<((u64, u64), u64, u64), Trouble> {
        let before = self.bytes.load(Ordering::Relaxed);
        let fate = if expired { Fate::Expired } else { Fate::Evicted };
        let gone = self.edit(|_, edit| {
            let mut gone = 0;
            let mut bytes = 0;
            for candidate in entries {
                if edit.remove_entry(candidate.id, candidate.slot)? {
                    edit.note_gone(candidate.slot, fate)?;
                    gone += 1;
                    bytes = candidate.bytes.saturating_add(bytes);
                }
            }
            if expired {
                edit.state.expired += gone;
            } else {
                edit.state.evicted += gone;
                edit.state.evicted_bytes = edit.state.evicted_bytes.saturating_add(bytes);
            }
            Ok(gone)
        })?;
        let after = self.fill();
        Ok((after, gone, before.saturating_sub(after.0)))
    }

    /// Who goes first, enough for `wanted` bytes and entries or as many as are chosen at a time.
    fn choose(
        &self,
        connection: &Connection,
        wanted: (u64, u64),
    ) -> Result<Vec<Candidate>, Trouble> {
        let mut chosen = Chosen { wanted, entries: Vec::new(), bytes: 0, store: self };
        match self.limits.eviction {
            Eviction::None => {}
            Eviction::OldestFirst => by_age(connection, &mut chosen, |_| false)?,
            Eviction::Lru => {
                let used = self.uses(connection)?;
                let mut by_time: Vec<_> =
                    used.iter().map(|(slot, used)| (used.at, *slot)).collect();
                by_time.sort_unstable();
                least_recent(connection, &mut chosen, by_time.into_iter().peekable(), &used)?;
            }
            Eviction::Lfu => {
                let used = self.uses(connection)?;
                by_age(connection, &mut chosen, |slot| used.contains_key(&slot))?;
                let mut by_uses: Vec<_> =
                    used.iter().map(|(slot, used)| (used.uses, used.at, *slot)).collect();
                by_uses.sort_unstable();
                for (_, _, slot) in by_uses {
                    if !chosen.wants_more() {
                        break;
                    }
                    if let Some(candidate) = in_slot(connection, slot)? {
                        chosen.add(candidate);
                    }
                }
            }
            Eviction::LargestFirst => {
                // Most objects are larger than all that lies in place, and few; the rest, with what got small when it was
                // compressed, is sorted only if they do not do.
                for kinds in ["kind <> 0 AND size > 16384", "(kind = 0 OR size <= 16384)"] {
                    if chosen.wants_more() {
                        let order = format!(
                            "SELECT id, slot, kind, size, length(bytes) FROM entry WHERE {kinds} \
                             ORDER BY size + length(bytes) DESC, id"
                        );
                        let mut statement = connection.prepare_cached(&order)?;
                        let mut rows = statement.query([])?;
                        while chosen.wants_more()
                            && let Some(row) = rows.next()?
                        {
                            chosen.add(candidate(row)?);
                        }
                    }
                }
            }
        }
        Ok(chosen.entries)
    }

    /// All uses, those that are not written yet too.
    fn uses(&self, connection: &Connection) -> Result<SlotMap<Used>, Trouble> {
        let mut used = usage::load(connection)?;
        let next = State::load(connection)?.next;
        self.usage.add_to(&mut used, next);
        Ok(used)
    }
}

/// The entries that have been chosen so far.
struct Chosen<'a> {
    /// How many bytes and entries are to go.
    wanted: (u64, u64),
    entries: Vec<Candidate>,
    bytes: u64,
    store: &'a Indexed,
}

impl Chosen<'_> {
    /// Whether they do not do yet.
    fn wants_more(&self) -> bool {
        let (bytes, entries) = self.wanted;
        self.entries.len() < CHOICE && (self.bytes < bytes || (self.entries.len() as u64) < entries)
    }

    /// Adds an entry, unless it is pinned.
    fn add(&mut self, candidate: Candidate) {
        if !self.store.usage.is_pinned(candidate.slot) {
            self.bytes = self.bytes.saturating_add(candidate.bytes);
            self.entries.push(candidate);
        }
    }
}

/// The columns `id, slot, kind, size, length(bytes)` of a row.
fn candidate(row: &Row<'_>) -> Result<Candidate, Trouble> {
    let size: i64 = row.get(3)?;
    let length: i64 = row.get(4)?;
    let bytes = size.max(0).cast_unsigned() + length.max(0).cast_unsigned() + ROW_OVERHEAD;
    Ok(Candidate { id: row.get(0)?, slot: row.get(1)?, bytes })
}

/// Some of the entries that have expired.
fn expired(connection: &Connection, now: i64) -> Result<Vec<Candidate>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT id, slot, kind, size, length(bytes) FROM entry WHERE expires <= ?1 ORDER BY expires LIMIT ?2",
    )?;
    let mut rows = statement.query(params![now, STEP as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(candidate(row)?);
    }
    Ok(found)
}

/// The entry in `slot`.
fn in_slot(connection: &Connection, slot: i64) -> Result<Option<Candidate>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT entry.id, slot, kind, size, length(bytes) FROM slot JOIN entry ON entry.id = slot.entry \
         WHERE slot.key = ?1",
    )?;
    let mut rows = statement.query([slot])?;
    rows.next()?.map(candidate).transpose()
}

/// All entries in the order of their puts, as far as they are wanted.
const ALL_BY_AGE: &str = "SELECT id, slot, kind, size, length(bytes) FROM entry ORDER BY id";

/// Chooses the oldest, but for those that `skip` names.
fn by_age(
    connection: &Connection,
    chosen: &mut Chosen<'_>,
    skip: impl Fn(i64) -> bool,
) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached(ALL_BY_AGE)?;
    let mut rows = statement.query([])?;
    while chosen.wants_more()
        && let Some(row) = rows.next()?
    {
        let candidate = candidate(row)?;
        if !skip(candidate.slot) {
            chosen.add(candidate);
        }
    }
    Ok(())
}

/// Chooses those whose put or last use is longest ago: two lists in that order, merged.
fn least_recent(
    connection: &Connection,
    chosen: &mut Chosen<'_>,
    mut by_time: Peekable<IntoIter<(i64, i64)>>,
    used: &SlotMap<Used>,
) -> Result<(), Trouble> {
    // A use before the entry's own put was of an earlier entry in its place.
    let counts = |candidate: &Candidate| {
        used.get(&candidate.slot).is_some_and(|used| used.at > candidate.id)
    };
    let mut statement = connection.prepare_cached(ALL_BY_AGE)?;
    let mut rows = statement.query([])?;
    while chosen.wants_more() {
        let put = match rows.next()? {
            Some(row) => Some(candidate(row)?),
            None => None,
        };
        let time = put.map_or(i64::MAX, |candidate| candidate.id);
        // A use at `at` came before the put of entry `at`.
        while chosen.wants_more()
            && let Some((_, slot)) = by_time.next_if(|(at, _)| *at <= time)
        {
            if let Some(candidate) = in_slot(connection, slot)?.filter(counts) {
                chosen.add(candidate);
            }
        }
        let Some(put) = put else { break };
        if chosen.wants_more() && !counts(&put) {
            chosen.add(put);
        }
    }
    Ok(())
}
