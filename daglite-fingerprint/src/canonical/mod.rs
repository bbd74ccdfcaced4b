//! The normal form of a function, and the fingerprint made of it.
//!
//! The function is parsed, what does not count is taken out of the tree (documentation, visibility, trailing
//! separators; comments and white space are not even in it), and what is left is walked piece by piece into BLAKE3, each
//! piece with a tag for its kind and with its length before its text. Text of whole streams is never used: how a stream
//! prints differs between compilers.
//!
//! In reading order: `normalise` changes the tree, with `statements` for blocks, `imports` for `use`, `attributes`,
//! `literals` and `macros`; `walk` turns what is left into bytes. `docs/format.md` has the normal form in words.

mod attributes;
mod imports;
mod literals;
mod macros;
mod normalise;
mod statements;
mod walk;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit_mut::VisitMut;
use syn::{ItemFn, Path};

pub(crate) use attributes::drop_options_of_running;
use normalise::Normalise;
use walk::{Tag, walk, write};

/// The first bytes of every fingerprint; a new normal form gets a new number, here and below.
const DOMAIN: &[u8] = b"daglite function v2\0";

/// The first bytes of an item's digest.
const ITEM_DOMAIN: &[u8] = b"daglite item v2\0";

/// The first bytes of the digest of an impl's item.
const IMPL_ITEM_DOMAIN: &[u8] = b"daglite impl item v2\0";

/// The first bytes of the digest of a trait's item.
const TRAIT_ITEM_DOMAIN: &[u8] = b"daglite trait item v2\0";

/// The first bytes of the digest of loose tokens.
const TOKENS_DOMAIN: &[u8] = b"daglite tokens v2\0";

/// The fingerprint of `function` and of the functions that hash its arguments.
///
/// ```
/// use daglite_fingerprint::canonical::fingerprint;
///
/// let written = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// let formatted = syn::parse_str("/// Doubles.\npub fn twice(\n    n: u64,\n) -> u64 { 2*n }").unwrap();
/// assert_eq!(fingerprint(&written, &[]), fingerprint(&formatted, &[]));
/// ```
pub fn fingerprint(function: &ItemFn, hash_functions: &[&Path]) -> [u8; 32] {
    let mut function = function.clone();
    Normalise::default().visit_item_fn_mut(&mut function);
    let mut bytes = DOMAIN.to_vec();
    walk(function.into_token_stream(), &mut bytes);
    for path in hash_functions {
        let mut path = (*path).clone();
        Normalise::default().visit_path_mut(&mut path);
        write(Tag::HashFunction, "", &mut bytes);
        walk(path.into_token_stream(), &mut bytes);
    }
    *blake3::hash(&bytes).as_bytes()
}

/// The digest of any item's normal form: a type, an impl, a trait, a constant, a macro, a module, an import.
///
/// ```
/// use daglite_fingerprint::canonical::item_digest;
///
/// let written = syn::parse_str("struct Point { x: u8, y: u8 }").unwrap();
/// let formatted = syn::parse_str("/// A place.\npub struct Point {\n    x: u8,\n    y: u8,\n}").unwrap();
/// assert_eq!(item_digest(&written), item_digest(&formatted));
/// ```
pub fn item_digest(item: &syn::Item) -> [u8; 32] {
    digest_of_item(item.clone())
}

/// The same, of an item that is not needed any more.
pub(crate) fn digest_of_item(mut item: syn::Item) -> [u8; 32] {
    Normalise::default().visit_item_mut(&mut item);
    digest(ITEM_DOMAIN, item.into_token_stream())
}

/// The tokens of an item's normal form, for whoever explains why two digests differ.
///
/// ```
/// use daglite_fingerprint::canonical::normal_form;
///
/// let item = syn::parse_str("pub fn f(a: u8,) -> u8 { return a; }").unwrap();
/// assert_eq!(normal_form(&item).to_string(), "fn f (a : u8) -> u8 { return a }");
/// ```
pub fn normal_form(item: &syn::Item) -> TokenStream {
    let mut item = item.clone();
    Normalise::default().visit_item_mut(&mut item);
    item.into_token_stream()
}

/// The digest of the normal form of one item of an impl.
///
/// ```
/// use daglite_fingerprint::canonical::impl_item_digest;
///
/// let written = syn::parse_str("fn x(&self) -> u8 { self.x }").unwrap();
/// let formatted = syn::parse_str("/// The place.\npub fn x(&self,) -> u8 {\n    self.x\n}").unwrap();
/// assert_eq!(impl_item_digest(&written), impl_item_digest(&formatted));
/// ```
pub fn impl_item_digest(item: &syn::ImplItem) -> [u8; 32] {
    digest_of_impl_item(item.clone())
}

/// The same, of an item that is not needed any more.
pub(crate) fn digest_of_impl_item(mut item: syn::ImplItem) -> [u8; 32] {
    Normalise::default().visit_impl_item_mut(&mut item);
    digest(IMPL_ITEM_DOMAIN, item.into_token_stream())
}

/// The digest of the normal form of one item of a trait.
///
/// ```
/// use daglite_fingerprint::canonical::trait_item_digest;
///
/// let written = syn::parse_str("fn x(&self) -> u8;").unwrap();
/// let formatted = syn::parse_str("/// The place.\nfn x(\n    &self,\n) -> u8;").unwrap();
/// assert_eq!(trait_item_digest(&written), trait_item_digest(&formatted));
/// ```
pub fn trait_item_digest(item: &syn::TraitItem) -> [u8; 32] {
    digest_of_trait_item(item.clone())
}

/// The same, of an item that is not needed any more.
pub(crate) fn digest_of_trait_item(mut item: syn::TraitItem) -> [u8; 32] {
    Normalise::default().visit_trait_item_mut(&mut item);
    digest(TRAIT_ITEM_DOMAIN, item.into_token_stream())
}

/// The digest of tokens that are no item: every token counts, and white space and comments do not.
///
/// ```
/// use daglite_fingerprint::canonical::tokens_digest;
///
/// let digest = |text: &str| tokens_digest(text.parse().unwrap());
/// assert_eq!(digest("a+b"), digest("a + b // The sum."));
/// assert_ne!(digest("a+b"), digest("a+b,"));
/// ```
pub fn tokens_digest(tokens: TokenStream) -> [u8; 32] {
    digest(TOKENS_DOMAIN, literals::loose(tokens))
}

/// The digest of a stream under a domain.
fn digest(domain: &[u8], stream: TokenStream) -> [u8; 32] {
    let mut bytes = domain.to_vec();
    walk(stream, &mut bytes);
    *blake3::hash(&bytes).as_bytes()
}
