//! What the command prints.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes a package with one task into `folder`.
fn package(folder: &Path, factor: u32) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )
    .unwrap();
    let helpers = format!(
        "pub const FACTOR: u32 = {factor};\n\npub fn scale(x: u32) -> u32 {{\n    FACTOR * x\n}}\n\npub fn unused() {{}}\n"
    );
    fs::write(folder.join("src/helpers.rs"), helpers).unwrap();
    fs::write(
        folder.join("src/lib.rs"),
        "mod helpers;\n\nuse helpers::scale as by;\n\n#[task(cache)]\nfn features(x: u32) -> u32 {\n    by(x)\n}\n",
    )
    .unwrap();
}

/// What the command says, and whether it is content.
fn daglite(arguments: &[&Path]) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_daglite"))
        .arg("fingerprint")
        .args(arguments)
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    (text, output.status.success())
}

#[test]
fn it_tells_what_a_fingerprint_covers_and_who_names_it() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), 2);
    let (text, content) = daglite(&[folder.path(), Path::new("features")]);
    assert!(content, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn it_tells_what_differs_between_two_trees() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    package(&old, 2);
    package(&new, 3);
    let (text, content) = daglite(&[&old, Path::new("features"), &new]);
    assert!(content);
    assert_eq!(text, "changed: app::helpers::FACTOR\n");
    let (text, _) = daglite(&[&old, Path::new("features"), &old]);
    assert_eq!(text, "");
}

#[test]
fn it_lists_the_tasks_of_a_package() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), 2);
    assert_eq!(daglite(&[folder.path()]).0, "app::features\n");
}

#[test]
fn an_unknown_task_is_told_with_those_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), 2);
    let (text, content) = daglite(&[folder.path(), Path::new("feature")]);
    assert!(!content);
    assert!(text.contains("is called `feature`: it has `app::features`"), "{text}");
}

#[test]
fn a_folder_without_a_package_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (text, content) = daglite(&[folder.path()]);
    assert!(!content);
    assert!(text.contains("name the folder of a package"), "{text}");
}
