//! The impls that stand inside of a body.

use std::collections::BTreeSet;
use std::path::Path;

use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, ItemImpl, TraitItem};

use super::references::{References, Surroundings};

/// What the impls inside of a body are of.
pub(crate) struct Inner {
    /// What their heads name: types, traits, and the arguments of these.
    pub(crate) heads: References,
    /// The names of their members.
    pub(crate) members: BTreeSet<String>,
}

impl Inner {
    /// The impls in the text of an item, or of a member of one.
    pub(crate) fn of(text: &str) -> Self {
        let mut finder = Finder::default();
        if let Ok(item) = syn::parse_str::<Item>(text) {
            finder.visit_item(&item);
        } else if let Ok(member) = syn::parse_str::<ImplItem>(text) {
            finder.visit_impl_item(&member);
        } else if let Ok(member) = syn::parse_str::<TraitItem>(text) {
            finder.visit_trait_item(&member);
        }
        let nowhere = Surroundings { package: Path::new(""), beside: Path::new("") };
        let heads = References::of(&nowhere, |found| {
            for of in &finder.found {
                found.visit_type(&of.self_ty);
                if let Some((path, _)) = &of.trait_ {
                    found.visit_path(path);
                }
            }
        });
        let members = finder.found.iter().flat_map(|of| &of.items).filter_map(|item| match item {
            ImplItem::Fn(member) => Some(member.sig.ident.unraw().to_string()),
            ImplItem::Const(member) => Some(member.ident.unraw().to_string()),
            ImplItem::Type(member) => Some(member.ident.unraw().to_string()),
            _ => None,
        });
        Self { heads, members: members.collect() }
    }
}

/// Gathers impls.
#[derive(Default)]
struct Finder {
    found: Vec<ItemImpl>,
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        self.found.push(item.clone());
        visit::visit_item_impl(self, item);
    }
}
