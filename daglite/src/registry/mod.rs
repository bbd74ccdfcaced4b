//! Which formats a type has, and how it is hashed where it cannot say so itself.
//!
//! In reading order: [`format`] is one named way to encode a type, [`coding`] how that makes bytes, and [`compression`] how
//! they get fewer; [`postcard`], [`json`] and [`raw`] are the built-in
//! ones, [`inspect`] finds what they would lose, and [`shape`] sees what a type looks like to serde, so that a changed
//! type is never decoded into wrong data. [`has_format`] is for types without serde, [`registry`] holds what users add,
//! [`typed`] is what it knows of one type, and [`value`] encodes what the engine holds without knowing its type. Then formats of other crates' types, each behind the
//! feature of its name; `table` is CSV for those that have columns, `guard` makes errors of panics,
//! and `seal` keeps damaged files from decoders that cannot bear them.

mod coding;
mod compression;
mod format;

mod inspect;
mod json;
mod postcard;
mod raw;
mod shape;

#[cfg(feature = "image")]
mod image;

#[cfg(feature = "arrow")]
mod arrow;
#[cfg(any(feature = "arrow", feature = "polars"))]
mod guard;
#[cfg(feature = "polars")]
mod polars;
#[cfg(feature = "polars")]
mod seal;
#[cfg(any(feature = "arrow", feature = "polars"))]
mod table;

mod has_format;
#[expect(clippy::module_inception, reason = "the folder bears the name of its main type")]
mod registry;
mod typed;
mod value;

// Formats of other crates' types, each behind the feature of its name.
#[cfg(feature = "bytes")]
mod bytes;
#[cfg(feature = "ndarray")]
mod npy;

pub use format::Format;
pub use has_format::HasFormat;
#[cfg(feature = "ndarray")]
pub use npy::NpyElement;
pub use raw::RawNumber;
pub use registry::Registry;
pub use typed::TypeFormats;
pub use value::{Encoded, ValueFormats};
pub(crate) use value::{Encoding, Flowing};
