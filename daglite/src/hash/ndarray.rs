//! Content of `ndarray` arrays and views: shape and elements, whatever their order and distances in memory.

mod gather;

use ndarray::{ArrayBase, ArrayRef, ArrayViewD, Axis, Data, Dimension};

use self::gather::fill;
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

    fn row(&self) -> usize {
        self.0.shape().last().copied().unwrap_or(1)
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
