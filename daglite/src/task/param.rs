//! `ParamHash`: how the argument for one parameter of a cached task is hashed.

use std::any::Any;
use std::fmt;
use std::mem::needs_drop;
use std::path::PathBuf;

use crate::hash::{ContentHasher, Strategy, ValueHash};

/// How the argument for one parameter of a cached task comes into the key.
#[derive(Clone, Copy)]
pub enum ParamHash {
    /// Not at all: `cache_exclude`. What the way to hash it tells is kept beside the key, if there is one.
    Excluded(Option<ExcludedHash>),
    /// Not by itself: `cache_hash` speaks for it.
    Covered,
    /// By its own hash, or through serde, with a strategy if the parameter says one.
    Value(ValueHash, Option<Strategy>),
    /// By what a function of the user's makes of it.
    Custom(fn(&(dyn Any + Send + Sync), &mut ContentHasher)),
    /// By the hash that the session's registry has for the type, whose name this gives.
    Registry(fn() -> &'static str),
}

/// How an excluded argument is hashed where somebody wants to know whether it differs.
#[derive(Clone, Copy)]
pub struct ExcludedHash {
    /// The hash.
    pub hash: ValueHash,
    /// Whether a value is hashed in next to no time.
    pub is_cheap: fn(&(dyn Any + Send + Sync)) -> bool,
}

/// Up to this size a value without anything behind it is cheap.
const PLAIN: usize = 64;
/// Up to this length text is.
const SHORT_TEXT: usize = 4 << 10;

impl ExcludedHash {
    /// That of `T`, by `hash`.
    pub(super) fn of<T: 'static>(hash: ValueHash) -> Self {
        // What has nothing to drop has nothing behind it, but for what lives as long as the program.
        let is_plain = const { !needs_drop::<T>() && size_of::<T>() <= PLAIN };
        let is_cheap: fn(&(dyn Any + Send + Sync)) -> bool =
            if is_plain { |_| true } else { is_short_text };
        Self { hash, is_cheap }
    }
}

/// Whether a value is text, and short.
fn is_short_text(value: &(dyn Any + Send + Sync)) -> bool {
    let text = value.downcast_ref::<String>().map(String::len);
    let path = value.downcast_ref::<PathBuf>().map(|path| path.as_os_str().len());
    text.or(path).is_some_and(|length| length <= SHORT_TEXT)
}

impl fmt::Debug for ParamHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded(_) => f.write_str("Excluded"),
            Self::Covered => f.write_str("Covered"),
            Self::Value(_, strategy) => write!(f, "Value({strategy:?})"),
            Self::Custom(_) => f.write_str("Custom"),
            Self::Registry(type_name) => write!(f, "Registry({})", type_name()),
        }
    }
}

/// The argument as the type that a user's hash function takes; a wrong type fails the hasher.
pub fn hashable<'a, T: 'static>(
    value: &'a (dyn Any + Send + Sync),
    hasher: &mut ContentHasher,
) -> Option<&'a T> {
    let value = value.downcast_ref::<T>();
    if value.is_none() {
        hasher.fail(format_args!("the argument is not a `{}`", std::any::type_name::<T>()));
    }
    value
}
