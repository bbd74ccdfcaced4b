//! Pipes, folders, loops of links and odd names where a file should be: an error or a miss, never a hang.
#![cfg(unix)]

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use daglite::checkpoint::Version;
use daglite::prelude::*;
use daglite_tests::{Log, logged_with};

/// What `body` returns; a panic if it does not within ten seconds.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(body()));
    receive.recv_timeout(Duration::from_secs(10)).expect("it hangs, or it panicked")
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn on_disk(folder: &Path) -> (Session, Log) {
    let cache = FileStore::builder(folder.join("cache"))
        .layout(daglite::FileStoreLayout::Files)
        .open()
        .unwrap();
    let checkpoints = FileCheckpoints::open(folder.join("checkpoints")).unwrap();
    logged_with(Session::builder().cache(cache).without_memory().checkpoints(checkpoints))
}

#[task(cache)]
fn double(n: u64) -> u64 {
    2 * n
}

#[test]
fn a_pipe_in_an_entrys_place_is_damage() {
    let value = in_time(|| {
        let folder = tempfile::tempdir().unwrap();
        let (session, log) = on_disk(folder.path());
        double(4).run_in(&session).unwrap();
        for entry in files(&folder.path().join("cache/v1/entries")) {
            fs::remove_file(&entry).unwrap();
            fifo(&entry);
        }
        (double(4).run_in(&session).unwrap(), log.count("computed"))
    });
    assert_eq!(value, (8, 2));
}

#[test]
fn a_pipe_in_a_checkpoint_is_an_error() {
    for part in ["meta.json", "value"] {
        in_time(move || {
            let folder = tempfile::tempdir().unwrap();
            let (session, _) = on_disk(folder.path());
            double(4).checkpoint("four").run_in(&session).unwrap();
            for file in files(&folder.path().join("checkpoints")) {
                if file.file_name().unwrap().to_string_lossy().starts_with(part) {
                    fs::remove_file(&file).unwrap();
                    fifo(&file);
                }
            }
            let store = FileCheckpoints::open(folder.path().join("checkpoints")).unwrap();
            let error = store.load::<u64>("four", Version::Latest).unwrap_err().to_string();
            assert!(error.contains("is not a file"), "{error}");
            // Saved beside it, or an error that names it: anything but silence.
            match double(5).checkpoint("four").run_in(&session) {
                Ok(_) => assert_eq!(store.load::<u64>("four", Version::Latest).unwrap(), 10),
                Err(error) => assert!(error.to_string().contains("is not a file"), "{error}"),
            }
        });
    }
}

#[task(cache)]
fn length(file: InputFile) -> Result<usize, std::io::Error> {
    Ok(file.read()?.len())
}

#[task(cache)]
fn entries(folder: InputDir) -> usize {
    folder.path().as_os_str().len()
}

#[test]
fn a_pipe_or_a_folder_or_a_loop_is_no_input_and_says_so() {
    let warnings = in_time(|| {
        let folder = tempfile::tempdir().unwrap();
        let (session, log) = on_disk(folder.path());
        let inputs = folder.path().join("inputs");
        fs::create_dir_all(inputs.join("a/b")).unwrap();
        std::os::unix::fs::symlink("..", inputs.join("a/b/up")).unwrap();
        entries(inputs.as_path()).run_in(&session).unwrap();
        fs::remove_file(inputs.join("a/b/up")).unwrap();
        std::os::unix::fs::symlink("self", inputs.join("self")).unwrap();
        entries(inputs.as_path()).run_in(&session).unwrap();
        fs::remove_file(inputs.join("self")).unwrap();
        fifo(&inputs.join("pipe"));
        entries(inputs.as_path()).run_in(&session).unwrap();
        length(inputs.as_path()).run_in(&session).unwrap_err();
        log.take().into_iter().filter(|line| line.starts_with("warning")).collect::<Vec<_>>()
    });
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
}

#[test]
fn a_path_that_is_no_text_is_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsString::from_vec(vec![b'x', 0xff]));
    fs::create_dir(&odd).unwrap();
    let (session, log) = on_disk(&odd);
    let file = odd.join(std::ffi::OsString::from_vec(vec![b'f', 0xfe]));
    fs::write(&file, "four").unwrap();
    for _ in 0..2 {
        assert_eq!(length(file.as_path()).run_in(&session).unwrap(), 4);
        entries(odd.as_path()).run_in(&session).unwrap();
    }
    assert_eq!(log.count("warning"), 0);
    assert_eq!(log.count("hit length"), 1);
}

#[test]
fn a_pipe_in_place_of_a_dead_processs_list_does_not_hold_up_a_put() {
    in_time(|| {
        let folder = tempfile::tempdir().unwrap();
        for list in ["published", "released"] {
            let dead = folder.path().join("v1/tmp").join(format!("4711-{list}"));
            fs::create_dir_all(&dead).unwrap();
            fs::write(dead.join("alive"), "").unwrap();
            fifo(&dead.join(list));
        }
        let cache = FileStore::builder(folder.path()).layout(daglite::FileStoreLayout::Index);
        let session = Session::builder().cache(cache.open().unwrap()).build().unwrap();
        assert_eq!(double(4).run_in(&session).unwrap(), 8);
        assert_eq!(fs::read_dir(folder.path().join("v1/tmp")).unwrap().count(), 1, "ours");
    });
}
