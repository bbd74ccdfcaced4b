//! `.checkpoint(…)` in a graph: what is saved, what is not, and what it says of where it came from.

use std::fs;
use std::path::Path;

use daglite::ErrorKind;
use daglite::checkpoint::CheckpointMeta;
use daglite::prelude::*;
use daglite_tests::{Log, logged_with};

#[task(cache)]
fn rows(n: u64) -> Vec<u64> {
    (0..n).collect()
}

#[task(cache)]
fn total(rows: &[u64]) -> u64 {
    rows.iter().sum()
}

#[task]
fn uncached(n: u64) -> u64 {
    n
}

fn session(folder: &Path) -> (Session, Log) {
    let checkpoints = FileCheckpoints::open(folder).unwrap();
    logged_with(
        Session::builder().cache(MemoryStore::new()).without_memory().checkpoints(checkpoints),
    )
}

fn meta(folder: &Path, name: &str) -> CheckpointMeta {
    FileCheckpoints::open(folder).unwrap().meta(name, "latest").unwrap()
}

#[test]
fn a_checkpoint_is_saved_and_can_be_loaded_without_a_graph() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path());
    let checkpoint = Checkpoint::named("models/total").format("json").meta("alpha", 0.1);
    assert_eq!(rows(5).then(total).checkpoint(checkpoint).run_in(&session).unwrap(), 10);
    assert_eq!(log.count("saved models/total"), 1);

    let kept = FileCheckpoints::open(folder.path()).unwrap();
    assert_eq!(kept.load::<u64>("models/total", "latest").unwrap(), 10);
    let version = kept.versions("models/total").unwrap().remove(0);
    let file = folder.path().join("models/total").join(&version).join("value.json");
    assert_eq!(fs::read_to_string(file).unwrap(), "10");

    let meta = meta(folder.path(), "models/total");
    assert_eq!(meta.task.as_deref(), Some("checkpoints_in_a_graph::total"));
    assert!(meta.fingerprint.is_some() && meta.key.is_some());
    assert_eq!(meta.arguments[0].name, "rows");
    assert_eq!(meta.type_name, "u64");
    assert_eq!(meta.user["alpha"], 0.1);
}

#[test]
fn an_unchanged_value_adds_no_version_and_is_not_even_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path());
    let graph = |n| rows(n).checkpoint("rows").then(total);
    graph(5).run_in(&session).unwrap();
    log.take();
    graph(5).run_in(&session).unwrap();
    assert_eq!(log.take(), ["hit rows", "unchanged rows", "hit total", "loaded total"]);
    graph(6).run_in(&session).unwrap();
    assert_eq!(log.count("saved rows"), 1);
    assert_eq!(FileCheckpoints::open(folder.path()).unwrap().versions("rows").unwrap().len(), 2);
}

#[test]
fn values_of_uncached_tasks_and_of_maps_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path());
    let graph = || uncached(3).checkpoint("plain").map(|n| n.to_string()).checkpoint("text");
    assert_eq!(graph().run_in(&session).unwrap(), "3");
    assert_eq!(graph().run_in(&session).unwrap(), "3");
    assert_eq!((log.count("saved"), log.count("unchanged")), (2, 2));
    assert_eq!(
        meta(folder.path(), "plain").task.as_deref(),
        Some("checkpoints_in_a_graph::uncached")
    );
}

#[test]
fn a_checkpoint_names_those_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    rows(4).checkpoint("rows").then(total).checkpoint("total").run_in(&session).unwrap();
    let rows = meta(folder.path(), "rows");
    assert!(rows.made_from.is_empty());
    assert_eq!(meta(folder.path(), "total").made_from, [format!("rows@{}", rows.version)]);
}

#[test]
fn a_checkpoint_shows_the_arguments_of_its_task_at_a_miss_and_at_a_hit() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    let shown = |name: &str| {
        let parts = meta(folder.path(), name).arguments;
        parts.into_iter().map(|part| format!("{} = {}", part.name, part.shown)).collect::<Vec<_>>()
    };
    rows(7).checkpoint("computed").run_in(&session).unwrap();
    rows(7).checkpoint("found").run_in(&session).unwrap();
    assert_eq!(shown("computed"), ["n = 7"]);
    assert_eq!(shown("found"), ["n = 7"]);
    let lineage = FileCheckpoints::open(folder.path()).unwrap().lineage("found").unwrap();
    assert!(lineage.to_string().contains("by checkpoints_in_a_graph::rows(n = 7)"), "{lineage}");
}

#[test]
fn a_checkpoint_that_cannot_be_saved_fails_the_run_and_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in the way");
    fs::write(&file, "").unwrap();
    let (session, _) = session(&file.join("checkpoints"));
    let error = rows(2).checkpoint("rows").run_in(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(
        error.to_string().contains("cannot ") && error.to_string().contains("`rows`"),
        "{error}"
    );
    assert!(error.to_string().contains("in the way"), "{error}");
}

#[test]
fn a_hostile_name_or_an_unknown_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path());
    for name in ["../up", "/root", "a//b", "", "con", "a\nb"] {
        let error = rows(2).checkpoint(name).run_in(&session).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint, "{name:?}: {error}");
    }
    let error =
        rows(2).checkpoint(Checkpoint::named("x").format("xml")).run_in(&session).unwrap_err();
    assert!(error.to_string().contains("`xml`") && error.to_string().contains("json"), "{error}");
    assert!(!folder.path().parent().unwrap().join("up").exists());
}

/// The run waited for ever: the node of a checkpoint that has not changed was settled without its value, although the
/// run wanted just that.
#[test]
fn an_unchanged_checkpoint_at_the_end_of_a_graph_gives_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = session(folder.path());
    for _ in 0..3 {
        assert_eq!(rows(3).checkpoint("last").run_in(&session).unwrap(), [0, 1, 2]);
    }
    assert_eq!((log.count("saved"), log.count("unchanged")), (1, 2));
}
