//! How a value becomes a digest: the data side of a cache key.
//!
//! In reading order: [`content`] has the trait, [`strategy`] how closely bulk data is read, [`hasher`] what values write,
//! [`tag`] and [`element`] what that begins with, and [`stream`] the way into BLAKE3. [`contents`] takes bulk data, wherever
//! it lies ([`bulk`]): as a digest, as the chunks of [`fast`] or as the blocks of [`sample`]. [`deep`] is how far down
//! values may go and [`shown`] what people see of a value. Then the types:
//! [`numbers`], [`text`], [`option`], [`tuple`], [`range`], [`pointers`], [`collections`], [`time`], [`path`], [`net`],
//! and [`serde`](mod@self::serde) for whatever has `Serialize` only. [`input`] hashes files and folders ([`glob`] says
//! which), [`output`] is a file as a result, [`memo`] remembers what was read, [`notes`] keep it for other processes, and [`watch`] tells the engine of it.
//! [`value`] hashes what
//! the engine holds without knowing its type.

mod content;
mod strategy;

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

mod glob;
mod input;
mod memo;
mod notes;
mod output;
mod watch;

mod value;

pub use self::serde::serde_hash;
pub(crate) use self::serde::serde_trace;
pub use content::{ContentHash, content_digest};
pub use element::{Element, Unordered};
pub use hasher::{ContentHasher, HashError};
pub use input::{InputDir, InputFile};
pub(crate) use notes::{Consulting, Notes, consulting};
pub use output::OutputFile;
pub(crate) use shown::{cut, looks_secret};
pub use strategy::Strategy;
pub use value::ValueHash;
pub(crate) use watch::{Claim, Seen, pass_on, watching};

/// Whether serde's name of a type is that of a path which stands for a content.
pub(crate) fn is_file(name: &str) -> bool {
    [input::INPUT_FILE, input::INPUT_DIR, output::OUTPUT_FILE].contains(&name)
}
