//! Content of tuples, up to sixteen parts.

use super::{ContentHash, ContentHasher};

/// The impl for a tuple of the parts, and for every shorter one.
macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first: ContentHash, $($rest: ContentHash),*> ContentHash for ($first, $($rest,)*) {
            #[expect(non_snake_case, reason = "one name for a part and its type")]
            fn content_hash(&self, hasher: &mut ContentHasher) {
                let ($first, $($rest,)*) = self;
                hasher.begin_tuple([stringify!($first) $(, stringify!($rest))*].len());
                $first.content_hash(hasher);
                $($rest.content_hash(hasher);)*
            }
        }
        tuples! { $($rest)* }
    };
}

tuples! { A B C D E F G H I J K L M N O P }
