//! Names in tokens that only a macro understands: all that could be one.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use syn::Lit;

/// What was found in tokens.
#[derive(Default)]
pub(crate) struct Loose {
    /// Paths, and whether they start with `::`.
    pub(crate) paths: BTreeSet<(Vec<String>, bool)>,
    /// Names after a dot that may be called.
    pub(crate) methods: BTreeSet<String>,
    /// Paths before a `!`.
    pub(crate) macros: BTreeSet<Vec<String>>,
    /// Calls of macros by a single name, with their arguments.
    pub(crate) compiler_calls: Vec<(String, TokenStream)>,
    /// Names that texts capture, if they are formats.
    pub(crate) captures: BTreeSet<String>,
}

impl Loose {
    /// Takes all names of the tokens.
    pub(crate) fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.token(&tokens, at);
        }
    }

    /// Takes what starts at `at`; answers where the next thing starts.
    fn token(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        match &tokens[at] {
            TokenTree::Group(group) => {
                self.scan(group.stream());
                at + 1
            }
            TokenTree::Literal(literal) => {
                if let Some(text) = text_of(literal) {
                    self.captures.extend(captures(&text));
                }
                at + 1
            }
            TokenTree::Ident(_) => self.path(tokens, at, false),
            TokenTree::Punct(_) if is_colons(tokens, at) && is_ident(tokens, at + 2) => {
                self.path(tokens, at + 2, true)
            }
            TokenTree::Punct(sign) if sign.as_char() == '$' && is_ident(tokens, at + 1) => {
                // A variable of the macro; only `$crate` starts a path that can be told.
                if name(&tokens[at + 1]) == "crate" {
                    self.path(tokens, at + 1, false)
                } else {
                    at + 2
                }
            }
            TokenTree::Punct(sign) if sign.as_char() == '.' && is_ident(tokens, at + 1) => {
                let name = name(&tokens[at + 1]);
                let after = tokens.get(at + 2);
                let is_called = match after {
                    Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
                    _ => is_colons(tokens, at + 2),
                };
                // A macro may put the parentheses behind it.
                if is_called || after.is_none() {
                    self.methods.insert(name);
                }
                at + 2
            }
            TokenTree::Punct(_) => at + 1,
        }
    }

    /// Takes the path at `at`, or the call of a macro that it starts.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, global: bool) -> usize {
        let from_dollar =
            at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(sign) if sign.as_char() == '$');
        let first = name(&tokens[at]);
        let first = if from_dollar && first == "crate" { "$crate".to_string() } else { first };
        let mut path = vec![first];
        at += 1;
        while is_colons(tokens, at) && is_ident(tokens, at + 2) {
            path.push(name(&tokens[at + 2]));
            at += 3;
        }
        let bang = matches!(tokens.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == '!');
        if bang && let Some(TokenTree::Group(group)) = tokens.get(at + 1) {
            let last = path.last().cloned().unwrap_or_default();
            self.compiler_calls.push((last, group.stream()));
            self.macros.insert(path);
            return at + 1;
        }
        if path.len() > 1 || !is_keyword(&path[0]) {
            self.paths.insert((path, global));
        }
        at
    }
}

/// Whether a name stands there.
fn is_ident(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(_)))
}

/// Whether `::` stands there.
fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// The text of a name.
fn name(token: &TokenTree) -> String {
    let name = token.to_string();
    name.strip_prefix("r#").map(str::to_string).unwrap_or(name)
}

/// Words that are no names.
fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "as" | "async"
            | "await"
            | "break"
            | "const"
            | "continue"
            | "crate"
            | "dyn"
            | "else"
            | "enum"
            | "extern"
            | "false"
            | "fn"
            | "for"
            | "if"
            | "impl"
            | "in"
            | "let"
            | "loop"
            | "match"
            | "mod"
            | "move"
            | "mut"
            | "pub"
            | "ref"
            | "return"
            | "self"
            | "static"
            | "struct"
            | "super"
            | "trait"
            | "true"
            | "type"
            | "unsafe"
            | "use"
            | "where"
            | "while"
            | "_"
    )
}

/// The value of a literal, if it is a text.
fn text_of(literal: &Literal) -> Option<String> {
    match Lit::new(literal.clone()) {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// The words in the braces of a text: what a format captures is among them.
pub(crate) fn captures(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in text.split('{').skip(1) {
        let inside = part.split('}').next().unwrap_or_default();
        for word in inside.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                names.insert(word.to_string());
            }
        }
    }
    names
}

/// All texts in tokens.
pub(crate) fn texts(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(texts(group.stream())),
            TokenTree::Literal(literal) => found.extend(text_of(&literal)),
            _ => {}
        }
    }
    found
}
