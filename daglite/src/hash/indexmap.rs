//! Content of `indexmap` maps and sets: entries in their order, since a task that goes through them sees it.
//!
//! Two maps that are equal to `==` but for their order have two digests: a computation too many, and never a wrong hit.

use indexmap::{IndexMap, IndexSet};

use super::deep::deeper;
use super::{ContentHash, ContentHasher};

impl<K: ContentHash, V: ContentHash, S> ContentHash for IndexMap<K, V, S> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("indexmap::IndexMap");
        hasher.begin_seq(self.len());
        deeper(|| {
            for (key, value) in self {
                if hasher.has_enough() {
                    break;
                }
                hasher.begin_tuple(2);
                key.content_hash(hasher);
                value.content_hash(hasher);
            }
        });
    }
}

impl<T: ContentHash, S> ContentHash for IndexSet<T, S> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("indexmap::IndexSet");
        hasher.begin_seq(self.len());
        deeper(|| {
            for element in self {
                if hasher.has_enough() {
                    break;
                }
                element.content_hash(hasher);
            }
        });
    }
}
