//! What `Cargo.toml` and `Cargo.lock` say of a package: its targets, and where its dependencies come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// A package whose sources are at hand.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version; empty if it has none.
    pub(crate) version: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) folder: PathBuf,
    /// Its library, if it has one.
    pub(crate) library: Option<Target>,
    /// Its binaries, examples, tests and benches.
    pub(crate) others: Vec<Target>,
    /// Whether the library is one of macros.
    pub(crate) is_macros: bool,
    /// Its build script.
    pub(crate) build_script: Option<PathBuf>,
    /// Where each name of a dependency leads.
    pub(crate) dependencies: BTreeMap<String, Dependency>,
    /// What is said of each dependency: the name in paths, the package, and all of it as text.
    requests: Vec<(String, String, String)>,
    /// Its features, with what each turns on.
    features: BTreeMap<String, Vec<String>>,
}

/// The root of a crate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// The name of the crate, as in paths.
    pub(crate) name: String,
    /// Its first source file.
    pub(crate) root: PathBuf,
}

/// Where a dependency comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dependency {
    /// A folder beside the package.
    Folder(PathBuf),
    /// Elsewhere: the name of the package.
    Locked(String),
}

impl Package {
    /// Reads the package in `folder`; `None` if its `Cargo.toml` cannot be understood.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let table = read(&folder.join("Cargo.toml"))?;
        let package = table.get("package")?.as_table()?;
        let name = package.get("name")?.as_str()?.to_string();
        let workspace = Workspace::of(folder, &table);
        let library = table.get("lib").and_then(Value::as_table);
        let is_macros = library.is_some_and(|library| {
            ["proc-macro", "proc_macro"]
                .iter()
                .any(|key| library.get(*key).and_then(Value::as_bool) == Some(true))
        });
        let build = match package.get("build") {
            Some(Value::String(path)) => Some(folder.join(path)),
            Some(_) => None,
            None => Some(folder.join("build.rs")),
        };
        Some(Self {
            version: version(package, &workspace).unwrap_or_default(),
            library: the_library(folder, &name, library),
            others: other_targets(folder, &name, &table),
            is_macros,
            build_script: build.filter(|path| path.is_file()),
            dependencies: dependencies(folder, &table, &workspace),
            requests: requests(&table, &workspace),
            features: features(&table),
            folder: folder.to_path_buf(),
            name,
        })
    }

    /// What it asks of the package `name`.
    pub(crate) fn requests(&self, name: &str) -> impl Iterator<Item = &str> {
        self.requests
            .iter()
            .filter(move |(_, package, _)| package == name)
            .map(|(_, _, text)| text.as_str())
    }

    /// Its features that turn on features of the package `name`, or features that do.
    pub(crate) fn features_for(&self, name: &str) -> BTreeSet<String> {
        let names: Vec<&str> = self
            .requests
            .iter()
            .filter(|(_, package, _)| package == name)
            .map(|(name, ..)| name.as_str())
            .collect();
        let mut found: BTreeSet<String> = BTreeSet::new();
        loop {
            let before = found.len();
            for (feature, on) in &self.features {
                let leads = |entry: &String| {
                    let target = entry
                        .trim_start_matches("dep:")
                        .split(['/', '?'])
                        .next()
                        .unwrap_or_default();
                    found.contains(entry.as_str()) || names.contains(&crate_name(target).as_str())
                };
                if on.iter().any(leads) {
                    found.insert(feature.clone());
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// Its features, as text.
    pub(crate) fn features_text(&self) -> String {
        format!("{:?}", self.features)
    }

    /// The build script as a crate.
    pub(crate) fn script_target(&self) -> Option<Target> {
        let root = self.build_script.clone()?;
        Some(Target { name: "build_script_build".to_string(), root })
    }
}

/// A file of TOML.
fn read(path: &Path) -> Option<Table> {
    fs::read_to_string(path).ok()?.parse().ok()
}

/// The workspace that a package is in: where it is, and its own table.
#[derive(Default)]
struct Workspace {
    folder: PathBuf,
    table: Table,
    patches: Table,
}

impl Workspace {
    /// The workspace of the package in `folder`.
    fn of(folder: &Path, manifest: &Table) -> Self {
        let named = manifest.get("package").and_then(|package| package.get("workspace"));
        let above: Vec<PathBuf> = match named.and_then(Value::as_str) {
            Some(path) => vec![folder.join(path)],
            None => folder.ancestors().map(Path::to_path_buf).collect(),
        };
        for folder in above {
            let Some(mut table) = read(&folder.join("Cargo.toml")) else { continue };
            if let Some(Value::Table(workspace)) = table.remove("workspace") {
                let patches = match table.remove("patch") {
                    Some(Value::Table(patches)) => patches,
                    _ => Table::new(),
                };
                return Self { folder, table: workspace, patches };
            }
        }
        Self::default()
    }

    /// What `[workspace.dependencies]` says of a name.
    fn dependency(&self, name: &str) -> Option<&Value> {
        self.table.get("dependencies")?.get(name)
    }

    /// The folder that `[patch]` puts in the place of a package.
    fn patched(&self, package: &str) -> Option<PathBuf> {
        self.patches.values().filter_map(Value::as_table).find_map(|patches| {
            let is_it = |(key, value): &(&String, &Value)| {
                value.get("package").and_then(Value::as_str).unwrap_or(key) == package
            };
            let (_, patch) = patches.iter().find(is_it)?;
            Some(self.folder.join(patch.get("path")?.as_str()?))
        })
    }
}

/// The version of a package, of its workspace if it says so.
fn version(package: &Table, workspace: &Workspace) -> Option<String> {
    match package.get("version")? {
        Value::String(version) => Some(version.clone()),
        _ => Some(workspace.table.get("package")?.get("version")?.as_str()?.to_string()),
    }
}

/// The name of a crate in paths.
fn crate_name(name: &str) -> String {
    name.replace('-', "_")
}

/// The library of a package.
fn the_library(folder: &Path, package: &str, library: Option<&Table>) -> Option<Target> {
    let text = |key: &str| library.and_then(|library| library.get(key)).and_then(Value::as_str);
    let root = folder.join(text("path").unwrap_or("src/lib.rs"));
    let name = crate_name(text("name").unwrap_or(package));
    root.is_file().then_some(Target { name, root })
}

/// Binaries, examples, tests and benches, listed or found where they lie by custom.
fn other_targets(folder: &Path, package: &str, table: &Table) -> Vec<Target> {
    let mut targets = Vec::new();
    let main = folder.join("src/main.rs");
    if main.is_file() {
        targets.push(Target { name: crate_name(package), root: main });
    }
    for (key, place) in
        [("bin", "src/bin"), ("example", "examples"), ("test", "tests"), ("bench", "benches")]
    {
        let listed = table.get(key).and_then(Value::as_array);
        for target in listed.into_iter().flatten() {
            let Some(name) = target.get("name").and_then(Value::as_str) else { continue };
            let roots = match target.get("path").and_then(Value::as_str) {
                Some(path) => vec![folder.join(path)],
                None => vec![
                    folder.join(place).join(format!("{name}.rs")),
                    folder.join(place).join(name).join("main.rs"),
                    folder.join("src/main.rs"),
                ],
            };
            let Some(root) = roots.into_iter().find(|root| root.is_file()) else { continue };
            targets.push(Target { name: crate_name(name), root });
        }
        let Ok(entries) = fs::read_dir(folder.join(place)) else { continue };
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        found.sort();
        for path in found {
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            let root = match path.extension() {
                Some(extension) if extension == "rs" => path.clone(),
                _ => path.join("main.rs"),
            };
            if root.is_file() {
                targets.push(Target { name: crate_name(name), root });
            }
        }
    }
    let mut seen = BTreeSet::new();
    targets.retain(|target| seen.insert((target.root.clone(), target.name.clone())));
    targets
}

/// What a manifest says of each dependency.
fn requests(table: &Table, workspace: &Workspace) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (name, value) in all_dependencies(table) {
        let inherits = value.get("workspace").and_then(Value::as_bool) == Some(true);
        let shared = workspace.dependency(name).filter(|_| inherits);
        let package =
            shared.unwrap_or(value).get("package").and_then(Value::as_str).unwrap_or(name);
        let shared = shared.map(asked).unwrap_or_default();
        found.push((crate_name(name), package.to_string(), format!("{} {shared}", asked(value))));
    }
    found
}

/// What an entry says of features, as text.
fn asked(value: &Value) -> String {
    let said = |key: &str| value.get(key).map(ToString::to_string).unwrap_or_default();
    ["features", "default-features", "default_features", "optional"].map(said).join(" ")
}

/// The features of a manifest, with what each turns on.
fn features(table: &Table) -> BTreeMap<String, Vec<String>> {
    let listed = table.get("features").and_then(Value::as_table).into_iter().flatten();
    let texts = |value: &Value| {
        let entries = value.as_array().into_iter().flatten();
        entries.filter_map(Value::as_str).map(str::to_string).collect()
    };
    listed.map(|(name, value)| (name.clone(), texts(value))).collect()
}

/// The entries of all tables of dependencies.
fn all_dependencies(table: &Table) -> Vec<(&String, &Value)> {
    let mut tables: Vec<&Table> = vec![table];
    if let Some(Value::Table(targets)) = table.get("target") {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    let mut found = Vec::new();
    for table in tables {
        for key in ["dev-dependencies", "dev_dependencies", "dependencies"] {
            if let Some(Value::Table(listed)) = table.get(key) {
                found.extend(listed);
            }
        }
    }
    found
}

/// Where each dependency comes from.
fn dependencies(
    folder: &Path,
    table: &Table,
    workspace: &Workspace,
) -> BTreeMap<String, Dependency> {
    let named = all_dependencies(table)
        .into_iter()
        .map(|(name, value)| (crate_name(name), dependency(folder, name, value, workspace)));
    named.collect()
}

/// Where a dependency comes from.
fn dependency(folder: &Path, name: &str, value: &Value, workspace: &Workspace) -> Dependency {
    let inherits = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let (folder, value) = match workspace.dependency(name) {
        Some(shared) if inherits => (workspace.folder.as_path(), shared),
        _ => (folder, value),
    };
    let package = value.get("package").and_then(Value::as_str).unwrap_or(name);
    if let Some(path) = value.get("path").and_then(Value::as_str) {
        return Dependency::Folder(folder.join(path));
    }
    match workspace.patched(package) {
        Some(path) => Dependency::Folder(path),
        None => Dependency::Locked(package.to_string()),
    }
}

/// What `Cargo.lock` says: which exact packages are used.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    packages: Vec<Locked>,
}

/// A package of the lock.
#[derive(Debug)]
struct Locked {
    name: String,
    version: String,
    /// Its checksum, or the commit that it is from; never the address of a registry, of which there may be copies.
    content: String,
    dependencies: Vec<String>,
}

impl Lock {
    /// The lock that holds for the package in `folder`, and its file.
    pub(crate) fn of(folder: &Path) -> Option<(Self, PathBuf)> {
        let path =
            folder.ancestors().map(|above| above.join("Cargo.lock")).find(|path| path.is_file())?;
        let table = read(&path)?;
        let mut packages = Vec::new();
        for package in table.get("package")?.as_array()? {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            let commit = text("source").and_then(|source| source.split_once('#'));
            let content = text("checksum").or(commit.map(|(_, commit)| commit));
            let dependencies = package.get("dependencies").and_then(Value::as_array);
            packages.push(Locked {
                name: text("name")?.to_string(),
                version: text("version")?.to_string(),
                content: content.unwrap_or_default().to_string(),
                dependencies: dependencies
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_string)
                    .collect(),
            });
        }
        Some((Self { packages }, path))
    }

    /// The package `name` that `user` depends on, with all that it needs itself: a line each, sorted.
    pub(crate) fn reached(&self, user: &str, name: &str) -> Vec<String> {
        let mut pending: Vec<usize> = self.chosen(user, name);
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        while let Some(index) = pending.pop() {
            if !seen.insert(index) {
                continue;
            }
            for dependency in &self.packages[index].dependencies {
                pending.extend(self.named(dependency));
            }
        }
        let line = |index: &usize| {
            let Locked { name, version, content, .. } = &self.packages[*index];
            format!("{name} {version} {content}")
        };
        let mut lines: Vec<String> = seen.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// The packages `name` that `user` uses: all of that name if it cannot be told.
    fn chosen(&self, user: &str, name: &str) -> Vec<usize> {
        let users = self.packages.iter().filter(|package| package.name == user);
        let wanted: Vec<usize> = users
            .flat_map(|package| &package.dependencies)
            .filter(|entry| entry.split(' ').next() == Some(name))
            .flat_map(|entry| self.named(entry))
            .collect();
        if wanted.is_empty() { self.named(name) } else { wanted }
    }

    /// The packages that an entry `name`, `name version` or `name version (source)` means.
    fn named(&self, entry: &str) -> Vec<usize> {
        let mut words = entry.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let is_it = |package: &Locked| {
            package.name == name && version.is_none_or(|version| package.version == version)
        };
        (0..self.packages.len()).filter(|&index| is_it(&self.packages[index])).collect()
    }
}
