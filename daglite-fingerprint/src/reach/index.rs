//! What the closure asks of the sources: which impls a type has, who has a member of a name, what an item names.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use proc_macro2::TokenStream;

use super::bits::Bits;
use super::closure::KeptWalks;
use super::facts::Facts;
use super::inner::Inner;
use super::links::{Links, Symbol};
use super::made::Made;
use super::resolve::{Resolver, Target};
use super::steps::Steps;
use crate::gathered::{ClosedOnes, Packages};
use crate::sources::world::{CrateId, Extern, ModuleId, Named, Node, NodeId, NodeKind, World};

/// The sources, and all questions about them with their answers so far.
pub(crate) struct Index {
    /// The sources.
    pub(crate) world: World,
    /// What paths mean.
    pub(crate) resolver: Resolver,
    /// What is known of each impl.
    pub(crate) impls: HashMap<NodeId, Impl>,
    /// The impls that need a type.
    pub(crate) impls_by_type: HashMap<NodeId, Vec<NodeId>>,
    /// The impls that need none: of foreign types, or of all types.
    pub(crate) open_impls: Vec<NodeId>,
    /// The impls of a trait.
    pub(crate) impls_by_trait: HashMap<NodeId, Vec<NodeId>>,
    /// What is known of each macro call that makes items.
    pub(crate) calls: HashMap<NodeId, Call>,
    /// The calls that mention a type.
    pub(crate) calls_by_type: HashMap<NodeId, Vec<NodeId>>,
    /// The numbers of names.
    symbols: HashMap<String, Symbol>,
    /// By the number of a name: the members of impls and traits, and the macro calls that may make something of it.
    named: Vec<(Vec<NodeId>, Vec<NodeId>)>,
    /// The calls that put names together, with the names that they are given.
    pasting: Vec<(NodeId, Vec<String>)>,
    /// The items of a module under macros of attributes, with their names in plain letters.
    under_macros: HashMap<ModuleId, Vec<(NodeId, String)>>,
    links: Vec<OnceCell<Rc<Links>>>,
    /// The links of macros, by the module in which they are called.
    links_elsewhere: RefCell<HashMap<(NodeId, ModuleId), Rc<Links>>>,
    labels: Vec<OnceCell<Arc<str>>>,
    /// All items by their labels, and the place of each among them.
    ranks: OnceCell<(Vec<NodeId>, Vec<usize>)>,
    /// What stands for an item: the digest of its normal form, and of what its names mean at home.
    digests: Vec<OnceCell<[u8; 32]>>,
    /// What was gathered for functions that lead to the same steps.
    pub(crate) closed: RefCell<ClosedOnes>,
    /// What all packages ask of one, and what one stands for in a lock.
    pub(crate) packages: RefCell<Packages>,
    extern_crates: Vec<OnceCell<Vec<String>>>,
    /// What each item is made of.
    pub(super) facts: Vec<OnceCell<Rc<Facts>>>,
    /// The numbers of the names of members.
    symbols_of: Vec<Option<Symbol>>,
    /// Who has a name, by its number.
    bearers: Vec<Bearers>,
    /// Where each item leads.
    pub(super) steps: RefCell<Steps>,
    /// The walks that others start from.
    pub(super) kept: KeptWalks,
    scopes: RefCell<HashMap<ModuleId, Rc<HashSet<NodeId>>>>,
}

/// What is known of an impl.
pub(crate) struct Impl {
    /// The types of ours without which it cannot be used: all are needed.
    pub(crate) needs: Vec<NodeId>,
    /// Of which trait it is.
    pub(crate) of: ImplOf,
}

/// Of which trait an impl is.
pub(crate) enum ImplOf {
    /// None.
    Inherent,
    /// One of ours: several, if they are there under several configurations.
    Ours(Vec<NodeId>),
    /// Another one, which code that we do not see may call.
    Foreign,
}

/// What is known of a macro call that makes items.
pub(crate) struct Call {
    /// The traits of ours that it mentions, itself or in the body of the macro.
    pub(crate) traits: Vec<NodeId>,
    /// Whether it mentions types of ours.
    pub(crate) has_types: bool,
    /// Whether it makes impls.
    pub(crate) has_impl: bool,
}

/// Who has a name.
#[derive(Default)]
pub(crate) struct Bearers {
    /// Members of impls that are of no trait.
    pub(crate) inherent: Vec<NodeId>,
    /// Traits with such a member.
    pub(crate) traits: Vec<NodeId>,
    /// Macro calls that may make it, of which nothing else is known.
    pub(crate) calls: Vec<NodeId>,
    /// Macro calls that may make it for a trait.
    pub(crate) calls_of_traits: Vec<NodeId>,
}

/// Traits that have no methods.
const MARKERS: [&str; 5] = ["Copy", "Send", "Sized", "Sync", "Unpin"];

/// Traits of the standard library whose arguments are of values that must be there before.
const TAKES_ITS_ARGUMENT: [&str; 32] = [
    "Add",
    "AddAssign",
    "AsMut",
    "BitAnd",
    "BitAndAssign",
    "BitOr",
    "BitOrAssign",
    "BitXor",
    "BitXorAssign",
    "Div",
    "DivAssign",
    "Extend",
    "From",
    "FromIterator",
    "Index",
    "IndexMut",
    "Mul",
    "MulAssign",
    "PartialEq",
    "PartialOrd",
    "Product",
    "Rem",
    "RemAssign",
    "Shl",
    "ShlAssign",
    "Shr",
    "ShrAssign",
    "Sub",
    "SubAssign",
    "Sum",
    "TryFrom",
    "FromStream",
];

impl Index {
    /// An index of `world`.
    pub(crate) fn new(world: World) -> Self {
        let (count, crates) = (world.nodes.len(), world.crates.len());
        let mut index = Self {
            world,
            resolver: Resolver::default(),
            impls: HashMap::new(),
            impls_by_type: HashMap::new(),
            open_impls: Vec::new(),
            impls_by_trait: HashMap::new(),
            calls: HashMap::new(),
            calls_by_type: HashMap::new(),
            symbols: HashMap::new(),
            named: Vec::new(),
            pasting: Vec::new(),
            under_macros: HashMap::new(),
            links: vec![OnceCell::new(); count],
            links_elsewhere: RefCell::default(),
            labels: vec![OnceCell::new(); count],
            ranks: OnceCell::new(),
            digests: vec![OnceCell::new(); count],
            closed: RefCell::default(),
            packages: RefCell::default(),
            extern_crates: vec![OnceCell::new(); crates],
            facts: vec![OnceCell::new(); count],
            symbols_of: vec![None; count],
            bearers: Vec::new(),
            steps: RefCell::default(),
            kept: KeptWalks::default(),
            scopes: RefCell::default(),
        };
        index.add_all();
        index
    }

    /// Takes everything in the world.
    fn add_all(&mut self) {
        // The calls first: the types of impls may be made by them.
        for node in 0..self.world.nodes.len() {
            let it = &self.world.nodes[node];
            if it.owner.is_some() {
                let symbol = self.new_symbol(&it.name.clone());
                self.named[symbol].0.push(node);
            } else if let NodeKind::Call(_) = it.what {
                self.add_call(node);
            }
            let it = &self.world.nodes[node];
            if it.has_macros && it.owner.is_none() {
                let named = (node, plain(&it.name));
                self.under_macros.entry(it.module).or_default().push(named);
            }
            if self.world.nodes[node].has_impls {
                self.add_inner(node);
            }
        }
        for node in 0..self.world.nodes.len() {
            if let NodeKind::Impl(_) = self.world.nodes[node].what {
                self.add_impl(node);
            }
        }
        self.add_bearers();
    }

    /// Notes who has which name.
    fn add_bearers(&mut self) {
        for (symbol, (members, calls)) in self.named.iter().enumerate() {
            let mut bearers = Bearers::default();
            for member in members {
                self.symbols_of[*member] = Some(symbol);
                let Some(owner) = self.world.nodes[*member].owner else { continue };
                match (&self.world.nodes[owner].what, self.impls.get(&owner)) {
                    (NodeKind::Trait(_), _) => bearers.traits.push(owner),
                    (_, Some(Impl { of: ImplOf::Inherent, .. })) => bearers.inherent.push(*member),
                    _ => {}
                }
            }
            bearers.traits.dedup();
            for call in calls {
                let of = &self.calls[call];
                if of.has_impl && !of.traits.is_empty() {
                    bearers.calls_of_traits.push(*call);
                } else if of.has_impl && !of.has_types {
                    bearers.calls.push(*call);
                }
            }
            self.bearers.push(bearers);
        }
    }

    /// Who has a name.
    pub(super) fn bearers(&self, symbol: Symbol) -> &Bearers {
        &self.bearers[symbol]
    }

    /// The number of a member's name.
    pub(super) fn symbol_of(&self, member: NodeId) -> Option<Symbol> {
        self.symbols_of[member]
    }

    /// Takes an impl: of which trait it is, and which types it needs.
    fn add_impl(&mut self, node: NodeId) {
        let Node { module, what: NodeKind::Impl(head), .. } = &self.world.nodes[node] else {
            return;
        };
        let mut needs =
            if head.is_open { BTreeSet::new() } else { self.types(*module, &head.types) };
        let of = match &head.of_trait {
            None => ImplOf::Inherent,
            Some(path) => {
                let traits = self.nodes(*module, path, |what| matches!(what, NodeKind::Trait(_)));
                let last = path.last().map(String::as_str).unwrap_or_default();
                if !traits.is_empty() {
                    ImplOf::Ours(traits)
                } else {
                    if needs.is_empty() || TAKES_ITS_ARGUMENT.contains(&last) {
                        needs.extend(self.types(*module, &head.trait_arguments));
                    }
                    ImplOf::Foreign
                }
            }
        };
        let needs: Vec<NodeId> = needs.into_iter().collect();
        if needs.is_empty() {
            self.open_impls.push(node);
        }
        for need in &needs {
            self.impls_by_type.entry(*need).or_default().push(node);
        }
        if let ImplOf::Ours(traits) = &of {
            for of_trait in traits {
                self.impls_by_trait.entry(*of_trait).or_default().push(node);
            }
        }
        self.impls.insert(node, Impl { needs, of });
    }

    /// The items of one kind that a path may mean.
    fn nodes(
        &self,
        module: ModuleId,
        path: &[String],
        wanted: impl Fn(&NodeKind) -> bool,
    ) -> Vec<NodeId> {
        let targets = self.resolver.path(&self.world, module, path, false);
        let node = |target: Target| match target {
            Target::Node(node, after) if after.is_empty() => Some(node),
            _ => None,
        };
        targets
            .into_iter()
            .filter_map(node)
            .filter(|node| wanted(&self.world.nodes[*node].what))
            .collect()
    }

    /// The structs, enums and traits of ours that paths mean, aliases seen through; the macro calls that may make them.
    fn types(&self, module: ModuleId, paths: &[Vec<String>]) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut pending: Vec<(ModuleId, Vec<String>)> =
            paths.iter().map(|path| (module, path.clone())).collect();
        let mut seen = HashSet::new();
        while let Some((module, path)) = pending.pop() {
            let nodes = self.nodes(module, &path, |_| true);
            if nodes.is_empty()
                && let Some(name) = path.last()
            {
                found.extend(self.calls_named(name));
            }
            for node in nodes {
                match &self.world.nodes[node].what {
                    NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Trait(_) => {
                        found.insert(node);
                    }
                    NodeKind::Alias(paths) if seen.insert(node) => {
                        let module = self.world.nodes[node].module;
                        pending.extend(paths.iter().map(|path| (module, path.clone())));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The types that an alias stands for.
    pub(crate) fn behind(&self, alias: NodeId) -> BTreeSet<NodeId> {
        let it = &self.world.nodes[alias];
        match &it.what {
            NodeKind::Alias(paths) => self.types(it.module, paths),
            _ => BTreeSet::from([alias]),
        }
    }

    /// The items that a path may mean.
    pub(crate) fn named(&self, module: ModuleId, path: &[String]) -> Vec<NodeId> {
        self.nodes(module, path, |_| true)
    }

    /// The types of ours that implement a trait, ours or another.
    pub(crate) fn who_implements(&self, module: ModuleId, path: &[String]) -> BTreeSet<NodeId> {
        let of: Vec<NodeId> = self.nodes(module, path, |what| matches!(what, NodeKind::Trait(_)));
        let last = path.last().map(String::as_str).unwrap_or_default();
        let mut types = BTreeSet::new();
        for (node, it) in &self.impls {
            let is_it = match &it.of {
                ImplOf::Ours(traits) => traits.iter().any(|one| of.contains(one)),
                ImplOf::Foreign => {
                    of.is_empty()
                        && !MARKERS.contains(&last)
                        && matches!(&self.world.nodes[*node].what, NodeKind::Impl(head)
                            if head.of_trait.as_ref().and_then(|path| path.last()).is_some_and(|name| name == last))
                }
                ImplOf::Inherent => false,
            };
            if is_it {
                types.extend(it.needs.iter().copied());
            }
        }
        types
    }

    /// Takes a macro call that makes items: what it mentions, itself and in the macros that it calls.
    fn add_call(&mut self, node: NodeId) {
        let module = self.world.nodes[node].module;
        let mut traits = BTreeSet::new();
        let mut types = BTreeSet::new();
        let mut made = Made::default();
        let mut seen = HashSet::from([node]);
        let mut pending = vec![node];
        while let Some(part) = pending.pop() {
            let tokens: TokenStream = self.world.text(part).parse().unwrap_or_default();
            made.scan(tokens, matches!(self.world.nodes[part].what, NodeKind::Call(_)));
            let facts = self.facts(part);
            let home = self.world.nodes[part].module;
            for reference in &facts.references.paths {
                let modules = if home == module { vec![module] } else { vec![module, home] };
                for module in modules {
                    for found in self.nodes(module, &reference.path, |_| true) {
                        match self.world.nodes[found].what {
                            NodeKind::Trait(_) => {
                                traits.insert(found);
                            }
                            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Alias(_) => {
                                types.extend(self.behind(found));
                            }
                            _ => {}
                        }
                    }
                }
                if let Some(last) = reference.path.last() {
                    pending
                        .extend(self.macros(last).into_iter().filter(|found| seen.insert(*found)));
                }
            }
            if let NodeKind::Call(path) = &self.world.nodes[part].what
                && let Some(last) = path.last()
            {
                made.foreign |= self.macros(last).is_empty() && last != "thread_local";
                pending.extend(self.macros(last).into_iter().filter(|found| seen.insert(*found)));
            }
        }
        for found in &types {
            self.calls_by_type.entry(*found).or_default().push(node);
        }
        let has_impl = made.has_impl;
        if made.pastes {
            self.pasting.push((node, made.given()));
        }
        for name in made.names() {
            let symbol = self.new_symbol(&name);
            self.named[symbol].1.push(node);
        }
        let call =
            Call { traits: traits.into_iter().collect(), has_types: !types.is_empty(), has_impl };
        self.calls.insert(node, call);
    }

    /// An item in whose body impls stand: it counts once they can be used, as the call of a macro that makes them.
    fn add_inner(&mut self, node: NodeId) {
        let module = self.world.nodes[node].module;
        let inner = Inner::of(self.world.text(node));
        let mut traits = BTreeSet::new();
        let mut types = BTreeSet::new();
        for reference in &inner.heads.paths {
            for found in self.nodes(module, &reference.path, |_| true) {
                match self.world.nodes[found].what {
                    NodeKind::Trait(_) => {
                        traits.insert(found);
                    }
                    _ => types.extend(self.behind(found)),
                }
            }
        }
        if traits.is_empty() && types.is_empty() {
            // All of it is of types of the body itself.
            return;
        }
        for found in &types {
            self.calls_by_type.entry(*found).or_default().push(node);
        }
        for name in inner.members {
            let symbol = self.new_symbol(&name);
            self.named[symbol].1.push(node);
        }
        let traits = traits.into_iter().collect();
        self.calls.insert(node, Call { traits, has_types: !types.is_empty(), has_impl: true });
    }

    /// The number of a name, a new one if it has none.
    fn new_symbol(&mut self, name: &str) -> Symbol {
        if let Some(known) = self.symbols.get(name) {
            return *known;
        }
        self.named.push((Vec::new(), Vec::new()));
        self.symbols.insert(name.to_string(), self.named.len() - 1);
        self.named.len() - 1
    }

    /// The number of a name, if a member or a macro call has it.
    pub(crate) fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name).copied()
    }

    /// The macro calls that may make something of a name.
    pub(crate) fn calls_named(&self, name: &str) -> &[NodeId] {
        self.symbol(name).map_or(&[], |symbol| &self.named[symbol].1)
    }

    /// What in some modules may have made something of a name: macro calls, and items under macros of attributes.
    pub(crate) fn makers(&self, name: &str, modules: &[ModuleId]) -> Vec<NodeId> {
        let whole = plain(name);
        let mut found: Vec<NodeId> = self.calls_named(name).to_vec();
        for (node, given) in &self.pasting {
            if given.iter().any(|part| whole.contains(&plain(part))) {
                found.push(*node);
            }
        }
        found.retain(|node| modules.contains(&self.world.nodes[*node].module));
        for module in modules {
            // `FooBuilder` by a derive of `Foo`.
            let under = self.under_macros.get(module).into_iter().flatten();
            found.extend(under.filter(|(_, name)| whole.contains(name)).map(|(node, _)| *node));
        }
        found
    }

    /// The modules, and those whose items their globs bring.
    pub(crate) fn with_globs(&self, modules: &[ModuleId]) -> Vec<ModuleId> {
        let mut found = modules.to_vec();
        let mut at = 0;
        while at < found.len() {
            let module = found[at];
            at += 1;
            for glob in &self.world.modules[module].globs {
                for target in self.resolver.import(&self.world, module, glob) {
                    if let Target::Module(inner) = target
                        && !found.contains(&inner)
                    {
                        found.push(inner);
                    }
                }
            }
        }
        found
    }

    /// Whether a type or a trait of ours has a member of that name for itself.
    pub(crate) fn has_member(&self, node: NodeId, name: &str) -> bool {
        let Some(symbol) = self.symbol(name) else { return false };
        self.named[symbol].0.iter().any(|member| {
            self.world.nodes[*member].owner.is_some_and(|owner| {
                owner == node || self.impls.get(&owner).is_some_and(|of| of.needs.contains(&node))
            })
        })
    }

    /// Where the names of an item lead.
    pub(crate) fn links(&self, node: NodeId, context: ModuleId) -> Rc<Links> {
        let home = self.world.nodes[node].module;
        let work_out = |modules: &[ModuleId]| {
            Rc::new(Links::of(self, Some(node), modules, &self.facts(node).references))
        };
        if context == home {
            return Rc::clone(self.links[node].get_or_init(|| work_out(&[home])));
        }
        if let Some(known) = self.links_elsewhere.borrow().get(&(node, context)) {
            return Rc::clone(known);
        }
        let links = work_out(&[context, home]);
        self.links_elsewhere.borrow_mut().insert((node, context), Rc::clone(&links));
        links
    }

    /// The packages of the lock that a crate brings by `extern crate`.
    pub(crate) fn extern_crates(&self, krate: CrateId) -> &[String] {
        self.extern_crates[krate].get_or_init(|| {
            let it = &self.world.crates[krate];
            let package = |named: &Named| match named {
                Named::Import(import) if import.global && import.path.len() == 1 => {
                    match it.externs.get(&import.path[0]) {
                        Some(Extern::Locked(package)) => Some(package.clone()),
                        _ => None,
                    }
                }
                _ => None,
            };
            let named = self.world.modules[it.root].names.values().flatten();
            named.filter_map(package).collect()
        })
    }

    /// The path of an item, for people.
    pub(crate) fn label(&self, node: NodeId) -> Arc<str> {
        Arc::clone(self.labels[node].get_or_init(|| self.world.label(node).into()))
    }

    /// The items in the order of their labels.
    pub(crate) fn by_label(&self, mut nodes: Vec<NodeId>) -> Vec<NodeId> {
        if nodes.len() < self.world.nodes.len() / 16 {
            nodes.sort_by_cached_key(|node| self.label(*node));
            return nodes;
        }
        let (order, ranks) = self.ranks.get_or_init(|| {
            let mut order: Vec<NodeId> = (0..self.world.nodes.len()).collect();
            order.sort_by_cached_key(|node| self.label(*node));
            let mut ranks = vec![0; order.len()];
            for (rank, node) in order.iter().enumerate() {
                ranks[*node] = rank;
            }
            (order, ranks)
        });
        let mut reached = Bits::default();
        for node in nodes {
            reached.add(ranks[node]);
        }
        reached.all().into_iter().map(|rank| order[rank]).collect()
    }

    /// What stands for an item whose names are looked up in its own module alone.
    pub(crate) fn digest(&self, node: NodeId) -> [u8; 32] {
        let home = self.world.nodes[node].module;
        *self.digests[node].get_or_init(|| self.digest_in(node, &BTreeSet::from([home])))
    }

    /// What stands for an item whose names are looked up in some modules.
    pub(crate) fn digest_in(&self, node: NodeId, modules: &BTreeSet<ModuleId>) -> [u8; 32] {
        let mut meanings: Vec<[u8; 32]> =
            modules.iter().map(|module| self.links(node, *module).meaning).collect();
        // The numbers of modules depend on the order in which files were read.
        meanings.sort_unstable();
        let mut bytes = self.facts(node).digest.to_vec();
        bytes.extend(meanings.concat());
        *blake3::hash(&bytes).as_bytes()
    }

    /// All macros of a name, in all crates.
    fn macros(&self, name: &str) -> Vec<NodeId> {
        let of = |krate: &crate::sources::world::Crate| krate.macros.get(name).cloned();
        self.world.crates.iter().filter_map(of).flatten().collect()
    }

    /// The macros that a name before a `!` may mean in a module.
    pub(crate) fn visible_macros(&self, name: &str, module: ModuleId) -> Vec<NodeId> {
        let mut all = self.macros(name);
        all.retain(|node| {
            let it = &self.world.nodes[*node];
            it.exported || self.is_within(module, self.world.macro_scope(it.module))
        });
        all
    }

    /// Whether a module is another one or inside of it.
    fn is_within(&self, module: ModuleId, outer: ModuleId) -> bool {
        let mut next = Some(module);
        while let Some(module) = next {
            if module == outer {
                return true;
            }
            next = self.world.modules[module].parent;
        }
        false
    }

    /// The traits of ours whose methods can be called in a module.
    pub(crate) fn traits_in_scope(&self, module: ModuleId) -> Rc<HashSet<NodeId>> {
        if let Some(known) = self.scopes.borrow().get(&module) {
            return Rc::clone(known);
        }
        let mut traits = HashSet::new();
        let mut seen = HashSet::from([module]);
        let mut pending = vec![module];
        let is_trait = |node: &NodeId| matches!(self.world.nodes[*node].what, NodeKind::Trait(_));
        while let Some(module) = pending.pop() {
            let it = &self.world.modules[module];
            let imports = it.nameless.iter();
            let mut targets: Vec<Target> = imports
                .flat_map(|import| self.resolver.import(&self.world, module, import))
                .collect();
            for named in it.names.values().flatten() {
                match named {
                    Named::Node(node) if is_trait(node) => {
                        traits.insert(*node);
                    }
                    Named::Import(import) => {
                        targets.extend(self.resolver.import(&self.world, module, import));
                    }
                    _ => {}
                }
            }
            for glob in &it.globs {
                for target in self.resolver.import(&self.world, module, glob) {
                    if let Target::Module(other) = target
                        && seen.insert(other)
                    {
                        pending.push(other);
                    }
                }
            }
            for target in targets {
                if let Target::Node(node, after) = target
                    && after.is_empty()
                    && is_trait(&node)
                {
                    traits.insert(node);
                }
            }
        }
        let traits = Rc::new(traits);
        self.scopes.borrow_mut().insert(module, Rc::clone(&traits));
        traits
    }
}

/// A name in small letters alone, for names that macros put together.
fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}
