//! `ChromeTrace`: where the time of a run goes, as a file that trace viewers open.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::error::Error;
use crate::event::{Event, Moment, Observer};

use super::json_lines::{details, rfc3339};
use super::sink::Sink;

/// The track of the first `async` body; those of threads have the numbers of the threads.
const ASYNC_TRACKS: u64 = 1_000_000;

/// Writes where the time of a run goes, in the trace event format that <https://ui.perfetto.dev> and `chrome://tracing` open.
///
/// Each body of a task is a span on the track of its thread, one of an `async` task on a track that it has to itself while it runs; what
/// is put into the cache is a span after it. Hits, loads, checkpoints and warnings are instants. Waiting for another run or process,
/// and the runs themselves, are on tracks of their own. Arguments of the spans tell the key, the reason of a miss, sizes.
///
/// The file is a JSON array with an event a line. Viewers need no end of it, so the trace of a process that was killed opens
/// as it is; to read it as JSON, put a `]` in place of the last comma. When the session is dropped the end is written. A trace that
/// cannot be written is a warning, once, and ends there.
///
/// Also as `trace = "trace.json"` in `daglite.toml` and by the variable `DAGLITE_TRACE`.
///
/// ```
/// use daglite::prelude::*;
/// use daglite::ChromeTrace;
///
/// #[task(name = "square")]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trace.json");
/// let session = Session::builder().observe(ChromeTrace::create(&path)?).build()?;
/// square(3).run_in(&session)?;
/// drop(session);
/// let trace: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
/// assert!(trace.iter().any(|event| event["ph"] == "X" && event["name"] == "square"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ChromeTrace(Mutex<State>);

struct State {
    sink: Sink,
    /// The time of the first event, which counts as 0.
    start: Option<Duration>,
    /// The bodies that are at work, by call.
    bodies: BTreeMap<u64, Body>,
    /// The calls that wait, with their runs and tasks.
    waits: BTreeMap<u64, (u64, &'static str)>,
    /// Why calls were misses, until their bodies begin.
    reasons: BTreeMap<u64, Value>,
    /// The call whose result was there last on each thread, and when: what is put next there is that.
    computed: BTreeMap<u64, (u64, Duration)>,
    /// The tracks that have a name.
    named: BTreeSet<u64>,
    /// The tracks of `async` bodies that are free.
    free: BTreeSet<u64>,
    /// How many there are.
    tracks: u64,
}

/// A body at work.
struct Body {
    run: u64,
    since: Duration,
    track: u64,
    is_async: bool,
    arguments: Value,
}

impl ChromeTrace {
    /// Writes to the file `path`, which is made, or emptied if it is there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    ///
    /// ```
    /// use daglite::ChromeTrace;
    ///
    /// let error = ChromeTrace::create("/no/such/folder/trace.json").unwrap_err();
    /// assert!(error.to_string().starts_with("cannot open the trace /no/such/folder/trace.json: "));
    /// ```
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Sink::file(path.as_ref(), false, "the trace").map(Self::new)
    }

    /// Writes to `out`.
    ///
    /// ```
    /// use daglite::ChromeTrace;
    ///
    /// let session = daglite::Session::builder().observe(ChromeTrace::to(std::io::sink())).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self::new(Sink::to(out, "the trace"))
    }

    fn new(mut sink: Sink) -> Self {
        sink.write("[\n");
        Self(Mutex::new(State {
            sink,
            start: None,
            bodies: BTreeMap::new(),
            waits: BTreeMap::new(),
            reasons: BTreeMap::new(),
            computed: BTreeMap::new(),
            named: BTreeSet::new(),
            free: BTreeSet::new(),
            tracks: 0,
        }))
    }
}

impl fmt::Debug for ChromeTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChromeTrace")
    }
}

impl Observer for ChromeTrace {
    fn event(&self, _: &Event) {}

    fn event_at(&self, event: &Event, moment: &Moment) {
        self.0.lock().take(event, moment);
    }

    fn caught_up(&self) {
        self.0.lock().sink.flush();
    }

    fn ended(&self) {
        self.0.lock().end();
    }
}

impl State {
    /// Writes the last entry, which has no comma after it.
    fn end(&mut self) {
        let end = json!({ "ph": "M", "pid": std::process::id(), "name": "trace_end", "args": {} });
        self.sink.write(&format!("{end}\n]\n"));
        self.sink.flush();
    }
}

impl State {
    /// Writes what an event means for the picture.
    fn take(&mut self, event: &Event, moment: &Moment) {
        if self.start.is_none() {
            self.begin(moment);
        }
        let (now, call) = (moment.precise, moment.call);
        match event {
            Event::RunStarted { .. } => {
                self.edge("b", "run", "run", moment.run, now, details(event))
            }
            Event::RunFinished { .. } | Event::RunCancelled { .. } => self.end_run(event, moment),
            Event::Queued { .. } => {}
            Event::Miss { .. } => _ = self.reasons.insert(call, details(event)),
            Event::Waiting { task, .. }
            | Event::WaitingForProcess { task, .. }
            | Event::WaitingForLimit { task, .. } => {
                if self.waits.insert(call, (moment.run, task)).is_none() {
                    self.edge("b", "wait", task, call, now, details(event));
                }
            }
            Event::Started { .. } => self.start_body(moment),
            Event::Computed { task, .. } => {
                self.end_body(task, "task", details(event), moment);
                self.computed.insert(moment.thread, (call, now));
            }
            Event::Failed { task, .. } => self.end_body(task, "failed", details(event), moment),
            Event::Retried { task, .. } => self.end_body(task, "failed", details(event), moment),
            Event::Cancelled { task } => self.end_body(task, "cancelled", json!({}), moment),
            Event::Stored { task, .. } => {
                let last = self.computed.remove(&moment.thread).filter(|last| last.0 == call);
                let since = last.map_or(now, |(_, since)| since);
                let track = self.thread(moment);
                let name = format!("store {task}");
                self.span(&name, "store", track, since, now, &details(event));
            }
            _ => self.instant(event, moment),
        }
        if matches!(event, Event::Hit { .. }) {
            self.end_wait(call, now);
        }
    }

    /// Says whose trace it is, and when it began.
    fn begin(&mut self, moment: &Moment) {
        self.start = Some(moment.precise);
        let program = std::env::args().next().unwrap_or_default();
        let name =
            Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.write(json!({ "ph": "M", "name": "process_name", "args": { "name": name } }));
        self.write(json!({
            "ph": "M",
            "name": "trace_begin",
            "args": { "time": rfc3339(moment.time), "daglite": env!("CARGO_PKG_VERSION") },
        }));
    }

    /// Writes one entry.
    fn write(&mut self, mut entry: Value) {
        entry["pid"] = std::process::id().into();
        self.sink.write(&format!("{entry},\n"));
    }

    /// Microseconds since the trace began.
    fn micros(&self, time: Duration) -> f64 {
        let since = time.saturating_sub(self.start.unwrap_or_default());
        since.as_nanos() as f64 / 1e3
    }

    /// A span on a track.
    fn span(
        &mut self,
        name: &str,
        kind: &str,
        track: u64,
        from: Duration,
        to: Duration,
        arguments: &Value,
    ) {
        let (ts, length) = (self.micros(from), to.saturating_sub(from).as_nanos() as f64 / 1e3);
        self.write(json!({
            "ph": "X",
            "name": name,
            "cat": kind,
            "tid": track,
            "ts": ts,
            "dur": length,
            "args": arguments,
        }));
    }

    /// The beginning or the end of what has a track of its own.
    fn edge(
        &mut self,
        phase: &str,
        kind: &str,
        name: &str,
        id: u64,
        at: Duration,
        arguments: Value,
    ) {
        let ts = self.micros(at);
        self.write(json!({
            "ph": phase,
            "cat": kind,
            "name": name,
            "id": format!("{kind} {id}"),
            "tid": 0,
            "ts": ts,
            "args": arguments,
        }));
    }

    /// What takes no time.
    fn instant(&mut self, event: &Event, moment: &Moment) {
        let (ts, track) = (self.micros(moment.precise), self.thread(moment));
        let kind = event.name();
        let name = event.task().map_or_else(|| kind.to_owned(), |task| format!("{kind} {task}"));
        self.write(json!({
            "ph": "i",
            "s": "t",
            "name": name,
            "cat": kind,
            "tid": track,
            "ts": ts,
            "args": details(event),
        }));
    }

    /// The track of the thread, which has a name from now on.
    fn thread(&mut self, moment: &Moment) -> u64 {
        if self.named.insert(moment.thread) {
            let number = moment.thread;
            let name = match &moment.thread_name {
                Some(name) => format!("{name} ({number})"),
                None => format!("thread {number}"),
            };
            self.name_track(number, &name);
        }
        moment.thread
    }

    /// Gives a track a name, and its place among the others.
    fn name_track(&mut self, track: u64, name: &str) {
        self.write(
            json!({ "ph": "M", "name": "thread_name", "tid": track, "args": { "name": name } }),
        );
        let order = json!({ "sort_index": track });
        self.write(json!({ "ph": "M", "name": "thread_sort_index", "tid": track, "args": order }));
    }

    /// A body begins.
    fn start_body(&mut self, moment: &Moment) {
        self.end_wait(moment.call, moment.precise);
        let track = if moment.is_async { self.async_track() } else { self.thread(moment) };
        let arguments = self.reasons.remove(&moment.call).unwrap_or_else(|| json!({}));
        let (run, since, is_async) = (moment.run, moment.precise, moment.is_async);
        self.bodies.insert(moment.call, Body { run, since, track, is_async, arguments });
    }

    /// A track that no `async` body is on.
    fn async_track(&mut self) -> u64 {
        if let Some(track) = self.free.pop_first() {
            return track;
        }
        self.tracks += 1;
        let track = ASYNC_TRACKS + self.tracks;
        self.name_track(track, &format!("async {}", self.tracks));
        track
    }

    /// A body has ended, in some way.
    fn end_body(&mut self, task: &str, how: &str, more: Value, moment: &Moment) {
        self.end_wait(moment.call, moment.precise);
        let Some(body) = self.bodies.remove(&moment.call) else { return };
        let Body { since, track, is_async, mut arguments, .. } = body;
        if let (Value::Object(arguments), Value::Object(more)) = (&mut arguments, more) {
            arguments.extend(more);
        }
        self.span(task, how, track, since, moment.precise, &arguments);
        if is_async {
            self.free.insert(track);
        }
    }

    /// A call waits no more.
    fn end_wait(&mut self, call: u64, now: Duration) {
        if let Some((_, task)) = self.waits.remove(&call) {
            self.edge("e", "wait", task, call, now, json!({}));
        }
    }

    /// A run has ended: nothing of it waits any more, and no `async` body of it is at work.
    fn end_run(&mut self, event: &Event, moment: &Moment) {
        let run = moment.run;
        let waits: Vec<u64> =
            self.waits.iter().filter(|(_, of)| of.0 == run).map(|(call, _)| *call).collect();
        waits.into_iter().for_each(|call| self.end_wait(call, moment.precise));
        let free = &mut self.free;
        self.bodies.retain(|_, body| {
            let is_left = body.is_async && body.run == run;
            if is_left {
                free.insert(body.track);
            }
            !is_left
        });
        self.edge("e", "run", "run", run, moment.precise, details(event));
        self.sink.flush();
    }
}
