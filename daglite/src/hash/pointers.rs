//! Content of pointers: that of what they point to, so that an owned, a shared and a lent value agree.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use super::deep::deeper;
use super::{ContentHash, ContentHasher};

/// A pointer that derefs to a `T: ?Sized`, and what is done around the hash of that.
macro_rules! pointers {
    ($($pointer:ty = $around:ident;)*) => {$(
        impl<T: ContentHash + ?Sized> ContentHash for $pointer {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                $around(|| (**self).content_hash(hasher));
            }
        }
    )*};
}

/// Nothing: a chain of lent values is as long as the program wrote it.
fn here(hash: impl FnOnce()) {
    hash();
}

pointers! {
    &T = here;
    &mut T = here;
    Box<T> = deeper;
    Rc<T> = deeper;
    Arc<T> = deeper;
}

impl<P: Deref<Target: ContentHash>> ContentHash for Pin<P> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        (**self).content_hash(hasher);
    }
}

impl<B: ContentHash + ToOwned + ?Sized> ContentHash for Cow<'_, B> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        (**self).content_hash(hasher);
    }
}
