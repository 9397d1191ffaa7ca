//! Which values of a metric its forest flags: where its score curve lies below zero.
//!
//! The forest of one metric is a step function, so the zones are exact. Ends are in the metric's
//! own unit, or in sigmas from usual where the forest learned from deviations; values that the
//! metric cannot have are no part of a zone.

use detect::model::{Axis, MetricModel, UnivariateForest};
use domain::MetricKind;
use serde::Serialize;

/// Values that are flagged, from one end to the other; without an end it goes on for ever.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Zone {
    /// Excluded.
    pub(super) above: Option<f64>,
    /// Included.
    pub(super) up_to: Option<f64>,
}

/// The flagged values of a metric, lowest first. Empty without a forest.
pub(super) fn flagged_zones(metric: &MetricModel) -> Vec<Zone> {
    let Some(forest) = &metric.forest else { return Vec::new() };
    let (lowest, highest) = possible(metric, forest.axis);
    let mut zones: Vec<(f32, f32)> = Vec::new();
    for step in forest.steps.steps() {
        let is_possible = step.to >= lowest && step.from < highest;
        if !is_possible || forest.calibration.decision(step.score) >= 0.0 {
            continue;
        }
        match zones.last_mut() {
            Some(zone) if zone.1 == step.from => zone.1 = step.to,
            _ => zones.push((step.from, step.to)),
        }
    }
    let value = |feature: f32| metric.at_feature(forest.axis, feature);
    zones
        .into_iter()
        .map(|(from, to)| Zone {
            above: (from.is_finite() && from >= lowest).then(|| value(from)),
            up_to: (to < highest).then(|| value(to)),
        })
        .collect()
}

/// The flagged zones that reach the lower and the upper end: (flags up to, flags above).
pub(super) fn bounds(metric: &MetricModel) -> (Option<f64>, Option<f64>) {
    let zones = flagged_zones(metric);
    let low = zones.first().filter(|zone| zone.above.is_none()).and_then(|zone| zone.up_to);
    let high = zones.last().filter(|zone| zone.up_to.is_none()).and_then(|zone| zone.above);
    (low, high)
}

/// The decision score of a value.
pub(super) fn decision(metric: &MetricModel, forest: &UnivariateForest, value: f64) -> f64 {
    let feature = metric.feature(forest.axis, value);
    forest.calibration.decision(forest.steps.score(feature))
}

/// The features that values of this kind can have, both ends included.
pub(super) fn possible(metric: &MetricModel, axis: Axis) -> (f32, f32) {
    if axis == Axis::Deviation {
        return (f32::NEG_INFINITY, f32::INFINITY);
    }
    let at = |value: f64| metric.transform.apply(value) as f32;
    match metric.kind {
        MetricKind::Rate | MetricKind::Latency => (at(0.0), f32::INFINITY),
        MetricKind::Ratio => (at(0.0), at(1.0)),
        MetricKind::Gauge => (f32::NEG_INFINITY, f32::INFINITY),
    }
}
