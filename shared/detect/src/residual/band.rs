//! What is expected of each metric now, as a range of values: for messages and charts.

use super::model::{ResidualModel, SeriesModel};
use super::residuals::Residuals;
use super::standard::Standardised;
use super::transform::{Form, expected_count, root_share};

/// Where a metric would be now if all were as usual, in its own unit.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedBand {
    pub metric: String,
    pub usual: f64,
    /// The same by the hour of the week alone, without the recent level: an incident of hours does
    /// not move it. `None` where only the recent level is known.
    pub seasonal: Option<f64>,
    /// Three sigmas to either side.
    pub low: f64,
    pub high: f64,
}

/// Sigmas from usual to the edge: what lies beyond in two of three cycles counts as out now.
const EDGE_SIGMAS: f64 = 3.0;

/// The bands of the cycle that ends at `at_s`, of the metrics that have a value in it.
pub fn bands(model: &ResidualModel, residuals: &Residuals, at_s: i64) -> Vec<ExpectedBand> {
    let Some(index) = residuals.index_of(at_s) else { return Vec::new() };
    let standardised = Standardised::of(model, residuals, index..index + 1);
    let band = |(at, series): (usize, &SeriesModel)| {
        let level = standardised.level(at, index);
        let points = &residuals.series()[at];
        let usual = f64::from(points.usual[index]);
        let sigma = f64::from(points.sigmas[index]);
        let requests = f64::from(residuals.requests()[index]);
        let [low, middle, high] = match series.form {
            Form::Rate => rates(series, usual, level, residuals.cycle_s() as f64),
            Form::ErrorShare => shares(usual, level, sigma, requests),
            form => [-1.0, 0.0, 1.0]
                .map(|side| form.inverse(usual + level + side * EDGE_SIGMAS * sigma).max(0.0)),
        };
        let is_known = low.is_finite() && middle.is_finite() && high.is_finite();
        let metric = || series.metric.clone();
        let seasonal = Some(match series.form {
            Form::Rate => expected_count(usual) / residuals.cycle_s() as f64,
            Form::ErrorShare => usual,
            form => form.inverse(usual).max(0.0),
        });
        let seasonal = seasonal.filter(|it| it.is_finite());
        is_known.then(|| ExpectedBand { metric: metric(), usual: middle, seasonal, low, high })
    };
    model.series.iter().enumerate().filter_map(band).collect()
}

/// The roots of counts are what z compares; see [`Standardised`].
fn rates(series: &SeriesModel, usual: f64, level: f64, cycle_s: f64) -> [f64; 3] {
    let expected = expected_count(usual) * libm::exp(level);
    let spread = libm::sqrt(1.0 + f64::from(series.noise.own) * expected);
    let middle = libm::sqrt(expected + 0.375);
    let count = |side: f64| {
        let root = (middle + side * 0.5 * EDGE_SIGMAS * spread).max(0.0);
        (root * root - 0.375).max(0.0) / cycle_s
    };
    [count(-1.0), expected / cycle_s, count(1.0)]
}

fn shares(usual: f64, level: f64, sigma: f64, requests: f64) -> [f64; 3] {
    let middle = root_share(usual * requests, requests) + level;
    let share = |side: f64| {
        let angle = (middle + side * EDGE_SIGMAS * sigma).clamp(0.0, std::f64::consts::FRAC_PI_2);
        let root = libm::sin(angle);
        ((root * root * (requests + 0.75) - 0.375) / requests).clamp(0.0, 1.0)
    };
    [share(-1.0), usual, share(1.0)]
}

#[cfg(test)]
mod tests {
    use domain::{Calendar, MetricSet};

    use super::super::testing::{multiplied, trained_month};
    use super::*;

    #[test]
    fn normal_values_lie_in_the_band_and_faults_outside() {
        let (rows, model) = trained_month();
        let count = rows.len();
        for (metric, factor) in [(0, 3.0), (1, 3.0), (3, 4.0), (4, 30.0)] {
            let of = |rows: &crate::rows::Rows| {
                let residuals = Residuals::of(model, &Calendar::utc(), &MetricSet::five(), rows);
                bands(model, &residuals, *rows.times_s.last().unwrap())
            };
            let calm = of(rows);
            let faulty = of(&multiplied(rows, metric, count - 1..count, factor));
            let band = &calm[metric];
            assert!(band.low < band.usual && band.usual < band.high, "{band:?}");
            let value = rows.columns[metric][count - 1];
            assert!((band.low..=band.high).contains(&value), "{value} {band:?}");
            let same = &faulty[metric];
            assert!(value * factor > same.high, "{} {same:?}", value * factor);
        }
    }
}
