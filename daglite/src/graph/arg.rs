//! `IntoArg`: what a task's parameter accepts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::hash::{InputDir, InputFile};
use crate::task::Value;

use super::Node;

/// An argument of a task call: a value, or a node that will make one.
#[doc(hidden)]
pub struct Arg(pub(crate) Input);

pub(crate) enum Input {
    Value(Value),
    Node(Arc<Node>),
}

impl Arg {
    /// The same argument once more.
    pub(crate) fn share(&self) -> Self {
        Self(match &self.0 {
            Input::Value(value) => Input::Value(Arc::clone(value)),
            Input::Node(node) => Input::Node(Arc::clone(node)),
        })
    }

    fn value<T: Send + Sync + 'static>(value: T) -> Self {
        Self(Input::Value(Arc::new(value)))
    }
}

/// What can be passed for a parameter that is stored as `T`: a `T`, an `Arc<T>`, a
/// [`TaskFuture<T>`](crate::TaskFuture), and the usual borrowed forms of owned types.
///
/// | the parameter is | accepted besides `T`, `Arc<T>` and `TaskFuture<T>` |
/// |---|---|
/// | `String`, `&str` | `&str`, `&String` |
/// | `PathBuf`, `&Path` | `&str`, `String`, `&Path` |
/// | `Vec<T>`, `&[T]` | `&[T]`, `[T; N]`, `&[T; N]`, `&Vec<T>` |
/// | `InputFile`, `InputDir` | `&str`, `String`, `&Path`, `PathBuf` |
///
/// ```
/// use daglite::prelude::*;
/// use std::sync::Arc;
///
/// #[task]
/// fn count(words: &[String], word: &str) -> usize {
///     words.iter().filter(|w| *w == word).count()
/// }
///
/// #[task]
/// fn split(text: &str) -> Vec<String> {
///     text.split(' ').map(String::from).collect()
/// }
///
/// assert_eq!(count(split("to be or not to be"), "be").run()?, 2);
/// assert_eq!(count(Arc::new(vec!["a".to_string()]), "b").run()?, 0);
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed for a task's parameter of type `{T}`",
    label = "expected `{T}`, an `Arc` of it, or a `TaskFuture` of it",
    note = "a parameter `&T` of a task takes its argument by value: pass the value, an `Arc`, or a task future"
)]
pub trait IntoArg<T: ?Sized> {
    /// The argument, ready to be put into the graph.
    #[doc(hidden)]
    fn into_arg(self) -> Arg;
}

impl<T: Send + Sync + 'static> IntoArg<T> for T {
    fn into_arg(self) -> Arg {
        Arg::value(self)
    }
}

impl<T: Send + Sync + 'static> IntoArg<T> for Arc<T> {
    fn into_arg(self) -> Arg {
        Arg(Input::Value(self))
    }
}

/// One line for each borrowed form that is turned into the stored type by `From`.
macro_rules! into_arg_by_from {
    ($($from:ty => $into:ty),* $(,)?) => {$(
        impl IntoArg<$into> for $from {
            fn into_arg(self) -> Arg {
                Arg::value(<$into>::from(self))
            }
        }
    )*};
}

into_arg_by_from! {
    &str => String,
    &String => String,
    &str => PathBuf,
    String => PathBuf,
    &Path => PathBuf,
    &str => InputFile,
    String => InputFile,
    &Path => InputFile,
    PathBuf => InputFile,
    &str => InputDir,
    String => InputDir,
    &Path => InputDir,
    PathBuf => InputDir,
}

impl<T: Clone + Send + Sync + 'static> IntoArg<Vec<T>> for &[T] {
    fn into_arg(self) -> Arg {
        Arg::value(self.to_vec())
    }
}

impl<T: Clone + Send + Sync + 'static> IntoArg<Vec<T>> for &Vec<T> {
    fn into_arg(self) -> Arg {
        Arg::value(self.clone())
    }
}

impl<T: Send + Sync + 'static, const N: usize> IntoArg<Vec<T>> for [T; N] {
    fn into_arg(self) -> Arg {
        Arg::value(Vec::from(self))
    }
}

impl<T: Clone + Send + Sync + 'static, const N: usize> IntoArg<Vec<T>> for &[T; N] {
    fn into_arg(self) -> Arg {
        Arg::value(self.to_vec())
    }
}
