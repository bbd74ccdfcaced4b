//! `Bars`: how far the runs of a session are, by the names of tasks, as lines that are drawn anew in their place.

use std::fmt::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, Moment};

/// The most lines of tasks; if there are more names, the last line is for all others.
const MOST_LINES: usize = 8;
/// How wide a bar is.
const BAR: usize = 20;
/// The most letters of a name.
const NAME: usize = 28;
/// The least time between two pictures.
const PAUSE: Duration = Duration::from_millis(80);

/// The lines, while a run is under way.
pub(super) struct Bars {
    screen: Screen,
    /// What is on the screen.
    shown: Option<ProgressBar>,
    runs: Vec<u64>,
    tasks: Vec<Task>,
    /// When the last picture was made; until there is one, when the run began.
    last: Instant,
}

/// Where the lines are drawn.
pub(super) struct Screen {
    /// A new target for a run's lines.
    pub(super) target: Box<dyn Fn() -> ProgressDrawTarget + Send>,
    /// How many letters a line may have.
    pub(super) width: Box<dyn Fn() -> usize + Send>,
    /// Whether a spinner turns by itself, and quick runs show nothing.
    pub(super) is_live: bool,
}

/// What is known of the calls of a task in the runs that are under way.
#[derive(Clone, Default)]
struct Task {
    name: &'static str,
    queued: u64,
    hits: u64,
    running: u64,
    computed: u64,
    failed: u64,
    /// How long the bodies that have ended took together.
    busy: Duration,
}

impl Task {
    /// How many calls have ended.
    fn ended(&self) -> u64 {
        (self.hits + self.computed + self.failed).min(self.queued)
    }

    /// How many have not.
    fn left(&self) -> u64 {
        self.queued - self.ended()
    }

    /// How long those that are left will take one after the other, if they are like those that have ended.
    fn estimate(&self) -> Option<Duration> {
        let (left, ended) = (self.left(), self.ended());
        if left == 0 {
            return Some(Duration::ZERO);
        }
        (ended > 0).then(|| self.busy.mul_f64(left as f64 / ended as f64))
    }

    /// Adds what is known of another task.
    fn add(&mut self, other: &Self) {
        self.queued += other.queued;
        self.hits += other.hits;
        self.running += other.running;
        self.computed += other.computed;
        self.failed += other.failed;
    }

    /// What has come of its calls, in words.
    fn outcome(&self) -> String {
        let counts = [
            (self.hits, if self.hits == 1 { "hit" } else { "hits" }),
            (self.computed, "computed"),
            (self.failed, "failed"),
            (self.running, "running"),
        ];
        let there = counts.iter().filter(|(count, _)| *count > 0);
        there.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

impl Bars {
    /// Nothing on `screen` yet.
    pub(super) fn new(screen: Screen) -> Self {
        let (runs, tasks) = (Vec::new(), Vec::new());
        Self { screen, shown: None, runs, tasks, last: Instant::now() }
    }

    /// Counts what has happened. What belongs to no run that it has seen begin is not counted.
    pub(super) fn take(&mut self, event: &Event, moment: &Moment) {
        if let Event::RunStarted { .. } = event {
            if self.runs.is_empty() {
                self.last = Instant::now();
            }
            self.runs.push(moment.run);
        }
        if !self.runs.contains(&moment.run) {
            return;
        }
        match event {
            Event::Queued { task } => self.task(task).queued += 1,
            Event::Hit { task, .. } => self.task(task).hits += 1,
            Event::Started { task } => self.task(task).running += 1,
            Event::Computed { task, took } => {
                let task = self.task(task);
                task.running = task.running.saturating_sub(1);
                task.computed += 1;
                task.busy += *took;
            }
            Event::Failed { task, .. } => {
                let task = self.task(task);
                task.running = task.running.saturating_sub(1);
                task.failed += 1;
            }
            Event::Cancelled { task } | Event::Retried { task, .. } => {
                let task = self.task(task);
                task.running = task.running.saturating_sub(1);
            }
            Event::RunFinished { .. } | Event::RunCancelled { .. } => self.end(moment.run),
            _ => {}
        }
    }

    /// A run has ended; the lines go with the last one.
    fn end(&mut self, run: u64) {
        if let Some(at) = self.runs.iter().position(|other| *other == run) {
            self.runs.swap_remove(at);
        }
        if self.runs.is_empty() {
            self.tasks.clear();
            if let Some(shown) = self.shown.take() {
                shown.finish_and_clear();
            }
        }
    }

    /// How many calls have failed in the runs that are under way.
    pub(super) fn failed(&self) -> u64 {
        self.tasks.iter().map(|task| task.failed).sum()
    }

    /// The place of a task, a new one if need be.
    fn task(&mut self, name: &'static str) -> &mut Task {
        let at = self.tasks.iter().position(|task| task.name == name).unwrap_or_else(|| {
            self.tasks.push(Task { name, ..Task::default() });
            self.tasks.len() - 1
        });
        &mut self.tasks[at]
    }

    /// Draws what there is to see, unless that was done a moment ago.
    pub(super) fn draw(&mut self) {
        let is_soon = self.screen.is_live && self.last.elapsed() < PAUSE;
        if self.tasks.is_empty() || is_soon {
            return;
        }
        self.last = Instant::now();
        let picture = self.picture((self.screen.width)());
        let shown = self.shown.get_or_insert_with(|| self.screen.begin());
        shown.set_message(picture);
    }

    /// What is on the screen, if anything is.
    pub(super) fn shown(&self) -> Option<&ProgressBar> {
        self.shown.as_ref()
    }

    /// The lines.
    fn picture(&self, width: usize) -> String {
        let (lines, others) = self.lines();
        let longest = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut all = Task::default();
        self.tasks.iter().for_each(|task| all.add(task));
        // The spinner and a space come first.
        let mut text = cut(&self.headline(&all), width.saturating_sub(2));
        let most = lines.iter().map(|(_, task)| task.queued).max().unwrap_or(0);
        let digits = most.to_string().len();
        let length = if width < 70 { BAR / 2 } else { BAR };
        for (name, task) in &lines {
            let line = format!(
                "{name:<longest$}  {}  {:>digits$}/{:<digits$}  {}",
                bar(task, length),
                task.ended(),
                task.queued,
                task.outcome()
            );
            let _ = write!(text, "\n  {}", cut(line.trim_end(), width.saturating_sub(3)));
        }
        if others > 0 {
            let _ = write!(
                text,
                "\n  {}",
                cut(
                    &format!("and {others} more tasks, which have ended or wait"),
                    width.saturating_sub(3)
                )
            );
        }
        text
    }

    /// What stands above: all tasks together, and how long it may last.
    fn headline(&self, all: &Task) -> String {
        let mut text = format!("{} of {} tasks", all.ended(), all.queued);
        if self.runs.len() > 1 {
            let _ = write!(text, " in {} runs", self.runs.len());
        }
        let outcome = all.outcome();
        if !outcome.is_empty() {
            let _ = write!(text, ": {outcome}");
        }
        let known: Duration = self.tasks.iter().filter_map(Task::estimate).sum();
        let left = known / u32::try_from(all.running.max(1)).unwrap_or(u32::MAX);
        let is_known = self.tasks.iter().all(|task| task.estimate().is_some());
        if left >= Duration::from_secs(1) {
            let about = if is_known { "about" } else { "more than" };
            let _ = write!(text, "; {about} {} left", Roughly(left));
        }
        text
    }

    /// The tasks that are shown, with their names; and how many are not. Those at work go before those that wait, and these before
    /// those that have ended; what is shown stays in the order in which it came.
    fn lines(&self) -> (Vec<(String, &Task)>, usize) {
        let mut order: Vec<usize> = (0..self.tasks.len()).collect();
        if self.tasks.len() > MOST_LINES {
            order.sort_by_key(|at| {
                let task = &self.tasks[*at];
                match (task.running, task.failed, task.left()) {
                    (1.., _, _) => 0,
                    (0, 1.., _) => 1,
                    (0, 0, 1..) if task.ended() > 0 => 2,
                    (0, 0, 1..) => 3,
                    (0, 0, 0) => 4,
                }
            });
            order.truncate(MOST_LINES - 1);
            order.sort_unstable();
        }
        let hidden = self.tasks.len() - order.len();
        let lines = order.into_iter().map(|at| (self.short_name(at), &self.tasks[at])).collect();
        (lines, hidden)
    }

    /// The last part of a task's name, if no other task shares it.
    fn short_name(&self, at: usize) -> String {
        let last = |name: &'static str| name.rsplit("::").next().unwrap_or(name);
        let name = self.tasks[at].name;
        let short = last(name);
        let is_shared = self.tasks.iter().filter(|task| last(task.name) == short).count() > 1;
        cut(if is_shared { name } else { short }, NAME)
    }
}

impl Screen {
    /// An empty picture.
    fn begin(&self) -> ProgressBar {
        let shown = ProgressBar::with_draw_target(None, (self.target)());
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
        shown.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        if self.is_live {
            shown.enable_steady_tick(Duration::from_millis(120));
        }
        shown
    }
}

/// A time of which more digits would only flicker.
struct Roughly(Duration);

impl fmt::Display for Roughly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ ..100 => write!(f, "{seconds} s"),
            seconds @ 100..7_200 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3_600),
        }
    }
}

/// How much of a task has ended, as a bar.
fn bar(task: &Task, length: usize) -> String {
    let share = task.ended() as f64 / task.queued.max(1) as f64;
    let halves = (share * 2.0 * length as f64) as usize;
    let mut text = "━".repeat(halves / 2);
    if halves % 2 == 1 {
        text.push('╸');
    }
    text + &"┈".repeat(length - halves.div_ceil(2))
}

/// The first letters of a text, if it has more than `most`.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}
