//! `Weather`: one hour at one airport; and its join with the flights that leave in that hour.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::flight::{Code, Flown};
use crate::read;

/// The weather of one hour at one airport, as the table has it. `None` is what was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Weather {
    /// The airport.
    pub(crate) origin: Code,
    /// The hour, in hours since 2013 began in UTC.
    pub(crate) utc_hour: u32,
    /// What was measured.
    pub(crate) measured: Measured,
}

/// What a weather station measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Degrees Fahrenheit.
    pub(crate) temperature: Option<f32>,
    /// Relative humidity in per cent.
    pub(crate) humidity: Option<f32>,
    /// Where the wind comes from, in degrees from north.
    pub(crate) wind_from: Option<f32>,
    /// Wind in miles per hour.
    pub(crate) wind: Option<f32>,
    /// Gusts in miles per hour; recorded only where there were some.
    pub(crate) gust: Option<f32>,
    /// Rain and melted snow in inches.
    pub(crate) rain: Option<f32>,
    /// Air pressure in millibars.
    pub(crate) pressure: Option<f32>,
    /// Visibility in miles, ten at most.
    pub(crate) visibility: Option<f32>,
}

/// A flight with the weather where and when it leaves, if there is a record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Departure {
    /// The flight.
    pub(crate) flight: Flown,
    /// The weather in the hour of departure.
    pub(crate) weather: Option<Measured>,
}

/// A line of the file, as far as it is of use here.
#[derive(Deserialize)]
struct Line {
    origin: String,
    #[serde(deserialize_with = "read::number_or_na")]
    temp: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    humid: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    wind_dir: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    wind_speed: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    wind_gust: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    precip: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    pressure: Option<f32>,
    #[serde(deserialize_with = "read::number_or_na")]
    visib: Option<f32>,
    #[serde(deserialize_with = "read::hours_of_2013")]
    time_hour: u32,
}

impl From<Line> for Weather {
    fn from(line: Line) -> Self {
        let measured = Measured {
            temperature: line.temp,
            humidity: line.humid,
            wind_from: line.wind_dir,
            wind: line.wind_speed,
            gust: line.wind_gust,
            rain: line.precip,
            pressure: line.pressure,
            visibility: line.visib,
        };
        Self { origin: Code::new(&line.origin), utc_hour: line.time_hour, measured }
    }
}

/// The weather in the file at `path`, in its order.
pub(crate) fn read(path: &Path) -> Result<Vec<Weather>, csv::Error> {
    read::rows::<Line, Weather>(path)
}

/// The same hours without readings that no weather on earth gives: those become `None`.
pub(crate) fn clean(hours: &[Weather]) -> Vec<Weather> {
    let between = |low: f32, high: f32| move |value: &f32| (low..=high).contains(value);
    let mut hours = hours.to_vec();
    for Weather { measured, .. } in &mut hours {
        measured.temperature = measured.temperature.filter(between(-60.0, 130.0));
        measured.humidity = measured.humidity.filter(between(0.0, 100.0));
        measured.wind = measured.wind.filter(between(0.0, 200.0));
        measured.gust = measured.gust.filter(between(0.0, 250.0));
        measured.pressure = measured.pressure.filter(between(850.0, 1100.0));
    }
    hours
}

/// Each flight with the weather at its airport in its hour of departure.
pub(crate) fn join(flights: &[Flown], hours: &[Weather]) -> Vec<Departure> {
    let at: HashMap<(Code, u32), Measured> =
        hours.iter().map(|hour| ((hour.origin, hour.utc_hour), hour.measured)).collect();
    let departure = |flight: &Flown| Departure {
        flight: *flight,
        weather: at.get(&(flight.plan.origin, flight.plan.utc_hour)).copied(),
    };
    flights.iter().map(departure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::Plan;

    const TEXT: &str = "\
origin,temp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
EWR,39.02,59.37,270,10.357019999999999,NA,0,1012,10,2013-01-01T06:00:00Z
JFK,NA,101,NA,1048.36058,NA,0.3,NA,0.25,2013-01-01T07:00:00Z
";

    fn hours() -> Vec<Weather> {
        read::parse::<Line, Weather>(TEXT.as_bytes()).unwrap()
    }

    fn flight(origin: &str, utc_hour: u32) -> Flown {
        let [origin, dest, carrier] = [origin, "IAH", "UA"].map(Code::new);
        let (day, month, weekday, minute, miles) = (1, 1, 1, 60, 1400);
        let plan = Plan { origin, dest, carrier, utc_hour, day, month, weekday, minute, miles };
        Flown { plan, dep_delay: 0, arr_delay: 0 }
    }

    #[test]
    fn what_was_not_recorded_is_none() {
        let hours = hours();
        assert_eq!(hours[0].utc_hour, 6);
        assert_eq!(hours[0].measured.temperature, Some(39.02));
        assert_eq!(hours[0].measured.gust, None);
        assert_eq!(hours[1].measured.rain, Some(0.3));
        assert_eq!(hours[1].measured.temperature, None);
    }

    #[test]
    fn a_wind_of_a_thousand_miles_per_hour_is_a_broken_reading() {
        let cleaned = clean(&hours());
        assert_eq!(cleaned[1].measured.wind, None);
        assert_eq!(cleaned[1].measured.humidity, None);
        assert_eq!(cleaned[1].measured.visibility, Some(0.25));
        assert_eq!(cleaned[0], hours()[0]);
    }

    #[test]
    fn a_flight_meets_the_weather_of_its_own_airport_and_hour_or_none() {
        let flights = [flight("EWR", 6), flight("EWR", 7), flight("JFK", 7), flight("LGA", 6)];
        let joined = join(&flights, &hours());
        let visible = |departure: &Departure| departure.weather.and_then(|w| w.visibility);
        let visible: Vec<_> = joined.iter().map(visible).collect();
        assert_eq!(visible, [Some(10.0), None, Some(0.25), None]);
        assert!(joined.iter().zip(flights).all(|(departure, flight)| departure.flight == flight));
    }
}
