//! The fixed suite of faults that a new model must see: single faults, then combinations.

use domain::config::valid::Gates;
use domain::{MetricKind, MetricSet};

use crate::model::PeriodModel;
use crate::rows::{Observation, Rows};

/// What a fault does to one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect {
    Times(f64),
    /// An error rate of at least 5 %, and at least ten times the present one.
    Failing,
}

/// Metrics and what happens to them at once.
pub(crate) type Fault = [(&'static str, Effect)];

/// The suite.
pub(crate) const FAULTS: &[&Fault] = &[
    &[("request_rate", Effect::Times(0.0))],
    &[("request_rate", Effect::Times(4.0))],
    &[("application_latency", Effect::Times(3.0))],
    &[("error_rate", Effect::Failing)],
    &[("dependency_latency", Effect::Times(4.0))],
    &[("database_latency", Effect::Times(4.0))],
    &[
        ("request_rate", Effect::Times(4.0)),
        ("application_latency", Effect::Times(3.0)),
        ("error_rate", Effect::Failing),
    ],
    &[("application_latency", Effect::Times(3.0)), ("error_rate", Effect::Failing)],
    &[("application_latency", Effect::Times(3.0)), ("database_latency", Effect::Times(4.0))],
    &[("application_latency", Effect::Times(3.0)), ("dependency_latency", Effect::Times(4.0))],
    &[("application_latency", Effect::Times(0.2)), ("error_rate", Effect::Failing)],
];

/// Requests in the last three cycles below which no fault is asked for: twice what evidence needs.
const REQUESTS_MIN: f64 = 40.0;
/// The same of failures.
const FAILURES_MIN: f64 = 6.0;
/// The same of milliseconds.
const LATENCY_MS_MIN: f64 = 6.0;
/// Cycles that evidence looks at for effects.
const EFFECT_CYCLES: usize = 3;

impl Effect {
    fn apply(self, before: f64) -> f64 {
        match self {
            Effect::Times(factor) => before * factor,
            Effect::Failing => (before * 10.0).clamp(0.05, 1.0),
        }
    }
}

/// The observation with a fault in it, or `None` where the fault would be too small to matter:
/// nothing to be multiplied, too little traffic, or a change below the effect gates.
pub(crate) fn inject(
    fault: &Fault,
    model: &PeriodModel,
    normal: &Observation,
    metrics: &MetricSet,
    gates: &Gates,
) -> Option<Observation> {
    let mut broken = normal.clone();
    for (name, effect) in fault {
        let index = metrics.index_of(name)?;
        let metric = model.metric(name)?;
        metric.forest.as_ref()?;
        let before = normal.values.get(index).copied().flatten()?;
        let after = effect.apply(before);
        let (change, enough) = match metric.kind {
            MetricKind::Rate => ((after - before).abs(), 2.0 * gates.rate_min),
            MetricKind::Latency => ((after - before).abs(), 2.0 * gates.latency_ms_min),
            MetricKind::Ratio | MetricKind::Gauge => (1.0, 0.0),
        };
        if before == 0.0 && metric.kind != MetricKind::Ratio || change < enough {
            return None;
        }
        if metric.kind == MetricKind::Rate {
            broken.requests = Some(normal.requests? * after / before);
        }
        broken.values[index] = Some(after);
    }
    let needs_volume = fault.iter().any(|(name, _)| *name != "request_rate");
    let volume = normal.requests.is_none_or(|requests| requests >= gates.requests_min);
    (volume || !needs_volume).then_some(broken)
}

/// The cycles with a fault in all of them, or `None` where the fault would be too small to matter
/// to evidence.
pub(crate) fn inject_cycles(fault: &Fault, normal: &Rows, metrics: &MetricSet) -> Option<Rows> {
    let traffic = metrics.traffic_index()?;
    let last = normal.len().saturating_sub(EFFECT_CYCLES)..normal.len();
    let before: f64 = normal.columns[traffic][last.clone()].iter().sum();
    let requests = before * normal.width_s as f64;
    let mut broken = normal.clone();
    for (name, effect) in fault {
        let index = metrics.index_of(name)?;
        let kind = metrics.get(index)?.kind;
        for value in &mut broken.columns[index] {
            *value = effect.apply(*value);
        }
        let (old, new) = (&normal.columns[index], &broken.columns[index]);
        let matters = |row: usize| match kind {
            MetricKind::Latency => (new[row] - old[row]).abs() >= LATENCY_MS_MIN,
            MetricKind::Ratio => new[row] * requests >= FAILURES_MIN,
            MetricKind::Rate | MetricKind::Gauge => old[row] > 0.0,
        };
        // Not a number never matters.
        if !last.clone().all(matters) {
            return None;
        }
    }
    broken.drop_undefined(metrics);
    (requests >= REQUESTS_MIN).then_some(broken)
}
