//! What lies beside a store is left alone, what a newer one wrote too, and what this version wrote is read for ever.

mod index_support;
mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use daglite::store::{Artifact, CacheStore, Lookup, RunReport};
use daglite::{Digest, FileStore, FileStoreLayout};
use index_support::{bytes, flip, flush, index, large, lasting, objects, settle, sql};
use store_support::{artifact, get, key, now, open, open_index, put, tree};

/// The bytes of every file in a folder but those below `v1`.
fn beside_v1(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = tree(root).into_iter().filter(|name| !name.starts_with("v1/"));
    let read = |name: &String| {
        if name.ends_with('/') { Vec::new() } else { fs::read(root.join(name)).unwrap() }
    };
    names.map(|name| (name.clone(), read(&name))).collect()
}

/// Does to a store whatever can be done to it.
fn use_in_every_way(store: &FileStore) {
    store.begin_run();
    for number in 0..30 {
        put(store, &key(&number.to_string()), &lasting(&large(number)));
        get(store, &key(&number.to_string()));
    }
    flush(store);
    now(store.remove(&key("1"))).unwrap();
    store.gc().unwrap();
    let _ = store.verify().unwrap().repair().unwrap();
    store.entries().task("features").larger_than(10).clear().unwrap();
    put(store, &key("k"), &lasting(b"value"));
    flush(store);
    now(store.clear()).unwrap();
    store.entries().clear().unwrap();
    drop(store.claim(&key("k")));
}

#[test]
fn other_versions_and_foreign_files_beside_the_store_are_left_alone() {
    for layout in [FileStoreLayout::Index, FileStoreLayout::Files] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["v0", "v2", "v10", "v1-old", "V2"] {
            for below in ["objects/ab/cd/value.bin", "entries/ab/rest", "tmp/1-old", "index.sqlite"]
            {
                let path = root.join(name).join(below);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, format!("{name} {below}")).unwrap();
                index_support::age(&path, std::time::Duration::from_secs(100 * 24 * 3_600));
            }
        }
        fs::write(root.join("notes.txt"), "precious").unwrap();
        fs::write(root.join("index.sqlite"), "precious").unwrap();
        fs::write(root.join("CACHEDIR.TAG"), "Signature: mine").unwrap();
        let before = beside_v1(root);
        let open = || FileStore::builder(root).layout(layout).max_entries(10).open().unwrap();
        use_in_every_way(&open());
        if layout == FileStoreLayout::Index {
            put(&open(), &key("k"), &lasting(b"value"));
            settle(root);
            fs::write(index(root), "damaged").unwrap();
            use_in_every_way(&open());
            assert!(root.join("v1/damaged/index.sqlite").exists());
        }
        assert_eq!(beside_v1(root), before, "{layout:?}");
    }
}

#[test]
fn the_two_layouts_leave_each_other_alone() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(folder.path()), &key("in files"), &lasting(b"value"));
    put(&open_index(folder.path()), &key("in an index"), &lasting(&large(1)));
    use_in_every_way(&open(folder.path()));
    assert_eq!(
        get(&open_index(folder.path()), &key("in an index")),
        Lookup::Found(lasting(&large(1)))
    );
    put(&open(folder.path()), &key("in files"), &lasting(b"value"));
    use_in_every_way(&open_index(folder.path()));
    assert_eq!(get(&open(folder.path()), &key("in files")), Lookup::Found(lasting(b"value")));
}

#[test]
fn foreign_files_inside_the_plain_layout_are_no_entries_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let builder = FileStore::builder(folder.path()).layout(FileStoreLayout::Files);
    let store = builder.max_entries(1).open().unwrap();
    put(&store, &key("k"), &lasting(b"value"));
    let shard = store_support::entry_path(folder.path(), &key("k")).parent().unwrap().to_owned();
    let theirs = [shard.join(".DS_Store"), shard.parent().unwrap().join("Thumbs.db")];
    for path in &theirs {
        fs::write(path, "theirs").unwrap();
    }
    flush(&store);
    store.gc().unwrap();
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(store.stats().unwrap().entries, 1);
    assert!(theirs.iter().all(|path| path.exists()));
}

/// Makes the index in `root` one of a newer version, settled in one file; answers its bytes.
fn make_newer(root: &Path, mode: &str) -> Vec<u8> {
    let newer = sql(root);
    newer
        .execute_batch("ALTER TABLE entry ADD COLUMN better TEXT; PRAGMA user_version = 2;")
        .unwrap();
    index_support::eventually("the thread of the dropped store lets go of the index", || {
        newer.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).is_ok()
    });
    drop(newer);
    fs::read(index(root)).unwrap()
}

#[test]
fn an_index_of_a_newer_version_is_left_alone_byte_for_byte_and_the_error_says_what_to_do() {
    for mode in ["DELETE", "WAL"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(&open_index(root), &key("small"), &lasting(b"value"));
        put(&open_index(root), &key("large"), &lasting(&large(1)));
        let newer = make_newer(root, mode);
        let theirs = objects(root);
        let store = open_index(root);
        let expected = format!(
            "the index `{}` has version 2, and this daglite knows version 1: update daglite, or name another folder",
            index(root).display()
        );
        let mut errors = vec![
            now(store.get(&key("small"))).unwrap_err().to_string(),
            now(store.head(&key("large"))).unwrap_err().to_string(),
            now(store.find(&[key("small"), key("large")])).unwrap_err().to_string(),
            now(store.remove(&key("small"))).unwrap_err().to_string(),
            now(store.clear()).unwrap_err().to_string(),
            store.stats().unwrap_err().to_string(),
            store.entries().list().unwrap_err().to_string(),
            store.entries().clear().unwrap_err().to_string(),
            store.gc().unwrap_err().to_string(),
            store.verify().unwrap_err().to_string(),
        ];
        for value in [b"small".to_vec(), large(2)] {
            store.begin_run();
            // It is written with others: the end of the run says that it was not.
            now(store.put(&key("new"), &lasting(&value))).unwrap();
            errors.push(now(store.end_run(&RunReport::default())).unwrap_err().to_string());
        }
        drop(store);
        for error in errors {
            assert_eq!(error, expected);
        }
        assert_eq!(fs::read(index(root)).unwrap(), newer, "{mode}");
        assert!(theirs.iter().all(|path| path.exists()));
        assert!(!root.join("v1/damaged").exists());
    }
}

#[test]
fn a_version_that_no_daglite_ever_has_is_damage() {
    for version in [-1, 4_711_000] {
        let folder = tempfile::tempdir().unwrap();
        put(&open_index(folder.path()), &key("k"), &lasting(b"value"));
        sql(folder.path()).pragma_update(None, "user_version", version).unwrap();
        let store = open_index(folder.path());
        assert_eq!(get(&store, &key("k")), Lookup::Found(lasting(b"value")), "the rows are sound");
        assert_eq!(store.notices().len(), 1);
    }
}

/// The stores of version 1 that are kept in the repository: one with entries of version 1 and none of the tables that
/// explain misses, one with entries of version 2, and one as it is written today.
fn all_golden() -> [PathBuf; 3] {
    ["store_v1", "store_v1_entries_v2", "store_v1_entries_v3"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name))
}

/// The one that is as it is written today.
fn golden() -> PathBuf {
    let [.., today] = all_golden();
    today
}

/// What is in the golden store.
fn golden_entries() -> Vec<(Digest, Artifact)> {
    let mut json = artifact(b"{\"rows\": 336776}\r\n");
    json.meta.format = "json".to_owned();
    json.meta.extension = "json".to_owned();
    json.meta.parts.clear();
    let mut table = artifact(&bytes(3, 16_385));
    table.meta.task = "pipeline::weather".to_owned();
    table.meta.extension = "NPY!".to_owned();
    table.meta.expires = None;
    let mut empty = artifact(b"");
    empty.meta.task = String::new();
    empty.meta.took = std::time::Duration::ZERO;
    vec![
        (key("golden small"), artifact(b"the value of the golden entry")),
        (key("golden json"), json),
        (key("golden empty"), empty),
        (key("golden knee"), lasting(&bytes(1, 16_384))),
        (key("golden large"), lasting(&bytes(2, 20_000))),
        (key("golden table"), table.clone()),
        (key("golden shared"), table),
    ]
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    for name in tree(from) {
        let target = to.join(&name);
        if name.ends_with('/') {
            fs::create_dir_all(&target).unwrap();
        } else {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(from.join(&name), &target).unwrap();
        }
    }
}

/// Writes the golden store. Only for a new version of the layout: an old golden store is never written again.
fn bless() {
    let _ = fs::remove_dir_all(golden());
    let store = open_index(&golden());
    for (key, artifact) in golden_entries() {
        put(&store, &key, &artifact);
        flush(&store);
    }
    store.begin_run();
    get(&store, &key("golden small"));
    now(store.end_run(&RunReport {
        hits: 1,
        misses: 7,
        saved: std::time::Duration::from_millis(1_500),
        ..RunReport::default()
    }))
    .unwrap();
    drop(store);
    settle(&golden());
    for rest in ["index.sqlite-wal", "index.sqlite-shm", "locks", "tmp"] {
        let path = golden().join("v1").join(rest);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            let _ = fs::remove_file(path);
        }
    }
}

#[test]
fn each_store_of_version_1_is_read_whole() {
    if std::env::var_os("DAGLITE_BLESS").is_some() {
        bless();
    }
    for golden in all_golden() {
        golden_store_is_read_whole(&golden);
    }
}

fn golden_store_is_read_whole(golden: &Path) {
    let folder = tempfile::tempdir().unwrap();
    copy(golden, folder.path());
    let store = open_index(folder.path());
    let entries = golden_entries();
    for (key, artifact) in &entries {
        assert_eq!(get(&store, key), Lookup::Found(artifact.clone()), "{}", artifact.meta.task);
    }
    let verification = store.verify().unwrap();
    assert_eq!((verification.entries(), verification.problems()), (7, &[][..]));
    let stats = store.stats().unwrap();
    assert_eq!(
        (stats.entries, stats.hits, stats.misses, stats.saved.as_millis()),
        (7, 1, 7, 1_500)
    );
    assert_eq!(stats.tasks["pipeline::weather"].entries, 2);
    assert_eq!(objects(folder.path()).len(), 2);
    // And it can be written.
    put(&store, &key("new"), &lasting(&large(9)));
    assert!(now(store.remove(&key("golden shared"))).unwrap());
    drop(store);
    let store = open_index(folder.path());
    assert_eq!(get(&store, &key("golden table")), Lookup::Found(entries[5].1.clone()));
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn the_golden_stores_have_this_layout() {
    let name = |value: &[u8], extension: &str| {
        let digits = Digest::of_bytes(value).to_string();
        format!("v1/objects/{}/{}/{}.{extension}", &digits[..2], &digits[2..4], &digits[4..])
    };
    for golden in all_golden() {
        let files: Vec<_> = tree(&golden).into_iter().filter(|name| !name.ends_with('/')).collect();
        let mut expected = vec![
            "CACHEDIR.TAG".to_owned(),
            "v1/index.sqlite".to_owned(),
            name(&bytes(2, 20_000), "bin"),
            name(&bytes(3, 16_385), "bin"),
        ];
        expected.sort();
        assert_eq!(files, expected);
        // The fixed part of the header of SQLite: its own version, and the bytes `dagl`.
        let index = fs::read(index(&golden)).unwrap();
        assert_eq!(&index[..16], b"SQLite format 3\0");
        assert_eq!((&index[60..64], &index[68..72]), (&[0, 0, 0, 1][..], &b"dagl"[..]));
    }
}

/// What is written today is what the golden store has: the columns and the meaning of each.
#[test]
fn what_is_written_today_has_the_rows_of_the_golden_store() {
    let folder = tempfile::tempdir().unwrap();
    copy(&golden(), &folder.path().join("then"));
    // Whoever writes adds the tables that came later.
    assert!(!now(open_index(&folder.path().join("then")).remove(&key("absent"))).unwrap());
    let store = open_index(&folder.path().join("now"));
    for (key, artifact) in golden_entries() {
        put(&store, &key, &artifact);
        flush(&store);
    }
    drop(store);
    let rows = |root: &Path| {
        let index = sql(root);
        let dump = |query: &str| {
            let mut statement = index.prepare(query).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| {
                Ok((0..columns)
                    .map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap())
                    .collect())
            });
            rows.unwrap().map(Result::unwrap).collect::<Vec<Vec<_>>>()
        };
        [
            dump("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"),
            dump("SELECT * FROM entry ORDER BY id"),
            dump("SELECT * FROM slot ORDER BY key"),
            dump("SELECT * FROM object ORDER BY name"),
            dump("SELECT next, entries, bytes FROM state"),
            dump("SELECT * FROM record"),
            dump("SELECT * FROM recent ORDER BY task"),
            dump("SELECT * FROM gone"),
            dump("SELECT * FROM note"),
        ]
    };
    assert!(
        rows(&folder.path().join("now")) == rows(&folder.path().join("then")),
        "the index has changed: raise its version and keep reading this one"
    );
}

#[test]
fn a_byte_flipped_in_the_golden_store_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    copy(&golden(), folder.path());
    flip(&objects(folder.path())[0], 10);
    assert_eq!(
        open_index(folder.path()).verify().unwrap().problems().len(),
        1 + usize::from(is_shared(folder.path()))
    );
}

/// Whether the first object is the one that two entries share.
fn is_shared(root: &Path) -> bool {
    objects(root)[0].metadata().unwrap().len() == 16_385
}

#[test]
fn a_note_has_the_bytes_of_the_format_and_a_changed_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (name, noted) = (Digest::of_bytes(b"what it is about"), b"what is noted");
    let store = open_index(folder.path());
    now(store.note(&name, noted)).unwrap();
    flush(&store);
    drop(store);
    let index = sql(folder.path());
    let bytes: Vec<u8> = index
        .query_row("SELECT bytes FROM note WHERE name = ?1", [name.as_bytes()], |row| row.get(0))
        .unwrap();
    let check = Digest::of_bytes(&[b"daglite note v1", &name.as_bytes()[..], noted].concat());
    assert_eq!(bytes, [&check.as_bytes()[..16], noted].concat());
    assert_eq!(now(open_index(folder.path()).noted(&name)).unwrap(), Some(noted.to_vec()));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        index.execute("UPDATE note SET bytes = ?1", [&changed]).unwrap();
        assert_eq!(now(open_index(folder.path()).noted(&name)).unwrap(), None, "byte {at}");
    }
}
