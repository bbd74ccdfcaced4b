//! `Fan`: a node that is made of many others, which come one after the other, as there is room for them.
//!
//! Elements come out of the feed and begin; when they have ended, they go into the sink, which may have more to do with them. The feed
//! and the stage have locks of their own, so that one thread can make the next element while another sees to one that has ended. The
//! node itself stays `Idle` all the while, and several runs may work on it.

use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::sync::{AtomicBool, AtomicU64, Mutex};
use crate::task::Value;

use super::sink::{End, Item, Sink};
use super::{Node, Slot, Transform};

/// Makes the next element, until there is none.
pub(crate) type Next = Box<dyn FnMut() -> Option<Arc<Node>> + Send>;

/// Calls a run that waits for a change.
pub(crate) type Alarm = Box<dyn FnOnce() + Send>;

/// A run, and its place for a fan.
pub(crate) type Watcher = (usize, u32);

/// Many nodes that make one.
pub(crate) struct Fan {
    /// How people know it: the method.
    pub(crate) what: &'static str,
    /// How many items may be begun at once, if the user has said.
    pub(crate) most: Option<usize>,
    /// Whether the failure of an element is a result like any other.
    pub(crate) settles: bool,
    /// What is known of the elements' type by who knows that type.
    pub(crate) typed: Box<dyn Any + Send + Sync>,
    /// Where elements come from.
    feed: Mutex<Feed>,
    /// Whether a thread is at the feed.
    is_pulled: AtomicBool,
    /// What has become of those that came.
    pub(crate) stage: Mutex<Stage>,
    /// Whether no element will come any more: for those who only look.
    is_dry: AtomicBool,
    /// How many items are begun or kept: for those who only look.
    load: AtomicU64,
    /// How many have come and are in nobody's hand: for those who only look.
    fresh: AtomicU64,
}

/// Where elements come from.
pub(crate) enum Feed {
    /// From a value that has to be there first.
    Closed(Transform<Next>),
    /// From this.
    Open(Next),
    /// There are no more.
    Dry,
}

/// The items of a fan, and how far they have come.
pub(crate) struct Stage {
    /// Those that have begun and not ended, in the order in which they began.
    begun: BTreeMap<u64, Begun>,
    /// Those that have come and that any thread may take in its hand.
    fresh: VecDeque<u64>,
    /// How many have begun so far: the number of the next.
    serial: u64,
    /// How many elements have come.
    elements: u64,
    /// Where they go; `None` once the fan has its end.
    sink: Option<Box<dyn Sink>>,
    /// Why there will be no result, if there will be none.
    failure: Option<Error>,
    /// Whether nothing more can be done.
    is_broken: bool,
    /// Who wants to know of changes: runs, and their places for the fan.
    alarms: HashMap<Watcher, Alarm>,
}

/// An item that has begun.
struct Begun {
    item: Item,
    /// Whether it is fresh or in the hand of a thread, so that it needs no place in a run.
    in_hand: bool,
}

/// How often a thread tries to get to a feed that another one is at, and how long it waits each time: together about as long as it takes to
/// make an element of nothing.
const TRIES: u32 = 16;

/// See [`TRIES`].
const PAUSE: u32 = 16;

/// The right to have elements come.
pub(crate) struct Turn<'a>(&'a Fan);

impl Fan {
    /// A fan whose elements come from `feed` and go into `sink`.
    pub(crate) fn new(
        what: &'static str,
        feed: Feed,
        sink: Box<dyn Sink>,
        typed: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let stage = Stage {
            begun: BTreeMap::new(),
            fresh: VecDeque::new(),
            serial: 0,
            elements: 0,
            sink: Some(sink),
            failure: None,
            is_broken: false,
            alarms: HashMap::new(),
        };
        Self {
            what,
            most: None,
            settles: false,
            typed,
            feed: Mutex::new(feed),
            is_pulled: AtomicBool::new(false),
            stage: Mutex::new(stage),
            is_dry: AtomicBool::new(false),
            load: AtomicU64::new(0),
            fresh: AtomicU64::new(0),
        }
    }

    /// Opens the feed with the value that it waited for.
    pub(crate) fn open(&self, value: Value) -> Result<(), Error> {
        let mut feed = self.feed.lock();
        let open = match std::mem::replace(&mut *feed, Feed::Dry) {
            Feed::Closed(open) => open,
            other => {
                *feed = other;
                return Ok(());
            }
        };
        *feed = Feed::Open(open(value)?);
        Ok(())
    }

    /// Whether another item may begin where `limit` may be there at once, as far as can be seen without a lock.
    pub(crate) fn has_room(&self, limit: usize) -> bool {
        !self.is_dry.load(Ordering::Acquire) && self.load.load(Ordering::Acquire) < limit as u64
    }

    /// Whether there are elements that any thread may take in its hand, as far as can be seen without a lock.
    pub(crate) fn has_fresh(&self) -> bool {
        self.fresh.load(Ordering::Acquire) > 0
    }

    /// The right to have elements come, unless another thread has it, and goes on having it for a moment.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        let is_mine = |_| {
            (0..PAUSE).for_each(|_| std::hint::spin_loop());
            !self.is_pulled.swap(true, Ordering::AcqRel)
        };
        (0..TRIES).any(is_mine).then_some(Turn(self))
    }

    /// Whether a thread has elements come.
    pub(crate) fn is_pulled(&self) -> bool {
        self.is_pulled.load(Ordering::Acquire)
    }

    /// Takes a fresh element in the hand, after the one that was in it has ended.
    pub(crate) fn next_in_hand(&self, ended: Option<u64>) -> Option<(u64, Arc<Node>)> {
        let mut stage = self.stage.lock();
        if let Some(begun) = ended.and_then(|serial| stage.begun.remove(&serial)) {
            stage.end(begun.item, self.settles);
        }
        let next = stage.fresh.pop_front();
        let next = next.and_then(|serial| {
            let begun = stage.begun.get(&serial)?;
            Some((serial, Arc::clone(&begun.item.node)))
        });
        self.weigh(&stage);
        next
    }

    /// Puts an element out of the hand, and the fresh ones with it: they get places in a run.
    pub(crate) fn put_down(&self, in_hand: Option<u64>) {
        let mut stage = self.stage.lock();
        let fresh = std::mem::take(&mut stage.fresh);
        for serial in in_hand.into_iter().chain(fresh) {
            if let Some(begun) = stage.begun.remove(&serial) {
                stage.begin(begun.item, false);
            }
        }
        self.weigh(&stage);
    }

    /// Sees to items that have ended.
    pub(crate) fn take_in(&self, serials: impl IntoIterator<Item = u64>) {
        let mut stage = self.stage.lock();
        for serial in serials {
            if let Some(begun) = stage.begun.remove(&serial) {
                stage.end(begun.item, self.settles);
            }
        }
        self.weigh(&stage);
    }

    /// Notes that its value is wanted, and not just its digest.
    pub(crate) fn demand_value(&self) {
        let mut stage = self.stage.lock();
        let mut more = Vec::new();
        if let Some(sink) = &mut stage.sink {
            sink.demand_values(&mut more);
        }
        stage.go_on(more);
        self.weigh(&stage);
    }

    /// Notes that it cannot go on.
    pub(crate) fn break_off(&self, error: Error) {
        let mut stage = self.stage.lock();
        stage.failure.get_or_insert(error);
        stage.is_broken = true;
        self.is_dry.store(true, Ordering::Release);
    }

    /// Whether it cannot go on.
    pub(crate) fn is_broken(&self) -> bool {
        self.stage.lock().is_broken
    }

    /// Whether all that can be done for it is done.
    pub(crate) fn is_over(&self) -> bool {
        let stage = self.stage.lock();
        stage.is_broken || self.is_dry.load(Ordering::Acquire) && stage.begun.is_empty()
    }

    /// What has come of it, once it is over.
    pub(crate) fn end(&self) -> Option<Result<End, Error>> {
        let mut stage = self.stage.lock();
        if let Some(error) = &stage.failure {
            return Some(Err(error.clone()));
        }
        let sink = stage.sink.take()?;
        drop(stage);
        Some(sink.finish())
    }

    /// Its parts, if nothing has begun: what another fan can be made of.
    pub(crate) fn into_parts(self) -> (Feed, Option<usize>, Box<dyn Any + Send + Sync>) {
        (self.feed.into_inner(), self.most, self.typed)
    }

    /// Keeps account of how much is there.
    fn weigh(&self, stage: &Stage) {
        let kept = stage.sink.as_ref().map_or(0, |sink| sink.kept());
        self.load.store((stage.begun.len() + kept) as u64, Ordering::Release);
        self.fresh.store(stage.fresh.len() as u64, Ordering::Release);
    }
}

impl Turn<'_> {
    /// Has the next element come; false if there is none.
    pub(crate) fn pull(&self) -> bool {
        let fan = self.0;
        let mut feed = fan.feed.lock();
        let Feed::Open(next) = &mut *feed else { return false };
        let element = next();
        let mut stage = fan.stage.lock();
        let Some(node) = element else {
            stage.no_more_elements();
            fan.is_dry.store(true, Ordering::Release);
            fan.weigh(&stage);
            drop(stage);
            *feed = Feed::Dry;
            return false;
        };
        let at = stage.elements;
        stage.elements += 1;
        let wants_value = stage.sink.as_ref().is_some_and(|sink| sink.wants_values());
        let serial = stage.begin(Item { at, node, wants_value }, true);
        stage.fresh.push_back(serial);
        fan.weigh(&stage);
        true
    }

    /// Has no more elements come.
    pub(crate) fn dry(&self) {
        let feed = std::mem::replace(&mut *self.0.feed.lock(), Feed::Dry);
        drop(feed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.is_pulled.store(false, Ordering::Release);
    }
}

impl Stage {
    /// Notes that an item has begun; answers its number.
    fn begin(&mut self, item: Item, in_hand: bool) -> u64 {
        let serial = self.serial;
        self.serial += 1;
        self.begun.insert(serial, Begun { item, in_hand });
        serial
    }

    /// The items from number `from` on that are in nobody's hand.
    pub(crate) fn begun_from(&self, from: u64) -> impl Iterator<Item = (u64, &Item)> {
        let free = self.begun.range(from..).filter(|(_, begun)| !begun.in_hand);
        free.map(|(serial, begun)| (*serial, &begun.item))
    }

    /// The number of the next item.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Has `alarm` called at the next change that `watcher` does not make.
    pub(crate) fn watch(&mut self, watcher: Watcher, alarm: Alarm) {
        self.alarms.insert(watcher, alarm);
    }

    /// Takes the alarms of all but `watcher`.
    pub(crate) fn alarms(&mut self, watcher: Watcher) -> Vec<Alarm> {
        if self.alarms.len() <= usize::from(self.alarms.contains_key(&watcher)) {
            return Vec::new();
        }
        let own = self.alarms.remove(&watcher);
        let others = self.alarms.drain().map(|(_, alarm)| alarm).collect();
        self.alarms.extend(own.map(|own| (watcher, own)));
        others
    }

    /// Notes that no element will come any more.
    fn no_more_elements(&mut self) {
        let mut more = Vec::new();
        let elements = self.elements;
        let result = self.sink.as_mut().map(|sink| sink.no_more(elements, &mut more));
        self.follow(result, more);
    }

    /// Sees to an item that has ended.
    fn end(&mut self, item: Item, settles: bool) {
        let error = match &*item.node.slot.lock() {
            Slot::Failed(error) => Some(Some(error.clone())),
            Slot::Done { .. } => Some(None),
            Slot::Known(_) if !item.wants_value => Some(None),
            _ => None,
        };
        let Some(error) = error else {
            // Somebody has lost it again, or has not read it: once more.
            self.begin(item, false);
            return;
        };
        let mut more = Vec::new();
        let result = match (error, &mut self.sink) {
            (Some(error), Some(sink)) if settles => {
                Some(sink.take_error(item.at, error, &mut more))
            }
            (Some(error), _) => {
                // There will be no result: what else comes need not be kept.
                self.failure.get_or_insert(error);
                self.sink = None;
                None
            }
            (None, sink) => sink.as_mut().map(|sink| sink.take(item, &mut more)),
        };
        self.follow(result, more);
    }

    /// Goes on with what a sink has answered.
    fn follow(&mut self, result: Option<Result<(), Error>>, more: Vec<Item>) {
        if let Some(Err(error)) = result {
            self.failure.get_or_insert(error);
            self.is_broken = true;
        }
        self.go_on(more);
    }

    /// Has items begin that others have let go ahead: before elements that have come, as those wait for nobody.
    fn go_on(&mut self, more: Vec<Item>) {
        for item in more.into_iter().rev() {
            let serial = self.begin(item, true);
            self.fresh.push_front(serial);
        }
    }
}
