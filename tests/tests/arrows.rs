//! Who may use whom inside the library: the table of `docs/architecture.md`, held.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the ground up, each with those it may use besides the ground.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("threads", &[]),
    ("sync", &[]),
    ("digest", &["threads"]),
    ("clock", &[]),
    ("cancel", &["error", "sync"]),
    ("size", &["error"]),
    ("times", &["error"]),
    ("hash", &[]),
    ("registry", &["hash"]),
    ("store", &[]),
    ("checkpoint", &["registry", "store"]),
    ("signed", &["store", "checkpoint"]),
    ("task", &["hash", "registry"]),
    ("executor", &["registry", "task"]),
    ("event", &[]),
    ("graph", &["hash", "registry", "store", "checkpoint", "task", "event"]),
    ("engine", &["hash", "registry", "store", "checkpoint", "task", "executor", "event", "graph"]),
    ("observe", &["event"]),
    (
        "session",
        &[
            "hash",
            "registry",
            "store",
            "checkpoint",
            "signed",
            "executor",
            "event",
            "engine",
            "observe",
        ],
    ),
    ("future", &["registry", "checkpoint", "task", "event", "graph", "engine", "session"]),
    ("worker", &["executor", "engine", "session"]),
    ("conformance", &["store", "checkpoint"]),
    ("program", &["session"]),
    ("prelude", &[]),
];

const GROUND: &[&str] = &["error", "digest", "cancel", "clock", "size", "sync", "threads", "times"];

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
    for package in
        ["daglite/src", "daglite-macros/src", "tests", "interleavings", "examples/src", "benches"]
    {
        let mut files = Vec::new();
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} begins without `//!`", file.display());
        }
    }
}

/// The words of a file of Rust: no comments, no text, no characters.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let after = &text[at..];
        let end = match c {
            '/' if after.starts_with("//") => after.find('\n'),
            '/' if after.starts_with("/*") => end_of_comment(after),
            '"' => end_of_text(after),
            'r' if !ends_in_a_word(&words) => end_of_raw_text(after),
            '\'' => end_of_character(after),
            _ => None,
        };
        if let Some(end) = end {
            while rest.next_if(|(next, _)| *next < at + end).is_some() {}
            words.push(String::new());
        } else if c.is_alphanumeric() || c == '_' {
            words.last_mut().unwrap().push(c);
        } else {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn ends_in_a_word(words: &[String]) -> bool {
    words.last().is_some_and(|word| !word.is_empty())
}

/// Where a comment ends, and those inside of it.
fn end_of_comment(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while let Some(next) = text[at..].find(['/', '*']) {
        at += next;
        depth += i32::from(text[at..].starts_with("/*")) - i32::from(text[at..].starts_with("*/"));
        let is_mark = text[at..].starts_with("/*") || text[at..].starts_with("*/");
        at += if is_mark { 2 } else { 1 };
        if depth == 0 {
            return Some(at);
        }
    }
    Some(text.len())
}

fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return Some(at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(text.len())
}

/// `r"…"`, `r#"…"#` and so on; not `r#name`.
fn end_of_raw_text(text: &str) -> Option<usize> {
    let marks = text[1..].chars().take_while(|c| *c == '#').count();
    let inner = text[1 + marks..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(marks));
    Some(inner.find(&close).map_or(text.len(), |end| 1 + marks + 1 + end + close.len()))
}

/// `'c'`; not the name of a lifetime.
fn end_of_character(text: &str) -> Option<usize> {
    let mut inner = text.char_indices().skip(1);
    let (_, first) = inner.next()?;
    if first == '\\' {
        inner.next()?;
        return inner.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    inner.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// There is nothing for miri to look at.
#[test]
fn no_code_of_ours_is_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for package in ["daglite", "daglite-macros", "daglite-fingerprint", "extras"] {
        let mut files = Vec::new();
        rust_files(&root.join(package), &mut files);
        // Sources that tests read as data are nobody's code.
        files.retain(|file| !file.components().any(|part| part.as_os_str() == "corpus"));
        for file in files {
            seen += 1;
            let text = fs::read_to_string(&file).unwrap();
            let found =
                words(&text).into_iter().filter(|word| word == "unsafe" || word == "unsafe_code");
            wrong.extend(found.map(|word| format!("{}: `{word}`", file.display())));
        }
    }
    assert!(seen > 200, "{seen} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for package in
        ["daglite", "daglite-macros", "daglite-fingerprint", "extras/daglite-object-store"]
    {
        let manifest = fs::read_to_string(root.join(package).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{package} keeps to other rules");
    }
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"deny\""));
}

#[test]
fn an_unsafe_block_would_be_seen() {
    let code = "fn a<'a>(x: &'a str) { unsafe { b('\"', '\\'', r#\"unsafe\"#) } } // unsafe\n/* unsafe /* */ unsafe */ #[allow(unsafe_code)]";
    let seen: Vec<_> = words(code).into_iter().filter(|word| word.starts_with("unsafe")).collect();
    assert_eq!(seen, ["unsafe", "unsafe_code"]);
}

/// Locks and threads of the engine come from `sync.rs`, else `interleavings/` does not see them, or hangs.
#[test]
fn what_threads_meet_at_comes_from_one_place() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daglite/src");
    let mut files = Vec::new();
    for module in ["engine", "graph", "event"] {
        rust_files(&source.join(module), &mut files);
    }
    let elsewhere = ["parking_lot::", "dashmap::", "std::thread", "time::{Duration, Instant}"];
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let is_fine = line.contains("crate::sync::") || line.contains("std::thread::panicking");
            let found = elsewhere.iter().find(|name| line.contains(**name));
            assert!(found.is_none() || is_fine, "{}: {line}", file.display());
        }
    }
}
