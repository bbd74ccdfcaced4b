//! Content of `either::Either`: which side it is, and what is there.

use either::Either;

use super::deep::deeper;
use super::{ContentHash, ContentHasher};

impl<L: ContentHash, R: ContentHash> ContentHash for Either<L, R> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self {
            Self::Left(value) => {
                hasher.begin_builtin("either::Left");
                deeper(|| value.content_hash(hasher));
            }
            Self::Right(value) => {
                hasher.begin_builtin("either::Right");
                deeper(|| value.content_hash(hasher));
            }
        }
    }
}
