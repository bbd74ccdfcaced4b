//! One call of a cached function in one process: found in memory, found on disk, and not found.
//!
//! Criterion measures each contender; at the end its medians are printed side by side. Contenders of one group do the
//! same work: a call with a number gives a number, or a mebibyte.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use cached::Cached;
use cached::macros::{cached, concurrent_cached};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use daglite::CacheStore;
use daglite::prelude::*;
use daglite_benches::call::{Call, in_session};
use daglite_benches::own::{file_store, session};
use daglite_benches::plain::{decode, encode, in_plain_files};
use daglite_benches::table::{Table, ratio, time};
use daglite_benches::{is_bench, machine};
use tempfile::TempDir;

use redb_files::in_redb;

mod redb_files;

/// The bytes of a big value.
const BIG: usize = 1 << 20;

/// The work behind a small result.
fn square_of(n: u64) -> u64 {
    n.wrapping_mul(n)
}

/// The work behind a big result. It is part of what a put costs, whoever puts.
fn block_of(n: u64) -> Vec<u8> {
    vec![n.to_le_bytes()[0]; BIG]
}

#[task(cache)]
fn square(n: u64) -> u64 {
    square_of(n)
}

#[task(cache)]
fn block(n: u64) -> Vec<u8> {
    block_of(n)
}

#[cached]
fn cached_square(n: u64) -> u64 {
    square_of(n)
}

#[cached(sync_writes = "by_key")]
fn cached_by_key_square(n: u64) -> u64 {
    square_of(n)
}

#[concurrent_cached]
fn concurrent_cached_square(n: u64) -> u64 {
    square_of(n)
}

#[cached]
fn cached_block(n: u64) -> Vec<u8> {
    block_of(n)
}

/// A way to cache a function, over and over in another empty folder.
struct Contender<T> {
    name: &'static str,
    open: fn(&Path) -> Call<T>,
}

/// Contenders that answer a call with a small result. The first of each list is daglite.
const SMALL_IN_MEMORY: [Contender<u64>; 4] = [
    Contender { name: "daglite, MemoryStore", open: |folder| daglite(MemoryStore::new(), folder) },
    Contender { name: "cached", open: |_| Box::new(cached_square) },
    Contender { name: "cached, sync_writes by_key", open: |_| Box::new(cached_by_key_square) },
    Contender { name: "concurrent_cached", open: |_| Box::new(concurrent_cached_square) },
];

const SMALL_ON_DISK: [Contender<u64>; 3] = [
    Contender { name: "daglite, FileStore", open: |folder| daglite(file_store(folder), folder) },
    Contender { name: "cached, redb unsynced", open: |folder| in_redb(folder, square_of) },
    Contender { name: "plain file", open: plain_small },
];

/// The same for a big one.
const BIG_IN_MEMORY: [Contender<Vec<u8>>; 2] = [
    Contender {
        name: "daglite, MemoryStore",
        open: |folder| daglite_big(MemoryStore::new(), folder),
    },
    Contender {
        name: "cached",
        open: |_| {
            CACHED_BLOCK.write().cache_clear();
            Box::new(cached_block)
        },
    },
];

const BIG_ON_DISK: [Contender<Vec<u8>>; 3] = [
    Contender {
        name: "daglite, FileStore",
        open: |folder| daglite_big(file_store(folder), folder),
    },
    Contender { name: "cached, redb unsynced", open: |folder| in_redb(folder, block_of) },
    Contender { name: "plain file", open: plain_big },
];

fn daglite(store: impl CacheStore, folder: &Path) -> Call<u64> {
    in_session(session(store, folder), |n| square(n))
}

fn daglite_big(store: impl CacheStore, folder: &Path) -> Call<Vec<u8>> {
    in_session(session(store, folder), |n| block(n))
}

fn plain_small(folder: &Path) -> Call<u64> {
    in_plain_files(folder, square_of, encode, decode)
}

fn plain_big(folder: &Path) -> Call<Vec<u8>> {
    in_plain_files(folder, block_of, Vec::clone, |bytes| bytes)
}

/// An argument that nothing has been called with before, in this process.
fn unseen() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn empty_folder() -> TempDir {
    TempDir::new().expect("the folder for temporary files can be written")
}

/// The bench as a whole: what criterion measures, and the names of what it has measured.
struct Bench {
    criterion: Criterion,
    measured: Vec<(&'static str, Vec<&'static str>)>,
}

impl Bench {
    fn group<T>(
        &mut self,
        title: &'static str,
        contenders: &[Contender<T>],
        measure: impl Fn(&mut BenchmarkGroup<'_, WallTime>, &Contender<T>, &mut bool),
    ) {
        let mut group = self.criterion.benchmark_group(title);
        let mut names = Vec::new();
        for contender in contenders {
            // A filter on the command line may leave it out.
            let mut ran = false;
            measure(&mut group, contender, &mut ran);
            names.extend(ran.then_some(contender.name));
        }
        group.finish();
        self.measured.push((title, names));
    }

    /// Calls with `keys` arguments in turn, all of which have been called with before.
    fn hits<T>(&mut self, title: &'static str, contenders: &[Contender<T>], keys: u64) {
        self.group(title, contenders, |group, contender, ran| {
            group.bench_function(contender.name, |bencher| {
                *ran = true;
                let folder = empty_folder();
                let call = (contender.open)(folder.path());
                (0..keys).for_each(|n| drop(call(n)));
                let mut n = 0;
                bencher.iter(|| {
                    n = (n + 1) % keys;
                    call(black_box(n))
                });
            });
        });
    }

    /// The same, on two threads at once: what a call takes on each of them.
    fn hits_on_two_threads<T>(
        &mut self,
        title: &'static str,
        contenders: &[Contender<T>],
        keys: u64,
    ) {
        self.group(title, contenders, |group, contender, ran| {
            group.bench_function(contender.name, |bencher| {
                *ran = true;
                let folder = empty_folder();
                let call = (contender.open)(folder.path());
                (0..keys).for_each(|n| drop(call(n)));
                bencher.iter_custom(|calls| {
                    let all = || {
                        let started = Instant::now();
                        (0..calls).for_each(|n| drop(black_box(call(black_box(n % keys)))));
                        started.elapsed()
                    };
                    thread::scope(|scope| {
                        let other = scope.spawn(all);
                        let own = all();
                        (own + other.join().expect("calls do not panic")) / 2
                    })
                });
            });
        });
    }

    /// Calls with arguments that nobody has called with, into a store that starts empty every `most` calls.
    fn puts<T>(&mut self, title: &'static str, contenders: &[Contender<T>], most: u64) {
        // A file system that is still busy with removing thousands of files answers slowly. A few big ones it forgets
        // at once, and keeping them would fill the disk.
        let kept = RefCell::new(Vec::new());
        let keep = |folder| kept.borrow_mut().extend((most >= 1000).then_some(folder));
        self.group(title, contenders, |group, contender, ran| {
            group.sampling_mode(SamplingMode::Flat);
            group.bench_function(contender.name, |bencher| {
                *ran = true;
                bencher.iter_custom(|mut calls| {
                    let mut took = Duration::ZERO;
                    while calls > 0 {
                        let folder = empty_folder();
                        let call = (contender.open)(folder.path());
                        let now = calls.min(most);
                        calls -= now;
                        let started = Instant::now();
                        (0..now).for_each(|_| drop(black_box(call(unseen()))));
                        took += started.elapsed();
                        drop(call);
                        keep(folder);
                    }
                    took
                });
            });
        });
    }

    /// Criterion's medians side by side.
    fn print(&self, estimates: &Path) {
        println!("\n{}", machine::describe());
        for (title, names) in &self.measured {
            let mut table =
                Table::new(*title, ["contender", "a call", "95 % sure", "daglite takes"]);
            let figures: Vec<_> = names
                .iter()
                .filter_map(|name| Some((*name, read_median(estimates, title, name)?)))
                .collect();
            let own = figures.iter().find(|(name, _)| name.starts_with("daglite"));
            for (name, [median, low, high]) in &figures {
                let sure = format!("{} .. {}", time(*low), time(*high));
                let takes = own.map_or("-".to_string(), |(_, own)| ratio(own[0], *median));
                table.row([name.to_string(), time(*median), sure, takes]);
            }
            if !figures.is_empty() {
                println!("{table}");
            }
        }
    }
}

/// The median in nanoseconds, and the ends of its confidence interval.
fn read_median(estimates: &Path, title: &str, name: &str) -> Option<[f64; 3]> {
    let path = estimates.join(title).join(name).join("new/estimates.json");
    let text = fs::read(path).ok()?;
    let all: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let median = &all["median"];
    let interval = &median["confidence_interval"];
    let figures = [&median["point_estimate"], &interval["lower_bound"], &interval["upper_bound"]];
    let [Some(median), Some(low), Some(high)] = figures.map(serde_json::Value::as_f64) else {
        return None;
    };
    Some([median, low, high])
}

fn main() {
    let estimates = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion");
    let criterion = Criterion::default()
        .output_directory(&estimates)
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut bench = Bench { criterion, measured: Vec::new() };
    println!("{}", machine::describe());
    bench.hits("hit in memory, u64", &SMALL_IN_MEMORY, 1000);
    bench.hits_on_two_threads("hit in memory, u64, two threads", &SMALL_IN_MEMORY, 1000);
    bench.hits("hit on disk, u64", &SMALL_ON_DISK, 1000);
    bench.hits_on_two_threads("hit on disk, u64, two threads", &SMALL_ON_DISK, 1000);
    bench.hits("hit in memory, 1 MiB", &BIG_IN_MEMORY, 16);
    bench.hits("hit on disk, 1 MiB", &BIG_ON_DISK, 16);
    bench.puts("put in memory, u64", &SMALL_IN_MEMORY, 100_000);
    bench.puts("put on disk, u64", &SMALL_ON_DISK, 1000);
    bench.puts("put in memory, 1 MiB", &BIG_IN_MEMORY, 64);
    bench.puts("put on disk, 1 MiB", &BIG_ON_DISK, 64);
    bench.criterion.final_summary();
    if is_bench() {
        bench.print(&estimates);
    }
}
