//! `ParamHash`: how the argument for one parameter of a cached task is hashed.

use std::any::Any;
use std::fmt;

use crate::hash::{ContentHasher, Strategy, ValueHash};

/// How the argument for one parameter of a cached task comes into the key.
#[derive(Clone, Copy)]
pub enum ParamHash {
    /// Not at all: `cache_exclude`. What the way to hash it tells is kept beside the key, if there is one.
    Excluded(Option<ValueHash>),
    /// Not by itself: `cache_hash` speaks for it.
    Covered,
    /// By its own hash, or through serde, with a strategy if the parameter says one.
    Value(ValueHash, Option<Strategy>),
    /// By what a function of the user's makes of it.
    Custom(fn(&(dyn Any + Send + Sync), &mut ContentHasher)),
    /// By the hash that the session's registry has for the type, whose name this gives.
    Registry(fn() -> &'static str),
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
