//! `Model`: a ridge regression of the delay at arrival, its fit by cross-validation, and its test
//! on days it never saw.

use serde::{Deserialize, Serialize};

use crate::features::{Features, Numbers};
use crate::ridge::{NotPositive, Row, Sums};

/// A model of the delays of the flights from one airport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Model {
    /// The airport.
    pub(crate) origin: String,
    /// How many flights it was fitted on.
    pub(crate) flights: usize,
    /// Their mean delay in minutes: what one would guess without a model.
    pub(crate) mean_delay: f64,
    /// The penalty that did best in cross-validation.
    pub(crate) penalty: f64,
    /// How each penalty did.
    pub(crate) tried: Vec<Tried>,
    /// How each column of numbers is brought to mean 0 and spread 1.
    pub(crate) scales: Vec<Scale>,
    /// The weighted terms that add up to a forecast in minutes.
    pub(crate) terms: Vec<Term>,
}

/// A penalty and its error in cross-validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// The penalty.
    pub(crate) penalty: f64,
    /// The root of the mean squared error, in minutes.
    pub(crate) rmse: f64,
}

/// The mean and the standard deviation of a column over the training days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    mean: f64,
    spread: f64,
}

/// One term of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Term {
    /// What is multiplied by the weight.
    pub(crate) name: String,
    /// Minutes of delay for each unit of it.
    pub(crate) weight: f64,
}

/// How good a model is on the held-out days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    /// The airport.
    pub(crate) origin: String,
    /// How many flights it was tested on.
    pub(crate) flights: usize,
    /// How many flights it was fitted on.
    pub(crate) fitted_on: usize,
    /// The errors of the mean delay as forecast.
    pub(crate) baseline: Errors,
    /// The errors of the model.
    pub(crate) model: Errors,
    /// The mean delay of the tenth of the flights with the shortest forecasts, in minutes.
    pub(crate) calmest: f64,
    /// The mean delay of the tenth of the flights with the longest forecasts, in minutes.
    pub(crate) worst: f64,
}

/// Errors in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// The root of the mean squared error.
    pub(crate) rmse: f64,
    /// The mean absolute error.
    pub(crate) mae: f64,
}

/// In how many parts the training days are split to choose the penalty. Change it to see what runs
/// again.
const FOLDS: usize = 5;

/// Fits a model for each of the penalties, judges them by cross-validation over the training days
/// in [`FOLDS`] parts, and fits the best one on all training days.
pub(crate) fn fit(features: &Features, penalties: &[f64]) -> Result<Model, NotPositive> {
    let training: Vec<usize> =
        (0..features.delay.len()).filter(|&flight| !features.held_out[flight]).collect();
    let scales: Vec<Scale> =
        features.numbers.iter().map(|column| Scale::of(column, &training)).collect();
    let design = Design { features, scales: &scales };

    let parts: Vec<Sums> =
        by_days(features, &training, FOLDS).iter().map(|part| design.sums(part)).collect();
    let nothing = Sums::new(design.columns());
    let all = parts.iter().fold(nothing, |all, part| all.plus(part));
    let mut tried = Vec::new();
    for &penalty in penalties {
        let mut squares = 0.0;
        for part in parts.iter().filter(|part| part.rows() > 0) {
            let weights = all.minus(part).solve(penalty)?;
            squares += part.mean_squared_error(&weights) * part.rows() as f64;
        }
        tried.push(Tried { penalty, rmse: (squares / all.rows() as f64).sqrt() });
    }
    let best = tried.iter().min_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let penalty = best.map_or(1.0, |best| best.penalty);

    let weights = all.solve(penalty)?;
    let term = |(name, weight)| Term { name, weight };
    Ok(Model {
        origin: features.origin.to_string(),
        flights: training.len(),
        mean_delay: mean(training.iter().map(|&flight| f64::from(features.delay[flight]))),
        penalty,
        tried,
        terms: design.names().into_iter().zip(weights).map(term).collect(),
        scales,
    })
}

/// The flights in `folds` parts, with all flights of a day in the same part.
fn by_days(features: &Features, flights: &[usize], folds: usize) -> Vec<Vec<usize>> {
    let mut days: Vec<u16> = flights.iter().map(|&flight| features.day[flight]).collect();
    days.sort_unstable();
    days.dedup();
    let mut parts = vec![Vec::new(); folds];
    for &flight in flights {
        let place = days.binary_search(&features.day[flight]).unwrap_or_default();
        parts[place % folds].push(flight);
    }
    parts
}

/// Tests the model on the days that were held out.
pub(crate) fn evaluate(model: &Model, features: &Features) -> Evaluation {
    let design = Design { features, scales: &model.scales };
    let weights: Vec<f64> = model.terms.iter().map(|term| term.weight).collect();
    assert_eq!(weights.len(), design.columns(), "the model was fitted on other columns");
    let mut row = Row::default();
    let mut judged: Vec<(f64, f64)> = Vec::new();
    for flight in (0..features.delay.len()).filter(|&flight| features.held_out[flight]) {
        design.fill(flight, &mut row);
        judged.push((row.predict(&weights), row.target));
    }
    judged.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let tenth = judged.len().div_ceil(10);
    let delays = |judged: &[(f64, f64)]| mean(judged.iter().map(|(_, delay)| *delay));
    Evaluation {
        origin: model.origin.clone(),
        flights: judged.len(),
        fitted_on: model.flights,
        baseline: Errors::of(judged.iter().map(|(_, delay)| model.mean_delay - delay)),
        model: Errors::of(judged.iter().map(|(forecast, delay)| forecast - delay)),
        calmest: delays(&judged[..tenth]),
        worst: delays(&judged[judged.len() - tenth..]),
    }
}

impl Errors {
    fn of(errors: impl Iterator<Item = f64> + Clone) -> Self {
        let squares = errors.clone().map(|error| error * error);
        Self { rmse: mean(squares).sqrt(), mae: mean(errors.map(f64::abs)) }
    }
}

/// The mean; 0 of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

impl Scale {
    fn of(column: &Numbers, rows: &[usize]) -> Self {
        let recorded = rows.iter().map(|&row| f64::from(column.values[row]));
        let recorded = recorded.filter(|value| !value.is_nan());
        let mean_value = mean(recorded.clone());
        let variance = mean(recorded.map(|value| (value - mean_value).powi(2)));
        Self { mean: mean_value, spread: variance.sqrt().max(1e-6) }
    }

    /// The value in standard deviations from the mean. What was not recorded counts as the mean,
    /// and a freak hour as five deviations, so that it cannot bend the squares and products of all
    /// the others.
    fn apply(self, value: f32) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        ((f64::from(value) - self.mean) / self.spread).clamp(-5.0, 5.0)
    }
}

/// How features become the columns of the regression: a constant, the scaled numbers, their squares
/// and products, and a column of 0 and 1 for each label. The last ones are not scaled: so the
/// penalty holds rare labels tighter.
struct Design<'a> {
    features: &'a Features,
    scales: &'a [Scale],
}

impl Design<'_> {
    fn columns(&self) -> usize {
        let labels: usize = self.features.labels.iter().map(|column| column.levels.len()).sum();
        self.dense() + labels
    }

    fn dense(&self) -> usize {
        let numbers = self.scales.len();
        1 + numbers + numbers * (numbers + 1) / 2
    }

    fn names(&self) -> Vec<String> {
        let numbers: Vec<&str> =
            self.features.numbers.iter().map(|column| column.name.as_str()).collect();
        let mut names = vec!["constant".to_owned()];
        names.extend(numbers.iter().map(|&name| name.to_owned()));
        for (place, a) in numbers.iter().enumerate() {
            names.extend(numbers[place..].iter().map(|b| format!("{a} × {b}")));
        }
        for column in &self.features.labels {
            names.extend(column.levels.iter().map(|level| format!("{} {level}", column.name)));
        }
        names
    }

    /// Writes the flight's row over `row`.
    fn fill(&self, flight: usize, row: &mut Row) {
        row.dense.clear();
        row.dense.push(1.0);
        for (column, scale) in self.features.numbers.iter().zip(self.scales) {
            row.dense.push(scale.apply(column.values[flight]));
        }
        let scaled = 1..row.dense.len();
        for i in scaled.clone() {
            for j in i..scaled.end {
                row.dense.push(row.dense[i] * row.dense[j]);
            }
        }
        row.ones.clear();
        let mut first = self.dense();
        for column in &self.features.labels {
            row.ones.push(first + usize::from(column.codes[flight]));
            first += column.levels.len();
        }
        row.target = self.features.delay[flight].into();
    }

    fn sums(&self, flights: &[usize]) -> Sums {
        const AT_A_TIME: usize = 64;
        let mut sums = Sums::new(self.columns());
        let mut rows = vec![Row::default(); AT_A_TIME];
        for chunk in flights.chunks(AT_A_TIME) {
            chunk.iter().zip(&mut rows).for_each(|(&flight, row)| self.fill(flight, row));
            sums.add(&rows[..chunk.len()]);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Labels;
    use crate::flight::Code;

    /// A year of ten flights a day whose delay is 10 + 6·wind·rain, and 20 more with the airline
    /// ZZ.
    fn features() -> Features {
        let flights = 3650;
        let wind: Vec<f32> = (0..flights).map(|flight| ((flight * 37) % 101) as f32).collect();
        let rain: Vec<f32> = (0..flights).map(|flight| ((flight * 53) % 89) as f32).collect();
        let codes: Vec<u8> = (0..flights).map(|flight| u8::from(flight % 7 == 0)).collect();
        let standard = |values: &[f32]| {
            let column = Numbers { name: String::new(), values: values.to_vec() };
            let scale = Scale::of(&column, &(0..flights).collect::<Vec<_>>());
            values.iter().map(|value| scale.apply(*value) as f32).collect::<Vec<f32>>()
        };
        let (wind, rain) = (standard(&wind), standard(&rain));
        let delay = |flight: usize| {
            10.0 + 6.0 * wind[flight] * rain[flight] + 20.0 * f32::from(codes[flight])
        };
        let day: Vec<u16> = (0..flights).map(|flight| (flight / 10 + 1) as u16).collect();
        Features {
            origin: Code::new("EWR"),
            delay: (0..flights).map(delay).collect(),
            held_out: day.iter().map(|day| day % 5 == 0).collect(),
            day,
            numbers: vec![
                Numbers { name: "wind".to_owned(), values: wind },
                Numbers { name: "rain".to_owned(), values: rain },
            ],
            labels: vec![Labels {
                name: "airline".to_owned(),
                levels: vec!["AA".to_owned(), "ZZ".to_owned()],
                codes,
            }],
        }
    }

    fn weight(model: &Model, name: &str) -> f64 {
        model.terms.iter().find(|term| term.name == name).unwrap().weight
    }

    #[test]
    fn a_law_in_the_data_is_found_by_name() {
        let model = fit(&features(), &[1e-6, 1e-1]).unwrap();
        assert_eq!(model.penalty, 1e-6);
        assert!((weight(&model, "wind × rain") - 6.0).abs() < 0.1, "{model:?}");
        let airline = weight(&model, "airline ZZ") - weight(&model, "airline AA");
        assert!((airline - 20.0).abs() < 0.1, "{model:?}");
    }

    #[test]
    fn a_model_that_knows_the_law_beats_the_mean_on_days_it_never_saw() {
        let features = features();
        let evaluation = evaluate(&fit(&features, &[1e-6]).unwrap(), &features);
        assert_eq!((evaluation.flights, evaluation.fitted_on), (730, 2920));
        assert!(evaluation.model.rmse < 0.01 * evaluation.baseline.rmse, "{evaluation:?}");
        assert!(evaluation.worst > evaluation.calmest + 20.0, "{evaluation:?}");
    }

    #[test]
    fn held_out_days_do_not_touch_the_model() {
        let features = features();
        let mut spoilt = features.clone();
        for flight in (0..spoilt.delay.len()).filter(|&flight| features.held_out[flight]) {
            spoilt.delay[flight] = 9999.0;
            spoilt.numbers[0].values[flight] = -9999.0;
        }
        assert_eq!(fit(&features, &[1e-3]), fit(&spoilt, &[1e-3]));
    }

    #[test]
    fn a_day_is_never_split_between_folds() {
        let features = features();
        let flights: Vec<usize> = (0..features.delay.len()).collect();
        let parts = by_days(&features, &flights, 4);
        let mut fold_of = std::collections::HashMap::new();
        for (fold, part) in parts.iter().enumerate() {
            for &flight in part {
                assert_eq!(*fold_of.entry(features.day[flight]).or_insert(fold), fold);
            }
        }
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), flights.len());
        assert!(parts.iter().all(|part| part.len() > 900));
    }

    #[test]
    fn what_was_not_recorded_counts_as_the_mean_and_a_freak_as_five_deviations() {
        let values = vec![1.0, f32::NAN, 3.0, 1e9];
        let scale = Scale::of(&Numbers { name: String::new(), values }, &[0, 1, 2]);
        assert_eq!((scale.mean, scale.spread), (2.0, 1.0));
        assert_eq!(scale.apply(f32::NAN), 0.0);
        assert_eq!(scale.apply(1e9), 5.0);
        assert_eq!(scale.apply(1.0), -1.0);
    }
}
