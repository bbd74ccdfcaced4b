//! What one process measures of one store: the bench `store` starts a process for each measurement, and reads the
//! figures that it prints. Peers that are not compiled into the bench answer to the same words.

use std::collections::HashSet;
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{hint, io, thread};

use crate::cache::{Cache, Held, Runs, value_of};
use crate::spread::Spread;

/// The first argument of a process that measures.
pub const PART: &str = "--part";
/// Puts many values: `fill FOLDER SIZE FROM TO` prints the nanoseconds of each.
pub const FILL: &str = "fill";
/// Panics unless the session says that all are hits: `check FOLDER SIZE ENTRIES`.
pub const CHECK: &str = "check";
/// Looks up some values one by one: `hits FOLDER SIZE ENTRIES LOOK-UPS` prints the nanoseconds of opening, of the first
/// look-up, and the median of the others.
pub const HITS: &str = "hits";
/// Looks up all values in one go: `sweep FOLDER SIZE ENTRIES` prints the nanoseconds of each.
pub const SWEEP: &str = "sweep";
/// Puts some values and looks them up in a store opened anew: `big FOLDER SIZE COUNT` prints the median nanoseconds of both.
pub const BIG: &str = "big";
/// Reads for a while, once a line comes in: `read FOLDER SIZE ENTRIES MILLISECONDS` prints how many times a second.
pub const READ: &str = "read";
/// Looks up values until the input ends: `watch FOLDER SIZE FROM TO` prints how many, how many were not there, and the
/// median and the slowest nanoseconds.
pub const WATCH: &str = "watch";

/// How many values are put in one graph.
const AT_ONCE: usize = 100_000;

/// Opens a store in a folder, for values of so many bytes.
pub type Open = fn(&Path, usize) -> Box<dyn Cache>;

/// Does what the arguments of a process ask for, if they are of this kind. One of the contenders is meant by its name.
pub fn answer(contenders: &[(&str, Open)], arguments: &[String]) -> bool {
    let [first, part, name, folder, numbers @ ..] = arguments else {
        return false;
    };
    if first != PART {
        return false;
    }
    let folder = PathBuf::from(folder);
    let numbers: Vec<u64> =
        numbers.iter().map(|number| number.parse().expect("a number")).collect();
    let (&size, numbers) = numbers.split_first().expect("the size of a value");
    let size = usize::try_from(size).expect("it fits in memory");
    let (_, open) = contenders.iter().find(|(known, _)| known == name).expect("a contender");
    let figures = match (part.as_str(), numbers) {
        (FILL, &[from, to]) => fill(open(&folder, size), size, from, to),
        (CHECK, &[entries]) => {
            Runs::open(&folder, size).check(&(0..entries).collect::<Vec<_>>());
            Vec::new()
        }
        (HITS, &[entries, count]) => hits(*open, &folder, size, entries, count),
        (SWEEP, &[entries]) => sweep(open(&folder, size), size, entries),
        (BIG, &[count]) => big(*open, &folder, size, count),
        (READ, &[entries, millis]) => read(open(&folder, size), size, entries, millis),
        (WATCH, &[from, to]) => watch(open(&folder, size), size, from, to),
        _ => panic!("no part of the bench is called `{part}` and takes {numbers:?}"),
    };
    let printed: Vec<String> = figures.iter().map(f64::to_string).collect();
    println!("{}", printed.join(" "));
    true
}

/// The nanoseconds since `started`.
fn nanos(started: Instant) -> f64 {
    started.elapsed().as_nanos() as f64
}

/// The one in the middle of some nanoseconds.
fn median(nanos: Vec<f64>) -> f64 {
    Spread::of(nanos).expect("something was measured").median()
}

/// Some of the numbers below `entries`, each once, without any order that a store could follow; other ones in each process.
fn scattered(entries: u64, count: u64) -> impl Iterator<Item = u64> {
    let seed = u64::from(std::process::id()) | 1;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut seen = HashSet::new();
    let numbers = std::iter::from_fn(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((state >> 33) % entries)
    });
    let fresh = numbers.filter(move |n| seen.insert(*n));
    fresh.take(usize::try_from(count.min(entries)).expect("it fits in memory"))
}

/// See [`FILL`].
fn fill(mut cache: Box<dyn Cache>, size: usize, from: u64, to: u64) -> Vec<f64> {
    let numbers: Vec<u64> = (from..to).collect();
    let started = Instant::now();
    for some in numbers.chunks(AT_ONCE) {
        cache.put_all(some, size);
    }
    cache.finish();
    vec![nanos(started) / numbers.len() as f64]
}

/// Looks up `n` and sees that it is there and right; the nanoseconds of the look-up.
fn timed_hit(cache: &mut dyn Cache, n: u64, size: usize) -> f64 {
    let started = Instant::now();
    let held = hint::black_box(cache.hit(hint::black_box(n)));
    let took = nanos(started);
    assert!(held.is_some_and(|held| held.is_right(n, size)), "{n} is not there, or wrong");
    took
}

/// See [`HITS`].
fn hits(open: Open, folder: &Path, size: usize, entries: u64, count: u64) -> Vec<f64> {
    let numbers: Vec<u64> = scattered(entries, count).collect();
    let (first, others) = numbers.split_first().expect("there is an entry");
    let started = Instant::now();
    let mut cache = open(folder, size);
    let opened = nanos(started);
    let first = timed_hit(&mut *cache, *first, size);
    let others = others.iter().map(|n| timed_hit(&mut *cache, *n, size)).collect();
    vec![opened, first, median(others)]
}

/// See [`SWEEP`].
fn sweep(mut cache: Box<dyn Cache>, size: usize, entries: u64) -> Vec<f64> {
    let numbers: Vec<u64> = scattered(entries, 2).chain(0..entries).skip(2).collect();
    let started = Instant::now();
    let right = cache.hit_all(&numbers, size);
    let took = nanos(started);
    assert_eq!(right, numbers.len(), "not all values are there and right");
    vec![took / numbers.len() as f64]
}

/// See [`BIG`].
fn big(open: Open, folder: &Path, size: usize, count: u64) -> Vec<f64> {
    let mut cache = open(folder, size);
    // The first one warms up.
    let put = |n| {
        let value = value_of(n, size);
        let started = Instant::now();
        cache.put(n, value);
        nanos(started)
    };
    let puts = (0..=count).map(put).skip(1).collect();
    let started = Instant::now();
    cache.finish();
    // Whoever writes later writes nevertheless.
    let finish = nanos(started) / (count + 1) as f64;
    drop(cache);
    let mut cache = open(folder, size);
    let hits = (0..=count).map(|n| timed_hit(&mut *cache, n, size)).skip(1).collect();
    vec![median(puts) + finish, median(hits)]
}

/// See [`READ`].
fn read(mut cache: Box<dyn Cache>, size: usize, entries: u64, millis: u64) -> Vec<f64> {
    let numbers: Vec<u64> = scattered(entries, entries).collect();
    for n in numbers.iter().take(1000) {
        timed_hit(&mut *cache, *n, size);
    }
    say_ready();
    io::stdin().lock().read_line(&mut String::new()).expect("whoever started this says when");
    let started = Instant::now();
    let mut count = 0_u64;
    for n in numbers.iter().cycle() {
        assert!(
            cache.hit(*n).is_some_and(|held| held.is_right(*n, size)),
            "{n} is not there, or wrong"
        );
        count += 1;
        if started.elapsed() >= Duration::from_millis(millis) {
            break;
        }
    }
    vec![count as f64 / started.elapsed().as_secs_f64()]
}

/// See [`WATCH`].
fn watch(mut cache: Box<dyn Cache>, size: usize, from: u64, to: u64) -> Vec<f64> {
    let numbers: Vec<u64> = scattered(to - from, to - from).map(|n| from + n).collect();
    for n in numbers.iter().take(1000) {
        cache.hit(*n);
    }
    let over = AtomicBool::new(false);
    let (mut times, mut missing) = (Vec::new(), 0.0);
    thread::scope(|scope| {
        scope.spawn(|| {
            io::stdin().read_to_end(&mut Vec::new()).expect("whoever started this ends it");
            over.store(true, Ordering::Relaxed);
        });
        say_ready();
        for n in numbers.iter().cycle() {
            let started = Instant::now();
            let held: Option<Held> = cache.hit(*n);
            times.push(nanos(started));
            match held {
                Some(held) => assert!(held.is_right(*n, size), "{n} is wrong"),
                None => missing += 1.0,
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    let count = times.len() as f64;
    let spread = Spread::of(times).expect("there was one look-up or more");
    vec![count, missing, spread.median(), spread.high()]
}

/// Tells whoever started this that the measurement can begin.
fn say_ready() {
    println!("ready");
    io::stdout().flush().expect("whoever started this listens");
}
