//! Reads the crates of a package, and of all that it depends on by a path, into a [`World`].

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use syn::parse::Parser;

use crate::known::PLAIN_DERIVES;

use super::manifest::{Dependency, Lock, Package, Target};
use super::skim::{ImplHead, Skimmed, What, items};
use super::use_tree::{Brought, Import};
use super::world::{
    Crate, CrateId, Extern, File, Module, ModuleId, Named, Node, NodeId, NodeKind, Seen, World,
};

/// How deep modules may lie in each other: more is a circle of `#[path]`.
const DEEPEST: usize = 128;

/// Packages that are no part of what a task reaches: what of them counts is the version of the key.
const OURS: [&str; 3] = ["daglite", "daglite-macros", "daglite-fingerprint"];

/// Where the items of a file go.
#[derive(Clone, Copy)]
struct Place {
    krate: CrateId,
    module: ModuleId,
    file: usize,
    depth: usize,
}

impl World {
    /// The package in `folder`.
    pub(crate) fn package(&mut self, folder: &Path) -> Option<Rc<Package>> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        if let Some(known) = self.packages.get(&folder) {
            return known.clone();
        }
        self.seen.push(Seen::of(&folder.join("Cargo.toml")));
        let package = Package::read(&folder).map(Rc::new);
        if let Some((lock, file)) = Lock::of(&folder) {
            self.seen.push(Seen::of(&file));
            self.locks.insert(folder.clone(), Rc::new(lock));
        }
        self.packages.insert(folder, package.clone());
        package
    }

    /// The crate of a target, read with all crates beside it that it depends on.
    pub(crate) fn load(&mut self, package: &Rc<Package>, target: &Target) -> CrateId {
        let root = target.root.canonicalize().unwrap_or_else(|_| target.root.clone());
        let key = (root.clone(), target.name.clone());
        if let Some(known) = self.by_root.get(&key) {
            return *known;
        }
        let krate = self.crates.len();
        self.by_root.insert(key, krate);
        let is_library = package.library.as_ref() == Some(target);
        let label = if is_library {
            package.name.clone()
        } else {
            format!("{}/{}", package.name, target.name)
        };
        self.crates.push(Crate {
            package: Rc::clone(package),
            conditions: BTreeSet::new(),
            root: self.modules.len(),
            externs: HashMap::new(),
            macros: HashMap::new(),
            unread: Vec::new(),
            opaque: None,
        });
        let folder = root.parent().map(Path::to_path_buf).unwrap_or_default();
        self.module_in_file(krate, None, label, &root, &folder, 0);
        self.modules_of_macros(krate);
        self.crates[krate].externs = self.externs(package, is_library);
        krate
    }

    /// The modules that macro calls may declare: a name among the tokens that is the name of a file.
    fn modules_of_macros(&mut self, krate: CrateId) {
        let mut at = 0;
        while at < self.nodes.len() {
            let it = &self.nodes[at];
            let module = it.module;
            at += 1;
            let NodeKind::Call(path) = &it.what else { continue };
            if self.modules[module].krate != krate || it.owner.is_some() {
                continue;
            }
            let last = path.last().cloned().unwrap_or_default();
            let defined = self.crates[krate].macros.get(&last).into_iter().flatten();
            let mut texts = vec![self.text(at - 1)];
            texts.extend(defined.map(|node| self.text(*node)));
            if !texts.iter().any(|text| text.contains("mod")) {
                continue;
            }
            let words: BTreeSet<String> = texts
                .iter()
                .flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
                .filter(|word| !word.is_empty() && !self.modules[module].names.contains_key(*word))
                .map(str::to_string)
                .collect();
            let folder = self.modules[module].folder.clone();
            let depth = self.modules[module].path.matches("::").count();
            let place = Place { krate, module, file: self.modules[module].file, depth };
            for word in words {
                self.add_module(&word, None, &[], (0, 0), place, &folder, &folder);
            }
        }
    }

    /// What the names of a package's dependencies stand for.
    fn externs(&mut self, package: &Rc<Package>, is_library: bool) -> HashMap<String, Extern> {
        let mut externs = HashMap::new();
        for (name, dependency) in &package.dependencies {
            let found = match dependency {
                Dependency::Locked(package) if OURS.contains(&package.as_str()) => Extern::Ours,
                Dependency::Locked(package) => Extern::Locked(package.clone()),
                Dependency::Folder(folder) => match self.package(folder) {
                    Some(package) if OURS.contains(&package.name.as_str()) => Extern::Ours,
                    Some(package) if package.is_macros => Extern::Macros(package.folder.clone()),
                    Some(package) => match package.library.clone() {
                        Some(library) => Extern::Here(self.load(&package, &library)),
                        None => Extern::Macros(package.folder.clone()),
                    },
                    // Its sources cannot be found, so all that is known of it is its name.
                    None => Extern::Locked(name.clone()),
                },
            };
            externs.insert(name.clone(), found);
        }
        if let (false, Some(library)) = (is_library, package.library.clone()) {
            let name = library.name.clone();
            let found = if package.is_macros {
                Extern::Macros(package.folder.clone())
            } else {
                Extern::Here(self.load(package, &library))
            };
            externs.insert(name, found);
        }
        externs
    }

    /// A module that has a file for itself; its own modules are looked for in `folder`.
    fn module_in_file(
        &mut self,
        krate: CrateId,
        parent: Option<ModuleId>,
        path: String,
        file: &Path,
        folder: &Path,
        depth: usize,
    ) {
        let (index, skimmed) = self.read(krate, file);
        let range = (0, self.files[index].text.len());
        let module = self.new_module(krate, parent, path, index, range);
        let place = Place { krate, module, file: index, depth };
        self.add_all(skimmed, place, folder, file.parent().unwrap_or(folder));
    }

    /// A module without anything in it.
    fn new_module(
        &mut self,
        krate: CrateId,
        parent: Option<ModuleId>,
        path: String,
        file: usize,
        range: (usize, usize),
    ) -> ModuleId {
        self.modules.push(Module {
            krate,
            parent,
            path,
            file,
            range,
            names: HashMap::new(),
            globs: Vec::new(),
            nameless: Vec::new(),
            calls: Vec::new(),
            items: Vec::new(),
            macro_use: false,
            folder: PathBuf::new(),
        });
        self.modules.len() - 1
    }

    /// Reads a file: its index, and its items.
    fn read(&mut self, krate: CrateId, path: &Path) -> (usize, Vec<Skimmed>) {
        self.seen.push(Seen::of(path));
        let text = fs::read_to_string(path).ok();
        let skimmed = text.as_deref().and_then(items);
        if skimmed.is_none() {
            self.crates[krate].unread.push(path.to_path_buf());
        }
        let text = if skimmed.is_some() { text.unwrap_or_default() } else { String::new() };
        self.files.push(File::new(path.to_path_buf(), text));
        (self.files.len() - 1, skimmed.unwrap_or_default())
    }

    /// Adds the items of a file or of a module in it. `folder` is where the files of modules are, `beside` where
    /// `#[path]` starts.
    fn add_all(&mut self, skimmed: Vec<Skimmed>, place: Place, folder: &Path, beside: &Path) {
        self.modules[place.module].folder = folder.to_path_buf();
        for item in skimmed {
            self.add(item, place, folder, beside);
        }
    }

    /// Adds an item.
    fn add(&mut self, item: Skimmed, place: Place, folder: &Path, beside: &Path) {
        let Skimmed { what, name, start, end, attributes, conditional, has_impls } = item;
        let has_attribute = |name: &str| {
            let text = &self.files[place.file].text;
            attributes.iter().any(|(start, end)| text[*start..*end].contains(name))
        };
        let has_macros = attributes
            .iter()
            .any(|(start, end)| may_be_a_macro(&self.files[place.file].text[*start..*end]));
        let exported = has_attribute("macro_export");
        let macro_use = has_attribute("macro_use");
        let attributes_end = attributes.last().map_or(start, |(_, end)| *end);
        let Place { krate, module, .. } = place;
        if conditional && matches!(what, What::Use(_) | What::Module(..) | What::ExternCrate(_)) {
            let text = &self.files[place.file].text;
            let conditions = conditions(attributes.iter().map(|(start, end)| &text[*start..*end]));
            self.crates[krate].conditions.extend(conditions);
        }
        let what = match what {
            What::Use(imports) => return self.add_imports(module, imports),
            What::ExternCrate(original) => {
                let alias = name.unwrap_or_default();
                let own = original == "self";
                let import = Import {
                    path: vec![if own { "crate".to_string() } else { original }],
                    global: !own,
                    name: Brought::Name(alias),
                    conditional,
                };
                return self.add_imports(module, vec![import]);
            }
            What::Module(inner, paths) => {
                let name = name.unwrap_or_default();
                let first = self.modules.len();
                self.add_module(&name, inner, &paths, (start, end), place, folder, beside);
                // The module itself and, if its place depends on conditions, its twins.
                for module in first..self.modules.len() {
                    if self.modules[module].parent == Some(place.module) {
                        self.modules[module].macro_use = macro_use;
                    }
                }
                return;
            }
            What::Foreign(names) => {
                let node =
                    self.new_node(NodeKind::Foreign, place, (start, end), "extern".to_string());
                self.nodes[node].conditional = conditional;
                for name in names {
                    self.modules[module].names.entry(name).or_default().push(Named::Node(node));
                }
                return;
            }
            What::Call(path) if path.last().is_some_and(|last| last == "include") => {
                return self.add_included((start, end), place, folder, beside);
            }
            What::Trait(head, members) => {
                let name = name.unwrap_or_default();
                return self.add_owner(
                    NodeKind::Trait(head),
                    name,
                    members,
                    (start, end),
                    place,
                    conditional,
                );
            }
            What::Impl(head, members) => {
                let name = impl_name(&head);
                return self.add_owner(
                    NodeKind::Impl(head),
                    name,
                    members,
                    (start, end),
                    place,
                    conditional,
                );
            }
            what => leaf(what),
        };
        let name = name.unwrap_or_default();
        let is_macro = matches!(what, NodeKind::Macro);
        let is_call = matches!(what, NodeKind::Call(_));
        let node = self.new_node(what, place, (start, end), name.clone());
        self.nodes[node].conditional = conditional;
        self.nodes[node].attributes_end = attributes_end;
        self.nodes[node].has_impls = has_impls;
        self.nodes[node].has_macros = has_macros;
        if is_macro {
            self.nodes[node].exported = exported;
            self.crates[krate].macros.entry(name.clone()).or_default().push(node);
        }
        if is_call {
            self.modules[module].calls.push(node);
        } else {
            self.modules[module].names.entry(name).or_default().push(Named::Node(node));
        }
    }

    /// A new item of a module.
    fn new_node(
        &mut self,
        what: NodeKind,
        place: Place,
        (start, end): (usize, usize),
        name: String,
    ) -> NodeId {
        let node = self.nodes.len();
        self.nodes.push(Node {
            what,
            module: place.module,
            file: place.file,
            start,
            end,
            attributes_end: start,
            name,
            owner: None,
            members: Vec::new(),
            conditional: false,
            has_impls: false,
            has_macros: false,
            exported: false,
        });
        self.modules[place.module].items.push(node);
        node
    }

    /// A trait or an impl, with its members.
    fn add_owner(
        &mut self,
        what: NodeKind,
        name: String,
        members: Vec<Skimmed>,
        range: (usize, usize),
        place: Place,
        conditional: bool,
    ) {
        let is_trait = matches!(what, NodeKind::Trait(_));
        let owner = self.new_node(what, place, range, name.clone());
        self.nodes[owner].conditional = conditional;
        if is_trait {
            let names = &mut self.modules[place.module].names;
            names.entry(name).or_default().push(Named::Node(owner));
        }
        for member in members {
            let Skimmed { what, name, start, end, conditional, has_impls, .. } = member;
            let node = self.new_node(leaf(what), place, (start, end), name.unwrap_or_default());
            self.nodes[node].has_impls = has_impls;
            self.nodes[node].owner = Some(owner);
            self.nodes[node].conditional = conditional;
            self.nodes[owner].members.push(node);
        }
    }

    /// Adds what a `use` brings.
    fn add_imports(&mut self, module: ModuleId, imports: Vec<Import>) {
        let module = &mut self.modules[module];
        for import in imports {
            match &import.name {
                Brought::Name(name) => {
                    let name = name.clone();
                    module.names.entry(name).or_default().push(Named::Import(Rc::new(import)));
                }
                Brought::Glob => module.globs.push(import),
                Brought::Nameless => module.nameless.push(import),
            }
        }
    }

    /// Adds a module, in place or in the files where it may be.
    #[expect(clippy::too_many_arguments, reason = "a module is all of this")]
    fn add_module(
        &mut self,
        name: &str,
        inner: Option<Vec<Skimmed>>,
        paths: &[String],
        range: (usize, usize),
        place: Place,
        folder: &Path,
        beside: &Path,
    ) {
        let Place { krate, module, file, depth } = place;
        let path = format!("{}::{name}", self.modules[module].path);
        let next = self.modules.len();
        if depth > DEEPEST {
            self.crates[krate].opaque = Some(format!("the modules at `{path}` go in a circle"));
            return;
        }
        if let Some(items) = inner {
            let new = self.new_module(krate, Some(module), path, file, range);
            let named = &mut self.modules[module].names;
            named.entry(name.to_string()).or_default().push(Named::Module(new));
            let folder = match paths.first() {
                Some(path) => beside.join(path),
                None => folder.join(name),
            };
            let place = Place { module: new, depth: depth + 1, ..place };
            return self.add_all(items, place, &folder, &folder);
        }
        let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
        for path in paths {
            let path = beside.join(path);
            let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
            found.push((path, folder));
        }
        found.push((folder.join(format!("{name}.rs")), folder.join(name)));
        found.push((folder.join(name).join("mod.rs"), folder.join(name)));
        let is_open = |path: &Path| path.is_file();
        for (file, folder) in found.into_iter().filter(|(file, _)| is_open(file)) {
            let next = self.modules.len();
            self.module_in_file(krate, Some(module), path.clone(), &file, &folder, depth + 1);
            let named = &mut self.modules[module].names;
            named.entry(name.to_string()).or_default().push(Named::Module(next));
        }
        if self.modules.len() == next {
            // Under a configuration that does not hold, or the compiler will say so.
            self.seen.push(Seen::of(&folder.join(format!("{name}.rs"))));
        }
    }

    /// The items of a file that `include!` puts here.
    fn add_included(
        &mut self,
        (start, end): (usize, usize),
        place: Place,
        folder: &Path,
        beside: &Path,
    ) {
        let call = &self.files[place.file].text[start..end];
        let own = self.crates[place.krate].package.folder.clone();
        let path = syn::parse_str::<syn::ItemMacro>(call)
            .ok()
            .and_then(|call| super::included::path_of(call.mac.tokens, &own));
        let Some(path) = path.map(|path| beside.join(path)).filter(|path| path.is_file()) else {
            let why = "a file that `include!` names is not there, or is made by a build script";
            self.crates[place.krate].opaque = Some(why.to_string());
            return;
        };
        let (file, skimmed) = self.read(place.krate, &path);
        if place.depth > DEEPEST {
            self.crates[place.krate].opaque = Some("an `include!` includes itself".to_string());
            return;
        }
        let beside = path.parent().unwrap_or(beside).to_path_buf();
        let place = Place { file, depth: place.depth + 1, ..place };
        self.add_all(skimmed, place, folder, &beside);
    }
}

/// Attributes that make no items with names of their own.
const PLAIN_ATTRIBUTES: [&str; 16] = [
    "allow",
    "cfg",
    "deprecated",
    "deny",
    "doc",
    "expect",
    "inline",
    "must_use",
    "non_exhaustive",
    "repr",
    "serde",
    "task",
    "test",
    "track_caller",
    "warn",
    "content_hash",
];

/// Whether an attribute may be a macro, or derive by one, that makes items of its own.
fn may_be_a_macro(attribute: &str) -> bool {
    let mut words =
        attribute.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return false };
    match first {
        "derive" => {
            words.any(|word| word.starts_with(char::is_uppercase) && !PLAIN_DERIVES.contains(&word))
        }
        "cfg_attr" => true,
        first => !PLAIN_ATTRIBUTES.contains(&first),
    }
}

/// The conditions in the texts of attributes.
fn conditions<'a>(attributes: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in attributes {
        let attributes = syn::Attribute::parse_outer.parse_str(text).unwrap_or_default();
        for attribute in attributes {
            if let syn::Meta::List(list) = attribute.meta
                && (list.path.is_ident("cfg") || list.path.is_ident("cfg_attr"))
            {
                super::conditions::of(list.tokens, &mut found);
            }
        }
    }
    found
}

/// The kind of an item that has no items in it.
fn leaf(what: What) -> NodeKind {
    match what {
        What::Function => NodeKind::Function,
        What::Struct => NodeKind::Struct,
        What::Enum(variants) => NodeKind::Enum(variants),
        What::Constant => NodeKind::Constant,
        What::Static => NodeKind::Static,
        What::Alias(paths) => NodeKind::Alias(paths),
        What::Macro => NodeKind::Macro,
        What::Call(path) => NodeKind::Call(path),
        // None of these is a member, or has come here.
        What::Trait(..)
        | What::Impl(..)
        | What::Foreign(_)
        | What::Module(..)
        | What::Use(_)
        | What::ExternCrate(_) => NodeKind::Foreign,
    }
}

/// What an impl is called in fingerprints: the names of its trait and of its types, whatever their arguments.
fn impl_name(head: &ImplHead) -> String {
    let last = |path: &Vec<String>| path.last().cloned().unwrap_or_default();
    let types: Vec<String> = head.types.iter().map(last).collect();
    let types = if types.is_empty() { "_".to_string() } else { types.join(" ") };
    match &head.of_trait {
        Some(of_trait) => format!("impl {} for {types}", last(of_trait)),
        None => format!("impl {types}"),
    }
}
