//! What a walk can come to, each with a number, and where each item leads whatever else is reached: worked out once,
//! for all tasks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::index::Index;
use super::links::{Links, Symbol};
use super::references::References;
use crate::sources::world::{CrateId, ModuleId, NodeId, NodeKind};

/// The number of a step.
pub(crate) type StepId = usize;

/// Something that a walk can come to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// An item, and the module in which its names are looked up too.
    Item(NodeId, ModuleId),
    /// A name that is called after a dot, and where.
    Called(Symbol, ModuleId),
    /// A name behind something that is no type of ours, and where: members of traits alone.
    CalledOfTraits(Symbol, ModuleId),
    /// A name behind a type or a trait of ours.
    CalledOf(NodeId, Symbol),
    /// The members of that name of a trait of ours, and of its impls, may be meant.
    Member(NodeId, Symbol),
    /// What leads nowhere.
    End(usize),
}

/// What counts, and leads nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// A package of the lock, with the crate that uses it.
    Package(CrateId, String),
    /// The folder of a package that counts as a whole.
    Folder(PathBuf),
    /// A file that the compiler puts in, with the crate; `None`: one that cannot be told.
    File(CrateId, Option<PathBuf>),
    /// A variable of the environment that the compiler puts in.
    Variable(CrateId, String),
    /// A condition of `cfg`.
    Condition(CrateId, String),
    /// A crate that any of it is in.
    Crate(CrateId),
}

/// All steps that were met so far.
#[derive(Default)]
pub(crate) struct Steps {
    numbers: HashMap<Step, StepId>,
    all: Vec<Step>,
    ends: Vec<End>,
    end_numbers: HashMap<End, usize>,
    /// The number of each item in its own module.
    at_home: Vec<Option<StepId>>,
    /// Where each item leads, by the number of its step.
    next: Vec<Option<Rc<[StepId]>>>,
}

impl Steps {
    /// The step of a number.
    pub(crate) fn step(&self, id: StepId) -> Step {
        self.all[id]
    }

    /// What leads nowhere.
    pub(crate) fn end(&self, end: usize) -> &End {
        &self.ends[end]
    }

    /// The number of a step, if it was met.
    pub(crate) fn known(&self, step: Step) -> Option<StepId> {
        self.numbers.get(&step).copied()
    }

    /// The number of a step.
    pub(crate) fn id(&mut self, step: Step) -> StepId {
        if let Some(known) = self.numbers.get(&step) {
            return *known;
        }
        self.all.push(step);
        self.numbers.insert(step, self.all.len() - 1);
        self.all.len() - 1
    }

    /// The number of what leads nowhere.
    fn id_of_end(&mut self, end: End) -> StepId {
        let number = match self.end_numbers.get(&end) {
            Some(known) => *known,
            None => {
                self.ends.push(end.clone());
                self.end_numbers.insert(end, self.ends.len() - 1);
                self.ends.len() - 1
            }
        };
        self.id(Step::End(number))
    }

    /// The number of an item that is named in a module: where it is named counts for macros alone.
    pub(crate) fn id_of_item(&mut self, index: &Index, node: NodeId, named_in: ModuleId) -> StepId {
        let it = &index.world.nodes[node];
        if matches!(it.what, NodeKind::Macro | NodeKind::Call(_)) {
            return self.id(Step::Item(node, named_in));
        }
        if self.at_home.is_empty() {
            self.at_home = vec![None; index.world.nodes.len()];
        }
        if let Some(known) = self.at_home[node] {
            return known;
        }
        let id = self.id(Step::Item(node, it.module));
        self.at_home[node] = Some(id);
        id
    }

    /// Where an item leads, if that was asked before.
    fn next_known(&self, id: StepId) -> Option<Rc<[StepId]>> {
        self.next.get(id).cloned().flatten()
    }

    /// Where something of a crate leads by what it says and by what its names mean.
    fn of_links(
        &mut self,
        index: &Index,
        krate: CrateId,
        references: &References,
        links: &Links,
    ) -> Vec<StepId> {
        let mut found = vec![self.id_of_end(End::Crate(krate))];
        for file in &references.files {
            found.push(self.id_of_end(End::File(krate, file.clone())));
        }
        for name in &references.variables {
            found.push(self.id_of_end(End::Variable(krate, name.clone())));
        }
        for condition in &references.conditions {
            found.push(self.id_of_end(End::Condition(krate, condition.clone())));
        }
        for (krate, package) in &links.packages {
            found.push(self.id_of_end(End::Package(*krate, package.clone())));
        }
        for folder in &links.folders {
            found.push(self.id_of_end(End::Folder(folder.clone())));
        }
        for krate in &links.crates {
            found.push(self.id_of_end(End::Crate(*krate)));
        }
        for (node, module) in &links.nodes {
            found.push(self.id_of_item(index, *node, *module));
        }
        for (symbol, module) in &links.called {
            found.push(self.id(Step::Called(*symbol, *module)));
        }
        for (symbol, module) in &links.called_of_traits {
            found.push(self.id(Step::CalledOfTraits(*symbol, *module)));
        }
        for (node, symbol) in &links.called_of {
            found.push(self.id(Step::CalledOf(*node, *symbol)));
        }
        found
    }
}

impl Index {
    /// Where a function leads that stands in a module.
    pub(crate) fn steps_of_function(
        &self,
        module: ModuleId,
        references: &References,
        links: &Links,
    ) -> Vec<StepId> {
        let krate = self.world.modules[module].krate;
        self.steps.borrow_mut().of_links(self, krate, references, links)
    }

    /// Where an item leads, whatever else is reached.
    pub(crate) fn next(&self, id: StepId, node: NodeId, context: ModuleId) -> Rc<[StepId]> {
        if let Some(known) = self.steps.borrow().next_known(id) {
            return known;
        }
        let it = &self.world.nodes[node];
        let krate = self.world.modules[it.module].krate;
        let (facts, links) = (self.facts(node), self.links(node, context));
        let behind = match it.what {
            NodeKind::Alias(_) if it.owner.is_none() => self.behind(node),
            _ => Default::default(),
        };
        let mut steps = self.steps.borrow_mut();
        let mut found = steps.of_links(self, krate, &facts.references, &links);
        if let Some(owner) = it.owner {
            found.push(steps.id_of_item(self, owner, context));
        }
        for node in behind {
            found.push(steps.id_of_item(self, node, context));
        }
        for call in self.calls_by_type.get(&node).into_iter().flatten() {
            if self.calls[call].has_impl {
                found.push(steps.id_of_item(self, *call, self.world.nodes[*call].module));
            }
        }
        let found: Rc<[StepId]> = found.into();
        if steps.next.len() <= id {
            steps.next.resize(id + 1, None);
        }
        steps.next[id] = Some(Rc::clone(&found));
        found
    }

    /// Whether it was asked before where an item leads.
    pub(crate) fn is_next_known(&self, id: StepId) -> bool {
        self.steps.borrow().next.get(id).is_some_and(Option::is_some)
    }
}
