//! Timers: what is due is done however the clock is moved meanwhile, and what is called off is not.

use std::sync::Arc;
use std::time::Duration;

use super::super::timers::Timers;
use super::Count;
use crate::clock::Clock;
use crate::sync::{Waits, explore, thread};

/// Shows: who moves the clock waits until the thread of the timers sleeps (`moved` without the lock: nobody can go on).
#[test]
fn a_timer_is_called_however_soon_the_clock_is_moved() {
    explore(Waits::Endless, 1500, || {
        let (clock, hands) = Clock::manual();
        let timers = Timers::new(clock);
        let done = Count::new();
        let (first, second) = (Arc::clone(&done), Arc::clone(&done));
        let _later = timers.after(Duration::from_secs(60), Box::new(move || second.add()));
        let _soon = timers.after(Duration::from_secs(10), Box::new(move || first.add()));
        hands.advance(Duration::from_secs(10));
        done.wait_for(1);
        hands.advance(Duration::from_secs(50));
        done.wait_for(2);
    });
}

/// Shows: a timer that is dropped takes its action with it (a `Timer` that does nothing when it is dropped: it is called).
#[test]
fn a_timer_that_is_called_off_is_not_called() {
    explore(Waits::Endless, 800, || {
        let (clock, hands) = Clock::manual();
        let timers = Timers::new(clock);
        let (called, done) = (Count::new(), Count::new());
        let (calls, ends) = (Arc::clone(&called), Arc::clone(&done));
        let off = timers.after(Duration::from_secs(10), Box::new(move || calls.add()));
        let _on = timers.after(Duration::from_secs(20), Box::new(move || ends.add()));
        let drops = thread::spawn(move || drop(off));
        drops.join().expect("it drops a timer");
        hands.advance(Duration::from_secs(20));
        done.wait_for(1);
        assert_eq!(called.now(), 0);
    });
}
