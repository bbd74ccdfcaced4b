//! What the macro costs whoever compiles: crates of two hundred functions with three arguments, with and without it.
//!
//! The crates lie in a temporary folder and differ in one line: the attribute above each function. The crates they
//! depend on are built first; then each crate is compiled again and again, in turn with the others. What the plain
//! functions take is subtracted.

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

fn main() {
    if !is_bench() {
        return;
    }
    println!("{}", machine::describe());
    let workspace = Workspace::create();
    for way in &WAYS {
        println!("{}", compare(&workspace, way));
    }
    println!("{}", machine::describe());
}
