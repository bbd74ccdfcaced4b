//! The limits of a session: at most so many bodies at once of the tasks that name one.
//!
//! A call takes a place of each limit that it names, or none and waits in line: so nobody waits while holding one, unless it is
//! a body that runs a graph of its own. Such a body lends its places: to calls inside of it, and to calls elsewhere that it
//! waits for. A place is lent to one at a time, so the calls that are at work never take more places than there are.
//!
//! Calls in no body stand in line by the order in which they came, for each limit: one that wants two limits is not passed by
//! others that want one of the two. Calls inside of bodies go before them, as they may hold up what holds places.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::sync::Mutex;

use super::waits::{Thing, Waits};

/// Called when there may be room.
pub(super) type OnRoom = Box<dyn FnOnce() + Send>;

/// Those who are to be called, once nothing is locked.
type Called = Vec<OnRoom>;

/// The limits of a session, and who has taken what of them.
pub(super) struct Limits {
    /// Their names, in order. The place of a name is the limit's number.
    names: Vec<String>,
    waits: Arc<Waits>,
    state: Mutex<State>,
}

struct State {
    /// By the number of the limit.
    lines: Vec<Line>,
    /// The bodies that hold places.
    bodies: BTreeMap<u64, SmallVec<[Place; 2]>>,
    /// Those who wait, by the order in which they came.
    waiting: HashMap<u64, Waiting>,
    /// The number of the next body, or of the next who waits.
    next: u64,
}

/// One limit.
struct Line {
    /// How many places it has.
    most: usize,
    taken: usize,
    /// Who waits inside of a body.
    inner: BTreeSet<u64>,
    /// Who waits in no body.
    outer: BTreeSet<u64>,
}

/// A place that a body has.
struct Place {
    limit: usize,
    /// The body that has lent it.
    lender: Option<u64>,
    /// The body that it is lent to.
    lent_to: Option<u64>,
}

/// One who waits.
struct Waiting {
    wanted: Wanted,
    /// What may come to it: for each limit the places of bodies around it, and those of all.
    noted: Vec<(usize, Thing)>,
    /// `None` while it has been called and not looked again.
    on_room: Option<OnRoom>,
}

/// What a call wants.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The numbers of its limits.
    limits: SmallVec<[usize; 2]>,
    /// What would wait with it, innermost first: the bodies around it, and a key that it has already.
    things: SmallVec<[Thing; 4]>,
}

/// Where a place comes from.
#[derive(Clone, Copy)]
enum Source {
    Free,
    Lent(u64),
}

/// Places of limits that a body has; given back when dropped.
pub(super) struct Places {
    limits: Arc<Limits>,
    body: u64,
}

/// A place in line; left when dropped.
pub(super) struct Ticket {
    limits: Arc<Limits>,
    number: u64,
}

impl Limits {
    /// Limits of so many places each, all free.
    pub(super) fn new(limits: BTreeMap<String, usize>, waits: Arc<Waits>) -> Arc<Self> {
        let count = limits.len();
        let line = |most| Line { most, taken: 0, inner: BTreeSet::new(), outer: BTreeSet::new() };
        let (names, lines) = limits.into_iter().map(|(name, most)| (name, line(most))).unzip();
        for number in 0..count {
            waits.note(&[Thing::Limit(number)], Thing::Room);
        }
        let state = State { lines, bodies: BTreeMap::new(), waiting: HashMap::new(), next: 0 };
        Arc::new(Self { names, waits, state: Mutex::new(state) })
    }

    /// The names of all, and how many places each has.
    pub(super) fn all(&self) -> Vec<(String, usize)> {
        let state = self.state.lock();
        self.names.iter().cloned().zip(state.lines.iter().map(|line| line.most)).collect()
    }

    /// The names of all.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a limit.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// Takes all that is wanted, if it is there; `ticket` is where the call stands in line, if it does.
    pub(super) fn try_enter(
        self: &Arc<Self>,
        wanted: &Wanted,
        ticket: Option<&Ticket>,
    ) -> Option<Places> {
        let mut state = self.state.lock();
        let places = self.enter(&mut state, wanted, ticket.map(|ticket| ticket.number))?;
        // Its turn is over, and may have kept others back.
        let called =
            if ticket.is_some() { state.call(&self.waits, &wanted.limits) } else { Called::new() };
        drop(state);
        called.into_iter().for_each(|on_room| on_room());
        Some(places)
    }

    /// The same; or a place in line, the one that it has if it has one. `on_room` is called then when it is worth another look.
    pub(super) fn enter_or_wait(
        self: &Arc<Self>,
        wanted: &Wanted,
        ticket: Option<Ticket>,
        on_room: OnRoom,
    ) -> Result<Places, Ticket> {
        let mut state = self.state.lock();
        let number = match &ticket {
            Some(ticket) => ticket.number,
            None => state.line_up(&self.waits, wanted),
        };
        if let Some(waiting) = state.waiting.get_mut(&number) {
            waiting.on_room = Some(on_room);
        }
        // Only now that it is noted who waits: of two who are about to wait for each other one has to see the other.
        let places = self.enter(&mut state, wanted, Some(number));
        // Its turn is over, and may have kept others back.
        let called = state.call(&self.waits, &wanted.limits);
        drop(state);
        called.into_iter().for_each(|on_room| on_room());
        places.ok_or_else(|| ticket.unwrap_or_else(|| Ticket { limits: Arc::clone(self), number }))
    }

    fn enter(
        self: &Arc<Self>,
        state: &mut State,
        wanted: &Wanted,
        number: Option<u64>,
    ) -> Option<Places> {
        let source = |limit: &usize| state.source(&self.waits, *limit, wanted, number);
        let sources: SmallVec<[Source; 2]> =
            wanted.limits.iter().map(source).collect::<Option<_>>()?;
        if let Some(number) = number
            && let Some(waiting) = state.leave(number)
        {
            forget_wait(&self.waits, number, &waiting);
        }
        let body = state.next;
        state.next += 1;
        let mut places = SmallVec::new();
        for (limit, source) in wanted.limits.iter().copied().zip(sources) {
            let lender = match source {
                Source::Free => {
                    state.lines[limit].taken += 1;
                    if state.lines[limit].free() == 0 {
                        self.waits.forget(&[Thing::Limit(limit)], Thing::Room);
                    }
                    self.waits.note(&[Thing::Limit(limit)], Thing::Body(body));
                    None
                }
                Source::Lent(lender) => {
                    if let Some(place) = state.place(lender, limit) {
                        place.lent_to = Some(body);
                    }
                    self.waits.note(&[Thing::Place(lender, limit)], Thing::Body(body));
                    Some(lender)
                }
            };
            places.push(Place { limit, lender, lent_to: None });
        }
        state.bodies.insert(body, places);
        Some(Places { limits: Arc::clone(self), body })
    }

    /// Gives the places of a body back, each to whom it came from; those that are lent stay with who has them.
    fn release(&self, body: u64) {
        let mut state = self.state.lock();
        let mut limits: SmallVec<[usize; 2]> = SmallVec::new();
        for Place { limit, lender, lent_to } in state.bodies.remove(&body).unwrap_or_default() {
            if let Some(place) = lent_to.and_then(|borrower| state.place(borrower, limit)) {
                place.lender = lender;
            }
            let here = [Thing::Limit(limit)];
            if let Some(borrower) = lent_to {
                self.waits.forget(&[Thing::Place(body, limit)], Thing::Body(borrower));
            }
            if let Some(lender) = lender {
                let place = [Thing::Place(lender, limit)];
                self.waits.forget(&place, Thing::Body(body));
                if let Some(borrower) = lent_to {
                    self.waits.note(&place, Thing::Body(borrower));
                }
            }
            match lender.and_then(|lender| state.place(lender, limit)) {
                Some(place) => place.lent_to = lent_to,
                None => {
                    self.waits.forget(&here, Thing::Body(body));
                    if let Some(borrower) = lent_to {
                        self.waits.note(&here, Thing::Body(borrower));
                    } else {
                        state.lines[limit].taken -= 1;
                        if state.lines[limit].free() == 1 {
                            self.waits.note(&here, Thing::Room);
                        }
                    }
                }
            }
            limits.push(limit);
        }
        let called = state.call(&self.waits, &limits);
        drop(state);
        called.into_iter().for_each(|on_room| on_room());
    }

    /// Takes one who waits out of the line.
    fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        let mut called = Called::new();
        let waiting = state.leave(number);
        if let Some(waiting) = &waiting {
            forget_wait(&self.waits, number, waiting);
            called = state.call(&self.waits, &waiting.wanted.limits);
        }
        drop(state);
        drop(waiting);
        called.into_iter().for_each(|on_room| on_room());
    }
}

/// Takes back what was noted of one who waits.
fn forget_wait(waits: &Waits, number: u64, waiting: &Waiting) {
    for (limit, place) in &waiting.noted {
        waits.forget(&waiting.wanted.things, Thing::Turn(number, *limit));
        waits.forget(&[Thing::Turn(number, *limit)], *place);
    }
}

impl Line {
    fn side(&mut self, is_inner: bool) -> &mut BTreeSet<u64> {
        if is_inner { &mut self.inner } else { &mut self.outer }
    }

    fn free(&self) -> usize {
        self.most.saturating_sub(self.taken)
    }
}

impl Wanted {
    /// A place of each of `limits`, for a call with whom `things` would wait, innermost first.
    pub(super) fn new(limits: SmallVec<[usize; 2]>, things: SmallVec<[Thing; 4]>) -> Self {
        Self { limits, things }
    }

    /// Whether nothing is wanted.
    pub(super) fn is_nothing(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whether somebody may wait for it who is no run of its own.
    fn is_inner(&self) -> bool {
        !self.things.is_empty()
    }
}

impl State {
    /// The place that a body has of a limit.
    fn place(&mut self, body: u64, limit: usize) -> Option<&mut Place> {
        self.bodies.get_mut(&body)?.iter_mut().find(|place| place.limit == limit)
    }

    /// Whether a body has a place of a limit that it has not lent.
    fn may_lend(&self, body: u64, limit: usize) -> bool {
        let places = self.bodies.get(&body).into_iter().flatten();
        places.into_iter().any(|place| place.limit == limit && place.lent_to.is_none())
    }

    /// Where a place comes from, if one can be had.
    fn source(
        &self,
        waits: &Waits,
        limit: usize,
        wanted: &Wanted,
        number: Option<u64>,
    ) -> Option<Source> {
        let around = wanted.things.iter().filter_map(|thing| match thing {
            Thing::Body(body) => Some(*body),
            _ => None,
        });
        if let Some(lender) = around.into_iter().find(|body| self.may_lend(*body, limit)) {
            return Some(Source::Lent(lender));
        }
        let line = &self.lines[limit];
        let free = line.free();
        let before = if wanted.is_inner() || free == 0 {
            0
        } else {
            let number = number.unwrap_or(u64::MAX);
            line.inner.len() + line.outer.range(..number).take(free).count()
        };
        if free > before {
            return Some(Source::Free);
        }
        if !wanted.is_inner() {
            return None;
        }
        // Who waits for this call may as well lend it what it holds meanwhile.
        let waits_for_us = |body: &u64| {
            self.may_lend(*body, limit) && waits.is_held_up(Thing::Body(*body), &wanted.things)
        };
        self.bodies.keys().copied().find(waits_for_us).map(Source::Lent)
    }

    /// For each limit that it wants, what places of it may come to it: those of bodies around it, and those of all.
    fn may_come_to(&self, wanted: &Wanted) -> Vec<(usize, Thing)> {
        let mut all = Vec::new();
        for limit in wanted.limits.iter().copied() {
            let place = |thing: &Thing| match thing {
                Thing::Body(body) => {
                    let places = self.bodies.get(body)?;
                    let place = places.iter().find(|place| place.limit == limit)?;
                    Some((limit, Thing::Place(*body, place.limit)))
                }
                _ => None,
            };
            all.extend(wanted.things.iter().filter_map(place));
            all.push((limit, Thing::Limit(limit)));
        }
        all
    }

    /// The limits of which no place can be had.
    fn lacking(&self, waits: &Waits, wanted: &Wanted, number: Option<u64>) -> SmallVec<[usize; 2]> {
        let is_lacking = |limit: &usize| self.source(waits, *limit, wanted, number).is_none();
        wanted.limits.iter().copied().filter(is_lacking).collect()
    }

    /// Puts one in line who is about to wait, and notes that it waits.
    fn line_up(&mut self, waits: &Waits, wanted: &Wanted) -> u64 {
        let number = self.next;
        self.next += 1;
        let noted = self.may_come_to(wanted);
        for (limit, place) in &noted {
            waits.note(&wanted.things, Thing::Turn(number, *limit));
            waits.note(&[Thing::Turn(number, *limit)], *place);
        }
        for limit in &wanted.limits {
            self.lines[*limit].side(wanted.is_inner()).insert(number);
        }
        self.waiting.insert(number, Waiting { wanted: wanted.clone(), noted, on_room: None });
        number
    }

    /// Takes one who waits out of all lines.
    fn leave(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        for limit in &waiting.wanted.limits {
            self.lines[*limit].side(waiting.wanted.is_inner()).remove(&number);
        }
        Some(waiting)
    }

    /// Takes those out whom it may concern that something has changed about places of `limits`, to be called.
    fn call(&mut self, waits: &Waits, limits: &[usize]) -> Called {
        let mut chosen = SmallVec::new();
        limits.iter().for_each(|limit| self.choose(waits, *limit, &mut chosen));
        chosen.sort_unstable();
        chosen.dedup();
        let on_room = |number| self.waiting.get_mut(&number)?.on_room.take();
        chosen.into_iter().filter_map(on_room).collect()
    }

    /// Adds those who may find a place of `limit` now, and of all others that they want. One who was called, and has not looked
    /// yet, counts as if it took a place: when it has looked, the others are called.
    fn choose(&self, waits: &Waits, limit: usize, chosen: &mut SmallVec<[u64; 4]>) {
        let line = &self.lines[limit];
        let mut free = line.free();
        let is_chosen = |number: &u64, waiting: &Waiting, chosen: &[u64]| {
            waiting.on_room.is_none() || chosen.contains(number)
        };
        if !line.inner.is_empty() {
            // What each of those waits for that may lend one.
            let lenders = self.bodies.keys().copied().filter(|body| self.may_lend(*body, limit));
            let insides: Vec<HashSet<Thing>> =
                lenders.map(|body| waits.all_from(Thing::Body(body))).collect();
            let mut chances = free + insides.len();
            for number in &line.inner {
                if chances == 0 {
                    break;
                }
                let Some(waiting) = self.waiting.get(number) else { continue };
                let is_called = is_chosen(number, waiting, chosen);
                let is_inside = |inside: &HashSet<Thing>| {
                    waiting.wanted.things.iter().any(|thing| inside.contains(thing))
                };
                if !is_called {
                    let concerns = free > 0 || insides.iter().any(is_inside);
                    if !concerns || !self.lacking(waits, &waiting.wanted, Some(*number)).is_empty()
                    {
                        continue;
                    }
                    chosen.push(*number);
                }
                chances -= 1;
                free = free.saturating_sub(1);
            }
        }
        for number in line.outer.iter().take(free) {
            let Some(waiting) = self.waiting.get(number) else { continue };
            if !is_chosen(number, waiting, chosen)
                && self.lacking(waits, &waiting.wanted, Some(*number)).is_empty()
            {
                chosen.push(*number);
            }
        }
    }
}

impl Places {
    /// The number of the body that has them.
    pub(super) fn body(&self) -> u64 {
        self.body
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.limits.release(self.body);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.limits.leave(self.number);
    }
}
