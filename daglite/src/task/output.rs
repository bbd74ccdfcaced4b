//! `Fallible`: results and errors, as a task's return type says them.

#![expect(
    clippy::extra_unused_type_parameters,
    reason = "`Asked` is the type as the user wrote it: the macro names it, so that an error points at it"
)]

use std::marker::PhantomData;

use super::{CloneFn, Failure, Probe, Value, probe};
use crate::error::BoxError;
use crate::registry::ValueFormats;

/// A return type written as `Result<…>`: what it holds when all is well, and when not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result`, but it is not the standard library's",
    label = "the return type of this task",
    note = "write `std::result::Result<T, E>` or an alias of it for a task that can fail, or rename the type"
)]
pub trait Fallible {
    /// The task's value.
    type Value;
    /// The task's error.
    type Error;

    /// The standard library's form of it.
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// Whom the compiler names when an error cannot be reported.
pub struct Report;

/// Demanded of [`Report`] for an error that does not convert: it carries the message and is never there.
#[diagnostic::on_unimplemented(
    message = "`{E}` cannot be the error of a task: it does not convert into `Box<dyn Error + Send + Sync>`",
    label = "the error of this task",
    note = "implement `std::error::Error` for it, and keep it `Send + Sync + 'static`; `anyhow::Error` and `String` are fine too"
)]
pub trait CanCarry<E> {}

/// The error converts into the boxed one.
pub struct Boxable<E>(PhantomData<fn() -> E>);

impl<E: Into<BoxError>> Boxable<E> {
    /// The value of the body's result, or the failure that its error makes.
    pub fn value<Asked, R: Fallible<Error = E>>(self, result: R) -> Result<R::Value, Failure> {
        result.into_result().map_err(|error| Failure::returned(error.into()))
    }

    /// The same, where `retry_if` says which errors are worth another try.
    pub fn value_if<Asked, R: Fallible<Error = E>>(
        self,
        result: R,
        retry_if: fn(&E) -> bool,
    ) -> Result<R::Value, Failure> {
        result.into_result().map_err(|error| {
            let again = retry_if(&error);
            Failure::sorted(error.into(), again)
        })
    }
}

/// The error does not.
pub struct NotBoxable<E>(PhantomData<fn() -> E>);

impl<E> NotBoxable<E> {
    /// The compile-time error.
    pub fn value<Asked, R: Fallible<Error = E>>(self, _: R) -> Result<R::Value, Failure>
    where
        Report: CanCarry<Asked>,
    {
        unreachable!("a report can carry no error that does not convert")
    }

    /// The compile-time error.
    pub fn value_if<Asked, R: Fallible<Error = E>>(
        self,
        _: R,
        _: fn(&E) -> bool,
    ) -> Result<R::Value, Failure>
    where
        Report: CanCarry<Asked>,
    {
        unreachable!("a report can carry no error that does not convert")
    }
}

/// Asks whether an error converts into the boxed one: yes.
pub trait BoxableError<E> {
    /// The answer.
    fn __daglite_error(&self) -> Boxable<E>;
}

impl<E: Into<BoxError>> BoxableError<E> for &Probe<E> {
    fn __daglite_error(&self) -> Boxable<E> {
        Boxable(PhantomData)
    }
}

/// Asks whether an error converts into the boxed one: no.
pub trait RefusedError<E> {
    /// The answer.
    fn __daglite_error(&self) -> NotBoxable<E>;
}

impl<E> RefusedError<E> for Probe<E> {
    fn __daglite_error(&self) -> NotBoxable<E> {
        NotBoxable(PhantomData)
    }
}

/// Demanded of a `Result` under another name: it carries the message and nobody has it.
#[diagnostic::on_unimplemented(
    message = "this is a `Result` under another name, so its `Err` would be cached like a value: write `Result<…>`",
    label = "write `{Self}` here, in full",
    note = "the macro sees names, not types: a task can fail if the last part of its return type is called `Result`"
)]
pub trait PlainResult {}

/// What a `Result` under another name is asked about from then on: it answers every question without a second error.
pub struct Disguised<R>(PhantomData<*const R>);

/// Stands for the storage and the formats of a `Result` under another name.
pub struct DisguisedResult<R>(PhantomData<fn() -> R>);

impl<R> Probe<Disguised<R>> {
    /// Whether it can be kept.
    pub fn __daglite_storage(&self) -> DisguisedResult<R> {
        DisguisedResult(PhantomData)
    }

    /// How it is encoded.
    pub fn __daglite_formats(&self) -> DisguisedResult<R> {
        DisguisedResult(PhantomData)
    }
}

impl<R> DisguisedResult<R> {
    /// The compile-time error.
    pub fn value<Asked>(self, _: R) -> Result<Value, Failure>
    where
        Asked: PlainResult,
    {
        unreachable!("no type is a `PlainResult`")
    }

    /// No formats: `value` has the error.
    pub fn required<Asked>(self) -> ValueFormats {
        unreachable!("`value` does not compile")
    }

    /// No formats: `value` has the error.
    pub fn sent<Asked>(self) -> ValueFormats {
        unreachable!("`value` does not compile")
    }

    /// No formats: `value` has the error.
    pub fn optional(self) -> Option<ValueFormats> {
        None
    }

    /// No clone: `value` has the error.
    pub fn cloning(self) -> Option<CloneFn> {
        None
    }
}

/// Asks what a return type not written as `Result<…>` is: a plain value.
pub trait PlainAnswer<R> {
    /// What to ask the next questions about.
    fn __daglite_plain(&self) -> Probe<R>;
}

impl<R> PlainAnswer<R> for Probe<R> {
    fn __daglite_plain(&self) -> Probe<R> {
        probe()
    }
}

/// Asks what a return type not written as `Result<…>` is: a `Result` all the same.
pub trait DisguisedAnswer<R> {
    /// What to ask the next questions about.
    fn __daglite_plain(&self) -> Probe<Disguised<R>>;
}

impl<T, E> DisguisedAnswer<Result<T, E>> for &Probe<Result<T, E>> {
    fn __daglite_plain(&self) -> Probe<Disguised<Result<T, E>>> {
        probe()
    }
}
