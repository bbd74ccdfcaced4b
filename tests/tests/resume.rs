//! Going on from checkpoints: what has been saved stands for the value, nothing above it runs, and the outcome says so.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use daglite::prelude::*;
use daglite::{Origin, PlannedState, SessionBuilder};
use daglite_tests::{Log, logged_with};
use tempfile::TempDir;

/// What each test needs: a folder of checkpoints, and sessions that use it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn checkpoints(&self) -> FileCheckpoints {
        FileCheckpoints::open(self.0.path()).unwrap()
    }

    fn builder(&self) -> SessionBuilder {
        Session::builder().without_cache().checkpoints(self.checkpoints())
    }

    fn session(&self) -> Session {
        self.builder().build().unwrap()
    }

    fn resuming(&self) -> (Session, Log) {
        logged_with(self.builder().resume(true))
    }
}

/// A task that counts its runs.
macro_rules! counted {
    ($counter:ident, $(#[$option:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty $body:block) => {
        static $counter: AtomicU32 = AtomicU32::new(0);

        $(#[$option])*
        fn $name($($argument: $type),*) -> $result {
            $counter.fetch_add(1, Ordering::SeqCst);
            $body
        }
    };
}

#[test]
fn a_run_goes_on_from_a_checkpoint_and_nothing_above_it_runs() {
    counted!(
        LOADS,
        #[task]
        fn load(rows: u32) -> Vec<u32> {
            (0..rows).collect()
        }
    );
    counted!(
        SUMS,
        #[task]
        fn sum(rows: &[u32]) -> u32 {
            rows.iter().sum()
        }
    );
    counted!(
        DOUBLES,
        #[task]
        fn double(n: u32) -> u32 {
            2 * n
        }
    );
    let graph = |rows| load(rows).checkpoint("rows").then(sum).checkpoint("sum").then(double);
    let counts = || [&LOADS, &SUMS, &DOUBLES].map(|count| count.load(Ordering::SeqCst));
    let folder = Folder::new();
    assert_eq!(graph(4).run_in(&folder.session()).unwrap(), 12);
    assert_eq!(counts(), [1, 1, 1]);

    // With other arguments even, which is what makes it dangerous, and why it has to be asked for.
    let (session, _) = folder.resuming();
    let outcome = graph(5).outcome_in(&session).unwrap();
    assert_eq!(outcome.value, 12);
    assert_eq!(counts(), [1, 1, 2]);
    assert_eq!((outcome.summary.resumed, outcome.summary.computed), (1, 1));
    assert!(outcome.summary.to_string().starts_with("0 hits, 1 resumed, 1 computed in "));
    let resumed = outcome.tasks.iter().find(|task| task.origin == Origin::Resumed).unwrap();
    assert!(resumed.task.ends_with("::sum"));
    let from = resumed.resumed.as_ref().unwrap();
    let version = folder.checkpoints().versions("sum").unwrap().remove(0);
    assert_eq!((from.checkpoint.as_str(), &from.version), ("sum", &version));
    assert_eq!(from.differs, [""; 0]);

    // Nobody who has not asked for it goes on from anything.
    assert_eq!(graph(5).run_in(&folder.session()).unwrap(), 20);
    assert_eq!(counts(), [2, 2, 3]);
}

#[test]
fn without_a_checkpoint_a_resuming_session_computes_and_saves() {
    #[task]
    fn three() -> u8 {
        3
    }
    let folder = Folder::new();
    let (session, log) = folder.resuming();
    assert_eq!(three().checkpoint("three").run_in(&session).unwrap(), 3);
    assert_eq!((log.count("saved three"), log.count("warning")), (1, 0));
    assert_eq!(folder.checkpoints().versions("three").unwrap().len(), 1);
}

#[test]
fn a_value_that_another_branch_needs_is_computed_for_that_branch_alone() {
    counted!(
        BASES,
        #[task]
        fn base() -> u32 {
            5
        }
    );
    counted!(
        STEPS,
        #[task]
        fn step(n: u32) -> u32 {
            n + 1
        }
    );
    #[task]
    fn add(a: u32, b: u32) -> u32 {
        a + b
    }
    let graph = || {
        let base = base();
        add(step(base.clone()).checkpoint("step"), base)
    };
    let folder = Folder::new();
    assert_eq!(graph().run_in(&folder.session()).unwrap(), 11);
    assert_eq!(graph().run_in(&folder.resuming().0).unwrap(), 11);
    assert_eq!(BASES.load(Ordering::SeqCst), 2);
    assert_eq!(STEPS.load(Ordering::SeqCst), 1);
}

mod before {
    #[daglite::task(name = "fit")]
    pub(crate) fn fit(alpha: u32) -> u32 {
        alpha + 1
    }
}

mod today {
    #[daglite::task(name = "fit")]
    pub(crate) fn fit(alpha: u32) -> u32 {
        alpha + 2
    }

    #[daglite::task(name = "train")]
    pub(crate) fn train(alpha: u32) -> u32 {
        alpha + 3
    }
}

#[test]
fn the_outcome_says_what_differs_from_todays_code() {
    let folder = Folder::new();
    before::fit(1).checkpoint("model").run_in(&folder.session()).unwrap();
    let (session, _) = folder.resuming();
    let differs = |future: TaskFuture<u32>| {
        let outcome = future.checkpoint("model").outcome_in(&session).unwrap();
        assert_eq!(outcome.value, 2);
        outcome.tasks[0].resumed.clone().unwrap().differs
    };
    assert_eq!(differs(before::fit(1)), [""; 0]);
    assert_eq!(differs(today::fit(1)), ["the code of `fit` has changed since"]);
    assert_eq!(differs(today::train(1)), ["it was made by `fit`, and is made by `train` today"]);
}

#[task(cache, cache_exclude = [verbose], cache_env = ["DAGLITE_TEST_ZONE"], name = "fitted")]
fn fitted(csv: InputFile, alpha: f64, rows: &[u32], api_key: String, verbose: bool) -> String {
    let text = fs::read_to_string(csv.path()).unwrap();
    format!("{text} {alpha} {} {} {verbose}", rows.len(), api_key.len())
}

#[task(cache)]
fn made(n: u32) -> Vec<u32> {
    (0..n).collect()
}

#[test]
fn the_outcome_says_which_arguments_and_files_differ() {
    let folder = Folder::new();
    let csv = folder.0.path().join("data.csv");
    fs::write(&csv, "1,2").unwrap();
    let cache = std::sync::Arc::new(MemoryStore::new());
    let session = |resume| {
        let builder = Session::builder().cache(cache.clone()).checkpoints(folder.checkpoints());
        builder.resume(resume).build().unwrap()
    };
    let call = |alpha, n, key: &str, verbose| {
        fitted(csv.as_path(), alpha, made(n), key, verbose).checkpoint("model")
    };
    call(0.1, 3, "secret", false).run_in(&session(false)).unwrap();
    let differs = |future: TaskFuture<String>| {
        let outcome = future.outcome_in(&session(true)).unwrap();
        assert_eq!(outcome.value, "1,2 0.1 3 6 false", "it is the value of then");
        outcome.tasks[0].resumed.clone().unwrap().differs
    };
    // A result that nobody has computed is not known, and what is excluded does not count.
    assert_eq!(differs(call(0.1, 4, "secret", true)), [""; 0]);
    assert_eq!(
        differs(call(0.25, 3, "another", false)),
        ["argument `alpha` changed from 0.1 to 0.25", "argument `api_key` changed"]
    );
    fs::write(&csv, "1,2,3").unwrap();
    let shown = format!("{:?}", csv.display().to_string());
    let other = folder.0.path().join("other.csv");
    fs::write(&other, "1,2").unwrap();
    let said = differs(call(0.1, 3, "secret", false));
    assert_eq!(said, [format!("the content of {shown}, the argument `csv`, changed")]);
    // The path does not count, the content does.
    let future = fitted(other.as_path(), 0.1, made(3), "secret", false).checkpoint("model");
    assert_eq!(differs(future), [""; 0]);
    // A list that is handed over, and not a result, cannot be compared with one that was.
    let future = fitted(other.as_path(), 0.1, vec![1, 2], "secret", false).checkpoint("model");
    assert_eq!(differs(future), [""; 0]);
}

#[test]
fn a_run_from_a_named_version_takes_that_one() {
    #[task]
    fn same(n: u32) -> u32 {
        n
    }
    let folder = Folder::new();
    let session = folder.session();
    for n in [10, 20, 30] {
        same(n).checkpoint("n").run_in(&session).unwrap();
    }
    let versions = folder.checkpoints().versions("n").unwrap();
    let from = |name: &str| same(40).checkpoint("n").map(|n| n + 1).run_from_in(name, &session);
    assert_eq!(from("n").unwrap(), 31);
    assert_eq!(from(&format!("n@{}", versions[0])).unwrap(), 11);
    assert_eq!(folder.checkpoints().versions("n").unwrap(), versions, "nothing was saved");

    let error = from("n@20260101T000000.000000Z").unwrap_err().to_string();
    assert!(error.contains("cannot go on from checkpoint `n@20260101T000000.000000Z`"), "{error}");
    assert!(
        error.ends_with(&format!(
            "it has no version `20260101T000000.000000Z`: the nearest are {}; or load `latest`, which is {}",
            versions.join(", "),
            versions[2]
        )),
        "{error}"
    );
    let error = from("m").unwrap_err().to_string();
    assert_eq!(error, "this graph saves no checkpoint `m` to go on from; it saves `n`");
}

#[test]
fn a_run_from_a_checkpoint_that_was_never_saved_is_an_error_and_runs_nothing() {
    counted!(
        RUNS,
        #[task]
        fn once() -> u32 {
            1
        }
    );
    let folder = Folder::new();
    let error = once().checkpoint("once").run_from_in("once", &folder.session()).unwrap_err();
    assert!(error.to_string().contains("there is no version of it"), "{error}");
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
}

/// Changes the value's file of the only version of `name`.
fn damage(folder: &Path, name: &str) {
    let version = fs::read_dir(folder.join(name)).unwrap().next().unwrap().unwrap().path();
    let value = fs::read_dir(version).unwrap().map(|entry| entry.unwrap().path());
    let value = value.into_iter().find(|path| path.file_stem().unwrap() == "value").unwrap();
    fs::write(value, b"?").unwrap();
}

#[test]
fn a_damaged_checkpoint_is_computed_with_a_warning_and_an_error_where_it_was_named() {
    #[task]
    fn seven() -> u32 {
        7
    }
    let folder = Folder::new();
    let (session, log) = folder.resuming();
    seven().checkpoint("seven").run_in(&session).unwrap();
    damage(folder.0.path(), "seven");
    let error = seven().checkpoint("seven").run_from_in("seven", &session).unwrap_err();
    assert!(error.to_string().contains("cannot go on from checkpoint `seven`"), "{error}");
    log.take();
    assert_eq!(seven().checkpoint("seven").run_in(&session).unwrap(), 7);
    assert_eq!(log.count("warning: cannot go on from checkpoint `seven`"), 1);
    assert_eq!(log.count("saved seven"), 1, "the damaged version does not count as the same value");
}

#[test]
fn a_checkpoint_of_another_type_is_never_taken_for_the_value() {
    #[task]
    fn number() -> u32 {
        7
    }
    #[task]
    fn text() -> String {
        "seven".into()
    }
    let folder = Folder::new();
    let (session, log) = folder.resuming();
    number().checkpoint("seven").run_in(&session).unwrap();
    assert_eq!(text().checkpoint("seven").run_in(&session).unwrap(), "seven");
    assert_eq!(log.count("warning: cannot go on from checkpoint `seven`"), 1);
}

#[test]
fn what_follows_a_resumed_result_is_a_hit_as_it_was() {
    #[task(cache)]
    fn rows(n: u32) -> Vec<u32> {
        (0..n).collect()
    }
    counted!(
        SUMS,
        #[task(cache)]
        fn sum(rows: &[u32]) -> u32 {
            rows.iter().sum()
        }
    );
    let folder = Folder::new();
    let cache = std::sync::Arc::new(MemoryStore::new());
    let session = |resume| {
        let builder = Session::builder().cache(cache.clone()).checkpoints(folder.checkpoints());
        builder.resume(resume).build().unwrap()
    };
    assert_eq!(rows(4).checkpoint("rows").then(sum).run_in(&session(false)).unwrap(), 6);
    let outcome = rows(9).checkpoint("rows").then(sum).outcome_in(&session(true)).unwrap();
    assert_eq!((outcome.value, outcome.summary.hits, outcome.summary.resumed), (6, 1, 1));
    assert_eq!(SUMS.load(Ordering::SeqCst), 1);
}

#[test]
fn a_refreshed_graph_does_not_go_on_from_what_was_saved() {
    counted!(
        RUNS,
        #[task]
        fn count() -> u32 {
            RUNS.load(Ordering::SeqCst)
        }
    );
    let folder = Folder::new();
    let (session, _) = folder.resuming();
    assert_eq!(count().checkpoint("count").run_in(&session).unwrap(), 1);
    assert_eq!(count().checkpoint("count").run_in(&session).unwrap(), 1);
    assert_eq!(count().checkpoint("count").refresh().run_in(&session).unwrap(), 2);
}

#[test]
fn a_plan_shows_from_where_a_run_would_go_on() {
    #[task(name = "first")]
    fn first() -> u32 {
        1
    }
    #[task(name = "second")]
    fn second(n: u32) -> u32 {
        n
    }
    let folder = Folder::new();
    let (session, _) = folder.resuming();
    let graph = || first().checkpoint("first").then(second);
    graph().run_in(&session).unwrap();
    let version = folder.checkpoints().versions("first").unwrap().remove(0);
    let plan = graph().plan_in(&session).unwrap();
    assert_eq!(
        plan.to_string(),
        format!(
            "2 tasks: 1 resumed, 1 to compute\n\
             resume   first   goes on from `first@{version}`\n\
             compute  second  not cached\n"
        )
    );
    let state = PlannedState::WouldResume { checkpoint: format!("first@{version}") };
    assert_eq!(plan.nodes[0].state, state);
}

#[test]
fn a_policy_says_when_a_version_is_added() {
    #[task(cache)]
    fn same(n: u8) -> u8 {
        n
    }
    let folder = Folder::new();
    let cache = std::sync::Arc::new(MemoryStore::new());
    let builder = Session::builder().cache(cache).checkpoints(folder.checkpoints());
    let session = builder.build().unwrap();
    for n in [1, 1, 2] {
        same(n).checkpoint("changed").run_in(&session).unwrap();
        same(n).checkpoint(Checkpoint::named("always").always()).run_in(&session).unwrap();
        same(n).checkpoint(Checkpoint::named("absent").if_absent()).run_in(&session).unwrap();
        // A value without a digest too.
        let plus = same(n).map(|n| n + 10);
        plus.checkpoint(Checkpoint::named("plus").if_absent()).run_in(&session).unwrap();
    }
    let versions = |name| folder.checkpoints().versions(name).unwrap().len();
    assert_eq!(["changed", "always", "absent", "plus"].map(versions), [2, 3, 1, 1]);
    assert_eq!(folder.checkpoints().load::<u8>("absent", "latest").unwrap(), 1);
    assert_eq!(folder.checkpoints().load::<u8>("plus", "latest").unwrap(), 11);
}

#[test]
fn a_graph_with_checkpoints_of_which_none_is_wanted_above_another_loads_one() {
    #[task]
    fn next(n: u64) -> u64 {
        n + 1
    }
    let folder = Folder::new();
    let chain = || (0..50).fold(next(0), |n, at| next(n.checkpoint(format!("at {at}"))));
    assert_eq!(chain().run_in(&folder.session()).unwrap(), 51);
    let outcome = chain().outcome_in(&folder.resuming().0).unwrap();
    assert_eq!(outcome.value, 51);
    assert_eq!((outcome.summary.resumed, outcome.summary.computed), (1, 1));
}
