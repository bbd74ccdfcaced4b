//! `Delays`: how late flights arrive, group by group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::flight::Flown;

/// How late the flights of one group arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delays {
    /// What the flights have in common.
    pub(crate) group: String,
    /// How many there are.
    pub(crate) flights: u32,
    /// Their mean delay in minutes.
    pub(crate) mean: f64,
    /// The share that is late, from 0 to 1.
    pub(crate) late: f64,
}

/// The delays of each group with at least `at_least` flights, the longest first. Late is more than
/// `late_after` minutes.
pub(crate) fn by(
    flights: &[Flown],
    late_after: i16,
    at_least: u32,
    group: impl Fn(&Flown) -> String,
) -> Vec<Delays> {
    let mut groups: BTreeMap<String, (u32, f64, u32)> = BTreeMap::new();
    for flight in flights {
        let (flights, minutes, late) = groups.entry(group(flight)).or_default();
        *flights += 1;
        *minutes += f64::from(flight.arr_delay);
        *late += u32::from(flight.arr_delay > late_after);
    }
    groups.retain(|_, (flights, _, _)| *flights >= at_least);
    let delays = |(group, (flights, minutes, late)): (String, (u32, f64, u32))| {
        let count = f64::from(flights);
        Delays { group, flights, mean: minutes / count, late: f64::from(late) / count }
    };
    let mut delays: Vec<Delays> = groups.into_iter().map(delays).collect();
    delays.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    delays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::{Code, Plan};

    fn flight(minute: u16, arr_delay: i16) -> Flown {
        let [origin, dest, carrier] = ["EWR", "IAH", "UA"].map(Code::new);
        let (utc_hour, day, month, weekday, miles) = (0, 1, 1, 1, 1400);
        let plan = Plan { origin, dest, carrier, utc_hour, day, month, weekday, minute, miles };
        Flown { plan, dep_delay: 0, arr_delay }
    }

    #[test]
    fn groups_are_averaged_and_the_worst_comes_first() {
        let flights = [flight(60, 10), flight(120, 40), flight(60, -20), flight(120, 30)];
        let hours = by(&flights, 30, 1, |flight| (flight.plan.minute / 60).to_string());
        let [two, one] = &hours[..] else { panic!("two groups: {hours:?}") };
        assert_eq!((two.group.as_str(), two.flights, two.mean, two.late), ("2", 2, 35.0, 0.5));
        assert_eq!((one.group.as_str(), one.flights, one.mean, one.late), ("1", 2, -5.0, 0.0));
    }

    #[test]
    fn groups_with_few_flights_are_left_out() {
        let flights = [flight(60, 10), flight(120, 40), flight(60, -20)];
        let hours = by(&flights, 30, 2, |flight| (flight.plan.minute / 60).to_string());
        assert_eq!(hours.len(), 1);
    }
}
