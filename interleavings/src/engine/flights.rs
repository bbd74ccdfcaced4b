//! Single flight: a key is computed by one at a time, whoever waits is told, and no circle of waits comes about.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::flight::{Claim, Flight, Flights, Landing};
use super::super::waits::Thing;
use super::Count;
use crate::digest::Digest;
use crate::sync::{AtomicU64, Mutex, Waits, explore, thread};

fn key(number: u8) -> Digest {
    Digest::of_bytes(&[number])
}

/// What came of a claim.
enum Claimed {
    /// It is ours, perhaps after others had it.
    Flight(Flight),
    /// Somebody has it who waits for us.
    Cycle,
}

/// Claims `key` inside those who hold `ancestors`, and waits until it is there.
fn claim(flights: &Arc<Flights>, key: Digest, ancestors: &[Thing]) -> Claimed {
    loop {
        let landed = Count::new();
        let told = Arc::clone(&landed);
        match flights.claim(key, ancestors, || Box::new(move |_| told.add())) {
            Claim::Granted(flight) => return Claimed::Flight(flight),
            Claim::Waiting => landed.wait_for(1),
            Claim::Cycle => return Claimed::Cycle,
            Claim::Recursion => panic!("nobody asks for a key inside of itself"),
        }
    }
}

/// The same, where there can be no circle.
fn claim_outside(flights: &Arc<Flights>, key: Digest) -> Flight {
    match claim(flights, key, &[]) {
        Claimed::Flight(flight) => flight,
        Claimed::Cycle => panic!("a circle of one"),
    }
}

/// Shows: the waiter is noted while the key is locked (`drop(taken)` before the push, and another look-up for it: it waits for ever).
#[test]
fn a_key_is_held_by_one_at_a_time_and_all_get_their_turn() {
    explore(Waits::Endless, 2000, || {
        let flights = Arc::<Flights>::default();
        let holders = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (flights, holders) = (Arc::clone(&flights), Arc::clone(&holders));
                thread::spawn(move || {
                    let flight = claim_outside(&flights, key(1));
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have the key");
                    thread::yield_now();
                    holders.fetch_sub(1, Ordering::SeqCst);
                    drop(flight);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it gets its turn"));
    });
}

/// Shows: the count goes up before the key is free (the other way round in `land`: one computes what is in the store).
#[test]
fn who_finds_the_count_as_it_was_need_not_look_again() {
    explore(Waits::Endless, 2000, || {
        let flights = Arc::<Flights>::default();
        let (store, computed) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU64::new(0)));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (flights, store) = (Arc::clone(&flights), Arc::clone(&store));
                let computed = Arc::clone(&computed);
                thread::spawn(move || {
                    let mut missed = None;
                    let value = loop {
                        let count = flights.landed(&key(1));
                        if missed != Some(count) {
                            missed = Some(count);
                            if let Some(value) = *store.lock() {
                                break value;
                            }
                        }
                        let flight = claim_outside(&flights, key(1));
                        if missed == Some(flights.landed(&key(1))) {
                            computed.fetch_add(1, Ordering::SeqCst);
                            *store.lock() = Some(7);
                        }
                        drop(flight);
                    };
                    assert_eq!(value, 7);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it has the value"));
        assert_eq!(computed.load(Ordering::SeqCst), 1, "a stored result was computed again");
    });
}

/// A body that has `own` and needs `other`, which it computes itself if that is the way out.
fn body(flights: &Arc<Flights>, own: u8, other: u8) {
    let flight = claim_outside(flights, key(own));
    match claim(flights, key(other), &[Thing::Key(key(own))]) {
        Claimed::Flight(inner) => drop(inner),
        Claimed::Cycle => {}
    }
    drop(flight);
}

/// Shows: before anybody waits it looks whether others wait for it (`note_wait` that notes and always says true: nobody can go on).
#[test]
fn bodies_that_need_each_others_keys_wait_in_no_circle() {
    for bodies in [2, 3] {
        explore(Waits::Endless, 1500, move || {
            let flights = Arc::<Flights>::default();
            let threads: Vec<_> = (0..bodies)
                .map(|own| {
                    let flights = Arc::clone(&flights);
                    thread::spawn(move || body(&flights, own, (own + 1) % bodies))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
            assert!(
                !(0..bodies).any(|number| flights.is_awaited_inside(&key(number))),
                "a wait is noted that nobody waits any more"
            );
        });
    }
}

/// Shows: what is told at the end comes to all that wait (`waiters.pop()` in place of the loop in `land`: one waits for ever).
#[test]
fn the_end_of_a_computation_is_told_to_all_that_wait() {
    explore(Waits::Endless, 1000, || {
        let flights = Arc::<Flights>::default();
        let flight = claim_outside(&flights, key(1));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let flights = Arc::clone(&flights);
                thread::spawn(move || {
                    let (landed, alone) = (Count::new(), Arc::new(AtomicU64::new(0)));
                    let (told, is_alone) = (Arc::clone(&landed), Arc::clone(&alone));
                    let on_landing = move |landing: &Landing| {
                        is_alone.store(matches!(landing, Landing::Alone).into(), Ordering::SeqCst);
                        told.add();
                    };
                    match flights.claim(key(1), &[], || Box::new(on_landing)) {
                        Claim::Waiting => {
                            landed.wait_for(1);
                            assert_eq!(alone.load(Ordering::SeqCst), 1);
                        }
                        // It came too late to wait, and another may wait for it.
                        Claim::Granted(flight) => flight.land(Landing::Alone),
                        Claim::Cycle | Claim::Recursion => panic!("nobody is inside of anybody"),
                    }
                })
            })
            .collect();
        flight.land(Landing::Alone);
        threads.into_iter().for_each(|thread| thread.join().expect("it was told"));
    });
}

/// Shows: who waits for another process stands with the others (`await_landing` that notes nothing: nobody can go on).
#[test]
fn who_waits_for_another_process_is_told_with_those_who_wait_for_it() {
    explore(Waits::Endless, 1000, || {
        let flights = Arc::<Flights>::default();
        let flight = claim_outside(&flights, key(1));
        let told = Count::new();
        let own = Arc::clone(&told);
        flight.await_landing(&[], Box::new(move |_| own.add()));
        let waits = {
            let flights = Arc::clone(&flights);
            thread::spawn(move || drop(claim_outside(&flights, key(1))))
        };
        flight.land(Landing::Look);
        told.wait_for(1);
        waits.join().expect("it gets its turn");
        assert_eq!(told.now(), 1);
    });
}
