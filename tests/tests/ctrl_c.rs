//! Ctrl-C, in a real process with real signals: the first ends runs in good order, the second ends the process at once.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use daglite::prelude::*;
use daglite_tests::processes::Worker;

/// A program that says `at work`, and is told when to go on.
fn program(folder: &Path, role: &str) -> Worker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interrupted"));
    command
        .arg(role)
        .current_dir(folder)
        .env_remove("DAGLITE_CACHE")
        .env_remove("DAGLITE_PROGRESS");
    let mut worker = Worker::start_command(&mut command);
    worker.wait_for("at work", 1);
    worker
}

/// Sends a signal, as the terminal does.
fn send(signal: &str, to: &Worker) {
    let status = Command::new("kill").args([signal, &to.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until the program has said that it was told to end.
fn wait_until_told(worker: &Worker) -> String {
    daglite_tests::processes::until(daglite_tests::processes::PATIENCE, "the message", || {
        let errors = worker.errors();
        errors.contains("ends at once\n").then_some(errors)
    })
}

fn code(status: ExitStatus) -> Option<i32> {
    status.code()
}

/// The files in the folder for temporary files of the default cache, and in the workplaces of processes there.
fn temporary_files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.join(".daglite/cache/v1/tmp")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            // What a workplace has for as long as its process lives, which the next one removes.
            let is_of_the_process = path.ends_with("alive") || path.ends_with("published");
            if path.is_dir() {
                folders.push(path);
            } else if !is_of_the_process {
                files.push(path);
            }
        }
    }
    files
}

/// The tasks whose results the default cache has.
fn cached(folder: &Path) -> Vec<String> {
    let store = FileStore::builder(folder.join(".daglite/cache")).open().unwrap();
    let mut tasks: Vec<String> =
        store.entries().list().unwrap().into_iter().map(|entry| entry.meta.task).collect();
    tasks.sort();
    tasks
}

#[test]
fn the_first_one_waits_for_what_is_at_work_and_keeps_it() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = program(folder.path(), "sync");
        send(signal, &worker);
        let told = wait_until_told(&worker);
        assert_eq!(
            told,
            "daglite: cancelled: waiting for `interrupted::slow` to end; Ctrl-C again ends at once\n"
        );
        assert!(!worker.is_over());
        worker.tell("go on");
        let ended = worker.finish();
        assert_eq!(code(ended.status), Some(130), "{}", ended.errors);
        assert_eq!(ended.lines, ["at work"]);
        let error = "Error: task `interrupted::after` (called at ";
        assert!(ended.errors.contains(error), "{}", ended.errors);
        assert!(
            ended
                .errors
                .contains("was cancelled with 2 tasks done, 0 stopped half-way, 1 not begun"),
            "{}",
            ended.errors
        );
        assert_eq!(cached(folder.path()), ["interrupted::quick", "interrupted::slow"]);
        assert_eq!(temporary_files(folder.path()), Vec::<PathBuf>::new());

        // The next run goes on from there.
        let mut command = Command::new(env!("CARGO_BIN_EXE_interrupted"));
        let ended = Worker::start_command(command.arg("sync").current_dir(folder.path())).finish();
        assert_eq!(
            (code(ended.status), &ended.lines[..]),
            (Some(0), &["3".to_string()][..]),
            "{}",
            ended.errors
        );
    }
}

#[test]
fn the_second_one_ends_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let worker = program(folder.path(), "sync");
    send("-INT", &worker);
    wait_until_told(&worker);
    send("-INT", &worker);
    // Nobody tells it to go on.
    let ended = worker.ended();
    assert_eq!((code(ended.status), ended.lines.len()), (Some(130), 1), "{}", ended.errors);
}

#[test]
fn an_async_body_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let worker = program(folder.path(), "async");
    send("-INT", &worker);
    let ended = worker.ended();
    assert_eq!(code(ended.status), Some(130), "{}", ended.errors);
    let told = "daglite: cancelled: nothing more is started; Ctrl-C again ends at once\nError: task `interrupted::never` (called at ";
    assert!(ended.errors.starts_with(told), "{}", ended.errors);
    assert!(
        ended.errors.contains("was cancelled with 0 tasks done, 1 stopped half-way"),
        "{}",
        ended.errors
    );
    assert_eq!(ended.lines, ["at work", "dropped"]);
}

#[test]
fn a_session_with_the_token_listens_too() {
    let folder = tempfile::tempdir().unwrap();
    let worker = program(folder.path(), "token");
    send("-INT", &worker);
    let ended = worker.ended();
    // It is no `run_main`: what it makes of the error is its own affair.
    assert_eq!(code(ended.status), Some(0), "{}", ended.errors);
    assert_eq!(ended.lines, ["at work", "dropped", "Cancelled"]);
}

#[test]
fn a_program_that_is_not_interrupted_ends_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    for (role, expected) in [("well", 0), ("badly", 1), ("seven", 7)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interrupted"));
        let ended = Worker::start_command(command.arg(role).current_dir(folder.path())).ended();
        assert_eq!(code(ended.status), Some(expected), "{role}: {}", ended.errors);
    }
}
