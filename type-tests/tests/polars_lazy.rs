//! What the compiler says of a plan of polars' as an argument or a result: to collect it first.
//!
//! `LazyFrame` itself needs polars' planner, which takes longer to build than all else here. A type of its name, without a hash
//! and without a format, stands in for it: the compiler sees no more of either.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const MISTAKES: &str = "
    use daglite::{NpyElement as _, task};

    pub struct LazyFrame;

    #[task(cache)]
    fn rows(plan: LazyFrame) -> u64 {
        drop(plan);
        1
    }

    #[task(cache)]
    fn plan(rows: u64) -> LazyFrame {
        drop(rows);
        LazyFrame
    }

    pub fn digest() {
        drop(daglite::content_digest(&LazyFrame));
    }
";

/// The builds of daglite that lie beside this program, the newest first.
fn builds() -> Vec<PathBuf> {
    let program = env::current_exe().unwrap();
    let files = fs::read_dir(program.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let is_build =
        |path: &PathBuf| name(path).starts_with("libdaglite-") && name(path).ends_with(".rlib");
    let mut builds: Vec<PathBuf> = files.filter(is_build).collect();
    builds.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().modified().unwrap()));
    builds
}

/// What the compiler says of the mistakes.
fn said(build: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("mistakes.rs");
    fs::write(&source, MISTAKES).unwrap();
    let mut dependencies = std::ffi::OsString::from("dependency=");
    dependencies.push(build.parent().unwrap());
    let mut library = std::ffi::OsString::from("daglite=");
    library.push(build);
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"])
        .arg(folder.path())
        .arg("-L")
        .arg(dependencies)
        .arg("--extern")
        .arg(library)
        .arg(source)
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_plan_is_refused_with_the_word_that_makes_data_of_it() {
    // What is built without arrays is another package's, without the types of this one's.
    let mut said =
        builds().into_iter().map(|build| said(&build)).filter(|said| !said.contains("E0432"));
    let said = said.next().expect("this program is linked with one");
    for expected in [
        "`LazyFrame` cannot be hashed, so it cannot be part of a cache key",
        "a `LazyFrame` of polars' is a plan and not data: `collect()` it first, and take the `DataFrame`",
        "`LazyFrame` cannot be stored, so it cannot be the result of a cached task",
        "a `LazyFrame` of polars' is a plan and not data: `collect()` it, and return the `DataFrame`",
        "the content of `LazyFrame` cannot be hashed",
        "a `LazyFrame` of polars' has to be `collect()`ed first",
    ] {
        assert!(said.contains(expected), "{expected}\n\n{said}");
    }
}
