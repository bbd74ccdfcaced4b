//! Worker processes of the tests: started, listened to, told to go on, killed, and never left behind.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// How long a worker may take for one thing before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running worker. What it prints goes to files, so that it never waits for a reader; it is killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    output: NamedTempFile,
    errors: NamedTempFile,
}

/// How a worker ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that killed it.
    pub status: ExitStatus,
    /// The lines on its standard output.
    pub lines: Vec<String>,
    /// Its standard error.
    pub errors: String,
}

impl Worker {
    /// Starts `program` with `arguments`.
    pub fn start(program: &str, arguments: &[&dyn Display]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments.iter().map(ToString::to_string));
        Self::start_command(&mut command)
    }

    /// Starts `command`, whose arguments and variables are set.
    pub fn start_command(command: &mut Command) -> Self {
        let [output, errors] =
            [(); 2].map(|()| NamedTempFile::new().expect("there is a temp folder"));
        let writer = |file: &NamedTempFile| file.reopen().expect("a new file can be opened");
        command.stdin(Stdio::piped()).stdout(writer(&output)).stderr(writer(&errors));
        let child = command.spawn().expect("the worker is a program");
        Self { child, output, errors }
    }

    /// The whole lines that it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read(self.output.path()).expect("what a worker prints can be read");
        let text = String::from_utf8_lossy(&text);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// The file to which it prints its lines.
    pub fn output_path(&self) -> &std::path::Path {
        self.output.path()
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that starts with `start`, as the `count`-th of these, and gives it back.
    pub fn wait_for(&mut self, start: &str, count: usize) -> String {
        let mut is_over = false;
        until(PATIENCE, format_args!("line {count} with `{start}`"), || {
            let found =
                self.lines().into_iter().filter(|line| line.starts_with(start)).nth(count - 1);
            if found.is_none() && is_over {
                panic!("the worker ended without `{start}`: {}", self.said());
            }
            is_over = self.is_over();
            found
        })
    }

    /// Sends a line to its standard input; nothing happens if it has ended.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input is open");
        match writeln!(input, "{line}") {
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {}
            told => told.expect("a pipe can be written to"),
        }
    }

    /// What it has written to its standard error so far.
    pub fn errors(&self) -> String {
        let errors = fs::read(self.errors.path()).expect("what a worker prints can be read");
        String::from_utf8_lossy(&errors).into_owned()
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it is a child of ours").is_some()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        self.end(PATIENCE)
    }

    /// Closes its standard input and waits until it ends by itself.
    pub fn finish(self) -> Ended {
        self.finish_within(PATIENCE)
    }

    /// As [`finish`](Self::finish), but it counts as hanging after `patience`.
    pub fn finish_within(mut self, patience: Duration) -> Ended {
        drop(self.child.stdin.take());
        self.end(patience)
    }

    /// Waits until it ends by itself, with its standard input open.
    pub fn ended(mut self) -> Ended {
        self.end(PATIENCE)
    }

    /// Waits for the end.
    fn end(&mut self, patience: Duration) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is a child of ours") {
                break status;
            }
            assert!(start.elapsed() < patience, "the worker hangs: {}", self.said());
            thread::sleep(Duration::from_micros(300));
        };
        Ended { status, lines: self.lines(), errors: self.errors() }
    }

    /// All that it has printed, for messages.
    fn said(&self) -> String {
        let read = |file: &NamedTempFile| fs::read_to_string(file.path()).unwrap_or_default();
        format!("it said\n{}\n{}", read(&self.output), read(&self.errors))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks `condition` again and again until it answers; a panic that names `what` after `patience`.
pub fn until<T>(
    patience: Duration,
    what: impl Display,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
