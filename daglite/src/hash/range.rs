//! Content of ranges and their bounds.

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

use super::{ContentHash, ContentHasher};

/// A range by its name and the bounds that it has.
macro_rules! ranges {
    ($($range:ident { $($bound:ident),+ } $len:literal;)*) => {$(
        impl<T: ContentHash> ContentHash for $range<T> {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.begin_builtin(stringify!($range));
                hasher.begin_tuple($len);
                $(self.$bound.content_hash(hasher);)+
            }
        }
    )*};
}

ranges! {
    Range { start, end } 2;
    RangeFrom { start } 1;
    RangeTo { end } 1;
    RangeToInclusive { end } 1;
}

impl<T: ContentHash> ContentHash for RangeInclusive<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        // One that an iteration has used up has the same ends, and is empty all the same.
        hasher.begin_builtin(match self.end_bound() {
            Bound::Excluded(_) => "ExhaustedRangeInclusive",
            Bound::Included(_) | Bound::Unbounded => "RangeInclusive",
        });
        hasher.begin_tuple(2);
        self.start().content_hash(hasher);
        self.end().content_hash(hasher);
    }
}

impl ContentHash for RangeFull {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("RangeFull");
        hasher.unit();
    }
}

impl<T: ContentHash> ContentHash for Bound<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self {
            Self::Included(bound) => {
                hasher.begin_builtin("Included");
                bound.content_hash(hasher);
            }
            Self::Excluded(bound) => {
                hasher.begin_builtin("Excluded");
                bound.content_hash(hasher);
            }
            Self::Unbounded => {
                hasher.begin_builtin("Unbounded");
                hasher.unit();
            }
        }
    }
}
