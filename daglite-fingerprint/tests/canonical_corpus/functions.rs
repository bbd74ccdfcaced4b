//! Every function of a file, with the digest of its normal form.

use daglite_fingerprint::canonical::{
    fingerprint, impl_item_digest, normal_form, trait_item_digest,
};
use quote::ToTokens;
use syn::visit::{self, Visit};

/// A function, a method of an impl, or a method of a trait.
pub(crate) enum Function {
    /// A free function.
    Free(syn::ItemFn),
    /// A method of an impl.
    Method(syn::ImplItem),
    /// A method of a trait.
    Declared(syn::TraitItem),
}

impl Function {
    /// The digest of its normal form.
    pub(crate) fn digest(&self) -> [u8; 32] {
        match self {
            Function::Free(function) => fingerprint(function, &[]),
            Function::Method(method) => impl_item_digest(method),
            Function::Declared(method) => trait_item_digest(method),
        }
    }

    /// The tokens of its normal form.
    pub(crate) fn normal_form(&self) -> proc_macro2::TokenStream {
        let item = match self {
            Function::Free(function) => syn::Item::Fn(function.clone()),
            // A function with a receiver is parsed as one, wherever it stands.
            Function::Method(method) => syn::Item::Verbatim(method.to_token_stream()),
            Function::Declared(method) => syn::Item::Verbatim(method.to_token_stream()),
        };
        let item = match item {
            syn::Item::Verbatim(tokens) => {
                syn::parse2(tokens.clone()).unwrap_or(syn::Item::Verbatim(tokens))
            }
            item => item,
        };
        normal_form(&item)
    }

    /// Its tokens, as they are.
    pub(crate) fn tokens(&self) -> proc_macro2::TokenStream {
        match self {
            Function::Free(function) => function.to_token_stream(),
            Function::Method(method) => method.to_token_stream(),
            Function::Declared(method) => method.to_token_stream(),
        }
    }

    /// A function of the same kind, from other tokens.
    pub(crate) fn parse_like(&self, tokens: proc_macro2::TokenStream) -> syn::Result<Function> {
        Ok(match self {
            Function::Free(_) => Function::Free(syn::parse2(tokens)?),
            Function::Method(_) => match syn::parse2(tokens)? {
                item @ syn::ImplItem::Fn(_) => Function::Method(item),
                other => return Err(syn::Error::new_spanned(other, "no function")),
            },
            Function::Declared(_) => match syn::parse2(tokens)? {
                item @ syn::TraitItem::Fn(_) => Function::Declared(item),
                other => return Err(syn::Error::new_spanned(other, "no function")),
            },
        })
    }

    /// Whether both have one parse tree.
    pub(crate) fn is_like(&self, other: &Function) -> bool {
        match (self, other) {
            (Function::Free(left), Function::Free(right)) => left == right,
            (Function::Method(left), Function::Method(right)) => left == right,
            (Function::Declared(left), Function::Declared(right)) => left == right,
            _ => false,
        }
    }
}

/// A function and where it is.
pub(crate) struct Found {
    /// Modules, type or trait, and name.
    pub(crate) path: String,
    /// The function itself.
    pub(crate) function: Function,
}

/// All functions of a file but those inside of other functions, in their order.
pub(crate) fn functions(file: &syn::File) -> Vec<Found> {
    let mut finder = Finder::default();
    finder.visit_file(file);
    finder.found
}

#[derive(Default)]
struct Finder {
    /// What we are in.
    path: Vec<String>,
    found: Vec<Found>,
}

impl Finder {
    fn add(&mut self, name: &syn::Ident, function: Function) {
        let mut path = self.path.join("::");
        if !path.is_empty() {
            path.push_str("::");
        }
        path.push_str(&name.to_string());
        self.found.push(Found { path, function });
    }

    fn inside(&mut self, name: String, go_on: impl FnOnce(&mut Self)) {
        self.path.push(name);
        go_on(self);
        self.path.pop();
    }
}

/// The name of a type without its arguments, which rustfmt may change.
fn type_name(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => {
            let segments = path.path.segments.iter().map(|segment| segment.ident.to_string());
            segments.collect::<Vec<_>>().join("::")
        }
        syn::Type::Reference(reference) => format!("&{}", type_name(&reference.elem)),
        syn::Type::Paren(paren) => type_name(&paren.elem),
        _ => "_".into(),
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident, Function::Free(item.clone()));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident, Function::Method(syn::ImplItem::Fn(item.clone())));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig.ident, Function::Declared(syn::TraitItem::Fn(item.clone())));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inside(item.ident.to_string(), |finder| visit::visit_item_mod(finder, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside(item.ident.to_string(), |finder| visit::visit_item_trait(finder, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = item.trait_.as_ref().map_or_else(String::new, |(path, _)| {
            path.segments.last().map_or_else(String::new, |last| format!("{} for ", last.ident))
        });
        let name = format!("<{of}{}>", type_name(&item.self_ty));
        self.inside(name, |finder| visit::visit_item_impl(finder, item));
    }
}
