//! Lazy tasks with a cache.

pub mod clock;
mod digest;
mod error;

pub use digest::Digest;
pub use error::{Error, ErrorKind};
