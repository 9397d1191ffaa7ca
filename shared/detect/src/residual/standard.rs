//! Residuals as z values: how many sigmas from where the metric usually is, lately.

use std::ops::Range;

use super::level::levels;
use super::model::{ResidualModel, SeriesModel};
use super::residuals::Residuals;
use super::transform::{Form, expected_count};

/// Levels and z values of some consecutive cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardised {
    start: usize,
    levels: Vec<Vec<f64>>,
    z: Vec<Vec<f64>>,
}

impl Standardised {
    /// Those of the cycles of `range`. Each depends on the day before its hour, and on nothing
    /// that comes after it.
    pub fn of(model: &ResidualModel, residuals: &Residuals, range: Range<usize>) -> Standardised {
        let series = model.series.iter().enumerate();
        let mut all = Standardised { start: range.start, levels: Vec::new(), z: Vec::new() };
        for (at, series) in series {
            let levels = levels(residuals, at, range.clone());
            let z = range
                .clone()
                .zip(&levels)
                .map(|(index, level)| z_value(series, residuals, at, index, *level));
            all.z.push(z.collect());
            all.levels.push(levels);
        }
        all
    }

    /// z of a series in a range of cycles, NaN where missing.
    pub fn z(&self, series: usize, range: Range<usize>) -> &[f64] {
        &self.z[series][range.start.max(self.start) - self.start..range.end - self.start]
    }

    /// Level of a series at a cycle.
    pub fn level(&self, series: usize, index: usize) -> f64 {
        self.levels[series][index - self.start]
    }
}

/// z of one cycle. Of a rate in root form, because the logarithm is too harsh at small counts:
/// `2 (sqrt(N + 3/8) - sqrt(M + 3/8)) / sqrt(1 + own M)` with M the count expected.
fn z_value(
    series: &SeriesModel,
    residuals: &Residuals,
    at: usize,
    index: usize,
    level: f64,
) -> f64 {
    let points = &residuals.series()[at];
    let residual = f64::from(points.residuals[index]);
    if residual.is_nan() {
        return f64::NAN;
    }
    if series.form != Form::Rate {
        return (residual - level) / f64::from(points.sigmas[index]);
    }
    let count = residuals.count(at, Form::Rate, index);
    let expected = expected_count(f64::from(points.usual[index])) * libm::exp(level);
    let root = |count: f64| libm::sqrt(count.max(0.0) + 0.375);
    2.0 * (root(count) - root(expected)) / libm::sqrt(1.0 + f64::from(series.noise.own) * expected)
}
