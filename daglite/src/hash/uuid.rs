//! Content of `uuid::Uuid`: its sixteen bytes.

use uuid::Uuid;

use super::{ContentHash, ContentHasher};

impl ContentHash for Uuid {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("uuid::Uuid");
        hasher.bytes(self.as_bytes());
    }
}
