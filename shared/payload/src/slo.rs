//! What objectives say of a service and of one anomaly.

mod render;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use domain::Severity;

pub use render::{SLO_THRESHOLD, context, evaluation, synthetic};

/// How a service stands against what it owes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloEvaluation {
    /// The detector's.
    pub original_severity: Severity,
    /// Equals `overall_severity` of the result.
    pub adjusted_severity: Severity,
    pub severity_changed: bool,
    /// The word of the severity matrix.
    #[schemars(extend("enum" = ["none", "informational", "low", "medium", "warning", "high", "critical"]))]
    pub matrix_outcome: String,
    /// The lower bound that a fall of traffic set; absent if it raised nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_floor: Option<Severity>,
    #[schemars(extend("enum" = ["ok", "approaching_warning", "warning", "breached"]))]
    pub slo_status: String,
    /// The worst of latency and error rate over its critical limit; 1 and more is a breach.
    #[schemars(range(min = 0.0))]
    pub slo_proximity: f64,
    /// The objective that decides the status; absent if it is ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    #[schemars(extend("enum" = ["none", "informational", "actionable", "critical"]))]
    pub operational_impact: String,
    pub is_busy_period: bool,
    /// Some metric was not collected: the status may be worse than said.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
    pub latency_evaluation: LatencyEvaluation,
    pub error_rate_evaluation: ErrorRateEvaluation,
    /// Absent for a service without a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_latency_evaluation: Option<DatabaseLatencyEvaluation>,
    pub request_rate_evaluation: RequestRateEvaluation,
    /// Absent without an objective, or where nobody counts failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_budget_evaluation: Option<ErrorBudgetEvaluation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Suppressed>,
    pub explanation: String,
}

/// Latency in milliseconds against its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyEvaluation {
    /// A status, or `unavailable`: then there is neither value nor proximity.
    #[schemars(extend("enum" = ["ok", "approaching_warning", "warning", "breached", "unavailable"]))]
    pub status: String,
    pub proximity: Option<f64>,
    pub value: Option<f64>,
    pub threshold_acceptable: f64,
    pub threshold_warning: f64,
    pub threshold_critical: f64,
}

/// Error rate, a share from 0 to 1, against its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorRateEvaluation {
    #[serde(flatten)]
    pub ladder: LatencyEvaluation,
    /// `0.70%`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_percent: Option<String>,
    /// There were too few requests: a worse status was taken back to `approaching_warning`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub low_traffic_capped: bool,
    /// So few failures are chance at the acceptable rate: the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub few_failures_capped: bool,
    /// Probability of at least so many failures at the acceptable rate, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p_value: Option<f64>,
}

/// Database latency in milliseconds against its floor and its usual mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseLatencyEvaluation {
    #[schemars(extend("enum" = ["ok", "info", "warning", "high", "critical", "unavailable"]))]
    pub status: String,
    pub value_ms: Option<f64>,
    pub baseline_mean_ms: Option<f64>,
    /// Null without a mean: then thresholds are multiples of the floor.
    pub ratio: Option<f64>,
    pub floor_ms: f64,
    pub below_floor: bool,
    /// Absent below the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<RatioThresholds>,
}

/// Multiples of the usual mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatioThresholds {
    pub info: f64,
    pub warning: f64,
    pub high: f64,
    pub critical: f64,
}

/// Request rate against its usual mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestRateEvaluation {
    #[schemars(extend("enum" = ["ok", "info", "warning", "high", "critical", "unavailable"]))]
    pub status: String,
    /// Absent if the rate was not collected.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["normal", "no_traffic", "low_traffic", "surge", "cliff", null]))]
    pub kind: Option<String>,
    /// Present and false where traffic is not judged by configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["informational", "warning", "high", "critical", null]))]
    pub severity: Option<String>,
    pub value_rps: Option<f64>,
    pub baseline_mean_rps: Option<f64>,
    pub ratio: Option<f64>,
    /// Of a surge or cliff: percent of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_percent: Option<f64>,
    /// Of other traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_expected_rps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlated_with_latency: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlated_with_errors: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_peak_hours: Option<bool>,
    pub explanation: String,
}

/// How fast failures use up what a month allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBudgetEvaluation {
    #[schemars(extend("enum" = ["ok", "approaching_warning", "warning", "breached"]))]
    pub status: String,
    /// Share of requests that must succeed.
    pub objective: f64,
    /// By window, shortest first; 1 uses up the budget in exactly 30 days.
    pub burn_rates: Vec<BurnRate>,
    /// Share of the budget that is left, negative if overdrawn; null if not known.
    pub remaining: Option<f64>,
    /// Null if nothing burns.
    pub minutes_to_exhaustion: Option<f64>,
}

/// The burn rate of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BurnRate {
    pub window_minutes: f64,
    pub burn_rate: f64,
}

/// An anomaly that was dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    pub name: String,
    pub metric: String,
    pub value: f64,
    pub threshold: f64,
    pub reason: String,
}

/// One anomaly's metric beside the limits in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SloContext {
    Database {
        current_value_ms: f64,
        baseline_mean_ms: Option<f64>,
        ratio: Option<f64>,
        floor_ms: f64,
        /// Always false: below it the anomaly is dropped.
        below_floor: bool,
        thresholds: RatioThresholds,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    Latency {
        current_value_ms: f64,
        acceptable_threshold_ms: f64,
        critical_threshold_ms: f64,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    ErrorRate {
        current_value: f64,
        /// `0.70%`
        current_value_percent: String,
        acceptable_threshold: f64,
        critical_threshold: f64,
        suppression_threshold: f64,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    RequestRate {
        current_value_rps: f64,
        baseline_mean_rps: Option<f64>,
        ratio: Option<f64>,
        surge_threshold_percent: f64,
        cliff_threshold_percent: f64,
        is_surge: bool,
        is_cliff: bool,
        is_busy_period: bool,
    },
}

/// A field that is there only when it says something.
fn is_false(flag: &bool) -> bool {
    !*flag
}
