//! The first hit of a process: what a script pays that is run again and has nothing to compute.
//!
//! This program starts itself, twenty times for each contender, in turn. Each process opens a store that an earlier one has
//! filled, and answers two calls with different arguments from it.

use std::env;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use daglite::prelude::*;
use daglite_benches::call::{Call, in_session};
use daglite_benches::own::{file_store, session};
use daglite_benches::plain::{decode, encode, in_plain_files};
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, ratio, time};
use daglite_benches::{is_bench, machine};
use tempfile::TempDir;

use redb_files::in_redb;

mod redb_files;

/// How many processes each contender gets.
const PROCESSES: u64 = 20;
/// How many entries a store has.
const ENTRIES: u64 = 1000;
/// The first argument of a process that fills a store.
const FILL: &str = "--fill";
/// The first argument of a process that measures.
const HIT: &str = "--hit";

/// Opens the store that lies in a folder.
type Open = fn(&Path) -> Call<u64>;

const CONTENDERS: [(&str, Open); 3] = [
    ("daglite, FileStore", open_daglite),
    ("cached, redb unsynced", |folder| in_redb(folder, square_of)),
    ("plain file", open_plain),
];

#[task(cache)]
fn square(n: u64) -> u64 {
    square_of(n)
}

fn square_of(n: u64) -> u64 {
    n.wrapping_mul(n)
}

fn open_daglite(folder: &Path) -> Call<u64> {
    in_session(session(file_store(folder), folder), |n| square(n))
}

fn open_plain(folder: &Path) -> Call<u64> {
    in_plain_files(folder, square_of, encode, decode)
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
