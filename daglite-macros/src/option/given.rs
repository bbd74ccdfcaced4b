//! Reads the shapes of values that several options share.

use proc_macro2::Ident;
use syn::{Error, Expr, ExprArray, ExprLit, ExprUnary, Lit, LitInt, LitStr, Path, Result, UnOp};

use crate::parse::{Given, Written};

/// The value after `=`; `example` is how the option is written.
fn value<'a>(written: &'a Written, example: &str) -> Result<&'a Expr> {
    match &written.value {
        Given::Value(value) => Ok(value),
        Given::Nothing | Given::List(_) => {
            let message = format!("`{}` needs a value: write `{example}`", written.key);
            Err(Error::new(written.key.span(), message))
        }
    }
}

/// A string.
pub(super) fn string(written: &Written, example: &str) -> Result<LitStr> {
    string_in(value(written, example)?, example)
}

fn string_in(value: &Expr, example: &str) -> Result<LitStr> {
    let message = match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => return Ok(text.clone()),
            Lit::Int(_) | Lit::Float(_) | Lit::Bool(_) => "quote it",
            _ => "write plain text",
        },
        Expr::Path(_) => "quote it",
        _ => "write plain text",
    };
    Err(Error::new_spanned(value, format!("expected a string: {message}, as in `{example}`")))
}

/// A whole number that is not negative.
pub(super) fn number<'a>(written: &'a Written, example: &str) -> Result<&'a LitInt> {
    let value = value(written, example)?;
    let message = match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            return Ok(number);
        }
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => "write it without its type",
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => "write it without quotes",
        Expr::Lit(ExprLit { lit: Lit::Float(_), .. }) => "a fraction says nothing here",
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => "a negative one says nothing here",
        _ => "write its digits",
    };
    Err(Error::new_spanned(value, format!("expected a whole number: {message}, as in `{example}`")))
}

/// A list of strings in brackets.
pub(super) fn strings(written: &Written, example: &str) -> Result<Vec<LitStr>> {
    each(list(written, example)?, |item| string_in(item, example))
}

/// A list of names in brackets.
pub(super) fn names(written: &Written, example: &str) -> Result<Vec<Ident>> {
    each(list(written, example)?, |item| match item {
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) => Ok(name.clone()),
            None => Err(Error::new_spanned(item, format!("expected a name, as in `{example}`"))),
        },
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Err(Error::new(
            text.span(),
            format!("write the name without quotes, as in `{example}`"),
        )),
        _ => Err(Error::new_spanned(item, format!("expected a name, as in `{example}`"))),
    })
}

/// The items of a list in brackets.
pub(super) fn items<'a>(
    written: &'a Written,
    example: &str,
) -> Result<impl Iterator<Item = &'a Expr>> {
    Ok(list(written, example)?.elems.iter())
}

fn list<'a>(written: &'a Written, example: &str) -> Result<&'a ExprArray> {
    match value(written, example)? {
        Expr::Array(list) if list.elems.is_empty() => {
            let message = format!("`{}` is empty: drop it, or write `{example}`", written.key);
            Err(Error::new_spanned(list, message))
        }
        Expr::Array(list) => Ok(list),
        other => Err(Error::new_spanned(other, format!("expected a list: write `{example}`"))),
    }
}

/// What `read` makes of each item, or all of its errors.
fn each<T>(list: &ExprArray, read: impl Fn(&Expr) -> Result<T>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors: Option<Error> = None;
    for item in &list.elems {
        match (read(item), &mut errors) {
            (Ok(value), _) => values.push(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    errors.map_or(Ok(values), Err)
}

/// The path of a function or of a crate.
pub(super) fn path(written: &Written, example: &str) -> Result<Path> {
    path_in(value(written, example)?, example)
}

/// The path that `value` is.
pub(super) fn path_in(value: &Expr, example: &str) -> Result<Path> {
    match value {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path.clone()),
        Expr::Closure(closure) => Err(Error::new_spanned(
            closure,
            format!(
                "a closure has no name: write a function, and its path here, as in `{example}`"
            ),
        )),
        Expr::Lit(literal) if matches!(literal.lit, Lit::Str(_)) => Err(Error::new_spanned(
            value,
            format!("write the path without quotes, as in `{example}`"),
        )),
        _ => Err(Error::new_spanned(value, format!("expected a path, as in `{example}`"))),
    }
}
