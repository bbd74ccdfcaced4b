//! `Probe`: asks a type which of its ways it offers, and demands one where none is.
//!
//! The macro knows tokens, not types. It writes `(&&&&probe::<T>()).__daglite_hash()`, and the compiler picks
//! the first of several traits of that method that fits: one for `&&&Probe<T>` where `T` has its own hash, one for
//! `&&Probe<T>` where it has serde's, and so on, down to one for any `Probe<T>`. None of these bounds can fail, since the last one has none;
//! so there is no wall of messages. What comes back is a marker that the next call asks for the answer, and the marker
//! for "nothing" demands a trait that no type has: one message, ours. It demands that of a parameter of the call that
//! is not the marker's, `Asked`, since the compiler points at the tokens of a call's own type arguments: the user's type.
//! And it demands it of a type of ours, `CacheKey: CanHash<Asked>`, or the compiler would advise users to bound their
//! generic parameters with our hidden traits.

#![expect(
    clippy::extra_unused_type_parameters,
    reason = "`Asked` is the type as the user wrote it: the macro names it, so that an error points at it"
)]

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Args, CloneFn, Failure, Value};
use crate::hash::{ContentHash, ContentHasher, ValueHash, serde_hash};
use crate::registry::{HasFormat, ValueFormats};

/// A type to ask about.
pub struct Probe<T>(PhantomData<fn() -> T>);

/// Asks about a type.
pub const fn probe<T>() -> Probe<T> {
    Probe(PhantomData)
}

/// Asks about the type of a value.
pub const fn probe_of<T>(_: &T) -> Probe<T> {
    Probe(PhantomData)
}

/// Declares a question's rungs: a marker, and the trait that answers with it for a probe behind so many references.
macro_rules! rung {
    ($(#[$doc:meta])* $marker:ident, $trait:ident :: $method:ident, ($($probe:tt)*) $(where $($bound:tt)*)?) => {
        $(#[$doc])*
        pub struct $marker<T>(PhantomData<fn() -> T>);

        $(#[$doc])*
        pub trait $trait<T> {
            /// The answer.
            fn $method(&self) -> $marker<T>;
        }

        impl<T> $trait<T> for $($probe)* $(where $($bound)*)? {
            fn $method(&self) -> $marker<T> {
                $marker(PhantomData)
            }
        }
    };
}

// How is an argument hashed?

rung! {
    /// By the type's own hash.
    OwnHash, HashOwn::__daglite_hash, (&&&Probe<T>) where T: ContentHash
}
rung! {
    /// Through serde.
    SerdeHash, HashBySerde::__daglite_hash, (&&Probe<T>) where T: Serialize
}
rung! {
    /// In no way.
    NoHash, HashMissing::__daglite_hash, (&Probe<T>) where T: Send + Sync + 'static
}
rung! {
    /// In no way; but it cannot be an argument at all, and one message is enough.
    MootHash, HashMoot::__daglite_hash, (Probe<T>)
}

/// Whom the compiler names when a type has no hash.
pub struct CacheKey;

/// Demanded of [`CacheKey`] for a type that cannot be hashed: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be hashed, so it cannot be part of a cache key",
    label = "this type has no hash",
    note = "derive `daglite::ContentHash` or `serde::Serialize` for it (bound a generic parameter with one of them),",
    note = "or leave the parameter out of the key: `cache_exclude = […]`,",
    note = "or name a function that makes something hashable of it: `cache_hash_params(parameter = path)`"
)]
#[cfg_attr(
    feature = "polars",
    diagnostic::on_unimplemented(
        note = "a `LazyFrame` of polars' is a plan and not data: `collect()` it first, and take the `DataFrame`"
    )
)]
pub trait CanHash<T> {}

impl<T: ContentHash> OwnHash<T> {
    /// How a parameter of the type is hashed.
    pub fn value<Asked>(self) -> ValueHash
    where
        T: 'static,
    {
        ValueHash::own::<T>()
    }

    /// How an excluded parameter of the type is hashed.
    pub fn excluded(self) -> Option<ValueHash>
    where
        T: 'static,
    {
        Some(ValueHash::own::<T>())
    }

    /// Hashes what a user's hash function made.
    pub fn write(self, value: &T, hasher: &mut ContentHasher) {
        value.content_hash(hasher);
    }
}

impl<T: Serialize> SerdeHash<T> {
    /// How a parameter of the type is hashed.
    pub fn value<Asked>(self) -> ValueHash
    where
        T: 'static,
    {
        ValueHash::serde::<T>()
    }

    /// How an excluded parameter of the type is hashed.
    pub fn excluded(self) -> Option<ValueHash>
    where
        T: 'static,
    {
        Some(ValueHash::serde::<T>())
    }

    /// Hashes what a user's hash function made.
    pub fn write(self, value: &T, hasher: &mut ContentHasher) {
        serde_hash(value, hasher);
    }
}

impl<T> NoHash<T> {
    /// The compile-time error.
    pub fn value<Asked>(self) -> ValueHash
    where
        CacheKey: CanHash<Asked>,
    {
        unreachable!("a key can hash no type that has no hash")
    }

    /// How an excluded parameter of the type is hashed: in no way.
    pub fn excluded(self) -> Option<ValueHash> {
        None
    }

    /// The compile-time error.
    pub fn write(self, _: &T, _: &mut ContentHasher)
    where
        CacheKey: CanHash<T>,
    {
        unreachable!("a key can hash no type that has no hash")
    }
}

impl<T> MootHash<T> {
    /// No hash: that the type cannot be an argument is said where it is taken.
    pub fn value<Asked>(self) -> ValueHash {
        unreachable!("taking the argument does not compile")
    }

    /// How an excluded parameter of the type is hashed: in no way.
    pub fn excluded(self) -> Option<ValueHash> {
        None
    }

    /// The compile-time error.
    pub fn write(self, _: &T, _: &mut ContentHasher)
    where
        CacheKey: CanHash<T>,
    {
        unreachable!("a key can hash no type that has no hash")
    }
}

// How is a result encoded?

rung! {
    /// In formats of the type's own.
    OwnFormats, FormatOwn::__daglite_formats, (&&&Probe<T>) where T: HasFormat
}
rung! {
    /// In the formats that every serde type has.
    SerdeFormats, FormatBySerde::__daglite_formats, (&&Probe<T>)
    where T: Serialize + DeserializeOwned + Send + Sync + 'static
}
rung! {
    /// In none.
    NoFormats, FormatMissing::__daglite_formats, (&Probe<T>) where T: Send + Sync + 'static
}
rung! {
    /// In none; but it cannot be a result at all, and one message is enough.
    MootFormats, FormatMoot::__daglite_formats, (Probe<T>)
}

/// Whom the compiler names when a type has no format.
pub struct CacheEntry;

/// Demanded of [`CacheEntry`] for a type that has no format: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be stored, so it cannot be the result of a cached task",
    label = "this type has no format",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it (bound a generic parameter with `Serialize` and \
            `DeserializeOwned`),",
    note = "or implement `daglite::HasFormat`,",
    note = "or drop `cache`, and cache the tasks that use it"
)]
#[cfg_attr(
    feature = "polars",
    diagnostic::on_unimplemented(
        note = "a `LazyFrame` of polars' is a plan and not data: `collect()` it, and return the `DataFrame`"
    )
)]
pub trait CanStore<T> {}

/// Whom the compiler names when a value cannot go to another process.
pub struct OtherProcess;

/// Demanded of [`OtherProcess`] for a type that has no format: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be sent to another process, so no isolated task can take or return it",
    label = "this type has no format",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or implement `daglite::HasFormat`,",
    note = "or drop `isolate`"
)]
pub trait CanSend<T> {}

impl<T: HasFormat> OwnFormats<T> {
    /// The formats of what goes to another process.
    pub fn sent<Asked>(self) -> ValueFormats {
        ValueFormats::own::<T>()
    }

    /// The formats of a cached task's result.
    pub fn required<Asked>(self) -> ValueFormats {
        ValueFormats::own::<T>()
    }

    /// The formats of any task's result, if there are some.
    pub fn optional(self) -> Option<ValueFormats> {
        Some(self.required::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> SerdeFormats<T> {
    /// The formats of what goes to another process.
    pub fn sent<Asked>(self) -> ValueFormats {
        ValueFormats::serde::<T>()
    }

    /// The formats of a cached task's result.
    pub fn required<Asked>(self) -> ValueFormats {
        ValueFormats::serde::<T>()
    }

    /// The formats of any task's result, if there are some.
    pub fn optional(self) -> Option<ValueFormats> {
        Some(self.required::<T>())
    }
}

impl<T> NoFormats<T> {
    /// The compile-time error.
    pub fn sent<Asked>(self) -> ValueFormats
    where
        OtherProcess: CanSend<Asked>,
    {
        unreachable!("no type without a format can be sent")
    }

    /// The compile-time error.
    pub fn required<Asked>(self) -> ValueFormats
    where
        CacheEntry: CanStore<Asked>,
    {
        unreachable!("no type without a format can be stored")
    }

    /// The formats of any task's result: none.
    pub fn optional(self) -> Option<ValueFormats> {
        None
    }
}

impl<T> MootFormats<T> {
    /// No formats: that the type cannot be an argument or a result is said where it is taken or kept.
    pub fn sent<Asked>(self) -> ValueFormats {
        unreachable!("taking or keeping the value does not compile")
    }

    /// No formats: that the type cannot be a result is said where the result is kept.
    pub fn required<Asked>(self) -> ValueFormats {
        unreachable!("keeping the result does not compile")
    }

    /// The formats of any task's result: none.
    pub fn optional(self) -> Option<ValueFormats> {
        None
    }
}

// How is a value kept?

rung! {
    /// Shared, and cloned where it must be moved while others hold it.
    ClonedValue, ClonedStorage::__daglite_storage, (&&Probe<T>) where T: Clone + Send + Sync + 'static
}
rung! {
    /// Shared, and moved by its last user alone.
    MovedValue, MovedStorage::__daglite_storage, (&Probe<T>) where T: Send + Sync + 'static
}
rung! {
    /// Not at all.
    RefusedValue, RefusedStorage::__daglite_storage, (Probe<T>)
}

/// Whom the compiler names when a type cannot wait in a graph.
pub struct TaskGraph;

/// Demanded of [`TaskGraph`] for a type that is not `Send + Sync + 'static`: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be an argument or a result of a task: threads cannot share it",
    label = "this type is not `Send + Sync`",
    note = "write `Arc` for `Rc`, `Mutex` or `RwLock` for `Cell` and `RefCell`, an owned value for a raw pointer,",
    note = "and `dyn Trait + Send + Sync` for `dyn Trait`"
)]
pub trait CanKeep<T> {}

/// Whom the compiler names when an argument cannot be given a second time.
pub struct Retries;

/// Demanded of [`Retries`] for a type that is not `Clone`: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{T}` is not `Clone`, so a body that takes it by value cannot be run again",
    label = "this parameter of a task with `retries` takes its argument by value",
    note = "take a `&{T}`, derive `Clone` (bound a generic parameter with it), or drop `retries`"
)]
pub trait CanRepeat<T> {}

impl<T: Clone + Send + Sync + 'static> ClonedValue<T> {
    /// An argument, lent.
    pub fn lent<Asked>(self, args: &mut Args, index: usize) -> Arc<T> {
        args.take(index)
    }

    /// An argument, moved or cloned.
    pub fn owned<Asked>(
        self,
        args: &mut Args,
        index: usize,
        _: &'static str,
    ) -> Result<T, Failure> {
        Ok(Arc::unwrap_or_clone(args.take(index)))
    }

    /// An argument of a body that may be run again, moved or cloned.
    pub fn repeated<Asked>(
        self,
        args: &mut Args,
        index: usize,
        param: &'static str,
    ) -> Result<T, Failure> {
        self.owned::<Asked>(args, index, param)
    }

    /// A result, its type forgotten.
    pub fn value<Asked>(self, result: T) -> Result<Value, Failure> {
        Ok(Arc::new(result))
    }

    /// Clones a result, if its type can.
    pub fn cloning(self) -> Option<CloneFn> {
        Some(|value, place| {
            if let Some(place) = place.downcast_mut::<Option<T>>() {
                *place = value.downcast_ref::<T>().cloned();
            }
        })
    }
}

impl<T: Send + Sync + 'static> MovedValue<T> {
    /// An argument, lent.
    pub fn lent<Asked>(self, args: &mut Args, index: usize) -> Arc<T> {
        args.take(index)
    }

    /// An argument, moved.
    pub fn owned<Asked>(
        self,
        args: &mut Args,
        index: usize,
        param: &'static str,
    ) -> Result<T, Failure> {
        Arc::try_unwrap(args.take(index)).map_err(|_| Failure::shared(param, type_name::<T>()))
    }

    /// The compile-time error.
    pub fn repeated<Asked>(self, _: &mut Args, _: usize, _: &'static str) -> Result<T, Failure>
    where
        Retries: CanRepeat<Asked>,
    {
        unreachable!("no argument that cannot be cloned can be given twice")
    }

    /// A result, its type forgotten.
    pub fn value<Asked>(self, result: T) -> Result<Value, Failure> {
        Ok(Arc::new(result))
    }

    /// Clones a result, if its type can: it cannot.
    pub fn cloning(self) -> Option<CloneFn> {
        None
    }
}

impl<T> RefusedValue<T> {
    /// The compile-time error.
    pub fn lent<Asked>(self, _: &mut Args, _: usize) -> Arc<T>
    where
        TaskGraph: CanKeep<Asked>,
    {
        unreachable!("no type that threads cannot share can be kept")
    }

    /// The compile-time error.
    pub fn owned<Asked>(self, _: &mut Args, _: usize, _: &'static str) -> Result<T, Failure>
    where
        TaskGraph: CanKeep<Asked>,
    {
        unreachable!("no type that threads cannot share can be kept")
    }

    /// The compile-time error.
    pub fn repeated<Asked>(self, _: &mut Args, _: usize, _: &'static str) -> Result<T, Failure>
    where
        TaskGraph: CanKeep<Asked>,
    {
        unreachable!("no type that threads cannot share can be kept")
    }

    /// The compile-time error.
    pub fn value<Asked>(self, _: T) -> Result<Value, Failure>
    where
        TaskGraph: CanKeep<Asked>,
    {
        unreachable!("no type that threads cannot share can be kept")
    }

    /// Clones a result: `value` has the error.
    pub fn cloning(self) -> Option<CloneFn> {
        None
    }
}
