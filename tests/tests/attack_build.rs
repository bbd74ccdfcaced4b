//! What a build decides is a part of the code: conditions, files and variables that the compiler reads.

use std::fs;
use std::path::Path;
use std::process::Command;

const MAIN: &str = r#"
use daglite::prelude::*;

#[task(cache)]
fn by_condition() -> u32 {
    if cfg!(feature = "fast") { 2 } else { 1 }
}

#[task(cache)]
fn by_attribute() -> u32 {
    #[cfg(feature = "fast")]
    let answer = 2;
    #[cfg(not(feature = "fast"))]
    let answer = 1;
    answer
}

#[task(cache)]
fn by_file() -> String {
    include_str!("data.txt").to_string()
}

#[task(cache)]
fn by_variable() -> String {
    option_env!("MODE").unwrap_or("none").to_string()
}

#[task(cache)]
fn by_line() -> u32 {
    line!()
}

fn main() -> Result<(), daglite::Error> {
    println!("condition {}", by_condition().run()?);
    println!("attribute {}", by_attribute().run()?);
    println!("file {}", by_file().run()?);
    println!("variable {}", by_variable().run()?);
    println!("line {}", by_line().run()?);
    Ok(())
}
"#;

/// What the program in `folder` prints, built with these arguments and `MODE`.
fn run(folder: &Path, arguments: &[&str], mode: Option<&str>) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--offline", "--target-dir", env!("CARGO_TARGET_TMPDIR")]);
    cargo.args(arguments).current_dir(folder).env_remove("MODE");
    cargo.envs(mode.map(|mode| ("MODE", mode)));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_the_build_decides_is_in_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = format!(
        "[package]\nname = \"conditions\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [features]\nfast = []\n[dependencies]\ndaglite = {{ path = {:?} }}\n[workspace]\n",
        root.join("daglite")
    );
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::write(folder.path().join("src/data.txt"), "one").unwrap();
    fs::write(folder.path().join("src/main.rs"), MAIN).unwrap();
    run(folder.path(), &[], None);

    fs::write(folder.path().join("src/data.txt"), "two").unwrap();
    let main = fs::read_to_string(folder.path().join("src/main.rs")).unwrap();
    fs::write(folder.path().join("src/main.rs"), format!("\n{main}")).unwrap();
    let cached = run(folder.path(), &["--features", "fast"], Some("x"));
    fs::remove_dir_all(folder.path().join(".daglite")).unwrap();
    assert_eq!(cached, run(folder.path(), &["--features", "fast"], Some("x")));
}
