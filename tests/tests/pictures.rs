//! Pictures of graphs, and how long a plan says that it takes.

use std::time::Duration;

use daglite::prelude::*;
use daglite::{Plan, PlannedState};
use daglite_tests::random::Random;

#[task(cache, name = "load")]
fn load(path: String) -> u64 {
    path.len() as u64
}

#[task(cache, name = "features")]
fn features(rows: u64, window: u64) -> u64 {
    rows * window
}

#[task(name = "report")]
fn report(parts: Vec<u64>) -> Result<u64, String> {
    match parts.iter().sum() {
        0 => Err("there is \"nothing\" in <it>".to_owned()),
        sum => Ok(sum),
    }
}

fn graph(window: u64) -> TaskFuture<u64> {
    let rows = load("flights.csv");
    let parts = join_all([features(rows.clone(), window), features(rows, 2)]);
    parts.also(|_| ()).then(report)
}

fn session() -> Session {
    Session::builder().cache(MemoryStore::new()).concurrency(2).build().unwrap()
}

/// The times in a picture are those of the machine.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = ["saves ", "computed: in "]
        .iter()
        .filter_map(|word| rest.find(word).map(|at| at + word.len()))
        .min()
    {
        out.push_str(&rest[..at]);
        out.push('…');
        let end = rest[at..].find(['"', '\\']).unwrap();
        rest = &rest[at + end..];
    }
    out + rest
}

#[test]
fn a_graph_that_has_not_run_shows_what_a_run_would_do() {
    let session = session();
    features(load("flights.csv"), 2).run_in(&session).unwrap();
    let picture = graph(3).graph_in(&session).unwrap();
    insta::assert_snapshot!(without_times(&picture.mermaid()), @r##"
    flowchart TD
        n0["load<br/>hit: saves …"]:::hit
        n1["features<br/>hit: saves …"]:::hit
        n2["features<br/>to compute: argument #96;window#96; changed from 2 to 3"]:::compute
        n3["report<br/>to compute: not cached"]:::compute
        n4(["join"]):::inline
        n0 --> n1
        n0 --> n2
        n1 --> n4
        n2 --> n4
        n4 --> n3
        classDef hit fill:#d7f0d8,stroke:#2f8132,color:#1b1b1b
        classDef compute fill:#d6e6fa,stroke:#2763a5,color:#1b1b1b
        classDef inline fill:#ffffff,stroke:#999999,color:#1b1b1b
    "##);
    insta::assert_snapshot!(without_times(&picture.dot()), @r##"
    digraph daglite {
        node [shape=box, style="rounded,filled", fontname="sans-serif"];
        n0 [label="load\nhit: saves …", fillcolor="#d7f0d8", color="#2f8132"];
        n1 [label="features\nhit: saves …", fillcolor="#d7f0d8", color="#2f8132"];
        n2 [label="features\nto compute: argument `window` changed from 2 to 3", fillcolor="#d6e6fa", color="#2763a5"];
        n3 [label="report\nto compute: not cached", fillcolor="#d6e6fa", color="#2763a5"];
        n4 [label="join", fillcolor="#ffffff", color="#999999", shape=ellipse];
        n0 -> n1;
        n0 -> n2;
        n1 -> n4;
        n2 -> n4;
        n4 -> n3;
    }
    "##);
}

#[test]
fn what_a_run_has_done_is_in_the_picture_of_its_outcome() {
    let session = session();
    features(load("flights.csv"), 2).run_in(&session).unwrap();
    let outcome = graph(3).outcome_in(&session).unwrap();
    insta::assert_snapshot!(without_times(&outcome.graph().mermaid()), @r##"
    flowchart TD
        n0["report<br/>computed: in …"]:::computed
        n1["features<br/>computed: in …"]:::computed
        n2["features<br/>hit: saves …"]:::hit
        n3["load<br/>hit: saves …"]:::hit
        n4(["join"]):::inline
        n1 --> n4
        n2 --> n4
        n3 --> n1
        n3 --> n2
        n4 --> n0
        classDef hit fill:#d7f0d8,stroke:#2f8132,color:#1b1b1b
        classDef computed fill:#d6e6fa,stroke:#2763a5,color:#1b1b1b
        classDef inline fill:#ffffff,stroke:#999999,color:#1b1b1b
    "##);
}

#[test]
fn failures_are_told_apart_and_their_words_are_escaped() {
    let session = session();
    let failing = join_all([features(load(""), 0)]).then(report);
    assert!(failing.clone().run_in(&session).is_err());
    let picture = failing.graph_in(&session).unwrap();
    let mermaid = picture.mermaid();
    let line = mermaid.lines().find(|line| line.contains(":::failed")).unwrap();
    assert!(line.contains("failed: task #96;report#96; (called at "), "{line}");
    assert!(!line.contains('<') || line.matches('<').count() == line.matches("<br/>").count());
    assert!(picture.dot().contains("failed: task `report`"));
}

#[test]
fn names_and_details_with_every_kind_of_letter_are_escaped() {
    #[task(cache, name = "a \"b\" <c> & `d` # \\ ;{}[]()| é 猫")]
    fn odd(n: u64) -> u64 {
        n
    }
    let graph = odd(1).graph_in(&session()).unwrap();
    let mermaid = graph.mermaid();
    let line = mermaid.lines().nth(1).unwrap();
    assert_eq!(
        line,
        "    n0[\"a #quot;b#quot; #lt;c#gt; #amp; #96;d#96; #35; #92; ;{}[]()| é 猫<br/>to compute: no entry yet\"]:::compute"
    );
    assert!(graph.dot().contains(r#"[label="a \"b\" <c> & `d` # \\ ;{}[]()| é 猫\nto compute"#));
}

#[test]
fn a_checkpoint_from_which_a_run_goes_on_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    let builder = Session::builder().cache(MemoryStore::new()).checkpoints(checkpoints);
    let session = builder.resume(true).build().unwrap();
    let graph = || load("a").checkpoint("rows").map(|rows| rows + 1);
    graph().run_in(&session).unwrap();
    let planned = graph().graph_in(&session).unwrap().mermaid();
    assert!(planned.contains("load<br/>resumed: from rows@"), "{planned}");
    let outcome = graph().outcome_in(&session).unwrap();
    assert!(outcome.graph().mermaid().contains("load<br/>resumed: from rows@"));
}

#[test]
fn a_large_graph_is_folded_with_a_notice_and_without_recursion() {
    #[task(name = "step")]
    fn step(n: u64) -> u64 {
        n + 1
    }
    let mut chain = step(0);
    for _ in 1..100_000 {
        chain = step(chain);
    }
    let all = join((chain, load("x")));
    let picture = all.graph_in(&session()).unwrap();
    assert_eq!(picture.tasks(), 100_001);
    let mermaid = picture.mermaid();
    assert!(mermaid.contains("notice([\"100001 tasks, folded by name and state\"])"), "{mermaid}");
    assert!(mermaid.contains("step × 100000<br/>to compute"), "{mermaid}");
    assert!(mermaid.len() < 2_000 && picture.dot().len() < 2_000);
    let outcome = all.map(|(sum, _)| sum).outcome_in(&session()).unwrap();
    assert_eq!(outcome.value, 100_000);
    assert!(outcome.graph().mermaid().contains("step × 100000<br/>computed"));
}

#[test]
fn a_folded_graph_with_too_many_names_says_what_is_left_out() {
    // As many names as there are: each generic type is one.
    let mut all = Vec::new();
    for n in 0..200 {
        let name: &'static str = Box::leak(format!("t{n}").into_boxed_str());
        all.push(load(name));
    }
    let picture = join_all(all).graph_in(&session()).unwrap();
    // All alike: one node, however many files.
    assert!(picture.mermaid().contains("load × 200"));
}

#[test]
fn arrows_of_random_graphs_are_those_of_the_calls() {
    let mut random = Random::new(7);
    for _ in 0..50 {
        let mut futures: Vec<TaskFuture<u64>> = vec![load("x").refresh()];
        let mut expected = Vec::new();
        for at in 1..12_u32 {
            let (a, b) =
                (random.below(u64::from(at)) as usize, random.below(u64::from(at)) as usize);
            #[task(name = "add")]
            fn add(a: u64, b: u64) -> u64 {
                a + b
            }
            futures.push(add(futures[a].clone(), futures[b].clone()));
            expected.push((a, b));
        }
        let plan = futures.last().unwrap().plan_in(&session()).unwrap();
        let dot = plan.graph().dot();
        let arrows = dot.lines().filter(|line| line.contains(" -> ")).count();
        // Only what the last one needs is there.
        let mut needed = std::collections::BTreeSet::from([11_usize]);
        for at in (1..12_usize).rev() {
            if needed.contains(&at) {
                needed.extend([expected[at - 1].0, expected[at - 1].1]);
            }
        }
        let distinct = |at: &usize| match at.checked_sub(1).map(|at| expected[at]) {
            None => 0,
            Some((a, b)) => 1 + usize::from(a != b),
        };
        assert_eq!(arrows, needed.iter().map(distinct).sum::<usize>());
        assert_eq!(plan.nodes.len(), needed.len());
    }
}

/// As long as it is told; its entries say so.
#[task(cache, name = "slow")]
fn slow(millis: u64, _n: u64) -> u64 {
    slow_body(millis)
}

/// Stands for work, so that there is a time to record.
fn slow_body(millis: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(millis));
    millis
}

#[task(cache, name = "slow_async")]
async fn slow_async(millis: u64, _n: u64) -> u64 {
    slow_body(millis)
}

fn planned(future: &TaskFuture<Vec<u64>>, session: &Session) -> Plan {
    future.plan_in(session).unwrap()
}

#[test]
fn a_plan_says_how_long_tasks_usually_take_and_the_whole_at_the_sessions_concurrency() {
    let session = session();
    slow(20, 0).run_in(&session).unwrap();
    let usual = slow(1, 1).plan_in(&session).unwrap().nodes[0].expected.unwrap();
    assert!(usual >= Duration::from_millis(20));
    // Six of them on two threads.
    let plan = planned(&join_all((10..16).map(|n| slow(1, n))), &session);
    assert!(plan.nodes.iter().all(|node| node.expected == Some(usual)));
    assert_eq!(plan.estimate().time, 3 * usual);
    assert_eq!((plan.estimate().untimed, plan.estimate().depends), (0, false));
    // In a chain nothing is at once. What comes after a task that is computed may be a hit.
    let chain = slow(slow(slow(1, 20), 21), 22);
    let plan = chain.plan_in(&session).unwrap();
    assert_eq!(plan.estimate().time, 3 * usual);
    assert!(plan.estimate().depends);
    assert!(matches!(plan.nodes[2].state, PlannedState::Unknown { .. }));
    // What is there takes no time.
    let plan = planned(&join_all([slow(20, 0)]), &session);
    assert_eq!(
        (plan.estimate().time, plan.nodes[0].expected),
        (Duration::ZERO, Some(Duration::ZERO))
    );
    assert_eq!(plan.estimate().to_string(), "nothing to compute");
}

/// Takes both threads.
#[task(cache, weight = 2, name = "heavy")]
fn heavy(millis: u64, _n: u64) -> u64 {
    slow_body(millis)
}

/// Only one at a time has the disk.
#[task(cache, limits = ["disk"], name = "limited")]
fn limited(millis: u64, _n: u64) -> u64 {
    slow_body(millis)
}

#[test]
fn heavy_tasks_and_limits_are_in_the_estimate() {
    let session = Session::builder().cache(MemoryStore::new()).concurrency(2);
    let session = session.limit("disk", 1).build().unwrap();
    let times = |future: TaskFuture<Vec<u64>>| {
        let plan = future.plan_in(&session).unwrap();
        let usual: Vec<Duration> = plan.nodes.iter().map(|node| node.expected.unwrap()).collect();
        (plan.estimate().time, usual)
    };
    join((heavy(20, 0), limited(20, 0), slow(20, 0))).run_in(&session).unwrap();
    let (time, usual) = times(join_all((10..14).map(|n| heavy(1, n))));
    assert_eq!(time, usual.iter().sum(), "one after the other");
    let (time, usual) = times(join_all((10..14).map(|n| limited(1, n))));
    assert_eq!(time, usual.iter().sum(), "one after the other");
    // What waits for the disk keeps no thread from others.
    let light = (10..12).map(|n| slow(1, n));
    let (time, usual) = times(join_all((10..14).map(|n| limited(1, n)).chain(light)));
    let (limited, light) = usual.split_at(4);
    assert_eq!(time, limited.iter().sum::<Duration>().max(light.iter().sum()));
}

#[test]
fn a_task_that_weighs_more_than_all_threads_is_in_the_estimate_as_one_that_takes_them_all() {
    #[task(cache, weight = 9, name = "heaviest")]
    fn heaviest(millis: u64, _n: u64) -> u64 {
        slow_body(millis)
    }

    let session = session();
    heaviest(20, 0).run_in(&session).unwrap();
    let plan = planned(&join_all((10..13).map(|n| heaviest(1, n))), &session);
    assert_eq!(plan.estimate().time, 3 * plan.nodes[0].expected.unwrap());
}

#[test]
fn async_tasks_take_no_thread_in_the_estimate() {
    let session = session();
    slow_async(20, 0).run_in(&session).unwrap();
    let plan = planned(&join_all((10..16).map(|n| slow_async(1, n))), &session);
    assert_eq!(Some(plan.estimate().time), plan.nodes[0].expected);
}

#[test]
fn where_no_time_is_known_the_plan_says_so() {
    let session = session();
    slow(20, 0).run_in(&session).unwrap();
    let plan = join((slow(1, 1), report(vec![1]), load("x"))).plan_in(&session).unwrap();
    assert_eq!(plan.estimate().untimed, 2);
    let text = plan.estimate().to_string();
    assert!(text.ends_with(" and the time of 2 tasks of which none is known"), "{text}");
    let text = load("x").plan_in(&session).unwrap().estimate().to_string();
    assert_eq!(text, "no time is known of 1 task");
}

#[test]
fn a_plan_that_takes_a_second_or_longer_says_so_in_its_first_line() {
    let session = session();
    slow(60, 0).run_in(&session).unwrap();
    let plan = planned(&join_all((0..100).map(|n| slow(1, n))), &session);
    let first = plan.to_string().lines().next().unwrap().to_owned();
    assert!(first.starts_with("100 tasks: 100 to compute; about 3."), "{first}");
}
