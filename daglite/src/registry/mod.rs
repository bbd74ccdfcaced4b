//! Which formats a type has, and how it is hashed where it cannot say so itself.
//!
//! In reading order: [`format`] is one named way to encode a type; [`postcard`], [`json`] and [`raw`] are the built-in
//! ones, [`inspect`] finds what they would lose, and [`shape`] sees what a type looks like to serde, so that a changed
//! type is never decoded into wrong data. [`has_format`] is for types without serde, [`registry`] holds what users add,
//! and [`value`] encodes what the engine holds without knowing its type.

mod format;

mod inspect;
mod json;
mod postcard;
mod raw;
mod shape;
mod strategies;

mod has_format;
#[expect(clippy::module_inception, reason = "the folder bears the name of its main type")]
mod registry;
mod value;

pub use format::Format;
pub use has_format::HasFormat;
pub use raw::RawNumber;
pub use registry::Registry;
pub use value::{Encoded, ValueFormats};
