//! What a worker makes of bytes: the frames of `docs/format.md`, made by hand, and what are none.

#![cfg(unix)]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use daglite::Digest;
use daglite::executor::tasks;
use daglite::prelude::*;
use daglite_tests::in_time;

#[test]
fn worker() {
    daglite::worker_main();
}

#[task(isolate)]
fn double(n: u32) -> u32 {
    2 * n
}

/// A worker of this program, and the line to it.
struct Raw {
    child: Child,
    line: UnixStream,
}

impl Raw {
    /// A worker that waits for a hello.
    fn start() -> Self {
        let (line, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["worker", "--exact", "--nocapture", "daglite-worker=me"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, line }
    }

    /// A worker that waits for jobs.
    fn greeted() -> Self {
        let mut worker = Self::start();
        worker.line.write_all(b"daglite-worker\0\x01").unwrap();
        worker.send(&hello("me"));
        let mut preamble = [0; 16];
        worker.line.read_exact(&mut preamble).unwrap();
        assert_eq!(preamble, *b"daglite-worker\0\x01");
        let version = env!("CARGO_PKG_VERSION");
        let welcome = [&[0][..], &text(version), &text("me")].concat();
        assert_eq!(worker.head(), welcome);
        worker
    }

    fn send(&mut self, head: &[u8]) {
        self.line.write_all(&(head.len() as u32).to_le_bytes()).unwrap();
        self.line.write_all(head).unwrap();
    }

    fn head(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.line.read_exact(&mut length).unwrap();
        let mut head = vec![0; u32::from_le_bytes(length) as usize];
        self.line.read_exact(&mut head).unwrap();
        head
    }

    /// How the worker ends by itself.
    fn end(mut self) -> Option<i32> {
        drop(self.line);
        self.child.wait().unwrap().code()
    }
}

fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 128, "one byte has the length");
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn hello(token: &str) -> Vec<u8> {
    [&[0][..], &text(env!("CARGO_PKG_VERSION")), &text(token)].concat()
}

/// A job without key and limit.
fn job(name: &str, fingerprint: Digest, arguments: &[&[u8]]) -> Vec<u8> {
    let start = [&[1][..], &text(name), fingerprint.as_bytes(), &[0, 1, 0]].concat();
    let arguments = [&[arguments.len() as u8][..], &arguments.concat()].concat();
    [start, arguments].concat()
}

fn name() -> &'static str {
    tasks().find(|task| task.name().ends_with("::double")).unwrap().name()
}

fn fingerprint() -> Digest {
    tasks().find(|task| task.name() == name()).unwrap().fingerprint()
}

/// The head of an argument in postcard, of one byte.
fn argument() -> Vec<u8> {
    let formats = daglite::ValueFormats::serde::<u32>();
    let encoded = formats.encode(Registry::global(), &4_u32, Some("postcard")).unwrap();
    assert_eq!(encoded.bytes, [4]);
    [&text("postcard")[..], &text(&encoded.extension), encoded.shape.as_bytes(), &[1]].concat()
}

#[test]
fn a_job_that_was_made_by_hand_is_run() {
    in_time(|| {
        let mut worker = Raw::greeted();
        worker.send(&job(name(), fingerprint(), &[&argument()]));
        worker.line.write_all(&[4]).unwrap();
        assert_eq!(worker.head(), [1], "it has begun");
        assert_eq!(worker.head()[0], 2, "it is done");
        let mut result = [0];
        worker.line.read_exact(&mut result).unwrap();
        assert_eq!(result, [8]);
        assert_eq!(worker.end(), Some(0));
    });
}

#[test]
fn a_task_of_another_fingerprint_is_refused_and_not_run() {
    in_time(|| {
        let mut worker = Raw::greeted();
        let other = Digest::of_bytes(b"another program");
        worker.send(&job(name(), other, &[&argument()]));
        worker.line.write_all(&[4]).unwrap();
        assert_eq!(worker.head(), [1]);
        let refused = worker.head();
        let text = String::from_utf8_lossy(&refused);
        assert_eq!(refused[0], 5);
        assert!(text.contains("has another fingerprint here than"), "{text}");
        assert!(text.contains("use the same program on both sides"), "{text}");
        assert_eq!(worker.end(), Some(0));
    });
}

#[test]
fn a_task_that_is_not_there_is_refused() {
    in_time(|| {
        let mut worker = Raw::greeted();
        worker.send(&job("no::such::task", fingerprint(), &[]));
        assert_eq!(worker.head(), [1]);
        let refused = worker.head();
        assert!(
            String::from_utf8_lossy(&refused).contains("this program has no task `no::such::task`")
        );
    });
}

#[test]
fn arguments_of_another_type_are_refused() {
    in_time(|| {
        let formats = daglite::ValueFormats::serde::<String>();
        let wrong = formats.encode(Registry::global(), &"x".to_owned(), Some("postcard")).unwrap();
        let head = [&text("postcard")[..], &text(""), wrong.shape.as_bytes(), &[2]].concat();
        let mut worker = Raw::greeted();
        worker.send(&job(name(), fingerprint(), &[&head]));
        worker.line.write_all(&wrong.bytes).unwrap();
        assert_eq!(worker.head(), [1]);
        let refused = worker.head();
        let text = String::from_utf8_lossy(&refused);
        assert!(refused[0] == 5 && text.contains("argument `n`"), "{text}");
    });
}

#[test]
fn whoever_speaks_otherwise_is_refused() {
    in_time(|| {
        let mut worker = Raw::start();
        worker.line.write_all(b"daglite-worker\0\x02").unwrap();
        assert_eq!(worker.child.wait().unwrap().code(), Some(1));
        let mut worker = Raw::start();
        worker.line.write_all(b"daglite-worker\0\x01").unwrap();
        worker.send(&hello("somebody else"));
        assert_eq!(worker.child.wait().unwrap().code(), Some(1));
    });
}

#[test]
fn lengths_that_are_absurd_end_a_worker_and_take_no_memory() {
    in_time(|| {
        let mut worker = Raw::greeted();
        worker.line.write_all(&u32::MAX.to_le_bytes()).unwrap();
        assert_eq!(worker.child.wait().unwrap().code(), Some(1));
        let mut absurd = argument();
        absurd.pop();
        absurd.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        let mut worker = Raw::greeted();
        worker.send(&job(name(), fingerprint(), &[&absurd]));
        assert_eq!(worker.child.wait().unwrap().code(), Some(1));
    });
}

#[test]
fn a_worker_without_a_parent_ends_by_itself() {
    in_time(|| {
        assert_eq!(Raw::start().end(), Some(0));
        assert_eq!(Raw::greeted().end(), Some(0));
    });
}
