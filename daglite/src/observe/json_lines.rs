//! `JsonLines`: what happens as a line of JSON each, for programs that read logs.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::error::Error;
use crate::event::{Event, Moment, Observer, Summary};

use super::sink::Sink;

/// Writes each event as a line with a JSON object, for programs that read logs.
///
/// Each has `time` (RFC 3339, UTC, by the session's clock), `event`, `process`, `run`, `thread`; those of a task `task` and `call` too.
/// `docs/format.md` lists all fields; names stay what they are, and new ones may come. Lines are written a few milliseconds after
/// the event, and are all there when a run returns; a process that is killed loses the last ones. A log that cannot be written is a
/// warning, once, and ends there.
///
/// Also as `log = "daglite.jsonl"` in `daglite.toml` and by the variable `DAGLITE_LOG`, which append.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::JsonLines;
///
/// #[task(cache, name = "square")]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("log.jsonl");
/// let session =
///     Session::builder().cache(MemoryStore::new()).observe(JsonLines::create(&path)?).build()?;
/// square(3).run_in(&session)?;
/// let text = std::fs::read_to_string(&path)?;
/// let miss = text.lines().find(|line| line.contains("\"event\":\"miss\"")).unwrap();
/// let miss: serde_json::Value = serde_json::from_str(miss)?;
/// assert_eq!((&miss["task"], &miss["reason"]), (&"square".into(), &"no entry yet".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonLines(Mutex<Sink>);

impl JsonLines {
    /// Writes to the file `path`, which is made, or emptied if it is there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    ///
    /// ```
    /// use daglite::JsonLines;
    ///
    /// let error = JsonLines::create("/no/such/folder/log.jsonl").unwrap_err();
    /// assert!(error.to_string().starts_with("cannot open the log /no/such/folder/log.jsonl: "));
    /// ```
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Sink::file(path.as_ref(), false, "the log").map(|sink| Self(Mutex::new(sink)))
    }

    /// Writes to the end of the file `path`, which several processes may do at once.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    ///
    /// ```
    /// use daglite::JsonLines;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("log.jsonl");
    /// let session = daglite::Session::builder().observe(JsonLines::append(path)?).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(path: impl AsRef<Path>) -> Result<Self, Error> {
        Sink::file(path.as_ref(), true, "the log").map(|sink| Self(Mutex::new(sink)))
    }

    /// Writes to `out`.
    ///
    /// ```
    /// use daglite::JsonLines;
    ///
    /// let session = daglite::Session::builder().observe(JsonLines::to(std::io::stdout())).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Sink::to(out, "the log")))
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonLines")
    }
}

impl Observer for JsonLines {
    fn event(&self, _: &Event) {}

    fn event_at(&self, event: &Event, moment: &Moment) {
        let mut line = Map::new();
        line.insert("time".into(), rfc3339(moment.time).into());
        line.insert("event".into(), event.name().into());
        line.insert("process".into(), std::process::id().into());
        line.insert("run".into(), moment.run.into());
        if moment.call != 0 {
            line.insert("call".into(), moment.call.into());
        }
        line.insert("thread".into(), moment.thread.into());
        if let Some(task) = event.task() {
            line.insert("task".into(), task.into());
        }
        if let Value::Object(details) = details(event) {
            line.extend(details);
        }
        let mut sink = self.0.lock();
        sink.write(&format!("{}\n", Value::Object(line)));
        if matches!(event, Event::RunFinished { .. } | Event::RunCancelled { .. }) {
            sink.flush();
        }
    }

    fn caught_up(&self) {
        self.0.lock().flush();
    }
}

/// A moment as people and programs read it.
pub(super) fn rfc3339(time: Timestamp) -> String {
    let millis = i64::try_from(time.millis()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH);
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What an event tells beside its task.
pub(super) fn details(event: &Event) -> Value {
    match event {
        Event::RunStarted { nodes } => json!({ "nodes": nodes }),
        Event::Queued { .. } | Event::Started { .. } | Event::Cancelled { .. } => json!({}),
        Event::Hit { key, saved, .. } => json!({ "key": text(key), "saved_s": seconds(*saved) }),
        Event::Miss { key, reason, .. } => {
            json!({ "key": key.as_ref().map(text), "reason": reason.to_string() })
        }
        Event::ExcludedDiffers { key, parameter, from, to, .. } => {
            json!({ "key": text(key), "parameter": parameter, "from": from, "to": to })
        }
        Event::Sampled { parameter, size, remedy, .. } => {
            json!({ "parameter": parameter, "size": size, "remedy": remedy })
        }
        Event::Waiting { key, .. } => json!({ "key": text(key) }),
        Event::WaitingForProcess { key, process, .. } => {
            json!({ "key": text(key), "for_process": process })
        }
        Event::WaitingForLimit { limits, .. } => json!({ "limits": limits }),
        Event::Computed { took, .. } => json!({ "took_s": seconds(*took) }),
        Event::Failed { error, .. } => json!({ "error": error.to_string() }),
        Event::Retried { attempt, retries, delay, error, .. } => json!({
            "attempt": attempt,
            "retries": retries,
            "delay_s": seconds(*delay),
            "error": error.to_string(),
        }),
        Event::TimedOut { attempt, limit, still_running, .. } => {
            json!({ "attempt": attempt, "limit_s": seconds(*limit), "still_running": still_running })
        }
        Event::AbandonedEnded { took, .. } => json!({ "took_s": seconds(*took) }),
        Event::Stored { key, digest, size, .. } => {
            json!({ "key": text(key), "digest": text(digest), "size": size })
        }
        Event::Refused { key, size, reason, .. } => {
            json!({ "key": text(key), "size": size, "reason": reason })
        }
        Event::Evicted { entries, bytes } => json!({ "entries": entries, "bytes": bytes }),
        Event::InputChanged { key, path, .. } => {
            json!({ "key": text(key), "path": path.to_string_lossy() })
        }
        Event::Loaded { key, size, .. } => json!({ "key": text(key), "size": size }),
        Event::CheckpointSaved { name, version } | Event::CheckpointUnchanged { name, version } => {
            json!({ "checkpoint": name, "version": version })
        }
        Event::Resumed { name, version, differs } => {
            json!({ "checkpoint": name, "version": version, "differs": differs })
        }
        Event::AlsoPanicked { message } | Event::Warning { message } => {
            json!({ "message": message })
        }
        Event::Missed { events } => json!({ "events": events }),
        Event::RunFinished { summary } | Event::RunCancelled { summary } => figures(summary),
    }
}

/// A run in figures.
fn figures(summary: &Summary) -> Value {
    let Summary { hits, computed, misses, resumed, took, saved } = *summary;
    json!({
        "hits": hits,
        "computed": computed,
        "misses": misses,
        "resumed": resumed,
        "took_s": seconds(took),
        "saved_s": seconds(saved),
    })
}

fn text(digest: &crate::digest::Digest) -> String {
    digest.to_string()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
