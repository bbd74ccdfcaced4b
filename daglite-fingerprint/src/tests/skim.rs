//! The quick reading of a file finds the same items as a full parse.

use std::path::{Path, PathBuf};

use syn::{ImplItem, Item, TraitItem};

use crate::sources::skim::{Skimmed, What, items};

/// What kind of item, its name, and what is in it, a line each.
fn skimmed(items: &[Skimmed], depth: usize, lines: &mut Vec<String>) {
    for item in items {
        let name = item.name.clone().unwrap_or_default();
        let (kind, inner) = match &item.what {
            What::Function => ("fn", None),
            What::Struct => ("struct", None),
            What::Enum(variants) => {
                lines.push(format!("{depth} enum {name} {}", variants.join(" ")));
                continue;
            }
            What::Constant => ("const", None),
            What::Static => ("static", None),
            What::Alias(_) => ("type", None),
            What::Trait(_, members) => ("trait", Some(members)),
            What::Impl(head, members) => {
                let of = head.of_trait.as_ref().and_then(|path| path.last()).cloned();
                lines.push(format!("{depth} impl {}", of.unwrap_or_default()));
                skimmed(members, depth + 1, lines);
                continue;
            }
            What::Macro => ("macro", None),
            What::Call(_) => ("call", None),
            What::Foreign(_) => ("extern", None),
            What::Module(inner, _) => ("mod", inner.as_ref()),
            What::Use(_) => ("use", None),
            What::ExternCrate(_) => ("crate", None),
        };
        lines.push(format!("{depth} {kind} {name}"));
        if let Some(inner) = inner {
            skimmed(inner, depth + 1, lines);
        }
    }
}

fn parsed(items: &[Item], depth: usize, lines: &mut Vec<String>) {
    for item in items {
        let (kind, name) = match item {
            Item::Fn(item) => ("fn", item.sig.ident.to_string()),
            Item::Struct(item) => ("struct", item.ident.to_string()),
            Item::Union(item) => ("struct", item.ident.to_string()),
            Item::Enum(item) => {
                let names: Vec<String> =
                    item.variants.iter().map(|variant| plain(&variant.ident)).collect();
                lines.push(format!("{depth} enum {} {}", item.ident, names.join(" ")));
                continue;
            }
            Item::Const(item) => ("const", item.ident.to_string()),
            Item::Static(item) => ("static", item.ident.to_string()),
            Item::Type(item) => ("type", item.ident.to_string()),
            Item::TraitAlias(item) => ("type", item.ident.to_string()),
            Item::Trait(item) => {
                lines.push(format!("{depth} trait {}", item.ident));
                for member in &item.items {
                    lines.push(format!("{} {}", depth + 1, trait_member(member)));
                }
                continue;
            }
            Item::Impl(item) => {
                let path = item.trait_.as_ref().map(|(path, _)| path);
                let of = path.and_then(|path| path.segments.last().map(|last| plain(&last.ident)));
                lines.push(format!("{depth} impl {}", of.unwrap_or_default()));
                for member in &item.items {
                    lines.push(format!("{} {}", depth + 1, impl_member(member)));
                }
                continue;
            }
            Item::Macro(item) => match &item.ident {
                Some(name) => ("macro", name.to_string()),
                None => ("call", String::new()),
            },
            Item::ForeignMod(_) => ("extern", String::new()),
            Item::Mod(item) => {
                lines.push(format!("{depth} mod {}", plain(&item.ident)));
                if let Some((_, items)) = &item.content {
                    parsed(items, depth + 1, lines);
                }
                continue;
            }
            Item::Use(_) => ("use", String::new()),
            Item::ExternCrate(item) => {
                let alias = item.rename.as_ref().map(|(_, alias)| alias.to_string());
                ("crate", alias.unwrap_or_else(|| item.ident.to_string()))
            }
            // What the parser does not know either.
            _ => return lines.push("unknown".to_string()),
        };
        lines.push(format!("{depth} {kind} {}", name.strip_prefix("r#").unwrap_or(&name)));
    }
}

fn plain(name: &syn::Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_string()
}

fn trait_member(member: &TraitItem) -> String {
    match member {
        TraitItem::Const(member) => format!("const {}", plain(&member.ident)),
        TraitItem::Fn(member) => format!("fn {}", plain(&member.sig.ident)),
        TraitItem::Type(member) => format!("type {}", plain(&member.ident)),
        TraitItem::Macro(_) => "call ".to_string(),
        _ => "unknown".to_string(),
    }
}

fn impl_member(member: &ImplItem) -> String {
    match member {
        ImplItem::Const(member) => format!("const {}", plain(&member.ident)),
        ImplItem::Fn(member) => format!("fn {}", plain(&member.sig.ident)),
        ImplItem::Type(member) => format!("type {}", plain(&member.ident)),
        ImplItem::Macro(_) => "call ".to_string(),
        _ => "unknown".to_string(),
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Files in which the quick reading differs from the parse, and how many were compared.
fn differences(folder: &Path) -> (Vec<String>, usize) {
    let mut found = Vec::new();
    files(folder, &mut found);
    let mut different = Vec::new();
    let mut compared = 0;
    for path in found {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(file) = syn::parse_file(&text) else { continue };
        let mut right = Vec::new();
        parsed(&file.items, 0, &mut right);
        if right.iter().any(|line| line.ends_with("unknown")) {
            continue;
        }
        compared += 1;
        let mut quick = Vec::new();
        match items(&text) {
            None => different.push(format!("{}: not understood", path.display())),
            Some(items) => {
                skimmed(&items, 0, &mut quick);
                if quick != right {
                    let at = quick.iter().zip(&right).position(|(a, b)| a != b);
                    let at = at.unwrap_or(quick.len().min(right.len()));
                    different.push(format!(
                        "{}: {:?} instead of {:?}",
                        path.display(),
                        quick.get(at),
                        right.get(at)
                    ));
                }
            }
        }
    }
    (different, compared)
}

#[test]
fn the_quick_reading_of_our_own_sources_finds_what_a_parse_finds() {
    let folder = match std::env::var_os("DAGLITE_SKIM") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
    };
    let (different, compared) = differences(&folder);
    assert!(compared > 100, "{compared} files are too few to say anything");
    assert!(different.is_empty(), "of {compared} files:\n{}", different.join("\n"));
}
