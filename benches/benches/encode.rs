//! Values to bytes and back: beside a copy of the memory, through a store, and how many threads read a registry at once.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use daglite::prelude::*;
use daglite::{Digest, RawNumber};
use daglite_benches::own::file_store;
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, ratio, time};
use daglite_benches::{is_bench, machine};
use parking_lot::RwLock;

/// The bytes of a value.
const BYTES: usize = 100_000_000;
/// How often each is measured, in turn with the others.
const ROUNDS: usize = 11;

/// A name, and what is measured under it.
type Contender<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// The times of each contender; they take turns.
fn measure(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<(String, Spread)> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for ((_, work), times) in contenders.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work();
            // The first round warms up.
            if round > 0 {
                times.push(start.elapsed().as_nanos() as f64);
            }
        }
    }
    let names = contenders.iter().map(|(name, _)| (*name).to_owned());
    let spread = |times: Vec<f64>| Spread::of(times).expect("there are rounds");
    names.zip(times.into_iter().map(spread)).collect()
}

/// A table of times, each beside the first.
fn table(title: &str, measured: &[(String, Spread)]) -> Table {
    let mut table = Table::new(title, ["", "median", "× the first", "lowest", "× the first"]);
    let first = &measured[0].1;
    for (name, times) in measured {
        let [median, low] = [times.median(), times.low()];
        let (by_median, by_low) = (ratio(median, first.median()), ratio(low, first.low()));
        table.row([name.clone(), time(median), by_median, time(low), by_low]);
    }
    table
}

/// Numbers beside a copy of their memory.
fn beside_a_copy<N: RawNumber>(name: &str, numbers: &Vec<N>, bytes: &[u8]) -> Table {
    let raw = Format::<Vec<N>>::raw();
    let encoded = raw.encode(numbers).expect("it holds all numbers");
    assert_eq!(encoded, bytes);
    let mut contenders: Vec<Contender<'_>> = vec![
        ("copy into new memory", Box::new(|| drop(black_box(bytes.to_vec())))),
        ("encode", Box::new(|| drop(black_box(raw.encode(numbers))))),
        ("decode", Box::new(|| drop(black_box(raw.decode(&encoded))))),
    ];
    table(&format!("100 MB of `{name}`, raw"), &measure(&mut contenders, ROUNDS))
}

#[task(cache)]
fn numbers(seed: u64) -> Vec<f64> {
    vec![seed as f64; BYTES / size_of::<f64>()]
}

/// A value through a store, beside a file.
fn through_a_store() -> Table {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let value = vec![0.5_f64; BYTES / size_of::<f64>()];
    let bytes = Format::<Vec<f64>>::raw().encode(&value).expect("it holds all numbers");
    let path = folder.path().join("plain");
    let session = || {
        let store = file_store(&folder.path().join("cache"));
        Session::builder().cache(store).without_memory().build().expect("its settings are right")
    };
    let mut seed = 0;
    let mut contenders: Vec<Contender<'_>> = vec![
        (
            "make it, hash it, write a file",
            Box::new(|| {
                let value = vec![0.5_f64; BYTES / size_of::<f64>()];
                black_box((Digest::of_bytes(&bytes), value));
                fs::write(&path, &bytes).expect("it can be written");
            }),
        ),
        (
            "compute it in a run that puts it",
            Box::new(|| {
                seed += 1;
                drop(black_box(numbers(seed).run_in(&session()).expect("it runs")));
            }),
        ),
        (
            "read a file and hash it",
            Box::new(|| {
                let bytes = fs::read(&path).expect("it can be read");
                black_box(Digest::of_bytes(&bytes));
            }),
        ),
        (
            "load it in a run that finds it",
            Box::new(|| drop(black_box(numbers(1).run_in(&session()).expect("it runs")))),
        ),
    ];
    table("100 MB of `f64` through a store", &measure(&mut contenders, 5))
}

/// How long a look-up takes when so many threads make them at once.
fn look_up(threads: usize, one: impl Fn() + Sync) -> f64 {
    const TIMES: u32 = 1_000_000;
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..TIMES).for_each(|_| one()));
        }
    });
    start.elapsed().as_nanos() as f64 / f64::from(TIMES)
}

/// A registry under several threads, beside a snapshot that is counted behind a lock.
fn under_many_threads() -> Table {
    let registry = Registry::new();
    let format = Format::new("one", "bin", |_: &u32| Ok(Vec::new()), |_| Ok(1));
    registry.register(format).expect("it is new");
    let locked = RwLock::new(Arc::new(vec![String::from("bin")]));
    let head = ["threads", "lock and count", "find and decode"];
    let mut table =
        Table::new("a snapshot of what is registered, by each of so many threads", head);
    for threads in [1, 2] {
        let count = || {
            let snapshot = Arc::clone(&locked.read());
            black_box(snapshot.first());
        };
        let find = || drop(black_box(registry.registered::<u32>().deserialize(&[], "one")));
        let lowest = |one: &(dyn Fn() + Sync)| {
            let times = (0..ROUNDS).map(|_| look_up(threads, one));
            time(Spread::of(times).expect("there are rounds").low())
        };
        table.row([threads.to_string(), lowest(&count), lowest(&find)]);
    }
    table
}

fn main() {
    if !is_bench() {
        return;
    }
    println!("{}", machine::describe());
    let floats: Vec<f64> = (0..BYTES / 8).map(|n| n as f64).collect();
    let bytes: Vec<u8> = floats.iter().flat_map(|n| n.to_le_bytes()).collect();
    print!("{}", beside_a_copy("f64", &floats, &bytes));
    print!("{}", beside_a_copy("u8", &bytes, &bytes));
    drop((floats, bytes));
    print!("{}", through_a_store());
    print!("{}", under_many_threads());
}
