//! Tasks that look alike never share results: functions of one name and one code, and types of one name.

use std::marker::PhantomData;

use daglite::prelude::*;
use daglite_tests::logged;
use serde::{Deserialize, Serialize};

/// Two tasks of one name and one code, which call two functions.
macro_rules! scaled {
    ($module:ident, $factor:literal) => {
        mod $module {
            use daglite::prelude::*;

            fn factor() -> u64 {
                $factor
            }

            #[task(cache, name = "scaled")]
            pub(crate) fn scaled(n: u64) -> u64 {
                n * factor()
            }
        }
    };
}
scaled!(double, 2);
scaled!(triple, 3);

#[test]
fn two_tasks_of_one_name_and_one_code_do_not_share_results() {
    let (session, log) = logged();
    for _ in 0..2 {
        assert_eq!(double::scaled(1).run_in(&session).unwrap(), 2);
        assert_eq!(triple::scaled(1).run_in(&session).unwrap(), 3);
    }
    assert_eq!((log.count("computed"), log.count("hit"), log.count("warning")), (2, 2, 0));
}

fn of_hours(n: u64) -> TaskFuture<u64> {
    fn factor() -> u64 {
        60
    }
    #[task(cache)]
    fn seconds(n: u64) -> u64 {
        n * factor()
    }
    seconds(n)
}

fn of_days(n: u64) -> TaskFuture<u64> {
    fn factor() -> u64 {
        1_440
    }
    #[task(cache)]
    fn seconds(n: u64) -> u64 {
        n * factor()
    }
    seconds(n)
}

#[test]
fn functions_inside_two_functions_do_not_share_results() {
    let (session, log) = logged();
    for _ in 0..2 {
        assert_eq!(of_hours(1).run_in(&session).unwrap(), 60);
        assert_eq!(of_days(1).run_in(&session).unwrap(), 1_440);
    }
    assert_eq!((log.count("computed"), log.count("hit"), log.count("warning")), (2, 2, 0));
}

#[test]
fn functions_that_nothing_tells_apart_are_not_cached() {
    let (session, log) = logged();
    let both = [
        {
            fn factor() -> u64 {
                2
            }
            #[task(cache)]
            fn product(n: u64) -> u64 {
                n * factor()
            }
            || product(1)
        } as fn() -> TaskFuture<u64>,
        {
            fn factor() -> u64 {
                3
            }
            #[task(cache)]
            fn product(n: u64) -> u64 {
                n * factor()
            }
            || product(1)
        },
    ];
    for _ in 0..2 {
        assert_eq!(both.map(|product| product().run_in(&session).unwrap()), [2, 3]);
    }
    // The first time, nothing is known of the other one.
    assert_eq!((log.count("stored"), log.count("hit")), (1, 0));
    assert_eq!(log.count("warning: `twins::functions_that_nothing_tells_apart_are_not_cached"), 0);
    assert_eq!(log.count("warning: `twins::product` runs uncached: another task"), 3);
}

/// What a type says of itself, and no value of it.
trait Factor: Clone + Send + Sync + 'static {
    const FACTOR: u64;
}

#[derive(Clone, ContentHash, Serialize, Deserialize)]
struct Scale<T>(PhantomData<T>);

#[task(cache)]
fn times<T: Factor>(scale: Scale<T>, n: u64) -> u64 {
    let Scale(PhantomData) = scale;
    n * T::FACTOR
}

#[test]
fn types_of_one_name_do_not_share_results() {
    let (session, log) = logged();
    fn call<T: Factor>(session: &Session) -> u64 {
        times(Scale::<T>(PhantomData), 1_u64).run_in(session).unwrap()
    }
    let both = [
        {
            #[derive(Clone)]
            struct Local;
            impl Factor for Local {
                const FACTOR: u64 = 2;
            }
            call::<Local> as fn(&Session) -> u64
        },
        {
            #[derive(Clone)]
            struct Local;
            impl Factor for Local {
                const FACTOR: u64 = 3;
            }
            call::<Local>
        },
    ];
    for _ in 0..2 {
        assert_eq!(both.map(|call| call(&session)), [2, 3]);
    }
    assert_eq!((log.count("stored"), log.count("hit")), (1, 0));
    assert_eq!(log.count("warning: `twins::times` runs uncached: another task"), 3);
}

#[derive(Clone)]
struct Two;

impl Factor for Two {
    const FACTOR: u64 = 2;
}

#[derive(Clone)]
struct Three;

impl Factor for Three {
    const FACTOR: u64 = 3;
}

#[test]
fn a_generic_task_is_cached_for_each_choice_of_types() {
    let (session, log) = logged();
    for _ in 0..3 {
        assert_eq!(times(Scale::<Two>(PhantomData), 1_u64).run_in(&session).unwrap(), 2);
        assert_eq!(times(Scale::<Three>(PhantomData), 1_u64).run_in(&session).unwrap(), 3);
    }
    assert_eq!((log.count("computed"), log.count("hit"), log.count("warning")), (2, 4, 0));
}

#[task(cache)]
fn as_it_is<T>(value: T) -> T
where
    T: Clone + Serialize + serde::de::DeserializeOwned + ContentHash,
{
    value
}

#[test]
fn an_error_is_not_cached_though_the_task_does_not_know_that_it_is_one() {
    let (session, log) = logged();
    let bad: Result<u8, String> = Err("too hot".to_owned());
    let good: Result<u8, String> = Ok(7);
    let empty: Result<u8, ()> = Err(());
    for _ in 0..2 {
        assert_eq!(as_it_is(bad.clone()).run_in(&session).unwrap(), bad);
        assert_eq!(as_it_is(good.clone()).run_in(&session).unwrap(), good);
        assert_eq!(as_it_is(empty).run_in(&session).unwrap(), empty);
    }
    assert_eq!((log.count("computed"), log.count("stored"), log.count("hit")), (5, 1, 1));

    // An `Err` further inside is a value like any other.
    for _ in 0..2 {
        as_it_is(vec![bad.clone()]).run_in(&session).unwrap();
    }
    assert_eq!(log.count("hit"), 2);
}
