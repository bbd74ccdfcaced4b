//! A task, and what its cache saves.
//!
//! ```text
//! cargo run -p daglite-examples --bin hello
//! ```
//!
//! Look at `count_primes`: a plain function with `#[task(cache)]` over it. A call computes nothing:
//! it returns a `TaskFuture`, which runs when it is asked for its value. Prints the same count
//! twice, first after a second or so, then at once. Run the program again and the first one comes
//! at once too: the results are in `.daglite/cache`. Change the body of `count_primes` and it
//! counts again; change a comment and it does not.

use daglite::prelude::*;

/// How many prime numbers there are below `limit`.
#[task(cache)]
fn count_primes(limit: u32) -> usize {
    // Slow on purpose: it tries all divisors.
    let is_prime = |&n: &u32| (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0);
    (2..limit).filter(is_prime).count()
}

fn main() -> Result<(), daglite::Error> {
    for round in ["first", "second"] {
        let outcome = count_primes(500_000).outcome()?;
        println!("{round}: {} primes below half a million; {}", outcome.value, outcome.summary);
    }
    Ok(())
}
