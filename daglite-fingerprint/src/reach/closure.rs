//! Everything that a function can come to use: a walk from step to step, without recursion.
//!
//! Where an item leads by itself is worked out once (`steps`). What a walk adds is what several steps allow together: a
//! member of an impl counts once the types of the impl are reached and something calls it. What was found only grows, so
//! the walk of one task can start from where the walk of an item that it names has ended.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use super::bits::Bits;
use super::index::{ImplOf, Index};
use super::links::{Links, Symbol};
use super::references::References;
use super::steps::{End, Step, StepId};
use crate::sources::world::{CrateId, ModuleId, NodeId, NodeKind};

/// Everything that a function can come to use.
#[derive(Default)]
pub(crate) struct Reached {
    /// The items, by their numbers.
    pub(crate) nodes: Vec<NodeId>,
    /// Who names an item first; missing: the function itself.
    by: Vec<Option<NodeId>>,
    /// The modules in which the names of a macro are looked up.
    pub(crate) contexts: BTreeMap<NodeId, BTreeSet<ModuleId>>,
    /// Packages of the lock, with the crate that uses them.
    pub(crate) packages: BTreeSet<(CrateId, String)>,
    /// Conditions of `cfg`.
    pub(crate) conditions: BTreeSet<(CrateId, String)>,
    /// What is looked at anew for each function.
    pub(crate) outside: Outside,
}

/// What was reached that is not in the sources: it may change while these are held.
#[derive(Default)]
pub(crate) struct Outside {
    /// Folders of packages that count as a whole.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Files that the compiler puts in, with the crate; `None`: one that cannot be told.
    pub(crate) files: BTreeSet<(CrateId, Option<PathBuf>)>,
    /// Variables of the environment that the compiler puts in.
    pub(crate) variables: BTreeSet<(CrateId, String)>,
    /// The crates that any of it is in, which may have files that cannot be understood.
    pub(crate) crates: BTreeSet<CrateId>,
}

impl Reached {
    /// Who names an item first; `None`: the function itself.
    pub(crate) fn by(&self, node: NodeId) -> Option<NodeId> {
        self.by.get(node).copied().flatten()
    }
}

/// Where a function leads by itself.
pub(crate) struct Start {
    /// The digest of what its names mean.
    pub(crate) meaning: [u8; 32],
    /// The steps, sorted: who has the same reaches the same.
    pub(crate) steps: Vec<StepId>,
}

impl Start {
    /// Where a function in `module` leads with these references, and with the items in `also`.
    pub(crate) fn of(
        index: &Index,
        module: ModuleId,
        references: &References,
        also: &[NodeId],
    ) -> Self {
        let links = Links::of(index, None, &[module], references);
        let mut steps = index.steps_of_function(module, references, &links);
        for node in also {
            let home = index.world.nodes[*node].module;
            steps.push(index.steps.borrow_mut().id_of_item(index, *node, home));
        }
        steps.sort_unstable();
        steps.dedup();
        Self { meaning: links.meaning, steps }
    }
}

/// What a walk has found so far.
#[derive(Clone, Default)]
struct Found {
    /// The steps.
    steps: Bits,
    /// The items.
    nodes: Bits,
    /// The impls all of whose types are there.
    usable: Bits,
    /// The names that are called after a dot.
    called: Bits,
    /// The names that may be those of members of traits.
    called_of_traits: Bits,
    /// The names that are called behind a type or a trait.
    called_of: Bits,
    /// Who names an item first.
    by: Vec<Option<NodeId>>,
    /// How many items they are, once the walk has ended.
    count: usize,
}

/// From how many functions on that name an item the walk from it is kept.
const WORTH_KEEPING: u32 = 3;

/// How many items a walk must have reached to be kept.
const LARGE: usize = 256;

/// How many walks are kept at most.
const MOST_KEPT: usize = 512;

/// The walks that others start from.
#[derive(Default)]
pub(crate) struct Kept {
    /// What is reached by every function.
    always: Option<Rc<Found>>,
    /// What is reached from an item; `None`: too little.
    from: HashMap<StepId, Option<Rc<Found>>>,
    /// How many functions name an item.
    asked: HashMap<StepId, u32>,
}

/// The walk.
pub(crate) struct Walk<'a> {
    index: &'a Index,
    found: Found,
    /// What is new, and not looked at.
    fresh: Vec<StepId>,
}

impl<'a> Walk<'a> {
    /// All that is reached from some steps.
    pub(crate) fn from(index: &'a Index, start: &[StepId]) -> Reached {
        let always = Self::always(index);
        let known = Self::known(index, start);
        let mut known = known.iter();
        // Each of them has found what every function reaches.
        let found = Found::clone(known.next().unwrap_or(&always));
        let mut walk = Walk { index, found, fresh: Vec::new() };
        for found in known {
            walk.take_in(found);
        }
        for step in start {
            walk.add(*step, None);
        }
        walk.go();
        walk.reached()
    }

    /// What every function reaches: impls that need no type of ours.
    fn always(index: &Index) -> Rc<Found> {
        if let Some(known) = &index.kept.borrow().always {
            return Rc::clone(known);
        }
        let found = Found { by: vec![None; index.world.nodes.len()], ..Found::default() };
        let mut walk = Walk { index, found, fresh: Vec::new() };
        for node in &index.open_impls {
            walk.found.usable.add(*node);
        }
        for node in &index.open_impls {
            walk.use_impl(*node);
        }
        walk.go();
        let found = Rc::new(walk.found);
        index.kept.borrow_mut().always = Some(Rc::clone(&found));
        found
    }

    /// What is reached from those of the steps that many functions start with.
    fn known(index: &Index, start: &[StepId]) -> Vec<Rc<Found>> {
        let mut known = Vec::new();
        for step in start {
            let Step::Item(..) = index.steps.borrow().step(*step) else { continue };
            let is_worth_it = {
                let mut kept = index.kept.borrow_mut();
                if let Some(found) = kept.from.get(step) {
                    known.extend(found.clone());
                    continue;
                }
                let asked = kept.asked.entry(*step).or_default();
                *asked += 1;
                *asked >= WORTH_KEEPING && kept.from.len() < MOST_KEPT
            };
            if is_worth_it {
                let always = Self::always(index);
                let mut walk = Walk { index, found: (*always).clone(), fresh: Vec::new() };
                walk.add(*step, None);
                walk.go();
                walk.found.count = walk.found.nodes.all().len();
                let is_large = walk.found.count > LARGE;
                let found = is_large.then(|| Rc::new(walk.found));
                known.extend(found.clone());
                index.kept.borrow_mut().from.insert(*step, found);
            }
        }
        // The largest first: the others add to it.
        known.sort_by_key(|found| std::cmp::Reverse(found.count));
        known
    }

    /// What an item is.
    fn kind(&self, node: NodeId) -> &'a NodeKind {
        &self.index.world.nodes[node].what
    }

    /// A step is met.
    fn add(&mut self, step: StepId, by: Option<NodeId>) {
        if !self.found.steps.add(step) {
            return;
        }
        self.fresh.push(step);
        if let Step::Item(node, _) = self.index.steps.borrow().step(step)
            && self.found.nodes.add(node)
        {
            self.found.by[node] = by;
        }
    }

    /// An item is met in its own module.
    fn add_item(&mut self, node: NodeId, by: Option<NodeId>) {
        let home = self.index.world.nodes[node].module;
        let step = self.index.steps.borrow_mut().id_of_item(self.index, node, home);
        self.add(step, by);
    }

    /// Takes in what another walk has found, and what both allow together.
    fn take_in(&mut self, other: &Found) {
        for node in self.found.nodes.add_all(&other.nodes) {
            self.found.by[node] = other.by[node];
        }
        let usable = self.found.usable.add_all(&other.usable);
        let called = self.found.called.add_all(&other.called);
        self.found.called_of_traits.add_all(&other.called_of_traits);
        self.found.called_of.add_all(&other.called_of);
        let steps = self.found.steps.add_all(&other.steps);
        for of in usable {
            self.use_impl(of);
        }
        for symbol in called {
            self.call_inherent(symbol);
        }
        for step in steps {
            self.consider(step);
        }
    }

    /// Looks at all that is new, until nothing is.
    fn go(&mut self) {
        while !self.fresh.is_empty() {
            let fresh = std::mem::take(&mut self.fresh);
            self.prepare(&fresh);
            for step in fresh {
                let it = self.index.steps.borrow().step(step);
                if let Step::Item(node, context) = it {
                    for next in &*self.index.next(step, node, context) {
                        self.add(*next, Some(node));
                    }
                }
                self.consider(step);
            }
        }
    }

    /// Has the items among steps parsed that were never looked at, all at once.
    fn prepare(&self, fresh: &[StepId]) {
        let mut nodes = Vec::new();
        for step in fresh {
            if let Step::Item(node, _) = self.index.steps.borrow().step(*step)
                && !self.index.is_next_known(*step)
            {
                nodes.push(node);
            }
        }
        self.index.prepare(&nodes);
    }

    /// Does what a step allows together with the others.
    fn consider(&mut self, step: StepId) {
        let it = self.index.steps.borrow().step(step);
        match it {
            Step::Item(node, _) => self.consider_item(node),
            Step::Called(symbol, module) => {
                if self.found.called.add(symbol) {
                    self.call_inherent(symbol);
                }
                self.call_of_traits(symbol, module);
            }
            Step::CalledOfTraits(symbol, module) => self.call_of_traits(symbol, module),
            Step::CalledOf(node, symbol) => self.call_of(node, symbol),
            Step::Member(of_trait, symbol) => self.call_member(of_trait, symbol),
            Step::End(_) => {}
        }
    }

    /// An item is reached: impls of it may be used now, and members of it that are called already.
    fn consider_item(&mut self, node: NodeId) {
        let index = self.index;
        for of in index.impls_by_type.get(&node).into_iter().flatten() {
            let is_usable = index.impls[of].needs.iter().all(|need| self.found.nodes.has(*need));
            if is_usable && self.found.usable.add(*of) {
                self.use_impl(*of);
            }
        }
        if let NodeKind::Trait(_) = self.kind(node) {
            self.add_calls(node);
            for member in &index.world.nodes[node].members {
                if let Some(symbol) = index.symbol_of(*member)
                    && self.found.called_of_traits.has(symbol)
                {
                    self.mean_member(node, symbol);
                }
            }
        }
    }

    /// All types of an impl are there.
    fn use_impl(&mut self, node: NodeId) {
        let index = self.index;
        let of = &index.impls[&node];
        match &of.of {
            ImplOf::Foreign => {
                self.add_item(node, of.needs.first().copied());
                for member in &index.world.nodes[node].members {
                    self.add_item(*member, Some(node));
                }
                return;
            }
            ImplOf::Inherent => {}
            ImplOf::Ours(traits) => {
                for of_trait in traits {
                    self.add_calls(*of_trait);
                }
            }
        }
        self.add_calls(node);
        for member in &index.world.nodes[node].members {
            if let Some(symbol) = index.symbol_of(*member)
                && self.is_called(node, symbol)
            {
                self.add_member(*member, node);
            }
        }
    }

    /// Whether something may call the members of that name of an impl.
    fn is_called(&self, of_impl: NodeId, symbol: Symbol) -> bool {
        let it = &self.index.impls[&of_impl];
        if self.found.called_of.has(symbol)
            && it.needs.iter().any(|need| self.is_met(Step::CalledOf(*need, symbol)))
        {
            return true;
        }
        match &it.of {
            ImplOf::Inherent => self.found.called.has(symbol),
            ImplOf::Foreign => true,
            ImplOf::Ours(traits) => {
                traits.iter().any(|of_trait| self.is_met(Step::Member(*of_trait, symbol)))
            }
        }
    }

    /// Whether a step is met.
    fn is_met(&self, step: Step) -> bool {
        let known = self.index.steps.borrow().known(step);
        known.is_some_and(|id| self.found.steps.has(id))
    }

    /// The macro calls among the members of an impl or a trait: they may make any member.
    fn add_calls(&mut self, owner: NodeId) {
        let index = self.index;
        for member in &index.world.nodes[owner].members {
            if let NodeKind::Call(_) = self.kind(*member) {
                self.add_member(*member, owner);
            }
        }
    }

    /// A member of an impl or a trait is reached.
    fn add_member(&mut self, member: NodeId, owner: NodeId) {
        let by = match self.kind(owner) {
            NodeKind::Impl(_) => self.index.impls[&owner].needs.first().copied(),
            _ => Some(owner),
        };
        let by = by.filter(|by| self.found.nodes.has(*by));
        self.add_item(member, by);
    }

    /// The members of that name of an impl or a trait are reached.
    fn add_members(&mut self, owner: NodeId, symbol: Symbol) {
        let index = self.index;
        for member in &index.world.nodes[owner].members {
            if index.symbol_of(*member) == Some(symbol) {
                self.add_member(*member, owner);
            }
        }
    }

    /// A name is called after a dot: members of impls that are of no trait may be meant.
    fn call_inherent(&mut self, symbol: Symbol) {
        let index = self.index;
        for member in &index.bearers(symbol).inherent {
            if let Some(owner) = index.world.nodes[*member].owner
                && self.found.usable.has(owner)
            {
                self.add_member(*member, owner);
            }
        }
    }

    /// A name is called in a module: members of the traits that are in scope there may be meant.
    fn call_of_traits(&mut self, symbol: Symbol, module: ModuleId) {
        let index = self.index;
        self.found.called_of_traits.add(symbol);
        for of_trait in &index.bearers(symbol).traits {
            if self.found.nodes.has(*of_trait) || index.traits_in_scope(module).contains(of_trait) {
                self.mean_member(*of_trait, symbol);
            }
        }
        self.call_anything(symbol);
    }

    /// A name is called behind a type or a trait.
    fn call_of(&mut self, node: NodeId, symbol: Symbol) {
        let index = self.index;
        self.found.called_of.add(symbol);
        if let NodeKind::Trait(_) = self.kind(node) {
            self.mean_member(node, symbol);
        }
        for of in index.impls_by_type.get(&node).into_iter().flatten() {
            if self.found.usable.has(*of) {
                self.add_members(*of, symbol);
            }
        }
        self.call_anything(symbol);
    }

    /// A name is called: macro calls of which nothing else is known may make it.
    fn call_anything(&mut self, symbol: Symbol) {
        for call in &self.index.bearers(symbol).calls {
            self.add_item(*call, None);
        }
    }

    /// Members of a trait may be meant.
    fn mean_member(&mut self, of_trait: NodeId, symbol: Symbol) {
        let step = self.index.steps.borrow_mut().id(Step::Member(of_trait, symbol));
        self.add(step, None);
    }

    /// The members of that name of a trait are called: its own, those of its impls, and what macros make of it.
    fn call_member(&mut self, of_trait: NodeId, symbol: Symbol) {
        let index = self.index;
        self.add_members(of_trait, symbol);
        for of in index.impls_by_trait.get(&of_trait).into_iter().flatten() {
            if self.found.usable.has(*of) {
                self.add_members(*of, symbol);
            }
        }
        if !index.bearers(symbol).traits.contains(&of_trait) {
            return;
        }
        for call in &index.bearers(symbol).calls_of_traits {
            if index.calls[call].traits.contains(&of_trait) {
                self.add_item(*call, None);
            }
        }
    }

    /// What was found, taken apart.
    fn reached(self) -> Reached {
        let mut reached =
            Reached { nodes: self.found.nodes.all(), by: self.found.by, ..Reached::default() };
        let steps = self.index.steps.borrow();
        for step in self.found.steps.all() {
            match steps.step(step) {
                Step::Item(node, context) => {
                    if let NodeKind::Macro | NodeKind::Call(_) = self.index.world.nodes[node].what {
                        reached.contexts.entry(node).or_default().insert(context);
                    }
                }
                Step::End(end) => reached.end(steps.end(end).clone()),
                _ => {}
            }
        }
        reached
    }
}

impl Reached {
    /// Takes what leads nowhere.
    fn end(&mut self, end: End) {
        match end {
            End::Package(krate, package) => {
                self.packages.insert((krate, package));
            }
            End::Folder(folder) => {
                self.outside.folders.insert(folder);
            }
            End::File(krate, file) => {
                self.outside.files.insert((krate, file));
            }
            End::Variable(krate, name) => {
                self.outside.variables.insert((krate, name));
            }
            End::Condition(krate, condition) => {
                self.conditions.insert((krate, condition));
            }
            End::Crate(krate) => {
                self.outside.crates.insert(krate);
            }
        }
    }
}

/// The walks that are kept, for one index.
pub(crate) type KeptWalks = RefCell<Kept>;
