//! `kill -9` at any moment of puts, removals and clears: what was acknowledged is there, nothing is torn, nothing piles up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use daglite::FileStore;
use daglite::store::{CacheStore, Lookup, RunReport};
use daglite_tests::folders::{let_a_day_pass, taken};
use daglite_tests::processes::Worker;
use daglite_tests::random::{Random, rounds, seed};
use daglite_tests::stores::{KEYS, entry, key, look, now, open, open_bounded};

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");
/// After how many rounds the leftovers are counted.
const COUNT_AFTER: u64 = 50;

/// What may lie under each key, by the number of its value: `None` if the key may be absent.
#[derive(Debug)]
struct Model {
    allowed: Vec<BTreeSet<Option<u64>>>,
    /// Whether the store evicts, so that every key may be absent.
    evicts: bool,
}

impl Model {
    fn new(evicts: bool) -> Self {
        Self { allowed: vec![BTreeSet::from([None]); KEYS as usize], evicts }
    }

    /// Takes in what a killed worker has announced and acknowledged.
    fn follow(&mut self, lines: &[String]) {
        // What the worker's own puts and removals would leave, if nothing went wrong.
        let mut latest: BTreeMap<usize, Option<u64>> = BTreeMap::new();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().expect("a worker says numbers");
            match words[0] {
                "put" => {
                    let (key, value) = (number(1) as usize, Some(number(2)));
                    self.allowed[key].insert(value);
                    latest.insert(key, value);
                }
                "remove" => _ = self.allowed[number(1) as usize].insert(None),
                "removed" => {
                    self.allowed[number(1) as usize] = BTreeSet::from([None]);
                    latest.insert(number(1) as usize, None);
                }
                "clear" => self.allowed.iter_mut().for_each(|allowed| _ = allowed.insert(None)),
                "cleared" => {
                    self.allowed.fill(BTreeSet::from([None]));
                    latest.clear();
                }
                "safe" => {
                    for (key, value) in &latest {
                        self.allowed[*key] = BTreeSet::from([*value]);
                    }
                }
                _ => panic!("the worker says `{line}`"),
            }
        }
    }

    /// Compares with what a fresh store finds, by `get` and by `find`; what is there now has to stay.
    fn compare(&mut self, store: &FileStore) -> Result<(), String> {
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        let glimpses = now(store.find(&keys)).map_err(|error| format!("find failed: {error}"))?;
        for (number, glimpse) in (0..KEYS).zip(glimpses) {
            let allowed = &mut self.allowed[number as usize];
            let found = look(store, number)
                .map_err(|what| format!("{what}; what may be there: {allowed:?}"))?;
            let is_evicted = self.evicts && found.is_none();
            if !is_evicted && !allowed.contains(&found) {
                return Err(format!(
                    "under key {number} is {found:?}, but only {allowed:?} may be"
                ));
            }
            let agrees = match (&glimpse, found) {
                (Lookup::Found(glimpse), Some(value)) => glimpse.meta == entry(number, value).meta,
                (Lookup::Absent, None) => true,
                _ => false,
            };
            if !agrees {
                return Err(format!("of key {number}, get says {found:?}, find says {glimpse:?}"));
            }
            *allowed = BTreeSet::from([found]);
        }
        Ok(())
    }

    /// How many entries there are, and the bytes of their values; only after `compare`.
    fn live(&self) -> (u64, u64) {
        let values = self.allowed.iter().flat_map(|allowed| allowed.iter().copied().flatten());
        values.fold((0, 0), |(count, bytes), value| {
            (count + 1, bytes + daglite_tests::stores::value(value).len() as u64)
        })
    }
}

/// Starts a worker on `root`, kills it after a while, and tells the model.
fn kill_one(role: &str, root: &Path, random: &mut Random, model: &mut Model) -> Result<(), String> {
    let worker = Worker::start(WORKER, &[&role, &root.display(), &random.number()]);
    thread::sleep(Duration::from_micros(1_000 + random.below(29_000)));
    let ended = worker.kill();
    if ended.status.code().is_some() {
        return Err(format!("the worker ended by itself: {}", ended.errors));
    }
    model.follow(&ended.lines);
    Ok(())
}

/// What a day without crashes leaves: everything that no entry needs must be gone after the next put.
fn count_leftovers(root: &Path, model: &mut Model, killed: u64) -> Result<(), String> {
    let before = taken(root);
    let_a_day_pass(root);
    {
        let store = open(root);
        store.begin_run();
        let artifact = entry(0, 1);
        now(store.put(&key(0), &artifact)).map_err(|error| error.to_string())?;
        now(store.end_run(&RunReport::default())).map_err(|error| error.to_string())?;
        model.allowed[0] = BTreeSet::from([Some(1)]);
        model.compare(&store)?;
    }
    let (entries, bytes) = model.live();
    let after = taken(root);
    println!(
        "{killed} killed: {before:?}, a day later {after:?}, for {entries} entries, {bytes} B"
    );
    // The index and its journals, the tag, locks: a handful of files, and pages that are free again.
    if after.files > entries + 16 || after.bytes > bytes + entries * 8_192 + (8 << 20) {
        return Err(format!("{entries} entries of {bytes} bytes take {after:?} a day later"));
    }
    // Until then, each crash may leave what the worker was just writing.
    if before.files > KEYS + 16 + COUNT_AFTER * 8 {
        return Err(format!("{killed} crashes left {before:?}"));
    }
    Ok(())
}

/// Kills workers in the `role`, most on one folder, every fifth on a new one.
fn kill_many(role: &str, evicts: bool) {
    let seed = seed();
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let used = folder.path().join("used");
    let mut model = Model::new(evicts);
    let mut acknowledged = 0;
    for round in 1..=rounds(300) {
        let fresh = folder.path().join("fresh");
        let is_fresh = round % 5 == 0;
        let outcome = if is_fresh {
            let mut model = Model::new(evicts);
            kill_one(role, &fresh, &mut random, &mut model)
                .and_then(|()| model.compare(&open(&fresh)))
        } else {
            // Every third time, the next worker finds what the killed one left, before anyone else has looked.
            let is_looked_at = random.below(3) > 0 || round % COUNT_AFTER == COUNT_AFTER - 1;
            kill_one(role, &used, &mut random, &mut model)
                .and_then(|()| if is_looked_at { model.compare(&open(&used)) } else { Ok(()) })
        };
        let outcome = outcome.and_then(|()| match round % COUNT_AFTER {
            0 => count_leftovers(&used, &mut model, round),
            _ => Ok(()),
        });
        if let Err(what) = outcome {
            panic!("round {round}, DAGLITE_TEST_SEED={seed}: {what}");
        }
        acknowledged += model.allowed.iter().filter(|allowed| !allowed.contains(&None)).count();
        daglite_tests::folders::remove(&fresh);
    }
    assert!(acknowledged > 0, "no worker lived long enough to acknowledge anything");
    println!("{acknowledged} acknowledged entries met");
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_nothing_piles_up() {
    kill_many("puts", false);
}

#[test]
fn a_kill_in_an_eviction_tears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    if open_bounded(folder.path()).is_some() {
        kill_many("bounded-puts", true);
    }
}
