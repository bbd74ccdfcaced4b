//! What is gathered for a fingerprint: items, packages, files, variables and conditions, each with a digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;

use crate::canonical;
use crate::cover::{Fingerprint, Part};
use crate::reach::closure::Reached;
use crate::reach::index::Index;
use crate::sources::included::is_compiled;
use crate::sources::world::CrateId;

/// The first bytes of every fingerprint.
const DOMAIN: &[u8] = b"daglite reach v1\0";

/// The name of a part, and its digest.
type NamedDigest = (Rc<str>, [u8; 32]);

/// What is gathered for a fingerprint.
pub(crate) struct Gathered<'a> {
    index: &'a Index,
    parts: BTreeMap<NamedDigest, Option<Rc<str>>>,
    conditions: BTreeSet<String>,
    /// What users should know.
    pub(crate) notes: BTreeSet<String>,
    /// The options that name nothing.
    pub(crate) missing: Vec<String>,
    meaning: [u8; 32],
}

impl<'a> Gathered<'a> {
    /// Nothing gathered yet.
    pub(crate) fn new(index: &'a Index) -> Self {
        Self {
            index,
            parts: BTreeMap::new(),
            conditions: BTreeSet::new(),
            notes: BTreeSet::new(),
            missing: Vec::new(),
            meaning: [0; 32],
        }
    }

    /// Adds a part.
    fn add(&mut self, name: impl Into<Rc<str>>, digest: [u8; 32], by: Option<Rc<str>>) {
        self.parts.entry((name.into(), digest)).or_insert(by);
    }

    /// The files that the option `cache_deps` names.
    pub(crate) fn files(&mut self, names: &[&str], package: &FilePath) {
        for name in names {
            match fs::read(package.join(name)) {
                Ok(bytes) => {
                    self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes(), None);
                }
                Err(_) => self.missing.push((*name).to_string()),
            }
        }
    }

    /// Lets the whole text of a file count: for `line!` and `column!` in the function itself.
    pub(crate) fn place(&mut self, file: &FilePath) {
        let bytes = fs::read(file).unwrap_or_default();
        self.add(format!("place in {}", file_name(file)), *blake3::hash(&bytes).as_bytes(), None);
    }

    /// Adds a part whose content is a text.
    fn add_text(&mut self, name: String, text: &str) {
        self.add(name, *blake3::hash(text.as_bytes()).as_bytes(), None);
    }

    /// Adds all that was reached.
    pub(crate) fn reached(&mut self, reached: &Reached, own: Vec<CrateId>) {
        let world = &self.index.world;
        self.meaning = reached.meaning;
        let mut looked_up = reached.looked_up.iter().peekable();
        while let Some((node, module)) = looked_up.next() {
            let mut meanings = vec![self.index.links(*node, *module).meaning];
            while let Some((_, module)) = looked_up.next_if(|(next, _)| next == node) {
                meanings.push(self.index.links(*node, *module).meaning);
            }
            // The numbers of modules depend on the order in which files were read.
            meanings.sort_unstable();
            let mut bytes = self.index.facts(*node).digest.to_vec();
            bytes.extend(meanings.concat());
            let by = reached.nodes.get(node).copied().flatten();
            let by = by.map(|by| self.index.label(by));
            self.add(self.index.label(*node), *blake3::hash(&bytes).as_bytes(), by);
        }
        for (krate, package) in &reached.packages {
            let user = &world.crates[*krate].package;
            let lock = user.folder.canonicalize().ok().and_then(|folder| world.locks.get(&folder));
            match lock {
                Some(lock) => {
                    let lines = lock.reached(&user.name, package).join("\n");
                    self.add_text(format!("package {package}"), &lines);
                }
                None => self.add_text(format!("package {package}"), "not locked"),
            }
            self.requests(package);
        }
        for folder in &reached.folders {
            self.folder(folder, &file_name(folder));
        }
        for (krate, file) in &reached.files {
            self.file(*krate, file.as_deref());
        }
        for (krate, name) in &reached.variables {
            self.variable(*krate, name);
        }
        for krate in &reached.crates {
            self.krate(*krate, &own);
        }
        for (krate, condition) in &reached.conditions {
            self.condition(*krate, condition, &own);
        }
    }

    /// Adds a file that the compiler puts in.
    fn file(&mut self, krate: CrateId, file: Option<&FilePath>) {
        let package = &self.index.world.crates[krate].package;
        let content = file.and_then(|file| fs::read(file).ok().map(|bytes| (file, bytes)));
        match content {
            Some((file, bytes)) => {
                let name =
                    file.strip_prefix(&package.folder).map(|inner| inner.display().to_string());
                let name = name.unwrap_or_else(|_| file_name(file));
                self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes(), None);
            }
            None => {
                self.notes.insert(format!(
                    "a file that is included cannot be told or read, so all of `{}` counts",
                    package.name
                ));
                let (folder, name) = (package.folder.clone(), package.name.clone());
                self.folder(&folder, &name);
            }
        }
    }

    /// Adds a variable that the compiler puts in.
    fn variable(&mut self, krate: CrateId, name: &str) {
        let package = &self.index.world.crates[krate].package;
        let own = is_compiled(&package.folder);
        let value = match name {
            "CARGO_PKG_VERSION" if !own => Some(package.version.clone()),
            "CARGO_PKG_NAME" if !own => Some(package.name.clone()),
            "CARGO_MANIFEST_DIR" if !own => Some(package.folder.display().to_string()),
            _ => std::env::var(name).ok(),
        };
        self.add_text(format!("variable {name}"), &format!("{value:?}"));
        if !own
            && value.is_none()
            && let Some(script) = package.build_script.clone()
        {
            // It may be said by the build script to its own compiler alone.
            let text = fs::read_to_string(script).unwrap_or_default();
            self.add_text(format!("build script of {}", package.name), &text);
        }
    }

    /// What holds for all of a crate: files that cannot be understood, and conditions on modules and imports.
    fn krate(&mut self, krate: CrateId, own: &[CrateId]) {
        let it = &self.index.world.crates[krate];
        let package = Rc::clone(&it.package);
        for condition in &it.conditions {
            self.condition(krate, condition, own);
        }
        for path in &it.unread {
            let bytes = fs::read(path).unwrap_or_default();
            let name = path.strip_prefix(&package.folder).unwrap_or(path).display().to_string();
            self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes(), None);
            self.notes.insert(format!(
                "`{name}` cannot be understood, so all of its text counts, comments too"
            ));
        }
        if let Some(why) = &it.opaque {
            self.notes.insert(format!("{why}: the whole package `{}` counts", package.name));
            self.folder(&package.folder, &package.name);
        }
    }

    /// Adds a condition: whether it holds is asked of the compiler, if it is the one of this crate.
    fn condition(&mut self, krate: CrateId, condition: &str, own: &[CrateId]) {
        let package = Rc::clone(&self.index.world.crates[krate].package);
        if !own.contains(&krate) && condition.starts_with("feature") {
            // Which features another package has cannot be asked, but it can be read who asks for which.
            self.add_text(format!("features of {}", package.name), &package.features_text());
            self.requests(&package.name);
            return;
        }
        self.conditions.insert(condition.to_string());
    }

    /// What all packages that are here ask of a package: which features.
    fn requests(&mut self, package: &str) {
        let mut seen = BTreeSet::new();
        let mut lines = BTreeSet::new();
        for krate in &self.index.world.crates {
            let user = &krate.package;
            if !seen.insert(user.name.clone()) {
                continue;
            }
            lines.extend(user.requests(package).map(|request| format!("{} {request}", user.name)));
        }
        let own = self.index.world.crates.first().map(|krate| Rc::clone(&krate.package));
        for feature in own.iter().flat_map(|own| own.features_for(package)) {
            self.conditions.insert(format!("feature = {feature:?}"));
        }
        let lines: Vec<String> = lines.into_iter().collect();
        self.add_text(format!("features asked of {package}"), &lines.join("\n"));
    }

    /// All sources of a package.
    pub(crate) fn folder(&mut self, folder: &FilePath, name: &str) {
        let mut files = BTreeMap::new();
        gather(folder, &mut files, &mut 0, 0);
        let mut hasher = blake3::Hasher::new();
        for (path, digest) in &files {
            let path = path.strip_prefix(folder).unwrap_or(path);
            hasher.update(path.to_string_lossy().as_bytes());
            hasher.update(b"\0");
            hasher.update(digest);
        }
        self.add(format!("package {name}"), *hasher.finalize().as_bytes(), None);
    }

    /// The fingerprint of all that was gathered.
    pub(crate) fn finish(self, own: [u8; 32]) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DOMAIN);
        hasher.update(&own);
        hasher.update(&self.meaning);
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for (name, _) in self.parts.keys() {
            text(name);
        }
        for (_, digest) in self.parts.keys() {
            hasher.update(digest);
        }
        Fingerprint {
            digest: *hasher.finalize().as_bytes(),
            own,
            parts: self
                .parts
                .into_iter()
                .map(|((name, digest), by)| Part {
                    name: name.to_string(),
                    digest,
                    by: by.map(|by| by.to_string()),
                })
                .collect(),
            conditions: self.conditions.into_iter().collect(),
            notes: self.notes.into_iter().collect(),
            missing: self.missing,
        }
    }
}

/// How many bytes of a package's files are read when all of it counts.
const MOST_READ: u64 = 1 << 30;

/// The files of a folder, each with a digest; what is built, cached or hidden is left out.
fn gather(
    folder: &FilePath,
    files: &mut BTreeMap<PathBuf, [u8; 32]>,
    read: &mut u64,
    depth: usize,
) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        let name = file_name(&path);
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            let is_built = name == "target" || path.join("CACHEDIR.TAG").exists();
            if !is_built && depth < 64 {
                gather(&path, files, read, depth + 1);
            }
        } else if kind.is_file() && name != "Cargo.lock" {
            let length = entry.metadata().map_or(0, |metadata| metadata.len());
            *read += length;
            let bytes = if *read <= MOST_READ {
                fs::read(&path).unwrap_or_default()
            } else {
                length.to_le_bytes().to_vec()
            };
            let digest = formatted(&name, &bytes);
            let digest = digest.unwrap_or_else(|| *blake3::hash(&bytes).as_bytes());
            files.insert(path, digest);
        }
    }
}

/// The digest of the items of a Rust file, whatever their format; `None` if it is none.
fn formatted(name: &str, bytes: &[u8]) -> Option<[u8; 32]> {
    if !name.ends_with(".rs") {
        return None;
    }
    let file = syn::parse_file(std::str::from_utf8(bytes).ok()?).ok()?;
    let mut hasher = blake3::Hasher::new();
    for attribute in &file.attrs {
        let tokens = quote::ToTokens::to_token_stream(attribute);
        hasher.update(&canonical::tokens_digest(tokens));
    }
    for item in &file.items {
        hasher.update(&canonical::item_digest(item));
    }
    Some(*hasher.finalize().as_bytes())
}

/// The last part of a path.
pub(crate) fn file_name(path: &FilePath) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
