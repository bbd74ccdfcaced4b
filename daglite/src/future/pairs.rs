//! Two lists as one of pairs: `zip` and `product`.

use std::panic::Location;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::graph::Op;
use crate::task::Value;

use super::clone::Cloner;
use super::{Join, TaskFuture};

/// Two lists as one of pairs: the first elements of both, the second ones, and so on.
///
/// # Errors
///
/// The run fails with [`ErrorKind::Length`](crate::ErrorKind::Length) if one list is longer than the other.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn upto(n: u32) -> Vec<u32> {
///     (1..=n).collect()
/// }
///
/// #[task]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// let sums = zip(upto(3), upto(3)).map_each(|(a, b)| add(a, b));
/// assert_eq!(sums.run()?, [2, 4, 6]);
/// let error = zip(upto(3), upto(4)).run().unwrap_err();
/// assert!(error.to_string().contains("3 and 4"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn zip<A, B>(a: TaskFuture<Vec<A>>, b: TaskFuture<Vec<B>>) -> TaskFuture<Vec<(A, B)>>
where
    A: Clone + Send + Sync + 'static,
    B: Clone + Send + Sync + 'static,
{
    let place = Location::caller();
    pairs(a, b, move |a, b| {
        if a.len() != b.len() {
            let message = format!(
                "`zip` at {}:{} is given lists of different lengths, {} and {}: cut the longer one, or find out what the \
                 shorter one lacks",
                place.file(),
                place.line(),
                a.len(),
                b.len()
            );
            return Err(Error::new(ErrorKind::Length, message));
        }
        Ok(a.into_iter().zip(b).collect())
    })
}

/// Every element of one list with every element of another: all pairs of the first element, then those of the second, and
/// so on. As a task for each choice of settings: `product(rates, depths).map_each(|(rate, depth)| fit(rate, depth))`.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn upto(n: u32) -> Vec<u32> {
///     (1..=n).collect()
/// }
///
/// let pairs = product(upto(2), upto(3)).run()?;
/// assert_eq!(pairs, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn product<A, B>(a: TaskFuture<Vec<A>>, b: TaskFuture<Vec<B>>) -> TaskFuture<Vec<(A, B)>>
where
    A: Clone + Send + Sync + 'static,
    B: Clone + Send + Sync + 'static,
{
    pairs(a, b, |a, b| {
        let row = |a: &A| {
            let a = a.clone();
            b.iter().map(move |b| (a.clone(), b.clone()))
        };
        Ok(a.iter().flat_map(row).collect())
    })
}

impl<A: Clone + Send + Sync + 'static> TaskFuture<Vec<A>> {
    /// This list and another one as a list of pairs: see [`zip`](fn@crate::zip).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn upto(n: u32) -> Vec<u32> { (1..=n).collect() }
    /// assert_eq!(upto(2).zip(upto(2)).run()?, [(1, 1), (2, 2)]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn zip<B: Clone + Send + Sync + 'static>(
        self,
        other: TaskFuture<Vec<B>>,
    ) -> TaskFuture<Vec<(A, B)>> {
        zip(self, other)
    }
}

/// What `pair` makes of two lists.
#[track_caller]
fn pairs<A, B>(
    a: TaskFuture<Vec<A>>,
    b: TaskFuture<Vec<B>>,
    pair: impl FnOnce(Vec<A>, Vec<B>) -> Result<Vec<(A, B)>, Error> + Send + 'static,
) -> TaskFuture<Vec<(A, B)>>
where
    A: Clone + Send + Sync + 'static,
    B: Clone + Send + Sync + 'static,
{
    let both = (a, b).join();
    let cloner = both.cloner;
    let apply = move |value| {
        let (a, b) = cloner.own(value)?;
        Ok(Arc::new(pair(a, b)?) as Value)
    };
    let op = Op::Map { source: both.node, apply: Box::new(apply) };
    TaskFuture::from_op(op, Cloner::Typed(Vec::clone))
}
