//! `ValueHash`: how the engine hashes a parameter whose type it does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::mem::needs_drop;
use std::path::PathBuf;

use serde::Serialize;

use super::{ContentHash, ContentHasher, serde_hash};

/// How a parameter's value is hashed, with its type erased.
///
/// ```
/// use daglite::{ContentHasher, Strategy, ValueHash};
///
/// let mut erased = ContentHasher::new(Strategy::Auto);
/// ValueHash::own::<u32>().hash(&7_u32, &mut erased);
/// let mut direct = ContentHasher::new(Strategy::Auto);
/// direct.u32(7);
/// assert_eq!(erased.finish()?, direct.finish()?);
/// # Ok::<(), daglite::HashError>(())
/// ```
#[derive(Clone, Copy)]
pub struct ValueHash {
    hash: fn(&(dyn Any + Send + Sync), &mut ContentHasher),
    is_cheap: fn(&(dyn Any + Send + Sync)) -> bool,
}

/// Up to this size a value without anything behind it is cheap.
const PLAIN: usize = 64;
/// Up to this length text is.
const SHORT_TEXT: usize = 4 << 10;

impl ValueHash {
    /// By the type's own [`ContentHash`].
    pub const fn own<T: ContentHash + 'static>() -> Self {
        Self {
            hash: |value, hasher| with::<T>(value, hasher, T::content_hash),
            is_cheap: const { cheapness::<T>() },
        }
    }

    /// By the type's `serde::Serialize`: see [`serde_hash`].
    pub const fn serde<T: Serialize + 'static>() -> Self {
        Self {
            hash: |value, hasher| with::<T>(value, hasher, serde_hash),
            is_cheap: const { cheapness::<T>() },
        }
    }

    /// Whether `value` is hashed in next to no time.
    pub(crate) fn is_cheap(&self, value: &(dyn Any + Send + Sync)) -> bool {
        (self.is_cheap)(value)
    }

    /// What tells this way from others, within a process.
    pub(crate) fn address(&self) -> usize {
        self.hash as usize
    }

    /// Writes `value` into `hasher`; a value of another type fails it.
    pub fn hash(&self, value: &(dyn Any + Send + Sync), hasher: &mut ContentHasher) {
        (self.hash)(value, hasher);
    }
}

/// Whether a `T` is hashed in next to no time.
const fn cheapness<T: 'static>() -> fn(&(dyn Any + Send + Sync)) -> bool {
    // What has nothing to drop has nothing behind it, but for what lives as long as the program.
    if !needs_drop::<T>() && size_of::<T>() <= PLAIN { |_| true } else { is_short_text }
}

/// Whether a value is text, and short.
fn is_short_text(value: &(dyn Any + Send + Sync)) -> bool {
    let text = value.downcast_ref::<String>().map(String::len);
    let path = value.downcast_ref::<PathBuf>().map(|path| path.as_os_str().len());
    text.or(path).is_some_and(|length| length <= SHORT_TEXT)
}

/// Hands `value` to `hash` if it is a `T`.
fn with<T: 'static>(
    value: &(dyn Any + Send + Sync),
    hasher: &mut ContentHasher,
    hash: impl FnOnce(&T, &mut ContentHasher),
) {
    match value.downcast_ref::<T>() {
        Some(value) => hash(value, hasher),
        None => hasher.fail(format_args!("the value to hash is not a `{}`", type_name::<T>())),
    }
}

impl fmt::Debug for ValueHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueHash")
    }
}
