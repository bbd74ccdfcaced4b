//! What the macro costs whoever compiles: crates of two hundred functions with three arguments, with and without it.
//!
//! The crates lie in a temporary folder and differ in one line: the attribute above each function. The crates they
//! depend on are built first; then each crate is compiled again and again, in turn with the others. What the plain
//! functions take is subtracted.
//!
//! With `-- package`: what the fingerprints of tasks add to `cargo check` of a package of some 94,000 lines, by how many
//! tasks there are and how much of the package they reach.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, digits, ratio};
use daglite_benches::{is_bench, machine};
use tempfile::TempDir;

/// How many functions a crate has.
const FUNCTIONS: usize = 200;
/// How often each crate is compiled in each way.
const ROUNDS: usize = 9;

/// A crate that differs from the others by the attribute above its functions.
struct Variant {
    /// The name of the package.
    name: &'static str,
    /// What brings the attribute into scope.
    import: &'static str,
    /// The attribute; empty for the crate that the others are compared with.
    attribute: &'static str,
}

/// The first one has no attribute; the second and third are daglite's.
const VARIANTS: [Variant; 5] = [
    Variant { name: "cost-none", import: "", attribute: "" },
    Variant { name: "cost-task", import: "use daglite::task;", attribute: "#[task]" },
    Variant { name: "cost-task-cache", import: "use daglite::task;", attribute: "#[task(cache)]" },
    Variant { name: "cost-cached", import: "use cached::macros::cached;", attribute: "#[cached]" },
    Variant {
        name: "cost-concurrent-cached",
        import: "use cached::macros::concurrent_cached;",
        attribute: "#[concurrent_cached]",
    },
];

/// A way to compile.
struct Way {
    name: &'static str,
    command: &'static str,
    /// Whether the compiler may use what it has kept of the last time.
    incremental: bool,
}

const WAYS: [Way; 3] = [
    Way { name: "check from scratch", command: "check", incremental: false },
    Way { name: "dev build from scratch", command: "build", incremental: false },
    Way { name: "check after one edit", command: "check", incremental: true },
];

/// The crates, in a workspace of their own.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn create() -> Self {
        let folder = TempDir::new().expect("the folder for temporary files can be written");
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("daglite");
        let names: Vec<String> =
            VARIANTS.iter().map(|variant| format!("{:?}", variant.name)).collect();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", names.join(", "));
        write(&folder.path().join("Cargo.toml"), &manifest);
        // The versions that this workspace has, so that no registry need be asked.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock");
        fs::copy(lock, folder.path().join("Cargo.lock")).expect("the workspace has a lock file");
        for variant in &VARIANTS {
            let package = folder.path().join(variant.name);
            fs::create_dir_all(package.join("src")).expect("a folder of our own can be written");
            write(&package.join("Cargo.toml"), &variant.manifest(&library));
            write(&package.join("src/lib.rs"), &variant.source(0));
        }
        Self { folder }
    }

    /// Compiles a crate of which one function has changed; the milliseconds it took.
    fn compile(&self, variant: &Variant, way: &Way, edit: usize) -> f64 {
        let source = self.folder.path().join(variant.name).join("src/lib.rs");
        write(&source, &variant.source(edit));
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([way.command, "--offline", "--quiet", "--package", variant.name])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", self.folder.path().join("target"))
            .env("CARGO_INCREMENTAL", if way.incremental { "1" } else { "0" });
        let started = Instant::now();
        let status = cargo.status().expect("cargo can be started");
        let took = started.elapsed();
        assert!(status.success(), "`{}` does not compile: see above", variant.name);
        took.as_secs_f64() * 1e3
    }
}

impl Variant {
    fn manifest(&self, library: &Path) -> String {
        let name = self.name;
        let dependency = match self.import {
            "" => String::new(),
            import if import.contains("daglite") => {
                format!("daglite = {{ path = {:?} }}\n", library.display().to_string())
            }
            _ => "cached = \"4.1.0\"\n".to_string(),
        };
        format!(
            "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}"
        )
    }

    /// Functions that differ by a constant, and a call of each: what is generic is compiled where it is called. The
    /// first one differs from edit to edit.
    fn source(&self, edit: usize) -> String {
        let mut source = format!("{}\n", self.import);
        for number in 0..FUNCTIONS {
            let attribute = self.attribute;
            let constant = if number == 0 { FUNCTIONS + edit } else { number };
            let function = format!(
                "
{attribute}
pub fn weigh_{number}(count: u64, label: String, weights: Vec<u32>) -> Vec<u64> {{
    let letters = label.chars().filter(|letter| letter.is_alphabetic()).count() as u64;
    let scale = count + letters + {constant};
    weights.iter().map(|weight| u64::from(*weight) * scale).collect()
}}
"
            );
            source.push_str(&function);
        }
        source.push_str("\npub fn call_all() {\n");
        for number in 0..FUNCTIONS {
            let call = format!("    drop(weigh_{number}({number}, String::new(), Vec::new()));");
            writeln!(source, "{call}").expect("a string takes all that is written");
        }
        source.push_str("}\n");
        source
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a folder of our own can be written");
}

/// The milliseconds of each round, for each variant.
fn measure(workspace: &Workspace, way: &Way, rounds: usize) -> Vec<Spread> {
    let mut measured = vec![Vec::new(); VARIANTS.len()];
    for round in 0..=rounds {
        for (variant, times) in VARIANTS.iter().zip(&mut measured) {
            let took = workspace.compile(variant, way, round);
            // The first round builds what the crates depend on.
            if round > 0 {
                times.push(took);
            }
        }
    }
    let spread = |times: Vec<f64>| Spread::of(times).expect("there is one round or more");
    measured.into_iter().map(spread).collect()
}

fn compare(workspace: &Workspace, way: &Way) -> Table {
    let measured = measure(workspace, way, ROUNDS);
    let title =
        format!("{}: {FUNCTIONS} functions of three arguments, {ROUNDS} rounds, ms", way.name);
    let head =
        ["attribute", "the crate", "from .. to", "a function, above plain", "#[task(cache)] takes"];
    let mut table = Table::new(title, head);
    let above = |spread: &Spread| (spread.median() - measured[0].median()) / FUNCTIONS as f64;
    let own = above(&measured[2]);
    for (variant, spread) in VARIANTS.iter().zip(&measured) {
        let is_plain = variant.attribute.is_empty();
        table.row([
            if is_plain { "none".to_string() } else { variant.attribute.to_string() },
            digits(spread.median()),
            format!("{} .. {}", digits(spread.low()), digits(spread.high())),
            if is_plain { "-".to_string() } else { digits(above(spread)) },
            if is_plain { "-".to_string() } else { ratio(own, above(spread)) },
        ]);
    }
    table
}

/// How many modules the package has.
const MODULES: usize = 400;
/// In how many of them tasks stand.
const WITH_TASKS: usize = 20;
/// How many functions a module has, each of which calls the next one.
const HELPERS: usize = 14;
/// How often the package is checked in each way.
const CHECKS: usize = 3;

/// A package of many lines, in a folder of its own.
struct Package {
    folder: TempDir,
}

impl Package {
    /// An empty one, whose manifest ends in `profile`.
    fn create(profile: &str) -> Self {
        let folder = TempDir::new().expect("the folder for temporary files can be written");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
        let lock = workspace.with_file_name("Cargo.lock");
        fs::copy(lock, folder.path().join("Cargo.lock")).expect("the workspace has a lock file");
        let library = workspace.with_file_name("daglite").display().to_string();
        let manifest = format!(
            "[package]\nname = \"large\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             daglite = {{ path = {library:?} }}\n\n[workspace]\n\n{profile}"
        );
        write(&folder.path().join("Cargo.toml"), &manifest);
        fs::create_dir(folder.path().join("src")).expect("a folder of our own can be written");
        Self { folder }
    }

    /// Writes the sources, of which the tasks reach the first `reached` modules; answers how many lines they have.
    fn write(&self, tasks: usize, reached: usize, options: &str) -> usize {
        let mut root = String::from("#![allow(dead_code)]\n");
        let mut lines = 0;
        for number in 0..MODULES {
            writeln!(root, "mod m{number};").expect("a string takes all that is written");
            let tasks = if number < WITH_TASKS { tasks / WITH_TASKS } else { 0 };
            let source = module(number, tasks, reached, options);
            lines += source.lines().count();
            write(&self.folder.path().join(format!("src/m{number}.rs")), &source);
        }
        write(&self.folder.path().join("src/lib.rs"), &root);
        lines
    }

    /// Checks the package as if its first file had changed; the seconds it took.
    fn check(&self) -> f64 {
        let root = self.folder.path().join("src/lib.rs");
        let text = fs::read_to_string(&root).expect("the file was written");
        write(&root, &text);
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["check", "--offline", "--quiet"])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        let started = Instant::now();
        let status = cargo.status().expect("cargo can be started");
        assert!(status.success(), "the package does not compile: see above");
        started.elapsed().as_secs_f64()
    }

    /// The seconds that a check takes, once what it depends on is built.
    fn measured(&self) -> f64 {
        self.check();
        let checks: Vec<f64> = (0..CHECKS).map(|_| self.check()).collect();
        Spread::of(checks).expect("there is one or more").median()
    }
}

/// The source of a module: a type with methods, functions that call each other and those of the next module, and tasks.
fn module(number: usize, tasks: usize, reached: usize, options: &str) -> String {
    let next = number + 1;
    let mut source = String::from("use std::collections::HashMap;\n");
    let last = if next < reached {
        writeln!(source, "use crate::m{next};").expect("a string takes all that is written");
        format!(
            "m{next}::helper_0(&m{next}::Row{next} {{ id: 1, name: String::new(), values: Vec::new() }}, by)"
        )
    } else {
        "by".to_string()
    };
    let mut add = |text: String| source.push_str(&text);
    add(format!(
        "
#[derive(Debug, Clone, PartialEq)]
pub struct Row{number} {{
    pub id: u64,
    pub name: String,
    pub values: Vec<f64>,
}}

impl std::fmt::Display for Row{number} {{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        write!(f, \"{{}}: {{}}\", self.id, self.name)
    }}
}}

impl Row{number} {{"
    ));
    for method in 0..5 {
        add(format!(
            "
    pub fn method_{method}(&self, by: f64) -> f64 {{
        let mut sum = 0.0;
        for value in &self.values {{
            if *value > {method}.0 {{
                sum += value * by;
            }} else {{
                sum -= value / {method}.5;
            }}
        }}
        sum
    }}
"
        ));
    }
    add("}\n".to_string());
    for helper in 0..HELPERS {
        let (method, below) = (helper % 5, helper + 1);
        let (next, call) = match below < HELPERS {
            true => ("next", format!("helper_{below}(&next, by + 1.0)")),
            false => ("_next", last.clone()),
        };
        add(format!(
            "
pub fn helper_{helper}(row: &Row{number}, by: f64) -> f64 {{
    let mut counts: HashMap<String, f64> = HashMap::new();
    for (index, value) in row.values.iter().enumerate() {{
        let key = format!(\"{{}}-{{index}}\", row.name);
        let entry = counts.entry(key).or_insert(0.0);
        *entry += value * by;
    }}
    let {next} = Row{number} {{ id: row.id + 1, name: row.name.clone(), values: counts.values().copied().collect() }};
    row.method_{method}(by) + {call}
}}
"
        ));
    }
    for task in 0..tasks {
        add(format!(
            "
#[daglite::task({options})]
pub fn task_{task}(x: f64) -> f64 {{
    let row = Row{number} {{ id: {task}, name: String::new(), values: vec![x] }};
    helper_0(&row, x)
}}
"
        ));
    }
    source
}

/// How many tasks the large package has, unless numbers behind `package` say otherwise.
const TASKS: [usize; 2] = [100, 1000];

/// How macros are built, and what says so in a manifest.
const BUILDS: [(&str, &str); 2] = [
    ("macros as Cargo builds them", ""),
    ("macros optimised", "[profile.dev.build-override]\nopt-level = 3\n"),
];

/// What fingerprints add to a check of a large package.
fn compare_package((build, profile): (&str, &str), tasks: &[usize]) -> Table {
    let package = Package::create(profile);
    let mut lines = package.write(0, MODULES, "");
    let without = package.measured();
    let mut rows =
        vec![["0".to_string(), "-".to_string(), digits(without), "-".to_string(), "-".to_string()]];
    for tasks in tasks.iter().copied() {
        for share in [5, 25, 100] {
            let reached = MODULES * share / 100;
            lines = package.write(tasks, reached, "cache, cache_track = \"function\"");
            let alone = package.measured();
            package.write(tasks, reached, "cache");
            let whole = package.measured();
            rows.push([
                tasks.to_string(),
                format!("{share} %"),
                digits(alone),
                digits(whole),
                format!("{:.2}", whole - alone),
            ]);
        }
    }
    let title = format!(
        "check of a package of some {lines} lines after an edit, {build}, {CHECKS} rounds, s"
    );
    let head = ["tasks", "each reaches", "functions alone", "all they reach", "what that adds"];
    let mut table = Table::new(title, head);
    rows.into_iter().for_each(|row| table.row(row));
    table
}

fn main() {
    if !is_bench() {
        return;
    }
    println!("{}", machine::describe());
    if env::args().any(|argument| argument == "package") {
        let asked: Vec<usize> = env::args().filter_map(|argument| argument.parse().ok()).collect();
        let tasks = if asked.is_empty() { &TASKS[..] } else { &asked };
        BUILDS.into_iter().for_each(|build| println!("{}", compare_package(build, tasks)));
        println!("{}", machine::describe());
        return;
    }
    let workspace = Workspace::create();
    for way in &WAYS {
        println!("{}", compare(&workspace, way));
    }
    println!("{}", machine::describe());
}
