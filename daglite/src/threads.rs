//! Several threads for one piece of bulk work: never more than were asked for, and, all such work together, not many
//! more than the machine has.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// More threads than these wait for memory.
const MOST: usize = 8;

/// How many threads the machine has for one piece of work.
pub(crate) fn of_machine() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get).min(MOST))
}

/// Threads that help, in the whole process.
static HELPING: AtomicUsize = AtomicUsize::new(0);

/// Threads that one piece of work may take besides its own.
struct Helpers(usize);

impl Helpers {
    /// Those that are left of `most`.
    fn take(most: usize) -> Self {
        let mut taken = 0;
        // The count guards nothing but itself.
        let _ = HELPING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |helping| {
            taken = most.saturating_sub(helping);
            Some(helping + taken)
        });
        Self(taken)
    }

    /// One, if the machine has more threads than those that work.
    fn take_one() -> Self {
        let one_more = |helping| (helping + 1 < of_machine()).then_some(helping + 1);
        let taken = HELPING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        Self(usize::from(taken.is_ok()))
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        HELPING.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// What `work` makes of each number below `count`, in order. It is done on the calling thread and on others, `threads` in
/// all at most; each has what `room` makes for itself.
pub(crate) fn each<S, R: Send>(
    count: usize,
    threads: usize,
    room: impl Fn() -> S + Sync,
    work: impl Fn(usize, &mut S) -> R + Sync,
) -> Vec<R> {
    let helpers = Helpers::take(threads.min(count).saturating_sub(1));
    if helpers.0 == 0 {
        let mut room = room();
        return (0..count).map(|number| work(number, &mut room)).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut room = room();
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, work(number, &mut room)));
        }
    };
    let mut done = thread::scope(|scope| {
        // A machine that gives no more threads: those that are there do it.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let spawned: Vec<_> = (0..helpers.0).map_while(spawn).collect();
        let mut done = share();
        for thread in spawned {
            done.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does both, at the same time if there is a thread to spare.
pub(crate) fn both<A, B: Send>(
    here: impl FnOnce() -> A,
    there: impl FnOnce() -> B + Send,
) -> (A, B) {
    let helper = Helpers::take_one();
    if helper.0 == 0 {
        return (here(), there());
    }
    // Taken back if the machine gives no more threads.
    let there = Mutex::new(Some(there));
    let take = || there.lock().take();
    thread::scope(|scope| {
        let helper = thread::Builder::new().spawn_scoped(scope, || take().map(|there| there()));
        let done = here();
        let other = match helper {
            Ok(helper) => helper.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => take().map(|there| there()),
        };
        (done, other.expect("it is done by the one or by the other"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_done_once_and_stands_in_its_place() {
        for threads in [0, 1, 2, 3, 8] {
            for count in [0, 1, 2, 100] {
                let squares = each(count, threads, || (), |number, ()| number * number);
                let expected: Vec<usize> = (0..count).map(|number| number * number).collect();
                assert_eq!(squares, expected, "{threads} threads");
            }
        }
    }

    #[test]
    fn both_are_done_once_whether_there_is_a_thread_or_not() {
        for _ in 0..100 {
            let mut here = 0;
            let (one, other) = both(
                || {
                    here += 1;
                    both(|| 1, || 2)
                },
                || 3,
            );
            assert_eq!((here, one, other), (1, (1, 2), 3));
        }
        for _ in 0..20 {
            assert!(std::panic::catch_unwind(|| both(|| 1, || panic!("as was asked"))).is_err());
        }
    }

    #[test]
    fn a_panic_of_a_helper_is_the_callers_and_takes_no_thread_for_good() {
        for _ in 0..20 {
            let work = |number: usize, (): &mut ()| assert!(number < 50, "as was asked");
            assert!(std::panic::catch_unwind(|| each(100, 3, || (), work)).is_err());
        }
        let ids = each(
            1000,
            2,
            || (),
            |_, ()| {
                thread::yield_now();
                thread::current().id()
            },
        );
        assert_eq!(ids.len(), 1000);
    }
}
