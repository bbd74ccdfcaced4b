//! The folder of a file store: made when needed, private, never in the way, and what it says when it cannot be used.

mod store_support;

use std::error::Error;
use std::fs;
use std::time::{Duration, SystemTime};

use daglite::store::{CacheStore, Lookup};
use daglite::{ErrorKind, FileStore};
use store_support::{artifact, get, head, key, now, open, put, tree};

#[test]
fn nothing_is_created_before_the_first_put() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a/b/cache"));
    assert_eq!(get(&store, &key("k")), Lookup::Absent);
    assert_eq!(head(&store, &key("k")), Lookup::Absent);
    assert!(!now(store.remove(&key("k"))).unwrap());
    now(store.clear()).unwrap();
    assert!(tree(folder.path()).is_empty());
    put(&store, &key("k"), &artifact(b"value"));
    assert_eq!(get(&store, &key("k")), Lookup::Found(artifact(b"value")));
}

#[test]
fn a_path_that_is_empty_or_a_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = FileStore::builder("").open().unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Store, "the path of the cache is empty: name a folder".to_owned())
    );
    let error = FileStore::builder(&file).open().unwrap_err();
    let expected =
        format!("the cache needs a folder, but `{}` is a file: name another path", file.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_path_and_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"precious").unwrap();
    let root = file.join("cache");
    let store = open(&root);
    assert_eq!(get(&store, &key("k")), Lookup::Absent);
    assert!(!now(store.remove(&key("k"))).unwrap());
    now(store.clear()).unwrap();
    let error = now(store.put(&key("k"), &artifact(b"value"))).unwrap_err();
    let expected = format!(
        "cannot create the cache folder `{}`: a file is in the way where a folder belongs: remove it, or choose another folder",
        root.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_some_and(|cause| cause.is::<std::io::Error>()));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_failed_put_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &key("k"), &artifact(b"value"));
    let entries = folder.path().join("v1/entries");
    fs::remove_dir_all(&entries).unwrap();
    fs::write(&entries, b"in the way").unwrap();
    let error = now(store.put(&key("k"), &artifact(b"value"))).unwrap_err();
    assert!(error.to_string().contains("v1/entries"), "{error}");
    assert_eq!(tree(&folder.path().join("v1/tmp")), Vec::<String>::new());
    assert_eq!(get(&store, &key("k")), Lookup::Absent);
}

#[test]
fn a_folder_deleted_under_the_store_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let store = open(&root);
    for _ in 0..3 {
        put(&store, &key("k"), &artifact(b"value"));
        assert_eq!(get(&store, &key("k")), Lookup::Found(artifact(b"value")));
        assert!(root.join("CACHEDIR.TAG").exists());
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(get(&store, &key("k")), Lookup::Absent);
    }
}

#[test]
fn deleting_the_folder_again_and_again_never_breaks_a_put_that_has_time() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let store = open(&root);
    std::thread::scope(|scope| {
        let deleting = scope.spawn(|| {
            for _ in 0..50 {
                // Fails when a put makes a folder meanwhile; the next turn goes on.
                let _ = fs::remove_dir_all(&root);
            }
        });
        while !deleting.is_finished() {
            // A put may lose the race eight times in a row; what it may not do is answer wrongly.
            let _ = now(store.put(&key("k"), &artifact(b"value")));
            assert!(matches!(get(&store, &key("k")), Lookup::Absent | Lookup::Found(_)));
        }
    });
    put(&store, &key("k"), &artifact(b"value"));
    assert_eq!(get(&store, &key("k")), Lookup::Found(artifact(b"value")));
}

#[test]
fn what_killed_processes_left_is_swept_at_the_first_put() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(folder.path()), &key("k"), &artifact(b"value"));
    let tmp = folder.path().join("v1/tmp");
    let [old, young] = ["1-old", "2-young"].map(|name| tmp.join(name));
    for path in [&old, &young] {
        fs::write(path, b"half an ent").unwrap();
    }
    age(&old, Duration::from_secs(3 * 24 * 60 * 60));
    put(&open(folder.path()), &key("other"), &artifact(b"value"));
    assert_eq!(tree(&tmp), ["2-young"]);
}

/// Makes a file look as if it had been written that long ago.
fn age(path: &std::path::Path, age: Duration) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(modified.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)).unwrap();
}

#[test]
fn clear_keeps_the_tag_and_removes_every_entry() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for i in 0..50 {
        put(&store, &key(&i.to_string()), &artifact(b"value"));
    }
    now(store.clear()).unwrap();
    assert_eq!(tree(folder.path()), ["CACHEDIR.TAG", "v1/", "v1/tmp/"]);
    put(&store, &key("k"), &artifact(b"value"));
    assert_eq!(get(&store, &key("k")), Lookup::Found(artifact(b"value")));
}

#[test]
fn two_stores_on_one_folder_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [open(folder.path()), open(folder.path())];
    put(&one, &key("k"), &artifact(b"value"));
    assert_eq!(get(&two, &key("k")), Lookup::Found(artifact(b"value")));
    put(&two, &key("k"), &artifact(b"other"));
    assert_eq!(get(&one, &key("k")), Lookup::Found(artifact(b"other")));
}

#[test]
fn an_artifact_whose_size_is_wrong_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut wrong = artifact(b"value");
    wrong.meta.size = 6;
    let error = now(store.put(&key("k"), &wrong)).unwrap_err();
    let expected = "the artifact of `pipeline::features` has 5 bytes, but its metadata says 6: set `size` from its bytes";
    assert_eq!(error.to_string(), expected);
}

#[cfg(unix)]
#[test]
fn what_the_store_makes_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("above/cache");
    put(&open(&root), &key("k"), &artifact(b"value"));
    for path in tree(&root) {
        let is_private = mode(&root.join(&path)) & 0o077 == 0;
        assert_eq!(is_private, path != "CACHEDIR.TAG", "{path}");
    }
    assert_eq!(mode(&root), 0o700);

    let given = folder.path().join("given");
    fs::create_dir(&given).unwrap();
    fs::set_permissions(&given, fs::Permissions::from_mode(0o755)).unwrap();
    put(&open(&given), &key("k"), &artifact(b"value"));
    assert_eq!(mode(&given), 0o755, "a folder of the user keeps its permissions");
    assert_eq!(mode(&given.join("v1")), 0o700);
}
