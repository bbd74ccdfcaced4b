//! Every call into the file system fails once, from then on always, or half: the answer is right, and so is the next one.
#![cfg(target_os = "linux")]

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use daglite_tests::faults::{ERRORS, Fault, Kind, Report, Shim, attack_all};
use daglite_tests::folders::{copy, tree};
use daglite_tests::pipeline::{self, Outcome};
use daglite_tests::processes::Ended;
use daglite_tests::random::{Random, rounds, seed};
use daglite_tests::stores::open;

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");
/// What a run with a fault may take: a lock that is never given must not be waited for much longer.
const PATIENCE: Duration = Duration::from_secs(15);
/// After so many failures no more faults are tried.
const ENOUGH: usize = 8;

/// One fault, and whether the store has all results already.
#[derive(Debug, Clone, Copy)]
struct Attack {
    fault: Fault,
    is_warm: bool,
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_warm { "a warm store" } else { "an empty store" };
        let Fault { kind, at, error } = self.fault;
        write!(f, "{kind:?} at call {at} with {}, on {state}", error.0)
    }
}

/// Runs the graph on the store in `root` in a process with `fault`, brought about by the library `shim`.
fn run_with(shim: &Shim, fault: &Fault, root: &Path) -> (Result<Ended, String>, Report) {
    let mut command = Command::new(WORKER);
    shim.run(command.args(["run".as_ref(), root.as_os_str()]), fault, root, PATIENCE)
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

/// What goes wrong in a run with a fault, or in the two healthy runs after it. Whether the fault was met.
fn attack(shim: &Shim, attack: &Attack, warm: &Path) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    if attack.is_warm {
        copy(warm, &root);
    }
    let (ended, report) = run_with(shim, &attack.fault, &root);
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
    Ok(report.failed.is_some())
}

/// Every fault in random order, at least one of each kind at every call first. `DAGLITE_TEST_ROUNDS=2000` takes them all.
fn attacks(calls: [(bool, &Report); 2], random: &mut Random) -> Vec<Attack> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (is_warm, report) in calls {
        for (kind, name) in [(Kind::Once, "total"), (Kind::All, "total"), (Kind::Short, "bytes")] {
            for at in 1..=report.count(name) {
                let chosen = (at as usize + kind as usize) % ERRORS.len();
                for (number, error) in ERRORS.into_iter().enumerate() {
                    let list = if number == chosen { &mut first } else { &mut others };
                    if kind != Kind::Short || number == chosen {
                        list.push(Attack { fault: Fault { kind, at, error }, is_warm });
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
    let (shim, warm) = (Shim::build(folder.path()), folder.path().join("warm"));
    let [cold_calls, warm_calls] = [false, true].map(|is_warm| {
        let (ended, report) = run_with(&shim, &Fault::NONE, &warm);
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
    let mut attacks = attacks(calls, &mut Random::new(seed));
    attacks.truncate(rounds(250) as usize);
    println!("DAGLITE_TEST_SEED={seed}");
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    // Many: a store that is refused a lock waits for it, and the processor does not.
    let met = attack_all(&attacks, 8, ENOUGH, |one| {
        let start = Instant::now();
        let met = attack(&shim, one, &warm);
        let mut slowest = slowest.lock().unwrap();
        if start.elapsed() > slowest.0 {
            *slowest = (start.elapsed(), one.to_string());
        }
        met.map_err(|what| format!("{one}: {what}"))
    });
    println!("{} faults, the slowest: {:?}", attacks.len(), slowest.into_inner().unwrap());
    // How many batches a run writes depends on how long it takes: some have fewer calls than the one that was counted.
    assert!(met * 4 > attacks.len() * 3, "only {met} of {} faults were met", attacks.len());
}
