//! Who waits for what: keys under way, bodies that hold places of limits, and those limits.
//!
//! A key or a body that waits goes on when all is there that it waits for; a limit has room when one of those ends that hold its
//! places. Whoever is about to wait asks here whether what it would wait for can only go on after itself. Only waits inside of
//! bodies are noted: nobody waits for a call that is in no body, but for its own run.

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::sync::Mutex;

/// What can be waited for, or waits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// The result of a key under way.
    Key(Digest),
    /// The end of a body that holds places of limits, by its number.
    Body(u64),
    /// A place of a limit, by its number.
    Limit(usize),
    /// What a limit has that has room: nothing to wait for.
    Room,
    /// A place of a limit that a body holds, by both numbers: whoever it is lent to has to end.
    Place(u64, usize),
    /// One who waits for a place of a limit, by both numbers: any place will do that may come to it.
    Turn(u64, usize),
}

/// Everybody's waits.
#[derive(Default)]
pub(super) struct Waits(Mutex<Table>);

impl Waits {
    /// Notes that all of `waiters` wait for `thing`.
    pub(super) fn note(&self, waiters: &[Thing], thing: Thing) {
        if !waiters.is_empty() {
            note(&mut self.0.lock(), waiters, thing);
        }
    }

    /// The same, unless `thing` can only go on after one of them; false if so.
    pub(super) fn note_unless_circle(&self, waiters: &[Thing], thing: Thing) -> bool {
        if waiters.is_empty() {
            return true;
        }
        let mut waits = self.0.lock();
        if is_held_up(&waits, thing, waiters) {
            return false;
        }
        note(&mut waits, waiters, thing);
        true
    }

    /// Takes back what [`note`](Self::note) has noted.
    pub(super) fn forget(&self, waiters: &[Thing], thing: Thing) {
        if waiters.is_empty() {
            return;
        }
        let mut waits = self.0.lock();
        for waiter in waiters {
            let Some(waited) = waits.get_mut(waiter) else { continue };
            if let Some(times) = waited.get_mut(&thing) {
                *times -= 1;
                if *times == 0 {
                    waited.remove(&thing);
                }
            }
            if waited.is_empty() {
                waits.remove(waiter);
            }
        }
    }

    /// Whether anything waits for `thing`.
    pub(super) fn is_awaited(&self, thing: &Thing) -> bool {
        self.0.lock().values().any(|waited| waited.contains_key(thing))
    }

    /// Whether `thing` can only go on after one of `others`.
    pub(super) fn is_held_up(&self, thing: Thing, others: &[Thing]) -> bool {
        is_held_up(&self.0.lock(), thing, others)
    }

    /// All that `from` waits for, directly or through others, and itself.
    pub(super) fn all_from(&self, from: Thing) -> HashSet<Thing> {
        reach(&self.0.lock(), from)
    }
}

/// For each thing what it waits for, and how many times over.
type Table = HashMap<Thing, HashMap<Thing, usize>>;

fn note(waits: &mut Table, waiters: &[Thing], thing: Thing) {
    for waiter in waiters {
        *waits.entry(*waiter).or_default().entry(thing).or_default() += 1;
    }
}

/// All that `from` waits for, directly or through others, and itself.
fn reach(waits: &Table, from: Thing) -> HashSet<Thing> {
    let (mut seen, mut next) = (HashSet::from([from]), vec![from]);
    while let Some(at) = next.pop() {
        let waited = waits.get(&at).into_iter().flat_map(HashMap::keys);
        next.extend(waited.filter(|thing| seen.insert(**thing)));
    }
    seen
}

/// Whether `thing` can only go on after one of `others`: if it is not among those that can go on while these cannot.
fn is_held_up(waits: &Table, thing: Thing, others: &[Thing]) -> bool {
    let all = reach(waits, thing);
    if !others.iter().any(|other| all.contains(other)) {
        return false;
    }
    let mut held_up: Vec<Thing> = all.iter().copied().collect();
    let mut goes_on: HashSet<Thing> = HashSet::new();
    loop {
        let before = held_up.len();
        held_up.retain(|at| {
            let mut waited = waits.get(at).into_iter().flat_map(HashMap::keys);
            let can = !others.contains(at)
                && match at {
                    Thing::Limit(_) | Thing::Turn(..) => {
                        waited.any(|thing| goes_on.contains(thing))
                    }
                    Thing::Key(_) | Thing::Body(_) | Thing::Place(..) | Thing::Room => {
                        waited.all(|thing| goes_on.contains(thing))
                    }
                };
            if can {
                goes_on.insert(*at);
            }
            !can
        });
        if goes_on.contains(&thing) || held_up.len() == before {
            return !goes_on.contains(&thing);
        }
    }
}

#[cfg(all(test, not(daglite_scheduled)))]
mod tests {
    use super::{Thing, Waits};

    #[test]
    fn one_of_several_holders_is_enough_for_a_limit_and_all_are_needed_by_a_body() {
        let (waits, [one, two, last]) = (Waits::default(), [1, 2, 3].map(Thing::Body));
        let limit = Thing::Limit(0);
        waits.note(&[limit], one);
        waits.note(&[limit], two);
        waits.note(&[one], last);
        assert!(!waits.is_held_up(limit, &[last]), "the other holder can end");
        waits.note(&[two], last);
        assert!(waits.is_held_up(limit, &[last]));
        waits.note(&[limit], Thing::Room);
        assert!(!waits.is_held_up(limit, &[last]));
        waits.note(&[two], limit);
        assert!(waits.is_held_up(two, &[last]), "it has to have both");
    }

    #[test]
    fn a_wait_that_would_close_a_circle_is_not_noted() {
        let (waits, [one, two]) = (Waits::default(), [1, 2].map(Thing::Body));
        assert!(waits.note_unless_circle(&[one], two));
        assert!(!waits.note_unless_circle(&[two], one));
        waits.forget(&[one], two);
        assert!(waits.note_unless_circle(&[two], one));
        waits.forget(&[two], one);
        assert!(!waits.is_awaited(&one));
    }
}
