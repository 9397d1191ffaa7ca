//! Drift on the wire: whether the model still knows the service.

use std::collections::BTreeMap;

use detect::drift::{Basis, DriftReport, MetricDrift};
use domain::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::render::{round, significant};

/// What the check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftAnalysis {
    pub has_drift: bool,
    /// Largest distance of a drifted metric, in standard deviations of training; 0 without any.
    pub overall_drift_score: f64,
    pub recommendation: String,
    /// Far from training for a whole day: it is time to train again.
    #[serde(default)]
    pub training_due: bool,
    /// Drifted metrics only.
    pub drift_metrics: BTreeMap<String, DriftedMetric>,
    pub multivariate_drift: bool,
    /// Median distance of the window's rows from training, and the limit for so many metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mahalanobis_distance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multivariate_threshold: Option<f64>,
    /// `window`: rows of the period in the last day. `instant`: one observation, which never costs
    /// confidence.
    pub basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
    /// Change of each metric's distribution: 0.1 is moderate, 0.25 severe.
    pub population_stability: BTreeMap<String, f64>,
}

/// A metric that has left its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftedMetric {
    pub z_score: f64,
    pub training_mean: f64,
    pub training_std: f64,
    /// Median of the window.
    pub current_value: f64,
    pub severity: Severity,
    /// Standard errors of that median from the mean of training.
    pub standard_errors: f64,
    /// `stable`, `moderate` or `severe`, beyond what so few rows show by chance.
    pub stability: String,
}

/// The model is out of date, and confidences are lower for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftWarning {
    /// Always `model_drift`.
    #[serde(rename = "type")]
    pub kind: String,
    pub overall_drift_score: f64,
    pub recommendation: String,
    pub affected_metrics: Vec<String>,
    pub confidence_penalty_applied: f64,
    pub multivariate_drift: bool,
}

pub(crate) fn analysis(found: &DriftReport) -> DriftAnalysis {
    let stability = |metric: &MetricDrift| Some((metric.metric.clone(), round(metric.psi?, 3)));
    DriftAnalysis {
        has_drift: found.has_drift(),
        overall_drift_score: round(found.score(), 2),
        recommendation: found.recommendation().to_owned(),
        training_due: found.is_lasting,
        drift_metrics: found.drifted().map(|it| (it.metric.clone(), drifted(it))).collect(),
        multivariate_drift: found.has_relation_drift(),
        mahalanobis_distance: found.relation.map(|relation| round(relation.distance, 3)),
        multivariate_threshold: found.relation.map(|relation| round(relation.limit, 3)),
        basis: found.basis.as_str().to_owned(),
        rows: match found.basis {
            Basis::Window { rows } => Some(rows as u32),
            Basis::Instant => None,
        },
        population_stability: found.metrics.iter().filter_map(stability).collect(),
    }
}

/// Only where it costs confidence.
pub(crate) fn warning(found: &DriftReport) -> Option<DriftWarning> {
    (found.penalty > 0.0).then(|| DriftWarning {
        kind: "model_drift".to_owned(),
        overall_drift_score: round(found.score(), 2),
        recommendation: found.recommendation().to_owned(),
        affected_metrics: found.drifted().map(|metric| metric.metric.clone()).collect(),
        confidence_penalty_applied: found.penalty,
        multivariate_drift: found.has_relation_drift(),
    })
}

fn drifted(metric: &MetricDrift) -> DriftedMetric {
    DriftedMetric {
        z_score: round(metric.z_score, 2),
        training_mean: significant(metric.training_mean),
        training_std: significant(metric.training_std),
        current_value: significant(metric.current),
        severity: metric.severity(),
        standard_errors: round(metric.standard_errors(), 1),
        stability: metric.stability().to_owned(),
    }
}
