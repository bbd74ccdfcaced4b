//! What the macros have in common.

use proc_macro::{TokenStream, TokenTree};

pub(crate) fn name(input: TokenStream) -> String {
    let mut tokens = input.into_iter().skip_while(|token| token.to_string() != "struct");
    match tokens.nth(1) {
        Some(TokenTree::Ident(name)) => name.to_string(),
        _ => panic!("it has a name"),
    }
}

pub(crate) fn number() -> u64 {
    «derive_of_a_path_dependency -> derive_of_a_path_dependency ~function_like_macro_of_a_path_dependency ~attribute_of_a_path_dependency: 1 ¦ 2»
}

pub(crate) fn literal() -> &'static str {
    "«attribute_of_a_path_dependency -> attribute_of_a_path_dependency ~derive_of_a_path_dependency ~function_like_macro_of_a_path_dependency: 1 ¦ 2»"
}
