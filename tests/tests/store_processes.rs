//! Many processes on one store: no wrong value, no error in a run, nothing lost that was acknowledged.

use daglite_tests::processes::{Ended, PATIENCE, Worker};
use daglite_tests::random::{Random, duration, seed};

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");

/// Waits for the workers; a panic if one ended with an error or did nothing. Answers how much each has done.
fn finish(workers: Vec<(&str, Worker)>, about: &str) -> Vec<u64> {
    let patience = duration() + PATIENCE;
    let ended: Vec<_> =
        workers.into_iter().map(|(role, worker)| (role, worker.finish_within(patience))).collect();
    let mut all_done = Vec::new();
    for (role, Ended { status, lines, errors }) in &ended {
        assert!(status.success() && errors.is_empty(), "{about}: {role}: {status}: {errors}");
        let done = lines.last().and_then(|line| line.strip_prefix("done "));
        let done: u64 = done.expect("a worker says what it has done").parse().unwrap();
        assert!(done > 0, "{about}: {role} has done nothing");
        all_done.push(done);
    }
    println!("{:?}", ended.iter().map(|(role, _)| role).zip(&all_done).collect::<Vec<_>>());
    all_done
}

#[test]
fn mixed_processes_meet_no_error_and_no_wrong_value() {
    let seed = seed();
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let seconds = duration().as_secs();
    // The evictor is one more writer as long as stores cannot evict.
    let roles =
        ["reader", "reader", "writer", "writer", "evictor", "session", "session", "clearer"];
    let start = |role: &'static str| {
        let arguments: [&dyn std::fmt::Display; 5] =
            [&"mixed", &role, &root.display(), &random.number(), &seconds];
        (role, Worker::start(WORKER, &arguments))
    };
    finish(roles.map(start).into(), &format!("DAGLITE_TEST_SEED={seed}"));
}

#[test]
fn what_one_process_acknowledges_others_find_at_once_and_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let seconds = duration().as_secs();
    let writer =
        |number: u64| Worker::start(WORKER, &[&"writer", &number, &root.display(), &seconds]);
    let mut writers: Vec<_> = (0..5).map(writer).collect();
    writers.iter_mut().for_each(|writer| _ = writer.wait_for("safe", 1));
    let outputs: Vec<_> = writers.iter().map(|writer| writer.output_path().display()).collect();
    let checker = |checked: &[std::path::Display<'_>]| {
        let mut arguments: Vec<&dyn std::fmt::Display> = vec![&"checker"];
        let root = root.display();
        arguments.extend([&root as &dyn std::fmt::Display, &seconds]);
        arguments.extend(checked.iter().map(|output| output as &dyn std::fmt::Display));
        ("checker", Worker::start(WORKER, &arguments))
    };
    let checkers: Vec<_> = [&outputs[..2], &outputs[2..], &outputs[..]].map(checker).into();
    finish(checkers, "the checkers");
    let mut newest = std::collections::BTreeMap::new();
    for mut writer in writers {
        writer.wait_for("done", 1);
        let Ended { status, lines, errors } = writer.finish();
        assert!(status.success() && errors.is_empty(), "{status}: {errors}");
        for line in lines.iter().filter_map(|line| line.strip_prefix("safe ")) {
            let (key, value) = line.split_once(' ').unwrap();
            newest.insert(key.parse::<u64>().unwrap(), value.parse::<u64>().unwrap());
        }
    }
    println!("{} keys", newest.len());
    let store = daglite_tests::stores::open(&root);
    for (key, value) in newest {
        assert_eq!(daglite_tests::stores::look(&store, key), Ok(Some(value)), "key {key}");
    }
}
