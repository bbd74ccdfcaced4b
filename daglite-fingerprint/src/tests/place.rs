//! Where code stands counts only for who asks.

use std::fs;

use crate::{Fingerprint, SourceTree};

/// The fingerprint of `task` in a package with this library.
fn fingerprint(source: &str) -> Fingerprint {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.path().join("src/lib.rs"), source).unwrap();
    SourceTree::open(folder.path()).unwrap().fingerprint("task").unwrap()
}

#[test]
fn a_line_counts_for_who_asks_for_it() {
    let asks = "fn task() -> u32 { line!() }\n";
    let helped = "fn helper() -> u32 { line!() }\nfn task() -> u32 { helper() }\n";
    let silent = "fn helper() -> u32 { 1 }\nfn task() -> u32 { helper() }\n";
    for (source, counts) in [(asks, true), (helped, true), (silent, false)] {
        let moved = format!("\n\n{source}");
        let differs = fingerprint(source).digest != fingerprint(&moved).digest;
        assert_eq!(differs, counts, "{source}");
    }
}

#[test]
fn the_order_of_modules_says_nothing() {
    let both = |mods: &str| {
        format!(
            "macro_rules! one {{ () => {{ helper() }} }}\n{mods}\nfn task() -> u32 {{ a::call() + b::call() }}\n"
        )
    };
    let a = "mod a { fn helper() -> u32 { 1 } pub fn call() -> u32 { one!() } }";
    let b = "mod b { fn helper() -> u32 { 2 } pub fn call() -> u32 { one!() } }";
    let ordered = fingerprint(&both(&format!("{a}\n{b}")));
    let swapped = fingerprint(&both(&format!("{b}\n{a}")));
    assert_eq!(ordered.digest, swapped.digest);
    let other = b.replace('2', "3");
    assert_ne!(ordered.digest, fingerprint(&both(&format!("{a}\n{other}"))).digest);
}
