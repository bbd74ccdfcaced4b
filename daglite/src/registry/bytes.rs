//! The format `raw` of `bytes` buffers: their bytes, as they are.

use bytes::{Bytes, BytesMut};

use super::{Format, HasFormat, raw};

impl HasFormat for Bytes {
    fn formats() -> Vec<Format<Self>> {
        vec![bytes(Self::copy_from_slice)]
    }
}

impl HasFormat for BytesMut {
    fn formats() -> Vec<Format<Self>> {
        vec![bytes(|bytes| Self::from(bytes))]
    }
}

/// The format of a buffer that `of` makes of bytes.
fn bytes<B: AsRef<[u8]> + 'static>(of: fn(&[u8]) -> B) -> Format<B> {
    Format::new(
        raw::NAME,
        "bin",
        |buffer: &B| Ok(buffer.as_ref().to_vec()),
        move |bytes| Ok(of(bytes)),
    )
}
