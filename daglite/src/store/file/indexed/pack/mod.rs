//! Compression of objects, behind the feature `zstd`.

#[cfg(not(feature = "zstd"))]
mod disabled;
#[cfg(feature = "zstd")]
mod enabled;

#[cfg(not(feature = "zstd"))]
pub(super) use disabled::{pack, reader, unpack, writer};
#[cfg(feature = "zstd")]
pub(super) use enabled::{pack, reader, unpack, writer};
