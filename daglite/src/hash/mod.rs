//! How a value becomes a digest: the data side of a cache key.
//!
//! In reading order: [`content`] has the trait, [`strategy`] how closely bulk data is read, [`hasher`] the canonical
//! stream that every value writes, [`tag`] its first bytes, [`sample`] which blocks a sample takes, [`apart`] what it
//! asks of elements that do not lie together, [`deep`] how far down values may go and [`shown`] what people see of a value. Then the types:
//! [`numbers`], [`text`], [`option`], [`tuple`], [`range`], [`pointers`], [`collections`], [`time`], [`path`], [`net`],
//! and [`serde`](mod@self::serde) for whatever has `Serialize` only. [`input`] hashes files and folders ([`glob`] says
//! which), [`output`] is a file as a result, [`memo`] remembers what was read and [`watch`] tells the engine of it.
//! [`value`] hashes what
//! the engine holds without knowing its type. At the end, a file each, types of other crates.

mod content;
mod strategy;

mod apart;
mod deep;
mod hasher;
mod sample;
mod shown;
mod tag;

mod collections;
mod net;
mod numbers;
mod option;
mod path;
mod pointers;
mod range;
mod text;
mod time;
mod tuple;

mod serde;

mod glob;
mod input;
mod memo;
mod output;
mod watch;

mod value;

// Types of other crates, each behind the feature of its name.
#[cfg(feature = "bytes")]
mod bytes;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "either")]
mod either;
#[cfg(feature = "half")]
mod half;
#[cfg(feature = "indexmap")]
mod indexmap;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "num-complex")]
mod num_complex;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde_json")]
mod serde_json;
#[cfg(feature = "smallvec")]
mod smallvec;
#[cfg(feature = "uuid")]
mod uuid;

#[cfg(feature = "ndarray")]
pub(crate) use self::ndarray::Strided;
pub use self::serde::serde_hash;
pub(crate) use self::serde::serde_trace;
pub(crate) use apart::Apart;
pub use content::{ContentHash, content_digest};
pub use hasher::{ContentHasher, Element, HashError, Unordered};
pub use input::{InputDir, InputFile};
pub use output::OutputFile;
pub(crate) use shown::{cut, looks_secret};
pub use strategy::Strategy;
pub use value::ValueHash;
pub(crate) use watch::{Claim, Seen, watching};

/// Whether serde's name of a type is that of a path which stands for a content.
pub(crate) fn is_file(name: &str) -> bool {
    [input::INPUT_FILE, input::INPUT_DIR, output::OUTPUT_FILE].contains(&name)
}
