//! The crates whose sources are at hand: every module and item of them, in one arena.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use super::manifest::{Lock, Package};
use super::skim::ImplHead;
use super::use_tree::Import;

/// The index of a crate.
pub(crate) type CrateId = usize;
/// The index of a module.
pub(crate) type ModuleId = usize;
/// The index of an item or a member.
pub(crate) type NodeId = usize;

/// All crates, modules and items.
#[derive(Default)]
pub(crate) struct World {
    /// The crates.
    pub(crate) crates: Vec<Crate>,
    /// The modules of all crates.
    pub(crate) modules: Vec<Module>,
    /// The items of all crates.
    pub(crate) nodes: Vec<Node>,
    /// The files that were read.
    pub(crate) files: Vec<File>,
    /// Each package's lock, by its folder.
    pub(crate) locks: HashMap<PathBuf, Rc<Lock>>,
    /// All that was looked at, so that it can be seen whether it is still so.
    pub(crate) seen: Vec<Seen>,
    /// The packages that were asked for, by their folders.
    pub(super) packages: HashMap<PathBuf, Option<Rc<Package>>>,
    /// The crates by their first file and their name.
    pub(super) by_root: HashMap<(PathBuf, String), CrateId>,
}

/// A file as it was when it was looked at.
pub(crate) struct Seen {
    path: PathBuf,
    state: Option<(u64, SystemTime)>,
}

impl Seen {
    /// The file as it is now.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_path_buf(), state: state(path) }
    }

    /// Whether the file is as it was.
    pub(crate) fn is_current(&self) -> bool {
        state(&self.path) == self.state
    }
}

/// The length of a file and when it was changed; `None` if it is not there.
fn state(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// A source file.
pub(crate) struct File {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its text; empty if it has none that can be read.
    pub(crate) text: String,
    /// Where its lines end.
    ends: OnceCell<Vec<usize>>,
}

impl File {
    /// A file with its text.
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, ends: OnceCell::new() }
    }

    /// Where its lines end, found once.
    fn ends(&self) -> &[usize] {
        self.ends.get_or_init(|| self.text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The number of the line that a byte is in, the first one being 1.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.ends().partition_point(|end| *end < byte) + 1
    }

    /// The first byte of a line, the first one being 1; of one that is not there, the first of all.
    pub(crate) fn start_of(&self, line: usize) -> usize {
        let before = line.checked_sub(2).and_then(|before| self.ends().get(before));
        before.map_or(0, |end| end + 1)
    }
}

/// A crate.
pub(crate) struct Crate {
    /// Its package.
    pub(crate) package: Rc<Package>,
    /// The conditions under which its modules and imports are there.
    pub(crate) conditions: BTreeSet<String>,
    /// Its first module.
    pub(crate) root: ModuleId,
    /// The crates that its paths may start with.
    pub(crate) externs: HashMap<String, Extern>,
    /// All its `macro_rules!`, by name: they are visible by their place in the text.
    pub(crate) macros: HashMap<String, Vec<NodeId>>,
    /// Files that could not be understood, or not be found: their bytes, or nothing, stand for them.
    pub(crate) unread: Vec<PathBuf>,
    /// Why the whole package has to stand for this crate, if it has.
    pub(crate) opaque: Option<String>,
}

/// What the name of a crate in a path stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Extern {
    /// A crate whose sources are here.
    Here(CrateId),
    /// A crate of macros whose sources are here: its package's folder.
    Macros(PathBuf),
    /// A package of the lock.
    Locked(String),
    /// This library itself.
    Ours,
}

/// A module.
pub(crate) struct Module {
    /// Its crate.
    pub(crate) krate: CrateId,
    /// The module that it is in.
    pub(crate) parent: Option<ModuleId>,
    /// Its path, as in `module_path!()` but with the crate's label.
    pub(crate) path: String,
    /// Its file.
    pub(crate) file: usize,
    /// Its first byte there and the byte after its last.
    pub(crate) range: (usize, usize),
    /// What its names stand for.
    pub(crate) names: HashMap<String, Vec<Named>>,
    /// Its globs.
    pub(crate) globs: Vec<Import>,
    /// Its `use … as _`.
    pub(crate) nameless: Vec<Import>,
    /// The macro calls in it that may make items.
    pub(crate) calls: Vec<NodeId>,
    /// Its items.
    pub(crate) items: Vec<NodeId>,
    /// Whether its macros are visible behind it.
    pub(crate) macro_use: bool,
    /// Where the files of its modules are.
    pub(super) folder: PathBuf,
}

/// What a name in a module stands for.
#[derive(Clone)]
pub(crate) enum Named {
    /// An item.
    Node(NodeId),
    /// A module.
    Module(ModuleId),
    /// Something from elsewhere.
    Import(Rc<Import>),
}

/// An item, or a member of one.
pub(crate) struct Node {
    /// What it is.
    pub(crate) what: NodeKind,
    /// The module it is in.
    pub(crate) module: ModuleId,
    /// Its file.
    pub(crate) file: usize,
    /// Its first byte there.
    pub(crate) start: usize,
    /// The byte after its last.
    pub(crate) end: usize,
    /// The byte after its attributes.
    pub(crate) attributes_end: usize,
    /// Its name, or what stands for it.
    pub(crate) name: String,
    /// The impl or trait that it is a member of.
    pub(crate) owner: Option<NodeId>,
    /// Its members.
    pub(crate) members: Vec<NodeId>,
    /// Whether it is there under some configurations only.
    pub(crate) conditional: bool,
    /// Whether impls stand in its body.
    pub(crate) has_impls: bool,
    /// Whether macros in its attributes may make more of it.
    pub(crate) has_macros: bool,
    /// Of a macro: whether other modules see it by its name alone.
    pub(crate) exported: bool,
}

/// What an item is, with what was found in its head.
pub(crate) enum NodeKind {
    /// A function.
    Function,
    /// A struct or a union.
    Struct,
    /// An enum, with its variants.
    Enum(Vec<String>),
    /// A constant.
    Constant,
    /// A static.
    Static,
    /// A type alias, or an associated type.
    Alias(Vec<Vec<String>>),
    /// A trait, and where its head ends.
    Trait(usize),
    /// An impl.
    Impl(ImplHead),
    /// The definition of a macro.
    Macro,
    /// The call of a macro, with the path of the macro.
    Call(Vec<String>),
    /// A block of foreign items.
    Foreign,
}

impl World {
    /// The module in which the macros of `module` are visible: further out with `#[macro_use]`.
    pub(crate) fn macro_scope(&self, mut module: ModuleId) -> ModuleId {
        while self.modules[module].macro_use
            && let Some(parent) = self.modules[module].parent
        {
            module = parent;
        }
        module
    }

    /// The path of a node, for people.
    pub(crate) fn label(&self, node: NodeId) -> String {
        let it = &self.nodes[node];
        match it.owner {
            Some(owner) => format!("{}::{}", self.label(owner), it.name),
            None => {
                let module = &self.modules[it.module].path;
                match &it.what {
                    NodeKind::Impl(_) => format!("{module}::<{}>", it.name),
                    NodeKind::Call(path) => format!("{module}::{}!", path.join("::")),
                    NodeKind::Macro => format!("{module}::{}!", it.name),
                    _ => format!("{module}::{}", it.name),
                }
            }
        }
    }

    /// The source text of a node.
    pub(crate) fn text(&self, node: NodeId) -> &str {
        let it = &self.nodes[node];
        &self.files[it.file].text[it.start..it.end]
    }
}
