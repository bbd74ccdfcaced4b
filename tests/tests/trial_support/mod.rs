//! What the trials of the engine are made of: cases, the bodies that act them out, what a model of one thread says of them, and a
//! store that fails.

pub(crate) mod bodies;
pub(crate) mod case;
pub(crate) mod fickle_store;
pub(crate) mod model;
