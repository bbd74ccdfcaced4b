//! What can be seen of a run: a plan, bars on a terminal, a picture, a log and a trace.
//!
//! ```text
//! DAGLITE_TRACE=trace.json DAGLITE_LOG=log.jsonl cargo run -p daglite-examples --bin watch
//! ```
//!
//! Run it twice, and then with `more` behind it: the plan tells what would be computed and for how
//! long, and the bars tell hits apart. `graph.mmd` is a picture for Mermaid, `trace.json` opens in
//! <https://ui.perfetto.dev>.

use std::thread::sleep;
use std::time::Duration;

use daglite::prelude::*;

/// Stands for what takes long.
fn work(millis: u64) {
    sleep(Duration::from_millis(millis));
}

#[task(cache, name = "download")]
fn download(station: u32) -> Vec<f64> {
    work(300 + 40 * u64::from(station % 5));
    (0..24).map(|hour| f64::from(station * hour % 17)).collect()
}

#[task(cache, name = "clean")]
fn clean(readings: Vec<f64>) -> Result<Vec<f64>, String> {
    work(150);
    Ok(readings.into_iter().filter(|celsius| *celsius < 15.0).collect())
}

#[task(cache, name = "average")]
fn average(all: Vec<Vec<f64>>) -> f64 {
    work(400);
    let count: usize = all.iter().map(Vec::len).sum();
    all.iter().flatten().sum::<f64>() / count as f64
}

#[task(name = "report")]
fn report(average: f64) -> String {
    work(200);
    format!("{average:.2} degrees on average")
}

fn main() -> Result<(), daglite::Error> {
    let stations = if std::env::args().any(|arg| arg == "more") { 24 } else { 16 };
    let progress = Progress::stderr();
    let session = Session::builder().concurrency(2).observe(progress.clone()).build()?;
    let answer = join_all((0..stations).map(|station| download(station).then(clean)))
        .then(average)
        .then(report);
    let plan = answer.plan_in(&session)?;
    println!("{plan}");
    progress.println(format!("reading {stations} stations"));
    let outcome = answer.outcome_in(&session)?;
    println!("{}", outcome.value);
    std::fs::write("graph.mmd", outcome.graph().mermaid()).expect("the folder can be written");
    Ok(())
}
