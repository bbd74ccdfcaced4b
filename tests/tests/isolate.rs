//! Isolated tasks: whatever a body does to its process is an error of that task, and the run goes on.
//!
//! The workers are this very test program, with the test `worker` alone: it has no `main` of its own.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite::executor::{ProcessExecutor, ProcessExecutorBuilder, RemoteError};
use daglite::prelude::*;
use daglite::{Error, ErrorKind, Event, SessionBuilder};
use daglite_tests::{Log, in_time, logged_with, wait_until};
use tempfile::tempdir;

#[test]
fn worker() {
    daglite::worker_main();
}

/// Workers of this program that know nothing of any cache here.
fn workers() -> ProcessExecutorBuilder {
    let program = std::env::current_exe().unwrap();
    ProcessExecutor::builder()
        .program(program)
        .argument("worker")
        .argument("--exact")
        .argument("--nocapture")
        .env("DAGLITE_CACHE", "off")
        .start_timeout(Duration::from_secs(60))
}

fn session_with(workers: ProcessExecutorBuilder) -> SessionBuilder {
    Session::builder().executor(workers.build().unwrap())
}

/// A session with a cache and two workers.
fn logged() -> (Session, Log) {
    logged_with(session_with(workers().workers(2)).cache(MemoryStore::new()))
}

fn session() -> Session {
    session_with(workers().workers(2)).without_cache().build().unwrap()
}

#[task(isolate)]
fn process() -> u32 {
    std::process::id()
}

#[task(isolate)]
fn add(a: &u64, b: u64) -> u64 {
    a + b
}

#[test]
fn a_body_runs_in_another_process_and_its_result_comes_back() {
    let session = session();
    assert_ne!(process().run_in(&session).unwrap(), std::process::id());
    assert_eq!(add(add(1u64, 2u64), 3u64).run_in(&session).unwrap(), 6);
}

#[test]
fn a_worker_is_kept_for_the_next_job() {
    let session = session_with(workers().workers(1)).without_cache().build().unwrap();
    let first = process().run_in(&session).unwrap();
    assert_eq!(process().run_in(&session).unwrap(), first);
    let all = join_all((0..200).map(|_| process())).run_in(&session).unwrap();
    assert_eq!(all, [first; 200]);
}

#[test]
fn a_worker_is_replaced_after_so_many_jobs() {
    let session =
        session_with(workers().workers(1).jobs_per_worker(2)).without_cache().build().unwrap();
    let all: Vec<u32> = (0..4).map(|_| process().run_in(&session).unwrap()).collect();
    assert!(all[0] == all[1] && all[2] == all[3] && all[0] != all[2], "{all:?}");
}

#[task(isolate)]
fn leaks(megabytes: usize) -> u32 {
    std::mem::forget(vec![1u8; megabytes << 20]);
    std::process::id()
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_has_leaked_is_replaced() {
    let workers = workers().workers(1).resident_limit("100 MiB");
    let session = session_with(workers).without_cache().build().unwrap();
    let first = leaks(1).run_in(&session).unwrap();
    assert_eq!(leaks(200).run_in(&session).unwrap(), first);
    assert_ne!(leaks(1).run_in(&session).unwrap(), first);
}

#[task(isolate)]
fn aborts(after: &str) -> u64 {
    eprintln!("last words: {after}");
    std::process::abort()
}

fn failure<T: Clone + Send + Sync + 'static>(future: TaskFuture<T>, session: &Session) -> Error {
    let future = future.clone();
    match future.run_shared_in(session) {
        Ok(_) => panic!("it is to fail"),
        Err(error) => error,
    }
}

#[test]
fn a_body_that_aborts_is_an_error_that_tells_how_and_its_last_words() {
    let session = session();
    let error = failure(aborts("so long"), &session);
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.task().unwrap().ends_with("::aborts"), "{error}");
    let text = error.to_string();
    assert!(text.contains("was killed by signal 6 (SIGABRT)"), "{text}");
    assert!(text.contains("it last wrote: last words: so long"), "{text}");
    assert_eq!(add(1u64, 2u64).run_in(&session).unwrap(), 3, "the session goes on");
}

#[test]
fn the_rest_of_a_run_goes_on_beside_a_crash() {
    let session =
        session_with(workers().workers(2)).without_cache().keep_going(true).build().unwrap();
    let sums = join_all((0..20u64).map(|n| add(n, 1u64)));
    let error = failure(join((sums.clone(), aborts("x"))), &session);
    assert_eq!(error.failures().len(), 1);
    assert_eq!(sums.run_in(&session).unwrap(), (1..=20).collect::<Vec<_>>());
}

#[task(isolate)]
fn exits(code: i32) -> u8 {
    std::process::exit(code)
}

#[test]
fn a_body_that_exits_is_an_error_that_tells_the_code() {
    let text = failure(exits(3), &session()).to_string();
    assert!(
        text.contains("crashed: its process ") && text.contains(" exited with code 3"),
        "{text}"
    );
}

#[task(isolate, retries = 2, retry_delay = "1ms")]
fn aborts_once(seen: &Path) -> u8 {
    if !seen.exists() {
        std::fs::write(seen, "").unwrap();
        std::process::abort();
    }
    7
}

#[test]
fn a_crash_is_tried_again() {
    let folder = tempdir().unwrap();
    let (session, log) = logged();
    assert_eq!(aborts_once(folder.path().join("seen")).run_in(&session).unwrap(), 7);
    assert_eq!(log.count("retried aborts_once: attempt 1"), 1);
}

#[task(isolate, isolate_memory = "256MB")]
fn takes(megabytes: usize) -> usize {
    vec![1u8; megabytes << 20].len()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_limited_while_a_body_runs() {
    let session = session_with(workers().workers(1)).without_cache().build().unwrap();
    assert_eq!(takes(64).run_in(&session).unwrap(), 64 << 20);
    let error = failure(takes(512), &session);
    assert_eq!(error.kind(), ErrorKind::Crashed);
    let text = error.to_string();
    assert!(
        text.contains(", which has a memory limit of 256 MB, was killed by signal 6"),
        "{text}"
    );
    assert!(text.contains("memory allocation of 536870912 bytes failed"), "{text}");
    // The limit is that of the job, and not of the worker.
    assert!(leaks(512).run_in(&session).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn a_backtrace_does_not_hide_what_was_said_before_it() {
    for backtrace in ["0", "1", "full"] {
        let workers = workers().workers(1).env("RUST_BACKTRACE", backtrace);
        let session = session_with(workers).without_cache().build().unwrap();
        let text = failure(takes(512), &session).to_string();
        assert!(text.contains("which has a memory limit of 256 MB"), "{text}");
        assert!(text.contains("memory allocation of 536870912 bytes failed"), "{text}");
        assert!(!text.contains("stack backtrace"), "{text}");
    }
}

#[task(isolate)]
fn takes_what_it_may(megabytes: usize) -> usize {
    vec![1u8; megabytes << 20].len()
}

#[cfg(target_os = "linux")]
#[test]
fn an_executor_limits_the_memory_of_tasks_that_say_nothing() {
    let session = session_with(workers().memory_limit("256MB")).without_cache().build().unwrap();
    assert!(takes_what_it_may(64).run_in(&session).is_ok());
    assert_eq!(failure(takes_what_it_may(512), &session).kind(), ErrorKind::Crashed);
}

/// Tells its process where the test listens, and stays until it is killed.
#[task(isolate, timeout = "400ms")]
fn hangs(port: u16) -> u8 {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(&std::process::id().to_le_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The process that is at the other end of the next line, and the line.
fn caller(listener: &TcpListener) -> (u32, TcpStream) {
    let (mut line, _) = listener.accept().unwrap();
    let mut process = [0; 4];
    line.read_exact(&mut process).unwrap();
    (u32::from_le_bytes(process), line)
}

/// Waits until the process at the other end is gone.
fn wait_for_the_end(mut line: TcpStream) {
    let mut rest = Vec::new();
    // Its end may come as a reset.
    let _ = line.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn a_body_that_takes_too_long_is_ended_for_good() {
    in_time(|| {
        let (listener, port) = listener();
        let (session, log) = logged();
        let error = failure(hangs(port), &session);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text = error.to_string();
        assert!(
            text.contains("timed out after 400ms, and its body was ended, with the process"),
            "{text}"
        );
        assert_eq!(log.count("timed out hangs: attempt 1, dropped"), 1);
        wait_for_the_end(caller(&listener).1);
        assert_eq!(add(1u64, 1u64).run_in(&session).unwrap(), 2);
    });
}

/// The same without a limit.
#[task(isolate)]
fn hangs_for_ever(port: u16) -> u8 {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(&std::process::id().to_le_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

fn kill(process: u32) {
    let status = Command::new("kill").arg("-9").arg(process.to_string()).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_body_that_somebody_kills_is_an_error_that_says_so() {
    in_time(|| {
        let (listener, port) = listener();
        let run = std::thread::spawn(move || failure(hangs_for_ever(port), &session()));
        let (process, line) = caller(&listener);
        kill(process);
        wait_for_the_end(line);
        let error = run.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Crashed);
        let text = error.to_string();
        assert!(text.contains(&format!("its process {process} was killed by signal 9")), "{text}");
    });
}

#[test]
fn a_worker_that_dies_between_two_jobs_is_replaced_and_nobody_notices() {
    let (session, log) = logged_with(session_with(workers().workers(1)).without_cache());
    let first = process().run_in(&session).unwrap();
    kill(first);
    assert_ne!(process().run_in(&session).unwrap(), first);
    assert_eq!(log.count("retried"), 0);
}

#[test]
fn a_run_that_is_dropped_ends_its_bodies() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    in_time(move || {
        let (listener, port) = listener();
        let session = session();
        runtime.block_on(async {
            let mut run = Box::pin(hangs_for_ever(port).await_in(&session));
            let accepted = tokio::task::spawn_blocking(move || caller(&listener));
            let line = tokio::select! {
                _ = &mut run => panic!("it hangs for ever"),
                accepted = accepted => accepted.unwrap().1,
            };
            drop(run);
            tokio::task::spawn_blocking(move || wait_for_the_end(line)).await.unwrap();
        });
        assert_eq!(add(1u64, 1u64).run_in(&session).unwrap(), 2);
    });
}

#[test]
fn workers_go_with_their_session() {
    in_time(|| {
        let (listener, port) = listener();
        let session = session();
        assert!(connects(port).run_in(&session).is_ok());
        let (_, line) = caller(&listener);
        drop(session);
        wait_for_the_end(line);
    });
}

/// Leaves a line open that ends with the process.
#[task(isolate)]
fn connects(port: u16) -> u32 {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(&std::process::id().to_le_bytes()).unwrap();
    std::mem::forget(line);
    std::process::id()
}

/// Ends when the other side says so.
#[task(isolate)]
fn waits_for_word(port: u16) -> u32 {
    waits(port)
}

fn waits(port: u16) -> u32 {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(&std::process::id().to_le_bytes()).unwrap();
    line.read_exact(&mut [0]).unwrap();
    std::process::id()
}

#[test]
fn bodies_run_at_the_same_time_in_as_many_workers_as_there_may_be() {
    in_time(|| {
        let (listener, port) = listener();
        let session = session_with(workers().workers(3)).without_cache().build().unwrap();
        let run = std::thread::spawn(move || {
            join_all((0..3).map(|_| waits_for_word(port))).run_in(&session).unwrap()
        });
        let callers: Vec<(u32, TcpStream)> = (0..3).map(|_| caller(&listener)).collect();
        let mut processes: Vec<u32> = callers.iter().map(|(process, _)| *process).collect();
        for (_, mut line) in callers {
            line.write_all(&[1]).unwrap();
        }
        let mut answers = run.join().unwrap();
        processes.sort_unstable();
        answers.sort_unstable();
        assert_eq!(answers, processes);
        processes.dedup();
        assert_eq!(processes.len(), 3);
    });
}

/// The names of the tasks whose bodies have begun.
fn begun_tasks(builder: SessionBuilder) -> (Session, Arc<Mutex<Vec<&'static str>>>) {
    let started = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&started);
    let watch = move |event: &Event| {
        if let Event::Started { task } = event {
            seen.lock().unwrap().push(task.rsplit("::").next().unwrap());
        }
    };
    (builder.without_cache().observe(watch).build().unwrap(), started)
}

/// The same in alphabetical order: that a body has begun may be told after its first words have come.
fn sorted(begun: &Mutex<Vec<&'static str>>) -> Vec<&'static str> {
    let mut begun = begun.lock().unwrap().clone();
    begun.sort_unstable();
    begun
}

/// Sees to it that of `calls`, each of which connects to a port and waits for word, the first is at work alone, and that the `others`
/// have their turns when it has ended.
fn first_is_alone(
    builder: fn() -> SessionBuilder,
    name: &'static str,
    calls: fn(u16) -> TaskFuture<Vec<u32>>,
    others: usize,
) {
    in_time(move || {
        let (listener, port) = listener();
        let (session, started) = begun_tasks(builder());
        let running = session.clone();
        let run = std::thread::spawn(move || calls(port).run_in(&running).unwrap());
        let (_, mut first) = caller(&listener);
        assert_eq!(half(2u64).run_in(&session).unwrap(), 1);
        wait_until(|| started.lock().unwrap().len() >= 2);
        assert_eq!(sorted(&started), ["half", name]);
        first.write_all(&[1]).unwrap();
        let lines: Vec<TcpStream> = (0..others).map(|_| caller(&listener).1).collect();
        lines.into_iter().for_each(|mut line| line.write_all(&[1]).unwrap());
        run.join().unwrap();
        wait_until(|| started.lock().unwrap().len() == 2 + others);
    });
}

#[test]
fn a_body_that_waits_for_a_worker_has_not_started() {
    let calls = |port| join_all((0..2).map(|_| waits_for_word(port)));
    first_is_alone(|| session_with(workers().workers(1)), "waits_for_word", calls, 1);
}

#[task(isolate, weight = 2)]
fn heavy_waits_for_word(port: u16) -> u32 {
    waits(port)
}

#[test]
fn a_heavy_body_counts_for_several_workers() {
    // The second is too heavy to go beside the first, and the third does not pass it.
    let calls = |port| {
        let heavy = (0..2).map(|_| heavy_waits_for_word(port));
        join_all(heavy.chain([waits_for_word(port)]))
    };
    first_is_alone(|| session_with(workers().workers(3)), "heavy_waits_for_word", calls, 2);
}

#[test]
fn a_body_that_is_heavier_than_all_workers_runs_alone() {
    in_time(|| {
        let (listener, port) = listener();
        let session = session_with(workers().workers(1)).without_cache().build().unwrap();
        let run = std::thread::spawn(move || heavy_waits_for_word(port).run_in(&session).unwrap());
        let (process, mut line) = caller(&listener);
        line.write_all(&[1]).unwrap();
        assert_eq!(run.join().unwrap(), process);
    });
}

#[task(isolate, limits = ["licence"])]
fn licensed_waits_for_word(port: u16) -> u32 {
    waits(port)
}

#[test]
fn an_isolated_body_takes_its_place_of_a_limit() {
    let builder = || session_with(workers().workers(2)).limit("licence", 1);
    let calls = |port| join_all((0..2).map(|_| licensed_waits_for_word(port)));
    first_is_alone(builder, "licensed_waits_for_word", calls, 1);
}

/// An error with a cause.
#[derive(Debug)]
struct NoWeather(std::num::ParseIntError);

impl fmt::Display for NoWeather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no weather")
    }
}

impl std::error::Error for NoWeather {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[task(isolate)]
fn weather(text: &str) -> Result<u32, NoWeather> {
    text.parse::<u32>().map_err(NoWeather)
}

#[test]
fn an_error_comes_back_as_text_with_its_causes() {
    let session = session();
    assert_eq!(weather("21").run_in(&session).unwrap(), 21);
    let error = failure(weather("hot"), &session);
    assert_eq!(error.kind(), ErrorKind::Task);
    assert!(error.to_string().ends_with("failed: no weather"), "{error}");
    let remote = error.downcast_ref::<RemoteError>().unwrap();
    let texts: Vec<&str> = remote.texts().collect();
    assert_eq!(texts, ["no weather", "invalid digit found in string"]);
    assert!(error.downcast_ref::<NoWeather>().is_none());
}

fn passes(error: &NoWeather) -> bool {
    error.0.to_string() == "passes"
}

#[task(isolate, retries = 3, retry_delay = "1ms", retry_if = passes)]
fn judged(text: &str) -> Result<u32, NoWeather> {
    text.parse::<u32>().map_err(NoWeather)
}

#[test]
fn retry_if_is_asked_where_the_error_has_its_type() {
    assert_eq!(failure(judged("hot"), &session()).attempts(), 1);
}

#[task(isolate)]
fn panics(message: &str) -> u8 {
    panic!("{message}")
}

#[test]
fn a_panic_is_a_panic() {
    let session = session_with(workers().workers(1)).without_cache().build().unwrap();
    let worker = process().run_in(&session).unwrap();
    let error = failure(panics("at the disco"), &session);
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().ends_with("panicked: at the disco"), "{error}");
    assert_eq!(process().run_in(&session).unwrap(), worker, "the worker is none the worse for it");
}

#[task(isolate)]
fn talks() -> String {
    println!("to standard output");
    eprintln!("to standard error");
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_a_body_prints_and_reads_does_not_touch_the_line() {
    let session = session_with(workers().workers(1)).without_cache().build().unwrap();
    assert_eq!(talks().run_in(&session).unwrap(), "");
    assert_eq!(talks().run_in(&session).unwrap(), "");
}

#[task(isolate)]
fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

#[test]
fn a_large_value_goes_there_and_back() {
    let bytes: Vec<u8> = (0..64 << 20).map(|n: u32| (n % 251) as u8).collect();
    let mut back = reversed(bytes.clone()).run_in(&session()).unwrap();
    back.reverse();
    assert!(back == bytes);
}

#[task(isolate)]
async fn answers_later(millis: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    millis
}

#[test]
fn an_async_body_has_a_runtime_in_its_worker() {
    assert_eq!(answers_later(1).run_in(&session()).unwrap(), 1);
}

#[tokio::test]
async fn a_run_that_is_awaited_can_have_isolated_tasks() {
    let session = session();
    let sum = add(answers_later(1), 2u64);
    assert_eq!(sum.await_in(&session).await.unwrap(), 3);
}

#[task(isolate, cache)]
fn square(n: u64) -> u64 {
    n * n
}

#[task(cache)]
fn half(n: u64) -> u64 {
    n / 2
}

#[test]
fn results_are_cached_here() {
    let (session, log) = logged();
    assert_eq!(half(square(6u64)).run_in(&session).unwrap(), 18);
    assert_eq!(half(square(6u64)).run_in(&session).unwrap(), 18);
    assert_eq!((log.count("computed square"), log.count("stored square")), (1, 1));
}

#[test]
fn an_isolated_result_is_the_same_entry_as_one_that_was_computed_here() {
    let folder = tempdir().unwrap();
    let store = || FileStore::builder(folder.path()).open().unwrap();
    let (here, _) = logged_with(Session::builder().cache(store()).isolation(false));
    let (there, log) = logged_with(session_with(workers()).cache(store()));
    assert_eq!(square(3u64).run_in(&here).unwrap(), 9);
    assert_eq!(square(3u64).run_in(&there).unwrap(), 9);
    assert_eq!(log.count("hit square"), 1);
}

#[task(isolate)]
fn nested(n: u64) -> Result<Vec<u64>, Error> {
    let inner = process().run()?;
    let sum = join_all((0..n).map(|n| add(n, 1u64))).run()?.into_iter().sum();
    Ok(vec![std::process::id().into(), inner.into(), sum])
}

#[test]
fn what_an_isolated_body_calls_runs_in_its_worker() {
    let answer = nested(4).run_in(&session()).unwrap();
    let [outer, inner, sum] = answer[..] else { panic!("it answers three numbers") };
    assert_eq!((outer, sum), (inner, 10));
    assert_ne!(outer, u64::from(std::process::id()));
}

/// Saves how far it has come, and is killed the first time.
#[task(isolate, cache, retries = 1, retry_delay = "1ms")]
fn goes_on(seen: &Path) -> Result<u32, Error> {
    let step = resume_here::<u32>("state")?.unwrap_or(0);
    if !seen.exists() {
        checkpoint_here("state", &(step + 5))?;
        std::fs::write(seen, "").unwrap();
        std::process::abort();
    }
    Ok(step)
}

#[test]
fn a_body_that_is_tried_again_goes_on_from_what_it_has_saved() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let checkpoints = FileCheckpoints::open(at("checkpoints")).unwrap();
    let workers =
        workers().env("DAGLITE_CHECKPOINTS", at("checkpoints")).env("DAGLITE_CACHE", at("cache"));
    let session = session_with(workers)
        .cache(MemoryStore::new())
        .checkpoints(checkpoints.clone())
        .build()
        .unwrap();
    assert_eq!(goes_on(at("seen")).run_in(&session).unwrap(), 5);
    assert!(!has_files(&at("checkpoints")), "what was saved on the way goes with the result");
}

/// Whether there is a file in a folder or in one of those in it.
fn has_files(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        path.extension().is_some_and(|extension| extension == "json") || has_files(&path)
    })
}

#[test]
fn without_isolation_bodies_run_here() {
    let session = Session::builder().without_cache().isolation(false).build().unwrap();
    assert_eq!(process().run_in(&session).unwrap(), std::process::id());
    assert_eq!(weather("21").run_in(&session).unwrap(), 21);
}

#[test]
fn a_program_that_is_no_worker_is_an_error_that_says_what_to_write() {
    for (program, argument) in [("/bin/sh", "-c"), ("/bin/true", ""), ("/does/not/exist", "")] {
        let workers = ProcessExecutor::builder().program(program).argument(argument);
        let session = session_with(workers).without_cache().build().unwrap();
        let error = failure(add(1u64, 2u64), &session);
        assert_eq!(error.kind(), ErrorKind::Executor);
        let text = error.to_string();
        let what = if program.starts_with("/bin") {
            "write `daglite::worker_main();` as the first line of its `main`"
        } else {
            "cannot be started as a worker"
        };
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn a_program_that_does_not_answer_is_given_up() {
    in_time(|| {
        let workers = ProcessExecutor::builder()
            .program("/bin/sh")
            .argument("-c")
            .argument("exec sleep 600")
            .start_timeout(Duration::from_millis(300));
        let session = session_with(workers).without_cache().build().unwrap();
        let text = failure(add(1u64, 2u64), &session).to_string();
        assert!(text.contains("it has not answered within 300ms"), "{text}");
    });
}
