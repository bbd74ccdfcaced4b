//! Attributes: documentation that nobody reads goes, and derives in a row are one.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token};

use crate::known::PLAIN_DERIVES;

/// Whether an attribute documents.
pub(super) fn is_documentation(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// Makes one attribute of derives that follow each other.
pub(super) fn merge_derives(attributes: &mut Vec<Attribute>) {
    let mut merged: Vec<Attribute> = Vec::with_capacity(attributes.len());
    for mut attribute in attributes.drain(..) {
        let Some(paths) = derived(&attribute) else {
            merged.push(attribute);
            continue;
        };
        let mut all = match merged.last().and_then(derived) {
            Some(earlier) => {
                merged.pop();
                earlier
            }
            None => Vec::new(),
        };
        all.extend(paths);
        let all: Punctuated<Path, Token![,]> = all.into_iter().collect();
        if let Meta::List(list) = &mut attribute.meta {
            list.tokens = all.into_token_stream();
        }
        merged.push(attribute);
    }
    *attributes = merged;
}

/// The names in a derive.
fn derived(attribute: &Attribute) -> Option<Vec<Path>> {
    let Meta::List(list) = &attribute.meta else { return None };
    if !list.path.is_ident("derive") || matches!(attribute.style, syn::AttrStyle::Inner(_)) {
        return None;
    }
    let paths = Punctuated::<Path, Token![,]>::parse_terminated;
    Some(paths.parse2(list.tokens.clone()).ok()?.into_iter().collect())
}

/// The inside of an attribute without the commas at the ends of its lists, which rustfmt adds and drops.
pub(super) fn without_last_commas(stream: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = stream.into_iter().collect();
    if matches!(tokens.last(), Some(TokenTree::Punct(sign)) if sign.as_char() == ',') {
        tokens.pop();
    }
    let within = |token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            TokenTree::Group(Group::new(group.delimiter(), without_last_commas(group.stream())))
        }
        other => other,
    };
    tokens.into_iter().map(within).collect()
}

/// Whether an attribute derives something that may make code of documentation.
pub(super) fn derives_of_documentation(attribute: &Attribute) -> bool {
    let is_deaf = |path: &Path| {
        let last = path.segments.last();
        last.is_some_and(|last| PLAIN_DERIVES.iter().any(|name| last.ident == name))
    };
    match derived(attribute) {
        Some(derives) => !derives.iter().all(is_deaf),
        None => attribute.path().is_ident("derive"),
    }
}
