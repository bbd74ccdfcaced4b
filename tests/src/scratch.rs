//! A scratch package in a folder of its own, edited and built with cargo as its author would: the harness of
//! `tests/edits.rs`.
//!
//! The package is a template. Each edit, a row of the table that must hold, stands in its files as
//! `«row: before ¦ after»`: a task of that name is computed again if `before` becomes `after`. `«row -> a b: …»` names
//! other tasks, `«row -> nothing: …»` none, and `«row (same answer): …»` says that the result stays as it is. `~c` among
//! the tasks says that `c` need not be computed again, but may be. A row that stands in several places is one edit.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::folders;
use crate::processes::{Ended, Worker};

/// How long a build may take before it counts as hanging: a cold one compiles daglite and all it depends on.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long a program may take to run its tasks.
const PATIENCE_WITH_A_PROGRAM: Duration = Duration::from_secs(60);

/// An edit: what is expected of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The tasks that it touches.
    pub tasks: BTreeSet<String>,
    /// The tasks that may be computed again too, because what they reach cannot be told from what it touches.
    pub spared: BTreeSet<String>,
    /// Whether they give the same results as before.
    pub same_answer: bool,
}

/// The names of rows.
pub type Rows = BTreeSet<String>;

/// A piece of a template's file.
enum Piece {
    /// The same in every state.
    Text(String),
    /// What a row changes.
    Edit { row: String, before: String, after: String },
}

/// A package with its edits.
pub struct Template {
    files: BTreeMap<PathBuf, Vec<Piece>>,
    /// The edits by their names.
    pub rows: BTreeMap<String, Row>,
}

impl Template {
    /// Reads the files under `folder`. A file's name may end in `.template`, which is taken off: so nobody
    /// takes a template for a package.
    pub fn read(folder: &Path) -> Self {
        let mut template = Self { files: BTreeMap::new(), rows: BTreeMap::new() };
        for path in folders::tree(folder).0 {
            let text = fs::read_to_string(folder.join(&path)).expect("a template is text");
            let pieces = pieces(&text, &mut template.rows);
            let name = path.to_str().expect("a template has plain names");
            let name = name.trim_end_matches(".template");
            template.files.insert(name.into(), pieces);
        }
        assert!(!template.rows.is_empty(), "{} has no rows", folder.display());
        template
    }

    /// The files with `edited` done and all else undone.
    fn render(&self, edited: &Rows) -> BTreeMap<&Path, String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Edit { row, after, .. } if edited.contains(row) => after.clone(),
            Piece::Edit { before, .. } => before.clone(),
        };
        let daglite = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("daglite");
        let daglite = daglite.to_str().expect("the workspace has a plain path");
        self.files
            .iter()
            .map(|(path, pieces)| {
                let text: String = pieces.iter().map(text).collect();
                (path.as_path(), text.replace("{daglite}", daglite))
            })
            .collect()
    }
}

/// Splits a text into its pieces and notes its rows.
fn pieces(text: &str, rows: &mut BTreeMap<String, Row>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, edit)) = rest.split_once('«') {
        let (edit, after) = edit.split_once('»').expect("an edit ends with »");
        let (head, edit_text) = edit.split_once(':').expect("an edit begins with its row's name");
        let (old, new) = edit_text.split_once('¦').expect("an edit has two sides");
        let name = row(head, rows);
        assert_ne!(old.trim_matches(' '), new.trim_matches(' '), "{name} changes nothing");
        pieces.push(Piece::Text(plain.to_owned()));
        pieces.push(Piece::Edit {
            row: name,
            before: old.trim_matches(' ').to_owned(),
            after: new.trim_matches(' ').to_owned(),
        });
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

/// Notes the row that `head` tells of, and gives back its name.
fn row(head: &str, rows: &mut BTreeMap<String, Row>) -> String {
    let (name, tasks) = head.split_once("->").unwrap_or((head, head));
    let marked = |text: &str| text.trim().trim_end_matches("(same answer)").trim().to_owned();
    let mut found = Row { same_answer: head.contains("(same answer)"), ..Row::default() };
    for task in marked(tasks).split_whitespace().filter(|&task| task != "nothing") {
        match task.strip_prefix('~') {
            Some(spared) => found.spared.insert(spared.to_owned()),
            None => found.tasks.insert(task.to_owned()),
        };
    }
    let name = marked(name);
    if let Some(known) = rows.insert(name.clone(), found.clone()) {
        assert_eq!(known, found, "{name} stands in two places with two expectations");
    }
    name
}

/// What a program said of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `Hit` or `Computed`.
    pub origin: String,
    /// The result.
    pub answer: String,
}

/// What the programs of a package said of their tasks.
pub type Answers = BTreeMap<String, Shown>;

/// How a package is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As cargo does by default.
    Debug,
    /// As `--release`, in a target folder of its own.
    ReleaseElsewhere,
}

/// A template written into a folder.
pub struct Scratch {
    template: Template,
    root: PathBuf,
    home: PathBuf,
    written: BTreeMap<PathBuf, String>,
    /// Nobody else works in these folders meanwhile.
    _lock: File,
}

impl Scratch {
    /// The package of `template`, as yet unwritten, in a folder of that name under `home`.
    ///
    /// The folder is the same each time, so that what was built of it last time is replaced and does not pile up; what
    /// it needs is built once, in a target folder that all scratch packages under `home` share.
    pub fn new(home: &Path, name: &str, template: Template) -> Self {
        let root = home.join(name);
        fs::create_dir_all(&root).expect("a folder can be made");
        let lock = File::create(home.join(format!("{name}.lock"))).expect("a file can be made");
        lock.lock().expect("a file can be locked");
        folders::remove(&root);
        let home = home.to_owned();
        Self { template, root: root.join("package"), home, written: BTreeMap::new(), _lock: lock }
    }

    /// The package's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The package's rows.
    pub fn rows(&self) -> &BTreeMap<String, Row> {
        &self.template.rows
    }

    /// Writes the package with `edited` done; files that stay as they are are not touched.
    pub fn write(&mut self, edited: &Rows) {
        for (path, mut text) in self.template.render(edited) {
            if self.written.get(path) == Some(&text) {
                continue;
            }
            self.written.insert(path.to_owned(), text.clone());
            if path == Path::new("Cargo.lock") {
                // The versions that are known to be on this machine.
                let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock");
                text.insert_str(0, &fs::read_to_string(workspace).expect("there is a lock file"));
            }
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
            fs::write(path, text).expect("a file can be written");
        }
    }

    /// Moves the package to another folder, and its files are new there.
    pub fn move_to(&mut self, name: &str) {
        let to = self.root.with_file_name(name);
        folders::copy(&self.root, &to);
        folders::remove(&self.root);
        self.root = to;
    }

    /// Formats all files of Rust with `options` for rustfmt; the next [`write`](Self::write) writes them anew.
    pub fn format(&mut self, options: &str) {
        let is_rust = |path: &&PathBuf| path.extension().is_some_and(|found| found == "rs");
        let files: Vec<_> = self.written.keys().filter(is_rust).cloned().collect();
        let files: Vec<_> =
            files.into_iter().filter(|file| !file.starts_with("registry")).collect();
        let mut command = Command::new("rustfmt");
        command.args(["--edition", "2024", "--config", options]).args(&files);
        succeed(command.current_dir(&self.root), "rustfmt", PATIENCE_WITH_A_PROGRAM);
        self.written.retain(|path, _| !files.contains(path));
    }

    /// Builds the package and gives back its programs, and what the compiler warned of; a panic with what it said if that
    /// fails.
    pub fn build(&self, profile: Profile, edited: &Rows) -> (Vec<PathBuf>, String) {
        let target = match profile {
            Profile::Debug => "target",
            Profile::ReleaseElsewhere => "another-target",
        };
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo told this test of its own package is nothing that a user's cargo finds.
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
            command.env_remove(name);
        }
        command
            .args(["build", "--quiet", "--offline", "--message-format=json-render-diagnostics"])
            .args(["--bins", "--examples"])
            .arg("--target-dir")
            .arg(self.home.join(target))
            .env("CARGO_INCREMENTAL", "1")
            .current_dir(&self.root);
        if profile == Profile::ReleaseElsewhere {
            command.arg("--release");
        }
        self.apply_build_file(&mut command);
        let doing = format!("building with {edited:?}");
        let ended = succeed(&mut command, &doing, PATIENCE);
        (ended.lines.iter().filter_map(|line| program(line)).collect(), ended.errors)
    }

    /// Adds what the template's `build.txt` says: a line each for a variable or an option of cargo.
    fn apply_build_file(&self, command: &mut Command) {
        let Some(text) = self.written.get(Path::new("build.txt")) else { return };
        for line in text.lines() {
            let (what, rest) = line.split_once(' ').expect("a line of build.txt has two words");
            let mut words = rest.split_whitespace();
            match (what, words.next()) {
                ("env", Some(name)) => match words.next() {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                },
                ("cargo", Some(option)) => command.arg(option),
                ("cargo", None) => command,
                _ => panic!("build.txt knows no `{what}`"),
            };
        }
    }
}

/// What `programs` say of their tasks, with the cache store in `store` or with none.
pub fn run(programs: &[PathBuf], store: Option<&Path>) -> Answers {
    let mut answers = Answers::new();
    for program in programs {
        let mut command = Command::new(program);
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("DAGLITE_")) {
            command.env_remove(name);
        }
        command.args(store).current_dir(env::temp_dir());
        let what = program.display().to_string();
        for line in succeed(&mut command, &what, PATIENCE_WITH_A_PROGRAM).lines {
            let words: Vec<_> = line.split(' ').collect();
            let [task, origin, answer] = words[..] else { panic!("{what} says `{line}`") };
            let name = task.rsplit("::").next().expect("a name has a last part").to_owned();
            let shown = Shown { origin: origin.to_owned(), answer: answer.to_owned() };
            let earlier = answers.insert(name, shown);
            assert!(earlier.is_none(), "two tasks have the name {task}");
        }
    }
    answers
}

/// The program that a message of cargo tells of.
fn program(message: &str) -> Option<PathBuf> {
    let (_, path) = message.split_once(r#""executable":""#)?;
    Some(path.split_once('"')?.0.replace(r"\\", r"\").into())
}

/// Runs `command` to its end, which must be a good one and come in time; all that it started ends with it.
fn succeed(command: &mut Command, doing: &str, patience: Duration) -> Ended {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let worker = Worker::start_command(command);
    let group = Group(worker.id());
    let ended = worker.finish_within(patience);
    std::mem::forget(group);
    assert!(ended.status.success(), "{doing} failed:\n{}", ended.errors);
    ended
}

/// Processes that are ended when this is dropped: those that a hanging cargo has started.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        if cfg!(unix) {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0)]).status();
        }
    }
}
