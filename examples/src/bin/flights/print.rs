//! Tables for people: aligned columns, thousands apart, units in the headings.

use std::fmt::Write;

use crate::Findings;
use crate::delays::Delays;
use crate::model::Evaluation;

/// All that was found, as three tables.
pub(crate) fn findings((evaluations, hours, airlines): &Findings) -> String {
    [
        "When and with whom one arrives late from New York, 2013 (late: by more than 30 minutes)\n",
        &delays("departure", hours, 5),
        &delays("airline", airlines, 5),
        "How late will it land? Forecast when the hour of departure begins, tested on every fifth day\n",
        &self::evaluations(evaluations),
        LEGEND,
    ]
    .join("\n")
}

const LEGEND: &str = "\
RMSE and MAE: root mean square and mean absolute error. Without a model the forecast is the mean
delay. Calm and rough: the tenths with the shortest and the longest forecasts, and their delays.
";

/// How good the models are, one line an airport.
fn evaluations(evaluations: &[Evaluation]) -> String {
    let headings = [
        ["", "airport"],
        ["flights", "fitted on"],
        ["flights", "tested on"],
        ["RMSE,", "no model"],
        ["RMSE,", "model"],
        ["MAE,", "no model"],
        ["MAE,", "model"],
        ["mean delay,", "calm 10 %"],
        ["mean delay,", "rough 10 %"],
    ];
    let heading = |line: usize| headings.map(|heading| heading[line].to_owned()).to_vec();
    let mut lines = vec![heading(0), heading(1)];
    lines.extend(evaluations.iter().map(|evaluation| {
        vec![
            evaluation.origin.clone(),
            thousands(evaluation.fitted_on),
            thousands(evaluation.flights),
            format!("{:.1} min", evaluation.baseline.rmse),
            format!("{:.1} min", evaluation.model.rmse),
            format!("{:.1} min", evaluation.baseline.mae),
            format!("{:.1} min", evaluation.model.mae),
            format!("{:+.1} min", evaluation.calmest),
            format!("{:+.1} min", evaluation.worst),
        ]
    }));
    aligned(&lines)
}

/// The first `count` groups.
fn delays(heading: &str, delays: &[Delays], count: usize) -> String {
    let mut lines = vec![[heading, "flights", "mean delay", "late"].map(str::to_owned).to_vec()];
    lines.extend(delays.iter().take(count).map(|delays| {
        vec![
            delays.group.clone(),
            thousands(delays.flights as usize),
            format!("{:+.1} min", delays.mean),
            format!("{:.0} %", 100.0 * delays.late),
        ]
    }));
    aligned(&lines)
}

/// A number with a comma before each three digits.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The first column to the left, the others to the right, each as wide as its widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let (first, rest) = line.split_first().expect("a line has a cell");
        let _ = write!(text, "  {first:<width$}", width = widths[0]);
        for (cell, width) in rest.iter().zip(&widths[1..]) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Errors;

    fn found() -> Findings {
        let evaluation = Evaluation {
            origin: "EWR".to_owned(),
            flights: 23_336,
            fitted_on: 93_791,
            baseline: Errors { rmse: 46.92, mae: 29.07 },
            model: Errors { rmse: 41.25, mae: 24.8 },
            calmest: -10.44,
            worst: 66.2,
        };
        let delays = |group: &str, flights, mean, late| {
            let group = group.to_owned();
            Delays { group, flights, mean, late }
        };
        let hours = vec![delays("21:00", 10_571, 18.38, 0.2451), delays("5:00", 917, -4.8, 0.06)];
        let airlines = vec![delays("F9 Frontier", 681, 21.9, 0.253)];
        (vec![evaluation], hours, airlines)
    }

    #[test]
    fn tables_are_aligned_and_each_figure_has_its_unit() {
        let expected = "\
When and with whom one arrives late from New York, 2013 (late: by more than 30 minutes)

  departure  flights  mean delay  late
  21:00       10,571   +18.4 min  25 %
  5:00           917    -4.8 min   6 %

  airline      flights  mean delay  late
  F9 Frontier      681   +21.9 min  25 %

How late will it land? Forecast when the hour of departure begins, tested on every fifth day

             flights    flights     RMSE,     RMSE,      MAE,      MAE,  mean delay,  mean delay,
  airport  fitted on  tested on  no model     model  no model     model    calm 10 %   rough 10 %
  EWR         93,791     23,336  46.9 min  41.2 min  29.1 min  24.8 min    -10.4 min    +66.2 min

RMSE and MAE: root mean square and mean absolute error. Without a model the forecast is the mean
delay. Calm and rough: the tenths with the shortest and the longest forecasts, and their delays.
";
        assert_eq!(findings(&found()), expected);
    }

    #[test]
    fn a_table_ends_after_the_lines_asked_for() {
        let (_, hours, _) = found();
        assert_eq!(delays("departure", &hours, 1).lines().count(), 2);
    }

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1000, 336_776, 1_000_000].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "336,776", "1,000,000"]);
    }
}
