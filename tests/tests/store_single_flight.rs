//! Several processes that need one result: one computes it, the others wait, and the death of the first frees it at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use daglite::store::{CacheStore, KeyClaim};
use daglite_tests::processes::{Worker, until};
use daglite_tests::stores::{key, now, open};
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");

/// A store, and a folder in which each process that computes leaves a line with its number.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.notes()).unwrap();
        scene
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// The numbers of the processes that have computed so far.
    fn computed_by(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.notes().join("lines")).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// A process that is about to ask for the result.
    fn worker(&self) -> Worker {
        let (root, notes): (&Path, &Path) = (&self.root(), &self.notes());
        let mut worker = Worker::start(WORKER, &[&"slow", &root.display(), &notes.display()]);
        worker.wait_for("ready", 1);
        worker
    }
}

#[test]
fn processes_that_need_one_result_compute_it_once() {
    let scene = Scene::new();
    let mut workers: Vec<_> = (0..6).map(|_| scene.worker()).collect();
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    for worker in workers {
        let ended = worker.finish();
        assert!(ended.status.success() && ended.errors.is_empty(), "{ended:?}");
        assert_eq!(ended.lines, ["ready", "started", "answer 42", "complaints 0"]);
    }
    assert_eq!(scene.computed_by().len(), 1);
}

#[test]
fn a_killed_process_leaves_its_computation_to_one_that_waits() {
    let scene = Scene::new();
    fs::write(scene.notes().join("hang"), b"").unwrap();
    let mut first = scene.worker();
    first.tell("go");
    until(Duration::from_secs(10), "the first computation", || {
        (scene.computed_by() == [first.id()]).then_some(())
    });
    let mut others: Vec<_> = (0..2).map(|_| scene.worker()).collect();
    for other in &mut others {
        other.tell("go");
        other.wait_for("started", 1);
    }
    // Long enough for one that does not wait: it computes at once.
    let start = Instant::now();
    until(Duration::from_secs(10), "some time", || {
        (start.elapsed() > Duration::from_millis(300)).then_some(())
    });
    assert_eq!(scene.computed_by(), [first.id()], "nobody computes while another does");
    first.kill();
    let killed = Instant::now();
    for mut other in others {
        assert_eq!(other.wait_for("answer", 1), "answer 42");
        assert!(killed.elapsed() < Duration::from_secs(2), "it took {:?}", killed.elapsed());
    }
    assert_eq!(scene.computed_by().len(), 2, "one of those that waited");
}

#[test]
fn a_killed_holder_frees_the_key() {
    let scene = Scene::new();
    let mut holder = Worker::start(WORKER, &[&"hold", &scene.root().display()]);
    assert_eq!(holder.wait_for("", 1), "granted");
    let store = open(&scene.root());
    let claim = |number| now(store.claim(&key(number))).unwrap();
    match claim(0) {
        KeyClaim::Taken { by } => assert!(by.is_none_or(|by| by == holder.id()), "by {by:?}"),
        KeyClaim::Granted(_) => panic!("two processes hold one key"),
    }
    assert!(matches!(claim(1), KeyClaim::Granted(_)), "another key is free");
    holder.kill();
    assert!(matches!(claim(0), KeyClaim::Granted(_)), "the key of the dead is free");
}
