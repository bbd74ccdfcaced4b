//! Two things at once: damage that two meet, an index that goes while it is waited for, a reader that does not end.

mod index_support;
mod store_support;

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use daglite::store::{CacheStore, Lookup, RunReport};
use daglite::{Digest, FileStore};
use index_support::{ask, bytes, eventually, flush, index, lasting, settle, sql};
use store_support::{get, key, now, open_index, put};

fn numbered(number: usize) -> Digest {
    key(&number.to_string())
}

/// A store with the entries `0..count`, all in the index.
fn filled(root: &Path, count: usize) -> FileStore {
    let store = open_index(root);
    for number in 0..count {
        put(&store, &numbered(number), &lasting(&bytes(number as u64, 300)));
    }
    flush(&store);
    store
}

/// Deletes the index, with what SQLite keeps beside it.
fn delete_index(root: &Path) {
    for rest in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{rest}", index(root).display()));
    }
}

/// A log that grew long is moved into the index as a run ends; SQLite then waits for readers as long as for a lock.
#[test]
fn the_end_of_a_run_does_not_wait_for_who_reads() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 10);
    let reader = sql(folder.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry;").unwrap();
    store.begin_run();
    for number in 0..600 {
        put(&store, &numbered(number), &lasting(&bytes(number as u64, 10_000)));
    }
    let start = Instant::now();
    flush(&store);
    let took = start.elapsed();
    let log = fs::metadata(format!("{}-wal", index(folder.path()).display())).unwrap().len();
    assert!(log > 4 << 20, "a log of {log} bytes is moved by nobody");
    assert!(took < Duration::from_secs(3), "the end of the run took {took:?}");
}

/// The last of the rows that are saved of a damaged index.
const LAST: usize = 9_999;

/// What others do while one process saves the rows of a damaged index.
fn while_a_damaged_index_is_saved(act: impl Fn(&FileStore), check: impl Fn(&FileStore)) {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        drop(filled(root, LAST + 1));
        settle(root);
        let page = ask(root, "SELECT rootpage FROM sqlite_schema WHERE name = 'slot'") as usize;
        settle(root);
        let mut whole = fs::read(index(root)).unwrap();
        whole[(page - 1) * 4096..page * 4096].fill(0xee);
        fs::write(index(root), whole).unwrap();

        let was_in_time = thread::scope(|scope| {
            let saving = scope.spawn(|| get(&open_index(root), &numbered(0)));
            eventually("the damaged index is moved aside", || {
                root.join("v1/damaged/index.sqlite").exists() && index(root).exists()
            });
            let was_in_time = !saving.is_finished();
            act(&open_index(root));
            saving.join().unwrap();
            was_in_time
        });
        let store = open_index(root);
        check(&store);
        let saved = lasting(&bytes(LAST as u64 / 2, 300));
        assert_eq!(get(&store, &numbered(LAST / 2)), Lookup::Found(saved));
        if was_in_time {
            return;
        }
    }
    panic!("the rows were always saved before another could do anything");
}

#[test]
fn what_is_put_while_a_damaged_index_is_saved_stays() {
    let new = lasting(b"put since");
    let act = |store: &FileStore| {
        put(store, &numbered(LAST), &new);
        flush(store);
    };
    while_a_damaged_index_is_saved(act, |store| {
        assert_eq!(get(store, &numbered(LAST)), Lookup::Found(new.clone()));
    });
}

#[test]
fn what_is_removed_while_a_damaged_index_is_saved_does_not_come_back() {
    let act = |store: &FileStore| {
        now(store.remove(&numbered(LAST))).unwrap();
    };
    while_a_damaged_index_is_saved(act, |store| {
        assert_eq!(get(store, &numbered(LAST)), Lookup::Absent);
    });
}

/// Two meet the same damage: the second one comes before the first has moved the index away.
#[test]
fn a_batch_that_meets_damage_waits_for_who_moves_it_aside() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    drop(filled(root, 10));
    delete_index(root);
    fs::write(index(root), bytes(1, 50_000)).unwrap();
    // Another process is at it.
    let turn = File::create(root.join("v1/locks/recover")).unwrap();
    turn.lock().unwrap();

    let store = open_index(root);
    let ended = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            put(&store, &key("k"), &lasting(b"value"));
            now(store.end_run(&RunReport::default()))
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) && !writing.is_finished() {
            thread::yield_now();
        }
        delete_index(root);
        turn.unlock().unwrap();
        writing.join().unwrap()
    });
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(get(&open_index(root), &key("k")), Lookup::Found(lasting(b"value")));
}

/// The batch waits for a lock on a file that has no name any more when it gets it.
#[test]
fn a_batch_is_not_lost_in_an_index_that_is_deleted_meanwhile() {
    for pause in [5, 30, 100] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let store = filled(root, 10);
        let other = sql(root);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        thread::scope(|scope| {
            let writing = scope.spawn(|| {
                put(&store, &key("k"), &lasting(b"value"));
                flush(&store);
            });
            // Whenever this happens, the entry must not be lost: some of the pauses hit the wait for the lock.
            thread::sleep(Duration::from_millis(pause));
            delete_index(root);
            drop(other);
            writing.join().unwrap();
        });
        let found = get(&open_index(root), &key("k"));
        assert_eq!(found, Lookup::Found(lasting(b"value")), "after {pause} ms");
    }
}

/// A process that hangs in a transaction; what was to be written is given up in the end, and the error says why.
#[test]
fn an_index_that_stays_locked_is_an_error_that_says_who_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 10);
    let other = sql(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    put(&store, &key("k"), &lasting(b"value"));
    let error = now(store.end_run(&RunReport::default())).unwrap_err().to_string();
    assert!(error.contains("another process has kept the index"), "{error}");
    assert!(error.contains("end it if it is stuck"), "{error}");
}

/// A process that can open no more files for a moment.
#[cfg(unix)]
#[test]
fn a_process_that_ran_out_of_files_sees_later_what_others_put() {
    const ROOT: &str = "DAGLITE_TEST_STARVED";
    if let Some(root) = std::env::var_os(ROOT) {
        return starve(Path::new(&root));
    }
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 10));
    let name = "a_process_that_ran_out_of_files_sees_later_what_others_put";
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 80 && exec \"$0\" --exact --test-threads=1 --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(ROOT, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("starved 10 times"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Looks for an entry with so many files left to open, and then, with enough of them, for one that came later.
#[cfg(unix)]
fn starve(root: &Path) {
    for left in 0..10 {
        // Else there is nothing to be seen without the log.
        settle(root);
        let store = open_index(root);
        let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert!(files.len() < 100, "the limit does not hold");
        files.truncate(files.len() - left);
        // It may fail, or not.
        let _ = now(store.head(&numbered(0)));
        drop(files);
        // A store of its own, which is closed before: SQLite keeps files open that another connection uses.
        let writer = open_index(root);
        put(&writer, &numbered(100 + left), &lasting(b"later"));
        flush(&writer);
        drop(writer);
        let found = get(&store, &numbered(100 + left));
        assert_eq!(found, Lookup::Found(lasting(b"later")), "with {left} files");
        assert!(store.notices().is_empty(), "nothing is damaged");
    }
    println!("starved 10 times");
}
