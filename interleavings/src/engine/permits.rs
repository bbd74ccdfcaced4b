//! The pool: no job is lost, no more run at once than there are permits, and none of those is lost either.
//!
//! That all threads of the pool leave when it is dropped is tested by each of these: one that stays has the scheduler find that
//! nobody can go on.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::super::pool::{Pool, without_permits};
use super::Count;
use crate::sync::{AtomicU64, Mutex, Waits, explore, thread};
use std::sync::atomic::Ordering;

/// How many are at work, and the most that ever were.
#[derive(Default)]
struct AtWork {
    now: AtomicU64,
    most: AtomicU64,
}

impl AtWork {
    /// Does `work` as one of them.
    fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let result = work();
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

/// As many jobs as there are permits are at work at once, so none is lost; and one more is not.
fn all_permits_are_there(pool: &Arc<Pool>) {
    let permits = pool.concurrency();
    let (met, done, at_work) = (Count::new(), Count::new(), Arc::<AtWork>::default());
    for number in 0..=permits {
        let (met, done, at_work) = (Arc::clone(&met), Arc::clone(&done), Arc::clone(&at_work));
        pool.submit(Box::new(move || {
            at_work.during(|| {
                // The last one comes when another has gone.
                if number < permits { met.meet(permits) } else { thread::yield_now() }
            });
            done.add();
        }));
    }
    done.wait_for(permits + 1);
    assert_eq!(at_work.most.load(Ordering::SeqCst), permits as u64, "permits came out of nothing");
}

/// Shows: a thread that is told counts as idle until it comes, so whoever submits meanwhile must not count on it a second time
/// (`idle > 0` in place of `idle >= doable` in `dispatch`: nobody can go on).
#[test]
fn as_many_jobs_run_at_once_as_there_are_permits() {
    for waits in [Waits::Endless, Waits::Ending] {
        explore(waits, 1000, || {
            let pool = Arc::new(Pool::new(2));
            let first = Count::new();
            let told = Arc::clone(&first);
            pool.submit(Box::new(move || told.add()));
            first.wait_for(1);
            all_permits_are_there(&pool);
        });
    }
}

/// Shows: a thread that leaves because its time is over looks once more (`if timed_out { return; }` in `work`: a job is left lying).
#[test]
fn no_job_is_lost_however_threads_come_and_go() {
    for waits in [Waits::Endless, Waits::Ending] {
        explore(waits, 1000, || {
            let pool = Arc::new(Pool::new(2));
            let done = Count::new();
            let submitters: Vec<_> = (0..2)
                .map(|_| {
                    let (pool, done) = (Arc::clone(&pool), Arc::clone(&done));
                    thread::spawn(move || {
                        for light in [false, true, false] {
                            let done = Arc::clone(&done);
                            let job = Box::new(move || done.add());
                            if light { pool.submit_light(job) } else { pool.submit(job) }
                        }
                    })
                })
                .collect();
            done.wait_for(6);
            submitters.into_iter().for_each(|thread| thread.join().expect("it submits"));
            assert_eq!(done.now(), 6, "a job was done twice");
        });
    }
}

/// Shows: who sleeps gives its permit back (without `give_back` in `without_permits`: nobody can go on), and takes it again when it
/// wakes (without that: permits come out of nothing).
#[test]
fn a_job_that_sleeps_leaves_its_permit_to_others() {
    explore(Waits::Endless, 1000, || {
        let pool = Arc::new(Pool::new(1));
        let (woken, done, at_work) = (Count::new(), Count::new(), Arc::<AtWork>::default());
        for _ in 0..2 {
            let (inner, woken, done) = (Arc::clone(&pool), Arc::clone(&woken), Arc::clone(&done));
            pool.submit(Box::new(move || {
                assert!(inner.is_held());
                let mine = Count::new();
                let (wakes, wake) = (Arc::clone(&mine), Arc::clone(&woken));
                inner.submit(Box::new(move || {
                    wake.add();
                    wakes.add();
                }));
                without_permits(|| mine.wait_for(1));
                assert!(inner.is_held());
                done.add();
            }));
        }
        done.wait_for(2);
        at_work.during(|| assert_eq!(woken.now(), 2));
        all_permits_are_there(&pool);
    });
}

/// Shows: a light job needs none (`submit` in place of `submit_light`: nobody can go on).
#[test]
fn a_light_job_is_done_while_all_permits_are_taken() {
    explore(Waits::Endless, 500, || {
        let pool = Arc::new(Pool::new(1));
        let done = Count::new();
        let permit = pool.try_acquire().expect("nobody has it");
        assert!(pool.try_acquire().is_none());
        let waits = Count::new();
        let (told, light) = (Arc::clone(&waits), Arc::clone(&done));
        pool.submit(Box::new(move || told.add()));
        pool.submit_light(Box::new(move || light.add()));
        done.wait_for(1);
        assert_eq!(waits.now(), 0, "a job without a permit");
        drop(permit);
        waits.wait_for(1);
        all_permits_are_there(&pool);
    });
}

/// Shows: a permit that is given back has the next job done (`dispatch` left out of `give_back`: nobody can go on).
#[test]
fn a_permit_that_is_lent_is_used_and_comes_back() {
    explore(Waits::Endless, 1000, || {
        let pool = Arc::new(Pool::new(1));
        let (begun, lent, done) = (Count::new(), Count::new(), Count::new());
        let (body, begins, waits, ends) =
            (Arc::clone(&pool), Arc::clone(&begun), Arc::clone(&lent), Arc::clone(&done));
        // An abandoned body: somebody else gives its place away, and it takes it again for its end.
        let permits = Arc::new(Mutex::new(None));
        let own = Arc::clone(&permits);
        pool.submit(Box::new(move || {
            *own.lock() = body.held();
            begins.add();
            waits.wait_for(1);
            own.lock().take().expect("it has them").take_again();
            ends.add();
        }));
        begun.wait_for(1);
        permits.lock().as_ref().expect("they are told").lend();
        let other = Arc::clone(&done);
        pool.submit(Box::new(move || other.add()));
        done.wait_for(1);
        lent.add();
        done.wait_for(2);
        all_permits_are_there(&pool);
    });
}

/// Shows: what a job leaves behind may panic, and the permit comes back (`job()` in place of `run_job(job)` in `work`: the panic
/// ends the thread).
#[test]
fn a_job_that_panics_takes_no_permit_with_it() {
    explore(Waits::Endless, 500, || {
        let pool = Arc::new(Pool::new(2));
        let done = Count::new();
        for _ in 0..2 {
            let done = Arc::clone(&done);
            pool.submit(Box::new(move || {
                done.add();
                // Without the hook, which would take it for the end of the test.
                resume_unwind(Box::new("as was asked"));
            }));
        }
        done.wait_for(2);
        all_permits_are_there(&pool);
    });
}

/// Shows: a job that takes both permits gets them though others come, and what stands behind it is done when it has them or has ended
/// (`drop(state)` in place of `dispatch_all(state)` in `work`, or `notify_one` alone in `give_back`: a job is left lying).
#[test]
fn a_job_that_takes_several_permits_gets_them_and_keeps_nobody_back() {
    explore(Waits::Endless, 1000, || {
        let pool = Arc::new(Pool::new(3));
        let (done, at_work) = (Count::new(), Arc::<AtWork>::default());
        for permits in [1, 2, 1, 3, 1, 2] {
            let (done, at_work) = (Arc::clone(&done), Arc::clone(&at_work));
            pool.submit_heavy(
                permits,
                Box::new(move || {
                    at_work.during(|| match permits {
                        3 => assert_eq!(at_work.now.load(Ordering::SeqCst), 1, "it is not alone"),
                        _ => thread::yield_now(),
                    });
                    done.add();
                }),
            );
        }
        done.wait_for(6);
        assert!(!pool.is_pressed(), "nobody waits any more");
        all_permits_are_there(&pool);
    });
}

/// Shows: what a heavy job has is lent for as long as it sleeps, all of it, and comes back however often it was lent (`all -= 1` left
/// out of `take_again`: permits come out of nothing).
#[test]
fn a_job_that_sleeps_leaves_all_of_its_permits_to_others() {
    explore(Waits::Endless, 1000, || {
        let pool = Arc::new(Pool::new(2));
        let (met, done) = (Count::new(), Count::new());
        let (inner, both, ends) = (Arc::clone(&pool), Arc::clone(&met), Arc::clone(&done));
        pool.submit_heavy(
            2,
            Box::new(move || {
                for _ in 0..2 {
                    let both = Arc::clone(&both);
                    let ends = Arc::clone(&ends);
                    inner.submit(Box::new(move || {
                        both.meet(2);
                        ends.add();
                    }));
                }
                without_permits(|| ends.wait_for(2));
                ends.add();
            }),
        );
        done.wait_for(3);
        all_permits_are_there(&pool);
    });
}
