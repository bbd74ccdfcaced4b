//! What a node of a graph costs when its task does nothing: chains, wide graphs, trees and random graphs of a thousand to a million
//! nodes.
//!
//! Each measurement is a process of its own, so that no contender finds memory or threads that another one has left.
//! Contenders take turns, several rounds; the median is quoted. Numbers after `--` replace the sizes.

use std::env;
use std::hint::black_box;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use daglite::prelude::*;
use daglite_benches::spread::Spread;
use daglite_benches::table::{Table, digits, ratio, time};
use daglite_benches::{is_bench, machine};
use dagrs::{
    Action, Content, DefaultNode, EnvVar, Graph, InChannels, Node, NodeId, NodeTable, OutChannels,
    Output,
};
use dagx::{DagRunner, Task};
use tokio::runtime::Runtime;

/// How many nodes a graph has, unless the command line says otherwise.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many tasks may run at once.
const THREADS: [usize; 2] = [1, 2];
/// How often the contenders take turns.
const ROUNDS: usize = 5;
/// So many nodes before it are those that one of a random graph may need.
const NEAR: u64 = 1_000;
/// The longest that one graph may take. A contender that takes longer is not given greater ones.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a process exits with that has lost its patience.
const TOO_SLOW: i32 = 9;
/// The first argument of a process that measures.
const MEASURE: &str = "--measure";

/// Where the nanoseconds of one graph went.
#[derive(Clone, Copy)]
struct Lap {
    build: f64,
    run: f64,
    drop: f64,
}

/// Measures how long a graph takes.
type Measure = fn(Shape, usize, &Machinery) -> Lap;

/// Whoever can run a graph.
const CONTENDERS: [(&str, Measure); 4] = [
    ("daglite", daglite_graph),
    ("tokio::spawn + join", tokio_graph),
    ("dagx", dagx_graph),
    ("dagrs", dagrs_graph),
];

/// How the nodes hang together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Each node needs the one before it.
    Chain,
    /// No node needs another; all results are gathered.
    Wide,
    /// Each node needs two that no other needs: half of them are leaves.
    Tree,
    /// Each node needs two of the thousand before it; the results of those that nobody needs are gathered.
    Random,
}

impl Shape {
    const ALL: [Self; 4] = [Self::Chain, Self::Wide, Self::Tree, Self::Random];

    fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Wide => "wide",
            Self::Tree => "tree",
            Self::Random => "random",
        }
    }

    /// Who runs such graphs here: of trees and random graphs it is only told whether their cost is flat.
    fn contenders(self) -> &'static [(&'static str, Measure)] {
        match self {
            Self::Chain | Self::Wide => &CONTENDERS,
            Self::Tree | Self::Random => &CONTENDERS[..1],
        }
    }
}

/// What graphs run on: made before anything is measured.
struct Machinery {
    session: Session,
    runtime: Runtime,
}

impl Machinery {
    fn new(threads: usize) -> Self {
        let folder = env::temp_dir().join("daglite-benches-checkpoints");
        let checkpoints = FileCheckpoints::open(folder).expect("temporary files can be written");
        let session = Session::builder()
            .without_cache()
            .checkpoints(checkpoints)
            .concurrency(threads)
            .build()
            .expect("all settings are given");
        let mut builder = match threads {
            // On one thread this is the cheaper runtime of the two.
            1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(threads).build().expect("threads can be started");
        Self { session, runtime }
    }

    /// Runs `future` where it spawns at the least cost: on a thread of the runtime.
    fn inside<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.block_on(async { tokio::spawn(future).await.expect("no task panics") })
    }
}

/// Takes the time of three stages in turn.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let took = now - self.0;
        self.0 = now;
        took.as_nanos() as f64
    }
}

#[task]
fn start(n: u64) -> u64 {
    n
}

#[task]
fn step(n: u64) -> u64 {
    n + 1
}

#[task]
fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// A tree of so many nodes, or one more: pairs are added until one is left.
fn tree(nodes: usize) -> TaskFuture<u64> {
    let mut level: Vec<_> = (0..nodes.div_ceil(2) as u64).map(|n| start(n)).collect();
    while level.len() > 1 {
        let mut pairs = level.into_iter();
        let mut next = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => add(left, right),
                None => left,
            });
        }
        level = next;
    }
    level.pop().expect("a tree has a node")
}

/// Numbers that look random and come again from the same seed.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Each node needs two that stand shortly before it.
fn random_graph(nodes: usize) -> TaskFuture<Vec<u64>> {
    let mut state = 7;
    let mut all = vec![start(1)];
    let mut is_needed = vec![false; nodes];
    for at in 1..nodes as u64 {
        let mut source = || {
            let source = (at - 1 - random(&mut state) % at.min(NEAR)) as usize;
            is_needed[source] = true;
            source
        };
        let (a, b) = (source(), source());
        all.push(add(&all[a], &all[b]));
    }
    let mut is_needed = is_needed.into_iter();
    all.retain(|_| !is_needed.next().expect("there is a flag for each node"));
    join_all(all)
}

/// A node is dropped as soon as nobody needs it any more, so the drop of the graph is part of its run.
fn daglite_graph(shape: Shape, nodes: usize, on: &Machinery) -> Lap {
    let mut watch = Stopwatch::start();
    match shape {
        Shape::Chain => {
            let graph = (1..nodes).fold(start(0), |last, _| last.then(step));
            let build = watch.lap();
            let result = graph.run_in(&on.session).expect("counting cannot fail");
            let run = watch.lap();
            assert_eq!(result, nodes as u64 - 1);
            Lap { build, run, drop: watch.lap() }
        }
        Shape::Wide => {
            let graph = join_all((0..nodes as u64).map(|n| start(n)));
            let build = watch.lap();
            let results = graph.run_in(&on.session).expect("counting cannot fail");
            let run = watch.lap();
            assert_eq!(results.len(), nodes);
            drop(results);
            Lap { build, run, drop: watch.lap() }
        }
        Shape::Tree => {
            let graph = tree(nodes);
            let build = watch.lap();
            let result = graph.run_in(&on.session).expect("counting cannot fail");
            let run = watch.lap();
            let leaves = nodes.div_ceil(2) as u64;
            assert_eq!(result, leaves * (leaves - 1) / 2);
            Lap { build, run, drop: watch.lap() }
        }
        Shape::Random => {
            let graph = random_graph(nodes);
            let build = watch.lap();
            let results = graph.run_in(&on.session).expect("counting cannot fail");
            let run = watch.lap();
            drop(black_box(results));
            Lap { build, run, drop: watch.lap() }
        }
    }
}

/// No graph at all: what a scheduler alone costs. Building and running are one.
fn tokio_graph(shape: Shape, nodes: usize, on: &Machinery) -> Lap {
    on.inside(async move {
        let mut watch = Stopwatch::start();
        match shape {
            Shape::Chain => {
                let mut result = 0_u64;
                for _ in 1..nodes {
                    let last = black_box(result);
                    result = tokio::spawn(async move { last + 1 }).await.expect("no task panics");
                }
                let run = watch.lap();
                assert_eq!(result, nodes as u64 - 1);
                Lap { build: 0.0, run, drop: watch.lap() }
            }
            Shape::Wide => {
                let spawned: Vec<_> =
                    (0..nodes as u64).map(|n| tokio::spawn(async move { black_box(n) })).collect();
                let mut results = Vec::with_capacity(nodes);
                for task in spawned {
                    results.push(task.await.expect("no task panics"));
                }
                let run = watch.lap();
                drop(black_box(results));
                Lap { build: 0.0, run, drop: watch.lap() }
            }
            Shape::Tree | Shape::Random => unreachable!("daglite alone is given such graphs"),
        }
    })
}

/// A node without sources, for dagx.
struct Start(u64);

#[dagx::task]
impl Start {
    async fn run(&self) -> u64 {
        self.0
    }
}

/// A node with one source, for dagx.
struct Step;

#[dagx::task]
impl Step {
    async fn run(n: &u64) -> u64 {
        n + 1
    }
}

fn dagx_graph(shape: Shape, nodes: usize, on: &Machinery) -> Lap {
    let mut watch = Stopwatch::start();
    let dag = DagRunner::new();
    let run = |dag: &DagRunner| {
        let spawn = |task| drop(tokio::spawn(task));
        on.runtime.block_on(dag.run(spawn)).expect("no task fails");
    };
    let (build, run) = match shape {
        Shape::Chain => {
            let first = dag.add_task(Start(0));
            let mut last = dag.add_task(Step).depends_on(&first);
            for _ in 2..nodes {
                last = dag.add_task(Step).depends_on(last);
            }
            let build = watch.lap();
            run(&dag);
            let result = dag.get(last).expect("the last node has a result");
            assert_eq!(result, nodes as u64 - 1);
            (build, watch.lap())
        }
        Shape::Wide => {
            let tasks: Vec<_> = (0..nodes as u64).map(|n| dag.add_task(Start(n))).collect();
            let build = watch.lap();
            run(&dag);
            let results: Vec<u64> =
                tasks.into_iter().map(|task| dag.get(task).expect("all have results")).collect();
            drop(black_box(results));
            (build, watch.lap())
        }
        Shape::Tree | Shape::Random => unreachable!("daglite alone is given such graphs"),
    };
    drop(dag);
    Lap { build, run, drop: watch.lap() }
}

/// A node for dagrs: one more than what comes in, or nothing in and a number out.
struct Count(u64);

#[async_trait]
impl Action for Count {
    async fn run(
        &self,
        incoming: &mut InChannels,
        outgoing: &mut OutChannels,
        _: Arc<EnvVar>,
    ) -> Output {
        let sources = incoming.map(|content| content.ok()?.get::<u64>().copied()).await;
        let value = match sources.first() {
            Some(source) => source.expect("a number was sent") + 1,
            None => self.0,
        };
        outgoing.broadcast(Content::new(value)).await;
        Output::new(value)
    }
}

fn dagrs_graph(shape: Shape, nodes: usize, on: &Machinery) -> Lap {
    let mut watch = Stopwatch::start();
    let mut table = NodeTable::new();
    let mut graph = Graph::new();
    let ids: Vec<NodeId> = (0..nodes)
        .map(|n| {
            let action = Count(if shape == Shape::Wide { n as u64 } else { 0 });
            let node = DefaultNode::with_action(n.to_string(), action, &mut table);
            let id = node.id();
            graph.add_node(node).expect("no two nodes have one name");
            id
        })
        .collect();
    if shape == Shape::Chain {
        for pair in ids.windows(2) {
            graph.add_edge(pair[0], [pair[1]]).expect("both nodes are there");
        }
    }
    graph.set_env(EnvVar::new(table));
    let build = watch.lap();
    on.runtime.block_on(graph.async_start()).expect("no task fails");
    let outputs = graph.get_outputs();
    let last = outputs[&ids[nodes - 1]].get_out().expect("the last node has a result");
    assert_eq!(last.get::<u64>().copied(), Some(nodes as u64 - 1));
    let run = watch.lap();
    drop((outputs, graph, last));
    Lap { build, run, drop: watch.lap() }
}

/// What one process has measured of one graph.
struct Measured {
    /// The median of its laps.
    lap: Lap,
    /// By how many bytes a node the process has grown, where the system tells it.
    bytes: Option<f64>,
}

/// Why there is no figure.
#[derive(Clone, Copy)]
enum NoFigure {
    TooSlow,
    Crashed,
}

impl NoFigure {
    fn describe(self) -> String {
        match self {
            Self::TooSlow => format!("over {} s", PATIENCE.as_secs()),
            Self::Crashed => "crashed".to_string(),
        }
    }
}

/// The process that measures: `--measure contender shape threads nodes`. One line for each lap, then the bytes.
fn measure(arguments: &[String]) {
    let [contender, shape, threads, nodes] = arguments else {
        panic!("a process that measures is told contender, shape, threads and nodes");
    };
    let (_, graph) = CONTENDERS.iter().find(|(name, _)| name == contender).expect("a contender");
    let shape = Shape::ALL.into_iter().find(|known| known.name() == shape).expect("a shape");
    let nodes: usize = nodes.parse().expect("a number of nodes");
    let machinery = Machinery::new(threads.parse().expect("a number of threads"));
    let laps_begun = watch_patience();
    let before = peak_bytes();
    for lap in 0..=(200_000 / nodes).clamp(1, 20) {
        laps_begun.fetch_add(1, Ordering::Relaxed);
        let Lap { build, run, drop } = graph(shape, nodes, &machinery);
        // The first one finds code and memory cold.
        if lap > 0 {
            println!("{build} {run} {drop}");
        }
    }
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        println!("{}", after - before);
    }
    // Some contenders take long to let go of what they no longer need.
    process::exit(0);
}

/// Ends the process if a lap takes too long. Whoever begins one counts it.
fn watch_patience() -> Arc<AtomicU64> {
    let begun = Arc::new(AtomicU64::new(0));
    let watched = Arc::clone(&begun);
    thread::spawn(move || {
        loop {
            let before = watched.load(Ordering::Relaxed);
            thread::sleep(PATIENCE);
            if watched.load(Ordering::Relaxed) == before {
                process::exit(TOO_SLOW);
            }
        }
    });
    begun
}

/// The most memory that this process has had.
fn peak_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Has a process measure one graph.
fn ask(contender: &str, shape: Shape, threads: usize, nodes: usize) -> Result<Measured, NoFigure> {
    let program = env::current_exe().expect("this program knows where it lies");
    let output = Command::new(program)
        .args([MEASURE, contender, shape.name(), &threads.to_string(), &nodes.to_string()])
        .output()
        .expect("this program can be started again");
    if output.status.code() == Some(TOO_SLOW) {
        return Err(NoFigure::TooSlow);
    }
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(NoFigure::Crashed);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut laps = Vec::new();
    let mut bytes = None;
    for line in text.lines() {
        let figures: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        match figures[..] {
            [build, run, drop] => laps.push(Lap { build, run, drop }),
            [grown] => bytes = Some(grown / nodes as f64),
            _ => {}
        }
    }
    let median = |part: fn(&Lap) -> f64| {
        let spread = Spread::of(laps.iter().map(part));
        spread.expect("a process measures one lap or more").median()
    };
    let lap = Lap { build: median(|l| l.build), run: median(|l| l.run), drop: median(|l| l.drop) };
    Ok(Measured { lap, bytes })
}

/// What all rounds say of one contender at one size.
type Rounds = Result<Vec<Measured>, NoFigure>;

/// All contenders at one size, taking turns.
fn measure_size(shape: Shape, threads: usize, nodes: usize, too_slow: &[bool]) -> Vec<Rounds> {
    let skipped = |too_slow: &bool| if *too_slow { Err(NoFigure::TooSlow) } else { Ok(Vec::new()) };
    let mut rounds: Vec<Rounds> = too_slow.iter().map(skipped).collect();
    for _ in 0..ROUNDS {
        for ((name, _), contender) in shape.contenders().iter().zip(&mut rounds) {
            if let Ok(measured) = contender {
                match ask(name, shape, threads, nodes) {
                    Ok(more) => measured.push(more),
                    Err(why) => *contender = Err(why),
                }
            }
        }
    }
    rounds
}

/// One shape on so many threads, at all sizes; answers what a node takes of daglite at each.
fn compare(shape: Shape, threads: usize, sizes: &[usize]) -> Vec<f64> {
    let contenders = shape.contenders();
    let title = format!("{}, at most {threads} at once, a node", shape.name());
    let head = [
        "contender",
        "nodes",
        "build",
        "run",
        "drop",
        "together",
        "rounds from .. to",
        "bytes",
        "daglite takes",
    ];
    let mut table = Table::new(title, head);
    let mut totals: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    let mut too_slow = vec![false; contenders.len()];
    for &nodes in sizes {
        let rounds = measure_size(shape, threads, nodes, &too_slow);
        let mut own = None;
        for (at, rounds) in rounds.iter().enumerate() {
            let name = contenders[at].0.to_string();
            let measured = match rounds {
                Ok(measured) => measured,
                Err(why) => {
                    too_slow[at] = true;
                    table.row([name, nodes.to_string(), why.describe()]);
                    continue;
                }
            };
            let per_node = |part: fn(&Lap) -> f64| {
                let each = measured.iter().map(|one| part(&one.lap) / nodes as f64);
                Spread::of(each).expect("there is one round or more")
            };
            let total = per_node(|lap| lap.build + lap.run + lap.drop);
            let own = *own.get_or_insert(total.median());
            let bytes = Spread::of(measured.iter().filter_map(|one| one.bytes));
            table.row([
                name,
                nodes.to_string(),
                time(per_node(|lap| lap.build).median()),
                time(per_node(|lap| lap.run).median()),
                time(per_node(|lap| lap.drop).median()),
                time(total.median()),
                format!("{} .. {}", time(total.low()), time(total.high())),
                bytes.map_or("-".to_string(), |bytes| format!("{:.0}", bytes.median())),
                ratio(own, total.median()),
            ]);
            totals[at].push(total.median());
        }
    }
    println!("{table}");
    let growth = |totals: &Vec<f64>| match (totals.first(), totals.last()) {
        (Some(first), Some(last)) if totals.len() > 1 => digits(last / first),
        _ => "-".to_string(),
    };
    let growths: Vec<String> = contenders
        .iter()
        .zip(&totals)
        .map(|((name, _), totals)| format!("{name} × {}", growth(totals)))
        .collect();
    println!(
        "  growth of a node's cost, from the smallest graph to the greatest: {}",
        growths.join(", ")
    );
    totals.swap_remove(0)
}

/// What a node takes of daglite, by the size of its graph: in each line one shape, so that it can be seen whether that is flat.
fn print_flatness(sizes: &[usize], lines: &[(Shape, usize, Vec<f64>)]) {
    let head = ["shape", "at once"].into_iter().map(str::to_string);
    let head: Vec<String> =
        head.chain(sizes.iter().map(|nodes| format!("{nodes} nodes"))).collect();
    let mut table = Table::new("daglite, a node in graphs of all sizes", head);
    for (shape, threads, totals) in lines {
        let name = [shape.name().to_string(), threads.to_string()];
        table.row(name.into_iter().chain(totals.iter().map(|total| time(*total))));
    }
    println!("{table}");
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == MEASURE) {
        measure(&arguments[1..]);
        return;
    }
    let asked: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = match (is_bench(), asked.is_empty()) {
        (false, _) => &[10][..],
        (true, true) => &SIZES,
        (true, false) => &asked,
    };
    println!("{}", machine::describe());
    let mut lines = Vec::new();
    for shape in Shape::ALL {
        for threads in THREADS {
            lines.push((shape, threads, compare(shape, threads, sizes)));
        }
    }
    print_flatness(sizes, &lines);
    println!("\n{}", machine::describe());
}
