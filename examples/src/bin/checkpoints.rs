//! Results that are kept under a name: save, list, load an old one, read what is known of it.
//!
//! ```text
//! cargo run -p daglite-examples --bin checkpoints
//! ```
//!
//! Look at `.checkpoint(…)` on a task's result: a changed value becomes a new version, an unchanged
//! one does not. Of the three saves in a run the last has the value of the second: a run adds two
//! versions. Prints all versions with what is known of them, and the oldest one loaded back. Each
//! is a folder in `.daglite/checkpoints/smooth`: the value as JSON, and beside it `meta.json`.

use std::sync::Arc;

use daglite::checkpoint::{CheckpointStore, FileCheckpoints, Version};
use daglite::prelude::*;

/// The series, each value drawn towards what came before it.
#[task(cache)]
fn smooth(series: &[f64], alpha: f64) -> Vec<f64> {
    let mut level = series.first().copied().unwrap_or_default();
    let step = |value: &f64| {
        level += alpha * (value - level);
        level
    };
    series.iter().map(step).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), daglite::Error> {
    let store = Arc::new(FileCheckpoints::open(".daglite/checkpoints")?);
    let session = Session::builder().checkpoints(Arc::clone(&store)).build()?;

    for alpha in [0.1, 0.5, 0.5] {
        let name = Checkpoint::named("smooth").format("json").meta("alpha", alpha);
        smooth([1.0, 4.0, 9.0, 16.0], alpha).checkpoint(name).await_in(&session).await?;
    }

    let versions = store.versions("smooth").await?;
    for version in &versions {
        let meta = store.head("smooth", &Version::from(version)).await?.expect("it was listed");
        println!("{version}: alpha {}, {} bytes of {}", meta.user["alpha"], meta.size, meta.format);
    }
    let oldest = Version::from(&versions[0]);
    let (meta, bytes) = store.load("smooth", &oldest).await?.expect("it was listed");
    let series: Vec<f64> = Registry::global().deserialize(&bytes, &meta.format)?;
    println!("the oldest: {series:.2?}");
    Ok(())
}
