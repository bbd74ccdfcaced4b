//! What a function reaches: the index of the sources, and the walk over it.

mod bits;
pub(crate) mod closure;
mod facts;
pub(crate) mod index;
mod inner;
pub(crate) mod links;
mod loose;
mod made;
pub(crate) mod references;
mod resolve;
pub(crate) mod steps;
