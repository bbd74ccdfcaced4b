//! Ridge regression from sums over the rows, so that folds and penalties cost no second look at the
//! data.

use std::fmt;

/// How many rows are added to the sums at a time: enough to hide the cost of loading the sums.
pub(crate) const BLOCK: usize = 8;

/// A row of the design: dense values, then places of further columns that are 1 in this row and
/// else 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// The values of the first columns.
    pub(crate) dense: Vec<f64>,
    /// The columns after those that hold a 1, in rising order.
    pub(crate) ones: Vec<usize>,
    /// The value to be predicted.
    pub(crate) target: f64,
}

impl Row {
    /// What the weights make of this row.
    pub(crate) fn predict(&self, weights: &[f64]) -> f64 {
        dot(&self.dense, weights) + self.ones.iter().map(|&column| weights[column]).sum::<f64>()
    }
}

/// XᵀX, Xᵀy and yᵀy of a set of rows: all that a linear model needs to know of them.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    columns: usize,
    rows: usize,
    /// The lower half of XᵀX, row after row, each as wide as the matrix.
    gram: Vec<f64>,
    with_target: Vec<f64>,
    target_squared: f64,
}

impl Sums {
    /// The sums over no rows.
    pub(crate) fn new(columns: usize) -> Self {
        let (gram, with_target) = (vec![0.0; columns * columns], vec![0.0; columns]);
        Self { columns, rows: 0, gram, with_target, target_squared: 0.0 }
    }

    /// How many rows were added.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds rows that all have the same number of dense values.
    pub(crate) fn add(&mut self, rows: &[Row]) {
        let (blocks, rest) = rows.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| self.add_dense(block));
        rest.iter().for_each(|row| self.add_dense(std::array::from_ref(row)));
        rows.iter().for_each(|row| self.add_ones(row));
        self.rows += rows.len();
    }

    fn add_dense<const N: usize>(&mut self, block: &[Row; N]) {
        let dense = block.each_ref().map(|row| row.dense.as_slice());
        for i in 0..dense[0].len() {
            let factors = dense.map(|row| row[i]);
            let sums = &mut self.gram[i * self.columns..][..=i];
            let rows = dense.map(|row| &row[..=i]);
            for (j, sum) in sums.iter_mut().enumerate() {
                let mut products = 0.0;
                for (factor, row) in factors.iter().zip(&rows) {
                    products += factor * row[j];
                }
                *sum += products;
            }
        }
    }

    fn add_ones(&mut self, row: &Row) {
        for (place, &column) in row.ones.iter().enumerate() {
            let sums = &mut self.gram[column * self.columns..][..=column];
            sums.iter_mut().zip(&row.dense).for_each(|(sum, value)| *sum += value);
            row.ones[..=place].iter().for_each(|&other| sums[other] += 1.0);
            self.with_target[column] += row.target;
        }
        for (sum, value) in self.with_target.iter_mut().zip(&row.dense) {
            *sum += value * row.target;
        }
        self.target_squared += row.target * row.target;
    }

    /// The sums over the rows of `self` and those of `other`.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.combine(other, 1.0, self.rows + other.rows)
    }

    /// The sums over the rows of `self` without those of `part`, which were among them.
    pub(crate) fn minus(&self, part: &Self) -> Self {
        self.combine(part, -1.0, self.rows - part.rows)
    }

    fn combine(&self, other: &Self, sign: f64, rows: usize) -> Self {
        let all = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a + sign * b).collect();
        Self {
            columns: self.columns,
            rows,
            gram: all(&self.gram, &other.gram),
            with_target: all(&self.with_target, &other.with_target),
            target_squared: self.target_squared + sign * other.target_squared,
        }
    }

    /// The weights that minimise the mean squared error plus `penalty` times the sum of the squared
    /// weights. The first column is the constant 1 and its weight goes free.
    pub(crate) fn solve(&self, penalty: f64) -> Result<Vec<f64>, NotPositive> {
        let mut factor = self.gram.clone();
        for i in 1..self.columns {
            factor[i * self.columns + i] += penalty * self.rows as f64;
        }
        cholesky(&mut factor, self.columns)?;
        Ok(substitute(&factor, self.with_target.clone()))
    }

    /// The mean squared error of the weights over these rows.
    pub(crate) fn mean_squared_error(&self, weights: &[f64]) -> f64 {
        let mut error = self.target_squared - 2.0 * dot(weights, &self.with_target);
        for (i, row) in self.gram.chunks(self.columns.max(1)).enumerate() {
            let below = dot(&row[..i], &weights[..i]);
            error += weights[i] * (2.0 * below + weights[i] * row[i]);
        }
        error / self.rows as f64
    }
}

/// The columns depend on each other and nothing tells them apart.
#[derive(Debug, PartialEq)]
pub(crate) struct NotPositive {
    column: usize,
}

impl fmt::Display for NotPositive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} follows from the others: choose a larger penalty", self.column)
    }
}

impl std::error::Error for NotPositive {}

/// Turns the lower half of a symmetric matrix into its Cholesky factor, in place.
fn cholesky(matrix: &mut [f64], size: usize) -> Result<(), NotPositive> {
    for i in 0..size {
        let (above, rest) = matrix.split_at_mut(i * size);
        let row = &mut rest[..=i];
        for j in 0..i {
            let other = &above[j * size..][..=j];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let before = row[i];
        let left = before - dot(&row[..i], &row[..i]);
        // What is left of a dependent column is rounding noise, not always below zero.
        if left.is_nan() || left <= before * 1e-12 {
            return Err(NotPositive { column: i });
        }
        row[i] = left.sqrt();
    }
    Ok(())
}

/// Solves L·Lᵀ·x = b for the Cholesky factor L.
fn substitute(factor: &[f64], mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    for i in 0..size {
        let row = &factor[i * size..][..=i];
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..size).rev() {
        let row = &factor[i * size..][..=i];
        let value = b[i] / row[i];
        b[i] = value;
        b[..i].iter_mut().zip(row).for_each(|(b, factor)| *b -= factor * value);
    }
    b
}

/// The sum of products, in four strands that the processor can follow at once; as long as the
/// shorter slice.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<4>();
    let (b, b_rest) = b[..length].as_chunks::<4>();
    let [mut s0, mut s1, mut s2, mut s3] = [0.0; 4];
    for ([a0, a1, a2, a3], [b0, b1, b2, b3]) in a.iter().zip(b) {
        s0 += a0 * b0;
        s1 += a1 * b1;
        s2 += a2 * b2;
        s3 += a3 * b3;
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (s0 + s1) + (s2 + s3) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: [f64; 6] = [3.0, -2.0, 0.5, 7.0, 1.0, -1.0];

    /// Numbers between -1 and 1 that look random and are the same in every run.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
        }
    }

    /// Rows that follow `WEIGHTS` exactly, but for `blur` times noise.
    fn rows(count: usize, blur: f64) -> Vec<Row> {
        let mut noise = noise(7);
        let row = |_| {
            let dense = vec![1.0, noise(), noise()];
            let ones = if noise() > 0.0 { vec![3] } else { vec![4, 5] };
            let row = Row { dense, ones, target: 0.0 };
            Row { target: row.predict(&WEIGHTS) + blur * noise(), ..row }
        };
        (0..count).map(row).collect()
    }

    fn sums(rows: &[Row]) -> Sums {
        let mut sums = Sums::new(WEIGHTS.len());
        sums.add(rows);
        sums
    }

    fn mean_squared_error(rows: &[Row], weights: &[f64]) -> f64 {
        let squares = rows.iter().map(|row| (row.target - row.predict(weights)).powi(2));
        squares.sum::<f64>() / rows.len() as f64
    }

    #[test]
    fn known_coefficients_are_recovered() {
        let weights = sums(&rows(1003, 0.0)).solve(1e-9).unwrap();
        assert!((weights[1] - WEIGHTS[1]).abs() < 1e-6, "{weights:?}");
        assert!((weights[2] - WEIGHTS[2]).abs() < 1e-6, "{weights:?}");
        // Columns 3, 4 and 5 with the constant are told apart only by the penalty: their effect is
        // what counts.
        let (here, there) = (weights[0] + weights[3], weights[0] + weights[4] + weights[5]);
        assert!((here - 10.0).abs() < 1e-5 && (there - 3.0).abs() < 1e-5, "{weights:?}");
    }

    #[test]
    fn noise_moves_the_coefficients_little() {
        let weights = sums(&rows(20_000, 2.0)).solve(1e-9).unwrap();
        assert!((weights[1] - WEIGHTS[1]).abs() < 0.05, "{weights:?}");
        assert!((weights[2] - WEIGHTS[2]).abs() < 0.05, "{weights:?}");
    }

    #[test]
    fn a_larger_penalty_shrinks_all_weights_but_the_constant() {
        let rows = rows(500, 0.1);
        let mean = rows.iter().map(|row| row.target).sum::<f64>() / rows.len() as f64;
        let weights = sums(&rows).solve(1e9).unwrap();
        assert!((weights[0] - mean).abs() < 1e-6, "{weights:?}");
        assert!(weights[1..].iter().all(|weight| weight.abs() < 1e-6), "{weights:?}");
    }

    #[test]
    fn dependent_columns_without_a_penalty_are_an_error() {
        assert!(sums(&rows(100, 0.0)).solve(0.0).is_err());
    }

    #[test]
    fn the_error_from_the_sums_is_the_error_from_the_rows() {
        let rows = rows(777, 1.0);
        let weights = [1.0, -1.0, 2.0, 3.0, 0.5, 0.0];
        let (from_sums, from_rows) =
            (sums(&rows).mean_squared_error(&weights), mean_squared_error(&rows, &weights));
        assert!((from_sums - from_rows).abs() < 1e-9, "{from_sums} {from_rows}");
    }

    #[test]
    fn sums_of_parts_add_up_and_come_apart() {
        let rows = rows(101, 1.0);
        let (left, right) = rows.split_at(40);
        let whole = sums(left).plus(&sums(right));
        let rest = whole.minus(&sums(left));
        for (made, straight) in [(&whole, sums(&rows)), (&rest, sums(right))] {
            assert_eq!(made.rows(), straight.rows());
            let close = |a: &f64, b: &f64| (a - b).abs() < 1e-9;
            assert!(made.gram.iter().zip(&straight.gram).all(|(a, b)| close(a, b)));
            assert!(made.with_target.iter().zip(&straight.with_target).all(|(a, b)| close(a, b)));
            assert!(close(&made.target_squared, &straight.target_squared));
        }
    }
}
