//! Imports and modules in a row: their order and grouping say nothing.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Item, ItemUse, UseTree};

use super::walk::walk;

/// What may be moved within a row of its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// `use …;`
    Use,
    /// `extern crate …;`
    ExternCrate,
    /// `mod …;`
    Module,
}

/// The row that an item belongs to.
pub(super) fn row(item: &Item) -> Option<Row> {
    let (attributes, row) = match item {
        Item::Use(item) => (&item.attrs, Row::Use),
        Item::ExternCrate(item) => (&item.attrs, Row::ExternCrate),
        Item::Mod(item) if item.content.is_none() => (&item.attrs, Row::Module),
        _ => return None,
    };
    // Macros count from where they are brought in on.
    (!attributes.iter().any(|attribute| attribute.path().is_ident("macro_use"))).then_some(row)
}

/// The items of one row as single imports, sorted.
pub(super) fn sorted(items: Vec<Item>) -> Vec<Item> {
    let mut single = Vec::new();
    for item in items {
        match item {
            Item::Use(item) => single.extend(flattened(&item).into_iter().map(Item::Use)),
            other => single.push(other),
        }
    }
    single.sort_by_cached_key(|item| {
        let mut bytes = Vec::new();
        walk(item.to_token_stream(), &mut bytes);
        bytes
    });
    single
}

/// The tree of a lonely `use`, sorted.
pub(super) fn sorted_tree(item: &ItemUse) -> UseTree {
    let mut trees: Vec<Item> = flattened(item).into_iter().map(Item::Use).collect();
    if trees.len() < 2 {
        return match trees.pop() {
            Some(Item::Use(single)) => single.tree,
            _ => item.tree.clone(),
        };
    }
    let items = sorted(trees).into_iter().filter_map(|item| match item {
        Item::Use(item) => Some(item.tree),
        _ => None,
    });
    UseTree::Group(syn::UseGroup { brace_token: Default::default(), items: items.collect() })
}

/// An import for each name that a `use` brings.
fn flattened(item: &ItemUse) -> Vec<ItemUse> {
    let mut trees = Vec::new();
    flatten(&item.tree, &mut Vec::new(), &mut trees);
    let with_tree = |tree| ItemUse { tree, ..item.clone() };
    trees.into_iter().map(with_tree).collect()
}

/// The paths that a tree brings, one by one.
fn flatten<'tree>(
    tree: &'tree UseTree,
    path: &mut Vec<&'tree syn::UsePath>,
    into: &mut Vec<UseTree>,
) {
    match tree {
        UseTree::Path(part) => {
            path.push(part);
            flatten(&part.tree, path, into);
            path.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, into);
            }
        }
        leaf => {
            let wrap = |tree, part: &&syn::UsePath| {
                UseTree::Path(syn::UsePath { tree: Box::new(tree), ..(*part).clone() })
            };
            into.push(path.iter().rev().fold(without_needless_name(leaf), wrap));
        }
    }
}

/// `name` for `name as name`.
fn without_needless_name(leaf: &UseTree) -> UseTree {
    let same = |name: &Ident, other: &Ident| name == other;
    match leaf {
        UseTree::Rename(leaf) if same(&leaf.ident, &leaf.rename) => {
            UseTree::Name(syn::UseName { ident: leaf.ident.clone() })
        }
        other => other.clone(),
    }
}
