//! The fingerprint of a task: the normal form of its function, and of everything that it reaches.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use syn::ext::IdentExt;
use syn::visit::Visit;
use syn::{ItemFn, Path};

use crate::canonical;
use crate::closed::Closed;
use crate::gathered::{Gathered, file_name};
use crate::held::Sources;
use crate::reach::closure::{Start, Walk};
use crate::reach::index::Index;
use crate::reach::references::{References, Surroundings};
use crate::sources::world::{ModuleId, NodeId, NodeKind, World};

/// A function whose fingerprint is asked for.
///
/// ```
/// use daglite_fingerprint::Function;
///
/// let function = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// let asked = Function { function: &function, hash_functions: &[], dependencies: &[], files: &[] };
/// // Without its place in a package, only the function itself counts.
/// let fingerprint = asked.alone();
/// assert!(fingerprint.parts.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// The function, without the attribute that makes it a task.
    pub function: &'a ItemFn,
    /// The functions that hash its arguments.
    pub hash_functions: &'a [&'a Path],
    /// Items that count too.
    pub dependencies: &'a [&'a Path],
    /// Files that count too, relative to the folder of the package.
    pub files: &'a [&'a str],
}

/// Where a function stands.
///
/// ```
/// use daglite_fingerprint::Place;
///
/// let place = Place { package: "app".into(), target: Some("app".into()), file: "app/src/lib.rs".into(), line: 3 };
/// assert_eq!(place.line, 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder of the package's `Cargo.toml`.
    pub package: PathBuf,
    /// The name of the crate that is compiled, if it is known: several may share a file.
    pub target: Option<String>,
    /// The source file.
    pub file: PathBuf,
    /// The line, the first one being 1.
    pub line: usize,
}

/// What stands for a task's code.
///
/// ```
/// # let function = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// # let asked = daglite_fingerprint::Function { function: &function, hash_functions: &[], dependencies: &[], files: &[] };
/// let fingerprint = asked.alone();
/// assert_eq!(fingerprint.digest, asked.alone().digest);
/// assert!(fingerprint.notes.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The 32 bytes that stand for all of it.
    pub digest: [u8; 32],
    /// Those that stand for the function itself.
    pub own: [u8; 32],
    /// What it covers beside the function itself, sorted by name.
    pub parts: Arc<[Part]>,
    /// The same for people, a line each: the first 64 bits of the digest in hexadecimal, a space, and the name. A
    /// function that reaches more than 512 items lists their modules in their place.
    pub listed: Arc<str>,
    /// Conditions of `cfg` whose truth belongs to the key too: `unix`, `feature = "fast"`.
    pub conditions: Vec<String>,
    /// What could not be seen, and what stands for it: sentences for people.
    pub notes: Vec<String>,
    /// The options that name nothing that can be seen: paths of `dependencies`, or names of `files`.
    pub missing: Vec<String>,
}

/// Something that a fingerprint covers.
///
/// ```
/// use daglite_fingerprint::Part;
///
/// let part = Part { name: "app::scale".into(), digest: [0; 32], by: None };
/// assert_eq!(&*part.name, "app::scale");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path, or what it is.
    pub name: Arc<str>,
    /// The digest of its normal form, and of what its names mean.
    pub digest: [u8; 32],
    /// Which part names it first; `None`: the function itself.
    pub by: Option<Arc<str>>,
}

impl Function<'_> {
    /// The fingerprint of the function alone, when it cannot be told where it stands.
    pub fn alone(&self) -> Fingerprint {
        let own = self.own();
        Fingerprint { digest: own, own, ..Fingerprint::default() }
    }

    /// The fingerprint of the function and of the files that were named, in a package whose folder is known.
    pub fn alone_in(&self, package: &FilePath) -> Fingerprint {
        if self.files.is_empty() {
            return self.alone();
        }
        let index = Index::new(World::default());
        let mut cover = Gathered::new(&index);
        cover.files(self.files, package);
        cover.finish(self.own())
    }

    /// The digest of the function itself.
    fn own(&self) -> [u8; 32] {
        canonical::fingerprint(self.function, self.hash_functions)
    }

    /// The fingerprint of the function and of everything that it reaches.
    ///
    /// The sources are read at the first call for a package, and again when one of them has changed.
    pub fn at(&self, place: &Place) -> Fingerprint {
        let file = place.file.canonicalize().unwrap_or_else(|_| place.file.clone());
        let (own, spoken) = (self.own(), Spoken::of(self, place));
        let _tokens = OwnTokens::start();
        let Some(sources) = Sources::of(&file, place) else {
            let note = format!(
                "the `Cargo.toml` in `{}` cannot be read, so the fingerprint covers the function alone",
                place.package.display()
            );
            return Fingerprint { notes: vec![note], own, digest: own, ..Fingerprint::default() };
        };
        match sources.module_of(&file, place) {
            Some((module, around)) => self.within(&sources, module, &around, own, &spoken),
            None => {
                // A file that no target has: its crate cannot be told, so all of the package counts.
                let mut cover = Gathered::new(&sources.index);
                cover.folder(&sources.package.folder, &sources.package.name);
                cover.notes.insert(format!(
                    "`{}` is in no target of `{}`: the whole package counts",
                    file_name(&place.file),
                    sources.package.name
                ));
                cover.finish(own)
            }
        }
    }

    /// The fingerprint of the function in a module, where `around` are the items that it stands in.
    fn within(
        &self,
        sources: &Sources,
        module: ModuleId,
        around: &[NodeId],
        own: [u8; 32],
        spoken: &Spoken,
    ) -> Fingerprint {
        let index = &sources.index;
        let world = &index.world;
        let inputs = inputs(index, module, spoken);
        let also: Vec<NodeId> = around.iter().copied().chain(inputs).collect();
        let start = Start::of(index, module, &spoken.references, &also);
        let mut cover = Gathered::new(index);
        for (path, global) in &spoken.dependencies {
            if index.resolver.path(world, module, path, *global).is_empty() {
                cover.missing.push(path.join("::"));
            }
        }
        cover.files(self.files, &sources.package.folder);
        if spoken.references.has_place {
            cover.place(&world.files[world.modules[module].file].path);
        }
        let known = index.closed.borrow().get(&start.steps);
        let closed = known.unwrap_or_else(|| {
            let reached = Walk::from(index, &start.steps);
            let own: Vec<_> = sources.crates.iter().map(|(_, krate)| *krate).collect();
            let mut all = Gathered::new(index);
            all.inside(&reached, &own);
            let closed = Rc::new(Closed::of(index, reached, all, &sources.package.name));
            index.closed.borrow_mut().hold(start.steps, &closed);
            closed
        });
        cover.outside(&closed.outside);
        closed.with(own, start.meaning, cover)
    }
}

/// While it lives, tokens are made by ourselves and not by the compiler: reading sources through the compiler's door is
/// several times slower. What the compiler has given must not be touched meanwhile.
struct OwnTokens;

impl OwnTokens {
    /// From now on.
    fn start() -> Self {
        proc_macro2::fallback::force();
        Self
    }
}

impl Drop for OwnTokens {
    fn drop(&mut self) {
        proc_macro2::fallback::unforce();
    }
}

/// What the function itself says, without any tokens.
struct Spoken {
    /// All that it names.
    references: References,
    /// What its parameters name.
    parameters: References,
    /// What the bounds of its type parameters name.
    bounds: References,
    /// The items that `cache_deps` names, and whether the paths start with `::`.
    dependencies: Vec<(Vec<String>, bool)>,
}

impl Spoken {
    /// What `asked` says.
    fn of(asked: &Function<'_>, place: &Place) -> Self {
        let beside = place.file.parent().unwrap_or(FilePath::new(""));
        let surroundings = Surroundings { package: &place.package, beside };
        let signature = &asked.function.sig;
        let segments = |path: &Path| {
            path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect()
        };
        let dependency = |path: &&Path| (segments(path), path.leading_colon.is_some());
        Self {
            references: References::of(&surroundings, |found| {
                found.visit_item_fn(asked.function);
                for path in asked.hash_functions.iter().chain(asked.dependencies) {
                    found.visit_path(path);
                }
            }),
            parameters: References::of(&surroundings, |found| {
                for input in &signature.inputs {
                    found.visit_fn_arg(input);
                }
            }),
            bounds: References::of(&surroundings, |found| {
                if signature.generics.type_params().next().is_some() {
                    found.visit_generics(&signature.generics);
                }
            }),
            dependencies: asked.dependencies.iter().map(dependency).collect(),
        }
    }
}

/// The types whose values may come in from outside without being named: those that implement a trait that a type
/// parameter has, or that an argument holds as `dyn`.
fn inputs(index: &Index, module: ModuleId, spoken: &Spoken) -> BTreeSet<NodeId> {
    let mut traits: BTreeSet<Vec<String>> =
        spoken.bounds.paths.iter().map(|reference| reference.path.clone()).collect();
    traits.extend(spoken.parameters.objects.iter().cloned());
    let mut found = BTreeSet::new();
    let mut pending: Vec<NodeId> = Vec::new();
    for reference in &spoken.parameters.paths {
        pending.extend(index.named(module, &reference.path));
    }
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    for path in traits {
        found.extend(index.who_implements(module, &path));
    }
    while let Some(node) = pending.pop() {
        let is_type = matches!(
            index.world.nodes[node].what,
            NodeKind::Struct | NodeKind::Enum(_) | NodeKind::Alias(_)
        );
        if !is_type || !seen.insert(node) {
            continue;
        }
        let facts = index.facts(node);
        let module = index.world.nodes[node].module;
        for path in &facts.references.objects {
            found.extend(index.who_implements(module, path));
        }
        for reference in &facts.references.paths {
            pending.extend(index.named(module, &reference.path));
        }
    }
    found
}
