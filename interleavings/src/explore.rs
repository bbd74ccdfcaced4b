//! Tries a test in many orders of its threads.

use std::env;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// What a wait does whose end is not only that somebody tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// It waits until somebody tells, so that nothing that was not told is found only because time goes by.
    Endless,
    /// Its time may be over at any moment.
    Ending,
}

/// The stack of a thread, in words: more than enough for the library as it is built for tests.
const STACK: usize = 1 << 16;

/// Runs `test` in so many orders of its threads as `DAGLITE_ORDERS` says, else in `usual`: half of them at random, half with few
/// changes at places that count. Panics with the first in which it fails, or in which nobody can go on; `DAGLITE_ORDER` is what that
/// prints, and tries it alone.
///
/// All threads must have ended when `test` returns, or end by themselves soon after: one that stays behind is a failure.
pub fn explore(waits: Waits, usual: usize, test: impl Fn() + Send + Sync + 'static) {
    let test = std::sync::Arc::new(move || {
        super::begin(waits);
        // One that does nothing: the scheduler takes a test that has a single thread for a mistake.
        let other = shuttle::thread::spawn(|| ());
        test();
        other.join().expect("it does nothing");
    });
    let mut config = Config::new();
    config.stack_size = STACK * size_of::<usize>();
    config.max_steps = MaxSteps::FailAfter(200_000);
    config.silence_warnings = true;
    if let Ok(order) = env::var("DAGLITE_ORDER") {
        let scheduler = shuttle::scheduler::ReplayScheduler::new_from_encoded(&order);
        Runner::new(scheduler, config).run(move || test());
        return;
    }
    let orders = match env::var("DAGLITE_ORDERS") {
        Ok(text) => text.parse().expect("DAGLITE_ORDERS is a number"),
        Err(_) => usual,
    };
    let at_random = std::sync::Arc::clone(&test);
    let random = RandomScheduler::new(orders.div_ceil(2));
    Runner::new(random, config.clone()).run(move || at_random());
    Runner::new(PctScheduler::new(3, orders.div_ceil(2)), config).run(move || test());
}
