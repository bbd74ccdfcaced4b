//! Content of text: `str` and `String` alike.

use super::{ContentHash, ContentHasher};

impl ContentHash for str {
    #[inline]
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.str(self);
    }
}

impl ContentHash for String {
    #[inline]
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.str(self);
    }
}
