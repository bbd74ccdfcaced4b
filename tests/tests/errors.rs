//! What an error of a run tells: the task, the call, the arguments, the attempts, the way to what was asked for.

use std::error::Error as _;
use std::num::ParseIntError;

use daglite::prelude::*;
use daglite::{Error, ErrorKind};
use daglite_tests::logged;

/// The text with its line numbers taken out, and with forward slashes.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.replace('\\', "/");
    while let Some(at) = rest.find(".rs:") {
        let after = at + ".rs:".len();
        plain.push_str(&rest[..after]);
        plain.push('_');
        rest = rest[after..].trim_start_matches(|letter: char| letter.is_ascii_digit()).to_string();
    }
    plain + &rest
}

#[task(cache)]
fn parse(text: &str, base: u32, api_key: &str) -> Result<u32, ParseIntError> {
    let _ = api_key;
    u32::from_str_radix(text, base)
}

#[task]
fn double(n: u32) -> u32 {
    2 * n
}

#[task]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[derive(Debug)]
struct Broken(std::io::Error);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the reading is broken")
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[task(retries = 1, retry_delay = "0s")]
fn read() -> Result<u32, Broken> {
    Err(Broken(std::io::Error::other("the disk is gone")))
}

#[test]
fn one_line_says_what_went_wrong_and_where() {
    let (session, _) = logged();
    let error = parse("0x7", 10, "s3cr3t").then(double).run_in(&session).unwrap_err();
    assert_eq!(
        plain(&error.to_string()),
        "task `errors::parse` (called at tests/tests/errors.rs:_) failed: invalid digit found in string"
    );
    let error = read().run_in(&session).unwrap_err();
    assert_eq!(
        plain(&error.to_string()),
        "task `errors::read` (called at tests/tests/errors.rs:_, 2 attempts) failed: the reading is broken"
    );
}

#[test]
fn the_long_form_says_all_that_is_known() {
    let (session, _) = logged();
    let sum = add(double(parse("0x7", 10, "s3cr3t")), 1);
    let future = join((sum.map(|n| n + 1), double(3))).also(|_| {}).checkpoint("sums");
    let error = future.run_in(&session).unwrap_err();
    assert_eq!(
        plain(&format!("{error:?}")),
        "task `errors::parse` (called at tests/tests/errors.rs:_) failed: invalid digit found in string
  arguments: text = \"0x7\", base = 10
  needed by: task `errors::double` (called at tests/tests/errors.rs:_)
  needed by: task `errors::add` (called at tests/tests/errors.rs:_)
  needed by: `map` at tests/tests/errors.rs:_
  needed by: `join` at tests/tests/errors.rs:_
  needed by: `also` at tests/tests/errors.rs:_
  needed by: `checkpoint sums` at tests/tests/errors.rs:_"
    );
    assert_eq!(format!("{error:#}"), format!("{error:?}"));
    let error = read().run_in(&session).unwrap_err();
    assert_eq!(
        plain(&format!("{error:?}")),
        "task `errors::read` (called at tests/tests/errors.rs:_, 2 attempts) failed: the reading is broken
  caused by: the disk is gone"
    );
}

#[test]
fn what_looks_secret_is_in_no_form() {
    let (session, log) = logged();
    let error = parse("0x7", 10, "s3cr3t").run_in(&session).unwrap_err();
    let told =
        format!("{error} {error:?} {:?} {:?}", error.arguments().collect::<Vec<_>>(), log.take());
    assert!(!told.contains("s3cr3t"), "{told}");
}

#[test]
fn a_long_way_is_told_by_its_ends() {
    let (session, _) = logged();
    let mut future = parse("seven", 10, "");
    for _ in 0..100 {
        future = double(future);
    }
    let error = future.map(|n| n).run_in(&session).unwrap_err();
    assert_eq!(error.path().len(), 17);
    assert_eq!(error.path()[8].to_string(), "85 steps in between");
    assert!(error.path()[0].what().ends_with("double"));
    assert_eq!(error.path()[16].what(), "map");
}

#[test]
fn the_way_through_a_chain_of_a_million_is_found_without_recursion() {
    let session = Session::builder().without_cache().build().unwrap();
    let mut future = parse("seven", 10, "");
    for _ in 0..100_000 {
        future = double(future);
    }
    assert_eq!(future.run_in(&session).unwrap_err().path().len(), 17);
}

#[test]
fn an_error_of_a_graph_inside_a_task_is_its_cause() {
    #[task]
    fn outer() -> Result<u32, Error> {
        double(read()).run()
    }

    let (session, _) = logged();
    let error = outer().then(double).run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Task);
    let inner = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(inner.attempts(), 2);
    assert!(error.downcast_ref::<Broken>().is_some());
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    assert_eq!(
        plain(&format!("{error:?}")),
        "task `errors::outer` (called at tests/tests/errors.rs:_) failed: task `errors::read` (called at \
         tests/tests/errors.rs:_, 2 attempts) failed: the reading is broken
  needed by: task `errors::double` (called at tests/tests/errors.rs:_)
  caused by: the disk is gone"
    );
}

#[test]
fn a_future_that_failed_before_tells_what_it_is_needed_for_now() {
    let (session, _) = logged();
    let read = read();
    assert!(read.clone().run_in(&session).unwrap_err().path().is_empty());
    let error = double(read).run_in(&session).unwrap_err();
    assert_eq!(error.path().len(), 1);
    assert!(error.task().unwrap().ends_with("::read"));
}

#[test]
fn closures_that_panic_are_on_the_way_like_tasks() {
    let (session, _) = logged();
    let future = double(1).map(|n| if n > 1 { panic!("too many") } else { n }).then(double);
    let error = future.run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(
        plain(&format!("{error:?}")),
        "the closure of `map` at tests/tests/errors.rs:_ panicked: too many
  needed by: task `errors::double` (called at tests/tests/errors.rs:_)"
    );
}

#[test]
fn a_task_that_is_handed_to_a_method_was_called_there() {
    let (session, _) = logged();
    let line = line!() + 1;
    let error = wrong(1).then(wrong).run_in(&session).unwrap_err();
    assert_eq!(error.location().map(|at| (at.file(), at.line())), Some((file!(), line)));
    assert_eq!(error.path()[0].location().map(|at| at.line()), Some(line));
    let line = line!() + 1;
    let error = double(1).and_then(wrong).run_in(&session).unwrap_err();
    assert_eq!(error.location().map(|at| at.line()), Some(line));
    let line = line!() + 1;
    let error = double(1).map(|n| vec![n; 3]).map_each(wrong).run_in(&session).unwrap_err();
    assert_eq!(error.location().map(|at| at.line()), Some(line));
    let line = line!() + 1;
    let error = join_all((1..4).map(wrong)).run_in(&session).unwrap_err();
    assert_eq!(error.location().map(|at| at.line()), Some(line));
}

#[task]
fn wrong(n: u32) -> Result<u32, String> {
    Err(format!("{n} is wrong"))
}

#[test]
fn a_place_that_only_the_standard_library_knows_is_not_told() {
    let (session, _) = logged();
    let futures = [1].map(wrong);
    let error = join_all(futures).run_in(&session).unwrap_err();
    assert_eq!(error.location(), None);
    assert_eq!(error.to_string(), "task `errors::wrong` failed: 1 is wrong");
    assert_eq!(error.path().len(), 1);
}
