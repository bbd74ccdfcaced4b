//! Many futures as one: `join` and `join_all`.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::graph::{Node, Op};
use crate::task::Value;

use super::TaskFuture;
use super::clone::Cloner;
use super::place::called_at;

/// Many futures as one: a tuple of two to twelve task futures becomes a task future of a tuple. They are computed in
/// parallel.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn text(n: u32) -> String {
///     n.to_string()
/// }
///
/// #[task]
/// fn twice(n: u32) -> u32 {
///     2 * n
/// }
///
/// let (text, number) = join((text(7), twice(7))).run()?;
/// assert_eq!((text.as_str(), number), ("7", 14));
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn join<J: Join>(futures: J) -> TaskFuture<J::Output> {
    futures.join()
}

/// A tuple of task futures, for [`join`].
///
/// ```
/// # use daglite::prelude::*;
/// # #[task]
/// # fn one() -> u8 { 1 }
/// use daglite::Join;
/// assert_eq!((one(), one()).join().run()?, (1, 1));
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`join` takes a tuple of two to twelve task futures",
    note = "for a list of futures of one type there is `join_all`"
)]
pub trait Join {
    /// The tuple of values.
    type Output;

    /// The futures as one.
    #[track_caller]
    fn join(self) -> TaskFuture<Self::Output>;
}

/// [`Join`] for tuples of one length.
macro_rules! join_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Send + Sync + 'static),+> Join for ($(TaskFuture<$name>,)+) {
            type Output = ($($name,)+);

            #[track_caller]
            fn join(self) -> TaskFuture<Self::Output> {
                let cloners = Arc::new(($(self.$index.cloner.clone(),)+));
                let own = Arc::clone(&cloners);
                let gather = Box::new(move |values: Vec<Value>| {
                    let mut values = values.into_iter();
                    Ok(Arc::new(($(own.$index.own(next_value(&mut values)?)?,)+)) as Value)
                });
                let sources = vec![$(self.$index.node),+];
                let composed = move |value: &Self::Output| {
                    Some(($(cloners.$index.clone_value(&value.$index)?,)+))
                };
                TaskFuture::from_op(Op::Join { sources, gather }, Cloner::Composed(Arc::new(composed)))
            }
        }
    };
}

join_tuple!(A 0, B 1);
join_tuple!(A 0, B 1, C 2);
join_tuple!(A 0, B 1, C 2, D 3);
join_tuple!(A 0, B 1, C 2, D 3, E 4);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
join_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

fn next_value(values: &mut impl Iterator<Item = Value>) -> Result<Value, Error> {
    values
        .next()
        .ok_or_else(|| Error::new(ErrorKind::Cancelled, "a joined value was lost: run again"))
}

/// Many futures of one type as one future of a list, in their order. They are computed in parallel.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// assert_eq!(join_all((1..=4).map(square)).run()?, [1, 4, 9, 16]);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn join_all<T: Send + Sync + 'static>(
    futures: impl IntoIterator<Item = TaskFuture<T>>,
) -> TaskFuture<Vec<T>> {
    let place = Location::caller();
    called_at(place, || join_all_at(place, futures))
}

/// [`join_all`], called at `place`.
pub(super) fn join_all_at<T: Send + Sync + 'static>(
    place: &'static Location<'static>,
    futures: impl IntoIterator<Item = TaskFuture<T>>,
) -> TaskFuture<Vec<T>> {
    let mut cloner = Cloner::No;
    let sources = futures.into_iter().map(|future| {
        if matches!(cloner, Cloner::No) {
            cloner = future.cloner;
        }
        future.node
    });
    let sources: Vec<Arc<Node>> = sources.collect();
    let own = cloner.clone();
    let gather = Box::new(move |values: Vec<Value>| {
        let values: Result<Vec<T>, Error> =
            values.into_iter().map(|value| own.own(value)).collect();
        Ok(Arc::new(values?) as Value)
    });
    let composed =
        move |values: &Vec<T>| values.iter().map(|value| cloner.clone_value(value)).collect();
    let node = Node::new(Op::Join { sources, gather }, place);
    TaskFuture { node, cloner: Cloner::Composed(Arc::new(composed)), value: PhantomData }
}
