//! States of long tasks: found again by the same call alone, and gone once its result is safe.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use daglite::checkpoint::CheckpointMeta;
use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{Error, ErrorKind};
use daglite_tests::processes::Worker;
use daglite_tests::{Log, logged_with};

fn session(folder: &Path) -> (Session, Log) {
    let cache = FileStore::builder(folder.join("cache")).open().unwrap();
    logged_with(Session::builder().cache(cache).checkpoints(kept(folder)))
}

fn kept(folder: &Path) -> FileCheckpoints {
    FileCheckpoints::open(folder.join("checkpoints")).unwrap()
}

static STEPS: AtomicU64 = AtomicU64::new(0);
static FAILS: AtomicBool = AtomicBool::new(false);

/// Adds up to `steps`, and fails half way if it is told to.
#[task(cache)]
fn sum(steps: u64) -> Result<u64, Error> {
    let (mut step, mut sum) = resume_here::<(u64, u64)>("state")?.unwrap_or_default();
    while step < steps {
        if FAILS.load(Ordering::SeqCst) && step == steps / 2 {
            panic!("half way");
        }
        (step, sum) = (step + 1, sum + step);
        STEPS.fetch_add(1, Ordering::SeqCst);
        checkpoint_here("state", &(step, sum))?;
    }
    Ok(sum)
}

#[test]
fn a_task_goes_on_where_it_failed_and_its_state_goes_with_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    FAILS.store(true, Ordering::SeqCst);
    assert!(sum(10).run_in(&session).is_err());
    FAILS.store(false, Ordering::SeqCst);
    assert_eq!(STEPS.swap(0, Ordering::SeqCst), 5);

    let names = kept(folder.path()).names().unwrap();
    let [name] = names.as_slice() else { panic!("one state is kept: {names:?}") };
    assert!(name.starts_with("unfinished/sum-") && name.ends_with("/state"), "{name}");
    let meta: CheckpointMeta = kept(folder.path()).meta(name, "latest").unwrap();
    assert_eq!(meta.task.as_deref(), Some("checkpoint_here::sum"));
    assert!(kept(folder.path()).versions(name).unwrap().len() <= 2);

    // Another argument is another key: it finds nothing, and leaves this alone.
    assert_eq!(sum(4).run_in(&session).unwrap(), 6);
    assert_eq!(STEPS.swap(0, Ordering::SeqCst), 4);
    assert_eq!(kept(folder.path()).names().unwrap(), names);

    assert_eq!(sum(10).run_in(&session).unwrap(), 45);
    assert_eq!(STEPS.load(Ordering::SeqCst), 5);
    assert!(kept(folder.path()).names().unwrap().is_empty());
    assert_eq!(sum(10).run_in(&session).unwrap(), 45);
    assert_eq!(STEPS.load(Ordering::SeqCst), 5);
}

static LOSES: AtomicBool = AtomicBool::new(true);

#[task(cache)]
fn two_states(_n: u64) -> Result<String, Error> {
    let found = resume_here::<String>("a")?;
    if LOSES.swap(false, Ordering::SeqCst) {
        for text in ["first", "second", "third"] {
            checkpoint_here(Checkpoint::named("a").format("json"), &text.to_owned())?;
        }
        panic!("killed");
    }
    Ok(found.unwrap_or_default())
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path());
    assert!(two_states(1).run_in(&session).is_err());
    let name = kept(folder.path()).names().unwrap().remove(0);
    let latest = kept(folder.path()).versions(&name).unwrap().pop().unwrap();
    let value = folder.path().join("checkpoints").join(&name).join(latest).join("value.json");
    assert_eq!(fs::read_to_string(&value).unwrap(), "\"third\"");
    fs::write(&value, "\"thirx\"").unwrap();
    assert_eq!(two_states(1).run_in(&session).unwrap(), "second");
    assert_eq!(log.count("warning: resumed from the state before"), 1);
}

#[task]
fn uncached() -> Result<(), Error> {
    checkpoint_here("state", &1_u8)
}

#[task(cache)]
fn around(n: u64) -> Result<String, Error> {
    // The task inside has no key of its own, and must not take this one's.
    let inside = uncached().run().expect_err("it has no key").to_string();
    let thread = std::thread::spawn(|| resume_here::<u8>("state").unwrap_err().to_string());
    let thread = thread.join().unwrap();
    Ok(format!("{n} {inside} | {thread}"))
}

#[task(cache)]
fn of_two_types(n: u64) -> Result<u64, Error> {
    checkpoint_here("state", &n)?;
    let error = resume_here::<String>("state").unwrap_err().to_string();
    assert!(error.contains("cannot be read as `alloc::string::String`"), "{error}");
    assert!(error.contains("it was saved from `u64`"), "{error}");
    for name in ["", "..", "../up", "a@b"] {
        assert!(checkpoint_here(name, &n).is_err() && resume_here::<u64>(name).is_err());
    }
    Ok(resume_here("state")?.unwrap_or_default())
}

#[test]
fn where_there_is_no_key_the_error_says_so() {
    let error = checkpoint_here("state", &1_u8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains("call it in the body of a `#[task(cache)]`"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    let said = around(1).run_in(&session).unwrap();
    assert_eq!(said.matches("knows no key to keep `state` under").count(), 2, "{said}");
    assert!(kept(folder.path()).names().unwrap().is_empty());
    assert_eq!(of_two_types(7).run_in(&session).unwrap(), 7);
    // With no cache there is no key.
    let plain =
        Session::builder().without_cache().checkpoints(kept(folder.path())).build().unwrap();
    assert!(sum(3).run_in(&plain).unwrap_err().to_string().contains("knows no key"));
}

#[task(cache)]
async fn in_flight(steps: u64) -> Result<u64, Error> {
    let mut step = resume_here::<u64>("state")?.unwrap_or_default();
    while step < steps {
        step += 1;
        checkpoint_here("state", &step)?;
        tokio::task::yield_now().await;
    }
    Ok(step)
}

#[tokio::test]
async fn async_bodies_have_states_too() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    assert_eq!(in_flight(3).await_in(&session).await.unwrap(), 3);
    assert!(kept(folder.path()).names().unwrap().is_empty());
}

#[test]
fn a_simulation_killed_at_hour_nine_goes_on_from_hour_eight() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_checkpoint_worker");
    let root = folder.path().display().to_string();
    let mut worker = Worker::start(program, &[&"simulate", &root, &"slowly"]);
    worker.wait_for("hour 8", 1);
    worker.kill();
    let ended = Worker::start(program, &[&"simulate", &root, &"quickly"]).finish();
    assert!(ended.status.success(), "{}", ended.errors);
    let hours: Vec<_> = ended.lines.iter().filter(|line| line.starts_with("hour ")).collect();
    assert!(hours.len() <= 4 && !ended.lines.contains(&"hour 7".to_owned()), "{:?}", ended.lines);
    assert_eq!(ended.lines.last().unwrap(), "answer 66");
    assert!(kept(folder.path()).names().unwrap().is_empty());
    // And other code, or another argument, would have begun anew: the key says so.
    let ended = Worker::start(program, &[&"simulate", &root, &"quickly"]).finish();
    assert_eq!(ended.lines, ["answer 66"]);
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Sessions on one folder, each as a process of its own would have it, and a clock for all.
struct Lab {
    folder: tempfile::TempDir,
    clock: Clock,
    hands: ClockHands,
}

impl Lab {
    fn new() -> Self {
        let (clock, hands) = Clock::manual();
        Self { folder: tempfile::tempdir().unwrap(), clock, hands }
    }

    fn session(&self) -> Session {
        let cache = FileStore::builder(self.folder.path().join("cache")).open().unwrap();
        let builder = Session::builder().cache(cache).checkpoints(kept(self.folder.path()));
        builder.clock(self.clock.clone()).build().unwrap()
    }

    fn names(&self) -> Vec<String> {
        kept(self.folder.path()).names().unwrap()
    }
}

/// Saves a state, and finishes.
#[task(cache)]
fn finished(n: u64) -> Result<u64, Error> {
    checkpoint_here("state", &n)?;
    Ok(n)
}

/// Saves a state the first time, and never finishes.
#[task(cache)]
fn unfinished(n: u64) -> Result<u64, Error> {
    if resume_here::<u64>("state")?.is_none() {
        checkpoint_here(Checkpoint::named("state").format("json").meta("note", "mine"), &n)?;
    }
    panic!("half way");
}

#[test]
fn a_state_that_nobody_uses_for_a_month_goes() {
    let lab = Lab::new();
    assert!(unfinished(1).run_in(&lab.session()).is_err());
    let before = lab.names();
    assert_eq!(before.len(), 1);
    // Others are not touched, whatever their age.
    kept(lab.folder.path()).save("unfinished business", &1_u8).unwrap();
    lab.hands.advance(29 * DAY);
    finished(1).run_in(&lab.session()).unwrap();
    assert_eq!(lab.names(), ["unfinished business".to_owned(), before[0].clone()]);
    lab.hands.advance(DAY);
    // A run that has no states of its own does not look for those of others.
    sum(0).run_in(&lab.session()).unwrap();
    assert_eq!(lab.names().len(), 2);
    finished(2).run_in(&lab.session()).unwrap();
    assert_eq!(lab.names(), ["unfinished business"]);
}

#[test]
fn a_state_that_was_resumed_is_young_again() {
    let lab = Lab::new();
    assert!(unfinished(1).run_in(&lab.session()).is_err());
    lab.hands.advance(20 * DAY);
    assert!(unfinished(1).run_in(&lab.session()).is_err());
    lab.hands.advance(20 * DAY);
    finished(1).run_in(&lab.session()).unwrap();
    let [name] = &lab.names()[..] else { panic!("it is there: {:?}", lab.names()) };
    let meta = kept(lab.folder.path()).meta(name, "latest").unwrap();
    assert_eq!((meta.format.as_str(), &meta.user["note"]), ("json", &"mine".into()));
    lab.hands.advance(11 * DAY);
    finished(2).run_in(&lab.session()).unwrap();
    assert!(lab.names().is_empty());
}

/// What lets `waits` go on.
static GATE: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
/// Tells that `waits` is in its body.
static INSIDE: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);

/// Saves a state and fails; the second time it waits before it asks for it.
#[task(cache)]
fn waits(n: u64) -> Result<u64, Error> {
    let Some(gate) = GATE.lock().unwrap().take() else {
        checkpoint_here("state", &(n + 1))?;
        panic!("half way");
    };
    INSIDE.lock().unwrap().take().unwrap().send(()).unwrap();
    gate.recv_timeout(Duration::from_secs(60)).unwrap();
    Ok(resume_here("state")?.unwrap_or_default())
}

#[test]
fn a_state_of_a_task_that_a_process_is_at_work_on_stays_however_old_it_is() {
    let lab = Lab::new();
    assert!(waits(1).run_in(&lab.session()).is_err());
    lab.hands.advance(100 * DAY);
    let (open, gate) = mpsc::channel();
    let (inside, is_inside) = mpsc::channel();
    *GATE.lock().unwrap() = Some(gate);
    *INSIDE.lock().unwrap() = Some(inside);
    let session = lab.session();
    let running = std::thread::spawn(move || waits(1).run_in(&session));
    is_inside.recv_timeout(Duration::from_secs(60)).unwrap();
    finished(1).run_in(&lab.session()).unwrap();
    assert_eq!(lab.names().len(), 1);
    open.send(()).unwrap();
    assert_eq!(running.join().unwrap().unwrap(), 2, "it found its state");
    assert!(lab.names().is_empty());
}
