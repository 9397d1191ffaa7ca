//! What the forests of a service with evidence are given: how far it is from usual, never raw
//! values.
//!
//! A forest on raw values calls the peak of every day odd. On residuals it sees what is left when
//! season, recent level and noise are accounted for: per cycle one deviation in sigmas for each
//! metric of a seasonal service, or three moves (one for each span) for each metric of any other.
//! Training and service compute a feature with the same function from the same stretch of the
//! past, so that equal data gives equal bits in both.

use std::ops::Range;

use domain::{Calendar, MetricSet};

use crate::evidence::{EvidenceModel, EvidenceWindow, generic_samples};
use crate::generic::{self, GenericModel, Samples};
use crate::residual::transform::Form;
use crate::residual::{ResidualModel, Residuals, standard::Standardised};
use crate::rows::{Rows, ServiceSamples};
use crate::trial::Material;

/// Features of one service at several instants, column by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureTable {
    /// A metric's name, or `metric@span` where a metric has several.
    pub names: Vec<String>,
    /// Ends of cycles, epoch seconds, ascending.
    pub times_s: Vec<i64>,
    /// One per name, as long as `times_s`; NaN is missing.
    pub columns: Vec<Vec<f32>>,
    /// Length of a cycle.
    pub width_s: i64,
}

/// Features of one service at one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    pub each: Vec<Feature>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    pub name: String,
    pub value: f32,
    /// What is usual for the metric at this time, lately, in its own unit; NaN if not known.
    pub usual: f64,
}

/// Between a metric's name and a span.
pub const SPAN_MARK: char = '@';

impl FeatureTable {
    /// The features of everything that a model learned from.
    pub fn of(
        model: &EvidenceModel,
        material: &Material,
        metrics: &MetricSet,
        calendar: &Calendar,
    ) -> FeatureTable {
        match (model, material) {
            (EvidenceModel::Residual(model), Material::Cycles(rows)) => {
                FeatureTable::of_cycles(model, calendar, metrics, rows)
            }
            (EvidenceModel::Generic(model), Material::Samples(samples)) => {
                let samples = generic_samples(samples, metrics, i64::MIN, i64::MAX);
                FeatureTable::of_samples(model, &samples, i64::MIN)
            }
            _ => FeatureTable::default(),
        }
    }

    /// The deviations of all cycles of `rows`, which must be as wide as the model's cycles.
    pub fn of_cycles(
        model: &ResidualModel,
        calendar: &Calendar,
        metrics: &MetricSet,
        rows: &Rows,
    ) -> FeatureTable {
        let residuals = Residuals::of(model, calendar, metrics, rows);
        FeatureTable::of_residuals(model, &residuals, 0..residuals.len()).0
    }

    /// The deviations of some cycles, and each metric's recent level in the last of them.
    fn of_residuals(
        model: &ResidualModel,
        residuals: &Residuals,
        cycles: Range<usize>,
    ) -> (FeatureTable, Vec<f64>) {
        let standardised = Standardised::of(model, residuals, cycles.clone());
        let present: Vec<usize> =
            cycles.clone().filter(|index| residuals.is_present(*index)).collect();
        let column = |series: usize| {
            let z = standardised.z(series, cycles.clone());
            present.iter().map(|index| z[index - cycles.start] as f32).collect()
        };
        let series = 0..model.series.len();
        let level = |series| match cycles.end.checked_sub(1).filter(|last| *last >= cycles.start) {
            Some(last) => standardised.level(series, last),
            None => 0.0,
        };
        let table = FeatureTable {
            names: model.series.iter().map(|series| series.metric.clone()).collect(),
            times_s: present.iter().map(|index| residuals.time_s(*index)).collect(),
            columns: series.clone().map(column).collect(),
            width_s: model.cycle(),
        };
        (table, series.map(level).collect())
    }

    /// The moves of all samples later than `after_s`.
    pub fn of_samples(model: &GenericModel, samples: &[Samples<'_>], after_s: i64) -> FeatureTable {
        let (names, times_s, columns) = generic::moves(model, samples, after_s);
        FeatureTable { names, times_s, columns, width_s: model.step_s() }
    }

    /// How many instants there are.
    pub fn len(&self) -> usize {
        self.times_s.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.times_s.is_empty()
    }

    /// The instants for which `keep` says so.
    pub fn filter(&self, mut keep: impl FnMut(i64) -> bool) -> FeatureTable {
        let kept: Vec<usize> = (0..self.len()).filter(|at| keep(self.times_s[*at])).collect();
        self.select(&kept)
    }

    /// The first `count` instants, and the rest.
    pub fn split_at(&self, count: usize) -> (FeatureTable, FeatureTable) {
        let all: Vec<usize> = (0..self.len()).collect();
        let (first, rest) = all.split_at(count.min(all.len()));
        (self.select(first), self.select(rest))
    }

    /// The finite values of a feature.
    pub fn finite(&self, name: &str) -> Vec<f32> {
        let column = self.names.iter().position(|it| it == name).map(|at| &self.columns[at]);
        column.into_iter().flatten().copied().filter(|value| value.is_finite()).collect()
    }

    fn select(&self, instants: &[usize]) -> FeatureTable {
        let pick = |column: &Vec<f32>| instants.iter().map(|at| column[*at]).collect();
        FeatureTable {
            names: self.names.clone(),
            times_s: instants.iter().map(|at| self.times_s[*at]).collect(),
            columns: self.columns.iter().map(pick).collect(),
            width_s: self.width_s,
        }
    }
}

impl Features {
    /// Those of the newest cycle that ends at `at_s` or not more than a cycle before; empty if
    /// there is none. The window must have been extended to `at_s`.
    pub fn of(
        model: &EvidenceModel,
        window: &EvidenceWindow,
        samples: &ServiceSamples,
        metrics: &MetricSet,
        at_s: i64,
    ) -> Features {
        match (model, window) {
            (EvidenceModel::Residual(model), EvidenceWindow::Residual { cycles, .. }) => {
                Features::of_newest(model, cycles, at_s)
            }
            (EvidenceModel::Generic(generic), _) => {
                let start_s = at_s - model.window_s();
                let samples = generic_samples(samples, metrics, start_s, at_s);
                let table = FeatureTable::of_samples(generic, &samples, at_s - 2 * model.cycle_s());
                Features::last_of(&table, |_| f64::NAN)
            }
            (EvidenceModel::Residual(_), EvidenceWindow::Samples) => Features::default(),
        }
    }

    fn of_newest(model: &ResidualModel, residuals: &Residuals, at_s: i64) -> Features {
        let newest = (0..residuals.len()).rev().find(|index| residuals.is_present(*index));
        let newest = newest.filter(|index| residuals.time_s(*index) > at_s - 2 * model.cycle());
        let Some(newest) = newest else { return Features::default() };
        let (table, levels) = FeatureTable::of_residuals(model, residuals, newest..newest + 1);
        Features::last_of(&table, |at| {
            let form = model.series[at].form;
            let usual = f64::from(residuals.series()[at].usual[newest]);
            match form {
                Form::ErrorShare => usual,
                Form::Rate => form.inverse(usual + levels[at]) / model.cycle() as f64,
                Form::Latency | Form::Gauge => form.inverse(usual + levels[at]),
            }
        })
    }

    fn last_of(table: &FeatureTable, usual: impl Fn(usize) -> f64) -> Features {
        let named = table.names.iter().zip(&table.columns).enumerate();
        let each = named.filter_map(|(at, (name, column))| {
            let value = column.last().copied().filter(|value| value.is_finite())?;
            Some(Feature { name: name.clone(), value, usual: usual(at) })
        });
        Features { each: each.collect() }
    }

    /// The feature with this name.
    pub fn get(&self, name: &str) -> Option<&Feature> {
        self.each.iter().find(|feature| feature.name == name)
    }

    /// Those of one metric.
    #[must_use]
    pub fn only(&self, metric: &str) -> Features {
        let is_its = |feature: &&Feature| metric_of(&feature.name) == metric;
        Features { each: self.each.iter().filter(is_its).cloned().collect() }
    }
}

/// The metric that a feature is about.
pub fn metric_of(feature: &str) -> &str {
    feature.split_once(SPAN_MARK).map_or(feature, |(metric, _)| metric)
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
