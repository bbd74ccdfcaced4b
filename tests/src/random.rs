//! Numbers that look random and come again from the same seed, and how long the attacks on stores last.

use std::env;
use std::time::{Duration, Instant};

use daglite::Digest;

/// A small generator (splitmix64): the same seed gives the same numbers in every process.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// The seed of this run of a test: `DAGLITE_TEST_SEED`, else another one each time. A failure must print it.
pub fn seed() -> u64 {
    number_in("DAGLITE_TEST_SEED").unwrap_or_else(|| {
        let moment = format!("{:?} {}", Instant::now(), std::process::id());
        let digest = Digest::of_bytes(moment.as_bytes());
        digest.as_bytes()[..4].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    })
}

/// How many rounds an attack has: `usual`, or `DAGLITE_TEST_ROUNDS` if that is more.
pub fn rounds(usual: u64) -> u64 {
    number_in("DAGLITE_TEST_ROUNDS").map_or(usual, |wanted| wanted.max(usual))
}

/// How long an attack lasts: `DAGLITE_TEST_SECONDS`, else 10 seconds.
pub fn duration() -> Duration {
    Duration::from_secs(number_in("DAGLITE_TEST_SECONDS").unwrap_or(10))
}

/// The number in a variable of the environment.
fn number_in(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`: write a number")))
}
