//! What an item names: paths, methods, macros, files, variables; local variables told from items.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path as FilePath, PathBuf};

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Lit, Meta, Pat, Path, Token};

use super::loose;
use crate::canonical::drop_options_of_running;
use crate::known::PLAIN_MACROS;
use crate::sources::conditions;
use crate::sources::included;
use crate::sources::use_tree::{Brought, Import};

/// What an item names.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Paths, with the place that they stand in.
    pub(crate) paths: BTreeSet<Reference>,
    /// Names after a dot that are called.
    pub(crate) methods: BTreeSet<String>,
    /// The traits after `dyn`.
    pub(crate) objects: BTreeSet<Vec<String>>,
    /// Files whose content the compiler puts in; `None`: one that cannot be told.
    pub(crate) files: BTreeSet<Option<PathBuf>>,
    /// Variables of the environment that the compiler puts in.
    pub(crate) variables: BTreeSet<String>,
    /// Parts of `cfg` conditions.
    pub(crate) conditions: BTreeSet<String>,
    /// Whether its line or column counts.
    pub(crate) has_place: bool,
    /// What `use` brings inside of it.
    pub(crate) imports: Vec<Import>,
}

/// A path, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// Its segments.
    pub(crate) path: Vec<String>,
    /// Whether it starts with `::`.
    pub(crate) global: bool,
    /// Where it stands.
    pub(crate) at: Position,
}

/// Where a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Position {
    /// In an expression or a type.
    Anywhere,
    /// A name in a pattern: a constant, or else a new variable.
    Pattern,
    /// Before a `!`, or in an attribute.
    Macro,
    /// In a text of an attribute or among the tokens of a macro: a module may be meant, and all that is in it.
    Text,
}

/// Where the source of an item is, for the paths of files that it includes.
pub(crate) struct Surroundings<'a> {
    /// The folder of its package.
    pub(crate) package: &'a FilePath,
    /// The folder of its file.
    pub(crate) beside: &'a FilePath,
}

impl References {
    /// What `visit` goes over.
    pub(crate) fn of(
        surroundings: &Surroundings<'_>,
        visit: impl FnOnce(&mut Collector<'_>),
    ) -> Self {
        let mut collector = Collector {
            found: Self::default(),
            surroundings,
            locals: vec![HashSet::new()],
            items: Vec::new(),
            modules: 0,
        };
        visit(&mut collector);
        collector.found
    }

    /// Adds a path.
    pub(crate) fn add(&mut self, path: Vec<String>, global: bool, at: Position) {
        self.paths.insert(Reference { path, global, at });
    }
}

/// Walks an item and gathers what it names.
pub(crate) struct Collector<'a> {
    found: References,
    surroundings: &'a Surroundings<'a>,
    /// The variables of the blocks we are in, innermost last.
    locals: Vec<HashSet<String>>,
    /// The functions and constants that the blocks we are in define, which hide those of the module.
    items: Vec<HashSet<String>>,
    /// In how many modules we are that stand inside of the item.
    modules: usize,
}

/// A name without `r#`.
fn plain(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    match name.strip_prefix("r#") {
        Some(plain) => plain.to_string(),
        None => name,
    }
}

impl Collector<'_> {
    /// Takes all names in tokens that only a macro understands.
    pub(crate) fn loose(&mut self, tokens: TokenStream) {
        let mut found = loose::Loose::default();
        found.scan(tokens);
        for (path, global) in found.paths {
            if path.len() > 1 || global || !self.is_local(&path[0]) {
                // A macro may make a path of it: then a module is meant with all that is in it.
                self.found.add(path, global, Position::Text);
            }
        }
        for path in found.macros {
            self.found.add(path, false, Position::Macro);
        }
        for call in found.compiler_calls {
            self.compiler_macro(&call.0, call.1);
        }
        self.found.methods.extend(found.methods);
        for name in found.captures {
            self.value(name);
        }
    }

    /// Whether a name is a variable or an inner item here.
    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().chain(&self.items).any(|names| names.contains(name))
    }

    /// Takes a single name in an expression.
    fn value(&mut self, name: String) {
        if !self.is_local(&name) {
            self.found.add(vec![name], false, Position::Anywhere);
        }
    }

    /// Goes on with a scope of its own for variables.
    fn scoped(&mut self, inner: impl FnOnce(&mut Self)) {
        self.locals.push(HashSet::new());
        inner(self);
        self.locals.pop();
    }

    /// A new variable in the innermost scope.
    fn bind(&mut self, name: String) {
        if let Some(scope) = self.locals.last_mut() {
            scope.insert(name);
        }
    }

    /// Takes a path, and what is in its arguments.
    fn path(&mut self, path: &Path, at: Position) {
        let segments = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
        let segments = self.as_seen_outside(segments);
        if segments.len() > 1 || segments[0] != "self" {
            self.found.add(segments, path.leading_colon.is_some(), at);
        }
        for segment in &path.segments {
            self.visit_path_arguments(&segment.arguments);
        }
    }

    /// The path as it would be written outside of the modules inside of the item.
    fn as_seen_outside(&self, mut path: Vec<String>) -> Vec<String> {
        if self.modules == 0 {
            return path;
        }
        if path[0] == "self" && path.len() > 1 {
            path.remove(0);
        }
        for _ in 0..self.modules {
            if path.first().is_some_and(|first| first == "super") {
                path.remove(0);
            }
        }
        if path.is_empty() { vec!["self".to_string()] } else { path }
    }

    /// A macro of the compiler, whose arguments say more than names.
    fn compiler_macro(&mut self, name: &str, tokens: TokenStream) -> bool {
        let Surroundings { package, beside } = self.surroundings;
        match name {
            "include_str" | "include_bytes" | "include" => {
                let path = included::path_of(tokens, package).map(|path| beside.join(path));
                self.found.files.insert(path);
            }
            "env" | "option_env" => {
                let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
                let first = parser.parse2(tokens).ok().and_then(|all| all.into_iter().next());
                if let Some(Expr::Lit(literal)) = first
                    && let Lit::Str(name) = literal.lit
                {
                    self.found.variables.insert(name.value());
                }
            }
            "cfg" => conditions::of(tokens, &mut self.found.conditions),
            "line" | "column" => self.found.has_place = true,
            _ => return false,
        }
        true
    }

    /// Takes a `use` inside of the item.
    fn imports(&mut self, item: &syn::ItemUse) {
        let global = item.leading_colon.is_some();
        let first = self.found.imports.len();
        use_tree(&item.tree, &mut Vec::new(), global, &mut self.found.imports);
        for at in first..self.found.imports.len() {
            let path = std::mem::take(&mut self.found.imports[at].path);
            self.found.imports[at].path = self.as_seen_outside(path);
            let import = &self.found.imports[at];
            // A trait may be brought for its methods alone.
            let path = import.path.clone();
            let at = Position::Anywhere;
            self.found.paths.insert(Reference { path, global: import.global, at });
        }
    }
}

/// The names that a tree brings, one by one.
fn use_tree(tree: &syn::UseTree, path: &mut Vec<String>, global: bool, imports: &mut Vec<Import>) {
    let mut add = |path: Vec<String>, name: Brought| {
        imports.push(Import { path, global, name, conditional: false });
    };
    match tree {
        syn::UseTree::Path(tree) => {
            path.push(plain(&tree.ident));
            use_tree(&tree.tree, path, global, imports);
            path.pop();
        }
        syn::UseTree::Name(tree) => {
            let name = plain(&tree.ident);
            if name == "self" {
                let last = path.last().cloned().unwrap_or_default();
                add(path.clone(), Brought::Name(last));
            } else {
                path.push(name.clone());
                add(path.clone(), Brought::Name(name));
                path.pop();
            }
        }
        syn::UseTree::Rename(tree) => {
            let name = plain(&tree.ident);
            let inner = name != "self";
            if inner {
                path.push(name);
            }
            let alias = plain(&tree.rename);
            let brought = if alias == "_" { Brought::Nameless } else { Brought::Name(alias) };
            add(path.clone(), brought);
            if inner {
                path.pop();
            }
        }
        syn::UseTree::Glob(_) => add(path.clone(), Brought::Glob),
        syn::UseTree::Group(tree) => {
            for tree in &tree.items {
                use_tree(tree, path, global, imports);
            }
        }
    }
}

/// Whether the arguments of a macro are expressions, as far as its name says.
fn is_plain_macro(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| PLAIN_MACROS.iter().any(|name| last.ident == name))
}

/// Attributes of the compiler that name nothing.
const SILENT: [&str; 22] = [
    "allow",
    "automatically_derived",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "global_allocator",
    "ignore",
    "inline",
    "link",
    "link_name",
    "macro_export",
    "macro_use",
    "must_use",
    "no_mangle",
    "non_exhaustive",
    "path",
    "repr",
    "track_caller",
    "warn",
];

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        self.path(path, Position::Anywhere);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        if let Some(qself) = &expr.qself {
            self.visit_type(&qself.ty);
            if qself.position == 0 {
                self.found.methods.extend(expr.path.segments.iter().map(|one| plain(&one.ident)));
                return;
            }
        }
        match expr.path.get_ident() {
            Some(name) if expr.qself.is_none() => {
                let name = plain(name);
                if name != "self" {
                    self.value(name);
                }
            }
            _ => self.path(&expr.path, Position::Anywhere),
        }
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        match &ty.qself {
            Some(qself) if qself.position == 0 => {
                self.visit_type(&qself.ty);
                self.found.methods.extend(ty.path.segments.iter().map(|one| plain(&one.ident)));
            }
            _ => visit::visit_type_path(self, ty),
        }
    }

    fn visit_type_trait_object(&mut self, ty: &'ast syn::TypeTraitObject) {
        for bound in &ty.bounds {
            if let syn::TypeParamBound::Trait(bound) = bound {
                let path = bound.path.segments.iter().map(|one| plain(&one.ident)).collect();
                self.found.objects.insert(path);
            }
        }
        visit::visit_type_trait_object(self, ty);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.found.methods.insert(plain(&call.method));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_pat(&mut self, pat: &'ast Pat) {
        if let Pat::Ident(pat) = pat {
            let name = plain(&pat.ident);
            if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() {
                self.found.add(vec![name.clone()], false, Position::Pattern);
            }
            self.bind(name);
        }
        visit::visit_pat(self, pat);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        for attribute in &local.attrs {
            self.visit_attribute(attribute);
        }
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        self.visit_pat(&local.pat);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let mut items = HashSet::new();
        for statement in &block.stmts {
            if let syn::Stmt::Item(item) = statement {
                match item {
                    syn::Item::Fn(item) => items.insert(plain(&item.sig.ident)),
                    syn::Item::Const(item) => items.insert(plain(&item.ident)),
                    syn::Item::Static(item) => items.insert(plain(&item.ident)),
                    _ => false,
                };
            }
        }
        self.items.push(items);
        self.scoped(|this| visit::visit_block(this, block));
        self.items.pop();
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        // An item inside of a body does not see the variables around it.
        let locals = std::mem::replace(&mut self.locals, vec![HashSet::new()]);
        visit::visit_item(self, item);
        self.locals = locals;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.modules += 1;
        visit::visit_item_mod(self, item);
        self.modules -= 1;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.scoped(|this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.scoped(|this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.scoped(|this| visit::visit_trait_item_fn(this, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imports(item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        for attribute in &item.attrs {
            self.visit_attribute(attribute);
        }
        if item.ident.is_some() {
            self.loose(item.mac.tokens.clone());
        } else {
            self.visit_macro(&item.mac);
        }
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.scoped(|this| visit::visit_expr_closure(this, closure));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.scoped(|this| visit::visit_arm(this, arm));
    }

    fn visit_expr_let(&mut self, expr: &'ast syn::ExprLet) {
        self.visit_expr(&expr.expr);
        self.visit_pat(&expr.pat);
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        self.scoped(|this| {
            this.visit_expr(&expr.cond);
            this.visit_block(&expr.then_branch);
        });
        if let Some((_, otherwise)) = &expr.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.scoped(|this| {
            this.visit_expr(&expr.cond);
            this.visit_block(&expr.body);
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
        self.visit_expr(&expr.expr);
        self.scoped(|this| {
            this.visit_pat(&expr.pat);
            this.visit_block(&expr.body);
        });
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.path(&call.path, Position::Macro);
        let name = call.path.segments.last().map(|last| plain(&last.ident)).unwrap_or_default();
        if self.compiler_macro(&name, call.tokens.clone()) {
            return;
        }
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        match parser.parse2(call.tokens.clone()) {
            Ok(arguments) if is_plain_macro(&call.path) => {
                for argument in &arguments {
                    if let Expr::Lit(literal) = argument
                        && let Lit::Str(format) = &literal.lit
                    {
                        for name in loose::captures(&format.value()) {
                            self.value(name);
                        }
                    }
                    // `name = value` is no assignment here.
                    match argument {
                        Expr::Assign(named) => self.visit_expr(&named.right),
                        argument => self.visit_expr(argument),
                    }
                }
            }
            _ => self.loose(call.tokens.clone()),
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        let name = path.get_ident().map(plain).unwrap_or_default();
        if SILENT.contains(&name.as_str()) {
            return;
        }
        let mut attribute = attribute.clone();
        drop_options_of_running(&mut attribute);
        let path = attribute.path();
        let tokens = match &attribute.meta {
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(value) => quote::ToTokens::to_token_stream(&value.value),
        };
        if name == "cfg" {
            return conditions::of(tokens, &mut self.found.conditions);
        }
        if name == "derive" {
            let parser = Punctuated::<Path, Token![,]>::parse_terminated;
            for path in parser.parse2(tokens).iter().flatten() {
                self.path(path, Position::Macro);
            }
            return;
        }
        if name == "cfg_attr" {
            conditions::of(tokens.clone(), &mut self.found.conditions);
        }
        self.path(path, Position::Macro);
        for text in loose::texts(tokens.clone()) {
            if let Ok(path) = syn::parse_str::<Path>(&text) {
                self.path(&path, Position::Text);
            } else if let Ok(ty) = syn::parse_str::<syn::Type>(&text) {
                let mut types = References::of(self.surroundings, |inner| inner.visit_type(&ty));
                self.found.paths.append(&mut types.paths);
            }
        }
        self.loose(tokens);
    }
}
