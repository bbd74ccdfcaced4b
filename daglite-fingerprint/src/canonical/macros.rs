//! Macro calls: of what rustfmt changes in their tokens, no more.

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprTry, Macro, Path, Token};

use super::literals::documentation_by_value;
use super::normalise::Normalise;
use quote::ToTokens;

/// `x?` for `try!(x)`.
pub(super) fn tried(call: &Macro) -> Option<ExprTry> {
    let name = call.path.get_ident()?;
    if name != "try" && name != "r#try" {
        return None;
    }
    let expr = Box::new(call.parse_body::<Expr>().ok()?);
    Some(ExprTry { attrs: Vec::new(), expr, question_token: Default::default() })
}

/// Normalises the tokens of a call.
pub(super) fn normalise(normalise: &mut Normalise, call: &mut Macro) {
    call.tokens = documentation_by_value(std::mem::take(&mut call.tokens));
    if !is_plain_macro(&call.path) {
        return;
    }
    let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
    if let Ok(mut arguments) = arguments.parse2(call.tokens.clone()) {
        arguments.pop_punct();
        for argument in &mut arguments {
            normalise.visit_expr_mut(argument);
        }
        call.tokens = arguments.into_token_stream();
    }
}

/// Whether a macro is one of the standard library whose arguments are expressions.
pub(crate) fn is_plain_macro(path: &Path) -> bool {
    let mut names = path.segments.iter().map(|segment| &segment.ident);
    let plain = |name: &syn::Ident| PLAIN_MACROS.iter().any(|plain| name == plain);
    match (names.next(), names.next(), names.next()) {
        (Some(name), None, _) => plain(name),
        (Some(root), Some(name), None) => {
            ["std", "core", "alloc"].iter().any(|library| root == library) && plain(name)
        }
        _ => false,
    }
}

/// The macros of the standard library whose arguments are expressions, so that a trailing comma says nothing.
const PLAIN_MACROS: [&str; 20] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];
