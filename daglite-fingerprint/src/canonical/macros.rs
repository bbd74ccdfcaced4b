//! Macro calls and definitions: what rustfmt changes in their tokens, and no more.
//!
//! rustfmt formats the arguments of a call in parentheses or brackets if each of them is an expression, a type, a pattern
//! or an item. A macro that takes single tokens could see what it changes in there (a comma behind the last argument of a
//! call), so authors cannot give that a meaning, and neither do we. What it leaves alone counts, token by token: the comma
//! behind the last argument of the macro itself, calls in braces, and whatever is no list of such arguments.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::visit_mut::VisitMut;
use syn::{Block, Expr, ExprTry, Item, Macro, MacroDelimiter, Pat, Stmt, Token, Type};

use crate::known::PLAIN_MACROS;

use super::literals::loose;
use super::normalise::Normalise;
use super::statements;

/// `x?` for `try!(x)`.
pub(super) fn tried(call: &Macro) -> Option<ExprTry> {
    let name = call.path.get_ident()?;
    if name.unraw() != "try" {
        return None;
    }
    let expr = Box::new(call.parse_body::<Expr>().ok()?);
    Some(ExprTry { attrs: Vec::new(), expr, question_token: Default::default() })
}

/// Normalises the tokens of a call.
pub(super) fn normalise(normalise: &mut Normalise, call: &mut Macro) {
    let name = standard_name(call);
    let name = name.as_deref();
    call.tokens = loose(std::mem::take(&mut call.tokens));
    if name == Some("macro_rules") {
        call.tokens = rules(&call.tokens).unwrap_or_else(|| std::mem::take(&mut call.tokens));
        return;
    }
    if name == Some("vec") {
        call.delimiter = MacroDelimiter::Bracket(Default::default());
    }
    // What `stringify` makes of its tokens is a value of the program.
    if matches!(call.delimiter, MacroDelimiter::Brace(_)) || name == Some("stringify") {
        return;
    }
    let readings: [fn(ParseStream) -> syn::Result<Arguments>; 2] =
        [Arguments::parse, Arguments::parse_types_first];
    let read = |reading: &fn(ParseStream) -> syn::Result<Arguments>| {
        reading.parse2(call.tokens.clone()).ok()
    };
    let Some(mut arguments) = readings.iter().find_map(read) else { return };
    for (argument, _) in &mut arguments.0 {
        argument.normalise(normalise);
    }
    if name.is_some_and(|name| PLAIN_MACROS.contains(&name))
        && let Some((_, separator @ Some(Separator::Comma(_)))) = arguments.0.last_mut()
    {
        *separator = None;
    }
    call.tokens = arguments.into_tokens();
}

/// The name of a macro that may be one of the standard library.
fn standard_name(call: &Macro) -> Option<String> {
    let mut names = call.path.segments.iter().map(|segment| &segment.ident);
    match (names.next(), names.next(), names.next()) {
        (Some(name), None, _) => Some(name.to_string()),
        (Some(root), Some(name), None) => {
            ["std", "core", "alloc"].iter().any(|library| root == library).then(|| name.to_string())
        }
        _ => None,
    }
}

/// One argument of a call, as rustfmt reads it.
enum Argument {
    /// An expression.
    Expr(Expr),
    /// A type.
    Type(Type),
    /// A pattern.
    Pat(Pat),
    /// An item.
    Item(Item),
}

/// What stands behind an argument.
enum Separator {
    /// `,`
    Comma(Token![,]),
    /// `;`
    Semicolon(Token![;]),
}

/// The arguments of a call, each with what stands behind it.
struct Arguments(Vec<(Argument, Option<Separator>)>);

impl Arguments {
    /// The arguments of a call.
    fn parse(input: ParseStream) -> syn::Result<Arguments> {
        Arguments::parse_each(input, false)
    }

    /// As rustfmt writes `Vec<u8,>`, it has read a type, and `Vec < u8` is half of it.
    fn parse_types_first(input: ParseStream) -> syn::Result<Arguments> {
        Arguments::parse_each(input, true)
    }

    /// The arguments one after the other.
    fn parse_each(input: ParseStream, types_first: bool) -> syn::Result<Arguments> {
        let mut arguments = Vec::new();
        while !input.is_empty() {
            let argument = Argument::parse(input, types_first)?;
            let separator = if input.peek(Token![;]) {
                Some(Separator::Semicolon(input.parse()?))
            } else if input.is_empty() || matches!(argument, Argument::Item(_)) {
                None
            } else {
                Some(Separator::Comma(input.parse()?))
            };
            arguments.push((argument, separator));
        }
        Ok(Arguments(arguments))
    }

    /// The tokens of the arguments, with commas between them.
    fn into_tokens(self) -> TokenStream {
        let mut tokens = TokenStream::new();
        for (argument, separator) in self.0 {
            match argument {
                Argument::Expr(argument) => argument.to_tokens(&mut tokens),
                Argument::Type(argument) => argument.to_tokens(&mut tokens),
                Argument::Pat(argument) => argument.to_tokens(&mut tokens),
                Argument::Item(argument) => argument.to_tokens(&mut tokens),
            }
            match separator {
                Some(Separator::Comma(sign)) => sign.to_tokens(&mut tokens),
                Some(Separator::Semicolon(sign)) => sign.to_tokens(&mut tokens),
                None => {}
            }
        }
        tokens
    }
}

impl Argument {
    /// The first reading that ends where an argument may end.
    fn parse(input: ParseStream, types_first: bool) -> syn::Result<Argument> {
        /// Whether an argument ends here.
        fn ends(input: ParseStream) -> bool {
            input.is_empty() || input.peek(Token![,]) || input.peek(Token![;])
        }
        /// What `parse` reads here, if nothing else of the argument is left.
        fn reading<T>(input: ParseStream, parse: fn(ParseStream) -> syn::Result<T>) -> Option<T> {
            let ahead = input.fork();
            let read = parse(&ahead).ok().filter(|_| ends(&ahead))?;
            syn::parse::discouraged::Speculative::advance_to(input, &ahead);
            Some(read)
        }
        if types_first && let Some(read) = reading(input, |input| input.parse()) {
            return Ok(Argument::Type(read));
        }
        if let Some(read) = reading(input, |input| input.parse()) {
            return Ok(Argument::Expr(read));
        }
        if let Some(read) = reading(input, |input| input.parse()) {
            return Ok(Argument::Type(read));
        }
        if let Some(read) = reading(input, Pat::parse_multi_with_leading_vert) {
            return Ok(Argument::Pat(read));
        }
        input.parse().map(Argument::Item)
    }

    /// Normalises what the argument is.
    fn normalise(&mut self, normalise: &mut Normalise) {
        match self {
            Argument::Expr(argument) => normalise.visit_expr_mut(argument),
            Argument::Type(argument) => normalise.visit_type_mut(argument),
            Argument::Pat(argument) => normalise.visit_pat_mut(argument),
            Argument::Item(argument) => normalise.visit_item_mut(argument),
        }
    }
}

/// The rules of a `macro_rules!`: each body in braces and with a `;` behind it, and formatted where it is plain code.
fn rules(tokens: &TokenStream) -> Option<TokenStream> {
    let sign = |sign, spacing| TokenTree::Punct(Punct::new(sign, spacing));
    let mut changed = Vec::new();
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(matcher) = tokens.next() {
        let (TokenTree::Punct(first), TokenTree::Punct(second)) = (tokens.next()?, tokens.next()?)
        else {
            return None;
        };
        let (TokenTree::Group(_), '=', '>') = (&matcher, first.as_char(), second.as_char()) else {
            return None;
        };
        let TokenTree::Group(body) = tokens.next()? else { return None };
        let body = rule_body(body.stream()).unwrap_or_else(|| body.stream());
        changed.extend([matcher, sign('=', Spacing::Joint), sign('>', Spacing::Alone)]);
        changed.push(TokenTree::Group(Group::new(Delimiter::Brace, body)));
        changed.push(sign(';', Spacing::Alone));
        match tokens.next() {
            Some(TokenTree::Punct(end)) if end.as_char() == ';' => {}
            None => break,
            _ => return None,
        }
    }
    Some(changed.into_iter().collect())
}

/// The body of a rule, if it is code once its variables are names.
fn rule_body(body: TokenStream) -> Option<TokenStream> {
    let mut statements = [false, true].iter().find_map(|joined| {
        let named = without_variables(body.clone(), *joined)?;
        Block::parse_within.parse2(named).ok()
    })?;
    // Documentation and visibility in code that a macro makes may be anything: they stay.
    let mut normalise = Normalise { in_module: true, in_derived: true };
    for statement in &mut statements {
        normalise.visit_stmt_mut(statement);
    }
    let mut block = Block { brace_token: Default::default(), stmts: statements };
    statements::normalise(&mut block);
    let mut tokens = TokenStream::new();
    block.stmts.iter().for_each(|statement: &Stmt| statement.to_tokens(&mut tokens));
    Some(tokens)
}

/// The tokens with a name in place of each `$name`, and nothing if something else stands behind a `$`.
///
/// If `joined`, names that follow a variable belong to it, as in `$visibility fn $name`.
fn without_variables(stream: TokenStream, joined: bool) -> Option<TokenStream> {
    let mut changed: Vec<TokenTree> = Vec::new();
    let mut variable: Option<String> = None;
    for token in stream {
        let is_dollar = matches!(&token, TokenTree::Punct(sign) if sign.as_char() == '$');
        match (token, variable.take()) {
            (TokenTree::Ident(name), Some(before)) => {
                let text = format!("{before}_{}", name.unraw());
                if joined {
                    variable = Some(text);
                } else {
                    changed.push(TokenTree::Ident(Ident::new(&text, name.span())));
                }
            }
            (TokenTree::Punct(_), None) if is_dollar => {
                variable = Some("__daglite_variable".into())
            }
            (TokenTree::Punct(_), Some(before)) if is_dollar && joined => {
                variable = Some(before + "_variable");
            }
            (token, before) => {
                match before {
                    Some(name) if joined && name != "__daglite_variable" => {
                        changed.push(TokenTree::Ident(Ident::new(&name, token.span())));
                    }
                    Some(_) => return None,
                    None => {}
                }
                changed.push(match token {
                    TokenTree::Group(group) => {
                        let inner = without_variables(group.stream(), joined)?;
                        TokenTree::Group(Group::new(group.delimiter(), inner))
                    }
                    other => other,
                });
            }
        }
    }
    if let Some(name) = variable {
        if !joined || name == "__daglite_variable" {
            return None;
        }
        changed.push(TokenTree::Ident(Ident::new(&name, proc_macro2::Span::call_site())));
    }
    Some(changed.into_iter().collect())
}
