//! The single conditions that a `cfg` asks.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// The single conditions in the arguments of `cfg` or `cfg_attr`: `unix`, `feature = "fast"`.
pub(crate) fn of(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',');
    // What comes after a comma is what `cfg_attr` puts in.
    all(tokens.into_iter().take_while(|token| !is_comma(token)).collect(), found);
}

/// The conditions in a list.
fn all(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Ident(ident) = &tokens[at] {
            match (tokens.get(at + 1), tokens.get(at + 2)) {
                (Some(TokenTree::Group(group)), _) => {
                    if matches!(ident.to_string().as_str(), "all" | "any" | "not") {
                        all(group.stream(), found);
                    }
                    at += 1;
                }
                (Some(TokenTree::Punct(sign)), Some(TokenTree::Literal(value)))
                    if sign.as_char() == '=' =>
                {
                    found.insert(format!("{ident} = {value}"));
                    at += 2;
                }
                _ => {
                    found.insert(ident.to_string());
                }
            }
        }
        at += 1;
    }
}
