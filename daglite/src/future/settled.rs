//! Failures as results: `settled`.

use std::panic::Location;
use std::sync::Arc;

use crate::error::Error;
use crate::graph::{Fan, Gathering, List, Node, Op, Slot};
use crate::task::Value;

use super::TaskFuture;
use super::attempts::wrong;
use super::clone::Cloner;
use super::fan_out::{Apart, Told, owned};

impl<T: Clone + Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// What has become of each element of a [`map_each`](Self::map_each) or a [`join_all`](crate::join_all): its result, or why there
    /// is none. Failures do not end the run then, whatever [`keep_going`](crate::SessionBuilder::keep_going) says; panics and
    /// timeouts are failures too. The order is kept, and results are cached as ever, so that a later run tries only those again that
    /// have failed.
    ///
    /// What is no failure of an element: that the run is cancelled, and that the list itself cannot be made.
    ///
    /// It stands right behind `map_each`, `in_flight` or `join_all`, on a future that nobody else holds or has run; else the run fails,
    /// with an error that says where.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    ///     text.parse::<u32>()
    /// }
    ///
    /// let parsed = map_each(["1", "two", "3"], parse).settled().run()?;
    /// let good: Vec<u32> = parsed.iter().flatten().copied().collect();
    /// assert_eq!(good, [1, 3]);
    /// assert!(parsed[1].as_ref().unwrap_err().to_string().contains("invalid digit"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn settled(self) -> TaskFuture<Vec<Result<T, Error>>> {
        let place = Location::caller();
        let op = match self.apart() {
            Ok(Apart { source, feed, most, told }) => {
                let list = List::new(Box::new(Outcomes { list: Vec::new(), told }));
                let mut fan = Fan::new("map_each", feed, Box::new(list), Box::new(()));
                (fan.most, fan.settles) = (most, true);
                Op::Fan { source, fan: Arc::new(fan) }
            }
            Err(other) => match other.joined_sources() {
                Some(sources) => Op::Settle { sources, gather: Box::new(gathered::<T>) },
                None => {
                    let why = "it stands right behind a `map_each` or `join_all` that nobody else holds or has run, and this \
                               is something else";
                    let node = Node::of_failure(wrong("settled", place, why), place);
                    return TaskFuture::of_node(node, Cloner::No);
                }
            },
        };
        TaskFuture::of_node(Node::new(op, place), Cloner::Typed(Vec::clone))
    }

    /// The parts of a `join_all` that has not begun.
    fn joined_sources(&self) -> Option<Vec<Arc<Node>>> {
        match &*self.node.slot.lock() {
            Slot::Idle(Op::Join { sources, .. }) => Some(sources.clone()),
            _ => None,
        }
    }
}

/// A list of results and failures that grows.
struct Outcomes<T> {
    list: Vec<Result<T, Error>>,
    told: Told<T>,
}

impl<T: Send + Sync + 'static> Gathering for Outcomes<T> {
    fn put(&mut self, value: Result<Value, Error>) -> Result<(), Error> {
        let outcome = match value {
            Ok(value) => Ok(owned(&self.told, value)?),
            Err(error) => Err(error),
        };
        self.list.push(outcome);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Value {
        Arc::new(self.list)
    }
}

/// A list of results and failures.
fn gathered<T: Clone + Send + Sync + 'static>(
    values: Vec<Result<Value, Error>>,
) -> Result<Value, Error> {
    let cloner = Cloner::<T>::Typed(T::clone);
    let mut list = Vec::with_capacity(values.len());
    for value in values {
        list.push(match value {
            Ok(value) => Ok(cloner.own(value)?),
            Err(error) => Err(error),
        });
    }
    Ok(Arc::new(list))
}
