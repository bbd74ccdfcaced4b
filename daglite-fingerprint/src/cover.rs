//! The fingerprint of a task: the normal form of its function, and of everything that it reaches.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use syn::ext::IdentExt;
use syn::visit::Visit;
use syn::{ItemFn, Path};

use crate::canonical;
use crate::reach::closure::{Reached, Walk};
use crate::reach::index::Index;
use crate::reach::references::{References, Surroundings};
use crate::sources::included::is_compiled;
use crate::sources::manifest::{Package, Target};
use crate::sources::world::{CrateId, Module, ModuleId, NodeId, NodeKind, World};

/// The first bytes of every fingerprint.
const DOMAIN: &[u8] = b"daglite reach v1\0";

/// For how long the sources are taken to be as they were: an editor keeps one process of macros for days.
const FRESH: Duration = Duration::from_secs(1);

/// A function whose fingerprint is asked for.
///
/// ```
/// use daglite_fingerprint::Function;
///
/// let function = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// let asked = Function { function: &function, hash_functions: &[], dependencies: &[], files: &[] };
/// // Without its place in a package, only the function itself counts.
/// let fingerprint = asked.alone();
/// assert!(fingerprint.parts.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// The function, without the attribute that makes it a task.
    pub function: &'a ItemFn,
    /// The functions that hash its arguments.
    pub hash_functions: &'a [&'a Path],
    /// Items that count too.
    pub dependencies: &'a [&'a Path],
    /// Files that count too, relative to the folder of the package.
    pub files: &'a [&'a str],
}

/// Where a function stands.
///
/// ```
/// use daglite_fingerprint::Place;
///
/// let place = Place { package: "app".into(), target: Some("app".into()), file: "app/src/lib.rs".into(), line: 3 };
/// assert_eq!(place.line, 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder of the package's `Cargo.toml`.
    pub package: PathBuf,
    /// The name of the crate that is compiled, if it is known: several may share a file.
    pub target: Option<String>,
    /// The source file.
    pub file: PathBuf,
    /// The line, the first one being 1.
    pub line: usize,
}

/// What stands for a task's code.
///
/// ```
/// # let function = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// # let asked = daglite_fingerprint::Function { function: &function, hash_functions: &[], dependencies: &[], files: &[] };
/// let fingerprint = asked.alone();
/// assert_eq!(fingerprint.digest, asked.alone().digest);
/// assert!(fingerprint.notes.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The 32 bytes that stand for all of it.
    pub digest: [u8; 32],
    /// Those that stand for the function itself.
    pub own: [u8; 32],
    /// What it covers beside the function itself, sorted by name.
    pub parts: Vec<Part>,
    /// Conditions of `cfg` whose truth belongs to the key too: `unix`, `feature = "fast"`.
    pub conditions: Vec<String>,
    /// What could not be seen, and what stands for it: sentences for people.
    pub notes: Vec<String>,
    /// The options that name nothing that can be seen: paths of `dependencies`, or names of `files`.
    pub missing: Vec<String>,
}

/// Something that a fingerprint covers.
///
/// ```
/// use daglite_fingerprint::Part;
///
/// let part = Part { name: "app::scale".into(), digest: [0; 32], by: None };
/// assert_eq!(part.name, "app::scale");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path, or what it is.
    pub name: String,
    /// The digest of its normal form, and of what its names mean.
    pub digest: [u8; 32],
    /// Which part names it first; `None`: the function itself.
    pub by: Option<String>,
}

thread_local! {
    /// The sources that were read last, and when they were looked at: all macros of a build share them.
    static SOURCES: RefCell<Option<(PathBuf, Instant, Rc<Sources>)>> = const { RefCell::new(None) };
}

/// The sources of a package and of those it depends on.
pub(crate) struct Sources {
    package: Rc<Package>,
    /// The index of them.
    pub(crate) index: Index,
    /// The package's own crates.
    pub(crate) crates: Vec<(Target, CrateId)>,
    /// The modules of each file, by crate.
    by_file: HashMap<PathBuf, Vec<(CrateId, Vec<ModuleId>)>>,
}

impl Function<'_> {
    /// The fingerprint of the function alone, when it cannot be told where it stands.
    pub fn alone(&self) -> Fingerprint {
        Fingerprint { digest: self.own(), own: self.own(), ..Fingerprint::default() }
    }

    /// The fingerprint of the function and of the files that were named, in a package whose folder is known.
    pub fn alone_in(&self, package: &FilePath) -> Fingerprint {
        if self.files.is_empty() {
            return self.alone();
        }
        let index = Index::new(World::default());
        let mut cover = Cover::new(&index);
        cover.files(self.files, package);
        cover.finish(self.own())
    }

    /// The digest of the function itself.
    fn own(&self) -> [u8; 32] {
        canonical::fingerprint(self.function, self.hash_functions)
    }

    /// The fingerprint of the function and of everything that it reaches.
    ///
    /// The sources are read at the first call for a package, and again when one of them has changed.
    pub fn at(&self, place: &Place) -> Fingerprint {
        let file = place.file.canonicalize().unwrap_or_else(|_| place.file.clone());
        let (own, spoken) = (self.own(), Spoken::of(self, place));
        let _tokens = OwnTokens::start();
        let Some(sources) = Sources::of(&file, place) else {
            let note = format!(
                "the `Cargo.toml` in `{}` cannot be read, so the fingerprint covers the function alone",
                place.package.display()
            );
            return Fingerprint { notes: vec![note], own, digest: own, ..Fingerprint::default() };
        };
        match sources.module_of(&file, place) {
            Some((module, around)) => self.within(&sources, module, &around, own, &spoken),
            None => {
                // A file that no target has: its crate cannot be told, so all of the package counts.
                let mut cover = Cover::new(&sources.index);
                cover.folder(&sources.package.folder, &sources.package.name);
                cover.notes.insert(format!(
                    "`{}` is in no target of `{}`: the whole package counts",
                    file_name(&place.file),
                    sources.package.name
                ));
                cover.finish(own)
            }
        }
    }

    /// The fingerprint of the function in a module, where `around` are the items that it stands in.
    fn within(
        &self,
        sources: &Sources,
        module: ModuleId,
        around: &[NodeId],
        own: [u8; 32],
        spoken: &Spoken,
    ) -> Fingerprint {
        let index = &sources.index;
        let world = &index.world;
        let inputs = inputs(index, module, spoken);
        let also: Vec<NodeId> = around.iter().copied().chain(inputs).collect();
        let reached = Walk::from(index, module, &spoken.references, &also);
        let mut cover = Cover::new(index);
        for (path, global) in &spoken.dependencies {
            if index.resolver.path(world, module, path, *global).is_empty() {
                cover.missing.push(path.join("::"));
            }
        }
        cover.files(self.files, &sources.package.folder);
        cover.reached(&reached, sources.crates.iter().map(|(_, krate)| *krate).collect());
        cover.finish(own)
    }
}

/// The last part of a path.
fn file_name(path: &FilePath) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// While it lives, tokens are made by ourselves and not by the compiler: reading sources through the compiler's door is
/// several times slower. What the compiler has given must not be touched meanwhile.
struct OwnTokens;

impl OwnTokens {
    /// From now on.
    fn start() -> Self {
        proc_macro2::fallback::force();
        Self
    }
}

impl Drop for OwnTokens {
    fn drop(&mut self) {
        proc_macro2::fallback::unforce();
    }
}

/// What the function itself says, without any tokens.
struct Spoken {
    /// All that it names.
    references: References,
    /// What its parameters name.
    parameters: References,
    /// What the bounds of its type parameters name.
    bounds: References,
    /// The items that `cache_deps` names, and whether the paths start with `::`.
    dependencies: Vec<(Vec<String>, bool)>,
}

impl Spoken {
    /// What `asked` says.
    fn of(asked: &Function<'_>, place: &Place) -> Self {
        let beside = place.file.parent().unwrap_or(FilePath::new(""));
        let surroundings = Surroundings { package: &place.package, beside };
        let signature = &asked.function.sig;
        let segments = |path: &Path| {
            path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect()
        };
        let dependency = |path: &&Path| (segments(path), path.leading_colon.is_some());
        Self {
            references: References::of(&surroundings, |found| {
                found.visit_item_fn(asked.function);
                for path in asked.hash_functions.iter().chain(asked.dependencies) {
                    found.visit_path(path);
                }
            }),
            parameters: References::of(&surroundings, |found| {
                for input in &signature.inputs {
                    found.visit_fn_arg(input);
                }
            }),
            bounds: References::of(&surroundings, |found| {
                if signature.generics.type_params().next().is_some() {
                    found.visit_generics(&signature.generics);
                }
            }),
            dependencies: asked.dependencies.iter().map(dependency).collect(),
        }
    }
}

/// The types whose values may come in from outside without being named: those that implement a trait that a type
/// parameter has, or that an argument holds as `dyn`.
fn inputs(index: &Index, module: ModuleId, spoken: &Spoken) -> BTreeSet<NodeId> {
    let mut traits: BTreeSet<Vec<String>> =
        spoken.bounds.paths.iter().map(|reference| reference.path.clone()).collect();
    traits.extend(spoken.parameters.objects.iter().cloned());
    let mut found = BTreeSet::new();
    let mut pending: Vec<NodeId> = Vec::new();
    for reference in &spoken.parameters.paths {
        pending.extend(index.named(module, &reference.path));
    }
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    for path in traits {
        found.extend(index.who_implements(module, &path));
    }
    while let Some(node) = pending.pop() {
        let is_type = matches!(
            index.world.nodes[node].what,
            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Alias(_)
        );
        if !is_type || !seen.insert(node) {
            continue;
        }
        let facts = index.facts(node);
        let module = index.world.nodes[node].module;
        for path in &facts.references.objects {
            found.extend(index.who_implements(module, path));
        }
        for reference in &facts.references.paths {
            pending.extend(index.named(module, &reference.path));
        }
    }
    found
}

impl Sources {
    /// An index of what was read.
    fn new(package: Rc<Package>, world: World, crates: Vec<(Target, CrateId)>) -> Self {
        let mut by_file: HashMap<PathBuf, Vec<(CrateId, Vec<ModuleId>)>> = HashMap::new();
        for (id, module) in world.modules.iter().enumerate() {
            let of_file = by_file.entry(world.files[module.file].path.clone()).or_default();
            match of_file.iter_mut().find(|(krate, _)| *krate == module.krate) {
                Some((_, modules)) => modules.push(id),
                None => of_file.push((module.krate, vec![id])),
            }
        }
        Self { package, index: Index::new(world), crates, by_file }
    }

    /// The sources of the package at `place`, read anew if they are not as they were.
    fn of(file: &FilePath, place: &Place) -> Option<Rc<Self>> {
        let folder = place.package.canonicalize().ok()?;
        let known = SOURCES.with_borrow_mut(|sources| {
            let (known, looked, sources) = sources.as_mut()?;
            if *known != folder {
                return None;
            }
            if looked.elapsed() > FRESH {
                if !sources.index.world.seen.iter().all(|file| file.is_current()) {
                    return None;
                }
                *looked = Instant::now();
            }
            Some(Rc::clone(sources))
        });
        let known =
            known.filter(|sources| sources.modules_in(file, place.target.as_ref()).is_some());
        if known.is_some() {
            return known;
        }
        let sources = Rc::new(Self::read(&folder, file, place)?);
        let entry = (folder, Instant::now(), Rc::clone(&sources));
        SOURCES.with_borrow_mut(|known| *known = Some(entry));
        Some(sources)
    }

    /// The sources of a package with all its targets.
    pub(crate) fn whole(folder: &FilePath) -> Option<Rc<Self>> {
        let mut world = World::default();
        let package = world.package(folder)?;
        let targets: Vec<Target> = package.library.iter().chain(&package.others).cloned().collect();
        let crates = targets
            .into_iter()
            .map(|target| {
                let krate = world.load(&package, &target);
                (target, krate)
            })
            .collect();
        let sources = Rc::new(Self::new(package, world, crates));
        let entry = (folder.to_path_buf(), Instant::now(), Rc::clone(&sources));
        SOURCES.with_borrow_mut(|known| *known = Some(entry));
        Some(sources)
    }

    /// Reads the package in `folder`, as far as `file` needs it.
    fn read(folder: &FilePath, file: &FilePath, place: &Place) -> Option<Self> {
        let mut world = World::default();
        let package = world.package(folder)?;
        let mut crates = Vec::new();
        for target in candidates(&package, file, place) {
            let krate = world.load(&package, &target);
            crates.push((target, krate));
            let holds =
                |module: &Module| module.krate == krate && world.files[module.file].path == file;
            if world.modules.iter().any(holds) {
                break;
            }
        }
        Some(Self::new(package, world, crates))
    }

    /// The modules of a file, in the crate of that name if several have it.
    fn modules_in(
        &self,
        file: &FilePath,
        target: Option<&String>,
    ) -> Option<(CrateId, &[ModuleId])> {
        let holding = self.by_file.get(file)?;
        let right = |krate: &CrateId| {
            let named =
                self.crates.iter().find(|(_, of)| of == krate).map(|(target, _)| &target.name);
            target.is_none() || named == target
        };
        let found = holding.iter().find(|(krate, _)| right(krate)).or(holding.first());
        found.map(|(krate, modules)| (*krate, modules.as_slice()))
    }

    /// The module that a place is in, and the items around it that are not the function itself.
    fn module_of(&self, file: &FilePath, place: &Place) -> Option<(ModuleId, Vec<NodeId>)> {
        let (_, modules) = self.modules_in(file, place.target.as_ref())?;
        let world = &self.index.world;
        let first = *modules.first()?;
        let modules = modules.iter().copied();
        let text = &world.files[world.modules[first].file].text;
        let offset = match place.line {
            0 | 1 => 0,
            line => text.match_indices('\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
        };
        let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let holding = modules.filter(|module| {
            let (start, end) = world.modules[*module].range;
            start <= offset && offset <= end || start <= line_end && line_end <= end
        });
        let size = |module: &ModuleId| {
            let (start, end) = world.modules[*module].range;
            end - start
        };
        let module = holding.min_by_key(size)?;
        let around = world.modules[module].items.iter().copied().filter(|node| {
            let it = &world.nodes[*node];
            let is_here =
                it.file == world.modules[module].file || it.file == world.modules[first].file;
            is_here && it.owner.is_none() && it.start < offset && line_end < it.end
        });
        // The attributes of the function itself do not make it lie around itself.
        let around = around.filter(|node| {
            let it = &world.nodes[*node];
            offset >= it.attributes_end
        });
        Some((module, around.collect()))
    }
}

/// The targets of a package, the likeliest first.
fn candidates(package: &Package, file: &FilePath, place: &Place) -> Vec<Target> {
    let mut targets: Vec<Target> = package
        .library
        .iter()
        .chain(&package.others)
        .chain(&package.script_target())
        .cloned()
        .collect();
    targets.sort_by_key(|target| {
        let is_root = target.root.canonicalize().is_ok_and(|root| root == file);
        let is_named = place.target.as_ref() == Some(&target.name);
        (!is_root, !is_named)
    });
    targets
}

/// The name of a part, and its digest.
type NamedDigest = (Rc<str>, [u8; 32]);

/// What is gathered for a fingerprint.
struct Cover<'a> {
    index: &'a Index,
    parts: BTreeMap<NamedDigest, Option<Rc<str>>>,
    conditions: BTreeSet<String>,
    notes: BTreeSet<String>,
    missing: Vec<String>,
    meaning: [u8; 32],
}

impl<'a> Cover<'a> {
    /// Nothing gathered yet.
    fn new(index: &'a Index) -> Self {
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
    fn files(&mut self, names: &[&str], package: &FilePath) {
        for name in names {
            match fs::read(package.join(name)) {
                Ok(bytes) => {
                    self.add(format!("file {name}"), *blake3::hash(&bytes).as_bytes(), None);
                }
                Err(_) => self.missing.push((*name).to_string()),
            }
        }
    }

    /// Adds a part whose content is a text.
    fn add_text(&mut self, name: String, text: &str) {
        self.add(name, *blake3::hash(text.as_bytes()).as_bytes(), None);
    }

    /// Adds all that was reached.
    fn reached(&mut self, reached: &Reached, own: Vec<CrateId>) {
        let world = &self.index.world;
        self.meaning = reached.meaning;
        let mut looked_up = reached.looked_up.iter().peekable();
        while let Some((node, module)) = looked_up.next() {
            let mut bytes = self.index.facts(*node).digest.to_vec();
            bytes.extend(self.index.links(*node, *module).meaning);
            while let Some((_, module)) = looked_up.next_if(|(next, _)| next == node) {
                bytes.extend(self.index.links(*node, *module).meaning);
            }
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
    fn folder(&mut self, folder: &FilePath, name: &str) {
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
    fn finish(self, own: [u8; 32]) -> Fingerprint {
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
