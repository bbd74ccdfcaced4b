//! Literals by value: one spelling for each string, sign and number, whatever escapes, quotes or zeros were written.

use std::fmt::Write;

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Lit;

/// The text of a literal as the compiler reads it: lines of a file end with one sign, on every system.
pub(super) fn spelling(literal: &Literal) -> String {
    let text = literal.to_string();
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
}

/// Gives a literal the one spelling of its value.
///
/// Numbers keep the digits they have: only the case of hexadecimal ones, and zeros behind a decimal point, say nothing.
pub(super) fn normalise(literal: &mut Lit) {
    let Some(TokenTree::Literal(token)) = literal.to_token_stream().into_iter().next() else {
        return;
    };
    let text = spelling(&token);
    if is_plain(&text) {
        return;
    }
    let Ok(read) = text.parse::<Literal>() else { return };
    if let Ok(changed) = canonical(&Lit::new(read), &text).parse::<Literal>() {
        *literal = Lit::new(changed);
    }
}

/// Whether the text is that of a string or a sign that is spelled as simply as can be.
fn is_plain(text: &str) -> bool {
    text.starts_with(['"', '\''])
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\\')
}

/// The one spelling of a literal that is written as `text`.
fn canonical(literal: &Lit, text: &str) -> String {
    match literal {
        Lit::Str(of) => quoted("\"", of.value().chars().map(u32::from), of.suffix()),
        Lit::Char(of) => quoted("'", [u32::from(of.value())], of.suffix()),
        Lit::ByteStr(of) => quoted("b\"", of.value().into_iter().map(u32::from), of.suffix()),
        Lit::CStr(of) => {
            quoted("c\"", of.value().into_bytes().into_iter().map(u32::from), of.suffix())
        }
        Lit::Byte(of) => quoted("b'", [u32::from(of.value())], of.suffix()),
        Lit::Int(of) if text.starts_with("0x") => text.to_ascii_lowercase(),
        Lit::Int(of) if matches!(of.suffix(), "f32" | "f64") => float(text, of.suffix()),
        Lit::Float(of) => float(text, of.suffix()),
        _ => text.into(),
    }
}

/// A literal of these signs or bytes, with everything escaped that is not plain.
fn quoted(open: &str, units: impl IntoIterator<Item = u32>, suffix: &str) -> String {
    let quote = open.chars().next_back().expect("it ends with a quote");
    let of_bytes = open.len() > 1;
    let mut text = String::from(open);
    for unit in units {
        let plain = char::from_u32(unit)
            .filter(|sign| (' '..='~').contains(sign) && *sign != '\\' && *sign != quote);
        match plain {
            Some(sign) => text.push(sign),
            None if of_bytes => write!(text, "\\x{unit:02x}").expect("a string takes all"),
            None => write!(text, "\\u{{{unit:x}}}").expect("a string takes all"),
        }
    }
    text.push(quote);
    text + suffix
}

/// A float with its fraction, of one zero if it has only zeros or none.
fn float(text: &str, suffix: &str) -> String {
    let digits = text.strip_suffix(suffix).unwrap_or(text);
    let (digits, exponent) = match digits.find(['e', 'E']) {
        Some(at) => digits.split_at(at),
        None => (digits, ""),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = if fraction.bytes().all(|digit| digit == b'0') { "0" } else { fraction };
    format!("{whole}.{fraction}{exponent}{suffix}")
}

/// Loose tokens with each literal by its value.
pub(super) fn by_value(stream: TokenStream) -> TokenStream {
    map(stream, |_| true)
}

/// Loose tokens with the literals that are spelled in more than one way by no choice of the author.
///
/// Documentation is spelled otherwise by the compiler than by a parser of text; and rustfmt moves the lines of a string
/// that goes on behind a `\`, whatever macro it is given to.
pub(super) fn loose(stream: TokenStream) -> TokenStream {
    map(stream, goes_on)
}

/// Documentation and the chosen literals by their values.
fn map(stream: TokenStream, is_chosen: fn(&Literal) -> bool) -> TokenStream {
    let mut after_sign = false;
    let mut changed = Vec::new();
    for token in stream {
        let token = match token {
            TokenTree::Group(group) => {
                let inner = match documentation(&group) {
                    Some(inner) if after_sign => inner,
                    _ => map(group.stream(), is_chosen),
                };
                let mut same = Group::new(group.delimiter(), inner);
                same.set_span(group.span());
                TokenTree::Group(same)
            }
            TokenTree::Literal(literal) if is_chosen(&literal) => {
                let mut literal = Lit::new(literal);
                normalise(&mut literal);
                changed.extend(literal.into_token_stream());
                after_sign = false;
                continue;
            }
            other => other,
        };
        after_sign = match &token {
            TokenTree::Punct(sign) => sign.as_char() == '#' || after_sign && sign.as_char() == '!',
            _ => false,
        };
        changed.push(token);
    }
    changed.into_iter().collect()
}

/// Whether a literal is a string with a `\` at the end of a line.
fn goes_on(literal: &Literal) -> bool {
    let text = spelling(literal);
    !text.trim_start_matches(['b', 'c']).starts_with('r') && text.contains("\\\n")
}

/// The inside of `[doc = "…"]` with its literal in the one spelling.
fn documentation(group: &Group) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let [TokenTree::Ident(name), TokenTree::Punct(sign), TokenTree::Literal(_)] = &tokens[..]
    else {
        return None;
    };
    if group.delimiter() != Delimiter::Bracket || name != "doc" || sign.as_char() != '=' {
        return None;
    }
    let TokenTree::Literal(text) = tokens.pop()? else { return None };
    let mut literal = Lit::new(text);
    normalise(&mut literal);
    tokens.extend(literal.into_token_stream());
    Some(tokens.into_iter().collect())
}
