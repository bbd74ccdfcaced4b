//! The macros of daglite; use them through the crate `daglite`.
//!
//! `#[task]` goes one way, a type for each step:
//!
//! - `parse`: tokens to `Input`, what was written;
//! - `option`: a file for each option of the attribute;
//! - `check` (with `shape`): `Input` to `Task`, every rule, and every error at once;
//! - `model`: `Task`, of which only valid ones exist;
//! - `canonical`: the normal form of a function, and its fingerprint;
//! - `expand`: `Task` to tokens;
//! - `fallback`: on errors, these and the same function for its callers.
//!
//! `derive` is `#[derive(ContentHash)]`.

mod canonical;
mod check;
mod derive;
mod expand;
mod fallback;
mod model;
mod option;
mod parse;
mod shape;


use proc_macro::TokenStream;

/// Makes a task of a function: a call of it does not run it, but returns a lazy `TaskFuture`.
///
/// # Options
///
/// | option | what it does |
/// |---|---|
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    expand_task(&package, attribute.into(), item.into()).into()
}

/// The code of a task, or its errors.
fn expand_task(
    package: &str,
    attribute: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match parse::parse(attribute, item.clone()) {
        Ok(input) => match check::check(package, input) {
            Ok(task) => expand::expand(&task),
            Err(refused) => fallback::fallback(*refused),
        },
        Err(error) => {
            let error = error.to_compile_error();
            quote::quote!(#error #item)
        }
    }
}

/// Derives `daglite::ContentHash`: the type's name, and every field with its name, go into the hash.
///
/// | option | where | what it does |
/// |---|---|---|
/// | `#[content_hash(skip)]` | field | leaves the field out |
/// | `#[content_hash(serde)]` | field | hashes the field by its `serde::Serialize` |
/// | `#[content_hash(crate = path)]` | type | the name under which daglite is known here |
///
/// Type parameters must have a content hash themselves. Renaming the type, a field or a variant, or moving a variant,
/// changes the digest. The order of fields counts too.
#[proc_macro_derive(ContentHash, attributes(content_hash))]
pub fn derive_content_hash(input: TokenStream) -> TokenStream {
    derive::expand(input.into()).into()
}
