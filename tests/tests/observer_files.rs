//! The log and the trace: what is in them, by a clock that the tests move, and what happens if they cannot be written.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{ChromeTrace, JsonLines};
use daglite_tests::logged_with;
use serde_json::Value;

/// The hands of the clock that the tasks of a test move; each test has a session of its own name here.
static HANDS: Mutex<BTreeMap<&str, ClockHands>> = Mutex::new(BTreeMap::new());

fn pass(test: &'static str, millis: u64) {
    HANDS.lock().unwrap()[test].advance(Duration::from_millis(millis));
}

/// A builder with a clock that [`pass`] moves.
fn clocked(test: &'static str) -> daglite::SessionBuilder {
    let (clock, hands) = Clock::manual();
    HANDS.lock().unwrap().insert(test, hands);
    Session::builder().clock(clock).concurrency(1)
}

/// What was written, for who looks at it.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A medium without room.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_log_has_a_line_for_each_event_with_the_time_of_the_sessions_clock() {
    #[task(cache, name = "first")]
    fn first(n: u64) -> u64 {
        pass("log", 1_500);
        n
    }

    let page = Page::default();
    let session =
        clocked("log").cache(MemoryStore::new()).observe(JsonLines::to(page.clone())).build();
    let session = session.unwrap();
    first(3).run_in(&session).unwrap();
    first(3).run_in(&session).unwrap();
    let log = lines(&page.text());
    let told =
        log.iter().map(|line| (line["time"].as_str().unwrap(), line["event"].as_str().unwrap()));
    let told: Vec<_> = told.collect();
    let (noon, then) = ("2000-01-01T12:00:00.000Z", "2000-01-01T12:00:01.500Z");
    assert_eq!(
        told,
        [
            (noon, "run_started"),
            (noon, "queued"),
            (noon, "miss"),
            (noon, "started"),
            (then, "computed"),
            (then, "stored"),
            (then, "run_finished"),
            (then, "run_started"),
            (then, "queued"),
            (then, "hit"),
            (then, "run_finished"),
        ]
    );
    assert_eq!((&log[2]["task"], &log[2]["reason"]), (&"first".into(), &"no entry yet".into()));
    assert_eq!(log[2]["key"], log[9]["key"]);
    assert_eq!(log[3]["call"], log[4]["call"]);
    assert_eq!((&log[10]["hits"], &log[10]["computed"]), (&1.into(), &0.into()));
    assert_ne!(log[0]["run"], log[7]["run"]);
    assert!(log[0].get("task").is_none() && log[0].get("call").is_none());
}

#[test]
fn every_field_of_the_log_is_documented() {
    #[task(cache, name = "load")]
    fn load() -> Result<u64, String> {
        Err("on purpose".into())
    }
    let format = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    let format = std::fs::read_to_string(format).unwrap();
    let section = format.split("## The log").nth(1).unwrap().split("\n## ").next().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daglite/src/observe/json_lines.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let code = source.split("fn event_at").nth(1).unwrap();
    let fields = code.split('"').skip(1).step_by(2).filter(|field| *field != "{}\\n");
    for field in fields {
        assert!(section.contains(&format!("`{field}`")), "`{field}` is not in docs/format.md");
    }
    // And every event by its name.
    let events = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../daglite/src/event/mod.rs"),
    );
    let events = events.unwrap();
    let facts = events.split("fn facts").nth(1).unwrap();
    for name in facts.split("=> (\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(section.contains(&format!("`{name}`")), "`{name}` is not in docs/format.md");
    }
    assert!(load().run_in(&clocked("documented").without_cache().build().unwrap()).is_err());
}

#[test]
fn a_log_that_cannot_be_written_is_a_warning_once_and_breaks_no_run() {
    #[task(name = "one")]
    fn one() -> u64 {
        1
    }
    for what in ["log", "trace"] {
        let builder = Session::builder().without_cache();
        let builder = match what {
            "log" => builder.observe(JsonLines::to(Full)),
            _ => builder.observe(ChromeTrace::to(Full)),
        };
        let (session, log) = logged_with(builder);
        for _ in 0..3 {
            assert_eq!(one().run_in(&session).unwrap(), 1);
        }
        drop(session);
        let told = log.count("warning: ");
        let expected = format!("warning: the {what} cannot be written, so it ends here: ");
        assert_eq!((told, log.count(&expected)), (1, 1), "{:?}", log.take());
    }
}

#[test]
fn the_variables_make_a_log_and_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let status = Command::new(env!("CARGO_BIN_EXE_default_session"))
            .current_dir(folder.path())
            .env("DAGLITE_LOG", "log.jsonl")
            .env("DAGLITE_TRACE", "trace.json")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    };
    run();
    run();
    let log = lines(&std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap());
    let count = |name: &str| log.iter().filter(|line| line["event"] == name).count();
    // The log of the second process stands behind that of the first one.
    assert_eq!((count("run_finished"), count("computed"), count("hit")), (2, 1, 1));
    // The default session is never dropped, so its trace has no end: viewers need none.
    let trace = std::fs::read_to_string(folder.path().join("trace.json")).unwrap();
    assert!(!completed(&trace).is_empty());

    std::fs::write(folder.path().join("daglite.toml"), "log = \"sub.jsonl\"\ntrace = \"off\"\n")
        .unwrap();
    let mut again = Command::new(env!("CARGO_BIN_EXE_default_session"));
    let status = again.current_dir(folder.path()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success() && folder.path().join("sub.jsonl").exists());
    assert!(!folder.path().join("off").exists());
}

/// The entries of a trace, with its end or without.
fn completed(text: &str) -> Vec<Value> {
    let text = text.trim_end();
    let text = match text.strip_suffix(',') {
        Some(open) => format!("{open}]"),
        None => text.to_owned(),
    };
    serde_json::from_str(&text).unwrap()
}

/// The spans of a kind: name, track, beginning and length in microseconds.
fn spans(trace: &[Value], kind: &str) -> Vec<(String, u64, f64, f64)> {
    let of = |entry: &Value| {
        let number = |field: &str| entry[field].as_f64().unwrap();
        let name = entry["name"].as_str().unwrap().to_owned();
        (name, entry["tid"].as_u64().unwrap(), number("ts"), number("dur"))
    };
    let is_it = |entry: &&Value| entry["ph"] == "X" && entry["cat"] == kind;
    trace.iter().filter(is_it).map(of).collect()
}

#[test]
fn the_trace_has_a_span_for_each_body_nested_as_they_ran_and_as_long() {
    #[task(cache, name = "inner")]
    fn inner(n: u64) -> u64 {
        pass("trace", 30);
        n
    }

    #[task(cache, name = "outer")]
    fn outer(n: u64) -> u64 {
        pass("trace", 10);
        let inner = inner(n).run().unwrap();
        pass("trace", 5);
        inner
    }

    let page = Page::default();
    let session =
        clocked("trace").cache(MemoryStore::new()).observe(ChromeTrace::to(page.clone())).build();
    let session = session.unwrap();
    outer(1).run_in(&session).unwrap();
    pass("trace", 100);
    outer(1).run_in(&session).unwrap();
    // What is there before the end opens too.
    let early = completed(&page.text());
    drop(session);
    let trace: Vec<Value> = serde_json::from_str(&page.text()).unwrap();
    assert_eq!(spans(&trace, "task"), spans(&early, "task"));
    let bodies = spans(&trace, "task");
    let [inner, outer] = &bodies[..] else { panic!("{bodies:?}") };
    assert_eq!((inner.0.as_str(), inner.2, inner.3), ("inner", 10_000.0, 30_000.0));
    assert_eq!((outer.0.as_str(), outer.2, outer.3), ("outer", 0.0, 45_000.0));
    assert_eq!(inner.1, outer.1, "the same thread, so that one is drawn in the other");
    let stores: Vec<_> = spans(&trace, "store").into_iter().map(|span| span.0).collect();
    assert_eq!(stores, ["store inner", "store outer"]);
    let hit = trace.iter().find(|entry| entry["ph"] == "i" && entry["cat"] == "hit").unwrap();
    assert_eq!((hit["name"].as_str(), hit["ts"].as_f64()), (Some("hit outer"), Some(145_000.0)));
    let run = trace
        .iter()
        .filter(|entry| entry["cat"] == "run")
        .map(|entry| entry["ph"].as_str().unwrap());
    assert_eq!(run.collect::<Vec<_>>(), ["b", "e", "b", "e"]);
    let reason = trace.iter().find(|entry| entry["name"] == "inner").unwrap();
    assert_eq!(reason["args"]["reason"], "no entry yet");
}

#[test]
fn async_bodies_at_once_are_on_tracks_of_their_own() {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);

    /// Goes on once three of them are in flight.
    #[task(name = "short")]
    async fn short() -> u64 {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        while BEGUN.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        pass("async", 10);
        tokio::task::yield_now().await;
        1
    }

    let page = Page::default();
    let session =
        clocked("async").without_cache().observe(ChromeTrace::to(page.clone())).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let both = join((short(), short(), short()));
    runtime.block_on(both.await_in(&session)).unwrap();
    // One after the other: a track is used again.
    runtime.block_on(short().await_in(&session)).unwrap();
    let bodies = spans(&completed(&page.text()), "task");
    let mut tracks: Vec<u64> = bodies.iter().map(|body| body.1).collect();
    let last = tracks.pop().unwrap();
    tracks.sort_unstable();
    tracks.dedup();
    assert_eq!(tracks.len(), 3, "{bodies:?}");
    assert_eq!(last, tracks[0]);
}

#[test]
fn failures_and_waits_are_in_the_trace() {
    #[task(name = "fails")]
    fn fails() -> Result<u64, String> {
        pass("failure", 7);
        Err("on purpose".into())
    }
    let page = Page::default();
    let session =
        clocked("failure").without_cache().observe(ChromeTrace::to(page.clone())).build().unwrap();
    assert!(fails().run_in(&session).is_err());
    let trace = completed(&page.text());
    let failed = spans(&trace, "failed");
    assert_eq!((failed[0].0.as_str(), failed[0].3), ("fails", 7_000.0));
    let entry = trace.iter().find(|entry| entry["cat"] == "failed").unwrap();
    assert!(entry["args"]["error"].as_str().unwrap().contains("on purpose"));
}
