//! `Table`: figures in aligned columns, and how a figure is written.

use std::fmt;

/// A title, a head and rows. The first column is aligned to the left, the others to the right.
#[derive(Debug, Clone)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows yet.
    pub fn new<S: Into<String>>(
        title: impl Into<String>,
        head: impl IntoIterator<Item = S>,
    ) -> Self {
        let rows = vec![head.into_iter().map(Into::into).collect()];
        Self { title: title.into(), rows }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        writeln!(f, "\n{}\n", self.title)?;
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line.push_str(&format!("  {cell:<width$}")),
                    _ => line.push_str(&format!("  {cell:>width$}")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
            if number == 0 {
                let rule: usize = widths.iter().map(|width| width + 2).sum();
                writeln!(f, "  {}", "-".repeat(rule.saturating_sub(2)))?;
            }
        }
        Ok(())
    }
}

/// So many nanoseconds, with three digits and a unit.
pub fn time(nanos: f64) -> String {
    let (value, unit) = match nanos.abs() {
        ns if ns < 1e3 => (nanos, "ns"),
        ns if ns < 1e6 => (nanos / 1e3, "µs"),
        ns if ns < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// How many times as much `this` is as `that`.
pub fn ratio(this: f64, that: f64) -> String {
    format!("× {}", digits(this / that))
}

/// Three digits, if the number is not a greater one.
pub fn digits(value: f64) -> String {
    match value.abs() {
        v if v < 10.0 => format!("{value:.2}"),
        v if v < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, time};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new("times", ["what", "n"]);
        table.row(["a long name", "1"]);
        table.row(["µ", "10000"]);
        let lines = "\ntimes\n\n  what             n\n  ------------------\n  a long name      1\n  µ            10000\n";
        assert_eq!(table.to_string(), lines);
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let texts = [3.456, 45.67, 999.0, 1234.0, 56_780_000.0, 2e9].map(time);
        assert_eq!(texts, ["3.46 ns", "45.7 ns", "999 ns", "1.23 µs", "56.8 ms", "2.00 s"]);
    }
}
