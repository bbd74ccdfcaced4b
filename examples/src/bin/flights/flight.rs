//! `Flight`: a planned departure from New York in 2013; `Flown`: one that took place.

use std::fmt;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::read;

/// The code of an airport (three letters) or of an airline (two letters and a space).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Code([u8; 3]);

impl Code {
    /// The code with this text, cut or filled up to three bytes.
    pub(crate) fn new(text: &str) -> Self {
        let mut code = [b' '; 3];
        code.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Self(code)
    }

    /// The name of the airline with this code, for people; nothing for a code that no airline of
    /// 2013 had.
    pub(crate) fn airline(self) -> &'static str {
        match &self.0 {
            b"9E " => "Endeavor",
            b"AA " => "American",
            b"AS " => "Alaska",
            b"B6 " => "JetBlue",
            b"DL " => "Delta",
            b"EV " => "ExpressJet",
            b"F9 " => "Frontier",
            b"FL " => "AirTran",
            b"HA " => "Hawaiian",
            b"MQ " => "Envoy",
            b"OO " => "SkyWest",
            b"UA " => "United",
            b"US " => "US Airways",
            b"VX " => "Virgin America",
            b"WN " => "Southwest",
            b"YV " => "Mesa",
            _ => "",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.0).unwrap_or("???").trim_end())
    }
}

/// A planned departure, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flight {
    /// The plan.
    pub(crate) plan: Plan,
    /// Minutes it left late; `None` if it was cancelled.
    pub(crate) dep_delay: Option<i16>,
    /// Minutes it arrived late; `None` if it never arrived where it should.
    pub(crate) arr_delay: Option<i16>,
}

/// What was known of a flight before its day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The airport it leaves: EWR, JFK or LGA.
    pub(crate) origin: Code,
    /// The airport it goes to.
    pub(crate) dest: Code,
    /// The airline.
    pub(crate) carrier: Code,
    /// The hour of departure, in hours since 2013 began in UTC.
    pub(crate) utc_hour: u32,
    /// The day of the year in New York, from 1.
    pub(crate) day: u16,
    /// The month, from 1.
    pub(crate) month: u8,
    /// The day of the week, from 0 for Monday.
    pub(crate) weekday: u8,
    /// The time of departure in New York, in minutes since midnight.
    pub(crate) minute: u16,
    /// Miles to the other airport.
    pub(crate) miles: u16,
}

/// A flight that left and arrived.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flown {
    /// The plan.
    pub(crate) plan: Plan,
    /// Minutes it left late; negative if early.
    pub(crate) dep_delay: i16,
    /// Minutes it arrived late; negative if early.
    pub(crate) arr_delay: i16,
}

/// A line of the file, as far as it is of use here.
#[derive(Deserialize)]
struct Line {
    month: u8,
    day: u8,
    sched_dep_time: Clock,
    #[serde(deserialize_with = "read::number_or_na")]
    dep_delay: Option<i16>,
    #[serde(deserialize_with = "read::number_or_na")]
    arr_delay: Option<i16>,
    #[serde(deserialize_with = "code")]
    carrier: Code,
    #[serde(deserialize_with = "code")]
    origin: Code,
    #[serde(deserialize_with = "code")]
    dest: Code,
    distance: u16,
    #[serde(deserialize_with = "read::hours_of_2013")]
    time_hour: u32,
}

fn code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    <&str>::deserialize(deserializer).map(Code::new)
}

/// A time of day written as a number: 517 is 5:17, 2400 is the midnight that ends the day.
#[derive(Deserialize)]
#[serde(try_from = "u16")]
struct Clock {
    minute: u16,
}

impl TryFrom<u16> for Clock {
    type Error = String;

    fn try_from(written: u16) -> Result<Self, String> {
        let (hour, minute) = (written / 100, written % 100);
        if minute > 59 || written > 2400 {
            return Err(format!("`{written}` is not a time of day"));
        }
        Ok(Self { minute: hour * 60 + minute })
    }
}

impl TryFrom<Line> for Flight {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let Line { month, day, .. } = line;
        let date = NaiveDate::from_ymd_opt(2013, month.into(), day.into())
            .ok_or_else(|| format!("2013 has no day {day} in month {month}"))?;
        let plan = Plan {
            origin: line.origin,
            dest: line.dest,
            carrier: line.carrier,
            utc_hour: line.time_hour,
            // Both fit: a year has 366 days at most, a week has seven.
            day: date.ordinal() as u16,
            month,
            weekday: date.weekday().num_days_from_monday() as u8,
            minute: line.sched_dep_time.minute,
            miles: line.distance,
        };
        Ok(Self { plan, dep_delay: line.dep_delay, arr_delay: line.arr_delay })
    }
}

/// The flights in the file at `path`, in its order.
pub(crate) fn read(path: &Path) -> Result<Vec<Flight>, csv::Error> {
    read::rows::<Line, Flight>(path)
}

/// The flights that left and arrived: cancelled and diverted ones have no delay to learn from.
pub(crate) fn clean(flights: &[Flight]) -> Vec<Flown> {
    let flown = |flight: &Flight| {
        let Flight { plan, dep_delay, arr_delay } = *flight;
        Some(Flown { plan, dep_delay: dep_delay?, arr_delay: arr_delay? })
    };
    flights.iter().filter_map(flown).collect()
}

/// The airports that the flights leave from, in alphabetical order.
pub(crate) fn origins(flights: &[Flown]) -> Vec<Code> {
    let mut origins: Vec<Code> = Vec::new();
    for flight in flights {
        if let Err(place) = origins.binary_search(&flight.plan.origin) {
            origins.insert(place, flight.plan.origin);
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "month,day,sched_dep_time,dep_delay,arr_delay,carrier,origin,dest,distance,time_hour\n";

    fn parse(line: &str) -> Result<Flight, csv::Error> {
        let text = format!("{HEADER}{line}\n");
        Ok(read::parse::<Line, Flight>(text.as_bytes())?[0])
    }

    #[test]
    fn a_line_becomes_a_flight() {
        let flight = parse("2,1,517,2,-11,UA,EWR,IAH,1400,2013-02-01T10:00:00Z").unwrap();
        let Plan { origin, dest, carrier, utc_hour, day, month, weekday, minute, miles } =
            flight.plan;
        assert_eq!([origin, dest, carrier].map(|code| code.to_string()), ["EWR", "IAH", "UA"]);
        assert_eq!((utc_hour, day, month, weekday), (31 * 24 + 10, 32, 2, 4));
        assert_eq!((minute, miles), (5 * 60 + 17, 1400));
        assert_eq!((flight.dep_delay, flight.arr_delay), (Some(2), Some(-11)));
    }

    #[test]
    fn hour_24_is_the_midnight_that_ends_the_day() {
        let flight = parse("1,1,2400,NA,NA,UA,EWR,IAH,1400,2013-01-02T05:00:00Z").unwrap();
        assert_eq!(flight.plan.minute, 24 * 60);
        assert_eq!(flight.plan.day, 1);
    }

    #[test]
    fn times_and_dates_that_do_not_exist_are_errors_that_show_them() {
        for (line, wrong) in [
            ("1,1,1260,1,1,UA,EWR,IAH,1400,2013-01-01T10:00:00Z", "`1260`"),
            ("1,1,2401,1,1,UA,EWR,IAH,1400,2013-01-01T10:00:00Z", "`2401`"),
            ("2,29,517,1,1,UA,EWR,IAH,1400,2013-02-28T10:00:00Z", "day 29 in month 2"),
        ] {
            let message = parse(line).unwrap_err().to_string();
            assert!(message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn airlines_have_names() {
        assert_eq!(Code::new("B6").airline(), "JetBlue");
        assert_eq!(Code::new("EWR").airline(), "");
    }

    #[test]
    fn cancelled_and_diverted_flights_are_dropped() {
        let flight = |delays: &str| {
            parse(&format!("1,1,517,{delays},UA,EWR,IAH,1400,2013-01-01T10:00:00Z")).unwrap()
        };
        let flown = clean(&[flight("NA,NA"), flight("5,NA"), flight("5,-3")]);
        assert_eq!(flown.len(), 1);
        assert_eq!((flown[0].dep_delay, flown[0].arr_delay), (5, -3));
    }

    #[test]
    fn origins_come_once_each_and_sorted() {
        let from = |origin: &str| {
            parse(&format!("1,1,517,1,1,UA,{origin},IAH,1400,2013-01-01T10:00:00Z")).unwrap()
        };
        let flown = clean(&[from("LGA"), from("EWR"), from("LGA"), from("JFK")]);
        assert_eq!(origins(&flown), ["EWR", "JFK", "LGA"].map(Code::new));
    }
}
