//! Where the elements of a fan go: into a list, into a fold from left to right, or into a tree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::task::Value;

use super::{Gather, Node, Slot, take_value};

/// A node that a fan needs.
pub(crate) struct Item {
    /// Which one it is, for the sink; elements are numbered from 0 on.
    pub(crate) at: u64,
    /// The node.
    pub(crate) node: Arc<Node>,
    /// Whether its value is needed, and not just its digest.
    pub(crate) wants_value: bool,
}

/// What a fan makes of its elements.
pub(crate) trait Sink: Send {
    /// Takes an item that has ended; what is to be made next is added to `more`.
    fn take(&mut self, item: Item, more: &mut Vec<Item>) -> Result<(), Error>;

    /// Takes the failure of an item.
    fn take_error(&mut self, at: u64, error: Error, more: &mut Vec<Item>) -> Result<(), Error> {
        let _ = (at, more);
        Err(error)
    }

    /// Takes notice that there are so many elements.
    fn no_more(&mut self, elements: u64, more: &mut Vec<Item>) -> Result<(), Error> {
        let _ = (elements, more);
        Ok(())
    }

    /// How many elements have ended and wait for others.
    fn kept(&self) -> usize {
        0
    }

    /// Whether the values of elements are needed, and not just their digests.
    fn wants_values(&self) -> bool {
        false
    }

    /// Takes notice that the value of the whole is needed.
    fn demand_values(&mut self, more: &mut Vec<Item>) {
        let _ = more;
    }

    /// What has come of all.
    fn finish(self: Box<Self>) -> Result<End, Error>;
}

/// What comes of a fan.
pub(crate) enum End {
    /// A list with its values, the digests of all if all have one, and the checkpoints that they were made from.
    List(Value, Option<Vec<Digest>>, BTreeSet<String>),
    /// Nodes whose digests are known, and how they become a list.
    Known(Vec<Arc<Node>>, Gather),
    /// The value of a node.
    Node(Arc<Node>),
}

/// Makes a list of values, which come in order.
pub(crate) trait Gathering: Send {
    /// Takes the next.
    fn put(&mut self, value: Result<Value, Error>) -> Result<(), Error>;

    /// The list.
    fn finish(self: Box<Self>) -> Value;
}

/// The elements in their order.
pub(crate) struct List {
    gathering: Box<dyn Gathering>,
    /// The number of the element that comes next.
    next: u64,
    /// Those that have ended before their turn; all of them, as long as digests will do.
    ended: BTreeMap<u64, Ended>,
    /// The digests of those that are in the list, if all have one.
    digests: Option<Vec<Digest>>,
    checkpoints: BTreeSet<String>,
    by_value: bool,
}

/// An element that has ended.
enum Ended {
    /// Its digest is known, and the value lies in the store, or is in the node.
    Node(Arc<Node>),
    /// Its value.
    Value(Value),
    /// It has failed.
    Failed(Error),
}

impl List {
    /// A list that `gathering` makes.
    pub(crate) fn new(gathering: Box<dyn Gathering>) -> Self {
        Self {
            gathering,
            next: 0,
            ended: BTreeMap::new(),
            digests: Some(Vec::new()),
            checkpoints: BTreeSet::new(),
            by_value: false,
        }
    }

    /// Notes the digest of the element whose turn it is.
    fn note(&mut self, digest: Option<Digest>) {
        match (digest, &mut self.digests) {
            (Some(digest), Some(digests)) => digests.push(digest),
            (None, digests) => *digests = None,
            (Some(_), None) => {}
        }
    }

    /// Puts those into the list whose turn it is.
    fn advance(&mut self) -> Result<(), Error> {
        while self.by_value
            && let Some(ended) = self.ended.remove(&self.next)
        {
            let value = match ended {
                Ended::Value(value) => Ok(value),
                Ended::Failed(error) => Err(error),
                Ended::Node(node) => {
                    let Some(digest) = self.digest_of(&node) else {
                        self.ended.insert(self.next, Ended::Node(node));
                        return Ok(());
                    };
                    self.note(digest);
                    Ok(take_value(node).ok_or_else(lost)?)
                }
            };
            self.next += 1;
            self.gathering.put(value)?;
        }
        Ok(())
    }

    /// The digest of a node that has its value, if it has one; `None` if it has no value yet.
    fn digest_of(&mut self, node: &Node) -> Option<Option<Digest>> {
        match &*node.slot.lock() {
            Slot::Done { digest, made, .. } => {
                if let Some(made) = made {
                    self.checkpoints.extend(made.checkpoints.iter().cloned());
                }
                Some(*digest)
            }
            _ => None,
        }
    }
}

/// A value that was there a moment ago is not: cannot happen, and is an error rather than a panic if it does.
fn lost() -> Error {
    Error::new(ErrorKind::Cancelled, "an element was lost: run again")
}

impl Sink for List {
    fn take(&mut self, item: Item, more: &mut Vec<Item>) -> Result<(), Error> {
        let (is_there, has_digest) = match &*item.node.slot.lock() {
            Slot::Done { digest, .. } => (true, digest.is_some()),
            _ => (false, true),
        };
        if !is_there && self.by_value {
            // It began when a digest would do.
            more.push(Item { wants_value: true, ..item });
            return Ok(());
        }
        if !has_digest && !self.by_value {
            self.demand_values(more);
        }
        if has_digest || !self.by_value {
            self.ended.insert(item.at, Ended::Node(item.node));
        } else {
            // Without its node, which is larger than most values.
            let value = take_value(item.node).ok_or_else(lost)?;
            self.digests = None;
            self.ended.insert(item.at, Ended::Value(value));
        }
        self.advance()
    }

    fn take_error(&mut self, at: u64, error: Error, more: &mut Vec<Item>) -> Result<(), Error> {
        self.digests = None;
        self.ended.insert(at, Ended::Failed(error));
        if !self.by_value {
            self.demand_values(more);
        }
        self.advance()
    }

    fn wants_values(&self) -> bool {
        self.by_value
    }

    fn demand_values(&mut self, more: &mut Vec<Item>) {
        if std::mem::replace(&mut self.by_value, true) {
            return;
        }
        let all = std::mem::take(&mut self.ended);
        for (at, ended) in all {
            match ended {
                Ended::Node(node) if matches!(&*node.slot.lock(), Slot::Known(_)) => {
                    more.push(Item { at, node: Arc::clone(&node), wants_value: true });
                }
                other => _ = self.ended.insert(at, other),
            }
        }
    }

    fn finish(self: Box<Self>) -> Result<End, Error> {
        let mut this = *self;
        if this.by_value {
            this.advance()?;
            if !this.ended.is_empty() {
                return Err(lost());
            }
            let list = this.gathering.finish();
            return Ok(End::List(list, this.digests, this.checkpoints));
        }
        let nodes: Vec<_> = this.ended.into_values().filter_map(Ended::into_node).collect();
        let mut gathering = this.gathering;
        let gather = move |values: Vec<Value>| {
            values.into_iter().try_for_each(|value| gathering.put(Ok(value)))?;
            Ok(gathering.finish())
        };
        Ok(End::Known(nodes, Box::new(gather)))
    }
}

impl Ended {
    fn into_node(self) -> Option<Arc<Node>> {
        match self {
            Self::Node(node) => Some(node),
            Self::Value(_) | Self::Failed(_) => None,
        }
    }
}

/// Makes a node of two, which have ended.
pub(crate) type Step = Box<dyn FnMut(Arc<Node>, Arc<Node>) -> Arc<Node> + Send>;

/// All elements put together from left to right, one after the other.
pub(crate) struct Fold {
    step: Step,
    /// What has come of it so far; `None` while a step runs.
    last: Option<Arc<Node>>,
    next: u64,
    /// Elements that have ended before their turn.
    ended: BTreeMap<u64, Arc<Node>>,
}

/// Stands in the number of an item that is no element of a fold, but one of its steps.
const STEP: u64 = 1 << 63;

impl Fold {
    /// A fold that begins with `first`, which is there.
    pub(crate) fn new(first: Arc<Node>, step: Step) -> Self {
        Self { step, last: Some(first), next: 0, ended: BTreeMap::new() }
    }
}

impl Sink for Fold {
    fn take(&mut self, item: Item, more: &mut Vec<Item>) -> Result<(), Error> {
        if item.at & STEP != 0 {
            self.last = Some(item.node);
        } else {
            self.ended.insert(item.at, item.node);
        }
        if let Some(last) = self.last.take() {
            let Some(element) = self.ended.remove(&self.next) else {
                self.last = Some(last);
                return Ok(());
            };
            let node = (self.step)(last, element);
            more.push(Item { at: STEP | self.next, node, wants_value: false });
            self.next += 1;
        }
        Ok(())
    }

    fn kept(&self) -> usize {
        self.ended.len()
    }

    fn finish(self: Box<Self>) -> Result<End, Error> {
        self.last.map(End::Node).ok_or_else(lost)
    }
}

/// All elements put together two by two, in a tree whose shape depends on their number alone: neighbours first, and who has none goes up
/// as it is.
pub(crate) struct Tree {
    step: Step,
    /// How many elements there are, once that is known.
    elements: Option<u64>,
    /// What has ended and waits for its neighbour, by its level and its place there.
    ended: HashMap<(u64, u64), Arc<Node>>,
    root: Option<Arc<Node>>,
    /// Where the user asked for it, for the error of an empty list.
    place: &'static std::panic::Location<'static>,
}

/// The number of an item has its level above this many bits, and its place there in them.
const PLACE_BITS: u32 = 56;

impl Tree {
    /// An empty tree, asked for at `place`.
    pub(crate) fn new(step: Step, place: &'static std::panic::Location<'static>) -> Self {
        Self { step, elements: None, ended: HashMap::new(), root: None, place }
    }

    /// Puts a node where it belongs, and with its neighbour if that is there.
    fn put(&mut self, mut level: u64, mut place: u64, node: Arc<Node>, more: &mut Vec<Item>) {
        if let Some(elements) = self.elements {
            loop {
                let width = elements.div_ceil(1 << level);
                if width == 1 {
                    self.root = Some(node);
                    return;
                }
                // The last of an odd number has no neighbour.
                if place + 1 < width || place % 2 == 1 {
                    break;
                }
                (level, place) = (level + 1, place / 2);
            }
        }
        let Some(neighbour) = self.ended.remove(&(level, place ^ 1)) else {
            self.ended.insert((level, place), node);
            return;
        };
        let (left, right) = if place % 2 == 0 { (node, neighbour) } else { (neighbour, node) };
        let at = (level + 1) << PLACE_BITS | place / 2;
        more.push(Item { at, node: (self.step)(left, right), wants_value: false });
    }
}

impl Sink for Tree {
    fn take(&mut self, item: Item, more: &mut Vec<Item>) -> Result<(), Error> {
        let mask = (1 << PLACE_BITS) - 1;
        self.put(item.at >> PLACE_BITS, item.at & mask, item.node, more);
        Ok(())
    }

    fn no_more(&mut self, elements: u64, more: &mut Vec<Item>) -> Result<(), Error> {
        if elements == 0 {
            let at = self.place;
            let message = format!(
                "`reduce` at {}:{} has nothing to put together, as the list is empty: write `fold`, which begins with a \
                 value of yours",
                at.file(),
                at.line()
            );
            return Err(Error::new(ErrorKind::Length, message));
        }
        self.elements = Some(elements);
        let waiting = std::mem::take(&mut self.ended);
        for ((level, place), node) in waiting {
            self.put(level, place, node, more);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<End, Error> {
        self.root.map(End::Node).ok_or_else(lost)
    }
}
