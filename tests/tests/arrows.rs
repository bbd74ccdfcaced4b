//! Who may use whom inside the library: the table of `docs/architecture.md`, held.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the ground up, each with those it may use besides the ground.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("threads", &[]),
    ("digest", &["threads"]),
    ("clock", &[]),
    ("cancel", &["error"]),
    ("size", &["error"]),
    ("times", &["error"]),
    ("hash", &[]),
    ("registry", &["hash"]),
    ("store", &[]),
    ("checkpoint", &["registry", "store"]),
    ("signed", &["store", "checkpoint"]),
    ("task", &["hash", "registry"]),
    ("event", &[]),
    ("graph", &["hash", "registry", "store", "checkpoint", "task", "event"]),
    ("engine", &["hash", "registry", "store", "checkpoint", "task", "event", "graph"]),
    ("observe", &["event"]),
    (
        "session",
        &["hash", "registry", "store", "checkpoint", "signed", "event", "engine", "observe"],
    ),
    ("future", &["registry", "checkpoint", "task", "event", "graph", "engine", "session"]),
    ("conformance", &["store", "checkpoint"]),
    ("program", &["session"]),
    ("prelude", &[]),
];

const GROUND: &[&str] = &["error", "digest", "cancel", "clock", "size", "threads", "times"];

/// Names that `lib.rs` exports, and the module each comes from: a path through the root is an arrow too.
fn exports(source: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(source.join("lib.rs")).unwrap();
    let mut exports = BTreeMap::new();
    for statement in text.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap();
        let Some((module, names)) = statement.split_once("::") else { continue };
        // What the macros' hidden module and the macro crate export is not reached through the root.
        if ["crate", "daglite_macros"].contains(&module) {
            continue;
        }
        for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
            exports.insert(name.to_string(), module.trim().to_string());
        }
    }
    exports
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first segments of all `crate::…` paths of a file, those in braces too, comments left out.
fn used(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let rest = rest.trim_start();
        if let Some(braced) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut segment = String::new();
            for c in braced.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        used.insert(first_segment(&segment));
                        segment.clear();
                        continue;
                    }
                    _ => {}
                }
                segment.push(c);
            }
            used.insert(first_segment(&segment));
        } else {
            used.insert(first_segment(rest));
        }
    }
    used.remove("");
    used
}

fn first_segment(path: &str) -> String {
    path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn no_module_uses_one_that_stands_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daglite/src");
    let exports = exports(&source);
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" || module == "prelude" || inside.ends_with("tests.rs") {
            continue;
        }
        let allowed = allowed.get(module).unwrap_or_else(|| {
            panic!("`{module}` has no place in the table: add it here and in docs/architecture.md")
        });
        for name in used(&fs::read_to_string(&file).unwrap()) {
            let target = exports.get(&name).unwrap_or(&name).as_str();
            let fine = target == module
                || GROUND.contains(&target) && !GROUND.contains(&module)
                || module == "error" && target == "error"
                || allowed.contains(&target);
            if !fine {
                wrong.push(format!("{} uses `{name}` of `{target}`", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_would_be_seen() {
    let text = "use crate::engine::Engine;\nuse crate::{graph::{Node, Op}, error::Error};\n// use crate::session;\n";
    let used = used(text);
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["engine", "error", "graph"]);
}

#[test]
fn every_file_tells_its_duty_in_its_first_line() {
    for package in ["daglite/src", "daglite-macros/src", "tests", "examples/src", "benches"] {
        let mut files = Vec::new();
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} begins without `//!`", file.display());
        }
    }
}
