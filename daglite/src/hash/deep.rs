//! Values may be nested deeper than a stack is long: a hash goes on on another piece of stack where the rest is short.

/// What has to be left of the stack for the next level: a `content_hash` of a user, and ours around it.
const NEEDED: usize = 96 << 10;

/// How much is added where that is not left.
const ADDED: usize = 4 << 20;

/// Hashes what is one level further down. Every type that contains itself does so behind a pointer, in a collection or,
/// by serde, as a part.
#[inline]
pub(super) fn deeper<R>(hash: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(NEEDED, ADDED, hash)
}
