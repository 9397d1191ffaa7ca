//! Training: a service's history gives its model.
//!
//! No labels, and incidents stay in: every step bears a good share of them.

use domain::limits::METRICS_PER_SERVICE_MAX;

use super::grid::{Clock, Column, Grid, Samples};
use super::model::{GenericMetric, GenericModel, LeftOut, Reason, SAMPLES_MIN, STEP_S_MAX};
use super::recent::{Reach, SPANS_S, levels};
use super::{profile, scale, unit};

/// The clock of a service of which no two samples of one metric are known.
const CLOCK_UNKNOWN: Clock = Clock { step_s: 60, phase_s: 0 };

impl GenericModel {
    /// Learns what is usual from a service's samples. Names are expected to differ; the first 64
    /// metrics are used. O(n log k) a metric, k the samples of six hours.
    pub fn fit(samples: &[Samples<'_>]) -> GenericModel {
        let (used, rest) = samples.split_at(samples.len().min(METRICS_PER_SERVICE_MAX));
        let clock = Clock::of(used).unwrap_or(CLOCK_UNKNOWN);
        let grid = Grid::lay(clock, used, i64::MIN);
        let mut model = GenericModel {
            clock,
            from_s: grid.stamps_s.first().copied().unwrap_or(0),
            until_s: grid.stamps_s.last().copied().unwrap_or(0),
            samples: grid.cells.len() as u32,
            metrics: Vec::new(),
            left_out: rest.iter().take(METRICS_PER_SERVICE_MAX).map(too_many).collect(),
        };
        if (model.samples as usize) < SAMPLES_MIN || clock.step() > STEP_S_MAX {
            return model;
        }
        for (metric, column) in used.iter().zip(&grid.columns) {
            match fit_metric(metric.name, &grid, column) {
                Ok(metric) => model.metrics.push(metric),
                Err(reason) => {
                    model.left_out.push(LeftOut { name: metric.name.to_owned(), reason });
                }
            }
        }
        model.left_out.truncate(METRICS_PER_SERVICE_MAX);
        model
    }
}

fn too_many(metric: &Samples<'_>) -> LeftOut {
    LeftOut { name: metric.name.to_owned(), reason: Reason::TooManyMetrics }
}

/// Filled rows are the recent past of others, but nothing is learnt from them.
fn fit_metric(name: &str, grid: &Grid, column: &Column) -> Result<GenericMetric, Reason> {
    let rows: Vec<usize> = (0..column.observed.len()).filter(|r| column.observed[*r]).collect();
    let times_s: Vec<i64> = rows.iter().map(|row| grid.time_s(*row)).collect();
    let values: Vec<f64> = rows.iter().map(|row| column.values[*row]).collect();
    if values.len() < SAMPLES_MIN {
        return Err(Reason::TooFewSamples { found: values.len() as u32 });
    }
    if values.iter().all(|value| *value == values[0]) {
        return Err(Reason::Constant { value: values[0] });
    }
    let mut metric = GenericMetric {
        name: name.to_owned(),
        profile: profile::fit(&times_s, &values, grid.clock.step()),
        scales: Default::default(),
        units: Default::default(),
        floor: scale::floor(&values),
    };
    let residuals = metric.residuals(grid, column);
    for (span, span_s) in SPANS_S.into_iter().enumerate() {
        let levels = levels(&grid.cells, &residuals, Reach::of(span_s, &grid.clock), 0);
        let strays: Vec<f64> =
            rows.iter().map(|row| (residuals[*row] - levels[*row]).abs()).collect();
        metric.scales[span] = scale::fit(&times_s, &strays);
        let moves: Vec<f64> =
            times_s.iter().zip(&strays).map(|(time, e)| metric.size(span, *e, *time)).collect();
        metric.units[span] = unit::fit(&times_s, &moves, grid.clock.step());
    }
    Ok(metric)
}

impl GenericMetric {
    /// Values less the daily shape; NaN where nothing is known.
    pub(super) fn residuals(&self, grid: &Grid, column: &Column) -> Vec<f64> {
        let residual = |(row, value): (usize, &f64)| value - self.profile_at(grid.time_s(row));
        column.values.iter().enumerate().map(residual).collect()
    }
}
