//! The first hit of a process: what a script pays that is run again and has nothing to compute.
//!
//! This program starts itself, twenty times for each contender, in turn. Each process opens a store that an earlier one has
//! filled, and answers two calls with different arguments from it.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fs, io};

use cached::{ConcurrentCached, RedbCache};
use daglite::prelude::*;
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, ratio, time};
use daglite_benches::{is_bench, machine};
use tempfile::TempDir;

/// How many processes each contender gets.
const PROCESSES: u64 = 20;
/// How many entries a store has.
const ENTRIES: u64 = 1000;
/// The first argument of a process that fills a store.
const FILL: &str = "--fill";
/// The first argument of a process that measures.
const HIT: &str = "--hit";

/// Answers calls from a store.
type Call = Box<dyn Fn(u64) -> u64>;

/// Opens the store that lies in a folder.
type Open = fn(&Path) -> Call;

const CONTENDERS: [(&str, Open); 3] = [
    ("daglite, FileStore", open_daglite),
    ("cached, redb unsynced", open_redb),
    ("plain file", open_plain),
];

#[task(cache)]
fn square(n: u64) -> u64 {
    square_of(n)
}

fn square_of(n: u64) -> u64 {
    n.wrapping_mul(n)
}

fn open_daglite(folder: &Path) -> Call {
    let store = FileStore::builder(folder.join("cache")).open();
    let checkpoints = FileCheckpoints::open(folder.join("checkpoints"));
    let session = Session::builder()
        .cache(store.expect("a folder of our own can be written"))
        .checkpoints(checkpoints.expect("a folder of our own can be written"))
        .build()
        .expect("nothing else is set");
    Box::new(move |n| square(n).run_in(&session).expect("squaring cannot fail"))
}

fn open_redb(folder: &Path) -> Call {
    let store: RedbCache<u64, u64> = RedbCache::builder("fresh-process")
        .disk_dir(folder)
        .durable(false)
        .build()
        .expect("a folder of our own can be written");
    Box::new(move |n| {
        if let Some(value) = store.cache_get(&n).expect("the file can be read") {
            return value;
        }
        let value = square_of(n);
        store.cache_set(n, value).expect("the file can be written");
        value
    })
}

/// The least that a file an entry costs: nothing is hashed, checked or described.
fn open_plain(folder: &Path) -> Call {
    let folder = folder.to_path_buf();
    Box::new(move |n| {
        let path = folder.join(n.to_string());
        if let Ok(bytes) = fs::read(&path) {
            return u64::from_le_bytes(bytes.try_into().expect("eight bytes were written"));
        }
        let value = square_of(n);
        publish(&path, value).expect("a folder of our own can be written");
        value
    })
}

#[expect(clippy::disallowed_methods, reason = "a rename without more is the floor to compare with")]
fn publish(path: &Path, value: u64) -> io::Result<()> {
    let staged = path.with_extension("new");
    fs::write(&staged, value.to_le_bytes())?;
    fs::rename(staged, path)
}

/// The nanoseconds of one process: to open the store, for the first call, and for the second one.
fn measure(open: Open, folder: &Path, number: u64) -> [f64; 3] {
    let started = Instant::now();
    let call = open(folder);
    let opened = Instant::now();
    black_box(call(number));
    let first = Instant::now();
    black_box(call(number + ENTRIES / 2));
    let second = Instant::now();
    [opened - started, first - opened, second - first].map(|took| took.as_nanos() as f64)
}

/// What another process of this program prints.
fn start(mode: &str, contender: &str, folder: &Path, number: u64) -> String {
    let program = env::current_exe().expect("this program knows where it lies");
    let mut command = Command::new(program);
    // No file and no variable of the user's is to change what is measured.
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("DAGLITE_") {
            command.env_remove(name);
        }
    }
    command.arg(mode).arg(contender).arg(folder).arg(number.to_string());
    let output = command.output().expect("this program can be started again");
    assert!(
        output.status.success(),
        "{contender} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All contenders, `processes` times each.
fn compare(processes: u64) -> Table {
    let folders: Vec<TempDir> = CONTENDERS
        .iter()
        .map(|(name, _)| {
            let folder = TempDir::new().expect("the folder for temporary files can be written");
            start(FILL, name, folder.path(), ENTRIES);
            folder
        })
        .collect();
    let mut measured: Vec<Vec<[f64; 3]>> = vec![Vec::new(); CONTENDERS.len()];
    for process in 0..processes {
        for (at, (name, _)) in CONTENDERS.iter().enumerate() {
            let printed = start(HIT, name, folders[at].path(), process);
            let figures: Vec<f64> =
                printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            measured[at].push(figures.try_into().expect("three figures are printed"));
        }
    }
    let title = format!("first hit of a process, u64, median of {processes} processes");
    let head = ["contender", "open", "first hit", "from .. to", "second hit", "daglite takes"];
    let mut table = Table::new(title, head);
    let mut own = None;
    for ((name, _), figures) in CONTENDERS.iter().zip(&measured) {
        let part = |part: usize| {
            let spread = Spread::of(figures.iter().map(|figures| figures[part]));
            spread.expect("there is one process or more")
        };
        let first = part(1);
        let own = *own.get_or_insert(first.median());
        table.row([
            name.to_string(),
            time(part(0).median()),
            time(first.median()),
            format!("{} .. {}", time(first.low()), time(first.high())),
            time(part(2).median()),
            ratio(own, first.median()),
        ]);
    }
    table
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [mode, contender, folder, number] = &arguments[..] {
        let folder = PathBuf::from(folder);
        let number = number.parse().expect("a number");
        let (_, open) = CONTENDERS.iter().find(|(name, _)| name == contender).expect("a contender");
        if mode == FILL {
            let call = open(&folder);
            (0..number).for_each(|n| _ = black_box(call(n)));
        } else {
            let [open, first, second] = measure(*open, &folder, number);
            println!("{open} {first} {second}");
        }
        return;
    }
    println!("{}", machine::describe());
    println!("{}", compare(if is_bench() { PROCESSES } else { 1 }));
}
