//! Calls into the file system that fail: the library that brings them about in a process, what it reports, and many faults
//! tried at once. On Linux.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::processes::{Ended, Worker};

/// The errors, with their numbers on Linux.
pub const ERRORS: [(&str, u32); 3] = [("ENOSPC", 28), ("EACCES", 13), ("EIO", 5)];

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: calls are counted.
    None,
    /// It fails.
    Once,
    /// It fails, and so do all later calls of its class.
    All,
    /// It is a read or write, and moves half of the bytes.
    Short,
    /// The process is killed in its place.
    Kill,
}

/// One fault: which, in which of all calls, and with which error.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// The number of the call, from 1.
    pub at: u64,
    /// The error, by its name and its number.
    pub error: (&'static str, u32),
}

impl Fault {
    /// None: calls are counted.
    pub const NONE: Self = Self { kind: Kind::None, at: 0, error: ERRORS[0] };
}

/// What the library has counted, by the name of the count, and which call it let fail.
#[derive(Debug, Default)]
pub struct Report {
    /// The counts.
    pub counts: BTreeMap<String, u64>,
    /// The call that failed.
    pub failed: Option<String>,
}

impl Report {
    /// The report in a file; nothing if there is none.
    fn read(path: &Path) -> Self {
        let mut report = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let (name, rest) = line.split_once(' ').expect("a name and a count");
            match name {
                "failed" => report.failed = Some(rest.to_owned()),
                _ => _ = report.counts.insert(name.to_owned(), rest.parse().expect("a count")),
            }
        }
        report
    }

    /// One of the counts.
    pub fn count(&self, name: &str) -> u64 {
        self.counts[name]
    }
}

/// The library that lets calls fail.
#[derive(Debug)]
pub struct Shim(PathBuf);

impl Shim {
    /// Builds it in `folder`.
    pub fn build(folder: &Path) -> Self {
        let library = folder.join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
        assert!(compiler.status().expect("there is a C compiler").success());
        Self(library)
    }

    /// Runs `command` with `fault` in the folder `root`; an error if it takes longer than `patience`.
    pub fn run(
        &self,
        command: &mut Command,
        fault: &Fault,
        root: &Path,
        patience: Duration,
    ) -> (Result<Ended, String>, Report) {
        let counts = root.with_extension("counts");
        command
            .env("LD_PRELOAD", &self.0)
            .env("FAULT_ROOT", root)
            .env("FAULT_KIND", format!("{:?}", fault.kind).to_lowercase())
            .env("FAULT_AT", fault.at.to_string())
            .env("FAULT_ERRNO", fault.error.1.to_string())
            .env("FAULT_REPORT", &counts);
        // A worker that hangs is a panic.
        let run = || Worker::start_command(command).finish_within(patience);
        let ended = catch_unwind(AssertUnwindSafe(run)).map_err(|_| "it hangs".to_owned());
        (ended, Report::read(&counts))
    }
}

/// Tries `faults` on so many threads until all are done, or `enough` do harm. `attack` answers whether the fault was met, or what is
/// wrong after it. Answers how many were met; panics if one does harm.
pub fn attack_all<F: Sync>(
    faults: &[F],
    threads: usize,
    enough: usize,
    attack: impl Fn(&F) -> Result<bool, String> + Sync,
) -> usize {
    let (next, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let is_enough = || failures.lock().expect("no thread panics").len() >= enough;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst))
                    && !is_enough()
                {
                    match attack(fault) {
                        Ok(was_met) => _ = met.fetch_add(was_met.into(), Ordering::SeqCst),
                        Err(what) => failures.lock().expect("no thread panics").push(what),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics");
    assert!(
        failures.is_empty(),
        "{} of {} faults do harm (no more are tried then)\n{}",
        failures.len(),
        faults.len(),
        failures.join("\n")
    );
    met.into_inner()
}
