//! The end of an incident.

use std::collections::BTreeMap;

use domain::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slo::SloEvaluation;

/// What `model_type` says of a resolution.
pub const MODEL_TYPE: &str = "incident_resolution";

/// An announced incident is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resolution {
    pub schema_version: String,
    /// Id of the message that this is the body of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub service_name: String,
    /// When the incident was closed.
    pub timestamp: String,
    pub incident_id: String,
    pub fingerprint_id: String,
    pub anomaly_name: String,
    /// Always `incident_resolution`.
    pub model_type: String,
    pub resolution_details: ResolutionDetails,
    /// How the service looked when it ended; absent where its metrics are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution_context: Option<ResolutionContext>,
}

/// The incident in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolutionDetails {
    pub final_severity: Severity,
    pub peak_severity: Severity,
    /// Cycles in which it was detected.
    pub total_occurrences: u32,
    /// From the first detection to the end, the quiet cycles before the end included.
    pub incident_duration_minutes: u32,
    /// From the first detection to the last.
    pub active_duration_minutes: u32,
    /// Minutes in which the service could not be evaluated.
    #[serde(default, skip_serializing_if = "crate::tracking::is_zero")]
    pub unobserved_minutes: u32,
    pub first_seen: String,
    /// Period of the model that saw it last, or `unknown`.
    pub last_detected_by_model: String,
    /// Quiet cycles before it was closed; only where it was closed for being quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_cycles_before_close: Option<u32>,
    pub resolution_reason: ResolutionReason,
}

/// Why an incident was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionReason {
    /// Not seen any more.
    Resolved,
    /// Seen again only after a long gap: that is another incident.
    AutoStale,
    SystemReset,
    OperatorClosed,
    ServiceRemoved,
    /// The service could not be evaluated for too long.
    Unobserved,
}

/// How the service looked when the incident ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResolutionContext {
    /// By metric; null where it was not collected.
    pub metrics_at_resolution: BTreeMap<String, Option<f64>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub comparison_to_baseline: BTreeMap<String, BaselineComparison>,
    /// How the service stands against what it owes; absent without objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo_evaluation: Option<SloEvaluation>,
    pub health_summary: HealthSummary,
}

/// A value beside what was usual in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineComparison {
    pub current: f64,
    pub training_mean: f64,
    pub training_std: f64,
    pub deviation_sigma: f64,
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percentile_estimate: f64,
    pub status: BaselineStatus,
}

/// How far from its baseline a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineStatus {
    Normal,
    /// More than two deviations above.
    Elevated,
    /// More than three above.
    High,
    /// More than two below.
    Low,
    /// More than three below.
    VeryLow,
}

/// Whether the service is well again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthSummary {
    pub all_metrics_normal: bool,
    pub slo_compliant: bool,
    pub summary: String,
}

impl BaselineComparison {
    /// Compares a value with its training: percentiles as of a normal distribution.
    pub fn new(current: f64, mean: f64, std: f64) -> BaselineComparison {
        let sigma = if std > 0.0 { (current - mean) / std } else { 0.0 };
        let percentile = 50.0 * (1.0 + libm::erf(sigma / std::f64::consts::SQRT_2));
        let round = |value: f64, scale: f64| (value * scale).round() / scale;
        BaselineComparison {
            current,
            training_mean: mean,
            training_std: std,
            deviation_sigma: round(sigma, 100.0),
            percentile_estimate: round(percentile.clamp(0.0, 100.0), 10.0),
            status: BaselineStatus::of(sigma),
        }
    }

    /// Whether the value is nothing to worry about: `low` is fine, and for metrics whose low side
    /// does not hurt `very_low` too.
    pub fn is_normal(&self, low_side_hurts: bool) -> bool {
        match self.status {
            BaselineStatus::Normal | BaselineStatus::Low => true,
            BaselineStatus::VeryLow => !low_side_hurts,
            BaselineStatus::Elevated | BaselineStatus::High => false,
        }
    }
}

impl BaselineStatus {
    fn of(sigma: f64) -> BaselineStatus {
        match sigma {
            sigma if sigma > 3.0 => BaselineStatus::High,
            sigma if sigma > 2.0 => BaselineStatus::Elevated,
            sigma if sigma < -3.0 => BaselineStatus::VeryLow,
            sigma if sigma < -2.0 => BaselineStatus::Low,
            _ => BaselineStatus::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_placed_beside_their_baseline() {
        use BaselineStatus::{Elevated, High, Low, Normal, VeryLow};
        for (mean, std, current, sigma, percentile, status) in [
            (100.0, 20.0, 100.0, 0.0, 50.0, Normal),
            (100.0, 20.0, 140.0, 2.0, 97.7, Normal),
            (100.0, 20.0, 150.0, 2.5, 99.4, Elevated),
            (100.0, 20.0, 160.0, 3.0, 99.9, Elevated),
            (100.0, 20.0, 180.0, 4.0, 100.0, High),
            (100.0, 20.0, 50.0, -2.5, 0.6, Low),
            (100.0, 20.0, 20.0, -4.0, 0.0, VeryLow),
            (100.0, 0.0, 130.0, 0.0, 50.0, Normal),
        ] {
            let it = BaselineComparison::new(current, mean, std);
            assert_eq!(
                (it.deviation_sigma, it.percentile_estimate, it.status),
                (sigma, percentile, status),
                "{current} beside {mean} ± {std}"
            );
        }
        let fallen = BaselineComparison::new(20.0, 100.0, 20.0);
        assert!(fallen.is_normal(false) && !fallen.is_normal(true));
    }
}
