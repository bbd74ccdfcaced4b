//! How a value becomes a digest: the data side of a cache key.
//!
//! In reading order: [`content`] has the trait, [`strategy`] how closely bulk data is read, [`hasher`] what values write,
//! [`tag`] and [`element`] what that begins with, and [`stream`] the way into BLAKE3. [`contents`] takes bulk data, wherever
//! it lies ([`bulk`], and [`apart`] for elements that do not lie together): as a digest, as the chunks of [`fast`] or as the blocks of [`sample`]. [`deep`] is how far down
//! values may go and [`shown`] what people see of a value. Then the types:
//! [`numbers`], [`text`], [`option`], [`tuple`], [`range`], [`pointers`], [`collections`], [`time`], [`path`], [`net`],
//! and [`serde`](mod@self::serde) for whatever has `Serialize` only. [`input`] hashes files and folders ([`glob`] says
//! which), [`output`] is a file as a result, [`memo`] remembers what was read, [`notes`] keep it for other processes, and [`watch`] tells the engine of it.
//! [`value`] hashes what
//! the engine holds without knowing its type. Then types of other crates, each behind the feature of its name: `arrow` and
//! `polars` show their arrays as `column`s, which hash them.

mod content;
mod strategy;

mod apart;
mod bulk;
mod contents;
mod deep;
mod element;
mod fast;
mod hasher;
mod sample;
mod shown;
mod stream;
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

#[cfg(feature = "image")]
mod image;

mod glob;
mod input;
mod memo;
mod notes;
mod output;
mod watch;

mod value;

// Types of other crates, each behind the feature of its name.
#[cfg(feature = "arrow")]
mod arrow;
#[cfg(feature = "bytes")]
mod bytes;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(any(feature = "arrow", feature = "polars"))]
mod column;
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
#[cfg(feature = "polars")]
mod polars;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde_json")]
mod serde_json;
#[cfg(feature = "smallvec")]
mod smallvec;
#[cfg(feature = "uuid")]
mod uuid;

#[cfg(feature = "image")]
pub(crate) use self::image::{each_kind, unknown_kind};
#[cfg(feature = "ndarray")]
pub(crate) use self::ndarray::Strided;
pub use self::serde::serde_hash;
pub(crate) use self::serde::serde_trace;
pub(crate) use apart::Apart;
pub use content::{ContentHash, content_digest};
pub use element::{Element, Unordered};
pub use hasher::{ContentHasher, HashError};
pub use input::{InputDir, InputFile};
pub(crate) use notes::{Consulting, Notes, consulting};
pub use output::OutputFile;
pub(crate) use shown::{cut, looks_secret};
pub use strategy::Strategy;
pub use value::ValueHash;
pub(crate) use watch::{Claim, Seen, Watched, pass_on, watching};

/// Whether serde's name of a type is that of a path which stands for a content.
pub(crate) fn is_file(name: &str) -> bool {
    [input::INPUT_FILE, input::INPUT_DIR, output::OUTPUT_FILE].contains(&name)
}
