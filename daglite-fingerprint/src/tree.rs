//! A tree of sources as a whole: its functions, and the fingerprint of each by its name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path as FilePath, PathBuf};

use syn::parse::Parser;
use syn::{ItemFn, Meta, Path};

use crate::cover::{Fingerprint, Function, Place};
use crate::held::Sources;
use crate::sources::world::{NodeId, NodeKind};

/// The sources of a package, to ask what stands for its functions.
///
/// ```
/// use daglite_fingerprint::SourceTree;
///
/// let tree = SourceTree::open(concat!(env!("CARGO_MANIFEST_DIR")))?;
/// let found = tree.fingerprint("canonical::fingerprint")?;
/// assert!(found.parts.iter().any(|part| part.name.ends_with("canonical::walk::walk")));
/// # Ok::<(), daglite_fingerprint::TreeError>(())
/// ```
#[derive(Debug)]
pub struct SourceTree {
    folder: PathBuf,
    functions: Vec<Listed>,
    items: usize,
}

/// A function of a tree.
///
/// ```
/// # let tree = daglite_fingerprint::SourceTree::open(concat!(env!("CARGO_MANIFEST_DIR")))?;
/// let listed = &tree.functions()[0];
/// assert!(listed.line > 0 && listed.name.starts_with("daglite-fingerprint"));
/// # Ok::<(), daglite_fingerprint::TreeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path, from the name of the package on.
    pub name: String,
    /// Whether it has the attribute `#[task]`.
    pub is_task: bool,
    /// Its file.
    pub file: PathBuf,
    /// The line of its first attribute, or of itself.
    pub line: usize,
    target: String,
    text: String,
}

/// Why a question to a tree has no answer.
///
/// ```
/// let error = daglite_fingerprint::SourceTree::open("no/such/folder").unwrap_err();
/// assert!(error.to_string().contains("no/such/folder"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeError(String);

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TreeError {}

impl SourceTree {
    /// The package in `folder`, with all its targets.
    ///
    /// # Errors
    ///
    /// If there is no `Cargo.toml` of a package that can be read.
    pub fn open(folder: impl AsRef<FilePath>) -> Result<Self, TreeError> {
        let folder = folder.as_ref();
        let missing = || {
            TreeError(format!(
                "there is no `Cargo.toml` of a package in `{}`: name the folder of a package",
                folder.display()
            ))
        };
        let absolute = folder.canonicalize().map_err(|_| missing())?;
        let sources = Sources::whole(&absolute).ok_or_else(missing)?;
        let world = &sources.index.world;
        let mut functions = Vec::new();
        let mut items = 0;
        for (target, krate) in &sources.crates {
            for node in 0..world.nodes.len() {
                let it = &world.nodes[node];
                if world.modules[it.module].krate != *krate {
                    continue;
                }
                items += usize::from(is_counted(&it.what));
                if matches!(it.what, NodeKind::Function) && it.owner.is_none() {
                    functions.push(listed(world, node, &target.name));
                }
            }
        }
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { folder: absolute, functions, items })
    }

    /// The folder of the package, as an absolute path.
    pub fn folder(&self) -> &FilePath {
        &self.folder
    }

    /// All free functions, sorted by name.
    pub fn functions(&self) -> &[Listed] {
        &self.functions
    }

    /// How many items the package has: functions, methods, types, traits, impls, constants, statics and macros.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The fingerprint of a function: of its whole path, or of as much of its end as tells it from others.
    ///
    /// # Errors
    ///
    /// If no function has that name, or several.
    pub fn fingerprint(&self, name: &str) -> Result<Fingerprint, TreeError> {
        let ends =
            |listed: &&Listed| listed.name == name || listed.name.ends_with(&format!("::{name}"));
        let found: Vec<&Listed> = self.functions.iter().filter(ends).collect();
        let tasks: Vec<&&Listed> = found.iter().filter(|listed| listed.is_task).collect();
        match (found.as_slice(), tasks.as_slice()) {
            ([one], _) => self.fingerprint_of(one),
            (_, [one]) => self.fingerprint_of(one),
            ([], _) => Err(TreeError(format!(
                "no function of `{}` is called `{name}`: it has {}",
                self.folder.display(),
                some_names(&self.functions)
            ))),
            (several, _) => Err(TreeError(format!(
                "several functions are called `{name}`: write one of {}",
                several.iter().map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The fingerprint of one of the functions.
    ///
    /// # Errors
    ///
    /// If its text cannot be parsed.
    pub fn fingerprint_of(&self, listed: &Listed) -> Result<Fingerprint, TreeError> {
        let function: ItemFn = syn::parse_str(&listed.text)
            .map_err(|error| TreeError(format!("`{}` cannot be parsed: {error}", listed.name)))?;
        let options = Options::of(&function);
        let function = without_task(function);
        let asked = Function {
            function: &function,
            hash_functions: &options.hash_functions.iter().collect::<Vec<_>>(),
            dependencies: &options.dependencies.iter().collect::<Vec<_>>(),
            files: &options.files.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        if !options.tracks {
            return Ok(asked.alone());
        }
        Ok(asked.at(&Place {
            package: self.folder.clone(),
            target: Some(listed.target.clone()),
            file: listed.file.clone(),
            line: listed.line,
        }))
    }
}

/// The names of some tasks, for a message.
fn some_names(functions: &[Listed]) -> String {
    let tasks = functions.iter().filter(|listed| listed.is_task);
    let names: Vec<String> = tasks.map(|listed| format!("`{}`", listed.name)).take(12).collect();
    if names.is_empty() { "no task".to_string() } else { names.join(", ") }
}

/// Whether something counts as an item by itself.
fn is_counted(what: &NodeKind) -> bool {
    !matches!(what, NodeKind::Foreign)
}

/// What is listed of a function.
fn listed(world: &crate::sources::world::World, node: NodeId, target: &str) -> Listed {
    let it = &world.nodes[node];
    let file = &world.files[it.file];
    let line = file.line_of(it.start);
    let text = world.text(node).to_string();
    let attributes = &file.text[it.start..it.attributes_end];
    let is_task = syn::Attribute::parse_outer
        .parse_str(attributes)
        .is_ok_and(|attributes| attributes.iter().any(is_task));
    Listed {
        name: world.label(node),
        is_task,
        file: file.path.clone(),
        line,
        target: target.to_string(),
        text,
    }
}

/// Whether an attribute makes a task.
fn is_task(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "task")
}

/// The function as the macro sees it.
fn without_task(mut function: ItemFn) -> ItemFn {
    function.attrs.retain(|attribute| !is_task(attribute));
    function
}

/// The options of `#[task]` that say something about the fingerprint.
struct Options {
    hash_functions: Vec<Path>,
    dependencies: Vec<Path>,
    files: Vec<String>,
    tracks: bool,
}

impl Options {
    /// The options in the attributes of a function.
    fn of(function: &ItemFn) -> Self {
        let mut options = Self {
            hash_functions: Vec::new(),
            dependencies: Vec::new(),
            files: Vec::new(),
            tracks: true,
        };
        for attribute in function.attrs.iter().filter(|attribute| is_task(attribute)) {
            let Meta::List(list) = &attribute.meta else { continue };
            options.read(list.tokens.clone());
        }
        options
    }

    /// Reads the inside of an attribute.
    fn read(&mut self, tokens: proc_macro2::TokenStream) {
        let mut ways: BTreeMap<usize, Path> = BTreeMap::new();
        for part in split(tokens) {
            if let Ok(value) = syn::parse2::<syn::MetaNameValue>(part.clone()) {
                match (value.path.get_ident().map(ToString::to_string).as_deref(), value.value) {
                    (Some("cache_hash"), syn::Expr::Path(path)) => {
                        self.hash_functions.insert(0, path.path);
                    }
                    (Some("cache_track"), _) => self.tracks = false,
                    (Some("cache_deps"), syn::Expr::Array(list)) => {
                        for element in list.elems {
                            match element {
                                syn::Expr::Path(path) => self.dependencies.push(path.path),
                                syn::Expr::Lit(syn::ExprLit {
                                    lit: syn::Lit::Str(file), ..
                                }) => {
                                    self.files.push(file.value());
                                }
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            } else if let Ok(list) = syn::parse2::<syn::MetaList>(part)
                && list.path.is_ident("cache_hash_params")
            {
                for (at, way) in split(list.tokens).into_iter().enumerate() {
                    if let Ok(value) = syn::parse2::<syn::MetaNameValue>(way)
                        && let syn::Expr::Path(path) = value.value
                        && !is_strategy(&path.path)
                    {
                        ways.insert(at, path.path);
                    }
                }
            }
        }
        self.hash_functions.extend(ways.into_values());
    }
}

/// Whether a word says how to hash, and names no function.
fn is_strategy(path: &Path) -> bool {
    ["auto", "exact", "fast", "sampled", "registry"].iter().any(|word| path.is_ident(word))
}

/// The parts between commas.
fn split(tokens: proc_macro2::TokenStream) -> Vec<proc_macro2::TokenStream> {
    let mut parts = vec![proc_macro2::TokenStream::new()];
    for token in tokens {
        let is_comma =
            matches!(&token, proc_macro2::TokenTree::Punct(sign) if sign.as_char() == ',');
        match parts.last_mut() {
            Some(part) if !is_comma => part.extend([token]),
            _ => parts.push(proc_macro2::TokenStream::new()),
        }
    }
    parts
}
