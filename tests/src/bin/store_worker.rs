//! The worker of the attacks on stores: one process that puts, reads, clears or runs a graph, and says what it does.
//!
//! `puts <root> <seed>`, `bounded-puts <root> <seed>`: announces each change, makes it, and says `safe` when a run ends ·
//! `fill <root>`: fills a store and waits to be killed or told to end · `run <root>`: one run of the graph ·
//! `runs <root>`: one for each line it is told, on one open store · `mixed <role> <root> <seed> <seconds>` ·
//! `writer <number> <root> <seconds>`, `checker <root> <seconds> <output of a writer>…`: nothing acknowledged is lost ·
//! `slow <root> <folder>`: runs one slow task when told · `hold <root>`: claims key 0 and waits.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::store::{CacheStore, KeyClaim, Put, RunReport};
use daglite_tests::random::Random;
use daglite_tests::stores::{CONTENTS, KEYS, entry, key, look, now, open, open_bounded};
use daglite_tests::{logged_with, pipeline};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["puts", root, seed] => puts(&open(Path::new(root)), number(seed)),
        ["bounded-puts", root, seed] => match open_bounded(Path::new(root)) {
            Some(store) => puts(&store, number(seed)),
            None => Err("stores cannot evict yet".to_owned()),
        },
        ["fill", root] => fill(Path::new(root)),
        ["run", root] => run(Path::new(root)),
        ["runs", root] => runs(Path::new(root)),
        ["mixed", role, root, seed, seconds] => {
            mixed(role, Path::new(root), number(seed), Duration::from_secs(number(seconds)))
        }
        ["writer", mine, root, seconds] => {
            writer(number(mine), Path::new(root), Duration::from_secs(number(seconds)))
        }
        ["checker", root, seconds, outputs @ ..] => {
            checker(Path::new(root), Duration::from_secs(number(seconds)), outputs)
        }
        ["slow", root, folder] => slow(Path::new(root), Path::new(folder)),
        ["hold", root] => hold(Path::new(root)),
        _ => Err(format!("no such role: {words:?}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

/// The number that an argument is.
fn number(word: &str) -> u64 {
    word.parse().expect("the tests pass numbers")
}

/// Prints a line, in one call of the system: a killed worker has printed it whole or not at all.
fn say(line: &str) {
    println!("{line}");
}

/// Puts value `value` under key `key`, which must be kept.
fn put(store: &impl CacheStore, key_number: u64, value: u64) -> Result<(), String> {
    match now(store.put(&key(key_number), &entry(key_number, value))) {
        Ok(Put::Kept) => Ok(()),
        Ok(Put::Refused(why)) => Err(format!("the put of key {key_number} was refused: {why}")),
        Err(error) => Err(format!("put failed: {error}")),
    }
}

/// Ends a run.
fn end_run(store: &impl CacheStore) -> Result<(), String> {
    now(store.end_run(&RunReport::default())).map_err(|error| format!("end_run failed: {error}"))
}

/// Changes entries at random until it is killed, and says so before and after each change that takes something away.
fn puts(store: &impl CacheStore, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    loop {
        store.begin_run();
        for _ in 0..=random.below(6) {
            let key_number = random.below(KEYS);
            match random.below(1_000) {
                0..920 => {
                    let value = random.below(CONTENTS);
                    say(&format!("put {key_number} {value}"));
                    put(store, key_number, value)?;
                }
                920..995 => {
                    say(&format!("remove {key_number}"));
                    now(store.remove(&key(key_number)))
                        .map_err(|error| format!("remove failed: {error}"))?;
                    say(&format!("removed {key_number}"));
                }
                _ => {
                    say("clear");
                    now(store.clear()).map_err(|error| format!("clear failed: {error}"))?;
                    say("cleared");
                }
            }
        }
        end_run(store)?;
        say("safe");
    }
}

/// Fills the store with the graph's results and with every kind of value, and keeps it open until its input ends.
fn fill(root: &Path) -> Result<(), String> {
    let store = Arc::new(open(root));
    let (session, _) = logged_with(Session::builder().cache(Arc::clone(&store)).observe(
        |event: &daglite::Event| {
            if let daglite::Event::Stored { key, .. } = event {
                say(&format!("stored {key}"));
            }
        },
    ));
    pipeline::graph().run_in(&session).map_err(|error| error.to_string())?;
    store.begin_run();
    for key_number in 0..24 {
        put(&store, key_number, key_number % 15)?;
    }
    end_run(&store)?;
    let claim = now(store.claim(&key(0))).map_err(|error| format!("claim failed: {error}"))?;
    say("filled");
    io::stdin().lock().lines().for_each(drop);
    drop(claim);
    Ok(())
}

/// One run of the graph on one thread.
fn run(root: &Path) -> Result<(), String> {
    report(pipeline::run(open(root), 1));
    Ok(())
}

/// A run of the graph for each line of its input, in a new session each, on one store that stays open.
fn runs(root: &Path) -> Result<(), String> {
    let store = Arc::new(open(root));
    for _ in io::stdin().lock().lines() {
        report(pipeline::run(Arc::clone(&store), 2));
    }
    Ok(())
}

/// Prints what a run gave; what is not the answer goes to standard error.
fn report(outcome: pipeline::Outcome) {
    for complaint in &outcome.complaints {
        eprintln!("{complaint}");
    }
    match outcome.answer {
        Ok(answer) => {
            say(&format!("answer {answer} hits {} computed {}", outcome.hits, outcome.computed));
        }
        Err(error) => say(&format!("failed {error}")),
    }
}

/// What value every process puts under a key.
fn usual_value(key_number: u64) -> u64 {
    // A million bytes are left out: the disk would be what is tested.
    key_number % 15
}

/// Works on the store with others until the time is over. Whatever is not as in a healthy store ends it with an error.
fn mixed(role: &str, root: &Path, seed: u64, time: Duration) -> Result<(), String> {
    let end = Instant::now() + time;
    let mut random = Random::new(seed);
    let store: Arc<dyn CacheStore> = match (role, open_bounded(root)) {
        ("evictor", Some(store)) => Arc::new(store),
        _ => Arc::new(open(root)),
    };
    let mut acts = 0_u64;
    while Instant::now() < end {
        match role {
            "reader" => {
                read_some(&*store, &mut random)?;
            }
            "writer" | "evictor" => {
                store.begin_run();
                for _ in 0..10 {
                    let key_number = random.below(2_000);
                    put(&store, key_number, usual_value(key_number))?;
                }
                end_run(&store)?;
                read_some(&*store, &mut random)?;
            }
            "session" => {
                let outcome = pipeline::run(Arc::clone(&store), 2);
                if outcome.answer != Ok(pipeline::answer()) || !outcome.complaints.is_empty() {
                    return Err(format!("a run gave {outcome:?}"));
                }
            }
            "clearer" => {
                now(store.clear()).map_err(|error| format!("clear failed: {error}"))?;
                // A pause, or nobody else would ever find anything.
                std::thread::sleep(Duration::from_millis(20 + random.below(200)));
            }
            _ => return Err(format!("no such role: {role}")),
        }
        let notices = store.notices();
        if !notices.is_empty() {
            return Err(format!("the store complains: {notices:?}"));
        }
        acts += 1;
    }
    say(&format!("done {acts}"));
    Ok(())
}

/// Looks at some keys that others write, in both ways.
fn read_some(store: &dyn CacheStore, random: &mut Random) -> Result<(), String> {
    let numbers: Vec<u64> = (0..20).map(|_| random.below(2_000)).collect();
    let keys: Vec<_> = numbers.iter().map(|&number| key(number)).collect();
    let glimpses = now(store.find(&keys)).map_err(|error| format!("find failed: {error}"))?;
    for (number, glimpse) in numbers.into_iter().zip(glimpses) {
        let right = entry(number, usual_value(number));
        match glimpse {
            daglite::store::Lookup::Absent => {}
            daglite::store::Lookup::Found(found)
                if found.meta == right.meta
                    && found.bytes.as_ref().is_none_or(|bytes| *bytes == right.bytes) => {}
            wrong => return Err(format!("find of key {number} gave {wrong:?}")),
        }
        if let Some(value) = look(store, number)?
            && value != usual_value(number)
        {
            return Err(format!("value {value} under key {number}"));
        }
    }
    Ok(())
}

/// How many keys each writer has.
const KEYS_OF_A_WRITER: u64 = 200;

/// Puts ever newer values under its own keys, and says which are acknowledged.
fn writer(mine: u64, root: &Path, time: Duration) -> Result<(), String> {
    let store = open(root);
    let end = Instant::now() + time;
    let mut random = Random::new(mine);
    let mut round = 0;
    while Instant::now() < end {
        round += 1;
        let numbers: Vec<u64> = (0..=random.below(8))
            .map(|_| mine * KEYS_OF_A_WRITER + random.below(KEYS_OF_A_WRITER))
            .collect();
        store.begin_run();
        for &key_number in &numbers {
            put(&store, key_number, value_of_round(round))?;
        }
        end_run(&store)?;
        for key_number in numbers {
            say(&format!("safe {key_number} {}", value_of_round(round)));
        }
    }
    say(&format!("done {round}"));
    Ok(())
}

/// The value of a writer's round: they grow, and none has a million bytes.
fn value_of_round(round: u64) -> u64 {
    round / 15 * 16 + round % 15
}

/// Looks again and again for what the writers have acknowledged in their `outputs`.
fn checker(root: &Path, time: Duration, outputs: &[&str]) -> Result<(), String> {
    let store = open(root);
    let end = Instant::now() + time;
    let mut looks = 0_u64;
    while Instant::now() < end {
        for output in outputs {
            let text = fs::read_to_string(output).map_err(|error| error.to_string())?;
            let whole = &text[..text.rfind('\n').unwrap_or(0)];
            let mut newest = BTreeMap::new();
            for line in whole.lines().rev().take(20).filter_map(|line| line.strip_prefix("safe ")) {
                let (key_number, value) = line.split_once(' ').expect("a writer says two numbers");
                newest.entry(number(key_number)).or_insert(number(value));
            }
            for (key_number, acknowledged) in newest {
                let found = look(&store, key_number)?;
                if found.is_none_or(|found| found < acknowledged) {
                    return Err(format!(
                        "key {key_number}: value {acknowledged} is acknowledged, {found:?} is found"
                    ));
                }
                looks += 1;
            }
        }
    }
    say(&format!("done {looks}"));
    Ok(())
}

/// Notes who runs it; the first one to come to a folder that has a file `hang` stays for ever.
#[task(cache)]
fn slow_task(folder: String) -> Result<u64, io::Error> {
    let folder = PathBuf::from(folder);
    let mut lines = OpenOptions::new().create(true).append(true).open(folder.join("lines"))?;
    writeln!(lines, "{}", std::process::id())?;
    let pause = match fs::remove_file(folder.join("hang")) {
        Ok(()) => Duration::from_secs(600),
        Err(_) => Duration::from_millis(100),
    };
    std::thread::sleep(pause);
    Ok(42)
}

/// Runs the slow task once it is told to.
fn slow(root: &Path, folder: &Path) -> Result<(), String> {
    let (session, log) = logged_with(Session::builder().cache(open(root)));
    say("ready");
    io::stdin().lock().lines().next();
    say("started");
    let answer = slow_task(folder.display().to_string()).run_in(&session);
    say(&format!("answer {}", answer.map_err(|error| error.to_string())?));
    say(&format!("complaints {}", log.count("warning")));
    Ok(())
}

/// Claims key 0, and holds it until its input ends.
fn hold(root: &Path) -> Result<(), String> {
    let store = open(root);
    let claim = now(store.claim(&key(0))).map_err(|error| format!("claim failed: {error}"))?;
    match &claim {
        KeyClaim::Granted(_) => say("granted"),
        KeyClaim::Taken { by } => say(&format!("taken {by:?}")),
    }
    io::stdin().lock().lines().for_each(drop);
    drop(claim);
    Ok(())
}
