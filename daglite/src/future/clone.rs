//! How a value that others hold too is cloned, if its type can be.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::task::{CloneFn, Value};

/// How a value that others hold too is cloned, if its type can be.
pub(super) enum Cloner<T> {
    No,
    Erased(CloneFn),
    Typed(fn(&T) -> T),
    Composed(ComposedClone<T>),
}

pub(super) type ComposedClone<T> = Arc<dyn Fn(&T) -> Option<T> + Send + Sync>;

impl<T> Clone for Cloner<T> {
    fn clone(&self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Erased(clone) => Self::Erased(*clone),
            Self::Typed(clone) => Self::Typed(*clone),
            Self::Composed(clone) => Self::Composed(Arc::clone(clone)),
        }
    }
}

impl<T: Send + Sync + 'static> Cloner<T> {
    pub(super) fn clone_value(&self, value: &T) -> Option<T> {
        match self {
            Self::No => None,
            Self::Erased(clone) => {
                let mut cloned = None;
                clone(value, &mut cloned);
                cloned
            }
            Self::Typed(clone) => Some(clone(value)),
            Self::Composed(clone) => clone(value),
        }
    }

    /// The value itself: moved if nobody else holds it, cloned otherwise.
    pub(super) fn own(&self, value: Value) -> Result<T, Error> {
        Arc::try_unwrap(shared::<T>(value)?).or_else(|shared| {
            self.clone_value(&shared).ok_or_else(|| {
                let name = std::any::type_name::<T>();
                let message = format!(
                    "the value is held elsewhere too and `{name}` is not `Clone`: use `run_shared()`, drop the other \
                     handles first, or derive `Clone`"
                );
                Error::new(ErrorKind::Shared, message)
            })
        })
    }
}

pub(super) fn shared<T: Send + Sync + 'static>(value: Value) -> Result<Arc<T>, Error> {
    value.downcast::<T>().map_err(|_| {
        let name = std::any::type_name::<T>();
        Error::new(
            ErrorKind::Format,
            format!("a value that should be a `{name}` is of another type"),
        )
    })
}
