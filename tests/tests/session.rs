//! The settings of a session: the builder, `DAGLITE_*`, `daglite.toml`, and what is there without any.

use std::fs;
use std::path::Path;
use std::process::Command;

use daglite::prelude::*;
use daglite_tests::logged_with;

/// What the program with the default session prints in `folder` with `variables`, standard error after it.
fn default_session(folder: &Path, variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_default_session"))
        .current_dir(folder)
        .env_remove("DAGLITE_CACHE")
        .env_remove("DAGLITE_CACHE_MAX_SIZE")
        .env_remove("DAGLITE_CACHE_MAX_ENTRIES")
        .env_remove("DAGLITE_CACHE_EVICTION")
        .env_remove("DAGLITE_CACHE_LAYOUT")
        .env_remove("DAGLITE_CACHE_COMPRESSION")
        .env_remove("DAGLITE_CHECKPOINTS")
        .env_remove("DAGLITE_CONCURRENCY")
        .env_remove("DAGLITE_PROGRESS")
        .env_remove("DAGLITE_MEMORY")
        .env_remove("DAGLITE_WAIT_FOR_OTHERS")
        .env_remove("DAGLITE_RESUME")
        .env_remove("DAGLITE_HASH_STRATEGY")
        .env_remove("DAGLITE_KEEP_GOING")
        .env_remove("DAGLITE_ISOLATION")
        .env_remove("DAGLITE_LIMITS")
        .env_remove("DAGLITE_SIGNING_KEY")
        .env_remove("DAGLITE_SIGNING_KEY_FILE")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    // A temp folder may lie behind a link.
    let folder = folder.canonicalize().unwrap();
    String::from_utf8(text).unwrap().replace(folder.to_str().unwrap(), "<here>")
}

fn with_file(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("daglite.toml"), text).unwrap();
    default_session(folder.path(), &[])
}

#[test]
fn without_any_setting_results_are_kept_in_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_CONCURRENCY", "3")]);
    assert!(text.contains("<here>/.daglite/cache"), "{text}");
    assert!(text.contains("<here>/.daglite/checkpoints"), "{text}");
    assert!(text.contains("3 at once") && text.contains("\n42\n"), "{text}");
    assert!(folder.path().join(".daglite/cache/CACHEDIR.TAG").is_file());
    assert!(!folder.path().join(".daglite/checkpoints").exists(), "nothing was asked for");
}

#[test]
fn the_file_is_found_upwards_and_variables_override_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("daglite.toml"),
        "cache = \"store/cache\"\ncheckpoints = \"kept\"\nconcurrency = 5\nprogress = \"off\"\n",
    )
    .unwrap();
    let deep = folder.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    let text = default_session(&deep, &[]);
    let root = folder.path().canonicalize().unwrap();
    let text = text.replace(root.to_str().unwrap(), "<root>");
    assert!(text.contains("<root>/store/cache") && text.contains("<root>/kept"), "{text}");
    assert!(text.contains("5 at once"), "{text}");

    let text = default_session(&deep, &[("DAGLITE_CACHE", "off"), ("DAGLITE_CONCURRENCY", "2")]);
    assert!(text.contains("no cache") && text.contains("2 at once"), "{text}");
}

#[test]
fn progress_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_PROGRESS", "tasks")]);
    assert!(text.contains("daglite: miss      default_session::answer: no entry yet"), "{text}");
    let text = default_session(folder.path(), &[("DAGLITE_PROGRESS", "summary")]);
    assert!(text.contains("daglite: 1 hit, 0 computed in "), "{text}");
}

#[test]
fn the_hash_strategy_has_three_spellings() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[]);
    assert!(text.contains("hashes by Auto"), "{text}");
    let text = default_session(folder.path(), &[("DAGLITE_HASH_STRATEGY", "sampled")]);
    assert!(text.contains("hashes by Sampled"), "{text}");
    let text = with_file("hash_strategy = \"exact\"\n");
    assert!(text.contains("hashes by Exact"), "{text}");
    let session = Session::builder().hash_strategy(daglite::Strategy::Fast).build().unwrap();
    assert!(format!("{session:?}").contains("hashes by Fast"), "{session:?}");

    let text = default_session(folder.path(), &[("DAGLITE_HASH_STRATEGY", "quick")]);
    let said = "DAGLITE_HASH_STRATEGY is `quick`: set it to `auto`, `exact`, `fast` or `sampled`";
    assert!(text.contains(said), "{text}");
    let text = with_file("hash_strategy = \"quick\"\n");
    assert!(text.contains("daglite.toml line 1, key `hash_strategy`: "), "{text}");
}

#[test]
fn a_malformed_file_is_an_error_with_line_and_key() {
    let text = with_file("cache = \"here\"\nconcurrency = \"many\"\n");
    assert!(text.contains("daglite.toml line 2, key `concurrency`: "), "{text}");
    let text = with_file("concurrency = 0\n");
    assert!(text.contains("daglite.toml line 1, key `concurrency`: "), "{text}");
    let text = with_file("\ncahce = \"here\"\n");
    assert!(text.contains("daglite.toml line 2, key `cahce`: unknown field"), "{text}");
    assert!(text.contains("`cache`"), "{text}");
    let text = with_file("progress = \"loud\"\n");
    assert!(text.contains("key `progress`: ") && text.contains("`summary`"), "{text}");
    let text = with_file("cache = \n");
    assert!(text.contains("daglite.toml line 1"), "{text}");
    assert!(!text.contains("42"), "nothing runs with settings that were not understood: {text}");
}

#[test]
fn a_malformed_variable_is_an_error_that_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_CONCURRENCY", "lots")]);
    assert!(text.contains("DAGLITE_CONCURRENCY is `lots`: set it to a number from 1 up"), "{text}");
    let text = default_session(folder.path(), &[("DAGLITE_PROGRESS", "yes")]);
    assert!(text.contains("set it to `off`, `summary`, `bars` or `tasks`"), "{text}");
}

#[test]
fn memory_and_the_wait_for_others_can_be_set() {
    let shown = |folder: &Path, variables: &[(&str, &str)]| {
        let text = default_session(folder, variables);
        assert!(text.contains("\n42\n"), "{text}");
        text
    };
    let folder = tempfile::tempdir().unwrap();
    let text = shown(folder.path(), &[]);
    assert!(
        text.contains("256 MiB in memory") && text.contains("waits 3600s for others"),
        "{text}"
    );
    fs::write(
        folder.path().join("daglite.toml"),
        "memory = \"64 MiB\"\nwait_for_others = \"1h30m\"\n",
    )
    .unwrap();
    let text = shown(folder.path(), &[]);
    assert!(text.contains("64 MiB in memory") && text.contains("waits 5400s for others"), "{text}");
    let variables = [("DAGLITE_MEMORY", "1.5GB"), ("DAGLITE_WAIT_FOR_OTHERS", "250ms")];
    let text = shown(folder.path(), &variables);
    assert!(text.contains("1.5 GB in memory") && text.contains("waits 250ms for others"), "{text}");
    let text = shown(folder.path(), &[("DAGLITE_MEMORY", "off")]);
    assert!(text.contains("nothing in memory"), "{text}");
    fs::write(folder.path().join("daglite.toml"), "memory = \"off\"\n").unwrap();
    assert!(shown(folder.path(), &[]).contains("nothing in memory"));
}

#[test]
fn going_on_from_checkpoints_can_be_asked_for() {
    let goes_on = |text: &str| text.contains(", goes on from checkpoints");
    assert!(!goes_on(&with_file("")));
    assert!(goes_on(&with_file("resume = true\n")));
    let folder = tempfile::tempdir().unwrap();
    assert!(goes_on(&default_session(folder.path(), &[("DAGLITE_RESUME", "true")])));
    let text = default_session(folder.path(), &[("DAGLITE_RESUME", "yes")]);
    assert!(text.contains("DAGLITE_RESUME is `yes`: set it to `true` or `false`"), "{text}");
}

#[test]
fn a_size_or_a_time_that_is_none_is_an_error_with_its_place() {
    let text = with_file("memory = \"a lot\"\n");
    assert!(text.contains("daglite.toml line 1, key `memory`: "), "{text}");
    assert!(text.contains("`a lot` is not a size such as `256MB`, or `off`"), "{text}");
    let text = with_file("\nwait_for_others = \"soon\"\n");
    assert!(text.contains("daglite.toml line 2, key `wait_for_others`: "), "{text}");
    assert!(text.contains("`soon` is not a time such as `10m` or `1h30m`"), "{text}");
    for wrong in ["", "10", "1.5h", "-1s", "1h 30m", "99999999999999999w"] {
        let text = with_file(&format!("wait_for_others = \"{wrong}\"\n"));
        assert!(text.contains("key `wait_for_others`"), "{wrong}: {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_MEMORY", "10 bananas")]);
    let expected = "DAGLITE_MEMORY is `10 bananas`: set it to a size such as `256MB`, or `off`";
    assert!(text.contains(expected), "{text}");
    let text = default_session(folder.path(), &[("DAGLITE_WAIT_FOR_OTHERS", "1 h")]);
    assert!(text.contains("DAGLITE_WAIT_FOR_OTHERS is `1 h`: set it to a time such as"), "{text}");
    let error = Session::builder().memory("10 bananas").build().unwrap_err();
    assert_eq!(error.kind(), daglite::ErrorKind::Config);
    assert!(error.to_string().starts_with("`memory`: `10 bananas` is not a size: "), "{error}");
}

#[test]
fn an_unwritable_default_store_is_a_warning_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".daglite"), "in the way").unwrap();
    let text = default_session(folder.path(), &[]);
    assert!(text.contains("\n42\n"), "{text}");
    assert!(
        text.contains("daglite: warning: ") && text.contains("so results are not cached"),
        "{text}"
    );
}

#[test]
fn an_observer_that_panics_harms_nothing() {
    let builder = Session::builder()
        .without_cache()
        .observe(|_: &daglite::Event| panic!("an observer's own affair"));
    let (session, log) = logged_with(builder);

    #[task]
    fn one() -> u8 {
        1
    }

    assert_eq!(one().run_in(&session).unwrap(), 1);
    assert_eq!(log.count("computed one"), 1);
    assert_eq!(one().run_in(&session).unwrap(), 1);
    // It panics at each event, and is told of once.
    assert_eq!(log.count("warning: an observer panicked at `run_started`: the run goes on"), 1);
    assert_eq!(log.count("warning: "), 1);
}

#[test]
fn warnings_and_spans_go_to_tracing() {
    use std::sync::{Arc, Mutex};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Names {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("daglite")
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.lock().unwrap().push(span.metadata().name().to_string());
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.metadata().level().to_string());
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[task]
    fn two() -> u8 {
        2
    }

    let names = Names::default();
    let session = Session::builder().without_cache().concurrency(1).build().unwrap();
    tracing::subscriber::with_default(names.clone(), || {
        two().also(|_| -> () { panic!("told to tracing") }).run_in(&session).unwrap()
    });
    assert_eq!(*names.0.lock().unwrap(), ["run", "task", "DEBUG", "WARN"]);
}

#[test]
fn only_the_word_off_alone_switches_the_cache_off() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_CACHE", "data/off")]);
    assert!(text.contains("<here>/data/off"), "{text}");
}

/// What the program prints in `folder`, with a cache in which another result is already.
fn beside_another_result(variables: &[(&str, &str)], file: &str) -> String {
    #[task(cache)]
    fn other() -> u32 {
        7
    }

    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::builder(folder.path().join(".daglite/cache")).open().unwrap();
    other().run_in(&Session::builder().cache(store).build().unwrap()).unwrap();
    fs::write(folder.path().join("daglite.toml"), file).unwrap();
    let text = default_session(folder.path(), variables);
    assert!(text.contains("\n42\n"), "{text}");
    text
}

#[test]
fn the_limits_of_the_cache_can_be_set() {
    let full = "is full";
    let none = ("DAGLITE_CACHE_EVICTION", "none");
    assert!(!beside_another_result(&[none], "").contains(full));
    let one = ("DAGLITE_CACHE_MAX_ENTRIES", "1");
    assert!(beside_another_result(&[none, one], "").contains(full));
    let small = ("DAGLITE_CACHE_MAX_SIZE", "100B");
    assert!(beside_another_result(&[none, small], "").contains(full));

    let file = "cache_eviction = \"none\"\ncache_max_entries = 1\ncache_max_size = \"1 GB\"\n";
    assert!(beside_another_result(&[], file).contains(full));
    assert!(!beside_another_result(&[("DAGLITE_CACHE_MAX_ENTRIES", "2")], file).contains(full));
    assert!(!beside_another_result(&[("DAGLITE_CACHE_EVICTION", "lru")], file).contains(full));
    let file = "cache_eviction = \"none\"\ncache_max_size = \"100 B\"\n";
    assert!(beside_another_result(&[], file).contains(full));
    let unlimited = ("DAGLITE_CACHE_MAX_SIZE", "unlimited");
    assert!(!beside_another_result(&[unlimited], file).contains(full));
}

#[test]
fn the_layout_of_the_cache_can_be_set() {
    let made = |file: &str, variables: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("daglite.toml"), file).unwrap();
        let text = default_session(folder.path(), variables);
        assert!(text.contains("\n42\n"), "{text}");
        let there = |name: &str| folder.path().join(".daglite/cache/v1").join(name).exists();
        (there("index.sqlite"), there("entries"))
    };
    assert_eq!(made("", &[]), (true, false));
    assert_eq!(made("", &[("DAGLITE_CACHE_LAYOUT", "files")]), (false, true));
    let file = "cache_layout = \"files\"\n";
    assert_eq!(made(file, &[]), (false, true));
    assert_eq!(made(file, &[("DAGLITE_CACHE_LAYOUT", "index")]), (true, false));
}

#[test]
fn a_setting_of_the_cache_that_makes_no_sense_is_an_error_with_its_place() {
    for (key, wrong, expected) in [
        (
            "cache_max_size",
            "\"10 apples\"",
            "`10 apples` is not a size such as `10GB`, or `unlimited`",
        ),
        ("cache_max_size", "\"0\"", "`0` is not a size such as `10GB`, or `unlimited`"),
        ("cache_max_entries", "0", "nonzero"),
        (
            "cache_eviction",
            "\"oldest\"",
            "`oldest` is not `lru`, `lfu`, `largest-first`, `oldest-first` or",
        ),
        ("cache_layout", "\"flat\"", "`flat` is not `auto`, `index` or `files`"),
        ("cache_compression", "23", "`23` is not a level from 1 to 22"),
    ] {
        let text = with_file(&format!("{key} = {wrong}\n"));
        assert!(text.contains(&format!("daglite.toml line 1, key `{key}`: ")), "{text}");
        assert!(text.contains(expected), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let name = format!("DAGLITE_{}", key.to_uppercase());
        let wrong = wrong.trim_matches('"');
        let text = default_session(folder.path(), &[(&name, wrong)]);
        assert!(text.contains(&format!("{name} is `{wrong}`: set it to ")), "{text}");
    }
}

#[test]
fn whether_to_isolate_has_three_spellings() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!default_session(folder.path(), &[]).contains("isolates nothing"));
    let text = default_session(folder.path(), &[("DAGLITE_ISOLATION", "false")]);
    assert!(text.contains(", isolates nothing"), "{text}");
    let text = default_session(folder.path(), &[("DAGLITE_ISOLATION", "perhaps")]);
    assert!(text.contains("DAGLITE_ISOLATION is `perhaps`: set it to `true` or `false`"), "{text}");
    assert!(with_file("isolation = false\n").contains(", isolates nothing"));
    let session = Session::builder().isolation(false).build().unwrap();
    assert!(format!("{session:?}").contains(", isolates nothing"));
}

#[test]
fn whether_to_keep_going_has_three_spellings() {
    let folder = tempfile::tempdir().unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_KEEP_GOING", "true")]);
    assert!(text.contains(", keeps going"), "{text}");
    assert!(with_file("keep_going = true\n").contains(", keeps going"));
    assert!(!with_file("").contains("keeps going"));
    let text = default_session(folder.path(), &[("DAGLITE_KEEP_GOING", "perhaps")]);
    assert!(
        text.contains("DAGLITE_KEEP_GOING is `perhaps`: set it to `true` or `false`"),
        "{text}"
    );
    let session = Session::builder().keep_going(true).build().unwrap();
    assert!(format!("{session:?}").contains(", keeps going"));
}

#[test]
fn limits_have_three_spellings_and_go_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("daglite.toml"), "[limits]\ndb = 2\nnet = 8\n").unwrap();
    let text = default_session(folder.path(), &[("DAGLITE_LIMITS", "db=3, gpu = 1")]);
    let told = ", 3 of `db` at once, 1 of `gpu` at once, 8 of `net` at once";
    assert!(text.contains(told), "{text}");
    for wrong in ["db", "db=0", "db=two", "=2", "db=2,"] {
        let text = default_session(folder.path(), &[("DAGLITE_LIMITS", wrong)]);
        let told = format!("DAGLITE_LIMITS is `{wrong}`: set it to names with numbers from 1 up");
        assert!(text.contains(&told), "{text}");
    }
    assert!(with_file("[limits]\ndb = 0\n").contains("the limit `db` is 0"));
    let session = Session::builder().limit("db", 2).build().unwrap();
    assert!(format!("{session:?}").contains(", 2 of `db` at once"));
    assert!(Session::builder().limit("db", 0).build().is_err());
}
