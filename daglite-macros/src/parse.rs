//! Tokens to [`Input`]: what was written, with no rule about what may be.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, ItemFn, Result, Token, parenthesized};

/// The attribute and the function under it.
pub(crate) struct Input {
    /// The options of the attribute, in order.
    pub(crate) options: Vec<Written>,
    /// The function.
    pub(crate) function: ItemFn,
    /// What could not be read of the attribute.
    pub(crate) errors: Vec<Error>,
}

/// One option as it was written.
#[derive(Clone)]
pub(crate) struct Written {
    /// Its name.
    pub(crate) key: Ident,
    /// What follows the name.
    pub(crate) value: Given,
}

/// What follows the name of an option.
#[derive(Clone)]
pub(crate) enum Given {
    /// Nothing: `cache`.
    Nothing,
    /// A value: `cache_ttl = "1h"`.
    Value(Box<Expr>),
    /// A list: `cache_hash_params(a = exact)`.
    List(Vec<Written>),
}

/// Reads the attribute's tokens and the item's.
///
/// # Errors
///
/// If the item is not a function. What is wrong in the attribute is in [`Input::errors`], and its other options are
/// read all the same.
pub(crate) fn parse(attribute: TokenStream, item: TokenStream) -> Result<Input> {
    let function =
        syn::parse2::<ItemFn>(item.clone()).map_err(|error| not_a_function(item, error))?;
    let mut errors = Vec::new();
    let options = (|input: ParseStream| Ok(written(input, &mut errors)))
        .parse2(attribute)
        .expect("`written` reads to the end");
    Ok(Input { options, function, errors })
}

/// Reads options up to the end; what cannot be read is reported and skipped up to the next comma.
fn written(input: ParseStream, errors: &mut Vec<Error>) -> Vec<Written> {
    let mut options = Vec::new();
    while !input.is_empty() {
        match one(input, errors) {
            Ok(option) => options.push(option),
            Err(error) => {
                errors.push(error);
                skip_to_comma(input);
            }
        }
        let _: Option<Token![,]> = input.parse().unwrap_or_default();
    }
    options
}

fn one(input: ParseStream, errors: &mut Vec<Error>) -> Result<Written> {
    let key = Ident::parse_any(input)
        .map_err(|error| Error::new(error.span(), "expected the name of an option"))?;
    let value = if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new(equals.span, format!("`{key} =` has no value: write one")));
        }
        Given::Value(Box::new(input.parse()?))
    } else if input.peek(syn::token::Paren) {
        let list;
        parenthesized!(list in input);
        Given::List(written(&list, errors))
    } else {
        Given::Nothing
    };
    if input.peek(Token![:]) {
        return Err(input.error(format!("expected `=`: write `{key} = …`")));
    }
    if !input.is_empty() && !input.peek(Token![,]) {
        // A forgotten comma hides no option.
        errors.push(input.error("expected `,` between options"));
        if !input.peek(Ident::peek_any) {
            skip_to_comma(input);
        }
    }
    Ok(Written { key, value })
}

fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _: Result<TokenTree> = input.parse();
    }
}

/// `error`, or a better one if the item is plainly something else.
fn not_a_function(item: TokenStream, error: Error) -> Error {
    if let Ok(declared) = syn::parse2::<syn::TraitItemFn>(item.clone())
        && declared.default.is_none()
    {
        let message = "a task needs a body: write a free function, and call it where the trait is implemented";
        return Error::new(declared.sig.ident.span(), message);
    }
    let Ok(item) = syn::parse2::<syn::Item>(item) else {
        return error;
    };
    let (kind, place) = match &item {
        syn::Item::Struct(item) => ("a struct", item.struct_token.span),
        syn::Item::Enum(item) => ("an enum", item.enum_token.span),
        syn::Item::Impl(item) => ("an `impl` block", item.impl_token.span),
        syn::Item::Trait(item) => ("a trait", item.trait_token.span),
        syn::Item::Mod(item) => ("a module", item.mod_token.span),
        _ => return error,
    };
    Error::new(place, format!("{kind} cannot be a task: write `#[task]` on a free function"))
}
