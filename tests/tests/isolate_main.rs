//! A program with a `main` of its own is its own worker; and workers go when it is killed.
//!
//! There is no harness here: `main` is what is tested.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use daglite::prelude::*;
use daglite_tests::in_time;

#[task(isolate)]
fn process() -> u32 {
    std::process::id()
}

/// Tells its process where somebody listens, and stays until it is killed.
#[task(isolate)]
fn hangs(port: u16) -> u8 {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(&std::process::id().to_le_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

fn main() {
    let before = std::env::args().count();
    daglite::worker_main();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    assert_eq!(arguments.len() + 1, before);
    let session = Session::builder().without_cache().build().unwrap();
    if let Some(port) = arguments.iter().find_map(|it| it.strip_prefix("hang=")) {
        hangs(port.parse::<u16>().unwrap()).run_in(&session).unwrap();
        return;
    }
    if arguments.iter().any(|it| it == "--list") {
        return;
    }
    the_default_executor_is_this_program(&session);
    in_time(workers_go_when_their_parent_is_killed);
    println!("two promises of isolated tasks in a program with a `main` hold");
}

fn the_default_executor_is_this_program(session: &Session) {
    let worker = process().run_in(session).unwrap();
    assert_ne!(worker, std::process::id());
    assert_eq!(process().run_in(session).unwrap(), worker);
}

fn workers_go_when_their_parent_is_killed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .arg(format!("hang={port}"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (mut line, _) = listener.accept().unwrap();
    let mut process = [0; 4];
    line.read_exact(&mut process).unwrap();
    assert_ne!(u32::from_le_bytes(process), parent.id());
    parent.kill().unwrap();
    parent.wait().unwrap();
    // The line ends when the last process that has it is gone: the worker.
    let mut rest = Vec::new();
    let _ = line.read_to_end(&mut rest);
    assert!(rest.is_empty());
}
