//! Each small example, run as a program: what it prints, and that its second run answers from the
//! cache.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program has written.
struct Printed {
    out: String,
    err: String,
}

/// Runs `program` in `folder`, with a line on standard error at the end of each run of a graph.
fn run(program: &str, folder: &Path) -> Printed {
    let output = Command::new(program)
        .current_dir(folder)
        .env("DAGLITE_PROGRESS", "summary")
        .env_remove("DAGLITE_CACHE")
        .env_remove("DAGLITE_CHECKPOINTS")
        .env_remove("DAGLITE_CONCURRENCY")
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{program}: {}\n{out}{err}", output.status);
    Printed { out, err }
}

/// Runs `program` twice in a folder of its own, and hands both answers and the folder to `check`.
fn twice(program: &str, check: impl FnOnce(Printed, Printed, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| run(program, folder.path()));
    check(first, second, folder.path());
}

/// How the summaries begin, one for each run of a graph.
fn counts(printed: &Printed) -> Vec<&str> {
    printed.err.lines().map(|line| line.split(" in ").next().unwrap_or_default()).collect()
}

#[test]
fn hello_counts_once() {
    twice(env!("CARGO_BIN_EXE_hello"), |first, second, folder| {
        let answers = |printed: &Printed| {
            let answer = |line: &str| line.split(';').next().unwrap_or_default().to_owned();
            printed.out.lines().map(answer).collect::<Vec<_>>()
        };
        let expected =
            ["first", "second"].map(|round| format!("{round}: 41538 primes below half a million"));
        assert_eq!(answers(&first), expected);
        assert_eq!(answers(&second), expected);
        assert_eq!(counts(&first), ["daglite: 0 hits, 1 computed", "daglite: 1 hit, 0 computed"]);
        assert_eq!(counts(&second), ["daglite: 1 hit, 0 computed"; 2]);
        assert!(folder.join(".daglite/cache").is_dir());
    });
}

#[test]
fn fetch_asks_each_page_once_and_needs_no_server_afterwards() {
    twice(env!("CARGO_BIN_EXE_fetch"), |first, second, _| {
        let pages = r#"["hello /ewr", "hello /jfk", "hello /lga"]"#;
        for (printed, requests) in [(&first, 3), (&second, 0)] {
            let lines: Vec<&str> = printed.out.lines().collect();
            let [up, down] = lines[..] else { panic!("two lines, not {}", printed.out) };
            assert!(up.starts_with(&format!("server up, {requests} requests, ")), "{up}");
            assert!(down.starts_with(&format!("server down, {requests} requests, ")), "{down}");
            assert!(up.ends_with(pages) && down.ends_with(pages), "{up}\n{down}");
        }
    });
}

#[test]
fn custom_types_draws_once_and_keeps_the_picture_as_text() {
    twice(env!("CARGO_BIN_EXE_custom_types"), |first, second, folder| {
        assert_eq!(counts(&first), ["daglite: 0 hits, 1 computed"]);
        assert_eq!(counts(&second), ["daglite: 1 hit, 0 computed"]);
        let picture = |printed: &Printed| {
            let lines = printed.out.split_inclusive('\n').take(24);
            lines.collect::<String>()
        };
        assert_eq!(picture(&first), picture(&second));
        assert!(picture(&first).lines().all(|line| line.len() == 64));

        let versions = entries(&folder.join(".daglite/checkpoints/waves"));
        assert_eq!(versions.len(), 1, "an unchanged picture adds no version");
        let kept = std::fs::read_to_string(versions[0].join("value.txt")).unwrap();
        assert_eq!(kept, picture(&first));
    });
}

#[test]
fn watch_plans_what_it_does_and_draws_what_it_has_done() {
    twice(env!("CARGO_BIN_EXE_watch"), |first, second, folder| {
        assert_eq!(counts(&first), ["reading 16 stations", "daglite: 0 hits, 34 computed"]);
        assert_eq!(counts(&second), ["reading 16 stations", "daglite: 33 hits, 1 computed"]);
        assert!(first.out.starts_with("34 tasks: 17 to compute, 17 unknown\n"), "{}", first.out);
        assert!(second.out.starts_with("34 tasks: 33 hits, 1 to compute\n"), "{}", second.out);
        // Where there is no terminal, nothing is drawn.
        assert!(!first.err.contains('\u{1b}') && !first.err.contains('━'), "{}", first.err);
        let picture = std::fs::read_to_string(folder.join("graph.mmd")).unwrap();
        assert!(picture.starts_with("flowchart TD\n") && picture.contains(":::hit"));
    });
}

#[test]
fn checkpoints_adds_a_version_for_each_change_and_computes_nothing_twice() {
    twice(env!("CARGO_BIN_EXE_checkpoints"), |first, second, _| {
        assert_eq!(
            counts(&first),
            [
                "daglite: 0 hits, 1 computed",
                "daglite: 0 hits, 1 computed",
                "daglite: 1 hit, 0 computed"
            ]
        );
        assert_eq!(counts(&second), ["daglite: 1 hit, 0 computed"; 3]);
        for (printed, alphas) in [(&first, 2), (&second, 4)] {
            let mut lines: Vec<&str> = printed.out.lines().collect();
            assert_eq!(lines.pop(), Some("the oldest: [1.00, 1.30, 2.07, 3.46]"));
            let about = |line: &&str| line.split(": ").nth(1).unwrap_or_default().to_owned();
            let expected = ["alpha 0.1, 34 bytes of json", "alpha 0.5, 21 bytes of json"];
            let expected: Vec<&str> = expected.into_iter().cycle().take(alphas).collect();
            assert_eq!(lines.iter().map(about).collect::<Vec<_>>(), expected);
            assert!(lines.is_sorted(), "the oldest version comes first");
        }
    });
}

/// What is in `folder`.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn simulation_is_killed_once_and_goes_on() {
    let (program, folder) = (env!("CARGO_BIN_EXE_simulation"), tempfile::tempdir().unwrap());
    let killed = Command::new(program).current_dir(folder.path()).output().unwrap();
    assert!(!killed.status.success(), "the power goes off");
    let [second, third] = [(); 2].map(|()| run(program, folder.path()));
    let hours = |out: &str| out.lines().filter(|line| line.starts_with("hour ")).count();
    let said = String::from_utf8(killed.stdout).unwrap();
    assert!(said.starts_with("begins after hour 0\n"), "{said}");
    assert_eq!((hours(&said), hours(&second.out), hours(&third.out)), (8, 4, 0));
    assert!(second.out.starts_with("begins after hour 8\n"), "{}", second.out);
    assert_eq!(counts(&third), ["daglite: 1 hit, 0 computed"]);
    let last = |printed: &Printed| printed.out.lines().last().unwrap_or_default().to_owned();
    assert!(last(&second).starts_with("rod@prod: "), "{}", second.out);
    assert_eq!(last(&second), last(&third));
    assert!(!folder.path().join(".daglite/checkpoints/unfinished").exists());
}
