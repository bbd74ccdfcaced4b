//! Everything that functions reach, with the bytes that go into their fingerprints: made once for those that reach the
//! same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::cover::{Fingerprint, Part};
use crate::gathered::Gathered;
use crate::reach::closure::{Outside, Reached};
use crate::reach::index::Index;
use crate::sources::world::{ModuleId, NodeKind};

/// The first bytes of every fingerprint.
const DOMAIN: &[u8] = b"daglite reach v1\0";

/// How many parts are listed one by one: a function that reaches more lists modules.
const MOST_LISTED: usize = 512;

/// Everything that some functions reach.
#[derive(Default)]
pub(crate) struct Closed {
    /// The parts, sorted by name and digest.
    pub(crate) parts: Arc<[Part]>,
    /// The names of the parts, as they go into the fingerprint; then the digests.
    bytes: Vec<u8>,
    /// The parts for people, a line each.
    listed: Arc<str>,
    conditions: Vec<String>,
    /// What is looked at anew for each function.
    pub(crate) outside: Outside,
}

impl Closed {
    /// What was reached, with what was gathered beside items; names are shortened by the name of the package.
    pub(crate) fn of(
        index: &Index,
        reached: Reached,
        gathered: Gathered<'_>,
        package: &str,
    ) -> Self {
        let nodes = index.by_label(reached.nodes.clone());
        let mut parts: Vec<Part> = Vec::with_capacity(nodes.len() + gathered.parts.len());
        let mut of_modules: BTreeMap<ModuleId, [u8; 32]> = BTreeMap::new();
        for node in nodes {
            let it = &index.world.nodes[node];
            let digest = match it.what {
                NodeKind::Macro | NodeKind::Call(_) => {
                    index.digest_in(node, &reached.contexts[&node])
                }
                _ => index.digest(node),
            };
            let of_module = of_modules.entry(it.module).or_default();
            // In which order they are put together says nothing.
            for (sum, byte) in of_module.iter_mut().zip(digest) {
                *sum = sum.wrapping_add(byte);
            }
            let by = reached.by(node).map(|by| index.label(by));
            parts.push(Part { name: index.label(node), digest, by });
        }
        sort_twins(&mut parts);
        let mut listed = String::new();
        let prefix = format!("{package}/");
        let are_many = parts.len() > MOST_LISTED;
        insert(&mut parts, &gathered);
        if are_many {
            for (module, digest) in of_modules {
                let name = format!("{}::*", index.world.modules[module].path);
                list(&mut listed, &prefix, &name, &digest);
            }
            for (name, digest) in gathered.parts.keys() {
                list(&mut listed, &prefix, name, digest);
            }
        } else {
            parts.iter().for_each(|part| list(&mut listed, &prefix, &part.name, &part.digest));
        }
        Self {
            bytes: bytes(&parts),
            parts: parts.into(),
            listed: listed.into(),
            conditions: gathered.conditions.into_iter().collect(),
            outside: reached.outside,
        }
    }

    /// The fingerprint of a function that reaches this, with what was gathered for it alone.
    pub(crate) fn with(
        &self,
        own: [u8; 32],
        meaning: [u8; 32],
        gathered: Gathered<'_>,
    ) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DOMAIN).update(&own).update(&meaning);
        let (mut parts, mut listed) = (Arc::clone(&self.parts), Arc::clone(&self.listed));
        if gathered.parts.is_empty() {
            hasher.update(&self.bytes);
        } else {
            let mut all = parts.to_vec();
            insert(&mut all, &gathered);
            hasher.update(&bytes(&all));
            parts = all.into();
            let mut more = listed.to_string();
            for (name, digest) in gathered.parts.keys() {
                list(&mut more, "", name, digest);
            }
            listed = more.into();
        }
        let mut conditions = gathered.conditions;
        conditions.extend(self.conditions.iter().cloned());
        Fingerprint {
            digest: *hasher.finalize().as_bytes(),
            own,
            parts,
            listed,
            conditions: conditions.into_iter().collect(),
            notes: gathered.notes.into_iter().collect(),
            missing: gathered.missing,
        }
    }
}

/// Sorts parts of one name by their digests, and leaves one of those that are the same.
fn sort_twins(parts: &mut Vec<Part>) {
    let mut start = 0;
    while start < parts.len() {
        let mut end = start + 1;
        while end < parts.len() && parts[end].name == parts[start].name {
            end += 1;
        }
        if end - start > 1 {
            parts[start..end].sort_by_key(|part| part.digest);
        }
        start = end;
    }
    parts.dedup_by(|one, before| one.name == before.name && one.digest == before.digest);
}

/// Puts what is no item among the parts.
fn insert(parts: &mut Vec<Part>, gathered: &Gathered<'_>) {
    for ((name, digest), by) in &gathered.parts {
        let place = parts.binary_search_by(|part| (&part.name, &part.digest).cmp(&(name, digest)));
        if let Err(at) = place {
            parts.insert(at, Part { name: Arc::clone(name), digest: *digest, by: by.clone() });
        }
    }
}

/// The names of parts and then their digests, as they go into a fingerprint.
fn bytes(parts: &[Part]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.len() * 80);
    for part in parts {
        bytes.extend_from_slice(&(part.name.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.name.as_bytes());
    }
    for part in parts {
        bytes.extend_from_slice(&part.digest);
    }
    bytes
}

/// Adds the line of a part: the first bytes of its digest, and its name.
fn list(text: &mut String, prefix: &str, name: &str, digest: &[u8; 32]) {
    let first = digest.first_chunk().expect("a digest has 32 bytes");
    let name = name.strip_prefix(prefix).unwrap_or(name);
    let _ = writeln!(text, "{:016x} {name}", u64::from_le_bytes(*first));
}
