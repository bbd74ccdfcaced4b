//! The store: hits and puts of small and big values, a million entries, eviction, several processes.
//!
//! This program starts itself for each measurement, so that every store is met by a process that knows nothing of it;
//! contenders take turns. Words after `--` choose sections: `hit`, `put`, `big`, `scale`, `evict`, `readers`; a number
//! is that of the entries; `--full` goes to a million of them, `--shm` to a folder in memory.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, fs, hint};

use cached::{ConcurrentCached, RedbCache};
use daglite::store::CacheStore;
use daglite::{Digest, Eviction, FileStore};
use daglite_benches::cache::{By, Cache, Held, Runs, Store, key, now, value_of};
use daglite_benches::part::{self, Open};
use daglite_benches::plain::{KeptPlainFiles, PlainFiles};
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, digits, ratio, time};
use daglite_benches::{is_bench, machine};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

mod redb_files;

/// The bytes of a small value.
const SMALL: usize = 64;
/// How many small values the peers in Python are given: they would take minutes for more.
const FEW: u64 = 10_000;
/// How many single look-ups a process makes.
const LOOK_UPS: u64 = 2000;
/// Measures and prints a section.
type Section = fn(&Bench);

/// The sections, in the order in which they are printed.
const SECTIONS: [(&str, Section); 6] = [
    ("hit", hit),
    ("put", put),
    ("big", big),
    ("scale", scale),
    ("evict", evict),
    ("readers", readers),
];

/// daglite as people use it: what the others are compared with.
const RUNS: &str = "daglite, a run";
const HEAD: &str = "daglite, head";
const GET: &str = "daglite, get";
const FIND: &str = "daglite, find";
const UNCACHED: &str = "daglite, uncached";
const PLAIN: &str = "plain file";
const KEPT_PLAIN: &str = "plain file, value kept";
const REDB: &str = "cached, redb unsynced";
const REDB_SYNCED: &str = "cached, redb";
const CACACHE: &str = "cacache";
#[cfg(feature = "peers")]
const FOYER: &str = "foyer";
const DISKCACHE: &str = "diskcache";
const JOBLIB: &str = "joblib";

/// All stores that this program can open.
const CONTENDERS: &[(&str, Open)] = &[
    (RUNS, |folder, size| Box::new(Runs::open(folder, size))),
    (UNCACHED, |folder, size| Box::new(Runs::uncached(folder, size))),
    (HEAD, |folder, _| Box::new(Store::open(folder, By::Head))),
    (GET, |folder, _| Box::new(Store::open(folder, By::Get))),
    (FIND, |folder, _| Box::new(Store::open(folder, By::Find))),
    (PLAIN, |folder, _| Box::new(PlainFiles::open(folder))),
    (KEPT_PLAIN, |folder, _| Box::new(KeptPlainFiles::open(folder))),
    (REDB, |folder, _| Box::new(Redb(redb_files::open(folder, false)))),
    (REDB_SYNCED, |folder, _| Box::new(Redb(redb_files::open(folder, true)))),
    (CACACHE, |folder, _| Box::new(Cacache(folder.to_path_buf()))),
    #[cfg(feature = "peers")]
    (FOYER, |folder, size| Box::new(foyer_cache::FoyerCache::open(folder, size))),
];

/// The peers of all sections that are compiled in, and can be shared by processes or not.
const PEERS: &[&str] = &[
    PLAIN,
    CACACHE,
    REDB,
    #[cfg(feature = "peers")]
    FOYER,
];

/// The peers that a script runs.
const PYTHON_PEERS: [&str; 2] = [DISKCACHE, JOBLIB];

/// The file of `cached`.
struct Redb(RedbCache<u64, Blob>);

/// Bytes that serde takes as such, and not number by number.
#[derive(Clone)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Takes bytes, lent or given.
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

impl Cache for Redb {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        self.0.cache_set(n, Blob(value)).expect("the file can be written");
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        self.0.cache_get(&n).expect("the file can be read").map(|blob| Held::Own(blob.0))
    }

    fn finish(&mut self) {
        self.0.flush().expect("the file can be written");
    }
}

/// The folder of `cacache`.
struct Cacache(PathBuf);

impl Cache for Cacache {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        cacache::write_sync(&self.0, n.to_string(), value).expect("the folder can be written");
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        cacache::read_sync(&self.0, n.to_string()).ok().map(Held::Own)
    }
}

#[cfg(feature = "peers")]
mod foyer_cache;

/// What was asked for on the command line, and what follows from it.
struct Bench {
    /// Where the stores lie.
    root: PathBuf,
    /// Whether to go to a million entries.
    full: bool,
    /// How many processes each contender gets for a measurement.
    rounds: usize,
    /// How many entries a store has.
    entries: u64,
    /// The script of the peers in Python, if they can be imported.
    python: bool,
}

/// The script that answers for the peers in Python.
fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python.py")
}

/// The interpreter of the peers in Python.
fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(script());
    command
}

impl Bench {
    /// An empty folder of its own.
    fn folder(&self) -> TempDir {
        TempDir::new_in(&self.root).expect("the folder for temporary files can be written")
    }

    /// The command of a process that answers for `contender`.
    fn command(&self, part: &str, contender: &str, folder: &Path, numbers: &[u64]) -> Command {
        let mut command = if PYTHON_PEERS.contains(&contender) {
            python()
        } else {
            Command::new(env::current_exe().expect("this program knows where it lies"))
        };
        // No file and no variable of the user's is to change what is measured.
        command.current_dir(folder);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("DAGLITE_") {
                command.env_remove(name);
            }
        }
        command.args([part::PART, part, contender]).arg(folder);
        command.args(numbers.iter().map(u64::to_string));
        command
    }

    /// The figures that a process prints.
    fn measure(&self, part: &str, contender: &str, folder: &Path, numbers: &[u64]) -> Vec<f64> {
        let output = self.command(part, contender, folder, numbers).output();
        let output = output.expect("this program can be started again");
        assert!(
            output.status.success(),
            "{contender} failed at {part}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        figures(&String::from_utf8_lossy(&output.stdout))
    }

    /// How many entries `contender` is given, of as many as the others get.
    fn entries_of(&self, contender: &str, entries: u64) -> u64 {
        if PYTHON_PEERS.contains(&contender) { entries.min(FEW) } else { entries }
    }

    /// `own`, the peers that are compiled in, and those in Python.
    fn with_peers(&self, own: &[&'static str]) -> Vec<&'static str> {
        let python = PYTHON_PEERS.iter().filter(|_| self.python);
        own.iter().chain(PEERS).chain(python).copied().collect()
    }

    /// Prints a table, and which peers are not in it.
    fn print(&self, table: &Table) {
        print!("{table}");
        if !self.python {
            println!("  diskcache, joblib: `pip install diskcache joblib numpy` for `python3`");
        }
        if !cfg!(feature = "peers") {
            println!("  foyer: add `--features peers`");
        }
    }
}

/// The numbers in the last line of `printed`.
fn figures(printed: &str) -> Vec<f64> {
    let last = printed.lines().last().unwrap_or_default();
    last.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The spread of one of the figures of each process.
fn part_of(figures: &[Vec<f64>], part: usize) -> Spread {
    let values = figures.iter().map(|figures| figures[part]);
    Spread::of(values).expect("there is one process or more")
}

/// `low .. high`, as times.
fn from_to(spread: &Spread) -> String {
    format!("{} .. {}", time(spread.low()), time(spread.high()))
}

/// Whose store it is that a contender looks into: all methods of daglite's share one.
fn filler(contender: &'static str) -> &'static str {
    match contender {
        HEAD | FIND => GET,
        other => other,
    }
}

/// Filled stores, one for each contender that needs its own.
fn filled(
    bench: &Bench,
    contenders: &[&'static str],
    size: usize,
    entries: u64,
) -> HashMap<&'static str, TempDir> {
    let mut folders = HashMap::new();
    for contender in contenders {
        let filler = filler(contender);
        folders.entry(filler).or_insert_with(|| {
            let folder = bench.folder();
            let entries = bench.entries_of(filler, entries);
            bench.measure(part::FILL, filler, folder.path(), &[size as u64, 0, entries]);
            if filler == RUNS {
                bench.measure(part::CHECK, filler, folder.path(), &[size as u64, entries]);
            }
            folder
        });
    }
    folders
}

/// A hit of a small value in a process that finds a filled store.
fn hit(bench: &Bench) {
    let contenders = bench.with_peers(&[RUNS, HEAD, GET, FIND]);
    let folders = filled(bench, &contenders, SMALL, bench.entries);
    let mut single: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
    let mut sweeps: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
    for _ in 0..bench.rounds {
        for name in &contenders {
            let folder = folders[filler(name)].path();
            let entries = bench.entries_of(name, bench.entries);
            let numbers = [SMALL as u64, entries, LOOK_UPS];
            single.entry(name).or_default().push(bench.measure(part::HITS, name, folder, &numbers));
            if *name != HEAD {
                let swept = bench.measure(part::SWEEP, name, folder, &numbers[..2]);
                sweeps.entry(name).or_default().push(swept);
            }
        }
    }
    let title = format!(
        "hit of 64 B in a fresh process, {} entries, median of {} processes (aim: alone ≤ 6 µs, all in one go ≤ 3 µs)",
        bench.entries, bench.rounds
    );
    let head = [
        "contender",
        "open",
        "first",
        "later",
        "from .. to",
        "daglite takes",
        "in one go",
        "from .. to",
        "daglite takes",
    ];
    let mut table = Table::new(title, head);
    let own = part_of(&single[RUNS], 2).median();
    let own_sweep = part_of(&sweeps[RUNS], 0).median();
    for name in &contenders {
        let part = |part| part_of(&single[name], part);
        let mut row = vec![
            (*name).to_string(),
            time(part(0).median()),
            time(part(1).median()),
            time(part(2).median()),
            from_to(&part(2)),
            ratio(own, part(2).median()),
        ];
        match sweeps.get(name).map(|figures| part_of(figures, 0)) {
            Some(sweep) => row.extend([
                time(sweep.median()),
                from_to(&sweep),
                ratio(own_sweep, sweep.median()),
            ]),
            None => row.extend(["-", "-", "-"].map(String::from)),
        }
        table.row(row);
    }
    bench.print(&table);
}

/// Puts of small values into an empty store.
fn put(bench: &Bench) {
    let contenders = bench.with_peers(&[RUNS, UNCACHED, GET]);
    let mut measured: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
    for _ in 0..bench.rounds {
        // The folders of a round go when it is over: removing thousands of files slows down what follows.
        let mut folders = Vec::new();
        for name in contenders.iter().chain([&REDB_SYNCED]) {
            let folder = bench.folder();
            let entries = match *name {
                REDB_SYNCED => bench.entries.min(LOOK_UPS),
                name => bench.entries_of(name, bench.entries),
            };
            let numbers = [SMALL as u64, 0, entries];
            let figures = bench.measure(part::FILL, name, folder.path(), &numbers);
            measured.entry(name).or_default().push(figures);
            folders.push(folder);
        }
    }
    let title = format!(
        "put of 64 B, {} into an empty store, each; median of {} processes (aim: ≤ 12 µs in a run)",
        bench.entries, bench.rounds
    );
    let mut table = Table::new(title, ["contender", "a put", "from .. to", "daglite takes"]);
    let own = part_of(&measured[RUNS], 0);
    let graph = part_of(&measured[UNCACHED], 0).median();
    let mut row = |name: &str, spread: &Spread| {
        let takes = ratio(own.median(), spread.median());
        table.row([name.to_string(), time(spread.median()), from_to(spread), takes]);
    };
    row(RUNS, &own);
    let less = [own.median(), own.low(), own.high()].map(|took| took - graph);
    row("  less the same graph uncached", &Spread::of(less).expect("three figures"));
    row("daglite, put", &part_of(&measured[GET], 0));
    for name in contenders.iter().skip(3).chain([&REDB_SYNCED]) {
        row(name, &part_of(&measured[name], 0));
    }
    bench.print(&table);
}

/// Big values beside the plain file.
fn big(bench: &Bench) {
    let sizes: &[(&str, usize, u64)] = if is_bench() {
        &[("256 KiB", 256 << 10, 200), ("64 MiB", 64 << 20, 4)]
    } else {
        &[("256 KiB", 256 << 10, 2)]
    };
    for (label, size, count) in sizes {
        let contenders: Vec<_> = bench.with_peers(&[RUNS, GET, KEPT_PLAIN]);
        let mut measured: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
        let mut digests = Vec::new();
        for _ in 0..bench.rounds {
            for name in &contenders {
                let folder = bench.folder();
                let figures =
                    bench.measure(part::BIG, name, folder.path(), &[*size as u64, *count]);
                measured.entry(name).or_default().push(figures);
            }
            digests.push(vec![time_of_digest(*size)]);
        }
        let title = format!(
            "values of {label}, medians of {} processes with {count} values each (aim: ≤ × 1.3 of the plain file)",
            bench.rounds
        );
        let head = [
            "contender",
            "put",
            "from .. to",
            "of the plain file's",
            "less digest",
            "hit",
            "from .. to",
            "of the plain file's",
            "less digest",
        ];
        let mut table = Table::new(title, head);
        let digest = part_of(&digests, 0);
        let plain = [0, 1].map(|part| part_of(&measured[PLAIN], part).median());
        for name in &contenders {
            let mut row = vec![(*name).to_string()];
            for part in [0, 1] {
                let took = part_of(&measured[name], part);
                // Nobody else's digest is known.
                let less = match name.starts_with("daglite") {
                    true => ratio(took.median() - digest.median(), plain[part]),
                    false => "-".to_string(),
                };
                let takes = ratio(took.median(), plain[part]);
                row.extend([time(took.median()), from_to(&took), takes, less]);
            }
            table.row(row);
        }
        table.row(["the digest alone", &time(digest.median()), &from_to(&digest)]);
        bench.print(&table);
    }
}

/// The nanoseconds of the digest of a value.
fn time_of_digest(size: usize) -> f64 {
    let value = value_of(1, size);
    let times = (0..5).map(|_| {
        let started = Instant::now();
        hint::black_box(Digest::of_bytes(hint::black_box(&value)));
        started.elapsed().as_nanos() as f64
    });
    Spread::of(times).expect("five figures").median()
}

/// The bytes that the file system has given to the files and folders in `folder`.
fn bytes_on_disk(folder: &Path) -> u64 {
    let mut open = vec![folder.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder of our own can be read") {
            let entry = entry.expect("a folder of our own can be read");
            let found = entry.metadata().expect("nobody removes it");
            bytes += allocated(&found);
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

/// The bytes that one file takes.
#[cfg(unix)]
fn allocated(found: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    found.blocks() * 512
}

/// The bytes that one file takes, as far as is known.
#[cfg(not(unix))]
fn allocated(found: &fs::Metadata) -> u64 {
    found.len()
}

/// What becomes dearer with the number of entries.
fn scale(bench: &Bench) {
    let sizes: &[u64] = match (is_bench(), bench.full) {
        (false, _) => &[50, 100],
        (true, false) => &[10_000, 100_000],
        (true, true) => &[10_000, 100_000, 1_000_000],
    };
    let title = format!(
        "entries of 64 B, medians of {} processes (aim: × 1.5 at most, open ≤ 5 ms, ≤ 450 bytes beyond the value)",
        bench.rounds
    );
    let head = [
        "contender",
        "entries",
        "open + first hit",
        "hit",
        "",
        "put",
        "",
        "bytes beyond the value",
    ];
    let mut table = Table::new(title, head);
    for name in [RUNS, GET, PLAIN, CACACHE, REDB] {
        let folder = bench.folder();
        let (mut filled, mut first) = (0, None);
        for entries in sizes {
            bench.measure(part::FILL, name, folder.path(), &[SMALL as u64, filled, *entries]);
            let bytes = bytes_on_disk(folder.path()) as f64 / *entries as f64 - SMALL as f64;
            filled = *entries;
            let (mut hits, mut puts) = (Vec::new(), Vec::new());
            for _ in 0..bench.rounds {
                let numbers = [SMALL as u64, *entries, LOOK_UPS];
                hits.push(bench.measure(part::HITS, name, folder.path(), &numbers));
                // A tenth of the least number of entries at a time.
                let to = filled + sizes[0] / 10;
                puts.push(bench.measure(
                    part::FILL,
                    name,
                    folder.path(),
                    &[SMALL as u64, filled, to],
                ));
                filled = to;
            }
            let opened = Spread::of(hits.iter().map(|figures| figures[0] + figures[1]));
            let opened = opened.expect("there is one process or more").median();
            let figures = (part_of(&hits, 2).median(), part_of(&puts, 0).median());
            let (hit, put) = *first.get_or_insert(figures);
            table.row([
                name.to_string(),
                entries.to_string(),
                time(opened),
                time(figures.0),
                ratio(figures.0, hit),
                time(figures.1),
                ratio(figures.1, put),
                digits(bytes),
            ]);
        }
    }
    print!("{table}");
}

/// Evicting from just above the high mark to the low one, two entries in nine, while another process reads the others.
fn evict(bench: &Bench) {
    let entries = if bench.full { 1_000_000 } else { bench.entries };
    let title =
        format!("evict 2 in 9 of {entries} (aim at 10,000 of a million: ≤ 300 ms, no hit > 20 ms)");
    // A little above 0.9 of the limit.
    let most = entries * 10 / 9 - 10;
    let folder = bench.folder();
    bench.measure(part::FILL, GET, folder.path(), &[SMALL as u64, 0, entries]);
    let builder = FileStore::builder(folder.path().join("cache")).max_entries(most);
    let store = builder.eviction(Eviction::Lru).open().expect("the folder can be used");
    let numbers = [SMALL as u64, entries / 10, entries];
    let mut reader = Reader::start(bench.command(part::WATCH, GET, folder.path(), &numbers));
    let started = Instant::now();
    let collected = store.gc().expect("the store can be written");
    let took = started.elapsed().as_nanos() as f64;
    assert!(collected.evicted > 0, "nothing was evicted");
    let [hits, missing, median, slowest] = reader.end(false)[..] else {
        panic!("four figures are printed");
    };
    let left = daglite_benches::own::file_store(folder.path());
    let gone = (0..entries).filter(|n| now(left.head(&key(*n))).found().is_none()).count();
    let mut table = Table::new(
        title,
        ["evicted", "in", "for 10,000", "look-ups meanwhile", "not found", "median", "slowest"],
    );
    table.row([
        gone.to_string(),
        time(took),
        time(took / gone as f64 * 1e4),
        hits.to_string(),
        missing.to_string(),
        time(median),
        time(slowest),
    ]);
    print!("{table}");
}

/// Another process that reads, until it is told to stop or for the time it was given.
struct Reader {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Reader {
    /// Starts the process and waits until it is ready.
    fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started again");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says that it is ready");
        assert_eq!(line.trim(), "ready", "a reader cannot read");
        Self { child, output }
    }

    /// Tells it to begin.
    fn go(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"go\n").expect("it waits for a line");
    }

    /// What it has found out, once its time is over; or now, unless `in_time`.
    fn end(&mut self, in_time: bool) -> Vec<f64> {
        if !in_time {
            drop(self.child.stdin.take());
        }
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).expect("it prints text");
        assert!(self.child.wait().expect("it ends").success(), "a reader failed");
        figures(&printed)
    }
}

/// The look-ups a second of so many processes together.
fn throughput(bench: &Bench, name: &str, folder: &Path, processes: usize) -> f64 {
    let millis = if is_bench() { 2000 } else { 10 };
    let numbers = [SMALL as u64, bench.entries_of(name, bench.entries), millis];
    let start = |_| Reader::start(bench.command(part::READ, name, folder, &numbers));
    let mut readers: Vec<Reader> = (0..processes).map(start).collect();
    readers.iter_mut().for_each(Reader::go);
    readers.iter_mut().map(|reader| reader.end(true)[0]).sum()
}

/// Four processes that read, beside one.
fn readers(bench: &Bench) {
    let mut contenders = vec![GET, FIND, PLAIN, CACACHE];
    contenders.extend(PYTHON_PEERS.iter().filter(|_| bench.python));
    let folders = filled(bench, &contenders, SMALL, bench.entries);
    let mut measured: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
    for _ in 0..bench.rounds {
        for name in &contenders {
            let folder = folders[filler(name)].path();
            let figures = [1, 4].map(|processes| throughput(bench, name, folder, processes));
            measured.entry(name).or_default().push(figures.to_vec());
        }
    }
    let title = format!(
        "look-ups a second of 64 B, {} entries, median of {} rounds (aim: × 1.6 on two cores)",
        bench.entries, bench.rounds
    );
    let head = ["contender", "one process", "four processes", "from .. to", "of one's"];
    let mut table = Table::new(title, head);
    for name in &contenders {
        let [one, four] = [0, 1].map(|part| part_of(&measured[name], part));
        table.row([
            (*name).to_string(),
            digits(one.median()),
            digits(four.median()),
            format!("{} .. {}", digits(four.low()), digits(four.high())),
            ratio(four.median(), one.median()),
        ]);
    }
    print!("{table}");
    println!("  cached with redb, foyer: one process only");
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if part::answer(CONTENDERS, &arguments) {
        return;
    }
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let (numbers, words): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .partition(|argument| argument.parse::<u64>().is_ok());
    let wanted = numbers.first().and_then(|number| number.parse().ok());
    for word in &words {
        let known = SECTIONS.iter().any(|(name, _)| name == word);
        assert!(
            known,
            "no section is called `{word}`: there are hit, put, big, scale, evict, readers"
        );
    }
    let root = if asked("--shm") { "/dev/shm" } else { env!("CARGO_TARGET_TMPDIR") };
    let importable = is_bench()
        && python().arg("--importable").output().is_ok_and(|output| output.status.success());
    let bench = Bench {
        root: PathBuf::from(root),
        full: asked("--full"),
        rounds: if is_bench() { 3 } else { 1 },
        entries: wanted.unwrap_or(if is_bench() { 100_000 } else { 100 }),
        python: importable,
    };
    println!("{}", machine::describe());
    println!("stores lie {}", machine::place(&bench.root));
    for (name, section) in SECTIONS {
        if words.is_empty() || words.iter().any(|word| *word == name) {
            section(&bench);
        }
    }
}
