//! Who says how closely bulk data is read: the parameter, then the registry, then the session; and what a sample that
//! nobody has asked for tells.

use std::sync::{Arc, Mutex};

use daglite::prelude::*;
use daglite::{ContentHasher, Element, Event, Origin, Strategy};

#[task(cache)]
fn unsaid(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash_params(values = auto))]
fn by_auto(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash_params(values = exact))]
fn exactly(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash_params(values = fast))]
fn fast(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash_params(values = same))]
fn through_a_function(values: &[u8]) -> usize {
    values.len()
}

fn same(values: &[u8]) -> Vec<u8> {
    values.to_vec()
}

#[task(cache, cache_hash_params(values = registry))]
fn through_the_registry(values: &[u8]) -> usize {
    values.len()
}

#[task(cache, cache_hash = all)]
fn through_one_function(values: &[u8]) -> usize {
    values.len()
}

fn all(values: &[u8]) -> Vec<u8> {
    values.to_vec()
}

/// 300,000 zeros, and the same with a change that no sample sees.
fn twins() -> [Vec<u8>; 2] {
    let sampled = |values: &[u8]| {
        let mut hasher = ContentHasher::new(Strategy::Sampled);
        values.content_hash(&mut hasher);
        hasher.finish().unwrap()
    };
    let zeros = vec![0_u8; 300_000];
    let mut places = (1024..200_000).step_by(512).map(|at| {
        let mut other = zeros.clone();
        other[at] = 1;
        other
    });
    let other = places.find(|other| sampled(other) == sampled(&zeros)).unwrap();
    [zeros, other]
}

/// Whether `task` takes one of the twins for the other.
fn is_sampled(session: &Session, task: fn(Vec<u8>) -> TaskFuture<usize>) -> bool {
    let [one, other] = twins();
    task(one).run_in(session).unwrap();
    task(other).outcome_in(session).unwrap().tasks[0].origin == Origin::Hit
}

fn builder() -> daglite::SessionBuilder {
    Session::builder().cache(MemoryStore::new())
}

#[test]
fn the_session_says_for_those_that_say_nothing() {
    let registry = Registry::new();
    registry.register_hash(|values: &Vec<u8>, hasher| hasher.bytes(values)).unwrap();
    let by = |strategy| builder().registry(&registry).hash_strategy(strategy).build().unwrap();
    let tasks: [fn(Vec<u8>) -> TaskFuture<usize>; 4] = [
        |values| unsaid(values),
        |values| through_a_function(values),
        |values| through_the_registry(values),
        |values| through_one_function(values),
    ];
    for task in tasks {
        assert!(is_sampled(&by(Strategy::Sampled), task));
        for strategy in [Strategy::Exact, Strategy::Fast, Strategy::Auto] {
            assert!(!is_sampled(&by(strategy), task), "{strategy:?}");
        }
        assert!(!is_sampled(&builder().registry(&registry).build().unwrap(), task));
    }
}

#[test]
fn the_parameter_counts_more_than_the_session() {
    let session = builder().hash_strategy(Strategy::Sampled).build().unwrap();
    assert!(!is_sampled(&session, |values| exactly(values)));
    assert!(!is_sampled(&session, |values| fast(values)));
    assert!(!is_sampled(&session, |values| by_auto(values)));
    assert!(is_sampled(&session, |values| unsaid(values)));
}

#[test]
fn the_registry_counts_more_than_the_session_and_less_than_the_parameter() {
    let registry = Registry::new();
    let before = builder().registry(&registry).build().unwrap();
    registry.set_hash_strategy::<Vec<u8>>(Strategy::Sampled);
    registry.set_hash_strategy::<Vec<u16>>(Strategy::Exact);
    let session = builder().registry(&registry).hash_strategy(Strategy::Exact).build().unwrap();
    assert!(is_sampled(&session, |values| unsaid(values)));
    assert!(!is_sampled(&session, |values| exactly(values)));
    assert!(!is_sampled(&before, |values| unsaid(values)), "a session has its own registry");
}

#[test]
fn a_strategy_of_the_session_is_part_of_the_key() {
    let store = Arc::new(MemoryStore::new());
    let run = |strategy| {
        let session = Session::builder()
            .cache(Arc::clone(&store))
            .without_memory()
            .hash_strategy(strategy)
            .build()
            .unwrap();
        let values = vec![7_u8; 300_000];
        unsaid(values).outcome_in(&session).unwrap().tasks[0].origin
    };
    for strategy in [Strategy::Exact, Strategy::Fast, Strategy::Sampled] {
        assert_eq!(run(strategy), Origin::Computed, "{strategy:?}");
        assert_eq!(run(strategy), Origin::Hit, "{strategy:?}");
    }
}

/// As much as is asked for, though nothing of it is in memory.
#[derive(Clone)]
struct Huge(usize);

impl ContentHash for Huge {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.bulk_from(Element::U8, self.0, &|first, into| {
            into.fill((first >> 20) as u8);
        });
    }
}

#[task(cache)]
fn measure(scan: Huge, times: usize) -> usize {
    scan.0 * times
}

#[task(cache, cache_hash_params(scan = sampled))]
fn asked(scan: Huge) -> usize {
    scan.0
}

#[task(cache, cache_hash_params(number = scan_of))]
fn made(number: usize) -> usize {
    number
}

fn scan_of(number: &usize) -> Huge {
    Huge(*number)
}

#[cfg(target_pointer_width = "64")]
const OVER: usize = (1 << 30) + 1;

/// What `run` tells of samples.
#[cfg(target_pointer_width = "64")]
fn told(strategy: Option<Strategy>, run: impl FnOnce(&Session)) -> Vec<String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let mut builder = builder().observe(move |event: &Event| match event {
        Event::Sampled { task, parameter, size, remedy } => {
            seen.lock().unwrap().push(format!("{task} {parameter} {size}: {remedy}"));
        }
        Event::Warning { message } => seen.lock().unwrap().push(message.clone()),
        _ => {}
    });
    if let Some(strategy) = strategy {
        builder = builder.hash_strategy(strategy);
    }
    run(&builder.build().unwrap());
    log.lock().unwrap().clone()
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_sample_that_nobody_asked_for_is_told_once_with_the_word_that_changes_it() {
    let lines = told(None, |session| {
        measure(Huge(OVER), 1).run_in(session).unwrap();
        measure(Huge(OVER), 2).run_in(session).unwrap();
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("hash_choices::measure scan 1073741825: "), "{line}");
    assert!(line.contains("`cache_hash_params(scan = fast)`"), "{line}");
    assert!(line.contains("`scan = sampled`"), "{line}");
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_sample_of_what_a_function_made_names_the_sessions_word() {
    let lines = told(None, |session| {
        made(OVER).run_in(session).unwrap();
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("hash_choices::made number 1073741825: "), "{line}");
    assert!(line.contains("`hash_strategy(Strategy::Fast)`"), "{line}");
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_sample_that_was_asked_for_is_told_by_nobody() {
    let none: [&str; 0] = [];
    let lines = told(None, |session| {
        asked(Huge(OVER)).run_in(session).unwrap();
    });
    assert_eq!(lines, none);
    let lines = told(Some(Strategy::Sampled), |session| {
        measure(Huge(OVER), 1).run_in(session).unwrap();
    });
    assert_eq!(lines, none);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn people_read_of_a_sample_on_standard_error() {
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let page = Page::default();
    let session = builder().observe(Progress::to(page.clone())).build().unwrap();
    measure(Huge(3 << 30), 1).run_in(&session).unwrap();
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().next().unwrap();
    assert!(
        line.starts_with(
            "daglite: warning: `scan` of `hash_choices::measure` has 3 GiB in one piece, of which only a sample went \
             into the cache key: write `cache_hash_params(scan = fast)`"
        ),
        "{text}"
    );
}
