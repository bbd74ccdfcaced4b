//! `Features`: what can be known of the flights from one airport when their hour of departure
//! begins.

use std::collections::HashMap;
use std::f32::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::flight::{Code, Flown};
use crate::weather::Departure;

/// One airport's flights as columns, one value a flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Features {
    /// The airport.
    pub(crate) origin: Code,
    /// Columns of numbers.
    pub(crate) numbers: Vec<Numbers>,
    /// Columns of labels.
    pub(crate) labels: Vec<Labels>,
    /// The day of the year.
    pub(crate) day: Vec<u16>,
    /// Whether the day is kept out of the fit, to judge the model by it.
    pub(crate) held_out: Vec<bool>,
    /// Minutes of delay at arrival: what the model is to predict.
    pub(crate) delay: Vec<f32>,
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// What it is, for people.
    pub(crate) name: String,
    /// The values; NaN where nothing was recorded.
    pub(crate) values: Vec<f32>,
}

/// A column of labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Labels {
    /// What it is, for people.
    pub(crate) name: String,
    /// The labels there are, sorted.
    pub(crate) levels: Vec<String>,
    /// The place of each flight's label among `levels`.
    pub(crate) codes: Vec<u8>,
}

/// The features of the flights from `origin`; every `hold_out_every`-th day of the year is held
/// out.
pub(crate) fn build(departures: &[Departure], origin: Code, hold_out_every: u16) -> Features {
    let departures: Vec<&Departure> =
        departures.iter().filter(|departure| departure.flight.plan.origin == origin).collect();
    let traffic = Traffic::of(&departures);
    let day: Vec<u16> = departures.iter().map(|departure| departure.flight.plan.day).collect();
    Features {
        origin,
        numbers: numbers(&departures, &traffic),
        labels: labels(&departures),
        held_out: day.iter().map(|day| day % hold_out_every == 0).collect(),
        day,
        delay: departures.iter().map(|departure| departure.flight.arr_delay.into()).collect(),
    }
}

fn numbers(departures: &[&Departure], traffic: &Traffic) -> Vec<Numbers> {
    let column = |name: &str, value: &dyn Fn(&Departure) -> Option<f32>| Numbers {
        name: name.to_owned(),
        values: departures.iter().map(|departure| value(departure).unwrap_or(f32::NAN)).collect(),
    };
    let time = |departure: &Departure| f32::from(departure.flight.plan.minute) / 1440.0 * TAU;
    let season = |departure: &Departure| f32::from(departure.flight.plan.day) / 365.0 * TAU;
    let hour = |departure: &Departure| departure.flight.plan.utc_hour;
    let airport = &traffic.airport;
    let wind_along = |departure: &Departure, turn: f32| {
        let weather = departure.weather?;
        Some(weather.wind? * (weather.wind_from?.to_radians() - turn).cos())
    };
    vec![
        column("time of day, sine", &|d| Some(time(d).sin())),
        column("time of day, cosine", &|d| Some(time(d).cos())),
        column("half days, sine", &|d| Some((2.0 * time(d)).sin())),
        column("half days, cosine", &|d| Some((2.0 * time(d)).cos())),
        column("season, sine", &|d| Some(season(d).sin())),
        column("season, cosine", &|d| Some(season(d).cos())),
        column("distance", &|d| Some(f32::from(d.flight.plan.miles).ln())),
        column("temperature", &|d| d.weather?.temperature),
        column("humidity", &|d| d.weather?.humidity),
        column("wind", &|d| d.weather?.wind),
        // A gust is recorded where it stands out from the wind; elsewhere the wind is all there is.
        column("gust", &|d| d.weather?.gust.or(d.weather?.wind)),
        column("north wind", &|d| wind_along(d, 0.0)),
        column("east wind", &|d| wind_along(d, TAU / 4.0)),
        column("rain", &|d| Some(d.weather?.rain?.sqrt())),
        column("pressure", &|d| d.weather?.pressure),
        column("visibility", &|d| d.weather?.visibility),
        column("planes planned", &|d| Some(airport.planned(hour(d)))),
        column("planes waiting", &|d| Some(airport.waiting(hour(d)))),
        column("delay in the last hour", &|d| Some(airport.delay_before(hour(d), 1))),
        column("delay in the last three hours", &|d| Some(airport.delay_before(hour(d), 3))),
        column("airline's planes waiting", &|d| Some(traffic.airline(d)?.waiting(hour(d)))),
        column("airline's delay in the last three hours", &|d| {
            Some(traffic.airline(d)?.delay_before(hour(d), 3))
        }),
    ]
}

fn labels(departures: &[&Departure]) -> Vec<Labels> {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let column = |name: &str, label: &dyn Fn(&Departure) -> String| {
        let labels: Vec<String> = departures.iter().map(|departure| label(departure)).collect();
        let mut levels = labels.clone();
        levels.sort_unstable();
        levels.dedup();
        let code = |label: &String| {
            let place = levels.binary_search(label).expect("every label is among the levels");
            u8::try_from(place).expect("at most 256 labels in a column")
        };
        let codes = labels.iter().map(code).collect();
        Labels { name: name.to_owned(), levels, codes }
    };
    vec![
        column("airline", &|d| d.flight.plan.carrier.to_string()),
        column("to", &|d| d.flight.plan.dest.to_string()),
        column("hour", &|d| format!("{:02}", d.flight.plan.minute / 60)),
        column("weekday", &|d| WEEKDAYS[usize::from(d.flight.plan.weekday % 7)].to_owned()),
        column("month", &|d| format!("{:02}", d.flight.plan.month)),
    ]
}

/// How busy and how late an airport and each of its airlines are, hour by hour.
struct Traffic {
    airport: Hours,
    airlines: HashMap<Code, Hours>,
}

impl Traffic {
    fn of(departures: &[&Departure]) -> Self {
        let mut traffic = Self { airport: Hours::default(), airlines: HashMap::new() };
        for departure in departures {
            traffic.airport.count(&departure.flight);
            let airline = departure.flight.plan.carrier;
            traffic.airlines.entry(airline).or_default().count(&departure.flight);
        }
        traffic
    }

    /// The hours of the airline that flies the plane.
    fn airline(&self, departure: &Departure) -> Option<&Hours> {
        self.airlines.get(&departure.flight.plan.carrier)
    }
}

/// The hours since 2013 began in UTC.
#[derive(Default)]
struct Hours(Vec<Hour>);

/// The planes in one hour.
#[derive(Clone, Copy, Default)]
struct Hour {
    planned: f32,
    waiting: f32,
    left: f32,
    left_late_by: f32,
}

impl Hours {
    fn count(&mut self, flight: &Flown) {
        let planned = flight.plan.utc_hour;
        let minute = planned * 60 + u32::from(flight.plan.minute % 60);
        let left = minute.saturating_add_signed(flight.dep_delay.into()) / 60;
        self.at(planned).planned += 1.0;
        for hour in planned + 1..=left {
            self.at(hour).waiting += 1.0;
        }
        let hour = self.at(left);
        hour.left += 1.0;
        hour.left_late_by += f32::from(flight.dep_delay);
    }

    fn at(&mut self, hour: u32) -> &mut Hour {
        let place = hour as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, Hour::default());
        }
        &mut self.0[place]
    }

    /// How many planes are to leave in the hour.
    fn planned(&self, hour: u32) -> f32 {
        self.0.get(hour as usize).map_or(0.0, |hour| hour.planned)
    }

    /// How many planes should have left when the hour begins, and have not.
    fn waiting(&self, hour: u32) -> f32 {
        self.0.get(hour as usize).map_or(0.0, |hour| hour.waiting)
    }

    /// By how many minutes the planes were late on average that left in the `count` hours before; 0
    /// if none did.
    fn delay_before(&self, hour: u32, count: u32) -> f32 {
        let (from, to) = (hour.saturating_sub(count) as usize, hour as usize);
        let before = self.0.get(from..to).unwrap_or_default();
        let left: f32 = before.iter().map(|hour| hour.left).sum();
        let late: f32 = before.iter().map(|hour| hour.left_late_by).sum();
        if left == 0.0 { 0.0 } else { late / left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::Plan;
    use crate::weather::Measured;

    /// A flight from EWR planned at `minute` of the first day, which in these tests is the same in
    /// UTC.
    fn departure(minute: u16, dep_delay: i16) -> Departure {
        let [origin, dest, carrier] = ["EWR", "IAH", "UA"].map(Code::new);
        let utc_hour = u32::from(minute / 60);
        let (day, month, weekday, miles) = (1, 1, 1, 1400);
        let plan = Plan { origin, dest, carrier, utc_hour, day, month, weekday, minute, miles };
        Departure { flight: Flown { plan, dep_delay, arr_delay: dep_delay }, weather: None }
    }

    fn numbers<'a>(features: &'a Features, name: &str) -> &'a [f32] {
        &features.numbers.iter().find(|column| column.name == name).unwrap().values
    }

    #[test]
    fn only_planes_that_left_before_the_hour_count_as_seen() {
        let departures = [
            departure(5 * 60 + 10, 20),
            departure(5 * 60 + 50, 15), // leaves at 6:05: nobody knows at six
            departure(6 * 60 + 30, 0),
            departure(7 * 60, 0),
        ];
        let features = build(&departures, Code::new("EWR"), 5);
        assert_eq!(numbers(&features, "delay in the last hour"), [0.0, 0.0, 20.0, 7.5]);
        assert_eq!(
            numbers(&features, "delay in the last three hours"),
            [0.0, 0.0, 20.0, 35.0 / 3.0]
        );
        assert_eq!(numbers(&features, "planes planned"), [2.0, 2.0, 1.0, 1.0]);
        assert_eq!(numbers(&features, "planes waiting"), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn an_airline_is_late_by_its_own_planes() {
        let mut other = departure(5 * 60 + 20, 50);
        other.flight.plan.carrier = Code::new("AA");
        let departures = [departure(5 * 60 + 10, 20), other, departure(6 * 60 + 30, 0)];
        let features = build(&departures, Code::new("EWR"), 5);
        assert_eq!(numbers(&features, "airline's delay in the last three hours")[2], 20.0);
        assert_eq!(numbers(&features, "airline's planes waiting")[2], 0.0);
        assert_eq!(numbers(&features, "planes waiting")[2], 1.0);
    }

    #[test]
    fn missing_weather_is_nan_and_a_missing_gust_is_the_wind() {
        let measured = Measured { wind: Some(10.0), ..Measured::default() };
        let with = Departure { weather: Some(measured), ..departure(600, 0) };
        let features = build(&[with, departure(600, 0)], Code::new("EWR"), 5);
        assert_eq!(numbers(&features, "gust")[0], 10.0);
        assert!(numbers(&features, "gust")[1].is_nan());
        assert!(numbers(&features, "temperature").iter().all(|value| value.is_nan()));
        assert!(numbers(&features, "north wind").iter().all(|value| value.is_nan()));
    }

    #[test]
    fn wind_from_the_east_is_east_wind() {
        let measured = Measured { wind: Some(10.0), wind_from: Some(90.0), ..Measured::default() };
        let with = Departure { weather: Some(measured), ..departure(600, 0) };
        let features = build(&[with], Code::new("EWR"), 5);
        assert!((numbers(&features, "east wind")[0] - 10.0).abs() < 1e-5);
        assert!(numbers(&features, "north wind")[0].abs() < 1e-5);
    }

    #[test]
    fn other_airports_stay_out_and_labels_are_sorted() {
        let mut elsewhere = departure(600, 0);
        elsewhere.flight.plan.origin = Code::new("JFK");
        elsewhere.flight.plan.carrier = Code::new("DL");
        let mut other = departure(600, 0);
        other.flight.plan.carrier = Code::new("AA");
        let features = build(&[departure(600, 7), elsewhere, other], Code::new("EWR"), 5);
        assert_eq!(features.delay, [7.0, 0.0]);
        assert_eq!(features.labels[0].levels, ["AA", "UA"]);
        assert_eq!(features.labels[0].codes, [1, 0]);
    }

    #[test]
    fn every_fifth_day_is_held_out() {
        let on = |day: u16| {
            let mut departure = departure(600, 0);
            departure.flight.plan.day = day;
            departure
        };
        let features = build(&[1, 4, 5, 6, 365].map(on), Code::new("EWR"), 5);
        assert_eq!(features.held_out, [false, false, true, false, true]);
    }
}
