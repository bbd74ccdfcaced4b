//! Content of `ndarray` arrays and views: shape and elements, whatever their order and distances in memory.

use ndarray::{
    ArrayBase, ArrayRef, ArrayView1, ArrayViewD, ArrayViewMut1, ArrayViewMutD, Axis, Data,
    Dimension, Zip,
};

use super::{Apart, ContentHash, ContentHasher};

impl<A: ContentHash + Sync, D: Dimension> ContentHash for ArrayRef<A, D> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("ndarray::Array");
        hasher.begin_tuple(2);
        self.shape().content_hash(hasher);
        match self.as_slice() {
            Some(together) => together.content_hash(hasher),
            None => A::content_hash_apart(&Strided::new(self), hasher),
        }
    }
}

impl<S: Data<Elem: ContentHash + Sync>, D: Dimension> ContentHash for ArrayBase<S, D> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        (**self).content_hash(hasher);
    }
}

/// The elements of an array in the order of their indexes, the last of which runs fastest.
pub(crate) struct Strided<'a, A>(ArrayViewD<'a, A>);

/// A loop over the elements that lie closest is worth it if they are so many; else the longest one is.
const WORTH_A_LOOP: usize = 16;

impl<'a, A> Strided<'a, A> {
    /// Those of `array`.
    pub(crate) fn new<D: Dimension>(array: &'a ArrayRef<A, D>) -> Self {
        let mut view = array.view().into_dyn();
        // Axes that are one walk through memory are made one: fewer and longer loops.
        let mut axis = 1;
        while axis < view.ndim() {
            if view.merge_axes(Axis(axis - 1), Axis(axis)) {
                view.index_axis_inplace(Axis(axis - 1), 0);
            } else {
                axis += 1;
            }
        }
        Self(view)
    }
}

impl<A: Sync> Apart<A> for Strided<'_, A> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn each<'a>(&'a self) -> impl Iterator<Item = &'a A>
    where
        A: 'a,
    {
        self.0.iter()
    }

    fn fill<B>(&self, first: usize, into: &mut [B], convert: impl Fn(&A) -> B) {
        fill(self.0.view(), first, into, &convert);
    }
}

/// Fills `into` with the elements of `array` from number `first` on: the rest of a row, whole rows, the beginning of one.
fn fill<A, B>(
    mut array: ArrayViewD<'_, A>,
    first: usize,
    into: &mut [B],
    convert: &impl Fn(&A) -> B,
) {
    if into.is_empty() {
        return;
    }
    let row: usize = array.shape()[1..].iter().product();
    let (from, skipped) = (first / row, first % row);
    array.slice_axis_inplace(Axis(0), (from..).into());
    let begun = if skipped == 0 { 0 } else { (row - skipped).min(into.len()) };
    let (head, into) = into.split_at_mut(begun);
    if begun > 0 {
        fill(array.index_axis(Axis(0), 0), skipped, head, convert);
        array.slice_axis_inplace(Axis(0), (1..).into());
    }
    let rows = into.len() / row;
    let (whole, tail) = into.split_at_mut(rows * row);
    let (upper, lower) = array.split_at(Axis(0), rows);
    block(upper, whole, convert);
    if !tail.is_empty() {
        fill(lower.index_axis(Axis(0), 0), 0, tail, convert);
    }
}

/// Fills `into` with all of `array`.
fn block<A, B>(array: ArrayViewD<'_, A>, into: &mut [B], convert: &impl Fn(&A) -> B) {
    let into = ArrayViewMutD::from_shape(array.raw_dim(), into).expect("it has as many elements");
    let axes = || array.axes().filter(|axis| axis.len > 1);
    let closest = axes().min_by_key(|axis| axis.stride.unsigned_abs());
    let inner = closest
        .filter(|axis| axis.len >= WORTH_A_LOOP)
        .or_else(|| axes().max_by_key(|axis| axis.len));
    let Some(inner) = inner.map(|axis| axis.axis) else {
        return Zip::from(into).and(array).for_each(|into, element| *into = convert(element));
    };
    lanes(array, into, inner, convert);
}

/// Fills `into` with `array`, both of one shape, a line along the axis `inner` at a time.
fn lanes<A, B>(
    array: ArrayViewD<'_, A>,
    mut into: ArrayViewMutD<'_, B>,
    inner: Axis,
    convert: &impl Fn(&A) -> B,
) {
    let line = |mut into: ArrayViewMut1<'_, B>, from: ArrayView1<'_, A>| {
        Zip::from(&mut into).and(&from).for_each(|into, element| *into = convert(element));
    };
    Zip::from(into.lanes_mut(inner)).and(array.lanes(inner)).for_each(line);
}
