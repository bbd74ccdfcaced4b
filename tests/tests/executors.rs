//! Where isolated bodies run is for an executor to say; and what one needs: tasks that are called by name with bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use daglite::executor::{Executor, Job, JobError, JobFuture, TaskEntry, tasks};
use daglite::prelude::*;
use daglite::{Digest, Encoded, Error, ErrorKind, ValueFormats};
use daglite_tests::logged_with;

/// Calls tasks with bytes in this process, and counts.
#[derive(Clone, Default)]
struct Here(Arc<AtomicU32>);

impl Executor for Here {
    fn run(&self, job: Job) -> JobFuture {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let task = TaskEntry::find(job.name(), Some(job.fingerprint()))?;
            task.call_async(job.arguments()?).await
        })
    }
}

/// Answers what a function says.
struct Answers(fn(&Job) -> Result<Encoded, JobError>);

impl Executor for Answers {
    fn run(&self, job: Job) -> JobFuture {
        let answer = (self.0)(&job);
        Box::pin(async move { answer })
    }
}

#[task(isolate)]
fn double(n: u64) -> u64 {
    2 * n
}

#[task(isolate)]
async fn joined(a: &str, b: String) -> String {
    format!("{a}{b}")
}

#[task(isolate, cache)]
fn length(text: &str) -> usize {
    text.len()
}

#[task]
fn plain(n: u64) -> u64 {
    n + 1
}

#[task(isolate, retries = 2, retry_delay = "1ms")]
fn parsed(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse::<u32>()
}

#[task(isolate, timeout = "2s")]
fn limited() -> u8 {
    1
}

fn answering(answer: fn(&Job) -> Result<Encoded, JobError>) -> Session {
    Session::builder().without_cache().executor(Answers(answer)).build().unwrap()
}

#[test]
fn an_executor_gets_isolated_bodies_and_no_others() {
    let here = Here::default();
    let (session, log) =
        logged_with(Session::builder().cache(MemoryStore::new()).executor(here.clone()));
    assert_eq!(plain(double(20u64)).run_in(&session).unwrap(), 41);
    assert_eq!(joined("a", "b".to_owned()).run_in(&session).unwrap(), "ab");
    assert_eq!(length("four").run_in(&session).unwrap(), 4);
    assert_eq!(length("four").run_in(&session).unwrap(), 4);
    assert_eq!(here.0.load(Ordering::SeqCst), 3);
    assert_eq!((log.count("computed length"), log.count("hit length")), (1, 1));
}

#[test]
fn a_thousand_isolated_calls_go_through_one_executor() {
    let here = Here::default();
    let session = Session::builder().without_cache().executor(here.clone()).build().unwrap();
    let all = join_all((0..1_000).map(double)).run_in(&session).unwrap();
    assert_eq!(all.iter().sum::<u64>(), 999_000);
    assert_eq!(here.0.load(Ordering::SeqCst), 1_000);
}

#[test]
fn an_error_of_a_body_that_was_called_in_this_process_has_its_type() {
    let session = Session::builder().without_cache().executor(Here::default()).build().unwrap();
    let error = parsed("seven").run_in(&session).unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    assert_eq!(error.attempts(), 3);
}

#[test]
fn a_job_says_what_its_executor_has_to_know() {
    let session = answering(|job| {
        assert!(job.name().ends_with("::limited"));
        assert_eq!(job.fingerprint(), job.task().fingerprint());
        assert_eq!((job.timeout(), job.attempt()), (Some(Duration::from_secs(2)), 1));
        assert_eq!((job.key(), job.memory_limit()), (None, None));
        assert!(job.arguments().unwrap().is_empty());
        Err(JobError::TimedOut)
    });
    let error = limited().run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("timed out after 2s"), "{error}");
}

#[test]
fn what_an_executor_answers_is_the_error_of_the_task() {
    let error = |answer| double(1u64).run_in(&answering(answer)).unwrap_err();
    let crashed = error(|_| Err(JobError::Crashed("the machine burns".into())));
    assert_eq!(crashed.kind(), ErrorKind::Crashed);
    assert!(crashed.to_string().ends_with(") crashed: the machine burns"), "{crashed}");
    let refused = error(|_| Err(JobError::Refused("no such task".into())));
    assert_eq!(refused.kind(), ErrorKind::Executor);
    assert!(refused.to_string().ends_with("could not run where it was to run: no such task"));
    let panicked = error(|_| Err(JobError::Panicked("boo".into())));
    assert_eq!(panicked.kind(), ErrorKind::Panic);
    let failed = error(|_| Err(JobError::failed(std::fmt::Error)));
    assert!(failed.downcast_ref::<std::fmt::Error>().is_some());
    assert_eq!(error(|_| Err(JobError::Cancelled)).kind(), ErrorKind::Cancelled);
}

#[test]
fn crashes_are_tried_again_and_refusals_are_not() {
    let attempts = |answer| parsed("7").run_in(&answering(answer)).unwrap_err().attempts();
    assert_eq!(attempts(|_| Err(JobError::Crashed("once more".into()))), 3);
    assert_eq!(attempts(|_| Err(JobError::TimedOut)), 3);
    assert_eq!(attempts(|_| Err(JobError::Refused("never".into()))), 1);
    assert_eq!(attempts(|_| Err(JobError::judged("no", false))), 1);
    assert_eq!(attempts(|_| Err(JobError::judged("yes", true))), 3);
}

#[test]
fn an_executor_that_panics_breaks_no_run() {
    let error = double(1u64).run_in(&answering(|_| panic!("dear me"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.to_string().contains("the executor panicked: dear me"), "{error}");
}

#[test]
fn bytes_of_another_type_are_never_taken_for_a_result() {
    let error = double(1u64)
        .run_in(&answering(|_| {
            ValueFormats::serde::<i64>()
                .encode(Registry::global(), &7_i64, None)
                .map_err(|error| JobError::Refused(error.to_string()))
        }))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().contains("the result cannot be read"), "{error}");
}

fn encoded<T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static>(
    value: T,
) -> Encoded {
    ValueFormats::serde::<T>().encode(Registry::global(), &value, None).unwrap()
}

fn entry(name: &str) -> &'static TaskEntry {
    tasks().find(|task| task.name().ends_with(name)).unwrap()
}

fn refused(result: Result<Encoded, JobError>) -> String {
    match result {
        Err(JobError::Refused(why)) => why,
        other => panic!("it is to be refused: {other:?}"),
    }
}

#[test]
fn a_task_is_called_with_bytes() {
    let sum = entry("::double").call(&[encoded(21_u64)]).unwrap();
    assert_eq!(sum, encoded(42_u64));
    let text = entry("::joined").call(&[encoded("a".to_owned()), encoded("b".to_owned())]).unwrap();
    assert_eq!(text, encoded("ab".to_owned()));
}

#[test]
fn wrong_arguments_are_refused() {
    let double = entry("::double");
    assert!(refused(double.call(&[])).contains("takes 1 arguments, and was called with 0"));
    assert!(refused(double.call(&[encoded(1_i8)])).contains("argument `n` of "));
    let mut cut = encoded(1_u64 << 40);
    cut.bytes.pop();
    assert!(refused(double.call(&[cut])).contains("cannot be read where the body runs"));
}

#[test]
fn isolated_tasks_are_in_the_table_and_no_others() {
    #[task(isolate)]
    fn local(n: u8) -> u8 {
        n
    }
    drop((local(1u8), plain(1u64)));
    assert!(tasks().any(|task| task.name().ends_with("::local")));
    assert!(!tasks().any(|task| task.name().ends_with("::plain")));
    assert!(entry("::joined").is_async() && !entry("::double").is_async());
    assert_eq!(entry("::joined").parameters(), ["a", "b"]);
}

mod first {
    use daglite::prelude::*;

    #[task(isolate, name = "same")]
    fn one(n: u64) -> u64 {
        n
    }

    pub(super) fn used() {
        drop(one(1u64));
    }
}

mod second {
    use daglite::prelude::*;

    #[task(isolate, name = "same")]
    fn two(n: u64) -> u64 {
        n + 1
    }

    pub(super) fn used() {
        drop(two(1u64));
    }
}

#[test]
fn of_two_tasks_of_one_name_the_fingerprint_tells_which() {
    first::used();
    second::used();
    let both: Vec<&TaskEntry> = tasks().filter(|task| task.name() == "same").collect();
    assert_eq!(both.len(), 2);
    let error = TaskEntry::find("same", None).unwrap_err().to_string();
    assert!(
        error.contains("there are 2 tasks `same`: say which one by its fingerprint"),
        "{error}"
    );
    for entry in both {
        let found = TaskEntry::find("same", Some(entry.fingerprint())).unwrap();
        assert_eq!(found.fingerprint(), entry.fingerprint());
    }
    let other = Digest::of_bytes(b"other");
    let error = TaskEntry::find("same", Some(other)).unwrap_err().to_string();
    assert!(error.contains("has another fingerprint here"), "{error}");
}

#[test]
fn a_program_that_has_not_called_worker_main_starts_nothing_and_says_what_to_write() {
    let session = Session::builder().without_cache().build().unwrap();
    let error: Error = double(1u64).run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Executor);
    let text = error.to_string();
    assert!(text.contains("write `daglite::worker_main();` as the first line of `main`"), "{text}");
}
