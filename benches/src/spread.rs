//! `Spread`: repeated measurements of one thing.

/// Repeated measurements of one thing, of which the median is quoted.
#[derive(Debug, Clone)]
pub struct Spread {
    /// In ascending order; at least one.
    sorted: Vec<f64>,
}

impl Spread {
    /// The measurements; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Self { sorted })
    }

    /// The one in the middle: of an even number, the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[middle]
        } else {
            f64::midpoint(self.sorted[middle - 1], self.sorted[middle])
        }
    }

    /// The smallest.
    pub fn low(&self) -> f64 {
        self.sorted[0]
    }

    /// The greatest.
    pub fn high(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn median_is_the_middle_whatever_the_order() {
        assert_eq!(Spread::of([9.0, 1.0, 5.0]).map(|spread| spread.median()), Some(5.0));
        assert_eq!(Spread::of([9.0, 1.0, 5.0, 6.0]).map(|spread| spread.median()), Some(5.5));
    }

    #[test]
    fn no_measurements_have_no_median() {
        assert!(Spread::of([]).is_none());
    }
}
