//! The files that are formatted and mutated: sources of other crates, from cargo's own cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

/// One file of a crate.
pub(crate) struct Source {
    /// The crate's name, and the file's path in it.
    pub(crate) name: String,
    /// The edition that the crate is written in.
    pub(crate) edition: String,
    /// The text, with its modules in other files made empty.
    pub(crate) text: String,
}

/// Whether the large corpus was asked for.
pub(crate) fn is_full() -> bool {
    std::env::var("DAGLITE_CORPUS").is_ok_and(|value| value == "full")
}

/// Crates that this workspace depends on anyway, for the small corpus.
const SMALL: [&str; 1] = ["csv"];

/// The files of the small corpus, or of the large one if `DAGLITE_CORPUS=full`.
pub(crate) fn corpus() -> Vec<Source> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = if is_full() {
        // Fetches what is not in cargo's cache yet.
        let metadata = metadata(&package.join("corpus/Cargo.toml"), &["--locked"]);
        dependencies_of_root(&metadata)
    } else {
        // Cargo wants the packages of all platforms, of which some may not be there yet.
        let metadata = metadata(&package.join("Cargo.toml"), &["--locked"]);
        let named = |package: &&Value| SMALL.iter().any(|name| package["name"] == **name);
        packages(&metadata).filter(named).cloned().collect()
    };
    assert!(crates.len() >= SMALL.len(), "cargo knows only {} of the crates", crates.len());
    let oddities =
        [("2021", include_str!("oddities.txt")), ("2015", include_str!("oddities_2015.txt"))];
    let own = oddities.map(|(edition, text)| Source {
        name: format!("oddities of {edition}"),
        edition: edition.into(),
        text: without_other_files(text).expect("it is Rust"),
    });
    crates.iter().flat_map(files).chain(own).collect()
}

fn metadata(manifest: &Path, options: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--manifest-path"]).arg(manifest).args(options);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().expect("a list of packages").iter()
}

fn dependencies_of_root(metadata: &Value) -> Vec<Value> {
    let root = &metadata["resolve"]["root"];
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a list of nodes");
    let node = nodes.iter().find(|node| node["id"] == *root).expect("the root is a node");
    let wanted = node["dependencies"].as_array().expect("a list of dependencies");
    packages(metadata).filter(|package| wanted.contains(&package["id"])).cloned().collect()
}

/// The files below `src` of a package that `syn` can read.
fn files(package: &Value) -> Vec<Source> {
    let text = |key: &str| package[key].as_str().expect(key).to_owned();
    let folder = PathBuf::from(text("manifest_path")).parent().expect("a folder").join("src");
    let mut paths = Vec::new();
    list(&folder, &mut paths);
    paths.sort();
    let source = |path: &PathBuf| {
        let inside = path.strip_prefix(&folder).expect("it was found there");
        let text_of_file = without_other_files(&fs::read_to_string(path).ok()?)?;
        let name = format!("{}/{}", text("name"), inside.display());
        Some(Source { name, edition: text("edition"), text: text_of_file })
    };
    paths.iter().filter_map(source).collect()
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The text with `mod name {}` in place of `mod name;`, so that rustfmt looks for no other file.
fn without_other_files(text: &str) -> Option<String> {
    syn::parse_file(text).ok()?;
    // Positions count from behind a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    let mut semicolons = Vec::new();
    // The lexer forgets texts of before only when told to, and all of them stay far below its bound.
    find(text.parse().ok()?, &mut semicolons);
    let mut text = text.to_owned();
    semicolons.sort_unstable();
    for position in semicolons.into_iter().rev() {
        text.replace_range(position..=position, "{}");
    }
    syn::parse_file(&text).ok()?;
    Some(text)
}

/// The positions of the `;` of each `mod name;`.
fn find(stream: TokenStream, semicolons: &mut Vec<usize>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for token in &tokens {
        if let TokenTree::Group(group) = token {
            find(group.stream(), semicolons);
        }
    }
    for window in tokens.windows(3) {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(_), TokenTree::Punct(end)] = window
            && keyword == "mod"
            && end.as_char() == ';'
        {
            semicolons.push(end.span().byte_range().start);
        }
    }
}
