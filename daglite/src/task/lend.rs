//! `Lent`: what is kept for a parameter `&T`, and how the body sees it.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};

/// A type whose reference a task can take: the graph keeps the [`Owner`](Self::Owner) and lends it to the body.
///
/// For a sized type the owner is the type itself, so that `&T` needs no `Clone`, as it would with
/// [`ToOwned`](std::borrow::ToOwned); for the unsized ones it is what the standard library owns them with.
#[diagnostic::on_unimplemented(
    message = "a task cannot borrow `{Self}`: daglite does not know what to keep in its place",
    label = "write an owned type here",
    note = "references to sized types, `&str`, `&[T]`, `&Path`, `&OsStr` and `&CStr` can be lent"
)]
pub trait Lent {
    /// What the graph keeps.
    type Owner;

    /// What the body sees of it.
    fn lend(owner: &Self::Owner) -> &Self;
}

impl<T> Lent for T {
    type Owner = T;

    fn lend(owner: &T) -> &T {
        owner
    }
}

impl<T> Lent for [T] {
    type Owner = Vec<T>;

    fn lend(owner: &Vec<T>) -> &[T] {
        owner
    }
}

impl Lent for str {
    type Owner = String;

    fn lend(owner: &String) -> &str {
        owner
    }
}

impl Lent for Path {
    type Owner = PathBuf;

    fn lend(owner: &PathBuf) -> &Path {
        owner
    }
}

impl Lent for OsStr {
    type Owner = OsString;

    fn lend(owner: &OsString) -> &OsStr {
        owner
    }
}

impl Lent for CStr {
    type Owner = CString;

    fn lend(owner: &CString) -> &CStr {
        owner
    }
}
