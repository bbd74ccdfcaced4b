//! Content of pointers: that of what they point to, so that an owned, a shared and a lent value agree.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::{ContentHash, ContentHasher};

/// A pointer that derefs to a `T: ?Sized`.
macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        impl<T: ContentHash + ?Sized> ContentHash for $pointer {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                (**self).content_hash(hasher);
            }
        }
    )*};
}

pointers! { &T &mut T Box<T> Rc<T> Arc<T> }

impl<B: ContentHash + ToOwned + ?Sized> ContentHash for Cow<'_, B> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        (**self).content_hash(hasher);
    }
}
