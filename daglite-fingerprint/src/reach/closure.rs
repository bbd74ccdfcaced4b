//! Everything that a function can come to use: items, packages, files, variables and conditions.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use super::index::{ImplOf, Index};
use super::references::{Position, Reference, References};
use super::resolve::Target;
use crate::sources::use_tree::Brought;
use crate::sources::world::{CrateId, Extern, ModuleId, Named, NodeId, NodeKind};

/// Everything that a function can come to use.
#[derive(Default)]
pub(crate) struct Reached {
    /// The items, each with who named it first.
    pub(crate) nodes: BTreeMap<NodeId, Option<NodeId>>,
    /// For each item that names others: what its names mean.
    pub(crate) meanings: BTreeMap<NodeId, BTreeSet<String>>,
    /// What the names of the function itself mean.
    pub(crate) own_meanings: BTreeSet<String>,
    /// Packages of the lock, with the crate that uses them.
    pub(crate) packages: BTreeSet<(CrateId, String)>,
    /// Folders of packages that count as a whole.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Files that the compiler puts in, with the crate; `None`: one that cannot be told.
    pub(crate) files: BTreeSet<(CrateId, Option<PathBuf>)>,
    /// Variables of the environment that the compiler puts in.
    pub(crate) variables: BTreeSet<(CrateId, String)>,
    /// Conditions of `cfg`.
    pub(crate) conditions: BTreeSet<(CrateId, String)>,
    /// The crates that any of it is in.
    pub(crate) crates: BTreeSet<CrateId>,
}

/// Who names something: the function at the root, or an item.
type Namer = Option<NodeId>;

/// The walk.
pub(crate) struct Walk<'a> {
    index: &'a Index,
    reached: Reached,
    /// What is to be looked at: an item, and the module in which its names are looked up too.
    queue: Vec<(NodeId, ModuleId)>,
    queued: HashSet<(NodeId, ModuleId)>,
    /// Names that are called after a dot, and the modules in which.
    called: HashMap<String, HashSet<ModuleId>>,
    /// Names behind something that is no type of ours: members of traits alone.
    called_of_traits: HashMap<String, HashSet<ModuleId>>,
    /// Names behind a type or a trait of ours.
    called_of: HashSet<(NodeId, String)>,
    /// Impls of which all types are there.
    usable: HashSet<NodeId>,
    /// How many types an impl still lacks.
    lacking: HashMap<NodeId, usize>,
}

impl<'a> Walk<'a> {
    /// All that is reached by a function in `module` with these references.
    pub(crate) fn from(
        index: &'a Index,
        module: ModuleId,
        references: &References,
        also: &[NodeId],
    ) -> Reached {
        let mut walk = Walk {
            index,
            reached: Reached::default(),
            queue: Vec::new(),
            queued: HashSet::new(),
            called: HashMap::new(),
            called_of_traits: HashMap::new(),
            called_of: HashSet::new(),
            usable: HashSet::new(),
            lacking: HashMap::new(),
        };
        for node in &index.open_impls {
            walk.usable.insert(*node);
        }
        walk.reached.crates.insert(index.world.modules[module].krate);
        for node in &index.open_impls {
            walk.use_impl(*node);
        }
        for node in also {
            walk.reach(*node, index.world.nodes[*node].module, None);
        }
        walk.names(None, &[module], references);
        while let Some((node, context)) = walk.queue.pop() {
            walk.look_at(node, context);
        }
        walk.reached
    }

    fn kind(&self, node: NodeId) -> &'a NodeKind {
        &self.index.world.nodes[node].what
    }

    fn krate(&self, module: ModuleId) -> CrateId {
        self.index.world.modules[module].krate
    }

    fn is_reached(&self, node: NodeId) -> bool {
        self.reached.nodes.contains_key(&node)
    }

    /// An item is named: by whom, and for a macro where.
    fn reach(&mut self, node: NodeId, context: ModuleId, by: Namer) {
        let it = &self.index.world.nodes[node];
        let context = if matches!(it.what, NodeKind::Macro | NodeKind::Call(_)) { context } else { it.module };
        if !self.queued.insert((node, context)) {
            return;
        }
        self.queue.push((node, context));
        let is_new = !self.is_reached(node);
        self.reached.nodes.entry(node).or_insert(by);
        if !is_new {
            return;
        }
        self.reached.crates.insert(self.krate(it.module));
        if let Some(owner) = it.owner {
            self.reach(owner, context, Some(node));
        }
        if let NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Trait(_) = it.what {
            self.new_type(node);
        }
        if let NodeKind::Alias(_) = it.what
            && it.owner.is_none()
        {
            for found in self.index.behind(node) {
                self.reach(found, context, Some(node));
            }
        }
    }

    /// A type or a trait of ours is named: its impls may be used now.
    fn new_type(&mut self, node: NodeId) {
        let index = self.index;
        for of in index.impls_by_type.get(&node).into_iter().flatten() {
            let needs = index.impls[of].needs.len();
            let lacking = self.lacking.entry(*of).or_insert(needs);
            *lacking -= 1;
            if *lacking == 0 && self.usable.insert(*of) {
                self.use_impl(*of);
            }
        }
        if let NodeKind::Trait(_) = self.kind(node) {
            self.try_members(node);
            for of in index.impls_by_trait.get(&node).into_iter().flatten() {
                if self.usable.contains(of) {
                    self.try_members(*of);
                }
            }
        }
        for call in index.calls_by_type.get(&node).into_iter().flatten() {
            if index.calls[call].has_impl {
                self.reach(*call, index.world.nodes[*call].module, Some(node));
            }
        }
    }

    /// All types of an impl are there.
    fn use_impl(&mut self, node: NodeId) {
        let index = self.index;
        match &index.impls[&node].of {
            ImplOf::Foreign => {
                if index.impls[&node].needs.is_empty() {
                    // Made by a macro for types that cannot be seen: only what calls it by name counts.
                    return self.try_members(node);
                }
                let by = index.impls[&node].needs.first().copied();
                let it = &index.world.nodes[node];
                self.reach(node, it.module, by);
                for member in &it.members {
                    self.reach(*member, it.module, Some(node));
                }
            }
            ImplOf::Inherent => self.try_members(node),
            ImplOf::Ours(traits) => {
                self.try_members(node);
                for of in traits {
                    self.try_members(*of);
                }
            }
        }
    }

    /// Reaches those members of an impl or a trait that something calls.
    fn try_members(&mut self, owner: NodeId) {
        for member in &self.index.world.nodes[owner].members {
            self.try_member(*member, owner);
        }
    }

    fn try_member(&mut self, member: NodeId, owner: NodeId) {
        if self.is_reached(member) || !self.is_called(member, owner) {
            return;
        }
        let module = self.index.world.nodes[member].module;
        let by = match self.kind(owner) {
            NodeKind::Impl(_) => self.index.impls[&owner].needs.first().copied(),
            _ => Some(owner),
        };
        let by = by.filter(|by| self.is_reached(*by));
        self.reach(member, module, by);
    }

    fn is_called(&self, member: NodeId, owner: NodeId) -> bool {
        let it = &self.index.world.nodes[member];
        if matches!(it.what, NodeKind::Call(_)) {
            return self.is_reached(owner) || self.usable.contains(&owner);
        }
        let name = &it.name;
        let of = |node: &NodeId| self.called_of.contains(&(*node, name.clone()));
        match self.kind(owner) {
            NodeKind::Trait(_) => self.is_called_of_trait(owner, name),
            _ => {
                let of_impl = &self.index.impls[&owner];
                if of_impl.needs.iter().any(of) {
                    return true;
                }
                match &of_impl.of {
                    ImplOf::Inherent => self.called.contains_key(name),
                    ImplOf::Foreign => {
                        self.called.contains_key(name) || self.called_of_traits.contains_key(name)
                    }
                    ImplOf::Ours(traits) => {
                        traits.iter().any(|of| self.is_called_of_trait(*of, name))
                    }
                }
            }
        }
    }

    /// Whether something may call the member `name` of a trait of ours.
    fn is_called_of_trait(&self, of_trait: NodeId, name: &str) -> bool {
        if self.called_of.contains(&(of_trait, name.to_string())) {
            return true;
        }
        [&self.called, &self.called_of_traits].into_iter().any(|called| {
            called.get(name).is_some_and(|modules| self.is_in_scope(of_trait, modules))
        })
    }

    fn is_in_scope(&self, of_trait: NodeId, modules: &HashSet<ModuleId>) -> bool {
        self.is_reached(of_trait)
            || modules.iter().any(|module| self.index.traits_in_scope(*module).contains(&of_trait))
    }

    /// A name is called: those who have a member of that name may be meant.
    fn call(&mut self, name: &str, module: ModuleId, of_traits: bool) {
        let called = if of_traits { &mut self.called_of_traits } else { &mut self.called };
        if called.entry(name.to_string()).or_default().insert(module) {
            self.try_named(name);
        }
    }

    /// A name is called of a type or trait of ours.
    fn call_of(&mut self, node: NodeId, name: &str) {
        if self.called_of.insert((node, name.to_string())) {
            self.try_named(name);
        }
    }

    fn try_named(&mut self, name: &str) {
        let index = self.index;
        for member in index.members.get(name).into_iter().flatten() {
            let Some(owner) = index.world.nodes[*member].owner else { continue };
            let can_be_used = match self.kind(owner) {
                NodeKind::Trait(_) => true,
                _ => self.usable.contains(&owner),
            };
            if can_be_used {
                self.try_member(*member, owner);
            }
        }
        for node in index.calls_by_name.get(name).into_iter().flatten() {
            let call = &index.calls[node];
            let modules: HashSet<ModuleId> = [&self.called, &self.called_of_traits]
                .into_iter()
                .filter_map(|called| called.get(name))
                .flatten()
                .copied()
                .collect();
            let by_trait = call.traits.iter().any(|of| {
                self.is_in_scope(*of, &modules) || self.called_of.contains(&(*of, name.to_string()))
            });
            if call.has_impl && (by_trait || !call.has_types && call.traits.is_empty()) {
                self.reach(*node, index.world.nodes[*node].module, None);
            }
        }
    }

    /// Follows what an item names.
    fn look_at(&mut self, node: NodeId, context: ModuleId) {
        let facts = self.index.facts(node);
        let home = self.index.world.nodes[node].module;
        let modules = if context == home { vec![home] } else { vec![context, home] };
        self.names(Some(node), &modules, &facts.references);
        if let NodeKind::Call(path) = self.kind(node) {
            let reference = Reference { path: path.clone(), global: false, at: Position::Macro };
            self.name(Some(node), home, &reference, &facts.references);
        }
    }

    fn names(&mut self, by: Namer, modules: &[ModuleId], references: &References) {
        let krate = self.krate(modules[modules.len() - 1]);
        for reference in &references.paths {
            for module in modules {
                self.name(by, *module, reference, references);
            }
        }
        for name in &references.methods {
            for module in modules {
                self.call(name, *module, false);
            }
        }
        if !references.methods.is_empty() {
            for module in modules {
                self.foreign_traits(by, *module);
            }
        }
        self.reached.files.extend(references.files.iter().map(|file| (krate, file.clone())));
        let variables = references.variables.iter().map(|name| (krate, name.clone()));
        self.reached.variables.extend(variables);
        let conditions = references.conditions.iter().map(|one| (krate, one.clone()));
        self.reached.conditions.extend(conditions);
    }

    fn mean(&mut self, by: Namer, line: String) {
        let meanings = match by {
            Some(node) => self.reached.meanings.entry(node).or_default(),
            None => &mut self.reached.own_meanings,
        };
        meanings.insert(line);
    }

    /// Follows one path.
    fn name(&mut self, by: Namer, module: ModuleId, reference: &Reference, around: &References) {
        let Reference { path, global, at } = reference;
        if path[0] == "Self" {
            return self.name_of_self(by, module, path);
        }
        let index = self.index;
        let home = by.map(|by| index.world.nodes[by].module);
        let start = if path[0] == "$crate" { home.unwrap_or(module) } else { module };
        let mut targets = index.resolver.path(&index.world, start, path, *global);
        targets.extend(self.by_inner_imports(module, path, around));
        if *at == Position::Macro
            && let Some(name) = path.last()
        {
            targets.extend(index.macros(name).into_iter().map(|node| Target::Node(node, Vec::new())));
        }
        targets.sort();
        targets.dedup();
        if targets.is_empty() {
            return self.unknown(by, module, reference);
        }
        for target in targets {
            self.follow(by, module, path, *at, target);
        }
    }

    /// What the path means by the `use` declarations inside of the item.
    fn by_inner_imports(
        &self,
        module: ModuleId,
        path: &[String],
        around: &References,
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        for import in &around.imports {
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

    fn follow(&mut self, by: Namer, module: ModuleId, path: &[String], at: Position, target: Target) {
        let written = path.join("::");
        match target {
            Target::Node(node, after) => {
                let can_be_pattern = matches!(
                    self.kind(node),
                    NodeKind::Constant | NodeKind::Static | NodeKind::Struct | NodeKind::Enum(_)
                );
                if at == Position::Pattern && !can_be_pattern {
                    return;
                }
                self.mean(by, format!("{written} = {}", self.index.world.label(node)));
                self.reach(node, module, by);
                if let Some(last) = after.last() {
                    self.member_of(node, last, module);
                }
            }
            Target::Module(inner) => {
                if at == Position::Text {
                    for target in self.index.resolver.all_in(&self.index.world, inner) {
                        if let Target::Node(node, _) = target {
                            self.reach(node, module, by);
                        }
                    }
                }
            }
            Target::Foreign(package, whole) => {
                self.mean(by, format!("{written} = {whole}"));
                if let Some(package) = package {
                    self.reached.packages.insert((self.krate(module), package));
                }
                if path.len() > 1 {
                    self.call(&path[path.len() - 1], module, true);
                }
            }
            Target::Macros(folder) => {
                self.reached.folders.insert(folder);
            }
            Target::Ours(whole) => self.mean(by, format!("{written} = {whole}")),
        }
    }

    /// `node::name`: a variant, an associated item, or one of a trait.
    fn member_of(&mut self, node: NodeId, name: &str, module: ModuleId) {
        match self.kind(node) {
            NodeKind::Enum(variants) if variants.iter().any(|variant| variant == name) => {}
            NodeKind::Alias(_) => {
                let behind = self.index.behind(node);
                if behind.is_empty() {
                    self.call(name, module, true);
                }
                for node in behind {
                    self.call_of(node, name);
                    self.call(name, module, true);
                }
            }
            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Trait(_) => {
                self.call_of(node, name);
                // It may be of a trait that all types have.
                self.call(name, module, true);
            }
            _ => {}
        }
    }

    /// `Self`, or something of it.
    fn name_of_self(&mut self, by: Namer, module: ModuleId, path: &[String]) {
        let Some(name) = path.get(1) else { return };
        let owner = by.and_then(|by| self.index.world.nodes[by].owner).or(by);
        let Some(owner) = owner else { return };
        match self.kind(owner) {
            NodeKind::Impl(_) => {
                for node in self.index.impls[&owner].needs.clone() {
                    self.call_of(node, name);
                }
                if let ImplOf::Ours(traits) = &self.index.impls[&owner].of {
                    for node in traits {
                        self.call_of(*node, name);
                    }
                }
            }
            _ => self.call_of(owner, name),
        }
        self.call(name, module, true);
    }

    /// A path that means nothing that we see: of a type parameter, a primitive type, or made by a macro.
    fn unknown(&mut self, by: Namer, module: ModuleId, reference: &Reference) {
        let Reference { path, at, .. } = reference;
        if path.len() > 1 {
            for name in &path[1..] {
                self.call(name, module, true);
            }
        }
        let index = self.index;
        for name in path {
            for call in index.calls_by_name.get(name).into_iter().flatten() {
                self.reach(*call, index.world.nodes[*call].module, by);
            }
        }
        if *at == Position::Macro && path.len() == 1 {
            self.macro_used_crates(module);
        }
    }

    /// `#[macro_use] extern crate …` brings macros that cannot be told apart.
    fn macro_used_crates(&mut self, module: ModuleId) {
        let krate = self.krate(module);
        let root = &self.index.world.modules[self.index.world.crates[krate].root];
        for named in root.names.values().flatten() {
            if let Named::Import(import) = named
                && let [name] = import.path.as_slice()
                && import.global
                && let Some(Extern::Locked(package)) = self.index.world.crates[krate].externs.get(name)
            {
                self.reached.packages.insert((krate, package.clone()));
            }
        }
    }

    /// The packages from which a module brings what may be a trait, whose methods are called without its name.
    fn foreign_traits(&mut self, by: Namer, module: ModuleId) {
        let index = self.index;
        let krate = self.krate(module);
        for target in index.resolver.open_globs(&index.world, module) {
            match target {
                Target::Foreign(package, path) => {
                    self.mean(by, format!("* = {path}"));
                    self.reached.packages.extend(package.map(|package| (krate, package)));
                }
                Target::Macros(folder) => {
                    self.reached.folders.insert(folder);
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
                        self.reached.packages.insert((krate, package));
                    }
                }
            }
        }
    }
}
