//! The sources of a package, held for all macros of a build.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::cover::Place;
use crate::reach::index::Index;
use crate::sources::manifest::{Package, Target};
use crate::sources::world::{CrateId, Module, ModuleId, NodeId, World};

/// For how long the sources are taken to be as they were: an editor keeps one process of macros for days.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

thread_local! {
    /// The sources that were read last, and when they were looked at: all macros of a build share them.
    static SOURCES: RefCell<Option<(PathBuf, Instant, Rc<Sources>)>> = const { RefCell::new(None) };
}

/// The sources of a package and of those it depends on.
pub(crate) struct Sources {
    /// The package.
    pub(crate) package: Rc<Package>,
    /// The index of them.
    pub(crate) index: Index,
    /// The package's own crates.
    pub(crate) crates: Vec<(Target, CrateId)>,
    /// The modules of each file, by crate.
    by_file: HashMap<PathBuf, Vec<(CrateId, Vec<ModuleId>)>>,
}

impl Sources {
    /// An index of what was read.
    fn new(package: Rc<Package>, world: World, crates: Vec<(Target, CrateId)>) -> Self {
        let mut by_file: HashMap<PathBuf, Vec<(CrateId, Vec<ModuleId>)>> = HashMap::new();
        for (id, module) in world.modules.iter().enumerate() {
            let of_file = by_file.entry(world.files[module.file].path.clone()).or_default();
            match of_file.iter_mut().find(|(krate, _)| *krate == module.krate) {
                Some((_, modules)) => modules.push(id),
                None => of_file.push((module.krate, vec![id])),
            }
        }
        Self { package, index: Index::new(world), crates, by_file }
    }

    /// The sources of the package at `place`, read anew if they are not as they were.
    pub(crate) fn of(file: &FilePath, place: &Place) -> Option<Rc<Self>> {
        let folder = place.package.canonicalize().ok()?;
        let known = SOURCES.with_borrow_mut(|sources| {
            let (known, looked, sources) = sources.as_mut()?;
            if *known != folder {
                return None;
            }
            if looked.elapsed() > FRESH {
                if !sources.index.world.seen.iter().all(|file| file.is_current()) {
                    return None;
                }
                *looked = Instant::now();
            }
            Some(Rc::clone(sources))
        });
        let known =
            known.filter(|sources| sources.modules_in(file, place.target.as_ref()).is_some());
        if known.is_some() {
            return known;
        }
        let sources = Rc::new(Self::read(&folder, file, place)?);
        let entry = (folder, Instant::now(), Rc::clone(&sources));
        SOURCES.with_borrow_mut(|known| *known = Some(entry));
        Some(sources)
    }

    /// The sources of a package with all its targets.
    pub(crate) fn whole(folder: &FilePath) -> Option<Rc<Self>> {
        let mut world = World::default();
        let package = world.package(folder)?;
        let targets: Vec<Target> = package.library.iter().chain(&package.others).cloned().collect();
        let crates = targets
            .into_iter()
            .map(|target| {
                let krate = world.load(&package, &target);
                (target, krate)
            })
            .collect();
        let sources = Rc::new(Self::new(package, world, crates));
        let entry = (folder.to_path_buf(), Instant::now(), Rc::clone(&sources));
        SOURCES.with_borrow_mut(|known| *known = Some(entry));
        Some(sources)
    }

    /// Reads the package in `folder`, as far as `file` needs it.
    fn read(folder: &FilePath, file: &FilePath, place: &Place) -> Option<Self> {
        let mut world = World::default();
        let package = world.package(folder)?;
        let mut crates = Vec::new();
        for target in candidates(&package, file, place) {
            let krate = world.load(&package, &target);
            crates.push((target, krate));
            let holds =
                |module: &Module| module.krate == krate && world.files[module.file].path == file;
            if world.modules.iter().any(holds) {
                break;
            }
        }
        Some(Self::new(package, world, crates))
    }

    /// The modules of a file, in the crate of that name if several have it.
    fn modules_in(
        &self,
        file: &FilePath,
        target: Option<&String>,
    ) -> Option<(CrateId, &[ModuleId])> {
        let holding = self.by_file.get(file)?;
        let right = |krate: &CrateId| {
            let named =
                self.crates.iter().find(|(_, of)| of == krate).map(|(target, _)| &target.name);
            target.is_none() || named == target
        };
        let found = holding.iter().find(|(krate, _)| right(krate)).or(holding.first());
        found.map(|(krate, modules)| (*krate, modules.as_slice()))
    }

    /// The module that a place is in, and the items around it that are not the function itself.
    pub(crate) fn module_of(
        &self,
        file: &FilePath,
        place: &Place,
    ) -> Option<(ModuleId, Vec<NodeId>)> {
        let (_, modules) = self.modules_in(file, place.target.as_ref())?;
        let world = &self.index.world;
        let first = *modules.first()?;
        let modules = modules.iter().copied();
        let in_file = &world.files[world.modules[first].file];
        let (text, offset) = (&in_file.text, in_file.start_of(place.line));
        let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let holding = modules.filter(|module| {
            let (start, end) = world.modules[*module].range;
            start <= offset && offset <= end || start <= line_end && line_end <= end
        });
        let size = |module: &ModuleId| {
            let (start, end) = world.modules[*module].range;
            end - start
        };
        let module = holding.min_by_key(size)?;
        let around = world.modules[module].items.iter().copied().filter(|node| {
            let it = &world.nodes[*node];
            let is_here =
                it.file == world.modules[module].file || it.file == world.modules[first].file;
            is_here && it.owner.is_none() && it.start < offset && line_end < it.end
        });
        // The attributes of the function itself do not make it lie around itself.
        let around = around.filter(|node| {
            let it = &world.nodes[*node];
            offset >= it.attributes_end
        });
        Some((module, around.collect()))
    }
}

/// The targets of a package, the likeliest first.
fn candidates(package: &Package, file: &FilePath, place: &Place) -> Vec<Target> {
    let mut targets: Vec<Target> = package
        .library
        .iter()
        .chain(&package.others)
        .chain(&package.script_target())
        .cloned()
        .collect();
    targets.sort_by_key(|target| {
        let is_root = target.root.canonicalize().is_ok_and(|root| root == file);
        let is_named = place.target.as_ref() == Some(&target.name);
        (!is_root, !is_named)
    });
    targets
}
