//! Content of collections: slices, arrays and lists in their order, maps and sets in none.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use super::deep::deeper;
use super::{ContentHash, ContentHasher, Unordered};

impl<T: ContentHash> ContentHash for [T] {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        T::content_hash_slices([self, &[]], hasher);
    }
}

impl<T: ContentHash, const N: usize> ContentHash for [T; N] {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_slice().content_hash(hasher);
    }
}

impl<T: ContentHash> ContentHash for Vec<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_slice().content_hash(hasher);
    }
}

impl<T: ContentHash> ContentHash for VecDeque<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        let (front, back) = self.as_slices();
        T::content_hash_slices([front, back], hasher);
    }
}

impl<T: ContentHash> ContentHash for LinkedList<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
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

impl<K: ContentHash, V: ContentHash, S> ContentHash for HashMap<K, V, S> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        map(self, hasher);
    }
}

impl<K: ContentHash, V: ContentHash> ContentHash for BTreeMap<K, V> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        map(self, hasher);
    }
}

impl<T: ContentHash, S> ContentHash for HashSet<T, S> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        set(self, hasher);
    }
}

impl<T: ContentHash> ContentHash for BTreeSet<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        set(self, hasher);
    }
}

/// A heap keeps its elements in an order that depends on how they came: it counts as a set with repetitions.
impl<T: ContentHash> ContentHash for BinaryHeap<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("BinaryHeap");
        set(self, hasher);
    }
}

/// The entries of a map, in any order.
fn map<'a, K: ContentHash + 'a, V: ContentHash + 'a>(
    entries: impl IntoIterator<Item = (&'a K, &'a V), IntoIter: ExactSizeIterator>,
    hasher: &mut ContentHasher,
) {
    let entries = entries.into_iter();
    if hasher.is_sketch() {
        return hasher.unordered_of(Unordered::Map, entries.len());
    }
    let digests = entries.map(|(key, value)| {
        hasher.entry(|entry| {
            key.content_hash(entry);
            value.content_hash(entry);
        })
    });
    let digests = deeper(|| digests.collect());
    hasher.unordered(Unordered::Map, digests);
}

/// The elements of a set, in any order.
fn set<'a, T: ContentHash + 'a>(
    elements: impl IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>,
    hasher: &mut ContentHasher,
) {
    let elements = elements.into_iter();
    if hasher.is_sketch() {
        return hasher.unordered_of(Unordered::Set, elements.len());
    }
    let digests = elements.map(|element| hasher.entry(|entry| element.content_hash(entry)));
    let digests = deeper(|| digests.collect());
    hasher.unordered(Unordered::Set, digests);
}
