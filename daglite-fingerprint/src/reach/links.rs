//! Where the names of one item lead: worked out once, however many functions reach the item.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::index::{ImplOf, Index};
use super::references::{Position, Reference, References};
use super::resolve::Target;
use crate::sources::use_tree::Brought;
use crate::sources::world::{CrateId, ModuleId, Named, NodeId, NodeKind};

/// A name that some member of an impl or trait has, or some macro call mentions.
pub(crate) type Symbol = usize;

/// Where the names of an item lead.
#[derive(Default)]
pub(crate) struct Links {
    /// Items, and the module in which they are named.
    pub(crate) nodes: BTreeSet<(NodeId, ModuleId)>,
    /// Names that are called after a dot, and where.
    pub(crate) called: BTreeSet<(Symbol, ModuleId)>,
    /// Names behind something that is no type of ours, and where: members of traits alone.
    pub(crate) called_of_traits: BTreeSet<(Symbol, ModuleId)>,
    /// Names behind a type or a trait of ours.
    pub(crate) called_of: BTreeSet<(NodeId, Symbol)>,
    /// Packages of the lock, with the crate that uses them.
    pub(crate) packages: BTreeSet<(CrateId, String)>,
    /// Folders of packages that count as a whole.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Crates in which a name cannot be found: what they have not been read of may have it.
    pub(crate) crates: BTreeSet<CrateId>,
    /// The digest of what the names mean.
    pub(crate) meaning: [u8; 32],
    meanings: BTreeSet<String>,
}

impl Links {
    /// Where `references` lead, that stand in an item `by`, or in the function at the root; they are looked up in `modules`.
    pub(crate) fn of(
        index: &Index,
        by: Option<NodeId>,
        modules: &[ModuleId],
        references: &References,
    ) -> Self {
        let mut finder = Finder { index, by, references, links: Self::default() };
        for reference in &references.paths {
            for module in modules {
                finder.name(*module, reference);
            }
        }
        for name in &references.methods {
            for module in modules {
                finder.call(name, *module);
            }
        }
        if !references.methods.is_empty() {
            for module in modules {
                finder.foreign_traits(*module);
            }
        }
        if let Some(by) = by
            && let NodeKind::Call(path) = &index.world.nodes[by].what
        {
            let reference = Reference { path: path.clone(), global: false, at: Position::Macro };
            finder.name(index.world.nodes[by].module, &reference);
        }
        let mut links = finder.links;
        let mut hasher = blake3::Hasher::new();
        for line in std::mem::take(&mut links.meanings) {
            hasher.update(line.as_bytes());
            hasher.update(b"\0");
        }
        links.meaning = *hasher.finalize().as_bytes();
        links
    }
}

/// What is needed to find where names lead.
struct Finder<'a> {
    index: &'a Index,
    by: Option<NodeId>,
    references: &'a References,
    links: Links,
}

impl Finder<'_> {
    /// The crate of a module.
    fn krate(&self, module: ModuleId) -> CrateId {
        self.index.world.modules[module].krate
    }

    /// Notes what a path means.
    fn mean(&mut self, path: &[String], what: &str) {
        self.links.meanings.insert(format!("{} = {what}", path.join("::")));
    }

    /// A name is called after a dot.
    fn call(&mut self, name: &str, module: ModuleId) {
        if let Some(symbol) = self.index.symbol(name) {
            self.links.called.insert((symbol, module));
        }
    }

    /// A name is called behind something that is no type of ours.
    fn call_of_traits(&mut self, name: &str, module: ModuleId) {
        if let Some(symbol) = self.index.symbol(name) {
            self.links.called_of_traits.insert((symbol, module));
        }
    }

    /// A name is called behind a type or a trait of ours.
    fn call_of(&mut self, node: NodeId, name: &str) {
        if let Some(symbol) = self.index.symbol(name) {
            self.links.called_of.insert((node, symbol));
        }
    }

    /// Follows one path.
    fn name(&mut self, module: ModuleId, reference: &Reference) {
        let Reference { path, global, at } = reference;
        if path[0] == "Self" {
            return self.name_of_self(module, path);
        }
        let index = self.index;
        let home = self.by.map(|by| index.world.nodes[by].module);
        let start = if path[0] == "$crate" { home.unwrap_or(module) } else { module };
        let mut targets = index.resolver.path(&index.world, start, path, *global);
        targets.extend(self.by_inner_imports(module, path));
        if *at == Position::Macro
            && let Some(name) = path.last()
        {
            let macros = index.visible_macros(name, module).into_iter();
            targets.extend(macros.map(|node| Target::Node(node, Vec::new())));
        }
        if targets.is_empty() {
            return self.unknown(module, reference);
        }
        targets.sort();
        targets.dedup();
        for target in targets {
            self.follow(module, path, *at, target);
        }
    }

    /// What the path means by the `use` declarations inside of the item.
    fn by_inner_imports(&self, module: ModuleId, path: &[String]) -> Vec<Target> {
        let mut targets = Vec::new();
        for import in &self.references.imports {
            let mut whole = import.path.clone();
            match &import.name {
                Brought::Name(name) if *name == path[0] => whole.extend_from_slice(&path[1..]),
                Brought::Glob => whole.extend_from_slice(path),
                _ => continue,
            }
            let found = self.index.resolver.path(&self.index.world, module, &whole, import.global);
            // A glob of something foreign may or may not bring the name.
            let is_ours = |target: &Target| matches!(target, Target::Node(..) | Target::Module(_));
            let is_glob = import.name == Brought::Glob;
            targets.extend(found.into_iter().filter(|target| !is_glob || is_ours(target)));
        }
        targets
    }

    /// Goes to one thing that a path means.
    fn follow(&mut self, module: ModuleId, path: &[String], at: Position, target: Target) {
        let world = &self.index.world;
        match target {
            Target::Node(node, after) => {
                let can_be_pattern = matches!(
                    world.nodes[node].what,
                    NodeKind::Constant | NodeKind::Static | NodeKind::Struct | NodeKind::Enum(_)
                );
                if at == Position::Pattern && !can_be_pattern {
                    return;
                }
                self.mean(path, &world.label(node));
                self.links.nodes.insert((node, module));
                if let Some(last) = after.last() {
                    self.member_of(node, last, module);
                }
            }
            Target::Module(inner) if at == Position::Text => {
                for target in self.index.resolver.all_in(world, inner) {
                    if let Target::Node(node, _) = target {
                        self.links.nodes.insert((node, module));
                    }
                }
            }
            Target::Module(_) => {}
            Target::Foreign(package, whole) => {
                self.mean(path, &whole);
                if let Some(package) = package {
                    self.links.packages.insert((self.krate(module), package));
                }
                if path.len() > 1 {
                    self.call_of_traits(&path[path.len() - 1], module);
                }
            }
            Target::Macros(folder) => {
                self.links.folders.insert(folder);
            }
            Target::Ours(whole) => self.mean(path, &whole),
        }
    }

    /// `node::name`: a variant, an associated item, or one of a trait.
    fn member_of(&mut self, node: NodeId, name: &str, module: ModuleId) {
        match &self.index.world.nodes[node].what {
            NodeKind::Enum(variants) if variants.iter().any(|variant| variant == name) => {}
            NodeKind::Alias(_) => {
                for node in self.index.behind(node) {
                    self.call_of(node, name);
                }
                self.call_of_traits(name, module);
            }
            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Trait(_) => {
                self.call_of(node, name);
                if !self.index.has_member(node, name) {
                    // It is of a trait that many types have.
                    self.call_of_traits(name, module);
                }
            }
            _ => {}
        }
    }

    /// `Self`, or something of it.
    fn name_of_self(&mut self, module: ModuleId, path: &[String]) {
        let index = self.index;
        let Some(name) = path.get(1) else { return };
        let owner = self.by.and_then(|by| index.world.nodes[by].owner).or(self.by);
        let Some(owner) = owner else { return };
        let mut has_it = false;
        match &index.world.nodes[owner].what {
            NodeKind::Impl(_) => {
                let it = &index.impls[&owner];
                for node in &it.needs {
                    self.call_of(*node, name);
                    has_it |= index.has_member(*node, name);
                }
                if let ImplOf::Ours(traits) = &it.of {
                    for node in traits {
                        self.call_of(*node, name);
                        has_it |= index.has_member(*node, name);
                    }
                }
            }
            _ => {
                self.call_of(owner, name);
                has_it = index.has_member(owner, name);
            }
        }
        if !has_it {
            self.call_of_traits(name, module);
        }
    }

    /// A path that means nothing that we see: of a type parameter, a primitive type, or made by a macro.
    fn unknown(&mut self, module: ModuleId, reference: &Reference) {
        let Reference { path, at, .. } = reference;
        for name in &path[1..] {
            self.call_of_traits(name, module);
        }
        let index = self.index;
        let last = &path[path.len() - 1];
        let homes = self.homes_of_unknown(module, reference);
        for node in index.makers(last, &homes) {
            self.links.nodes.insert((node, index.world.nodes[node].module));
        }
        if path.len() > 1 {
            // The first name may be made too: a type whose member the last one is.
            for node in index.makers(&path[0], &index.with_globs(&[module])) {
                self.links.nodes.insert((node, index.world.nodes[node].module));
            }
        }
        self.links.crates.extend(homes.iter().map(|home| index.world.modules[*home].krate));
        if *at == Position::Macro && path.len() == 1 {
            // `#[macro_use] extern crate …` brings macros that cannot be told apart.
            let krate = self.krate(module);
            let brought = index.extern_crates(krate).iter();
            self.links.packages.extend(brought.map(|package| (krate, package.clone())));
        }
    }

    /// The modules in which a macro may have made what a path names at its end.
    fn homes_of_unknown(&self, module: ModuleId, reference: &Reference) -> Vec<ModuleId> {
        let Self { index, .. } = self;
        let Reference { path, global, .. } = reference;
        let lead = |path: &[String], global: bool| {
            let before = &path[..path.len() - 1];
            let targets = index.resolver.path(&index.world, module, before, global);
            targets.into_iter().filter_map(|target| match target {
                Target::Module(inner) => Some(inner),
                _ => None,
            })
        };
        let mut homes: Vec<ModuleId> = lead(path, *global).collect();
        if path.len() == 1 {
            homes.push(module);
            let named = index.world.modules[module].names.get(&path[0]).into_iter().flatten();
            for named in named {
                if let Named::Import(import) = named {
                    homes.extend(lead(&import.path, import.global));
                }
            }
            for import in &self.references.imports {
                homes.extend(lead(&import.path, import.global));
                if import.name == Brought::Glob {
                    let targets = index.resolver.import(&index.world, module, import);
                    homes.extend(targets.into_iter().filter_map(|target| match target {
                        Target::Module(inner) => Some(inner),
                        _ => None,
                    }));
                }
            }
        }
        index.with_globs(&homes)
    }

    /// The packages from which a module brings what may be a trait, whose methods are called without its name.
    fn foreign_traits(&mut self, module: ModuleId) {
        let index = self.index;
        let krate = self.krate(module);
        for target in index.resolver.open_globs(&index.world, module) {
            match target {
                Target::Foreign(package, path) => {
                    self.links.meanings.insert(format!("* = {path}"));
                    self.links.packages.extend(package.map(|package| (krate, package)));
                }
                Target::Macros(folder) => {
                    self.links.folders.insert(folder);
                }
                _ => {}
            }
        }
        for (name, named) in &index.world.modules[module].names {
            if !name.starts_with(char::is_uppercase) {
                continue;
            }
            for named in named {
                let Named::Import(import) = named else { continue };
                for target in index.resolver.import(&index.world, module, import) {
                    if let Target::Foreign(Some(package), _) = target {
                        self.links.packages.insert((krate, package));
                    }
                }
            }
        }
    }
}
