//! Small changes of a function's tokens, each of which may change what it does.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, TokenStream, TokenTree};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Another number, string or sign.
    Literal,
    /// Another name, of a value, a type or a method.
    Name,
    /// Another type of the language.
    Type,
    /// `true` for `false`, and back.
    Truth,
    /// Another operator: `+` and `-`, `<` and `<=`, `&&` and `||`, `..` and `..=`.
    Operator,
    /// A sign or a `mut` less: `!`, `&`, `?`, `*`.
    Deletion,
    /// Two arguments, elements or fields the other way round.
    Swap,
    /// An argument, an element or a field less.
    Removal,
    /// Two statements the other way round.
    SwappedStatements,
    /// A statement less.
    RemovedStatement,
    /// Round brackets in place of square ones, and back.
    Brackets,
}

/// A place and what is changed there.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    /// What is changed.
    pub(crate) kind: Kind,
    /// The groups that lead to the place.
    path: Vec<usize>,
    /// The token in the last of them.
    at: usize,
    /// What else could be put there.
    choice: usize,
}

/// All small changes of a function.
pub(crate) fn mutations(stream: &TokenStream) -> Vec<Mutation> {
    let mut all = Vec::new();
    let tokens: Vec<TokenTree> = stream.clone().into_iter().collect();
    collect(&tokens, None, &mut Vec::new(), &mut all);
    all
}

/// The stream with a change.
pub(crate) fn apply(mutation: &Mutation, stream: TokenStream) -> Option<TokenStream> {
    apply_below(mutation, &mutation.path, stream)
}

fn apply_below(mutation: &Mutation, path: &[usize], stream: TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = stream.into_iter().collect();
    match path {
        [] => change(mutation, &mut tokens)?,
        [first, rest @ ..] => {
            let TokenTree::Group(group) = &tokens[*first] else { return None };
            let inner = apply_below(mutation, rest, group.stream())?;
            tokens[*first] = TokenTree::Group(Group::new(group.delimiter(), inner));
        }
    }
    Some(tokens.into_iter().collect())
}

fn collect(
    tokens: &[TokenTree],
    inside: Option<Delimiter>,
    path: &mut Vec<usize>,
    all: &mut Vec<Mutation>,
) {
    let mut add = |kind, at, choice| all.push(Mutation { kind, path: path.clone(), at, choice });
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Literal(_) => add(Kind::Literal, at, 0),
            TokenTree::Ident(name) => match name.to_string().as_str() {
                "true" | "false" => add(Kind::Truth, at, 0),
                "mut" => add(Kind::Deletion, at, 0),
                name if other_type(name).is_some() => add(Kind::Type, at, 0),
                name if !is_keyword(name) => add(Kind::Name, at, 0),
                _ => {}
            },
            TokenTree::Punct(sign) => {
                let of_attribute = at > 0 && is_sign(&tokens[at - 1], '#');
                if "!&?*".contains(sign.as_char()) && !of_attribute {
                    add(Kind::Deletion, at, 0);
                }
                (0..2)
                    .filter(|choice| operator(tokens, at, *choice).is_some())
                    .for_each(|choice| add(Kind::Operator, at, choice));
            }
            TokenTree::Group(group) => match group.delimiter() {
                // rustfmt writes square brackets behind `vec!` and `?` for `try!`, so theirs say nothing.
                Delimiter::Parenthesis | Delimiter::Bracket
                    if !is_attribute(tokens, at) && !is_vec_or_try(tokens, at) =>
                {
                    add(Kind::Brackets, at, 0);
                }
                _ => {}
            },
        }
    }
    let commas = segments(tokens, ',');
    if inside.is_some() && commas.len() > 1 {
        for at in 0..commas.len() {
            // How many `_` stand in `X(_, _)` is what the definition of `X` says, or it does not compile.
            if !matches!(&tokens[commas[at].clone()], [TokenTree::Ident(name)] if name == "_") {
                add(Kind::Removal, at, 0);
            }
            // Lifetimes come first, and the compiler refuses others before them.
            let is_lifetime = |part: usize| {
                tokens[commas[part].clone()].first().is_some_and(|first| is_sign(first, '\''))
            };
            if at + 1 < commas.len() && !is_lifetime(at) && !is_lifetime(at + 1) {
                add(Kind::Swap, at, 0);
            }
        }
    }
    if inside == Some(Delimiter::Brace) {
        let statements = segments(tokens, ';');
        let ended = statements.iter().filter(|range| range.end < tokens.len()).count();
        let imports = |at: usize| {
            let mut tokens = tokens[statements[at].clone()].iter();
            tokens.any(
                |token| matches!(token, TokenTree::Ident(name) if name == "use" || name == "crate"),
            )
        };
        for at in 0..ended {
            if statements[at].is_empty() {
                continue;
            }
            add(Kind::RemovedStatement, at, 0);
            // The order of imports says nothing, as it should.
            let next_is_full = at + 1 < ended && !statements[at + 1].is_empty();
            if next_is_full && !(imports(at) && imports(at + 1)) {
                add(Kind::SwappedStatements, at, 0);
            }
        }
    }
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token
            && !is_documentation(tokens, at)
            && !is_visibility(tokens, at)
        {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            // Neither does the order in the braces of an import.
            let of_import = at > 0 && is_sign(&tokens[at - 1], ':');
            let inside = (!of_import).then_some(group.delimiter());
            path.push(at);
            collect(&inner, inside, path, all);
            path.pop();
        }
    }
}

fn change(mutation: &Mutation, tokens: &mut Vec<TokenTree>) -> Option<()> {
    let at = mutation.at;
    match mutation.kind {
        Kind::Literal => {
            let TokenTree::Literal(literal) = &tokens[at] else { return None };
            tokens[at] = TokenTree::Literal(other_literal(literal));
        }
        Kind::Name | Kind::Type | Kind::Truth => {
            let TokenTree::Ident(name) = &tokens[at] else { return None };
            let text = name.to_string();
            let other = match text.as_str() {
                "true" => "false".into(),
                "false" => "true".into(),
                name => other_type(name).map_or_else(|| format!("{name}_other"), str::to_owned),
            };
            let span = name.span();
            tokens[at] = TokenTree::Ident(match other.strip_prefix("r#") {
                Some(raw) => Ident::new_raw(raw, span),
                None => Ident::new(&other, span),
            });
        }
        Kind::Operator => {
            let (length, text) = operator(tokens, at, mutation.choice)?;
            let spacing = match &tokens[at + length - 1] {
                TokenTree::Punct(last) => last.spacing(),
                _ => return None,
            };
            let signs = text.chars().enumerate().map(|(index, sign)| {
                let is_last = index + 1 == text.len();
                TokenTree::Punct(Punct::new(sign, if is_last { spacing } else { Spacing::Joint }))
            });
            tokens.splice(at..at + length, signs.collect::<Vec<_>>());
        }
        Kind::Deletion => drop(tokens.remove(at)),
        Kind::Brackets => {
            let TokenTree::Group(group) = &tokens[at] else { return None };
            let other = match group.delimiter() {
                Delimiter::Parenthesis => Delimiter::Bracket,
                _ => Delimiter::Parenthesis,
            };
            tokens[at] = TokenTree::Group(Group::new(other, group.stream()));
        }
        Kind::Swap => swap(tokens, &segments(tokens, ','), at),
        Kind::SwappedStatements => swap(tokens, &segments(tokens, ';'), at),
        Kind::Removal => remove(tokens, &segments(tokens, ','), at),
        Kind::RemovedStatement => remove(tokens, &segments(tokens, ';'), at),
    }
    Some(())
}

fn swap(tokens: &mut Vec<TokenTree>, parts: &[std::ops::Range<usize>], at: usize) {
    let (left, right) = (parts[at].clone(), parts[at + 1].clone());
    let mut swapped = tokens[right.clone()].to_vec();
    swapped.extend_from_slice(&tokens[left.end..right.start]);
    swapped.extend_from_slice(&tokens[left.clone()]);
    tokens.splice(left.start..right.end, swapped);
}

fn remove(tokens: &mut Vec<TokenTree>, parts: &[std::ops::Range<usize>], at: usize) {
    let end = (parts[at].end + 1).min(tokens.len());
    tokens.drain(parts[at].start..end);
}

/// The parts between separators; the last one only if it is not empty.
fn segments(tokens: &[TokenTree], separator: char) -> Vec<std::ops::Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        if is_sign(token, separator) {
            parts.push(start..at);
            start = at + 1;
        }
    }
    if start < tokens.len() {
        parts.push(start..tokens.len());
    }
    parts
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_attribute(tokens: &[TokenTree], at: usize) -> bool {
    at > 0
        && (is_sign(&tokens[at - 1], '#')
            || at > 1 && is_sign(&tokens[at - 1], '!') && is_sign(&tokens[at - 2], '#'))
}

fn is_vec_or_try(tokens: &[TokenTree], at: usize) -> bool {
    at > 1
        && is_sign(&tokens[at - 1], '!')
        && matches!(&tokens[at - 2], TokenTree::Ident(name) if name == "vec" || name == "try" || name == "r#try")
}

fn is_visibility(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(name) if name == "pub")
}

fn is_documentation(tokens: &[TokenTree], at: usize) -> bool {
    let TokenTree::Group(group) = &tokens[at] else { return false };
    let first = group.stream().into_iter().next();
    is_attribute(tokens, at) && matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}

/// How many signs at a place are an operator, and another operator for it.
fn operator(tokens: &[TokenTree], at: usize, choice: usize) -> Option<(usize, &'static str)> {
    // Not in the middle of one.
    if at > 0
        && let TokenTree::Punct(before) = &tokens[at - 1]
        && before.spacing() == Spacing::Joint
    {
        return None;
    }
    let mut text = String::new();
    for token in &tokens[at..] {
        let TokenTree::Punct(sign) = token else { break };
        text.push(sign.as_char());
        if sign.spacing() == Spacing::Alone {
            break;
        }
    }
    let others: &[&'static str] = match text.as_str() {
        "+" => &["-", "*"],
        "-" => &["+", "*"],
        "*" => &["/", "+"],
        "/" => &["*", "%"],
        "%" => &["/"],
        "<" => &["<=", ">"],
        ">" => &[">=", "<"],
        "<=" => &["<", ">="],
        ">=" => &[">", "<="],
        "==" => &["!=", "<="],
        "!=" => &["==", "<"],
        "&&" => &["||", "&"],
        "||" => &["&&", "|"],
        "&" => &["|", "^"],
        "|" => &["&", "^"],
        "^" => &["|", "&"],
        "<<" => &[">>"],
        ">>" => &["<<"],
        ".." => &["..="],
        "..=" => &[".."],
        "+=" => &["-=", "="],
        "-=" => &["+=", "="],
        "*=" => &["/="],
        "|=" => &["&=", "="],
        _ => &[],
    };
    others.get(choice).map(|other| (text.len(), *other))
}

fn other_literal(literal: &Literal) -> Literal {
    let text = literal.to_string();
    let changed = match text.as_bytes() {
        [b'"', ..] => format!("\"+{}", &text[1..]),
        [b'b' | b'c', b'"', ..] => format!("{}+{}", &text[..2], &text[2..]),
        [b'\'', ..] if text != "'x'" => "'x'".into(),
        [b'\'', ..] => "'y'".into(),
        [b'b', b'\'', ..] if text != "b'x'" => "b'x'".into(),
        [b'0', b'x' | b'o' | b'b', ..] => format!("{}1{}", &text[..2], &text[2..]),
        [b'0'..=b'9', ..] => format!("1{text}"),
        _ => "4242".into(),
    };
    changed.parse().unwrap_or_else(|_| Literal::u32_unsuffixed(4242))
}

fn other_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "u8" => "i8",
        "i8" => "u8",
        "u16" => "u32",
        "u32" => "u64",
        "u64" => "u32",
        "i32" => "i64",
        "i64" => "i32",
        "usize" => "u64",
        "isize" => "i64",
        "f32" => "f64",
        "f64" => "f32",
        "bool" => "u8",
        "str" => "String",
        "String" => "str",
        "Vec" => "Box",
        _ => return None,
    })
}

fn is_keyword(name: &str) -> bool {
    name == "_" || syn::parse_str::<syn::Ident>(name).is_err()
}
