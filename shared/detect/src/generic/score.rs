//! Scoring: how unusual each sample of a window is.

use domain::limits::METRICS_PER_SERVICE_MAX;

use super::evidence::{self, GenericEvidence};
use super::grid::{Column, Grid, Samples};
use super::model::{GenericMetric, GenericModel};
use super::recent::{Reach, SPANS, SPANS_S, levels};

/// Moves count up to this many quiet days where metrics speak together, and where one speaks
/// alone.
const TOGETHER_MAX: f64 = 5.0;
const ALONE_MAX: f64 = 10.0;
/// Metrics that speak together.
pub(super) const LOUDEST: usize = 3;
/// Cells that the published score is averaged over.
pub(super) const EWMA_CELLS: i64 = 5;
/// The weight of a cell over that of the one after it: 1 - 2 / (5 + 1).
const EWMA_DECAY: f64 = 2.0 / 3.0;

/// How unusual one sample of a service is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleScore {
    /// The newest stamp among the metrics' samples, epoch seconds.
    pub stamp_s: i64,
    /// What triggers: 1 is about as large as the largest move of a quiet day.
    pub score: f64,
    /// For ranking and charts: the score, or its average over five samples if that is greater.
    pub published: f64,
}

/// Scores of all samples stamped later than `after_s`. What is before them is their recent past,
/// of which the last [`GenericModel::lookback_s`] seconds matter. Empty if the model is silent.
pub fn score_series(
    model: &GenericModel,
    samples: &[Samples<'_>],
    after_s: i64,
) -> Vec<SampleScore> {
    View::new(model, samples, after_s).map_or_else(Vec::new, |view| view.scores())
}

/// Judges the samples later than `after_s`, as [`score_series`] does, and tells what the highest
/// score is made of.
pub fn score_window(
    model: &GenericModel,
    samples: &[Samples<'_>],
    after_s: i64,
) -> GenericEvidence {
    let view = View::new(model, samples, after_s);
    let scores = view.as_ref().map_or_else(Vec::new, View::scores);
    evidence::gather(model, samples, view.as_ref(), scores)
}

/// A window laid out for a model.
#[derive(Debug)]
pub(super) struct View<'a> {
    model: &'a GenericModel,
    pub(super) grid: Grid,
    /// For each metric of the model.
    pub(super) residuals: Vec<Vec<f64>>,
    after_s: i64,
}

impl<'a> View<'a> {
    /// `None` if the model is silent.
    pub(super) fn new(
        model: &'a GenericModel,
        samples: &[Samples<'_>],
        after_s: i64,
    ) -> Option<View<'a>> {
        if model.silence().is_some() {
            return None;
        }
        let none = |name: &'a str| Samples { name, times_s: &[], values: &[] };
        let of = |name: &str| samples.iter().find(|metric| metric.name == name).copied();
        let metrics = &model.metrics[..model.metrics.len().min(METRICS_PER_SERVICE_MAX)];
        let wanted: Vec<Samples<'_>> =
            metrics.iter().map(|metric| of(&metric.name).unwrap_or(none(&metric.name))).collect();
        let earliest = model.clock.cell(after_s) - model.lookback_cells();
        let grid = Grid::lay(model.clock, &wanted, earliest);
        let columns: &[Column] = &grid.columns;
        let residuals = metrics.iter().zip(columns).map(|(m, c)| m.residuals(&grid, c)).collect();
        Some(View { model, grid, residuals, after_s })
    }

    /// Scores of the samples after the window's beginning, in order of time.
    fn scores(&self) -> Vec<SampleScore> {
        let is_new = |row: &usize| self.grid.stamps_s[*row] > self.after_s;
        let rows = self.grid.cells.len();
        let Some(first) = (0..rows).find(is_new) else { return Vec::new() };
        let averaged = self.grid.cells[first] - EWMA_CELLS;
        let from = self.grid.cells.partition_point(|cell| *cell <= averaged);
        let raw = self.raw_scores(from);
        (first..rows)
            .filter(is_new)
            .map(|row| {
                let score = raw[row - from];
                let published = score.max(self.average(&raw, from, row));
                SampleScore { stamp_s: self.grid.stamps_s[row], score, published }
            })
            .collect()
    }

    /// Exponentially weighted mean of the last five cells' scores; cells without samples have none.
    fn average(&self, raw: &[f64], from: usize, row: usize) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for at in (from..=row).rev() {
            let age = self.grid.cells[row] - self.grid.cells[at];
            if age >= EWMA_CELLS {
                break;
            }
            let weight = libm::pow(EWMA_DECAY, age as f64);
            sum += weight * raw[at - from];
            weights += weight;
        }
        sum / weights
    }

    /// The service's score in each row from `from` on.
    fn raw_scores(&self, from: usize) -> Vec<f64> {
        let rows = self.grid.cells.len() - from;
        let mut loudness = vec![Loudness::default(); rows];
        for (metric, residuals) in self.model.metrics.iter().zip(&self.residuals) {
            let quiet_days = self.quiet_days(metric, residuals, from);
            for (loudness, spans) in loudness.iter_mut().zip(quiet_days) {
                loudness.hear(spans);
            }
        }
        let (metrics, shrink) = (self.residuals.len(), self.model.shrink());
        loudness.iter().map(|loudness| loudness.score(metrics) / shrink).collect()
    }

    /// A metric's moves from row `from` on, in quiet days' largest moves, one for each span.
    pub(super) fn quiet_days(
        &self,
        metric: &GenericMetric,
        residuals: &[f64],
        from: usize,
    ) -> Vec<[f64; SPANS]> {
        let mut all = vec![[0.0; SPANS]; residuals.len() - from];
        for (span, span_s) in SPANS_S.into_iter().enumerate() {
            let reach = Reach::of(span_s, &self.grid.clock);
            let levels = levels(&self.grid.cells, residuals, reach, from);
            for (at, level) in levels.into_iter().enumerate() {
                let stray = residuals[from + at] - level;
                let size = metric.size(span, stray, self.grid.time_s(from + at));
                if !stray.is_nan() {
                    all[at][span] = size / metric.unit(span);
                }
            }
        }
        all
    }

    /// One metric's move in one row.
    pub(super) fn quiet_days_at(&self, metric: usize, row: usize) -> [f64; SPANS] {
        let residuals = &self.residuals[metric][..=row];
        self.quiet_days(&self.model.metrics[metric], residuals, row)[0]
    }
}

/// The mean over the spans, each up to a limit.
fn mean_up_to(limit: f64, spans: [f64; SPANS]) -> f64 {
    spans.iter().map(|quiet_days| quiet_days.min(limit)).sum::<f64>() / SPANS as f64
}

/// What a metric adds to the score where metrics speak together.
pub(super) fn together(spans: [f64; SPANS]) -> f64 {
    mean_up_to(TOGETHER_MAX, spans)
}

/// How loud a service's metrics are in one row.
#[derive(Debug, Clone, Copy, Default)]
struct Loudness {
    /// The loudest metrics, in descending order.
    loudest: [f64; LOUDEST],
    /// The loudest metric by itself, with a higher limit.
    alone: f64,
}

impl Loudness {
    fn hear(&mut self, spans: [f64; SPANS]) {
        let mut quieter = together(spans);
        for place in &mut self.loudest {
            if quieter > *place {
                std::mem::swap(place, &mut quieter);
            }
        }
        self.alone = self.alone.max(mean_up_to(ALONE_MAX, spans));
    }

    /// One metric alone needs the square root of the number of metrics more; three need nothing.
    fn score(&self, metrics: usize) -> f64 {
        if metrics < 2 {
            return self.alone;
        }
        let speaking = metrics.min(LOUDEST);
        let together = self.loudest.iter().sum::<f64>() / speaking as f64;
        together.max(self.alone / libm::sqrt(metrics as f64))
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
