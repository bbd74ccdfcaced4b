//! Files in the cache: an input that changes under a running task never poisons an entry, and a result that is a file is
//! looked at before it is believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use daglite::prelude::*;
use daglite::{ContentHasher, HasFormat};
use daglite_tests::{Log, logged};
use serde::{Deserialize, Serialize};

/// Reads its file after somebody has written `then` into it.
#[task(cache, cache_exclude = [then])]
fn read(file: InputFile, then: Option<String>) -> String {
    if let Some(then) = then {
        fs::write(file.path(), then).unwrap();
    }
    String::from_utf8(file.read().unwrap()).unwrap()
}

fn nobody() -> Option<String> {
    None
}

#[test]
fn a_file_that_is_edited_while_the_task_runs_does_not_poison_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "old").unwrap();
    let (session, log) = logged();
    let value = read(path.as_path(), Some("new".to_owned())).run_in(&session).unwrap();
    assert_eq!(value, "new", "the answer is returned");
    assert_eq!(log.count("input changed under read: a"), 1);
    assert_eq!(log.count("stored"), 0);

    // The file is what it was when the key was made: the answer to that question is not "new".
    fs::write(&path, "old").unwrap();
    assert_eq!(read(path.as_path(), nobody()).run_in(&session).unwrap(), "old");
    assert_eq!(read(path.as_path(), nobody()).run_in(&session).unwrap(), "old");
    assert_eq!((log.count("computed"), log.count("hit")), (2, 1));
}

#[test]
fn a_file_that_is_changed_and_changed_back_counts_as_changed() {
    #[task(cache)]
    fn there_and_back(file: InputFile) -> Vec<u8> {
        let before = file.read().unwrap();
        fs::write(file.path(), "something else").unwrap();
        let seen = file.read().unwrap();
        fs::write(file.path(), before).unwrap();
        seen
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "old").unwrap();
    let (session, log) = logged();
    there_and_back(path).run_in(&session).unwrap();
    assert_eq!((log.count("input changed"), log.count("stored")), (1, 0));
}

#[test]
fn a_file_that_goes_while_the_task_runs_counts_as_changed() {
    #[task(cache)]
    fn removes(file: InputFile) -> u8 {
        fs::remove_file(file.path()).unwrap();
        1
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "old").unwrap();
    let (session, log) = logged();
    removes(path).run_in(&session).unwrap();
    assert_eq!((log.count("input changed"), log.count("stored")), (1, 0));
}

#[test]
fn a_file_that_is_only_read_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let young = folder.path().join("a");
    fs::write(&young, "young").unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    for path in [young, old] {
        let (session, log) = logged();
        let first = read(path.as_path(), nobody()).run_in(&session).unwrap();
        assert_eq!(read(path, nobody()).run_in(&session).unwrap(), first);
        assert_eq!((log.count("stored"), log.count("hit"), log.count("input")), (1, 1, 0));
    }
}

#[derive(Clone, ContentHash)]
struct Sources {
    tables: Vec<InputFile>,
    by_name: BTreeMap<String, Option<InputFile>>,
}

#[derive(Clone, Serialize)]
struct BySerde {
    file: Option<InputFile>,
}

#[derive(Clone, ContentHash)]
struct ByFunction {
    #[content_hash(with = content_of)]
    path: PathBuf,
}

fn content_of(path: &Path, hasher: &mut ContentHasher) {
    let digest = daglite::content_digest(&InputFile::from(path)).unwrap();
    hasher.bytes(digest.as_bytes());
}

fn one_more(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, format!("{text}x")).unwrap();
    text.len() as u64
}

#[task(cache)]
fn of_sources(sources: &Sources) -> u64 {
    let by_name = sources.by_name.values().flatten();
    sources.tables.iter().chain(by_name).map(|file| one_more(file.path())).sum()
}

#[task(cache)]
fn of_serde(sources: &BySerde) -> u64 {
    one_more(sources.file.as_ref().unwrap().path())
}

#[task(cache)]
fn of_function(source: &ByFunction) -> u64 {
    one_more(&source.path)
}

#[task(cache)]
async fn in_async(file: InputFile) -> u64 {
    one_more(file.path())
}

#[task(cache)]
fn in_folder(folder: InputDir) -> u64 {
    fs::write(folder.path().join("one more.csv"), "").unwrap();
    1
}

#[test]
fn files_are_watched_wherever_in_an_argument_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "old").unwrap();
    let file = || InputFile::from(path.as_path());
    let (session, log) = logged();
    let watched = |run: &dyn Fn(), what: &str| {
        run();
        assert_eq!((log.count("input changed"), log.count("stored")), (1, 0), "{what}");
        log.take();
    };
    let tables = Sources { tables: vec![file()], by_name: BTreeMap::new() };
    watched(&|| assert!(of_sources(tables.clone()).run_in(&session).is_ok()), "in a list");
    let by_name = [("a".to_owned(), Some(file()))].into();
    let named = Sources { tables: vec![], by_name };
    watched(&|| assert!(of_sources(named.clone()).run_in(&session).is_ok()), "in a map");
    let by_serde = BySerde { file: Some(file()) };
    watched(&|| assert!(of_serde(by_serde.clone()).run_in(&session).is_ok()), "by serde");
    let by_function = ByFunction { path: path.clone() };
    watched(
        &|| assert!(of_function(by_function.clone()).run_in(&session).is_ok()),
        "by a function",
    );
    watched(&|| assert!(in_async(file()).run_in(&session).is_ok()), "of an async task");
    let all = InputDir::from(folder.path());
    watched(&|| assert!(in_folder(all.clone()).run_in(&session).is_ok()), "a file more");

    // Of a folder only what counts is watched.
    fs::remove_file(folder.path().join("one more.csv")).unwrap();
    let others = InputDir::from(folder.path()).glob("*.tsv");
    in_folder(others).run_in(&session).unwrap();
    assert_eq!((log.count("input changed"), log.count("stored")), (0, 1));
}

/// Writes `text` to `path`.
#[task(cache)]
fn write(path: &Path, text: &str) -> OutputFile {
    fs::write(path, text).unwrap();
    OutputFile::from(path)
}

#[task(cache)]
fn length(file: &OutputFile) -> usize {
    file.read().unwrap().len()
}

/// What the log says of the last run.
fn told(log: &Log) -> Vec<String> {
    log.take().into_iter().filter(|line| !line.starts_with("loaded")).collect()
}

#[test]
fn a_result_that_is_a_file_is_a_hit_as_long_as_the_file_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (session, log) = logged();
    let run = || write(path.as_path(), "text").run_in(&session).unwrap();
    run();
    told(&log);
    assert_eq!(run().read().unwrap(), b"text");
    assert_eq!(told(&log), ["hit write"]);

    fs::remove_file(&path).unwrap();
    assert_eq!(run().read().unwrap(), b"text");
    let at = path.display();
    let reason = format!("miss write: a file of the result has changed: `{at}` is missing");
    assert_eq!(told(&log), [reason.as_str(), "computed write", "stored write"]);

    fs::write(&path, "Text").unwrap();
    assert_eq!(run().read().unwrap(), b"text");
    let reason = format!(
        "miss write: a file of the result has changed: `{at}` has changed since it was written"
    );
    assert_eq!(told(&log), [reason.as_str(), "computed write", "stored write"]);

    run();
    assert_eq!(told(&log), ["hit write"]);
}

#[test]
fn two_calls_that_write_one_file_do_not_pass_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (session, _) = logged();
    for text in ["one", "two", "one", "one", "two"] {
        let file = write(path.as_path(), text).run_in(&session).unwrap();
        assert_eq!(file.read().unwrap(), text.as_bytes());
    }
}

#[test]
fn a_file_counts_by_its_content_as_the_argument_of_the_next_task() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (session, log) = logged();
    let run = |path: &Path, text: &str| write(path, text).then(length).run_in(&session).unwrap();
    assert_eq!(run(&one, "text"), 4);
    assert_eq!(run(&two, "text"), 4);
    assert_eq!(log.count("hit length"), 1, "elsewhere, and the same");
    assert_eq!(run(&one, "longer"), 6);
    assert_eq!(log.count("computed length"), 2);

    // Somebody else has changed it: it is written again, and what it was is known.
    fs::write(&one, "spoilt").unwrap();
    assert_eq!(run(&one, "longer"), 6);
    assert_eq!((log.count("computed length"), log.count("hit length")), (2, 2));

    let file = OutputFile::from(two.as_path());
    assert_eq!(length(file).run_in(&session).unwrap(), 4);
    assert_eq!(log.count("hit length"), 3, "as a plain value too");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Report {
    rows: u32,
    parts: Vec<(String, Option<OutputFile>)>,
}

type Reported = (Report, [OutputFile; 1]);

#[task(cache)]
fn report(folder: &Path) -> Result<Reported, std::io::Error> {
    let [one, two] = ["one", "two"].map(|name| folder.join(name));
    fs::write(&one, "1")?;
    fs::write(&two, "2")?;
    let parts = vec![("none".to_owned(), None), ("one".to_owned(), Some(one.into()))];
    Ok((Report { rows: 7, parts }, [two.into()]))
}

#[test]
fn files_are_looked_at_wherever_in_a_result_they_are() {
    for format in ["postcard", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::new();
        registry.set_default_format::<Reported>(format).unwrap();
        let builder = Session::builder().cache(MemoryStore::new()).registry(&registry);
        let (session, log) = daglite_tests::logged_with(builder);
        let first = report(folder.path()).run_in(&session).unwrap();
        assert_eq!(report(folder.path()).run_in(&session).unwrap(), first);
        assert_eq!(log.count("hit"), 1);
        for name in ["one", "two"] {
            log.take();
            fs::write(folder.path().join(name), "other").unwrap();
            assert_eq!(report(folder.path()).run_in(&session).unwrap(), first);
            assert_eq!(log.count("miss report: a file of the result has changed"), 1, "{format}");
        }
    }
}

#[test]
fn a_file_that_was_not_written_is_a_warning_and_no_entry() {
    #[task(cache)]
    fn forgets(path: &Path) -> OutputFile {
        path.into()
    }
    let folder = tempfile::tempdir().unwrap();
    let (session, log) = logged();
    forgets(folder.path().join("nothing")).run_in(&session).unwrap();
    let told = log.take();
    assert!(!told.iter().any(|line| line.starts_with("stored")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("cannot read output file")), "{told:?}");
}

#[derive(Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Serialize, Deserialize)]
struct Inner {
    file: OutputFile,
}

#[task(cache)]
fn flat(path: &Path) -> Flat {
    fs::write(path, "1").unwrap();
    Flat { inner: Inner { file: path.into() } }
}

struct OwnFormat(OutputFile);

impl HasFormat for OwnFormat {
    fn formats() -> Vec<Format<Self>> {
        vec![Format::new(
            "own",
            "own",
            |value: &Self| Ok(serde_json::to_vec(&value.0)?),
            |bytes| Ok(Self(serde_json::from_slice(bytes)?)),
        )]
    }
}

#[task(cache)]
fn own_format(path: &Path) -> OwnFormat {
    fs::write(path, "1").unwrap();
    OwnFormat(path.into())
}

#[test]
fn a_file_that_could_not_be_looked_at_again_is_not_cached() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (session, log) = logged();
    let written = flat(path.as_path()).run_in(&session).unwrap().inner.file;
    assert_eq!(written, OutputFile::from(path.as_path()));
    assert_eq!(own_format(path.as_path()).run_in(&session).unwrap().0, written);
    assert_eq!(log.count("stored"), 0);
    assert_eq!(
        log.count("warning: the result of `files::flat` is used but not cached: it holds a file"),
        1
    );
    assert_eq!(log.count("warning: the result of `files::own_format` is used but not cached"), 1);
}

#[task(cache)]
fn pick(path: &Path) -> InputFile {
    path.into()
}

#[task(cache)]
fn text_of(files: &(InputFile, u8)) -> String {
    String::from_utf8(files.0.read().unwrap()).unwrap()
}

#[task(cache)]
fn number(n: u8) -> u8 {
    n
}

#[test]
fn an_input_file_that_a_task_has_picked_counts_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let (session, log) = logged();
    let run = || {
        let picked = join((pick(path.as_path()), number(1)));
        picked.then(text_of).run_in(&session).unwrap()
    };
    for text in ["one", "two", "two", "one"] {
        fs::write(&path, text).unwrap();
        assert_eq!(run(), text);
    }
    assert_eq!((log.count("computed pick"), log.count("computed text_of")), (1, 2));
}

#[test]
fn a_result_with_files_is_taken_from_a_store_of_files_in_another_session() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("out");
    // Large enough to be a file of the store's, too.
    let text = "text".repeat(10_000);
    let mut computed = 0;
    for _ in 0..3 {
        let store = FileStore::builder(cache.path()).open().unwrap();
        let (session, log) = daglite_tests::logged_with(Session::builder().cache(store));
        let many =
            join_all((0..40).map(|n| write(path.with_extension(n.to_string()), text.as_str())));
        assert_eq!(many.run_in(&session).unwrap().len(), 40);
        computed += log.count("computed");
    }
    assert_eq!(computed, 40);
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_file_is_read_by_one_process_and_not_by_the_next() {
    // Large, and older than a minute.
    let file = Path::new(env!("CARGO"));
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_reads_a_file"));
        let output = program.arg(folder.path()).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let read: u64 = text.lines().last().unwrap().parse().unwrap();
        (text.lines().count() == 2, read)
    };
    let length = file.metadata().unwrap().len();
    let (was_hit, read) = run();
    assert!(!was_hit && read >= length, "the first one reads all: {read} of {length} bytes");
    let (was_hit, read) = run();
    assert!(
        was_hit && read < length / 4,
        "the second one asks the cache: {read} of {length} bytes"
    );
}
