//! Content of the small enums of the standard library, of `()` and of `PhantomData`.

use std::cmp::{Ordering, Reverse};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use super::{ContentHash, ContentHasher};
use crate::Digest;
use crate::clock::Timestamp;

impl<T: ContentHash> ContentHash for Option<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self {
            None => hasher.none(),
            Some(value) => {
                hasher.some();
                value.content_hash(hasher);
            }
        }
    }
}

impl<T: ContentHash, E: ContentHash> ContentHash for Result<T, E> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self {
            Ok(value) => {
                hasher.begin_variant("Result", 0, "Ok");
                value.content_hash(hasher);
            }
            Err(error) => {
                hasher.begin_variant("Result", 1, "Err");
                error.content_hash(hasher);
            }
        }
    }
}

impl ContentHash for Ordering {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Ordering");
        hasher.i8(*self as i8);
    }
}

impl<B: ContentHash, C: ContentHash> ContentHash for ControlFlow<B, C> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self {
            Self::Break(value) => {
                hasher.begin_builtin("Break");
                value.content_hash(hasher);
            }
            Self::Continue(value) => {
                hasher.begin_builtin("Continue");
                value.content_hash(hasher);
            }
        }
    }
}

impl<T: ContentHash> ContentHash for Reverse<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Reverse");
        self.0.content_hash(hasher);
    }
}

impl ContentHash for Infallible {
    fn content_hash(&self, _: &mut ContentHasher) {
        match *self {}
    }
}

impl ContentHash for () {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.unit();
    }
}

impl<T: ?Sized> ContentHash for PhantomData<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("PhantomData");
        hasher.unit();
    }
}

impl ContentHash for Digest {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Digest");
        hasher.bytes(self.as_bytes());
    }
}

impl ContentHash for Timestamp {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Timestamp");
        hasher.u64(self.millis());
    }
}
