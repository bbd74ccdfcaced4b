//! Tokens to bytes: each piece with a tag for its kind, and its length before its text.

use proc_macro2::{Delimiter, Punct, Spacing, TokenStream, TokenTree};

use super::literals;

/// What a piece is.
#[derive(Clone, Copy)]
pub(super) enum Tag {
    /// A name or a keyword.
    Ident = 1,
    /// A literal, as written.
    Literal = 2,
    /// An operator or another sign.
    Sign = 3,
    /// The start of a group; the text says of which kind.
    Open = 4,
    /// The end of a group.
    Close = 5,
    /// The path of a hash function follows.
    HashFunction = 6,
}

/// Writes one piece.
pub(super) fn write(tag: Tag, text: &str, bytes: &mut Vec<u8>) {
    bytes.push(tag as u8);
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// Writes every token of the stream.
pub(super) fn walk(stream: TokenStream, bytes: &mut Vec<u8>) {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => write(Tag::Ident, &ident.to_string(), bytes),
            TokenTree::Literal(literal) => {
                write(Tag::Literal, &literals::spelling(&literal), bytes)
            }
            TokenTree::Group(group) => {
                let kind = match group.delimiter() {
                    Delimiter::Parenthesis => "(",
                    Delimiter::Brace => "{",
                    Delimiter::Bracket => "[",
                    Delimiter::None => "",
                };
                write(Tag::Open, kind, bytes);
                walk(group.stream(), bytes);
                write(Tag::Close, "", bytes);
            }
            TokenTree::Punct(first) => {
                let mut sign = String::from(first.as_char());
                let mut joint = first.spacing() == Spacing::Joint;
                // Signs belong together only where Rust has such an operator: the white space in `x = -1` says nothing.
                while let Some(TokenTree::Punct(next)) = tokens.peek() {
                    if !joint || !is_operator(&sign, next) {
                        break;
                    }
                    sign.push(next.as_char());
                    joint = next.spacing() == Spacing::Joint;
                    tokens.next();
                }
                write(Tag::Sign, &sign, bytes);
            }
        }
    }
}

/// The operators of more than one sign.
///
/// `<-` is one for macros alone.
const OPERATORS: [&str; 25] = [
    "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "==", "!=", ">=", "<=",
    "..", "::", "->", "=>", "<<=", ">>=", "...", "..=", "<-",
];

/// Whether the sign that follows belongs to the operator.
fn is_operator(start: &str, next: &Punct) -> bool {
    let sign = format!("{start}{}", next.as_char());
    OPERATORS.contains(&sign.as_str())
}
