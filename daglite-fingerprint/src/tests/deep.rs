//! Chains of items that are longer than any stack is deep.

use std::fmt::Write;
use std::fs;

use crate::SourceTree;

/// What the fingerprint of `first` covers in a package with this source.
fn covered(source: &str) -> usize {
    let folder = tempfile::tempdir().expect("the folder for temporary files can be written");
    let manifest = "[package]\nname = \"deep\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("the folder is ours");
    fs::create_dir(folder.path().join("src")).expect("the folder is ours");
    fs::write(folder.path().join("src/lib.rs"), source).expect("the folder is ours");
    let tree = SourceTree::open(folder.path()).expect("the package can be read");
    tree.fingerprint("first").expect("there is such a function").parts.len()
}

#[test]
fn a_chain_of_twenty_thousand_functions_is_covered_to_its_end() {
    let mut source = "pub fn first() -> u8 { call_0() }\n".to_string();
    for number in 0..20_000 {
        let _ = writeln!(source, "fn call_{number}() -> u8 {{ call_{}() }}", number + 1);
    }
    source.push_str("fn call_20000() -> u8 { 0 }\n");
    assert_eq!(covered(&source), 20_001);
}

#[test]
fn a_chain_of_types_impls_and_methods_is_covered_to_its_end() {
    let mut source = "pub fn first() -> u8 { Link0.go() }\n".to_string();
    for number in 0..2_000 {
        let next = number + 1;
        let _ = writeln!(
            source,
            "struct Link{number};\nimpl Link{number} {{ fn go(&self) -> u8 {{ 0 }} }}\n\
             impl Drop for Link{number} {{ fn drop(&mut self) {{ drop(Link{next}) }} }}"
        );
    }
    source.push_str("struct Link2000;\n");
    // Of each link: the type, the impl and its method, the impl of `Drop` and its method.
    assert_eq!(covered(&source), 2_000 * 5 + 1);
}
