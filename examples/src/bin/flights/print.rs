//! Tables for people: aligned columns, thousands apart, units in the headings.

use std::fmt::Write;

use crate::delays::Delays;
use crate::model::Evaluation;

/// How good the models are, one line an airport.
pub(crate) fn evaluations(evaluations: &[Evaluation]) -> String {
    let headings = [
        ["airport", ""],
        ["fitted on", "flights"],
        ["tested on", "flights"],
        ["RMSE of mean", "min"],
        ["of model", "min"],
        ["MAE of mean", "min"],
        ["of model", "min"],
        ["calmest 10 %", "min"],
        ["worst 10 %", "min"],
    ];
    let heading = |line: usize| headings.map(|heading| heading[line].to_owned()).to_vec();
    let mut lines = vec![heading(0), heading(1)];
    lines.extend(evaluations.iter().map(|evaluation| {
        vec![
            evaluation.origin.clone(),
            thousands(evaluation.fitted_on),
            thousands(evaluation.flights),
            format!("{:.1}", evaluation.baseline.rmse),
            format!("{:.1}", evaluation.model.rmse),
            format!("{:.1}", evaluation.baseline.mae),
            format!("{:.1}", evaluation.model.mae),
            format!("{:+.1}", evaluation.calmest),
            format!("{:+.1}", evaluation.worst),
        ]
    }));
    aligned(&lines)
}

/// The first `count` groups.
pub(crate) fn delays(heading: &str, delays: &[Delays], count: usize) -> String {
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

    #[test]
    fn a_table_is_aligned_and_has_units() {
        let delays = [
            Delays { group: "21:00".to_owned(), flights: 10_571, mean: 18.38, late: 0.2451 },
            Delays { group: "5:00".to_owned(), flights: 917, mean: -4.8, late: 0.06 },
        ];
        let expected = [
            "  hour   flights  mean delay  late",
            "  21:00   10,571   +18.4 min  25 %",
            "  5:00       917    -4.8 min   6 %",
        ];
        assert_eq!(super::delays("hour", &delays, 5).lines().collect::<Vec<_>>(), expected);
        assert_eq!(super::delays("hour", &delays, 1).lines().count(), 2);
    }

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1000, 336_776, 1_000_000].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "336,776", "1,000,000"]);
    }
}
