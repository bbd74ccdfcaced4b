//! Every call into the file system fails, or is the last: a version is there whole or not at all, and what was said is true.
#![cfg(target_os = "linux")]

mod checkpoint_support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use checkpoint_support::fresh;
use daglite::FileCheckpoints;
use daglite_tests::faults::{ERRORS, Fault, Kind, Report, Shim, attack_all};
use daglite_tests::folders::copy;
use daglite_tests::processes::{Ended, Worker};
use daglite_tests::random::{Random, rounds, seed};

const WORKER: &str = env!("CARGO_BIN_EXE_checkpoint_worker");
/// The name that the worker with faults uses.
const NAME: &str = "group/model";
/// After so many failures no more faults are tried.
const ENOUGH: usize = 5;

/// One fault, and whether there are versions already.
#[derive(Debug, Clone, Copy)]
struct Attack {
    fault: Fault,
    is_warm: bool,
}

impl Attack {
    /// How many numbers the value has: one that is gathered in memory, or one that is written as it comes.
    fn size(&self) -> usize {
        if self.is_warm { 1_000 } else { 600_000 }
    }

    /// Runs the worker on the checkpoints in `root`.
    fn run(&self, shim: &Shim, root: &Path) -> (Result<Ended, String>, Report) {
        let mut command = Command::new(WORKER);
        command.args(["fault".as_ref(), root.as_os_str(), self.size().to_string().as_ref()]);
        // No git, which would only take time.
        command.env("PATH", "");
        shim.run(&mut command, &self.fault, root, Duration::from_secs(20))
    }
}

/// What is wrong after `fault`; whether it was met.
fn attack(shim: &Shim, attack: &Attack, warm: &Path) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("checkpoints");
    let mut before = BTreeSet::new();
    if attack.is_warm {
        copy(warm, &root);
        before.extend(FileCheckpoints::open(&root).unwrap().versions(NAME).unwrap());
    }
    let (ended, report) = attack.run(shim, &root);
    let ended = ended?;
    let killed = attack.fault.kind == Kind::Kill && report.failed.is_some();
    if !killed && !ended.status.success() || ended.errors.contains("panicked") {
        return Err(format!("it ended with {}: {}", ended.status, ended.errors));
    }
    let said =
        |what: &str| ended.lines.iter().find_map(|line| line.strip_prefix(what)).map(str::to_owned);
    let (saved, tagged, deleted) = (said("saved "), said("tagged "), said("deleted "));
    if said("loaded ").is_some_and(|value| value != "7" && value != "1") {
        return Err(format!("it loaded what nobody saved: {:?}", ended.lines));
    }

    let store = FileCheckpoints::open(&root).map_err(|error| error.to_string())?;
    let flaws = store.verify_all().map_err(|error| error.to_string())?.flaws;
    if !flaws.is_empty() {
        return Err(format!("it left {flaws:?}"));
    }
    let there: BTreeSet<String> = store.versions(NAME).unwrap().into_iter().collect();
    if let Some(saved) = &saved
        && store.load::<Vec<u64>>(NAME, saved).map_err(|error| error.to_string())?
            != vec![7; attack.size()]
    {
        return Err("the saved value is another".to_owned());
    }
    let lost: Vec<_> = before.difference(&there).collect();
    let may_be_lost = before.first();
    if lost.iter().any(|version| Some(*version) != may_be_lost)
        || there.difference(&before).count() > 1
    {
        return Err(format!("of {before:?} there are {there:?}"));
    }
    if deleted.is_some_and(|deleted| there.contains(&deleted)) {
        return Err("what was deleted is there".to_owned());
    }
    let tags = store.tags(NAME).unwrap();
    let is_tagged = tagged.is_none_or(|tagged| tags == [("prod".to_owned(), tagged)]);
    if !is_tagged || attack.is_warm && tags.len() != 1 {
        return Err(format!("the tag is lost: {tags:?}"));
    }
    // The next save works, and clears away what is left.
    store.save(NAME, &vec![8_u64; 10]).map_err(|error| error.to_string())?;
    match fs::read_dir(root.join(".tmp")).unwrap().count() {
        0 => Ok(report.failed.is_some()),
        left => Err(format!("{left} leftovers are not swept: {:?}", report.failed)),
    }
}

/// Every fault at every call, in random order, those that kill first.
fn attacks(calls: &[(bool, Report)], random: &mut Random) -> Vec<Attack> {
    let (mut kills, mut others) = (Vec::new(), Vec::new());
    for (is_warm, report) in calls {
        let attack = |kind, at: u64| {
            let error = ERRORS[(at as usize + kind as usize) % ERRORS.len()];
            Attack { fault: Fault { kind, at, error }, is_warm: *is_warm }
        };
        for at in 1..=report.count("total") {
            kills.push(attack(Kind::Kill, at));
            others.extend([Kind::Once, Kind::All].map(|kind| attack(kind, at)));
        }
        others.extend((1..=report.count("bytes")).map(|at| attack(Kind::Short, at)));
    }
    random.shuffle(&mut others);
    kills.append(&mut others);
    kills
}

#[test]
fn whatever_call_fails_or_is_the_last_a_version_is_whole_or_not_there() {
    let seed = seed();
    let (folder, warm) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shim = Shim::build(folder.path());
    let store = FileCheckpoints::open(warm.path()).unwrap();
    for i in 0..3_u64 {
        store.save(NAME, &vec![1, i]).unwrap();
    }
    store.tag(NAME, "latest", "prod").unwrap();
    let calls = [false, true].map(|is_warm| {
        let root = folder.path().join(format!("count {is_warm}"));
        if is_warm {
            copy(warm.path(), &root);
        }
        let (ended, report) = Attack { fault: Fault::NONE, is_warm }.run(&shim, &root);
        let ended = ended.unwrap();
        assert!(ended.lines.last().unwrap() == "loaded 7", "{ended:?}");
        (is_warm, report)
    });
    for class in ["open", "write", "sync", "move", "make", "remove", "read"] {
        assert!(calls[1].1.count(class) > 0, "no `{class}` is seen: {:?}", calls[1].1);
    }
    let mut attacks = attacks(&calls, &mut Random::new(seed));
    attacks.truncate(rounds(600) as usize);
    println!("DAGLITE_TEST_SEED={seed}");
    let met = attack_all(&attacks, 4, ENOUGH, |one| {
        attack(&shim, one, warm.path()).map_err(|what| format!("{one:?}: {what}"))
    });
    println!("{met} of {} faults were met", attacks.len());
    assert!(met * 10 > attacks.len() * 9, "only {met} of {} faults were met", attacks.len());
}

/// A worker that saves `count` values of `size` numbers from `first` on, once it is told to go.
fn saving(root: &Path, first: u64, count: usize, size: usize) -> Worker {
    let mut command = Command::new(WORKER);
    command.arg("save").arg(root).args([first, count as u64, size as u64].map(|n| n.to_string()));
    // No git: it takes longer than all the rest.
    Worker::start_command(command.env("PATH", ""))
}

/// The versions that a worker says it has saved, with their numbers.
fn saved(ended: &Ended) -> Vec<(String, u64)> {
    let pair = |line: &String| {
        let (version, number) = line.strip_prefix("saved ")?.split_once(' ')?;
        Some((version.to_owned(), number.parse().unwrap()))
    };
    ended.lines.iter().filter_map(pair).collect()
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_said_to_be_saved() {
    let seed = seed();
    let mut random = Random::new(seed);
    let (folder, store) = fresh();
    let mut number = 0;
    let mut all = 0;
    for round in 0..200 {
        // One that is gathered in memory, or one that is written as it comes.
        let size = if round % 4 < 3 { 5_000 } else { 600_000 };
        let mut worker =
            Worker::start(WORKER, &[&"save", &folder.path().display(), &number, &1_000_000, &size]);
        worker.wait_for("ready", 1);
        worker.tell("go");
        // Any moment will do: in the middle of the first save, or of one after some.
        if round % 2 == 0 {
            worker.wait_for("saved", 1 + random.below(2) as usize);
        }
        thread::sleep(Duration::from_micros(random.below(30_000)));
        let ended = worker.kill();
        let said = saved(&ended);
        number += 1_000;
        all += said.len();
        let found = store.verify_all().unwrap();
        assert!(found.is_sound(), "round {round}, DAGLITE_TEST_SEED={seed}: {:?}", found.flaws);
        for (version, number) in &said {
            let value: Vec<u64> = store.load("model", version).unwrap();
            assert!(
                value == vec![*number; size],
                "round {round}, DAGLITE_TEST_SEED={seed}: {version}"
            );
        }
        if found.versions > 20 || found.bytes > 30 << 20 {
            store.prune("model", 1).unwrap();
        }
    }
    println!("{all} versions were saved between 200 kills");
    assert!(all > 100, "only {all} versions were saved: there was nothing to kill");
    store.save("model", &0_u64).unwrap();
    assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
}

#[test]
fn ten_processes_at_once_lose_no_version_and_keep_their_order() {
    const EACH: usize = 5;
    let (folder, store) = fresh();
    let mut workers: Vec<_> =
        (0..10_u64).map(|i| saving(folder.path(), i * 100, EACH, 100)).collect();
    workers.iter_mut().for_each(|worker| _ = worker.wait_for("ready", 1));
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    // Whoever looks meanwhile sees whole versions, and never one before the latest that it has seen.
    let mut latest = String::new();
    while workers.iter_mut().any(|worker| !worker.is_over()) {
        let Ok(meta) = store.meta("model", "latest") else { continue };
        assert!(meta.version >= latest, "{} came before {latest}", meta.version);
        latest = meta.version;
        let value: Vec<u64> = store.load("model", "latest").unwrap();
        assert!(value == [value[0]; 100]);
    }
    let mut all = Vec::new();
    for worker in workers {
        let ended = worker.finish();
        assert!(ended.status.success(), "{}", ended.errors);
        let said = saved(&ended);
        assert!(said.is_sorted() && said.len() == EACH, "{said:?}");
        all.extend(said);
    }
    all.sort();
    let versions: Vec<_> = all.iter().map(|(version, _)| version.clone()).collect();
    assert_eq!(store.versions("model").unwrap(), versions);
    assert_eq!(versions.len(), 10 * EACH);
    for (version, number) in all {
        assert!(store.load::<Vec<u64>>("model", &version).unwrap() == [number; 100]);
    }
}
