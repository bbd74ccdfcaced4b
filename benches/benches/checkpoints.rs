//! Checkpoints: a big value saved and loaded, beside writing and reading the same bytes; many versions listed.
//!
//! The contenders take turns for five rounds. Arguments: a number of MiB (1024), and `--save`, `--load` or `--list`.

use std::env;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use daglite::FileCheckpoints;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Version};
use daglite::clock::Timestamp;
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, ratio, time};
use daglite_benches::{is_bench, machine};
use tempfile::TempDir;

/// How often each contender has its turn.
const ROUNDS: u64 = 5;
/// How many versions are listed.
const VERSIONS: u64 = 10_000;
/// 2026-11-22 19:30:15.123 UTC, in milliseconds.
const EVENING: u64 = 1_795_375_815_123;

fn main() {
    if !is_bench() {
        return;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let wanted = |section: &str| {
        arguments.iter().any(|argument| argument == section)
            || !["--save", "--load", "--list"].iter().any(|all| arguments.iter().any(|a| a == all))
    };
    let mebibytes = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1024);
    println!("{}", machine::describe());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if wanted("--save") || wanted("--load") {
        big(target, mebibytes);
    }
    if wanted("--list") {
        list(target);
    }
}

/// The answer of a store whose futures are ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the future of a blocking store is ready at once"),
    }
}

/// Bytes that do not repeat; another round has others.
fn noise(bytes: &mut [u8], round: u64) {
    let mut state = round + 1;
    for word in bytes.chunks_exact_mut(8) {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
}

/// What `work` takes, in nanoseconds.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_nanos() as f64
}

/// The processor time of all threads of this process, in nanoseconds; zero where the system does not say.
fn processor() -> f64 {
    /// A hundredth of a second, on every Linux.
    const TICK: f64 = 10_000_000.0;
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * TICK
}

/// What some work took: as the clock says, which other programs slow down, and of the processor.
#[derive(Default)]
struct Took {
    clock: Vec<f64>,
    processor: Vec<f64>,
}

impl Took {
    /// Does `work` once more.
    fn add<T>(&mut self, work: impl FnOnce() -> T) {
        let before = processor();
        self.clock.push(timed(work));
        self.processor.push(processor() - before);
    }
}

/// Writes a file as safely as a checkpoint is saved: its bytes and its name are on the disk.
fn write_and_sync(folder: &Path, bytes: &[u8]) {
    let mut file = File::create(folder.join("plain")).expect("the folder can be written");
    file.write_all(bytes).expect("the disk has room");
    file.sync_all().expect("the disk works");
    File::open(folder).and_then(|folder| folder.sync_all()).expect("the disk works");
}

/// Reads a file into memory, as `fs::read` does.
fn read(folder: &Path) -> Vec<u8> {
    let mut file = File::open(folder.join("plain")).expect("it was written");
    let mut bytes = Vec::with_capacity(file.metadata().expect("it is there").len() as usize);
    file.read_to_end(&mut bytes).expect("the disk works");
    bytes
}

/// Saves a value whose bytes were gathered before, as stores do whose `save_with` is the trait's own.
fn save_gathered(store: &FileCheckpoints, bytes: Vec<u8>) {
    let meta = CheckpointMeta {
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        ..CheckpointMeta::new("gathered", &bytes, Timestamp::from_millis(EVENING))
    };
    now(CheckpointStore::save(store, meta, bytes)).expect("it is saved");
}

/// One big value: saved and loaded, beside a plain file.
fn big(target: &Path, mebibytes: usize) {
    let mut bytes = vec![0_u8; mebibytes << 20];
    let [mut saved, mut loaded] = [(); 2].map(|()| [(); 3].map(|()| Took::default()));
    for round in 0..ROUNDS {
        let folder = TempDir::new_in(target).expect("there is a folder for temporary files");
        let root = folder.path().join("checkpoints");
        let store = FileCheckpoints::open(&root).expect("it is a folder");
        noise(&mut bytes, round);
        // In turns, as the disk may be slower or faster after what went before.
        for turn in 0..3 {
            match (turn + round) % 3 {
                0 => saved[0].add(|| write_and_sync(folder.path(), &bytes)),
                1 => saved[1].add(|| store.save("big", &bytes).expect("it is saved")),
                _ => {
                    let copy = bytes.clone();
                    saved[2].add(|| save_gathered(&store, copy));
                }
            }
        }
        for turn in 0..6 {
            match (turn + round) % 3 {
                0 => loaded[0].add(|| read(folder.path())),
                1 => loaded[1]
                    .add(|| store.load::<Vec<u8>>("big", Version::Latest).expect("it is sound")),
                _ => loaded[2].add(|| {
                    let loaded = now(CheckpointStore::load(&store, "gathered", &Version::Latest));
                    loaded.expect("it is sound").expect("it is there")
                }),
            }
        }
    }
    let mut table = Table::new(
        format!("a value of {mebibytes} MiB"),
        ["", "plain file", "checkpoint", "", "lowest", "its bytes gathered", "", "lowest"],
    );
    for (what, all) in [("saved, synced", saved), ("loaded, verified", loaded)] {
        let [clock, processor] =
            [all.each_ref().map(|took| took.clock.clone()), all.map(|took| took.processor)];
        row(&mut table, what, clock);
        row(&mut table, "of the processor", processor);
    }
    println!("{table}");
}

/// Adds what a plain file took, a checkpoint, and one of gathered bytes.
fn row(table: &mut Table, what: &str, all: [Vec<f64>; 3]) {
    let [plain, ours, whole] = all.map(|all| Spread::of(all).expect("there were rounds"));
    let mut cells = vec![what.to_owned(), time(plain.median())];
    for contender in [ours, whole] {
        cells.push(time(contender.median()));
        cells.push(ratio(contender.median(), plain.median()));
        cells.push(ratio(contender.low(), plain.low()));
    }
    table.row(cells);
}

/// Many versions of one name: listed, found by their time, the latest loaded.
fn list(target: &Path) {
    let folder = TempDir::new_in(target).expect("there is a folder for temporary files");
    let store = FileCheckpoints::open(folder.path()).expect("it is a folder");
    let save = |at: u64| {
        let bytes = at.to_le_bytes().to_vec();
        let meta = CheckpointMeta {
            format: "raw".to_owned(),
            extension: "bin".to_owned(),
            ..CheckpointMeta::new("model", &bytes, Timestamp::from_millis(EVENING + at))
        };
        now(CheckpointStore::save(&store, meta, bytes)).expect("it is saved")
    };
    // Made by hand, as ten thousand synced saves take minutes: only the last one is asked for more than its name.
    for at in 0..VERSIONS - 1 {
        let (second, micros) = (at / 1_000, at % 1_000 * 1_000);
        let version = format!("20261122T1920{second:02}.{micros:06}Z");
        fs::create_dir_all(folder.path().join("model").join(version)).expect("a folder");
    }
    save(0);
    let mut table =
        Table::new(format!("{VERSIONS} versions of a name"), ["", "median", "lowest and highest"]);
    let at = Version::at(Timestamp::from_millis(EVENING));
    let measured: [(&str, &dyn Fn()); 4] = [
        ("all listed", &|| {
            assert_eq!(store.versions("model").expect("a list").len() as u64, VERSIONS)
        }),
        ("metadata of the latest", &|| drop(store.meta("model", "latest").expect("it is there"))),
        ("metadata by time", &|| drop(store.meta("model", &at).expect("it is there"))),
        ("an unchanged value saved", &|| drop(save(0))),
    ];
    for (what, ask) in measured {
        let all = Spread::of((0..20).map(|_| timed(ask))).expect("there were rounds");
        table.row([
            what.to_owned(),
            time(all.median()),
            format!("{} to {}", time(all.low()), time(all.high())),
        ]);
    }
    println!("{table}");
}
