//! What a function reaches: the index of the sources, and the walk over it.

pub(crate) mod closure;
pub(crate) mod index;
mod inner;
pub(crate) mod links;
mod loose;
mod made;
pub(crate) mod references;
mod resolve;
