//! What a path means, by the rules of modules, `use`, globs and crates.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use crate::sources::use_tree::Import;
use crate::sources::world::{Extern, ModuleId, Named, NodeId, NodeKind, World};

/// What a path may mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    /// An item, and the segments after it: a variant, a method, an associated type.
    Node(NodeId, Vec<String>),
    /// A module.
    Module(ModuleId),
    /// Something of a package of the lock, or of the standard library (no package): the whole path.
    Foreign(Option<String>, String),
    /// Something of a crate of macros whose sources are here: its folder.
    Macros(PathBuf),
    /// Something of this library.
    Ours(String),
}

/// The crates that need no dependency.
const STANDARD: [&str; 5] = ["std", "core", "alloc", "proc_macro", "test"];

/// A name, and the module in which it is looked up.
type Asked = (ModuleId, String);

/// Answers what paths mean, and remembers it.
#[derive(Default)]
pub(crate) struct Resolver {
    memo: RefCell<HashMap<Asked, Rc<Vec<Target>>>>,
}

/// One question: the look-ups that are under way, so that none goes in a circle, and those that are done.
#[derive(Default)]
struct Visiting {
    under_way: HashSet<Asked>,
    done: HashMap<Asked, Vec<Target>>,
}

impl Resolver {
    /// What `path` may mean in `module`. Several answers: under several configurations, or in several namespaces.
    pub(crate) fn path(
        &self,
        world: &World,
        module: ModuleId,
        path: &[String],
        global: bool,
    ) -> Vec<Target> {
        self.path_visiting(world, module, path, global, &mut Visiting::default())
    }

    /// What an import brings.
    pub(crate) fn import(&self, world: &World, module: ModuleId, import: &Import) -> Vec<Target> {
        self.path(world, module, &import.path, import.global)
    }

    /// The same, within one question.
    fn path_visiting(
        &self,
        world: &World,
        module: ModuleId,
        path: &[String],
        global: bool,
        visiting: &mut Visiting,
    ) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let root = world.crates[world.modules[module].krate].root;
        let starts = match first.as_str() {
            "crate" | "$crate" => vec![Target::Module(root)],
            "self" => vec![Target::Module(module)],
            "super" => match world.modules[module].parent {
                Some(parent) => vec![Target::Module(parent)],
                None => Vec::new(),
            },
            name if global => {
                let mut starts = self.external(world, module, name);
                if starts.is_empty() {
                    // The edition of 2015.
                    starts = self.name(world, root, name, visiting);
                }
                starts
            }
            name => self.first(world, module, name, visiting),
        };
        self.walk(world, starts, rest, visiting)
    }

    /// The first segment of a path.
    fn first(
        &self,
        world: &World,
        module: ModuleId,
        name: &str,
        visiting: &mut Visiting,
    ) -> Vec<Target> {
        let mut found = self.name(world, module, name, visiting);
        let only_sometimes = world.modules[module].names.get(name).is_none_or(|named| {
            named.iter().all(|named| match named {
                Named::Node(node) => world.nodes[*node].conditional,
                Named::Import(import) => import.conditional,
                Named::Module(_) => false,
            })
        });
        if found.is_empty() || only_sometimes {
            found.extend(self.external(world, module, name));
        }
        if found.is_empty() {
            let root = world.crates[world.modules[module].krate].root;
            found = self.name(world, root, name, visiting);
        }
        found.sort();
        found.dedup();
        found
    }

    /// The crate that a name stands for.
    fn external(&self, world: &World, module: ModuleId, name: &str) -> Vec<Target> {
        if STANDARD.contains(&name) {
            return vec![Target::Foreign(None, name.to_string())];
        }
        let krate = &world.crates[world.modules[module].krate];
        match krate.externs.get(name) {
            Some(Extern::Here(krate)) => vec![Target::Module(world.crates[*krate].root)],
            Some(Extern::Macros(folder)) => vec![Target::Macros(folder.clone())],
            Some(Extern::Locked(package)) => {
                vec![Target::Foreign(Some(package.clone()), name.to_string())]
            }
            Some(Extern::Ours) => vec![Target::Ours(name.to_string())],
            None => Vec::new(),
        }
    }

    /// Goes on from where the first segment led.
    fn walk(
        &self,
        world: &World,
        mut targets: Vec<Target>,
        rest: &[String],
        visiting: &mut Visiting,
    ) -> Vec<Target> {
        for segment in rest {
            let mut next = Vec::new();
            for target in targets {
                match target {
                    Target::Module(module) => match segment.as_str() {
                        "self" => next.push(Target::Module(module)),
                        "super" => next.extend(world.modules[module].parent.map(Target::Module)),
                        segment => next.extend(self.name(world, module, segment, visiting)),
                    },
                    Target::Node(node, mut after) => {
                        after.push(segment.clone());
                        next.push(Target::Node(node, after));
                    }
                    Target::Foreign(package, path) => {
                        next.push(Target::Foreign(package, format!("{path}::{segment}")));
                    }
                    Target::Macros(folder) => next.push(Target::Macros(folder)),
                    Target::Ours(path) => next.push(Target::Ours(format!("{path}::{segment}"))),
                }
            }
            targets = next;
        }
        targets.sort();
        targets.dedup();
        targets
    }

    /// What `name` means in `module`, by its items, its imports and its globs.
    fn name(
        &self,
        world: &World,
        module: ModuleId,
        name: &str,
        visiting: &mut Visiting,
    ) -> Vec<Target> {
        let key = (module, name.to_string());
        if let Some(known) = self.memo.borrow().get(&key) {
            return known.to_vec();
        }
        if let Some(known) = visiting.done.get(&key) {
            return known.clone();
        }
        let is_whole = visiting.under_way.is_empty();
        if !visiting.under_way.insert(key.clone()) {
            // As in `mod parse; use parse::parse;`: the module is meant.
            return direct(world, module, name);
        }
        let mut found = self.name_unknown(world, module, name, visiting);
        found.sort();
        found.dedup();
        visiting.under_way.remove(&key);
        if is_whole {
            self.memo.borrow_mut().insert(key, Rc::new(found.clone()));
        } else {
            visiting.done.insert(key, found.clone());
        }
        found
    }

    /// What a name means in a module, not knowing it yet.
    fn name_unknown(
        &self,
        world: &World,
        module: ModuleId,
        name: &str,
        visiting: &mut Visiting,
    ) -> Vec<Target> {
        let it = &world.modules[module];
        let mut found = Vec::new();
        let mut always = false;
        for named in it.names.get(name).into_iter().flatten() {
            match named {
                Named::Node(node) => {
                    always |= !world.nodes[*node].conditional;
                    found.push(Target::Node(*node, Vec::new()));
                }
                Named::Module(inner) => {
                    always = true;
                    found.push(Target::Module(*inner));
                }
                Named::Import(import) => {
                    let targets =
                        self.path_visiting(world, module, &import.path, import.global, visiting);
                    always |= !import.conditional && !targets.is_empty();
                    found.extend(targets);
                }
            }
        }
        if always {
            return found;
        }
        for glob in &it.globs {
            for target in self.path_visiting(world, module, &glob.path, glob.global, visiting) {
                match target {
                    Target::Module(other) => found.extend(self.name(world, other, name, visiting)),
                    Target::Node(node, after) if after.is_empty() => {
                        if let NodeKind::Enum(variants) = &world.nodes[node].what
                            && variants.iter().any(|variant| variant == name)
                        {
                            found.push(Target::Node(node, vec![name.to_string()]));
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// All items that a module has or brings: for a text that names a module.
    pub(crate) fn all_in(&self, world: &World, module: ModuleId) -> Vec<Target> {
        let mut names: Vec<&String> = world.modules[module].names.keys().collect();
        names.sort();
        let one = |name: &String| self.name(world, module, name, &mut Visiting::default());
        names.into_iter().flat_map(one).collect()
    }

    /// The globs of a module that lead out of the sources: what they bring cannot be told.
    pub(crate) fn open_globs(&self, world: &World, module: ModuleId) -> Vec<Target> {
        let it = &world.modules[module];
        let lead = |glob: &Import| self.import(world, module, glob);
        let is_open = |target: &Target| matches!(target, Target::Foreign(..) | Target::Macros(_));
        it.globs.iter().chain(&it.nameless).flat_map(lead).filter(is_open).collect()
    }
}

/// The items and modules of that name that stand in the module itself.
fn direct(world: &World, module: ModuleId, name: &str) -> Vec<Target> {
    let named = world.modules[module].names.get(name).into_iter().flatten();
    let target = |named: &Named| match named {
        Named::Node(node) => Some(Target::Node(*node, Vec::new())),
        Named::Module(module) => Some(Target::Module(*module)),
        Named::Import(_) => None,
    };
    named.filter_map(target).collect()
}
