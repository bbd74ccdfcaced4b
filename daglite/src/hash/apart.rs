//! `Apart`: elements that do not lie together in memory, in an order of their own: what an array that is cut or turned has.

/// Elements that lie apart in memory, in the order in which they count.
pub trait Apart<T>: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// As many of them, from a multiple of it on, are best asked for together.
    fn row(&self) -> usize;

    /// The elements, from the first on.
    fn each<'a>(&'a self) -> impl Iterator<Item = &'a T>
    where
        T: 'a;

    /// Fills `into` with what `convert` makes of the elements from number `first` on.
    fn fill<B>(&self, first: usize, into: &mut [B], convert: impl Fn(&T) -> B);
}
