//! `Body`: the function of a task, the arguments it takes and the failures it ends in.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{BoxError, Error, ErrorKind};

/// A value of the graph: an argument or a result, its type forgotten.
pub type Value = Arc<dyn Any + Send + Sync>;

/// Clones a value, its type forgotten, into an `Option` of that type.
pub type CloneFn = fn(&(dyn Any + Send + Sync), &mut dyn Any);

/// What an async body is while it runs.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// The function of a task, its types forgotten.
#[derive(Clone, Copy)]
pub enum Body {
    /// A plain `fn`.
    Sync(fn(&mut Args) -> Result<Value, Failure>),
    /// An `async fn`.
    Async(fn(Args) -> BodyFuture),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync(_) => "Body::Sync",
            Self::Async(_) => "Body::Async",
        })
    }
}

/// The arguments of one call, in the order of the parameters; each is taken once.
#[derive(Default)]
pub struct Args(SmallVec<[Option<Value>; 4]>);

impl Args {
    /// The arguments of a call. A value that nobody else holds is moved into a by-value parameter, not cloned.
    pub(crate) fn new(values: impl IntoIterator<Item = Value>) -> Self {
        Self(values.into_iter().map(Some).collect())
    }

    /// Adds the next argument.
    pub(crate) fn push(&mut self, value: Value) {
        self.0.push(Some(value));
    }

    /// The argument at `index`, shared as it is.
    pub(super) fn take<T: Send + Sync + 'static>(&mut self, index: usize) -> Arc<T> {
        let value = self.0[index].take().expect("the macro takes each argument once");
        match value.downcast::<T>() {
            Ok(value) => value,
            Err(_) => panic!("argument {index} is not a `{}`", std::any::type_name::<T>()),
        }
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({})", self.0.len())
    }
}

/// Why a body gave no value.
#[derive(Debug)]
pub struct Failure(Kind);

#[derive(Debug)]
enum Kind {
    /// The user's function returned an error, which `retry_if` may have looked at.
    Returned { error: BoxError, verdict: Option<bool> },
    /// A by-value parameter, its argument shared and not `Clone`.
    Shared { param: &'static str, type_name: &'static str, why: &'static str },
}

impl Failure {
    /// The user's function returned `error`.
    pub(super) fn returned(error: BoxError) -> Self {
        Self(Kind::Returned { error, verdict: None })
    }

    /// The user's function returned `error`, and `again` is what `retry_if` says of it.
    pub(super) fn sorted(error: BoxError, again: bool) -> Self {
        Self(Kind::Returned { error, verdict: Some(again) })
    }

    /// The error of the user's function, and what `retry_if` says of it; or another error.
    pub(crate) fn into_returned(self) -> Result<(BoxError, Option<bool>), Error> {
        match self.0 {
            Kind::Returned { error, verdict } => Ok((error, verdict)),
            Kind::Shared { .. } => Err(self.into_error()),
        }
    }

    /// The user's function returned `error` elsewhere, and this is what `retry_if` says of it there.
    pub(crate) fn elsewhere(error: BoxError, verdict: Option<bool>) -> Self {
        Self(Kind::Returned { error, verdict })
    }

    /// Whether another try may help.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match &self.0 {
            Kind::Returned { verdict, .. } => verdict.unwrap_or(true),
            Kind::Shared { .. } => false,
        }
    }

    /// The argument for `param` is held by others too, and cannot be cloned.
    pub(super) fn shared(param: &'static str, type_name: &'static str) -> Self {
        Self(Kind::Shared { param, type_name, why: "shared" })
    }

    /// The same failure, of a body that may be run again.
    pub(crate) fn of_a_repeated_body(mut self) -> Self {
        if let Kind::Shared { why, .. } = &mut self.0 {
            *why = "kept for a retry";
        }
        self
    }

    /// The error that users see, still without task and location.
    pub(crate) fn into_error(self) -> Error {
        match self.0 {
            Kind::Returned { error, .. } => {
                Error::new(ErrorKind::Task, format!("failed: {error}")).with_source(error)
            }
            Kind::Shared { param, type_name, why } => Error::new(
                ErrorKind::Shared,
                format!(
                    "takes parameter `{param}` of type `{type_name}` by value, but the value is {why} and \
                     `{type_name}` is not `Clone`: take `&{type_name}`, or derive `Clone`"
                ),
            ),
        }
    }
}
