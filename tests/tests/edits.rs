//! The table that must hold: after a real edit and a real build, exactly the tasks that the edit touches are computed.
//!
//! The rows stand in the files under `tests/edits/table`, see [`daglite_tests::scratch`]. All rows that touch different
//! tasks are done in one build. With `-- --nocapture` the table is printed. `DAGLITE_EDITS=helper,constant` does only
//! the rows whose names have one of these in them; `DAGLITE_EDITS_ALONE=1` gives each row a build of its own, which
//! tells what causes a spare run. As long as there are spare runs in a build of many edits, they may hide a task that its
//! own edit does not touch: rows are proved only together with `an_edit_recomputes_nothing_but_what_reaches_it`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use daglite_tests::scratch::{Answers, Profile, Rows, Scratch, Template, run};
use tempfile::TempDir;

/// What a build was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Untouched,
    Edited,
    Undone,
    Meaningless,
    Formatted(&'static str),
    Moved,
    Released,
}

/// What a task did that was not expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A hit, or a computation, that gave what the code gave before the edit.
    Stale,
    /// A computation that was not needed.
    Spare,
}

/// A fault, and where it was seen.
#[derive(Debug, Clone)]
struct Finding {
    fault: Fault,
    step: Step,
    task: String,
    /// The edits that were done, and touch the task if it is stale.
    rows: Rows,
    text: String,
}

/// The scratch package, what its tasks have been seen to do, and all faults.
struct Table {
    scratch: Scratch,
    store: TempDir,
    /// The edits of each task under which it was computed.
    seen: BTreeMap<String, BTreeSet<Rows>>,
    /// The results without any edit.
    original: Answers,
    done: Rows,
    findings: Vec<Finding>,
    /// How long each build took, with the runs after it.
    times: Vec<(Step, Duration)>,
    /// What the compiler warned of in the last build.
    warnings: String,
}

impl Table {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edits").join(name);
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("edits");
        Self {
            scratch: Scratch::new(&home, name, Template::read(&folder)),
            store: tempfile::tempdir().unwrap(),
            seen: BTreeMap::new(),
            original: Answers::new(),
            done: Rows::new(),
            findings: Vec::new(),
            times: Vec::new(),
            warnings: String::new(),
        }
    }

    /// Does `edited`, undoes all else, builds, and looks what the tasks do.
    fn step(&mut self, step: Step, edited: &Rows) {
        self.scratch.write(edited);
        self.build(step, edited, Profile::Debug);
    }

    /// Builds what is written, which has the meaning of `edited`, and looks what the tasks do.
    fn build(&mut self, step: Step, edited: &Rows, profile: Profile) {
        let start = Instant::now();
        let (programs, warnings) = self.scratch.build(profile, edited);
        self.warnings = warnings;
        let fresh = run(&programs, None);
        let cached = run(&programs, Some(self.store.path()));
        self.times.push((step, start.elapsed()));
        if self.original.is_empty() {
            self.original.clone_from(&fresh);
            self.check_names();
        }
        let mut unreal = Vec::new();
        for (task, original) in &self.original {
            let rows = self.scratch.rows().iter();
            let touching: Rows = rows
                .filter(|(name, row)| edited.contains(*name) && row.tasks.contains(task))
                .map(|(name, _)| name.clone())
                .collect();
            let is_real = touching.iter().any(|row| !self.scratch.rows()[row].same_answer);
            let (Some(fresh), Some(cached)) = (fresh.get(task), cached.get(task)) else {
                panic!("{task} fails after {touching:?}");
            };
            if is_real != (fresh.answer != original.answer) {
                let (old, new) = (&original.answer, &fresh.answer);
                unreal.push(format!("{task}: {old} became {new} after {touching:?}"));
            }
            let is_spared = edited.iter().any(|row| self.scratch.rows()[row].spared.contains(task));
            let is_known = !self.seen.entry(task.clone()).or_default().insert(touching.clone());
            let is_hit = cached.origin == "Hit";
            let fault = if cached.answer != fresh.answer || is_hit && !is_known {
                Fault::Stale
            } else if !is_hit && is_known && !is_spared {
                Fault::Spare
            } else {
                continue;
            };
            let rows = if fault == Fault::Stale { touching } else { edited.clone() };
            let text =
                format!("{} with {}, fresh is {}", cached.origin, cached.answer, fresh.answer);
            self.findings.push(Finding { fault, step, task: task.clone(), rows, text });
        }
        assert!(unreal.is_empty(), "edits must change the answers that they touch: {unreal:#?}");
        self.done.extend(edited.iter().cloned());
    }

    /// Each row must name tasks that there are.
    fn check_names(&self) {
        for (name, row) in self.scratch.rows() {
            for task in row.tasks.iter().chain(&row.spared) {
                assert!(self.original.contains_key(task), "{name} names no task: {task}");
            }
        }
    }

    /// The rows that somebody wants to see and that `choose` takes, in groups that are done together: no two of a group
    /// touch the same task.
    fn groups(&self, choose: impl Fn(&BTreeSet<String>) -> bool, least: usize) -> Vec<Rows> {
        let is_alone = env::var_os("DAGLITE_EDITS_ALONE").is_some();
        let mut groups = vec![(Rows::new(), BTreeSet::new()); least];
        for (name, row) in self.scratch.rows() {
            if !choose(&row.tasks) || !is_wanted(name) {
                continue;
            }
            let fits = |(rows, tasks): &&mut (Rows, BTreeSet<String>)| {
                if is_alone { rows.is_empty() } else { tasks.is_disjoint(&row.tasks) }
            };
            groups.sort_by_key(|(rows, _)| rows.len());
            match groups.iter_mut().find(fits) {
                Some((rows, tasks)) => {
                    rows.insert(name.clone());
                    tasks.extend(row.tasks.iter().cloned());
                }
                None => groups.push((Rows::from([name.clone()]), row.tasks.clone())),
            }
        }
        groups.into_iter().map(|(rows, _)| rows).filter(|rows| !rows.is_empty()).collect()
    }

    /// A line for each row that was done, and for each spare run.
    fn print(&self) -> String {
        let mut text = String::new();
        for row in &self.done {
            let is_at_fault = |finding: &&Finding| match finding.fault {
                Fault::Stale => finding.rows.contains(row),
                Fault::Spare => finding.rows.len() == 1 && finding.rows.contains(row),
            };
            let faults: Vec<_> = self.findings.iter().filter(is_at_fault).collect();
            let is_suspect =
                |finding: &Finding| finding.step == Step::Meaningless && finding.rows.contains(row);
            let verdict = match faults.is_empty() {
                false => "FAIL",
                // One of those that were done together is at fault.
                true if self.findings.iter().any(is_suspect) => "?   ",
                true => "ok  ",
            };
            let _ = writeln!(text, "{verdict} {row}");
            for fault in faults {
                let _ = writeln!(text, "         {}: {}", fault.task, fault.text);
            }
        }
        for (step, time) in &self.times {
            let _ = writeln!(text, "{step:?}: {} ms", time.as_millis());
        }
        text + &self.faults(|finding| finding.fault == Fault::Spare)
    }

    /// A line for each fault that `choose` takes.
    fn faults(&self, choose: impl Fn(&Finding) -> bool) -> String {
        let mut text = String::new();
        for finding in self.findings.iter().filter(|finding| choose(finding)) {
            let Finding { fault, step, task, rows, text: what } = finding;
            let rows =
                if rows.len() > 5 { format!("{} edits", rows.len()) } else { format!("{rows:?}") };
            let _ = writeln!(text, "{fault:?} ({step:?}) {task}: {what}; after {rows}");
        }
        text
    }
}

/// Whether the environment asks for a row.
fn is_wanted(row: &str) -> bool {
    let Ok(wanted) = env::var("DAGLITE_EDITS") else { return true };
    wanted.split(',').any(|part| row.contains(part.trim()))
}

/// Panics if there are `faults`.
fn assert_none(faults: &str) {
    assert!(faults.is_empty(), "{} faults:\n{faults}", faults.lines().count());
}

const NARROW: &str = "max_width=50,hard_tabs=true,use_small_heuristics=Off,match_arm_leading_pipes=Always,\
    fn_params_layout=Vertical,newline_style=Windows,use_field_init_shorthand=true,match_block_trailing_comma=true";
const WIDE: &str = "max_width=200,tab_spaces=2,use_small_heuristics=Max,fn_params_layout=Compressed,\
    reorder_imports=false,reorder_modules=false,use_try_shorthand=true,force_explicit_abi=false";

/// The whole table, done once for all tests of this file.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::new("table");
    let nothing = Rows::new();
    table.step(Step::Untouched, &nothing);
    for group in table.groups(|tasks| !tasks.is_empty(), 2) {
        table.step(Step::Edited, &group);
    }
    for group in table.groups(BTreeSet::is_empty, 1) {
        table.step(Step::Meaningless, &group);
    }
    for (name, options) in [("rustfmt_narrow", NARROW), ("rustfmt_wide", WIDE)] {
        if is_wanted(name) {
            table.scratch.write(&nothing);
            table.scratch.format(options);
            table.build(Step::Formatted(name), &nothing, Profile::Debug);
        }
    }
    table.step(Step::Undone, &nothing);
    if is_wanted("another_folder") {
        table.scratch.move_to("another folder");
        table.build(Step::Moved, &nothing, Profile::Debug);
    }
    if is_wanted("release") {
        let checked_no_more = |row: &&String| *row == "debug_assertions";
        let edited = table.scratch.rows().keys().filter(checked_no_more).cloned().collect();
        table.build(Step::Released, &edited, Profile::ReleaseElsewhere);
    }
    eprintln!("{}", table.print());
    table
});

/// The packages among whose sources lies what nobody would expect there, done once.
static BAD_INPUT: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::new("bad_input");
    let nothing = Rows::new();
    table.scratch.write(&nothing);
    lay_traps(table.scratch.root());
    table.step(Step::Untouched, &nothing);
    for group in table.groups(|_| true, 1) {
        table.step(Step::Edited, &group);
    }
    table.step(Step::Undone, &nothing);
    eprintln!("{}", table.print());
    table
});

/// Puts among the sources what cannot be told by a template.
fn lay_traps(root: &Path) {
    let write = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("broken/src/broken.rs", b"pub fn helper(x: u64 -> u64 {{ \" 'a 0x ");
    write("broken/src/nobody_includes_this.rs", b"fn }");
    write("nested/src/deep.rs", "(".repeat(100_000).as_bytes());
    write(
        "nested/src/nobody_includes_this.rs",
        format!("fn f() {{ {} }}", "[".repeat(100_000)).as_bytes(),
    );
    let deep = format!("const DEEP: u64 = {}1{};", "(".repeat(50_000), ")".repeat(50_000));
    write("nested/src/balanced.rs", deep.as_bytes());
    write("not-text/src/latin.rs", b"pub fn gr\xfc\xdfe() {}");
    write("not-text/src/nobody_includes_this.rs", &[0xff, 0xfe, 0x00, 0xd8]);
    write("not-text/src/zeros.rs", &[0; 4096]);
    for number in 0..5_000 {
        let text = format!("pub fn helper(x: u64) -> u64 {{ x + {number} }}\n");
        write(&format!("many/src/{}/file_{number}.rs", number % 50), text.as_bytes());
    }
    write(&format!("many/src/{}end.rs", "deeper/".repeat(100)), b"pub fn helper() {}");
    fs::create_dir(root.join("odd-files/src/folder.rs")).unwrap();
    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::{ffi::OsStrExt, fs::symlink};
        let source = root.join("odd-files/src");
        for (name, to) in [
            ("circle", "."),
            ("up", "../.."),
            ("itself.rs", "itself.rs"),
            ("nowhere.rs", "none.rs"),
        ] {
            symlink(to, source.join(name)).unwrap();
        }
        let made = Command::new("mkfifo").arg(source.join("pipe.rs")).status().unwrap();
        assert!(made.success());
        // Not every file system takes it.
        let _ =
            fs::write(root.join("not-text/src").join(OsStr::from_bytes(b"n\xff.rs")), "fn f() {}");
    }
}

/// Named as all that builds with cargo itself: `.ci/run` has it done beside what waits for disks and locks.
mod builds {
    use super::*;

    #[test]
    fn an_edit_of_what_a_task_reaches_is_never_answered_by_what_was_before() {
        assert_none(&TABLE.faults(|finding| finding.fault == Fault::Stale));
        assert!(TABLE.done.len() > 200 || env::var_os("DAGLITE_EDITS").is_some());
    }

    #[test]
    fn an_edit_recomputes_nothing_but_what_reaches_it() {
        let is_meant = |finding: &Finding| matches!(finding.step, Step::Untouched | Step::Edited);
        assert_none(&TABLE.faults(|finding| finding.fault == Fault::Spare && is_meant(finding)));
    }

    #[test]
    fn an_edit_that_means_nothing_is_still_a_hit() {
        assert_none(&TABLE.faults(|finding| finding.step == Step::Meaningless));
    }

    #[test]
    fn whatever_rustfmt_does_is_still_a_hit() {
        assert_none(&TABLE.faults(|finding| matches!(finding.step, Step::Formatted(_))));
    }

    #[test]
    fn what_was_computed_before_an_edit_is_a_hit_again_once_it_is_undone() {
        assert_none(&TABLE.faults(|finding| finding.step == Step::Undone));
    }

    #[test]
    fn the_package_in_another_folder_is_still_a_hit() {
        assert_none(&TABLE.faults(|finding| finding.step == Step::Moved));
    }

    #[test]
    fn a_release_build_in_another_target_folder_is_still_a_hit() {
        assert_none(&TABLE.faults(|finding| finding.step == Step::Released));
    }

    #[test]
    fn sources_that_cannot_be_read_are_never_taken_for_unchanged() {
        assert_none(&BAD_INPUT.faults(|_| true));
    }

    #[test]
    fn where_the_cover_is_coarser_the_compiler_says_so() {
        let warnings = &BAD_INPUT.warnings;
        assert!(warnings.contains("use of deprecated"), "{warnings}");
        assert!(
            warnings.contains("a file that is included cannot be told or read, so all of"),
            "{warnings}"
        );
    }
}
