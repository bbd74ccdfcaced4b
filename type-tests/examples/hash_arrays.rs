//! How long views of 800 MB of numbers take to hash, beside passes that do nothing but read them: run it with `--release`.
//!
//! Contenders take turns; the best of five rounds is told. A word after `--` asks for those alone whose names have it.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use daglite::{ContentHash, ContentHasher, Strategy};
use ndarray::{ArrayView1, ArrayView2, ArrayView3, Axis, Slice, s};

const COUNT: usize = 100_000_000;
const ROUNDS: usize = 5;

/// A name, and what is measured under it.
type Contender<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn hash(value: &impl ContentHash) {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    value.content_hash(&mut hasher);
    black_box(hasher.finish().unwrap());
}

/// Reads all numbers on all threads and does as little with them as can be.
fn read(values: &[f64]) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for share in values.chunks(values.len().div_ceil(threads)) {
            scope.spawn(|| {
                let mut lanes = [0_u64; 32];
                for line in share.chunks_exact(32) {
                    lanes.iter_mut().zip(line).for_each(|(lane, x)| *lane ^= x.to_bits());
                }
                black_box(lanes);
            });
        }
    });
}

fn main() {
    let values: Vec<f64> = (0..COUNT).map(|n| n as f64).collect();
    let table = |rows, columns| ArrayView2::from_shape((rows, columns), &values).unwrap();
    let cube = ArrayView3::from_shape((500, 500, 400), &values).unwrap();
    let mut reversed = ArrayView1::from(&values);
    reversed.invert_axis(Axis(0));
    let mut every_other = ArrayView1::from(&values);
    every_other.slice_axis_inplace(Axis(0), Slice::new(0, None, 2));
    let square = table(10_000, 10_000);
    let contenders: Vec<Contender<'_>> = vec![
        ("read pass", Box::new(|| read(&values))),
        ("together", Box::new(|| hash(&square))),
        ("reversed", Box::new(|| hash(&reversed))),
        ("every other number", Box::new(|| hash(&every_other))),
        ("half of the columns", Box::new(|| hash(&square.slice(s![.., ..5000])))),
        ("10,000 x 10,000, transposed", Box::new(|| hash(&square.t()))),
        ("1,000,000 x 100, transposed", Box::new(|| hash(&table(1_000_000, 100).t()))),
        ("100 x 1,000,000, transposed", Box::new(|| hash(&table(100, 1_000_000).t()))),
        ("500 x 500 x 400, axes reversed", Box::new(|| hash(&cube.t()))),
    ];
    let asked = std::env::args().nth(1).unwrap_or_default();
    let mut best = vec![Duration::MAX; contenders.len()];
    for _ in 0..ROUNDS {
        for ((name, work), best) in contenders.iter().zip(&mut best) {
            if *name == "read pass" || name.contains(&asked) {
                let start = Instant::now();
                work();
                *best = start.elapsed().min(*best);
            }
        }
    }
    for ((name, _), time) in contenders.iter().zip(&best).filter(|(_, time)| **time < Duration::MAX)
    {
        let times = time.as_secs_f64() / best[0].as_secs_f64();
        println!("{name:<32} {time:>8.1?}   × {times:.2}");
    }
}
