//! Blocks: statements that do nothing, semicolons that rustfmt adds or drops, and braces around a single expression.

use syn::visit::Visit;
use syn::{Block, Expr, ExprMacro, Item, Stmt};

use super::imports::{row, sorted};

/// Takes out of a block what does not count. What is inside its statements is done before.
pub(super) fn normalise(block: &mut Block) {
    block.stmts.retain(|statement| !is_empty(statement));
    let last = block.stmts.len().saturating_sub(1);
    for (index, statement) in block.stmts.iter_mut().enumerate() {
        match statement {
            Stmt::Expr(Expr::While(_) | Expr::ForLoop(_), semicolon) => *semicolon = None,
            Stmt::Expr(Expr::Loop(each), semicolon) if index < last || !gives_value(each) => {
                *semicolon = None;
            }
            _ => {}
        }
    }
    if let Some(Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), semicolon)) =
        block.stmts.last_mut()
    {
        *semicolon = None;
    }
    sort_rows(
        &mut block.stmts,
        |statement| matches!(statement, Stmt::Item(item) if row(item).is_some()),
        |statement| match statement {
            Stmt::Item(item) => Some(item),
            _ => None,
        },
        Stmt::Item,
    );
}

/// Sorts the imports of a module.
pub(super) fn sort_items(items: &mut Vec<Item>) {
    sort_rows(items, |item| row(item).is_some(), Some, |item| item);
}

/// Sorts each row of imports, or of modules, that follow each other.
fn sort_rows<T>(
    all: &mut Vec<T>,
    is_in_row: impl Fn(&T) -> bool,
    into_item: impl Fn(T) -> Option<Item>,
    from_item: impl Fn(Item) -> T,
) {
    if !all.iter().any(&is_in_row) {
        return;
    }
    let mut done = Vec::with_capacity(all.len());
    let mut waiting: Vec<Item> = Vec::new();
    for one in all.drain(..) {
        if !is_in_row(&one) {
            done.extend(sorted(std::mem::take(&mut waiting)).into_iter().map(&from_item));
            done.push(one);
        } else if let Some(item) = into_item(one) {
            if waiting.last().is_some_and(|last| row(last) != row(&item)) {
                done.extend(sorted(std::mem::take(&mut waiting)).into_iter().map(&from_item));
            }
            waiting.push(item);
        }
    }
    done.extend(sorted(waiting).into_iter().map(&from_item));
    *all = done;
}

/// Whether a loop may have a value, which a semicolon behind it would drop.
fn gives_value(of: &syn::ExprLoop) -> bool {
    /// Whether a `break` with a value was seen.
    struct Breaks(bool);
    impl<'ast> Visit<'ast> for Breaks {
        fn visit_expr_break(&mut self, found: &'ast syn::ExprBreak) {
            self.0 |= found.expr.is_some();
        }
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.0 = true;
        }
    }
    let mut breaks = Breaks(false);
    breaks.visit_block(&of.body);
    breaks.0
}

/// Whether a statement is a lonely semicolon.
fn is_empty(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Expr(Expr::Verbatim(tokens), _) if tokens.is_empty())
}

/// The expression that a body in braces is, if it is no more than that.
pub(super) fn unwrap_body(body: &mut Expr) {
    while let Expr::Block(block) = body {
        if !block.attrs.is_empty() || block.label.is_some() || block.block.stmts.len() != 1 {
            return;
        }
        match block.block.stmts.pop() {
            Some(Stmt::Expr(inner, None)) => *body = inner,
            Some(Stmt::Macro(call)) if call.semi_token.is_none() => {
                *body = Expr::Macro(ExprMacro { attrs: call.attrs, mac: call.mac });
            }
            Some(other) => return block.block.stmts.push(other),
            None => return,
        }
    }
}
