//! Where the tables are; and the test that they are the ones that `data/README.md` describes.

/// The flights that left New York in 2013.
pub(crate) const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights.csv.zst");
/// The weather at its airports, hour by hour.
pub(crate) const WEATHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/weather.csv.zst");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FLIGHTS, WEATHER};
    use crate::{flight, weather};

    const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/README.md"));

    #[test]
    fn the_files_have_the_checksums_and_sizes_of_the_readme() {
        for path in [FLIGHTS, WEATHER] {
            let bytes = std::fs::read(path).unwrap();
            let name = Path::new(path).file_name().unwrap().to_str().unwrap();
            let digest = daglite::Digest::of_bytes(&bytes);
            let line = format!("{digest}  {name}");
            assert!(README.contains(&line), "data/README.md must have the line `{line}`");
        }
    }

    #[test]
    fn every_flight_is_there() {
        let flights = flight::read(FLIGHTS.as_ref()).unwrap();
        assert_eq!(flights.len(), 336_776);
        assert_eq!(flights.iter().filter(|flight| flight.dep_delay.is_none()).count(), 8_255);
        let flown = flight::clean(&flights);
        assert_eq!(flown.len(), 327_346);
        assert_eq!(flight::origins(&flown).len(), 3);
    }

    #[test]
    fn every_hour_of_weather_is_there() {
        let hours = weather::read(WEATHER.as_ref()).unwrap();
        assert_eq!(hours.len(), 26_115);
        let broken =
            hours.iter().zip(weather::clean(&hours)).filter(|(hour, clean)| *hour != clean);
        assert_eq!(broken.count(), 1);
    }
}
