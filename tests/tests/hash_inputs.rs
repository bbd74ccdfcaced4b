//! Files and folders as parameters: their content counts, where they lie does not.

use std::fs;
use std::path::Path;

use daglite::{Digest, InputDir, InputFile, content_digest};

fn file(path: &Path) -> Result<Digest, String> {
    content_digest(&InputFile::from(path)).map_err(|error| error.to_string())
}

fn dir(path: &Path) -> Result<Digest, String> {
    content_digest(&InputDir::from(path)).map_err(|error| error.to_string())
}

#[test]
fn a_file_counts_by_its_content_alone() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (root.path().join("a"), root.path().join("b"));
    fs::write(&a, "content").unwrap();
    fs::write(&b, "content").unwrap();
    assert_eq!(file(&a), file(&b));
    fs::write(&b, "Content").unwrap();
    assert_ne!(file(&a), file(&b));
    fs::write(&b, "").unwrap();
    assert_ne!(file(&a), file(&b));
}

#[test]
fn an_edit_is_seen_even_right_after_a_hash() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    let mut seen = Vec::new();
    for turn in 0..50 {
        fs::write(&path, format!("{turn:02}")).unwrap();
        seen.push(file(&path).unwrap());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 50, "an edit of the same length was missed");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("missing.csv");
    let error = file(&missing).unwrap_err();
    assert!(
        error.starts_with(&format!("cannot read input file `{}`: ", missing.display())),
        "{error}"
    );
    let error = file(root.path()).unwrap_err();
    assert!(error.contains("it is a folder: take an `InputDir`"), "{error}");
}

#[test]
fn a_folder_counts_by_names_and_contents_at_any_depth() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    for folder in [&one, &two] {
        fs::create_dir_all(folder.join("sub/deeper")).unwrap();
        fs::write(folder.join("b"), "b").unwrap();
        fs::write(folder.join("sub/deeper/a"), "a").unwrap();
    }
    let before = dir(&one).unwrap();
    assert_eq!(dir(&two).unwrap(), before);

    fs::write(two.join("sub/deeper/a"), "A").unwrap();
    assert_ne!(dir(&two).unwrap(), before, "content");
    fs::write(two.join("sub/deeper/a"), "a").unwrap();
    assert_eq!(dir(&two).unwrap(), before);

    fs::create_dir(two.join("empty")).unwrap();
    assert_ne!(dir(&two).unwrap(), before, "an empty folder");
    fs::remove_dir(two.join("empty")).unwrap();

    fs::remove_file(two.join("b")).unwrap();
    fs::write(two.join("c"), "b").unwrap();
    assert_ne!(dir(&two).unwrap(), before, "a name");
}

#[test]
fn a_folder_lists_its_files_in_order() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("m")).unwrap();
    for name in ["z", "a", "m/x"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let files = InputDir::from(root.path()).read().unwrap();
    let contents: Vec<_> = files.iter().map(|file| file.read().unwrap()).collect();
    assert_eq!(contents, [&b"a"[..], b"m/x", b"z"]);
}

#[test]
fn a_missing_folder_is_named() {
    let root = tempfile::tempdir().unwrap();
    let error = dir(&root.path().join("missing")).unwrap_err();
    assert!(error.starts_with("cannot read input folder `"), "{error}");
    fs::write(root.path().join("a"), "a").unwrap();
    assert!(dir(&root.path().join("a")).is_err());
}

#[cfg(unix)]
#[test]
fn links_count_as_what_they_lead_to() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let (real, linked) = (root.path().join("real"), root.path().join("linked"));
    fs::create_dir_all(real.join("sub")).unwrap();
    fs::write(real.join("sub/a"), "a").unwrap();
    fs::create_dir(&linked).unwrap();
    symlink(real.join("sub"), linked.join("sub")).unwrap();
    assert_eq!(dir(&real).unwrap(), dir(&linked).unwrap());

    symlink(&linked, real.join("sub/back")).unwrap();
    let error = dir(&linked).unwrap_err();
    assert!(error.contains("a link leads back"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_named() {
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("link")).unwrap();
    let error = dir(root.path()).unwrap_err();
    assert!(error.contains("link"), "{error}");
}

#[test]
fn a_path_travels_as_a_path() {
    let file = InputFile::from("data/flights.csv");
    assert_eq!(serde_json::to_string(&file).unwrap(), r#""data/flights.csv""#);
    assert_eq!(serde_json::from_str::<InputFile>(r#""data/flights.csv""#).unwrap(), file);
    let dir: InputDir = serde_json::from_str(r#"{"path":"data","glob":"*.csv"}"#).unwrap();
    assert_eq!(dir, InputDir::from("data").glob("*.csv"));
    assert_eq!(dir.path(), Path::new("data"));
}

#[test]
fn a_pattern_says_which_files_of_a_folder_count() {
    let root = tempfile::tempdir().unwrap();
    let tables = || content_digest(&InputDir::from(root.path()).glob("**/*.{csv,tsv}")).unwrap();
    fs::create_dir(root.path().join("sub")).unwrap();
    let nothing = tables();
    fs::write(root.path().join("notes.txt"), "1").unwrap();
    fs::create_dir(root.path().join("empty.csv")).unwrap();
    assert_eq!(tables(), nothing, "nothing of it is like the pattern");

    fs::write(root.path().join("sub/a.csv"), "1").unwrap();
    let one = tables();
    assert_ne!(one, nothing, "a file that is");
    fs::write(root.path().join("sub/a.csv"), "2").unwrap();
    assert_ne!(tables(), one, "its content");
    let files = InputDir::from(root.path()).glob("**/*.csv").read().unwrap();
    assert_eq!(files, [InputFile::from(root.path().join("sub/a.csv"))]);

    let (all, other) = (dir(root.path()), content_digest(&InputDir::from(root.path()).glob("**")));
    assert_ne!(all.unwrap(), other.unwrap(), "the pattern counts");
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = InputDir::from(root.path()).glob("[a");
    let error = content_digest(&folder).unwrap_err().to_string();
    assert!(error.contains("the pattern `[a` has a `[` without a `]`"), "{error}");
    assert!(folder.read().unwrap_err().to_string().contains("the pattern `[a`"));
}
