//! Content of `smallvec` vectors: that of a slice of their elements.

use smallvec::{Array, SmallVec};

use super::{ContentHash, ContentHasher};

impl<A: Array<Item: ContentHash>> ContentHash for SmallVec<A> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_slice().content_hash(hasher);
    }
}
