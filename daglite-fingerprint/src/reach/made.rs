//! The names of the items that a macro call may make.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What is known of the items that a macro call makes.
#[derive(Default)]
pub(crate) struct Made {
    /// Names after a word that starts an item.
    defined: BTreeSet<String>,
    /// All names in the arguments of the call.
    given: BTreeSet<String>,
    /// Whether the macro's own text names an item by one of its variables.
    by_variable: bool,
    /// Whether the text of the macro cannot be seen.
    pub(crate) foreign: bool,
    /// Whether it puts names together, as in `[<get_ $name>]`.
    pub(crate) pastes: bool,
    /// Whether it makes impls.
    pub(crate) has_impl: bool,
}

/// The words that start an item.
const STARTS: [&str; 10] =
    ["const", "enum", "fn", "macro_rules", "mod", "static", "struct", "trait", "type", "union"];

/// Names that no item has.
const PRIMITIVES: [&str; 19] = [
    "Self", "bool", "char", "crate", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize",
    "self", "str", "u128", "u16", "u32", "u64", "u8",
];

/// Names that every module has.
const PRELUDE: [&str; 25] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "Into",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "Result",
    "Some",
    "String",
    "ToString",
    "Vec",
];

impl Made {
    /// Takes the tokens of the call itself, or of a macro that it calls.
    pub(crate) fn scan(&mut self, tokens: TokenStream, is_call: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.scan(group.stream(), is_call),
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    self.has_impl |= word == "impl";
                    if STARTS.contains(&word.as_str()) {
                        self.start(&tokens[at + 1..]);
                    }
                    if is_call {
                        self.given.insert(word.trim_start_matches("r#").to_string());
                    }
                }
                _ => {}
            }
        }
    }

    /// What stands after a word that starts an item.
    fn start(&mut self, rest: &[TokenTree]) {
        for token in rest {
            match token {
                TokenTree::Ident(ident) if ident == "mut" || ident == "ref" => {}
                TokenTree::Punct(sign) if sign.as_char() == '!' => {}
                TokenTree::Ident(ident) => {
                    self.defined.insert(ident.to_string().trim_start_matches("r#").to_string());
                    return;
                }
                TokenTree::Punct(sign) if sign.as_char() == '$' => {
                    self.by_variable = true;
                    return;
                }
                TokenTree::Group(group) => {
                    let first = group.stream().into_iter().next();
                    self.pastes |= group.delimiter() == Delimiter::Bracket
                        && matches!(first, Some(TokenTree::Punct(sign)) if sign.as_char() == '<');
                    return;
                }
                _ => return,
            }
        }
    }

    /// All names in the arguments of the call.
    pub(crate) fn given(&self) -> Vec<String> {
        self.given.iter().filter(|name| name.len() > 1).cloned().collect()
    }

    /// The names that it may make.
    pub(crate) fn names(self) -> BTreeSet<String> {
        let mut names = self.defined;
        if self.by_variable || self.foreign {
            names.extend(self.given);
        }
        names.retain(|name| {
            !PRELUDE.contains(&name.as_str())
                && name != "usize"
                && !PRIMITIVES.contains(&name.as_str())
                && !STARTS.contains(&name.as_str())
        });
        names
    }
}
