//! Content of `bytes` buffers: that of a slice of their bytes.

use bytes::{Bytes, BytesMut};

use super::{ContentHash, ContentHasher};

impl ContentHash for Bytes {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.bytes(self);
    }
}

impl ContentHash for BytesMut {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.bytes(self);
    }
}
