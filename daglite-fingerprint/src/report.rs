//! Fingerprints in words: what one covers and why, and what differs between two.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cover::{Fingerprint, Part};

/// What a fingerprint covers: a line an item, with the names that lead to it.
///
/// ```
/// use daglite_fingerprint::{SourceTree, explanation};
///
/// let tree = SourceTree::open(env!("CARGO_MANIFEST_DIR"))?;
/// let text = explanation(&tree.fingerprint("sources::lexer::continues")?);
/// assert!(text.contains("the function itself"), "{text}");
/// # Ok::<(), daglite_fingerprint::TreeError>(())
/// ```
pub fn explanation(fingerprint: &Fingerprint) -> String {
    let mut text = format!("{}\n", hex(&fingerprint.digest));
    let _ = writeln!(text, "\n{}  the function itself", short(&fingerprint.own));
    let by: BTreeMap<&str, Option<&str>> =
        fingerprint.parts.iter().map(|part| (&*part.name, part.by.as_deref())).collect();
    for part in &*fingerprint.parts {
        let _ = write!(text, "{}  {}", short(&part.digest), part.name);
        let path = path_to(part, &by);
        if !path.is_empty() {
            let _ = write!(text, "  (by {})", path.join(", by "));
        }
        text.push('\n');
    }
    for condition in &fingerprint.conditions {
        let _ = writeln!(text, "whether cfg({condition}) holds");
    }
    for note in &fingerprint.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for missing in &fingerprint.missing {
        let _ =
            writeln!(text, "missing: `{missing}` in `cache_deps` names nothing that can be seen");
    }
    text
}

/// Who names a part, who names that, and so on up to the function.
fn path_to<'a>(part: &'a Part, by: &BTreeMap<&str, Option<&'a str>>) -> Vec<&'a str> {
    let mut path = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = part.by.as_deref();
    while let Some(name) = next {
        if !seen.insert(name) {
            break;
        }
        path.push(name);
        next = by.get(name).copied().flatten();
    }
    path
}

/// What differs between two fingerprints of one task, a line each; empty if nothing does.
///
/// ```
/// use daglite_fingerprint::{Function, differences};
///
/// let fingerprint = |source: &str| {
///     let function = syn::parse_str(source).unwrap();
///     Function { function: &function, hash_functions: &[], dependencies: &[], files: &[] }.alone()
/// };
/// let (old, new) = (fingerprint("fn f() -> u8 { 1 }"), fingerprint("fn f() -> u8 { 2 }"));
/// assert_eq!(differences(&old, &new), "changed: the function itself\n");
/// assert_eq!(differences(&old, &old), "");
/// ```
pub fn differences(old: &Fingerprint, new: &Fingerprint) -> String {
    let mut text = String::new();
    if old.own != new.own {
        text.push_str("changed: the function itself\n");
    }
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for name in names {
        let _ = match (before.get(name), after.get(name)) {
            (Some(one), Some(other)) if one == other => Ok(()),
            (Some(_), Some(_)) => writeln!(text, "changed: {name}"),
            (Some(_), None) => writeln!(text, "gone: {name}"),
            (None, _) => writeln!(text, "new: {name}"),
        };
    }
    if text.is_empty() && old.digest != new.digest {
        text.push_str("changed: what the names in the function mean\n");
    }
    for condition in &new.conditions {
        if !old.conditions.contains(condition) {
            let _ = writeln!(text, "new: whether cfg({condition}) holds");
        }
    }
    text
}

/// The digests of all parts of a name: there may be several, under several configurations.
fn by_name(fingerprint: &Fingerprint) -> BTreeMap<&str, BTreeSet<[u8; 32]>> {
    let mut parts: BTreeMap<&str, BTreeSet<[u8; 32]>> = BTreeMap::new();
    for part in &*fingerprint.parts {
        parts.entry(&part.name).or_default().insert(part.digest);
    }
    parts
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first bytes of a digest, which tell it from others for people.
fn short(digest: &[u8; 32]) -> String {
    hex(&digest[..4])
}
