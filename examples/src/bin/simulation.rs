//! A long simulation that is killed and goes on where it was; its result under a name and a tag.
//!
//! ```text
//! cargo run -p daglite-examples --bin simulation
//! ```
//!
//! Heat spreads along a rod for twelve hours. In the first run the power goes off in hour nine: the
//! process aborts. Run it again: it goes on from hour eight, as `checkpoint_here` has kept the state
//! after each hour, and `resume_here` finds it. The result is saved as `rod` and gets the tag
//! `prod`; another program would load `rod@prod` as the last lines do. A third run computes nothing.

use daglite::prelude::*;

const HOURS: usize = 12;
const STEPS_AN_HOUR: usize = 2_000;

/// The temperatures along a rod whose ends keep theirs.
#[task(cache)]
fn heat(start: &[f64], conductivity: f64) -> Result<Vec<f64>, daglite::Error> {
    let found = resume_here::<(usize, Vec<f64>)>("state")?;
    let is_first_run = found.is_none();
    let (done, mut rod) = found.unwrap_or_else(|| (0, start.to_vec()));
    println!("begins after hour {done}");
    for hour in done + 1..=HOURS {
        if is_first_run && hour == 9 {
            println!("the power goes off in hour {hour}: run me again");
            std::process::abort();
        }
        for _ in 0..STEPS_AN_HOUR {
            let before = rod.clone();
            for (cell, around) in rod[1..].iter_mut().zip(before.windows(3)) {
                *cell += conductivity * (around[0] - 2.0 * around[1] + around[2]);
            }
        }
        checkpoint_here("state", &(hour, rod.clone()))?;
        println!("hour {hour}: {:.2} degrees in the middle", rod[rod.len() / 2]);
    }
    Ok(rod)
}

fn main() -> Result<(), daglite::Error> {
    let checkpoints = FileCheckpoints::open(".daglite/checkpoints")?;
    let session = Session::builder().checkpoints(checkpoints.clone()).build()?;

    let mut rod = vec![20.0; 101];
    rod[0] = 100.0;
    let name = Checkpoint::named("rod").format("json").meta("hours", HOURS);
    heat(rod, 0.25).checkpoint(name).run_in(&session)?;
    checkpoints.tag("rod", "latest", "prod")?;

    let rod = checkpoints.load_latest::<Vec<f64>>("rod@prod")?;
    println!("rod@prod: {:.2} degrees in the middle", rod[rod.len() / 2]);
    Ok(())
}
