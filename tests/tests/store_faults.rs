//! Every call into the file system fails once, from then on always, or half: the answer is right, and so is the next one.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use daglite_tests::folders::{copy, tree};
use daglite_tests::pipeline::{self, Outcome};
use daglite_tests::processes::{Ended, Worker};
use daglite_tests::random::{Random, rounds, seed};
use daglite_tests::stores::open;

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");
/// The errors, with their numbers on Linux.
const ERRORS: [(&str, u32); 3] = [("ENOSPC", 28), ("EACCES", 13), ("EIO", 5)];
/// What a run with a fault may take: a lock that is never given must not be waited for much longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Builds the library that lets calls fail in `folder`; answers its path.
fn build_shim(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/shim.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(compiler.status().expect("there is a C compiler").success());
    library
}

/// After so many failures no more faults are tried.
const ENOUGH: usize = 8;

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: calls are counted.
    None,
    /// It fails.
    Once,
    /// It fails, and so do all later calls of its class.
    All,
    /// It is a read or write, and moves half of the bytes.
    Short,
}

/// One fault: which, and in which of all calls.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Kind,
    at: u64,
    error: (&'static str, u32),
    /// Whether the store has all results already.
    is_warm: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_warm { "a warm store" } else { "an empty store" };
        write!(f, "{:?} at call {} with {}, on {state}", self.kind, self.at, self.error.0)
    }
}

impl Fault {
    fn none(is_warm: bool) -> Self {
        Self { kind: Kind::None, at: 0, error: ERRORS[0], is_warm }
    }
}

/// What the library has counted, by the name of the count, and which call it let fail.
#[derive(Debug, Default)]
struct Report {
    counts: BTreeMap<String, u64>,
    failed: Option<String>,
}

impl Report {
    fn read(path: &Path) -> Self {
        let mut report = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            match name {
                "failed" => report.failed = Some(rest.to_owned()),
                _ => _ = report.counts.insert(name.to_owned(), rest.parse().unwrap()),
            }
        }
        report
    }

    fn count(&self, name: &str) -> u64 {
        self.counts[name]
    }
}

/// Runs the graph on the store in `root` in a process with `fault`, brought about by the library `shim`.
fn run_with(shim: &Path, fault: &Fault, root: &Path) -> (Result<Ended, String>, Report) {
    let counts = root.with_extension("counts");
    let mut command = Command::new(WORKER);
    command
        .args(["run".as_ref(), root.as_os_str()])
        .env("LD_PRELOAD", shim)
        .env("FAULT_ROOT", root)
        .env("FAULT_KIND", format!("{:?}", fault.kind).to_lowercase())
        .env("FAULT_AT", fault.at.to_string())
        .env("FAULT_ERRNO", fault.error.1.to_string())
        .env("FAULT_REPORT", &counts);
    // A worker that hangs is a panic.
    let run = || Worker::start_command(&mut command).finish_within(PATIENCE);
    let ended = catch_unwind(AssertUnwindSafe(run)).map_err(|_| "it hangs".to_owned());
    (ended, Report::read(&counts))
}

/// What is wrong with the end of a worker that had a fault; nothing if all is well.
fn flaw(ended: &Result<Ended, String>) -> Option<String> {
    let ended = match ended {
        Ok(ended) => ended,
        Err(what) => return Some(what.clone()),
    };
    let answer = format!("answer {} ", pipeline::answer());
    if !ended.status.success() {
        return Some(format!("the process ended with {}: {}", ended.status, ended.errors));
    }
    if ended.errors.contains("panicked") {
        return Some(format!("something panicked: {}", ended.errors));
    }
    match ended.lines.as_slice() {
        [line] if line.starts_with(&answer) => None,
        lines => Some(format!("it answers {lines:?}, not `{answer}`")),
    }
}

/// What goes wrong in a run with `fault`, or in the two healthy runs after it. Whether the fault was met.
fn attack(shim: &Path, fault: &Fault, warm: &Path) -> Result<Option<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    if fault.is_warm {
        copy(warm, &root);
    }
    let (ended, report) = run_with(shim, fault, &root);
    if let Some(flaw) = flaw(&ended) {
        return Err(format!("{flaw} ({:?})", report.failed));
    }
    let after = pipeline::run(open(&root), 1);
    if after.answer != Ok(pipeline::answer()) || !after.complaints.is_empty() {
        return Err(format!("the next run gives {after:?} ({:?})", report.failed));
    }
    let last = pipeline::run(open(&root), 1);
    if last != Outcome::all_hits() {
        return Err(format!("the store has not healed: {last:?} ({:?})", report.failed));
    }
    Ok(report.failed)
}

/// Every fault in random order, at least one of each kind at every call first. `DAGLITE_TEST_ROUNDS=2000` takes them all.
fn faults(calls: [(bool, &Report); 2], random: &mut Random) -> Vec<Fault> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (is_warm, report) in calls {
        for (kind, name) in [(Kind::Once, "total"), (Kind::All, "total"), (Kind::Short, "bytes")] {
            for at in 1..=report.count(name) {
                let chosen = (at as usize + kind as usize) % ERRORS.len();
                for (number, error) in ERRORS.into_iter().enumerate() {
                    let list = if number == chosen { &mut first } else { &mut others };
                    if kind != Kind::Short || number == chosen {
                        list.push(Fault { kind, at, error, is_warm });
                    }
                }
            }
        }
    }
    random.shuffle(&mut first);
    random.shuffle(&mut others);
    first.append(&mut others);
    first
}

#[test]
fn whatever_call_fails_the_answer_is_right_and_the_store_heals() {
    let seed = seed();
    let folder = tempfile::tempdir().unwrap();
    let (shim, warm) = (build_shim(folder.path()), folder.path().join("warm"));
    let [cold_calls, warm_calls] = [false, true].map(|is_warm| {
        let (ended, report) = run_with(&shim, &Fault::none(is_warm), &warm);
        assert_eq!(flaw(&ended), None);
        println!("without faults, warm: {is_warm}: {:?}", report.counts);
        report
    });
    assert!(cold_calls.count("write") > 0 && cold_calls.count("open") > 0, "{cold_calls:?}");
    assert!(warm_calls.count("read") > 0 && warm_calls.count("open") > 0, "{warm_calls:?}");
    let has_index = tree(&warm).0.iter().any(|path| path.to_string_lossy().contains("sqlite"));
    assert_eq!(cold_calls.count("sqlite") > 0, has_index, "the writes of SQLite are seen");
    assert!(cold_calls.count("other") > 0, "the writes of the standard library are seen");

    let calls = [(false, &cold_calls), (true, &warm_calls)];
    let mut faults = faults(calls, &mut Random::new(seed));
    faults.truncate(rounds(250) as usize);
    let (next, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    thread::scope(|scope| {
        // Many: a store that is refused a lock waits for it, and the processor does not.
        for _ in 0..8 {
            scope.spawn(|| {
                while failures.lock().unwrap().len() < ENOUGH {
                    let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) else {
                        break;
                    };
                    let start = Instant::now();
                    match attack(&shim, fault, &warm) {
                        Ok(failed) => _ = met.fetch_add(failed.is_some().into(), Ordering::SeqCst),
                        Err(what) => failures.lock().unwrap().push(format!("{fault}: {what}")),
                    }
                    let mut slowest = slowest.lock().unwrap();
                    if start.elapsed() > slowest.0 {
                        *slowest = (start.elapsed(), fault.to_string());
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} faults, the slowest: {:?}", faults.len(), slowest.into_inner().unwrap());
    assert!(
        failures.is_empty(),
        "DAGLITE_TEST_SEED={seed}: {} of {} faults do harm (no more are tried then)\n{}",
        failures.len(),
        faults.len(),
        failures.join("\n")
    );
    let met = met.into_inner();
    // How many batches a run writes depends on how long it takes: some have fewer calls than the one that was counted.
    assert!(met * 4 > faults.len() * 3, "only {met} of {} faults were met", faults.len());
}
