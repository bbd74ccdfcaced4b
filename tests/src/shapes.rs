//! Large graphs of four shapes, whose tasks do next to nothing.

use std::env;

use daglite::prelude::*;

use crate::random::Random;

/// So many nodes before it are those that one of a random graph may need.
const NEAR: u64 = 1_000;

/// How the nodes of a graph hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each node needs the one before it.
    Chain,
    /// No node needs another; all results are gathered.
    Wide,
    /// Each node needs two that no other needs: half of them are leaves.
    Tree,
    /// Each node needs two of the thousand before it; the results of those that nobody needs are gathered.
    Random,
}

#[task]
fn one() -> u64 {
    1
}

#[task]
fn more(n: u64) -> u64 {
    n.wrapping_add(1)
}

#[task]
fn sum(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 4] = [Self::Chain, Self::Wide, Self::Tree, Self::Random];

    /// A graph of so many tasks: its result, and the values that are right.
    pub fn graph(self, nodes: usize) -> (TaskFuture<Vec<u64>>, Vec<u64>) {
        match self {
            Self::Chain => {
                let chain = (1..nodes).fold(one(), |chain, _| more(chain));
                (join_all([chain]), vec![nodes as u64])
            }
            Self::Wide => (join_all((0..nodes).map(|_| one())), vec![1; nodes]),
            Self::Tree => {
                let leaves = nodes.div_ceil(2);
                (join_all([tree((0..leaves).map(|_| one()).collect())]), vec![leaves as u64])
            }
            Self::Random => random_graph(nodes),
        }
    }
}

/// Pairs are added until one is left.
fn tree(mut level: Vec<TaskFuture<u64>>) -> TaskFuture<u64> {
    while level.len() > 1 {
        let mut pairs = level.into_iter();
        let mut next = Vec::new();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => sum(left, right),
                None => left,
            });
        }
        level = next;
    }
    level.pop().expect("a tree has a leaf")
}

fn random_graph(nodes: usize) -> (TaskFuture<Vec<u64>>, Vec<u64>) {
    let mut random = Random::new(7);
    let mut all = vec![(one(), 1_u64)];
    let mut is_needed = vec![false; nodes];
    for at in 1..nodes as u64 {
        let mut source = || (at - 1 - random.below(at.min(NEAR))) as usize;
        let (a, b) = (source(), source());
        (is_needed[a], is_needed[b]) = (true, true);
        let value = all[a].1.wrapping_add(all[b].1);
        all.push((sum(&all[a].0, &all[b].0), value));
    }
    let ends = all.into_iter().zip(is_needed).filter(|(_, is_needed)| !is_needed);
    let (futures, values): (Vec<_>, Vec<_>) = ends.map(|(end, _)| end).unzip();
    (join_all(futures), values)
}

/// How many nodes a large graph of the usual tests has: `DAGLITE_TEST_NODES`, else so many that they take no time worth a word.
pub fn nodes() -> usize {
    let wanted = env::var("DAGLITE_TEST_NODES").ok();
    wanted.map_or(100_000, |text| text.parse().expect("DAGLITE_TEST_NODES is a number"))
}
