//! The recent cycles of a service as residuals: what was seen, what was usual, and the difference.
//!
//! Cycles lie side by side, missing ones included, so "three cycles ago" is an index. A residual
//! depends on its own cycle alone, therefore a window that is carried on from cycle to cycle holds
//! the same bits as one that is computed anew. Numbers are kept as `f32`, in training too.

use std::ops::Range;

use domain::{Calendar, MetricSet};

use super::level::{HOUR_S, MEMORY_S};
use super::model::{ResidualModel, SeriesModel};
use super::season::{Moment, expected};
use super::statistic::Z_CYCLES;
use super::transform::Form;
use crate::rows::Rows;

/// Consecutive cycles of a service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Residuals {
    cycle_s: i64,
    /// Number of the first cycle: its time over `cycle_s`.
    first: i64,
    is_present: Vec<bool>,
    /// Index of the first cycle of the unbroken stretch that a cycle belongs to.
    segments: Vec<usize>,
    requests: Vec<f32>,
    series: Vec<SeriesResiduals>,
}

/// One metric; as many numbers as there are cycles, NaN is missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesResiduals {
    /// As measured.
    pub values: Vec<f32>,
    /// What is usual at that time, as `Season::at` gives it.
    pub usual: Vec<f32>,
    /// On the metric's scale, measured less usual.
    pub residuals: Vec<f32>,
    /// Standard deviation of the residual.
    pub sigmas: Vec<f32>,
}

/// Stretches of data further apart than this don't know of each other.
const GAP_S: i64 = 7200;
/// Cycles held at most: 400 days of two minutes.
pub const CYCLES_MAX: usize = 288_000;
/// How far back symptoms of an incident are looked for.
pub const SYMPTOM_LOOK_S: i64 = 14 * 60;

/// Seconds of data before an instant that its evidence, and that of the minutes before it in which
/// symptoms are looked for, depends on: the level's memory before the full hour, and the cycles of
/// the statistics. 26.4 hours at two minutes.
pub fn window_s(cycle_s: i64) -> i64 {
    HOUR_S + MEMORY_S + Z_CYCLES as i64 * cycle_s + SYMPTOM_LOOK_S
}

impl Residuals {
    /// No cycle yet.
    pub fn empty(model: &ResidualModel) -> Residuals {
        Residuals {
            cycle_s: model.cycle(),
            series: vec![SeriesResiduals::default(); model.series.len()],
            ..Residuals::default()
        }
    }

    /// The cycles of `rows`, which must be as wide as the model's.
    pub fn of(
        model: &ResidualModel,
        calendar: &Calendar,
        metrics: &MetricSet,
        rows: &Rows,
    ) -> Residuals {
        let mut residuals = Residuals::empty(model);
        residuals.replace_after(i64::MIN, model, calendar, metrics, rows);
        residuals
    }

    /// Puts the rows later than `after_s` in the place of all cycles later than it.
    pub fn replace_after(
        &mut self,
        after_s: i64,
        model: &ResidualModel,
        calendar: &Calendar,
        metrics: &MetricSet,
        rows: &Rows,
    ) {
        self.resize(self.index_after(after_s));
        let from = rows.times_s.partition_point(|time| *time <= after_s);
        let Some(newest) = rows.times_s[from..].last() else { return self.mark_segments() };
        let last = newest.div_euclid(self.cycle_s);
        let oldest = rows.times_s[from].div_euclid(self.cycle_s);
        if self.is_empty() {
            self.first = oldest.max(last - CYCLES_MAX as i64 + 1);
        }
        let count = usize::try_from(last - self.first + 1).unwrap_or(0).min(CYCLES_MAX);
        self.resize(count.max(self.len()));
        let columns = Columns::of(model, metrics);
        for row in from..rows.len() {
            let cycle = rows.times_s[row].div_euclid(self.cycle_s) - self.first;
            if let Some(index) = usize::try_from(cycle).ok().filter(|index| *index < self.len()) {
                let moment = Moment::of_cycle(calendar, rows.times_s[row], self.cycle_s);
                self.put(index, moment, model, &columns, rows, row);
            }
        }
        self.mark_segments();
    }

    /// Drops the cycles at or before `until_s`.
    pub fn forget_until(&mut self, until_s: i64) {
        let gone = self.index_after(until_s);
        self.first += gone as i64;
        self.is_present.drain(..gone);
        self.requests.drain(..gone);
        for series in &mut self.series {
            series.columns().into_iter().for_each(|column| drop(column.drain(..gone)));
        }
        self.mark_segments();
    }

    /// How many cycles there are, missing ones included.
    pub fn len(&self) -> usize {
        self.is_present.len()
    }

    /// True if there is no cycle.
    pub fn is_empty(&self) -> bool {
        self.is_present.is_empty()
    }

    /// Length of a cycle.
    pub fn cycle_s(&self) -> i64 {
        self.cycle_s
    }

    /// End of the cycle at `index`.
    pub fn time_s(&self, index: usize) -> i64 {
        (self.first + index as i64) * self.cycle_s
    }

    /// The first cycle that ends after `after_s`, or the number of cycles.
    pub fn index_after(&self, after_s: i64) -> usize {
        let cycle = after_s.div_euclid(self.cycle_s.max(1)).saturating_add(1);
        let index = cycle.saturating_sub(self.first).max(0);
        usize::try_from(index).unwrap_or(usize::MAX).min(self.len())
    }

    /// The cycle that ends at `at_s`, if it has any value.
    pub fn index_of(&self, at_s: i64) -> Option<usize> {
        let index = self.index_after(at_s.saturating_sub(1));
        let is_it = index < self.len() && self.time_s(index) == at_s && self.is_present[index];
        is_it.then_some(index)
    }

    /// True if a cycle has any value.
    pub fn is_present(&self, index: usize) -> bool {
        self.is_present[index]
    }

    /// Where the unbroken stretch of a cycle begins.
    pub fn segment(&self, index: usize) -> usize {
        self.segments[index]
    }

    /// The last cycles up to `index`, at most `count`, all of one stretch.
    pub fn recent(&self, index: usize, count: usize) -> Range<usize> {
        (index + 1).saturating_sub(count).max(self.segments[index])..index + 1
    }

    /// Requests of each cycle.
    pub fn requests(&self) -> &[f32] {
        &self.requests
    }

    /// The metrics, in the order of the model.
    pub fn series(&self) -> &[SeriesResiduals] {
        &self.series
    }

    /// The series' own count in a cycle, as `Form::transform` wants it.
    pub(super) fn count(&self, series: usize, form: Form, index: usize) -> f64 {
        match form {
            Form::Rate => f64::from(self.series[series].values[index]) * self.cycle_s as f64,
            _ => f64::from(self.requests[index]),
        }
    }

    /// Cycles of one metric whose residuals are these, with a sigma of 0.03, from time 0 on.
    #[cfg(test)]
    pub(super) fn of_one(residuals: &[f32], cycle_s: i64) -> Residuals {
        let mut all = Residuals { cycle_s, first: 1, ..Residuals::default() };
        all.series = vec![SeriesResiduals::default()];
        all.resize(residuals.len());
        all.series[0].residuals = residuals.to_vec();
        all.series[0].sigmas = vec![0.03; residuals.len()];
        all.is_present = residuals.iter().map(|value| value.is_finite()).collect();
        all.mark_segments();
        all
    }

    fn put(
        &mut self,
        index: usize,
        moment: Moment,
        model: &ResidualModel,
        columns: &Columns,
        rows: &Rows,
        row: usize,
    ) {
        let value = |column: Option<usize>| -> f32 {
            column.and_then(|c| rows.columns.get(c)).map_or(f64::NAN, |c| c[row]) as f32
        };
        self.is_present[index] = true;
        self.requests[index] = value(columns.traffic) * self.cycle_s as f32;
        for (at, series) in model.series.iter().enumerate() {
            self.series[at].values[index] = value(columns.series[at]);
            let count = self.count(at, series.form, index);
            self.series[at].put(index, moment, series, count);
        }
    }

    fn resize(&mut self, count: usize) {
        self.is_present.resize(count, false);
        self.requests.resize(count, f32::NAN);
        for series in &mut self.series {
            series.columns().into_iter().for_each(|column| column.resize(count, f32::NAN));
        }
    }

    fn mark_segments(&mut self) {
        let gap = (GAP_S / self.cycle_s.max(1)).max(2) as usize;
        self.segments.clear();
        let (mut start, mut last) = (0, None);
        for (index, is_present) in self.is_present.iter().enumerate() {
            if *is_present {
                if last.is_none_or(|last| index - last > gap) {
                    start = index;
                }
                last = Some(index);
            }
            self.segments.push(start);
        }
    }
}

impl SeriesResiduals {
    fn put(&mut self, index: usize, moment: Moment, series: &SeriesModel, count: f64) {
        let form = series.form;
        let usual = series.season.at(moment);
        let y = form.transform(f64::from(self.values[index]), count);
        let sigma = series.noise.sigma(form.unit_variance(usual, count));
        let residual = y - expected(form, usual, count);
        self.usual[index] = usual as f32;
        self.sigmas[index] = sigma as f32;
        self.residuals[index] = if sigma.is_finite() { residual as f32 } else { f32::NAN };
    }

    fn columns(&mut self) -> [&mut Vec<f32>; 4] {
        [&mut self.values, &mut self.usual, &mut self.residuals, &mut self.sigmas]
    }
}

/// Where the metrics of a model are in rows.
struct Columns {
    traffic: Option<usize>,
    series: Vec<Option<usize>>,
}

impl Columns {
    fn of(model: &ResidualModel, metrics: &MetricSet) -> Columns {
        let series = model.series.iter().map(|series| metrics.index_of(&series.metric));
        Columns { traffic: model.traffic_in(metrics), series: series.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::trained_month;
    use super::*;

    #[test]
    fn carried_on_equals_computed_anew() {
        let (metrics, calendar) = (MetricSet::five(), Calendar::utc());
        let (rows, model) = trained_month();
        let whole = Residuals::of(model, &calendar, &metrics, rows);
        let (first, _) = rows.split_at(1000);
        let mut carried = Residuals::of(model, &calendar, &metrics, &first);
        carried.replace_after(first.times_s[700], model, &calendar, &metrics, rows);
        assert_eq!(format!("{carried:?}"), format!("{whole:?}"));
    }

    #[test]
    fn what_is_forgotten_shifts_the_rest() {
        let (rows, model) = trained_month();
        let mut residuals = Residuals::of(model, &Calendar::utc(), &MetricSet::five(), rows);
        let (count, time) = (residuals.len(), residuals.time_s(500));
        residuals.forget_until(time);
        assert_eq!((residuals.len(), residuals.index_of(time)), (count - 501, None));
        assert_eq!(residuals.index_of(time + 120), Some(0));
        residuals.forget_until(i64::MAX);
        assert!(residuals.is_empty());
    }

    #[test]
    fn stretches_break_at_two_hours() {
        let mut values = vec![0.0f32; 200];
        values[10..70].fill(f32::NAN);
        values[100..159].fill(f32::NAN);
        let residuals = Residuals::of_one(&values, 120);
        assert_eq!((residuals.segment(9), residuals.segment(70)), (0, 70));
        assert_eq!(residuals.segment(199), 70);
        assert_eq!((residuals.recent(72, 5), residuals.recent(80, 5)), (70..73, 76..81));
    }
}
