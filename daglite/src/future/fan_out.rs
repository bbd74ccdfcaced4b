//! A task for each element of a list: `map_each`, and how many are there at once.

use std::panic::Location;
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::graph::{Fan, Feed, Gathering, List, Next, Node, Op, Slot};
use crate::task::Value;

use super::TaskFuture;
use super::attempts::wrong;
use super::clone::Cloner;
use super::place::called_at;

/// How elements are cloned: known once their futures are made.
pub(super) type Told<T> = Arc<OnceLock<Cloner<T>>>;

impl<T: Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// A task for each element: `f` makes the task future of one, each is cached by itself, they run in parallel, and
    /// the results come in the order of the elements.
    ///
    /// The futures are made as there is room for them, so that what an element needs on its way, as in `map_each(|x|
    /// c(b(a(x))))`, does not pile up: at most four elements for each thread of the session
    /// ([`concurrency`](crate::SessionBuilder::concurrency)) have begun and not ended. While bodies of `async` tasks are waited
    /// for, more are let in, 1,024 at most. While all that end are found in the cache, up to 64 for each thread are looked for at once.
    /// [`in_flight`](Self::in_flight) sets another bound, and [`fold`](Self::fold) and [`reduce`](Self::reduce) make one value of the
    /// results with no list of them. [`map_each`](fn@crate::map_each) takes an iterator in place of a list.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn airports() -> Vec<String> {
    ///     vec!["EWR".to_string(), "JFK".to_string()]
    /// }
    ///
    /// #[task(cache)]
    /// fn lower(name: String) -> String {
    ///     name.to_lowercase()
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(airports().map_each(lower).run_in(&session)?, ["ewr", "jfk"]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn map_each<U: Send + Sync + 'static>(
        self,
        f: impl FnMut(T) -> TaskFuture<U> + Send + 'static,
    ) -> TaskFuture<Vec<U>> {
        let (cloner, place) = (self.cloner, Location::caller());
        let told = Told::default();
        let known = Arc::clone(&told);
        let open = move |value| Ok(each_of(cloner.own(value)?.into_iter(), f, known, place));
        listed(Some(self.node), Feed::Closed(Box::new(open)), told, place)
    }

    /// Lets at most `most` elements of a [`map_each`](Self::map_each) have begun and not ended, whatever the session's
    /// `concurrency` is: more for thousands of downloads at once, fewer where each element is large. Sync bodies are still run by
    /// the threads of the session, and [limits](crate::SessionBuilder::limit) hold too.
    ///
    /// It stands right behind `map_each`. A future that has been run stays what it is. A run fails, with an error that says
    /// where, if `most` is 0 or if the future is of something else.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// async fn length(address: String) -> usize {
    ///     address.len()
    /// }
    ///
    /// let addresses = (1..=3).map(|n| "x".repeat(n));
    /// assert_eq!(map_each(addresses, length).in_flight(500).run()?, [1, 2, 3]);
    /// assert!(map_each(0..3, |n| length(n.to_string())).in_flight(0).run().is_err());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn in_flight(self, most: usize) -> Self {
        let place = Location::caller();
        if most == 0 {
            return self.refused(wrong("in_flight", place, "nothing could begin: write 1 or more"));
        }
        let is_fan = match &mut *self.node.slot.lock() {
            Slot::Idle(Op::Fan { fan, .. }) => {
                if let Some(fan) = Arc::get_mut(fan) {
                    fan.most = Some(most);
                }
                true
            }
            _ => false,
        };
        if is_fan { self } else { self.refused(wrong("in_flight", place, NO_FAN)) }
    }
}

/// What is said of a method that needs a fan-out and has none.
const NO_FAN: &str = "it stands right behind `map_each`, and this is something else";

/// A task for each element of an iterator, as [`TaskFuture::map_each`] is for a list: elements are taken out of it as there is room
/// for them, so that there may be more than memory holds.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// #[task]
/// fn add(a: u64, b: u64) -> u64 {
///     a + b
/// }
///
/// assert_eq!(map_each(1..=4, square).run()?, [1, 4, 9, 16]);
/// assert_eq!(map_each(1..=1000, square).fold(0, add).run()?, 333_833_500);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn map_each<T: 'static, U: Send + Sync + 'static>(
    elements: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
    f: impl FnMut(T) -> TaskFuture<U> + Send + 'static,
) -> TaskFuture<Vec<U>> {
    let place = Location::caller();
    let told = Told::default();
    let next = each_of(elements.into_iter(), f, Arc::clone(&told), place);
    listed(None, Feed::Open(next), told, place)
}

/// Makes the nodes of elements, one after the other.
fn each_of<T, U: Send + Sync + 'static>(
    mut elements: impl Iterator<Item = T> + Send + 'static,
    mut f: impl FnMut(T) -> TaskFuture<U> + Send + 'static,
    told: Told<U>,
    place: &'static Location<'static>,
) -> Next {
    Box::new(move || {
        let element = elements.next()?;
        let TaskFuture { node, cloner, .. } = called_at(place, || f(element));
        if told.get().is_none() && !matches!(cloner, Cloner::No) {
            // Whoever was faster knows the same.
            let _ = told.set(cloner);
        }
        Some(node)
    })
}

/// The list of all that comes from `feed`.
fn listed<U: Send + Sync + 'static>(
    source: Option<Arc<Node>>,
    feed: Feed,
    told: Told<U>,
    place: &'static Location<'static>,
) -> TaskFuture<Vec<U>> {
    let list = List::new(Box::new(Values { list: Vec::new(), told: Arc::clone(&told) }));
    let fan = Fan::new("map_each", feed, Box::new(list), Box::new(Arc::clone(&told)));
    let node = Node::new(Op::Fan { source, fan: Arc::new(fan) }, place);
    let composed = move |list: &Vec<U>| {
        list.iter().map(|value| told.get().and_then(|cloner| cloner.clone_value(value))).collect()
    };
    TaskFuture::of_node(node, Cloner::Composed(Arc::new(composed)))
}

/// A list of values that grows.
struct Values<T> {
    list: Vec<T>,
    told: Told<T>,
}

impl<T: Send + Sync + 'static> Gathering for Values<T> {
    fn put(&mut self, value: Result<Value, Error>) -> Result<(), Error> {
        self.list.push(owned(&self.told, value?)?);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Value {
        Arc::new(self.list)
    }
}

/// The value itself, cloned if others hold it.
pub(super) fn owned<T: Send + Sync + 'static>(told: &Told<T>, value: Value) -> Result<T, Error> {
    told.get().unwrap_or(&Cloner::No).own(value)
}

/// A fan-out of which something else is to be made, taken apart.
pub(super) struct Apart<T> {
    /// What has to be there first.
    pub(super) source: Option<Arc<Node>>,
    /// Where elements come from.
    pub(super) feed: Feed,
    /// How many may be there at once, if the user has said.
    pub(super) most: Option<usize>,
    /// How they are cloned.
    pub(super) told: Told<T>,
}

impl<T: Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// Takes a fan-out apart that nobody else holds and nothing has begun with; else gives the future back.
    pub(super) fn apart(self) -> Result<Apart<T>, Self> {
        let Self { node, cloner, .. } = self;
        let mut node = Arc::try_unwrap(node).map_err(|node| Self::of_node(node, cloner.clone()))?;
        let slot = std::mem::replace(node.slot.get_mut(), Slot::Running(Vec::new()));
        let (source, fan) = match slot {
            Slot::Idle(Op::Fan { source, fan }) => (source, fan),
            other => {
                *node.slot.get_mut() = other;
                return Err(Self::of_node(Arc::new(node), cloner));
            }
        };
        let knows = |fan: &Fan| !fan.settles && fan.typed.is::<Told<T>>();
        match Arc::try_unwrap(fan) {
            Ok(fan) if knows(&fan) => {
                let (feed, most, typed) = fan.into_parts();
                let told = typed.downcast::<Told<T>>().map(|told| *told).unwrap_or_default();
                Ok(Apart { source, feed, most, told })
            }
            Ok(fan) => {
                *node.slot.get_mut() = Slot::Idle(Op::Fan { source, fan: Arc::new(fan) });
                Err(Self::of_node(Arc::new(node), cloner))
            }
            Err(fan) => {
                *node.slot.get_mut() = Slot::Idle(Op::Fan { source, fan });
                Err(Self::of_node(Arc::new(node), cloner))
            }
        }
    }

    /// The elements of a list, one after the other, if it is no fan-out that can be taken apart.
    pub(super) fn elements(self) -> Apart<T> {
        self.apart().unwrap_or_else(|list| {
            let (cloner, place) = (list.cloner, list.node.location);
            let open = move |value| {
                let mut values = cloner.own(value)?.into_iter();
                let next = move || Some(Node::of_value(Arc::new(values.next()?), place));
                Ok(Box::new(next) as Next)
            };
            let feed = Feed::Closed(Box::new(open));
            Apart { source: Some(list.node), feed, most: None, told: Told::default() }
        })
    }
}
