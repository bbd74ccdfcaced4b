//! Names in a store are good on every system, whatever the keys, the extensions and the formats.

mod index_support;
mod store_support;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use daglite::store::{Artifact, CacheStore, Lookup};
use daglite::{Digest, FileStore, FileStoreLayout};
use index_support::{IN_PLACE, bytes, flush, lasting, objects};
use proptest::prelude::*;
use store_support::{get, now, put, tree};

/// The longest root that is promised to do.
const ROOT: usize = 60;
/// The longest path there may be under it.
const LONGEST: usize = 200;

/// What is wrong with a name for some system, if anything is.
fn wrong_with(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let reserved = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|last: char| last.is_ascii_digit()));
    let is_forbidden = |c: char| c.is_control() || "<>:\"/\\|?*".contains(c);
    if name.is_empty() || name == "." || name == ".." {
        Some("no name at all")
    } else if reserved {
        Some("reserved on Windows")
    } else if name.chars().any(is_forbidden) {
        Some("a forbidden character")
    } else if !name.is_ascii() {
        Some("written in two ways on macOS")
    } else if name.ends_with(['.', ' ']) {
        Some("Windows drops the end")
    } else if name.len() > 255 {
        Some("too long")
    } else {
        None
    }
}

#[test]
fn the_test_knows_bad_names() {
    for name in ["CON", "aux.txt", "Com1.bin", "LPT9", "a:b", "a\nb", "ä", "end.", "end ", ".."] {
        assert!(wrong_with(name).is_some(), "{name:?}");
    }
    for name in ["CACHEDIR.TAG", "v1", "index.sqlite-wal", "common.bin", "coma"] {
        assert_eq!(wrong_with(name), None, "{name:?}");
    }
}

/// Checks every name under `root`.
fn check_names(root: &Path) {
    let mut lower = HashMap::new();
    for path in tree(root) {
        for name in path.trim_end_matches('/').split('/') {
            assert_eq!(wrong_with(name), None, "{path}");
        }
        // One byte for the separator after the root.
        let length = ROOT + 1 + path.trim_end_matches('/').len();
        assert!(length <= LONGEST, "{path}: {length} characters under a root of {ROOT}");
        if let Some(twin) = lower.insert(path.to_lowercase(), path.clone()) {
            panic!("`{twin}` and `{path}` are the same on Windows and macOS");
        }
    }
}

fn extension() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9]{1,16}",
        1 => ".{0,40}",
        1 => "[A-Za-z0-9._:/\\\\ -]{0,24}",
        1 => prop::sample::select(
            ["", ".", "..", "CON", "nul", "aux", "com1", "a/b", "..\\..", "tar.gz", "PARQUET", "Npy", "zst",
             "json.zst", "b\n", "é", "name:stream", "end.", "x".repeat(300).as_str()]
            .map(str::to_owned).to_vec()
        ),
    ]
}

prop_compose! {
    fn entry()(
        key: [u8; 32],
        extension in extension(),
        format in ".{0,30}",
        task in ".{0,30}",
        seed in 0..4_u64,
        is_large: bool,
    ) -> (Digest, Artifact) {
        let value = bytes(seed, if is_large { IN_PLACE + 1 } else { 10 });
        let mut artifact = lasting(&value);
        artifact.meta.extension = extension;
        artifact.meta.format = format;
        artifact.meta.task = task;
        (Digest::from_bytes(key), artifact)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_name_is_good_on_every_system(entries in prop::collection::vec(entry(), 1..12)) {
        for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("cache");
            let store = FileStore::builder(&root).layout(layout).open().unwrap();
            for (key, artifact) in &entries {
                drop(now(store.claim(key)).unwrap());
                put(&store, key, artifact);
                check_names(&root);
            }
            flush(&store);
            check_names(&root);
            let last: HashMap<_, _> = entries.iter().cloned().collect();
            for (key, artifact) in &last {
                let found = get(&store, key) == Lookup::Found(artifact.clone());
                prop_assert!(found, "every field comes back, whatever is in it");
            }
            let verification = store.verify().unwrap();
            prop_assert_eq!((verification.entries(), verification.problems()), (last.len() as u64, &[][..]));
            prop_assert_eq!(store.entries().clear().unwrap(), last.len() as u64);
            prop_assert!(objects(&root).is_empty());
        }
    }
}

#[test]
fn extensions_that_differ_in_case_alone_make_no_twins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_support::open_index(folder.path());
    let value = bytes(1, IN_PLACE + 1);
    for extension in ["npy", "NPY", "Npy", "nPy"] {
        let mut artifact = lasting(&value);
        artifact.meta.extension = extension.to_owned();
        put(&store, &store_support::key(extension), &artifact);
    }
    flush(&store);
    let names: HashSet<_> = objects(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_lowercase())
        .collect();
    assert_eq!(names.len(), objects(folder.path()).len());
    check_names(folder.path());
}

#[test]
fn a_damaged_index_and_what_killed_processes_left_have_good_names_too() {
    let folder = tempfile::tempdir().unwrap();
    put(&store_support::open_index(folder.path()), &store_support::key("k"), &lasting(b"value"));
    index_support::settle(folder.path());
    std::fs::write(index_support::index(folder.path()), "damaged").unwrap();
    let store = store_support::open_index(folder.path());
    put(&store, &store_support::key("k"), &lasting(&bytes(1, IN_PLACE + 1)));
    flush(&store);
    store.gc().unwrap();
    assert!(folder.path().join("v1/damaged/index.sqlite").exists());
    check_names(folder.path());
}

/// A value with each kind of line ending, and a tag with one: what is read is what was written.
#[test]
fn nothing_depends_on_line_endings() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let root = folder.path().join(format!("{layout:?}"));
        let store = FileStore::builder(&root).layout(layout).open().unwrap();
        for text in ["a\nb\n", "a\r\nb\r\n", "a\rb", "\u{1a}", "\r\n".repeat(10_000).as_str()] {
            let mut artifact = lasting(text.as_bytes());
            artifact.meta.task = text.chars().take(20).collect();
            put(&store, &store_support::key(text), &artifact);
            flush(&store);
            assert_eq!(get(&store, &store_support::key(text)), Lookup::Found(artifact));
        }
        let tag = std::fs::read(root.join("CACHEDIR.TAG")).unwrap();
        assert!(
            !tag.contains(&b'\r')
                && tag.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55\n")
        );
        // A tag whose lines somebody's editor ended otherwise is a tag, and stays.
        std::fs::write(
            root.join("CACHEDIR.TAG"),
            "Signature: 8a477f597d28d172789f06886806bc55\r\n",
        )
        .unwrap();
        drop(store);
        let store = FileStore::builder(&root).layout(layout).open().unwrap();
        put(&store, &store_support::key("k"), &lasting(b"value"));
        flush(&store);
        assert!(std::fs::read(root.join("CACHEDIR.TAG")).unwrap().ends_with(b"\r\n"));
        assert!(store.verify().unwrap().is_sound());
    }
}
