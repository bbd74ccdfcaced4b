//! The file that an `include!`, `include_str!` or `include_bytes!` names.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Lit, Token};

/// The path in the arguments of the macro, in a package at `folder`; `None` if only the compiler could know.
pub(crate) fn path_of(arguments: TokenStream, folder: &Path) -> Option<PathBuf> {
    text(arguments, folder).map(PathBuf::from)
}

/// The text that a literal, `concat!` or `env!` stands for.
fn text(tokens: TokenStream, folder: &Path) -> Option<String> {
    let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
    let mut text_of_all = String::new();
    for expr in parser.parse2(tokens).ok()? {
        match expr {
            Expr::Lit(literal) => match literal.lit {
                Lit::Str(text) => text_of_all.push_str(&text.value()),
                Lit::Int(number) => text_of_all.push_str(number.base10_digits()),
                _ => return None,
            },
            Expr::Macro(call) if call.mac.path.is_ident("concat") => {
                text_of_all.push_str(&text(call.mac.tokens, folder)?);
            }
            Expr::Macro(call) if call.mac.path.is_ident("env") => {
                text_of_all.push_str(&variable(call.mac.tokens, folder)?);
            }
            _ => return None,
        }
    }
    Some(text_of_all)
}

/// The value of the variable that `env!` names, as the compiler of the package at `folder` sees it.
fn variable(tokens: TokenStream, folder: &Path) -> Option<String> {
    let parser = Punctuated::<syn::LitStr, Token![,]>::parse_terminated;
    let name = parser.parse2(tokens).ok()?.first()?.value();
    if name == "CARGO_MANIFEST_DIR" {
        return folder.to_str().map(str::to_string);
    }
    // What a build script says to the compiler of its own package only.
    if is_compiled(folder) { std::env::var(name).ok() } else { None }
}

/// Whether the package at `folder` is the one that is compiled now.
pub(crate) fn is_compiled(folder: &Path) -> bool {
    let compiled = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    compiled.and_then(|compiled| compiled.canonicalize().ok()) == folder.canonicalize().ok()
}
