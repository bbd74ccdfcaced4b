//! Everything that a function can come to use: a walk from link to link.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use super::index::{ImplOf, Index};
use super::links::{Links, Symbol};
use super::references::References;
use crate::sources::world::{CrateId, ModuleId, NodeId, NodeKind};

/// Everything that a function can come to use.
#[derive(Default)]
pub(crate) struct Reached {
    /// The items, each with the one that named it first; `None`: the function itself.
    pub(crate) nodes: BTreeMap<NodeId, Option<NodeId>>,
    /// The items with the modules in which their names were looked up.
    pub(crate) looked_up: BTreeSet<(NodeId, ModuleId)>,
    /// What the names of the function itself mean.
    pub(crate) meaning: [u8; 32],
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

/// The walk.
pub(crate) struct Walk<'a> {
    index: &'a Index,
    reached: Reached,
    /// What is to be looked at: an item, and the module in which its names are looked up too.
    queue: Vec<(NodeId, ModuleId)>,
    is_reached: Vec<bool>,
    /// Names that are called after a dot, and the modules in which.
    called: HashMap<Symbol, Vec<ModuleId>>,
    /// Names behind something that is no type of ours: members of traits alone.
    called_of_traits: HashMap<Symbol, Vec<ModuleId>>,
    /// Names behind a type or a trait of ours.
    called_of: HashSet<(NodeId, Symbol)>,
    /// Whether all types of an impl are there.
    usable: Vec<bool>,
    /// How many types an impl still lacks.
    lacking: HashMap<NodeId, usize>,
}

impl<'a> Walk<'a> {
    /// All that is reached by a function in `module` with these references, and by the items in `also`.
    pub(crate) fn from(
        index: &'a Index,
        module: ModuleId,
        references: &References,
        also: &[NodeId],
    ) -> Reached {
        let count = index.world.nodes.len();
        let mut walk = Walk {
            index,
            reached: Reached::default(),
            queue: Vec::new(),
            is_reached: vec![false; count],
            called: HashMap::new(),
            called_of_traits: HashMap::new(),
            called_of: HashSet::new(),
            usable: vec![false; count],
            lacking: HashMap::new(),
        };
        let krate = index.world.modules[module].krate;
        walk.reached.crates.insert(krate);
        for node in &index.open_impls {
            walk.usable[*node] = true;
            walk.use_impl(*node);
        }
        for node in also {
            walk.reach(*node, index.world.nodes[*node].module, None);
        }
        let links = Links::of(index, None, &[module], references);
        walk.reached.meaning = links.meaning;
        walk.compiled_in(krate, references);
        walk.follow(None, &links);
        while let Some((node, context)) = walk.queue.pop() {
            let facts = index.facts(node);
            walk.compiled_in(
                index.world.modules[index.world.nodes[node].module].krate,
                &facts.references,
            );
            walk.follow(Some(node), &index.links(node, context));
        }
        walk.reached
    }

    /// What an item is.
    fn kind(&self, node: NodeId) -> &'a NodeKind {
        &self.index.world.nodes[node].what
    }

    /// What the compiler puts in, and what it asks.
    fn compiled_in(&mut self, krate: CrateId, references: &References) {
        let Reached { files, variables, conditions, .. } = &mut self.reached;
        files.extend(references.files.iter().map(|file| (krate, file.clone())));
        variables.extend(references.variables.iter().map(|name| (krate, name.clone())));
        conditions.extend(references.conditions.iter().map(|one| (krate, one.clone())));
    }

    /// Goes where the names of an item lead.
    fn follow(&mut self, by: Option<NodeId>, links: &Links) {
        self.reached.packages.extend(links.packages.iter().cloned());
        self.reached.folders.extend(links.folders.iter().cloned());
        self.reached.crates.extend(&links.crates);
        for (node, module) in &links.nodes {
            self.reach(*node, *module, by);
        }
        for (symbol, module) in &links.called {
            if add(&mut self.called, *symbol, *module) {
                self.try_named(*symbol);
            }
        }
        for (symbol, module) in &links.called_of_traits {
            if add(&mut self.called_of_traits, *symbol, *module) {
                self.try_named(*symbol);
            }
        }
        for (node, symbol) in &links.called_of {
            if self.called_of.insert((*node, *symbol)) {
                self.try_named(*symbol);
            }
        }
    }

    /// An item is named: by whom, and for a macro where.
    fn reach(&mut self, node: NodeId, context: ModuleId, by: Option<NodeId>) {
        let it = &self.index.world.nodes[node];
        let is_macro = matches!(it.what, NodeKind::Macro | NodeKind::Call(_));
        if self.is_reached[node] && !is_macro {
            return;
        }
        let context = if is_macro { context } else { it.module };
        if !self.reached.looked_up.insert((node, context)) {
            return;
        }
        self.queue.push((node, context));
        if std::mem::replace(&mut self.is_reached[node], true) {
            return;
        }
        self.reached.nodes.insert(node, by);
        self.reached.crates.insert(self.index.world.modules[it.module].krate);
        if let Some(owner) = it.owner {
            self.reach(owner, context, Some(node));
        }
        if matches!(
            it.what,
            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Trait(_) | NodeKind::Call(_)
        ) {
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
            if *lacking == 0 {
                self.usable[*of] = true;
                self.use_impl(*of);
            }
        }
        if let NodeKind::Trait(_) = self.kind(node) {
            self.try_members(node);
            for of in index.impls_by_trait.get(&node).into_iter().flatten() {
                if self.usable[*of] {
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

    /// Reaches a member of an impl or a trait, if something calls it.
    fn try_member(&mut self, member: NodeId, owner: NodeId) {
        if self.is_reached[member] || !self.is_called(member, owner) {
            return;
        }
        let module = self.index.world.nodes[member].module;
        let by = match self.kind(owner) {
            NodeKind::Impl(_) => self.index.impls[&owner].needs.first().copied(),
            _ => Some(owner),
        };
        let by = by.filter(|by| self.is_reached[*by]);
        self.reach(member, module, by);
    }

    /// Whether something may call a member.
    fn is_called(&self, member: NodeId, owner: NodeId) -> bool {
        let it = &self.index.world.nodes[member];
        if matches!(it.what, NodeKind::Call(_)) {
            return true;
        }
        let Some(symbol) = self.index.symbol(&it.name) else { return false };
        if let NodeKind::Trait(_) = self.kind(owner) {
            return self.is_called_of_trait(owner, symbol);
        }
        let of_impl = &self.index.impls[&owner];
        if of_impl.needs.iter().any(|node| self.called_of.contains(&(*node, symbol))) {
            return true;
        }
        match &of_impl.of {
            ImplOf::Inherent => self.called.contains_key(&symbol),
            ImplOf::Foreign => true,
            ImplOf::Ours(traits) => traits.iter().any(|of| self.is_called_of_trait(*of, symbol)),
        }
    }

    /// Whether something may call a member of a trait of ours.
    fn is_called_of_trait(&self, of_trait: NodeId, symbol: Symbol) -> bool {
        self.called_of.contains(&(of_trait, symbol))
            || [&self.called, &self.called_of_traits].into_iter().any(|called| {
                called.get(&symbol).is_some_and(|modules| self.is_in_scope(of_trait, modules))
            })
    }

    /// Whether the methods of a trait can be called in one of the modules.
    fn is_in_scope(&self, of_trait: NodeId, modules: &[ModuleId]) -> bool {
        self.is_reached[of_trait]
            || modules.iter().any(|module| self.index.traits_in_scope(*module).contains(&of_trait))
    }

    /// A name is called: those who have a member of that name may be meant.
    fn try_named(&mut self, symbol: Symbol) {
        let index = self.index;
        let (members, calls) = index.named_by(symbol);
        for member in members {
            let Some(owner) = index.world.nodes[*member].owner else { continue };
            if matches!(self.kind(owner), NodeKind::Trait(_)) || self.usable[owner] {
                self.try_member(*member, owner);
            }
        }
        for node in calls {
            let call = &index.calls[node];
            let has = |of: &NodeId| {
                let members = &index.world.nodes[*of].members;
                let is_it = |member: &NodeId| {
                    index.symbol(&index.world.nodes[*member].name) == Some(symbol)
                };
                members.iter().any(is_it)
            };
            let by_trait =
                call.traits.iter().any(|of| has(of) && self.is_called_of_trait(*of, symbol));
            if call.has_impl && (by_trait || !call.has_types && call.traits.is_empty()) {
                self.reach(*node, index.world.nodes[*node].module, None);
            }
        }
    }
}

/// Adds a module to those in which a name is called; answers whether it is new.
fn add(called: &mut HashMap<Symbol, Vec<ModuleId>>, symbol: Symbol, module: ModuleId) -> bool {
    let modules = called.entry(symbol).or_default();
    let is_new = !modules.contains(&module);
    if is_new {
        modules.push(module);
    }
    is_new
}
