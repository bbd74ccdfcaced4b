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

/// The options of `#[task]` that say how a body is run, and nothing of what it computes.
const OF_RUNNING: [&str; 6] = ["retries", "retry_delay", "retry_if", "timeout", "weight", "limits"];

/// Takes out of `#[task(…)]` the options that say nothing of what is computed.
pub(crate) fn drop_options_of_running(attribute: &mut Attribute) {
    let path = attribute.path();
    let mut segments = path.segments.iter().map(|segment| &segment.ident);
    let is_task = path.is_ident("task")
        || (segments.len() == 2
            && segments.next().is_some_and(|first| first == "daglite")
            && segments.next().is_some_and(|last| last == "task"));
    let Meta::List(list) = &mut attribute.meta else { return };
    if !is_task {
        return;
    }
    let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',');
    let options: Vec<&[TokenTree]> = tokens.split(is_comma).collect();
    let is_of_running = |option: &&&[TokenTree]| match option.first() {
        Some(TokenTree::Ident(name)) => OF_RUNNING.iter().any(|option| name == option),
        _ => false,
    };
    if !options.iter().any(|option| is_of_running(&option)) {
        return;
    }
    let kept: Vec<TokenStream> = options
        .iter()
        .filter(|option| !is_of_running(option) && !option.is_empty())
        .map(|option| option.iter().cloned().collect())
        .collect();
    if kept.is_empty() {
        attribute.meta = Meta::Path(list.path.clone());
    } else {
        list.tokens = quote::quote!(#(#kept),*);
    }
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
