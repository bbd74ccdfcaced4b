//! What is gathered for a fingerprint: items, packages, files, variables and conditions, each with a digest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::canonical;
use crate::closed::Closed;
use crate::cover::Fingerprint;
use crate::held::FRESH;
use crate::reach::closure::{Outside, Reached};
use crate::reach::index::Index;
use crate::reach::steps::StepId;
use crate::sources::included::is_compiled;
use crate::sources::world::CrateId;

/// The name of a part, and its digest.
pub(crate) type NamedDigest = (Arc<str>, [u8; 32]);

/// What is gathered for a fingerprint.
pub(crate) struct Gathered<'a> {
    index: &'a Index,
    /// What is no item.
    pub(crate) parts: BTreeMap<NamedDigest, Option<Arc<str>>>,
    /// Conditions whose truth counts.
    pub(crate) conditions: BTreeSet<String>,
    /// What users should know.
    pub(crate) notes: BTreeSet<String>,
    /// The options that name nothing.
    pub(crate) missing: Vec<String>,
}

/// What was gathered, by the steps of the functions that lead to it.
#[derive(Default)]
pub(crate) struct ClosedOnes {
    by_start: HashMap<Vec<StepId>, Rc<Closed>>,
    /// How many parts they have together.
    parts: usize,
}

/// How many parts are held: with more of them, what was gathered is forgotten.
const MOST_HELD: usize = 1_000_000;

impl ClosedOnes {
    /// What was gathered for functions with these steps.
    pub(crate) fn get(&self, start: &[StepId]) -> Option<Rc<Closed>> {
        self.by_start.get(start).cloned()
    }

    /// Holds what was gathered.
    pub(crate) fn hold(&mut self, start: Vec<StepId>, closed: &Rc<Closed>) {
        if self.parts > MOST_HELD {
            *self = Self::default();
        }
        self.parts += closed.parts.len();
        self.by_start.insert(start, Rc::clone(closed));
    }
}

/// The digest of what all packages ask of one, and conditions: the features of ours that lead to it.
type Requests = ([u8; 32], Vec<String>);

/// What is known of packages, by their names.
#[derive(Default)]
pub(crate) struct Packages {
    /// What all packages that are here ask of one, and the features of ours that lead to it.
    requests: HashMap<String, Rc<Requests>>,
    /// What stands for a package that a crate uses.
    locked: HashMap<(CrateId, String), [u8; 32]>,
    /// What stands for all files of a folder, and when they were read.
    folders: HashMap<PathBuf, (Instant, [u8; 32])>,
    /// What stands for Rust files of some content, whatever their format.
    formatted: Formatted,
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
        }
    }

    /// Adds a part.
    fn add(&mut self, name: impl Into<Arc<str>>, digest: [u8; 32]) {
        self.parts.entry((name.into(), digest)).or_insert(None);
    }

    /// The files that the option `cache_deps` names.
    pub(crate) fn files(&mut self, names: &[&str], package: &FilePath) {
        for name in names {
            match fs::read(package.join(name)) {
                Ok(bytes) => {
                    self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes());
                }
                Err(_) => self.missing.push((*name).to_string()),
            }
        }
    }

    /// Lets the whole text of a file count: for `line!` and `column!` in the function itself.
    pub(crate) fn place(&mut self, file: &FilePath) {
        let bytes = fs::read(file).unwrap_or_default();
        self.add(format!("place in {}", file_name(file)), *blake3::hash(&bytes).as_bytes());
    }

    /// Adds a part whose content is a text.
    fn add_text(&mut self, name: String, text: &str) {
        self.add(name, *blake3::hash(text.as_bytes()).as_bytes());
    }

    /// Adds what was reached beside items, as far as the sources and the manifests say it.
    pub(crate) fn inside(&mut self, reached: &Reached, own: &[CrateId]) {
        for (krate, package) in &reached.packages {
            self.package(*krate, package);
        }
        for krate in &reached.outside.crates {
            for condition in &self.index.world.crates[*krate].conditions {
                self.condition(*krate, condition, own);
            }
        }
        for (krate, condition) in &reached.conditions {
            self.condition(*krate, condition, own);
        }
    }

    /// Adds what was reached outside of the sources.
    pub(crate) fn outside(&mut self, outside: &Outside) {
        for folder in &outside.folders {
            self.folder(folder, &file_name(folder));
        }
        for (krate, file) in &outside.files {
            self.file(*krate, file.as_deref());
        }
        for (krate, name) in &outside.variables {
            self.variable(*krate, name);
        }
        for krate in &outside.crates {
            self.krate(*krate);
        }
    }

    /// Adds a package of the lock, with all that it needs.
    fn package(&mut self, krate: CrateId, package: &str) {
        let key = (krate, package.to_string());
        let known = self.index.packages.borrow().locked.get(&key).copied();
        let digest = known.unwrap_or_else(|| {
            let world = &self.index.world;
            let user = &world.crates[krate].package;
            let lock = user.folder.canonicalize().ok().and_then(|folder| world.locks.get(&folder));
            let text = match lock {
                Some(lock) => lock.reached(&user.name, package).join("\n"),
                None => "not locked".to_string(),
            };
            *blake3::hash(text.as_bytes()).as_bytes()
        });
        self.index.packages.borrow_mut().locked.insert(key, digest);
        self.add(format!("package {package}"), digest);
        self.requests(package);
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
                self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes());
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

    /// What holds for all of a crate: files that cannot be understood.
    fn krate(&mut self, krate: CrateId) {
        let it = &self.index.world.crates[krate];
        let package = Rc::clone(&it.package);
        for path in &it.unread {
            let bytes = fs::read(path).unwrap_or_default();
            let name = path.strip_prefix(&package.folder).unwrap_or(path).display().to_string();
            self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes());
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
        let known = self.index.packages.borrow().requests.get(package).cloned();
        let known = known.unwrap_or_else(|| {
            let asked = Rc::new(self.asked_of(package));
            let mut packages = self.index.packages.borrow_mut();
            packages.requests.insert(package.to_string(), Rc::clone(&asked));
            asked
        });
        self.conditions.extend(known.1.iter().cloned());
        self.add(format!("features asked of {package}"), known.0);
    }

    /// The digest of what all packages ask of one, and the conditions that are the features of ours that lead to it.
    fn asked_of(&self, package: &str) -> Requests {
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
        let features = own.iter().flat_map(|own| own.features_for(package));
        let conditions = features.map(|feature| format!("feature = {feature:?}")).collect();
        let lines: Vec<String> = lines.into_iter().collect();
        (*blake3::hash(lines.join("\n").as_bytes()).as_bytes(), conditions)
    }

    /// All sources of a package.
    pub(crate) fn folder(&mut self, folder: &FilePath, name: &str) {
        let known = self.index.packages.borrow().folders.get(folder).copied();
        let (_, digest) = known.filter(|(when, _)| when.elapsed() < FRESH).unwrap_or_else(|| {
            let digest = digest_of_folder(folder, &mut self.index.packages.borrow_mut().formatted);
            let entry = (Instant::now(), digest);
            self.index.packages.borrow_mut().folders.insert(folder.to_path_buf(), entry);
            entry
        });
        self.add(format!("package {name}"), digest);
    }

    /// The fingerprint of a function with this digest of its own, and of all that was gathered.
    pub(crate) fn finish(self, own: [u8; 32]) -> Fingerprint {
        Closed::default().with(own, [0; 32], self)
    }
}

/// The digests of the items of Rust files, by the digests of their bytes.
type Formatted = HashMap<[u8; 32], Option<[u8; 32]>>;

/// What stands for all sources in a folder.
fn digest_of_folder(folder: &FilePath, formatted: &mut Formatted) -> [u8; 32] {
    let mut files = BTreeMap::new();
    gather(folder, &mut files, formatted, &mut 0, 0);
    let mut hasher = blake3::Hasher::new();
    for (path, digest) in &files {
        let path = path.strip_prefix(folder).unwrap_or(path);
        hasher.update(path.to_string_lossy().as_bytes());
        hasher.update(b"\0");
        hasher.update(digest);
    }
    *hasher.finalize().as_bytes()
}

/// How many bytes of a package's files are read when all of it counts.
const MOST_READ: u64 = 1 << 30;

/// The files of a folder, each with a digest; what is built, cached or hidden is left out.
fn gather(
    folder: &FilePath,
    files: &mut BTreeMap<PathBuf, [u8; 32]>,
    known: &mut Formatted,
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
                gather(&path, files, known, read, depth + 1);
            }
        } else if kind.is_file() && name != "Cargo.lock" {
            let length = entry.metadata().map_or(0, |metadata| metadata.len());
            *read += length;
            let bytes = if *read <= MOST_READ {
                fs::read(&path).unwrap_or_default()
            } else {
                length.to_le_bytes().to_vec()
            };
            let plain = *blake3::hash(&bytes).as_bytes();
            let digest = match name.ends_with(".rs") {
                true => *known.entry(plain).or_insert_with(|| formatted(&bytes)),
                false => None,
            };
            files.insert(path, digest.unwrap_or(plain));
        }
    }
}

/// The digest of the items of a Rust file, whatever their format; `None` if it cannot be parsed.
fn formatted(bytes: &[u8]) -> Option<[u8; 32]> {
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
