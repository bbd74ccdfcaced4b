//! Seeds of tasks: the same call draws the same on any schedule, and no result of another seed is ever taken.

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;

use daglite::prelude::*;
use daglite::{ErrorKind, PlannedState, SessionBuilder, task_seed_bytes};
use daglite_tests::{logged, logged_with};

#[task(cache, seeded)]
fn draw(n: u64) -> u64 {
    let _ = n;
    task_seed()
}

#[task(seeded)]
fn draw_uncached(n: u64) -> u64 {
    let _ = n;
    task_seed()
}

#[task(seeded)]
async fn draw_away(n: u64) -> u64 {
    tokio::task::yield_now().await;
    let _ = n;
    task_seed()
}

#[task(cache)]
fn same(n: u64) -> u64 {
    n
}

#[task(cache)]
fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

fn uncached(concurrency: usize) -> Session {
    Session::builder().without_cache().concurrency(concurrency).build().unwrap()
}

#[test]
fn the_same_call_draws_the_same_on_any_number_of_threads_and_in_any_order() {
    let all = |concurrency: usize| {
        let session = uncached(concurrency);
        let list = map_each(0..300, draw_uncached).run_in(&session).unwrap();
        let mut backward = join_all((0..300).rev().map(draw_uncached)).run_in(&session).unwrap();
        backward.reverse();
        assert_eq!(list, backward);
        let away = map_each(0..300, draw_away).run_in(&session).unwrap();
        let distinct: HashSet<u64> = list.iter().chain(&away).copied().collect();
        // Another argument and another task draw something else.
        assert_eq!(distinct.len(), 600);
        (list, away)
    };
    let one = all(1);
    assert_eq!(all(2), one);
    assert_eq!(all(8), one);
}

#[test]
fn it_makes_no_difference_whether_arguments_come_from_the_cache() {
    let (session, log) = logged();
    let first = draw(same(5)).run_in(&session).unwrap();
    assert_eq!(draw(5).run_in(&session).unwrap(), first);
    assert_eq!(log.count("computed draw"), 2);
    assert_eq!(draw(same(5)).run_in(&uncached(1)).unwrap(), first);
    assert_eq!(
        draw_uncached(same(5)).run_in(&session).unwrap(),
        draw_uncached(5).run_in(&uncached(2)).unwrap()
    );
}

#[test]
fn a_result_of_another_seed_is_never_taken() {
    let folder = tempfile::tempdir().unwrap();
    let with = |builder: SessionBuilder| {
        let store = FileStore::builder(folder.path()).open().unwrap();
        logged_with(builder.cache(store))
    };
    let run = |builder: SessionBuilder| {
        let (session, log) = with(builder);
        let result = add(draw(1), draw(2)).run_in(&session).unwrap();
        let lone = draw(1).run_in(&session).unwrap();
        (result, lone, log.count("computed draw"))
    };
    let seven = run(Session::builder().seed(7));
    let eight = run(Session::builder().seed(8));
    let plain = run(Session::builder());
    assert_eq!((seven.2, eight.2, plain.2), (2, 2, 2));
    assert_ne!((seven.0, seven.1), (eight.0, eight.1));
    assert_ne!(plain.1, seven.1);
    let again = run(Session::builder().seed(7));
    assert_eq!((again.0, again.1, again.2), (seven.0, seven.1, 0));
    assert_eq!(run(Session::builder().seed(0)).2, 0, "0 is the seed if nothing is said");
}

#[test]
fn a_miss_says_that_the_seed_is_another() {
    let store = tempfile::tempdir().unwrap();
    let session = |seed| {
        let store = FileStore::builder(store.path()).open().unwrap();
        Session::builder().cache(store).seed(seed).build().unwrap()
    };
    draw(1).run_in(&session(7)).unwrap();
    let plan = draw(1).plan_in(&session(8)).unwrap();
    let PlannedState::WouldCompute(reason) = &plan.nodes[0].state else { panic!("{plan}") };
    assert!(reason.to_string().contains("DAGLITE_SEED"), "{reason}");
    assert!(reason.to_string().contains("from 7 to 8"), "{reason}");
}

#[task(cache)]
fn forgets_to_say() -> u64 {
    task_seed()
}

#[task]
fn forgets_to_say_uncached() -> u64 {
    task_seed()
}

#[test]
fn a_task_that_does_not_say_so_gets_no_seed() {
    let (session, _) = logged();
    for error in [
        forgets_to_say().run_in(&session).unwrap_err(),
        forgets_to_say_uncached().run_in(&session).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert!(error.to_string().contains("write `#[task(seeded)]`"), "{error}");
    }
    let outside = std::panic::catch_unwind(task_seed).unwrap_err();
    assert!(daglite_tests::said(&*outside).contains("write `#[task(seeded)]`"));
}

#[task(cache)]
fn blind(n: u64) -> Result<u64, daglite::Error> {
    draw(n).run()
}

#[task(cache)]
fn blind_to_uncached(n: u64) -> Result<u64, daglite::Error> {
    map_each(0..n, draw_uncached).map(|all| all.into_iter().fold(0, u64::wrapping_add)).run()
}

#[task(cache, seeded)]
fn seeing(n: u64) -> Result<u64, daglite::Error> {
    draw(n).run()
}

#[task]
fn plain(n: u64) -> Result<u64, daglite::Error> {
    draw(n).run()
}

#[test]
fn no_cached_task_has_a_seed_inside_that_is_not_in_its_key() {
    for session in
        [logged().0, Session::builder().cache(MemoryStore::new()).without_memory().build().unwrap()]
    {
        let right = draw(3).run_in(&session).unwrap();
        for _ in 0..2 {
            let error = blind(3).run_in(&session).unwrap_err();
            assert!(
                error.to_string().contains("write `seeded` for `task_seed::blind` too"),
                "{error}"
            );
            assert!(blind_to_uncached(3).run_in(&session).is_err());
        }
        assert_eq!(seeing(3).run_in(&session).unwrap(), right);
        assert_eq!(plain(3).run_in(&session).unwrap(), right);
    }
}

#[task(seeded)]
fn of_file(file: InputFile) -> u64 {
    let _ = file;
    task_seed()
}

#[test]
fn a_file_counts_by_its_content_and_one_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&a, "one").unwrap();
    fs::write(&b, "two").unwrap();
    let session = uncached(1);
    let of = |path: &std::path::Path| of_file(path).run_in(&session);
    let first = of(&a).unwrap();
    assert_ne!(of(&b).unwrap(), first);
    fs::write(&a, "three").unwrap();
    assert_ne!(of(&a).unwrap(), first);
    fs::remove_file(&a).unwrap();
    let error = of(&a).unwrap_err();
    assert!(error.to_string().contains("cannot be made of the arguments"), "{error}");
}

#[task(cache, seeded, cache_exclude = [label])]
fn labelled(n: u64, label: String) -> u64 {
    let _ = (n, label);
    task_seed()
}

#[test]
fn what_is_excluded_from_the_key_is_not_in_the_seed() {
    let (one, other) = (uncached(1), uncached(1));
    assert_eq!(labelled(1, "a").run_in(&one).unwrap(), labelled(1, "b").run_in(&other).unwrap());
}

static SEEN: Mutex<Vec<u64>> = Mutex::new(Vec::new());

#[task(seeded, retries = 2, retry_delay = "1ms")]
fn unlucky(n: u64) -> Result<u64, String> {
    let _ = n;
    let mut seen = SEEN.lock().unwrap();
    seen.push(task_seed());
    if seen.len() < 3 { Err("no luck".to_string()) } else { Ok(seen.len() as u64) }
}

#[test]
fn all_attempts_of_a_call_have_one_seed() {
    assert_eq!(unlucky(1).run_in(&uncached(1)).unwrap(), 3);
    let seen = SEEN.lock().unwrap();
    assert!(seen.iter().all(|seed| *seed == seen[0]));
}

#[task(cache, seeded)]
fn whole(n: u64) -> bool {
    let bytes: [u8; 32] = task_seed_bytes();
    let _ = n;
    bytes[..8] == task_seed().to_le_bytes() && bytes[8..16] != bytes[..8]
}

#[test]
fn there_are_32_bytes() {
    assert!(whole(1).run_in(&logged().0).unwrap());
}
