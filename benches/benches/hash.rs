//! What a digest costs: 800 MB of numbers beside passes over the same memory and beside other hashes, and the arguments
//! of a call.
//!
//! Contenders take turns, several rounds; the median is quoted, with the lowest and the highest. A number after `--` replaces the
//! number of megabytes. The peers in Python do the same work at the end, if they are installed.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use daglite::{ContentHash, ContentHasher, Digest, Element, Strategy, content_digest, serde_hash};
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, digits, ratio, time};
use daglite_benches::{is_bench, machine};
use serde::Serialize;

/// How many bytes the numbers have, unless the command line says otherwise.
const MEGABYTES: usize = 800;
/// How often the contenders take turns.
const ROUNDS: usize = 9;
/// How often a cold sample is taken.
const COLD_ROUNDS: usize = 41;
/// Bytes that are read to have nothing else left in the caches.
const EVICTING: usize = 256 << 20;
/// How often a small value is hashed in one lap, short enough to be over before something else has its turn; and how many
/// laps there are.
const LAP: u32 = 1_000;
const LAPS: usize = 301;

/// So many changes are made, one at a time, to see which are noticed.
const CHANGES: usize = 10_000;

/// Has the compiler believe that somebody looks at a value.
fn seen<T: Copy>(value: T) {
    let _: T = black_box(value);
}

fn main() {
    if !is_bench() {
        return;
    }
    println!("{}", machine::describe());
    let asked = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let megabytes = asked.unwrap_or(MEGABYTES);
    let values: Vec<f64> = (0..megabytes * 125_000).map(|n| n as f64 * 0.5).collect();
    large(&values, megabytes);
    sample(&values);
    crossings(&values);
    unnoticed(&values);
    drop(values);
    image();
    small();
    python(megabytes);
    println!("\nat the end: {}", machine::describe());
}

/// A contender: what it is called, and what it does.
type Contender<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Every way over the large numbers.
fn large(values: &[f64], megabytes: usize) {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let columns = 10_000.min(values.len());
    let rows = values.len() / columns;
    let mut copy = vec![0_u8; bytes.len()];
    let by = |strategy| move || seen(digest(strategy, values));
    let mut contenders: Vec<Contender<'_>> = vec![
        ("read pass, all threads", Box::new(|| seen(read(bytes, threads)))),
        ("read pass, one thread", Box::new(|| seen(read(bytes, 1)))),
        ("daglite Auto", Box::new(by(Strategy::Auto))),
        ("daglite Fast", Box::new(by(Strategy::Fast))),
        ("daglite Exact", Box::new(by(Strategy::Exact))),
        ("daglite Sampled, warm", Box::new(by(Strategy::Sampled))),
        ("daglite Auto, a reversed view", Box::new(|| seen(reversed(values)))),
        ("daglite Auto, a transposed view", Box::new(|| seen(transposed(values, rows, columns)))),
        ("XXH3-128, one thread", Box::new(|| seen(xxh3(bytes)))),
        ("blake3 with rayon", Box::new(|| seen(blake3_rayon(bytes)))),
        ("blake3, one thread", Box::new(|| seen(blake3::hash(bytes)))),
        ("memcpy", Box::new(|| copy.copy_from_slice(black_box(bytes)))),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    let mut extra = vec![0.0_f64; contenders.len()];
    for round in 0..=ROUNDS {
        for (number, (_, work)) in contenders.iter_mut().enumerate() {
            let before = reset_peak();
            let started = Instant::now();
            work();
            let took = started.elapsed().as_secs_f64() * 1e9;
            // The first round makes everything warm.
            if round > 0 {
                times[number].push(took);
                let after = peak().zip(before).map_or(0.0, |(after, before)| after - before);
                extra[number] = extra[number].max(after);
            }
        }
    }
    let spreads: Vec<Spread> = times.into_iter().filter_map(Spread::of).collect();
    let pass = spreads[0].median();
    let title = format!("{megabytes} MB of f64, {ROUNDS} rounds");
    let mut table =
        Table::new(title, ["", "median", "lowest", "highest", "read pass", "extra memory"]);
    for (((name, _), spread), extra) in contenders.iter().zip(&spreads).zip(&extra) {
        table.row([
            (*name).to_owned(),
            time(spread.median()),
            time(spread.low()),
            time(spread.high()),
            ratio(spread.median(), pass),
            format!("{} KiB", digits(extra / 1024.0)),
        ]);
    }
    println!("{table}");
    let of = |wanted: &str| {
        let at = contenders.iter().position(|(name, _)| *name == wanted);
        spreads[at.expect("named above")].median()
    };
    println!(
        "  Exact is {} blake3 with rayon, Fast {} XXH3 on one thread",
        ratio(of("daglite Exact"), of("blake3 with rayon")),
        ratio(of("daglite Fast"), of("XXH3-128, one thread")),
    );
}

/// The digest of the numbers.
fn digest(strategy: Strategy, values: &[f64]) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    values.content_hash(&mut hasher);
    hasher.finish().expect("numbers have a digest")
}

/// The digest of the numbers that `number` gives, which lie apart.
fn apart(count: usize, number: impl Fn(usize) -> f64 + Sync) -> Digest {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    hasher.bulk_from(Element::F64, count, &|first, into| {
        for (at, bytes) in into.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&number(first + at).to_le_bytes());
        }
    });
    hasher.finish().expect("numbers have a digest")
}

/// The digest from the last number to the first.
fn reversed(values: &[f64]) -> Digest {
    apart(values.len(), |at| values[values.len() - 1 - at])
}

/// The digest column by column.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Digest {
    apart(rows * columns, |at| values[at % rows * columns + at / rows])
}

/// The digest by the crate, on the threads that it takes.
fn blake3_rayon(bytes: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update_rayon(bytes).finalize()
}

/// The hash by the crate.
fn xxh3(bytes: &[u8]) -> u128 {
    twox_hash::XxHash3_128::oneshot(bytes)
}

/// Reads all bytes and does as little with them as can be.
fn read(bytes: &[u8], threads: usize) -> u64 {
    let words: &[u64] = bytemuck::cast_slice(bytes);
    let pass = |words: &[u64]| {
        let mut lanes = [0_u64; 32];
        for line in words.chunks_exact(32) {
            for (lane, word) in lanes.iter_mut().zip(line) {
                *lane ^= word;
            }
        }
        lanes.iter().fold(0, |all, lane| all ^ lane)
    };
    thread::scope(|scope| {
        let shares: Vec<_> = words
            .chunks(words.len().div_ceil(threads))
            .map(|share| scope.spawn(move || pass(share)))
            .collect();
        shares.into_iter().map(|share| share.join().expect("reading")).fold(0, |all, one| all ^ one)
    })
}

/// A sample of numbers that no cache holds.
fn sample(values: &[f64]) {
    let evicting = vec![1_u64; EVICTING / 8];
    let times = (0..COLD_ROUNDS).map(|round| {
        black_box(read(bytemuck::cast_slice(&evicting), 1));
        // Another length has its blocks in other places.
        let values = &values[..values.len() - round];
        let started = Instant::now();
        black_box(digest(Strategy::Sampled, values));
        started.elapsed().as_secs_f64() * 1e9
    });
    let spread = Spread::of(times).expect("there are rounds");
    println!(
        "\n  a sample of it, cold: {} ({} to {})",
        time(spread.median()),
        time(spread.low()),
        time(spread.high())
    );
}

/// Where `Auto` changes from one function to the next.
fn crossings(values: &[f64]) {
    let mut table = Table::new(
        "by size, the data in the caches where it fits",
        ["", "Exact, one thread", "Exact", "Fast, one thread", "Fast", "Sampled", "read pass"],
    );
    for size in
        [4 << 10, 64 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20, 16 << 20, 64 << 20]
    {
        let Some(part) = values.get(..size / 8) else { continue };
        let by = |strategy, threads| {
            median(size, || {
                let mut hasher = ContentHasher::new(strategy).with_threads(threads);
                part.content_hash(&mut hasher);
                black_box(hasher.finish().expect("numbers have a digest"));
            })
        };
        let pass = median(size, || seen(read(bytemuck::cast_slice(part), 1)));
        table.row([
            daglite::ByteSize::new(size as u64).to_string(),
            time(by(Strategy::Exact, 1)),
            time(by(Strategy::Exact, 2)),
            time(by(Strategy::Fast, 1)),
            time(by(Strategy::Fast, 2)),
            time(by(Strategy::Sampled, 1)),
            time(pass),
        ]);
    }
    println!("{table}");
}

/// How many random changes of one number a strategy does not notice: those that read every byte none, and `Sampled` as many as its
/// docs say.
fn unnoticed(values: &[f64]) {
    let Some(part) = values.get(..(1 << 20) / 8) else { return };
    let mut part = part.to_vec();
    let strategies = [Strategy::Exact, Strategy::Fast, Strategy::Sampled];
    let before = strategies.map(|strategy| digest(strategy, &part));
    let mut unnoticed = [0; 3];
    let mut random = blake3::Hasher::new().finalize_xof();
    for _ in 0..CHANGES {
        let mut number = [0; 8];
        random.fill(&mut number);
        let number = u64::from_le_bytes(number);
        let (at, bit) = ((number >> 6) as usize % part.len(), 1_u64 << (number % 64));
        part[at] = f64::from_bits(part[at].to_bits() ^ bit);
        for (number, strategy) in strategies.into_iter().enumerate() {
            unnoticed[number] += usize::from(digest(strategy, &part) == before[number]);
        }
        part[at] = f64::from_bits(part[at].to_bits() ^ bit);
    }
    let [exact, fast, sampled] = unnoticed;
    println!(
        "\n  of {CHANGES} changes of one number in 1 MiB Exact missed {exact}, Fast {fast}, Sampled {sampled}"
    );
}

/// The samples of an image of 4000 × 3000 pixels in three colours, which is hashed where they lie.
fn image() {
    let samples: Vec<u8> = (0..4000 * 3000 * 3_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let mut table = Table::new("an image of 4000 × 3000 pixels, RGB", ["", "median", "lowest"]);
    for strategy in [Strategy::Auto, Strategy::Exact] {
        let times = (0..4 * ROUNDS).map(|_| {
            let mut hasher = ContentHasher::new(strategy);
            let started = Instant::now();
            samples.content_hash(&mut hasher);
            black_box(hasher.finish().expect("an image has a digest"));
            started.elapsed().as_secs_f64() * 1e9
        });
        let spread = Spread::of(times).expect("there are rounds");
        table.row([format!("{strategy:?}"), time(spread.median()), time(spread.low())]);
    }
    println!("{table}");
}

/// The median time of work on `size` bytes.
fn median(size: usize, mut work: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let times = ((4 << 20) / size).max(1) as u32;
        let started = Instant::now();
        (0..times).for_each(|_| work());
        started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    });
    Spread::of(times).expect("there are rounds").median()
}

/// A struct of ten fields, as arguments have them.
#[derive(ContentHash, Serialize)]
struct Options {
    window: usize,
    rate: f64,
    station: String,
    depth: u32,
    seed: u64,
    verbose: bool,
    low: f64,
    high: f64,
    mode: u8,
    step: i32,
}

/// What an argument of a call costs.
fn small() {
    let options = Options {
        window: 30,
        rate: 0.1,
        station: "north".to_owned(),
        depth: 4,
        seed: 42,
        verbose: false,
        low: -1.0,
        high: 1.0,
        mode: 2,
        step: -3,
    };
    let by_serde = || {
        let mut hasher = ContentHasher::new(Strategy::Auto);
        serde_hash(black_box(&options), &mut hasher);
        black_box(hasher.finish().expect("it has a digest"));
    };
    let mut table =
        Table::new("arguments, a digest each", ["", "median", "lowest", "blake3 alone"]);
    let mut row = |name: &str, streamed: usize, work: &mut dyn FnMut()| {
        let (spread, floor) = (
            laps(work),
            laps(&mut || {
                black_box(blake3::hash(black_box(&[7; 1024][..streamed])));
            }),
        );
        table.row([
            name.to_owned(),
            time(spread.median()),
            time(spread.low()),
            time(floor.median()),
        ]);
    };
    row("u64", 27, &mut || drop(black_box(content_digest(black_box(&7_u64)))));
    row("String of 5 letters", 33, &mut || drop(black_box(content_digest(black_box("north")))));
    row("struct of ten fields, derived", 18 + 17 + OPTIONS_VALUES, &mut || {
        drop(black_box(content_digest(black_box(&options))));
    });
    let by_name = 18 + (9 + 7 + 8) + OPTIONS_NAMES + OPTIONS_VALUES + 9;
    row("struct of ten fields, by serde", by_name, &mut || by_serde());
    println!("{table}");
}

/// Bytes of the values of [`Options`] in a stream, and of their names where these are written. Before them stand the 18 bytes that
/// every stream begins with, and what the struct is: 17 bytes where it is derived.
const OPTIONS_VALUES: usize = 5 * 9 + 15 + 5 + 2 + 2 + 5;
const OPTIONS_NAMES: usize = 10 * 9 + 48;

/// Times of a small piece of work.
fn laps(work: &mut dyn FnMut()) -> Spread {
    let times = (0..LAPS).map(|_| {
        let started = Instant::now();
        (0..LAP).for_each(|_| work());
        started.elapsed().as_secs_f64() * 1e9 / f64::from(LAP)
    });
    Spread::of(times).expect("there are laps")
}

/// The peers in Python, which print their own lines.
fn python(megabytes: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/hashes.py");
    let quiet =
        Command::new("python3").arg(&script).arg("--importable").stderr(Stdio::null()).status();
    if !quiet.is_ok_and(|status| status.success()) {
        println!("\n  no peers in Python: pip install joblib dask xxhash blake3 numpy");
        return;
    }
    let output = Command::new("python3").arg(&script).arg(megabytes.to_string()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let mut table = Table::new(
        format!("in Python, {megabytes} MB of float64 and arguments"),
        ["", "median", "lowest", "extra memory"],
    );
    for line in text.unwrap_or_default().lines() {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap_or_default().to_owned();
        let mut figure = || cells.next().and_then(|cell| cell.parse::<f64>().ok()).unwrap_or(0.0);
        let (median, lowest, extra) = (figure(), figure(), figure());
        let extra = format!("{} KiB", digits(extra / 1024.0));
        table.row([name, time(median), time(lowest), extra]);
    }
    println!("{table}");
}

/// Forgets the most memory that the process ever had, and returns what it has now.
fn reset_peak() -> Option<f64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    peak()
}

/// The most bytes of memory that the process had, where the system tells it.
fn peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}
