//! What one cycle says of one service.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Period, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cascade::CascadeAnalysis;
use crate::correlation::Correlation;
use crate::drift::{DriftAnalysis, DriftWarning};
use crate::enrichment::{EnvoyContext, ExceptionContext, ServiceGraphContext};
use crate::slo::{SloContext, SloEvaluation};
use crate::tracking::{AffectedService, Fingerprinting, RootCause, Tracking};

/// The verdict on a service, told apart by `alert_type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "alert_type", rename_all = "snake_case")]
pub enum ServiceResult {
    /// At least one anomaly.
    AnomalyDetected(Box<Evaluation>),
    /// Evaluated, nothing found.
    NoAnomaly(Box<Evaluation>),
    /// Not evaluated, because its metrics could not be trusted.
    MetricsUnavailable(Box<Unavailable>),
    /// Not evaluated, because something else failed.
    Error(Box<Failure>),
}

/// A service that was evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    pub schema_version: String,
    /// Id of the message that this is the body of; absent in a cycle's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub service_name: String,
    /// The instant that the verdict is about.
    pub timestamp: String,
    /// Number of the two-minute tick.
    pub cycle_id: i64,
    pub time_period: Period,
    /// Period of the model that was used: another one than `time_period` on a fallback.
    pub model_name: Period,
    pub model_type: String,
    /// Start of the SHA-256 of the model's artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// By name of the anomaly.
    pub anomalies: BTreeMap<String, Anomaly>,
    pub anomaly_count: u32,
    /// `none` if and only if there is no anomaly.
    pub overall_severity: Severity,
    /// The detector's, where objectives changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_severity: Option<Severity>,
    /// By metric; null where it was not collected.
    pub current_metrics: BTreeMap<String, Option<f64>>,
    /// Mean of the training data, by metric.
    pub training_baselines: BTreeMap<String, f64>,
    pub validation_warnings: Vec<String>,
    /// What the check for drift found, where `inference.check_drift` is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_analysis: Option<DriftAnalysis>,
    /// The model is out of date, and confidences are lower for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_warning: Option<DriftWarning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_metrics_failure: Option<PartialFailure>,
    /// How the service stands against what it owes; absent without objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo_evaluation: Option<SloEvaluation>,
    /// What this cycle did to the incidents of the service; absent where none are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprinting: Option<Fingerprinting>,
    /// Services whose anomalies have the same cause and are not announced by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_services: Vec<AffectedService>,
    /// Another service that most likely causes this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
    /// The exceptions behind errors that break their objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_context: Option<ExceptionContext>,
    /// The calls that a slow service makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_graph_context: Option<ServiceGraphContext>,
    /// What the proxy in front of the service sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_context: Option<EnvoyContext>,
    /// Parts were left out because the message would have been too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    pub performance_info: PerformanceInfo,
    pub metadata: Metadata,
}

/// One anomaly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// `ml_isolation` (one metric), `consolidated` (several or a pattern), `multivariate` (only
    /// together) or `slo_threshold` (an objective made it).
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["ml_isolation", "consolidated", "multivariate", "slo_threshold"]))]
    pub kind: String,
    pub severity: Severity,
    /// The detector's, where objectives had their say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ml_severity: Option<Severity>,
    /// Why the severity is not what was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity_adjustments: Vec<String>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Before drift took something off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_confidence: Option<f64>,
    /// True where drift took something off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_warning: Option<bool>,
    /// Score of the evidence, or the lowest decision score among the signals.
    pub score: f64,
    /// The pattern that holds, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_name: Option<String>,
    pub description: String,
    /// What it may mean.
    pub interpretation: String,
    pub business_impact: String,
    /// Another latency that takes its part in a bottleneck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_metric: Option<String>,
    pub signal_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// Value of the root metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// `sudden` (half more or less within 15 minutes) or `sustained`, of the root metric; absent
    /// where the past does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<String>,
    /// Relative change of the root metric in 15 minutes and in an hour; 0.5 is half more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_15m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_1h: Option<f64>,
    pub detection_signals: Vec<DetectionSignal>,
    pub possible_causes: Vec<String>,
    pub recommended_actions: Vec<String>,
    pub checks: Vec<String>,
    pub contributing_metrics: Vec<String>,
    pub comparison_data: BTreeMap<String, Comparison>,
    /// Shares of the verdict that sum to one: of the forest of all metrics, or where it is silent
    /// of how far out each signal is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_contributions: Option<Vec<Contribution>>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub time_confidence: f64,
    pub detected_by_model: Period,
    /// Where it starts; absent where no call graph is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade_analysis: Option<CascadeAnalysis>,
    /// Its metric beside the limits in force; absent without objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo_context: Option<SloContext>,
    /// Other anomalies of the service that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
    /// Its incident; absent where none are kept.
    #[serde(flatten)]
    pub tracking: Option<Tracking>,
}

/// One detector's voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectionSignal {
    /// `isolation_forest`, `seasonal_residual`, `recent_level`, `zero_normal_threshold`,
    /// `traffic_outage`, `multivariate` or `named_pattern_matching`.
    pub method: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    pub severity: Severity,
    /// `calibrated`, `tail`, `rule` or `fallback`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_source: Option<String>,
    pub score: f64,
    /// What is usual at this time, lately; in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// `high`, `low` or `activated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percentile: Option<f64>,
    /// The pattern, of `named_pattern_matching`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// One sentence that can be checked on a dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// Where a value would be if all were as usual at this time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    pub usual: f64,
    /// Values beyond these are out of the ordinary.
    pub low: f64,
    pub high: f64,
}

/// A value beside what was usual in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    pub current: f64,
    pub training_mean: f64,
    pub training_std: f64,
    pub training_p95: f64,
    pub deviation_sigma: f64,
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percentile_estimate: f64,
    /// By the season and the recent level, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// A metric's share of a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contribution {
    pub feature: String,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub contribution: f64,
    /// `elevated`, `reduced` or `unusual`.
    pub direction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
}

/// Some metrics could not be collected; the others were evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartialFailure {
    pub failed_metrics: Vec<String>,
    /// `2/5 metrics failed: a, b`
    pub failure_summary: String,
}

/// How the verdict was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerformanceInfo {
    pub drift_check_enabled: bool,
    pub drift_penalty_applied: f64,
    pub lazy_loaded: bool,
    pub models_loaded: Vec<String>,
    pub period_used: Period,
    /// Periods of this service that have a model of their own.
    pub total_available: u32,
    pub model_age_hours: f64,
}

/// Where the verdict comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    pub service_name: String,
    pub detection_timestamp: String,
    /// Distinct methods of the signals, sorted.
    pub models_used: Vec<String>,
    pub feature_set: String,
    /// Always true: anomalies have interpretations, causes and actions.
    #[serde(default)]
    pub enhanced_messaging: bool,
    pub is_fallback: bool,
    /// The model learned from days that are excluded from the usual ones, and serves in them.
    #[serde(default)]
    pub is_holiday_variant: bool,
    /// Which days those are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_variant: Option<String>,
    /// The model is in force although it did not pass its gate.
    pub is_provisional: bool,
    pub trained_at: String,
    /// What this version can do for a verdict.
    pub features: BTreeMap<String, bool>,
}

/// A service whose metrics could not be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unavailable {
    pub schema_version: String,
    pub service_name: String,
    pub timestamp: String,
    pub cycle_id: i64,
    pub error: String,
    pub skipped_reason: SkippedReason,
    pub failed_metrics: Vec<String>,
    /// By metric, at most 200 characters each.
    pub collection_errors: BTreeMap<String, String>,
    /// Always empty.
    pub anomalies: BTreeMap<String, Anomaly>,
    /// Always 0.
    pub anomaly_count: u32,
    /// Always `none`.
    pub overall_severity: Severity,
}

/// Why a service was not evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkippedReason {
    /// The request rate is missing.
    CriticalMetricsUnavailable,
    /// More than two metrics are missing.
    TooManyMetricsFailed,
    /// The source answered, but holds no recent sample of this service.
    MetricsStale,
}

/// A service that could not be evaluated although its metrics were there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    pub schema_version: String,
    pub service_name: String,
    pub timestamp: String,
    pub cycle_id: i64,
    pub error_message: String,
    pub error_code: ErrorCode,
}

/// Stable code of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No model for the period, nor a fallback.
    ModelNotFound,
    /// There is a model, but it cannot be used.
    ModelUnusable,
}

impl Evaluation {
    /// Puts anomalies in; all that is said of them as a whole follows.
    pub fn set_anomalies(&mut self, anomalies: BTreeMap<String, Anomaly>) {
        let signals = anomalies.values().flat_map(|anomaly| &anomaly.detection_signals);
        let methods: BTreeSet<&String> = signals.map(|signal| &signal.method).collect();
        self.metadata.models_used = methods.into_iter().cloned().collect();
        self.anomalies = anomalies;
        self.recount();
    }

    /// Makes count and severities what the anomalies say. Without any, objectives keep the word of
    /// their matrix: what is close to a limit is low, and no anomaly.
    pub fn recount(&mut self) {
        self.anomaly_count = self.anomalies.len() as u32;
        let worst = self.anomalies.values().map(|anomaly| anomaly.severity).max();
        self.overall_severity = worst.unwrap_or(Severity::None);
        let Some(said) = &mut self.slo_evaluation else { return };
        if let Some(worst) = worst {
            said.adjusted_severity = worst;
            said.severity_changed = worst != said.original_severity;
        }
        let original = said.original_severity;
        self.original_severity = (original != self.overall_severity).then_some(original);
    }

    /// Puts in what objectives say of its anomalies.
    pub fn set_objectives(&mut self, said: SloEvaluation) {
        self.slo_evaluation = Some(said);
        self.recount();
    }

    /// Leaves anomalies out; what objectives say of the rest takes the place of what they said of
    /// all.
    pub fn leave_out(
        &mut self,
        is_out: impl Fn(&str, &Anomaly) -> bool,
        rest: Option<&SloEvaluation>,
    ) {
        let mut anomalies = std::mem::take(&mut self.anomalies);
        let all = anomalies.len();
        anomalies.retain(|name, anomaly| !is_out(name, anomaly));
        let is_less = anomalies.len() < all;
        self.set_anomalies(anomalies);
        if let Some(rest) = rest.filter(|_| is_less) {
            self.set_objectives(rest.clone());
        }
    }
}

impl ServiceResult {
    /// The result of a service that was evaluated.
    pub fn of(evaluation: Box<Evaluation>) -> ServiceResult {
        if evaluation.anomalies.is_empty() {
            ServiceResult::NoAnomaly(evaluation)
        } else {
            ServiceResult::AnomalyDetected(evaluation)
        }
    }

    /// The service that this is about.
    pub fn service_name(&self) -> &str {
        match self {
            ServiceResult::AnomalyDetected(it) | ServiceResult::NoAnomaly(it) => &it.service_name,
            ServiceResult::MetricsUnavailable(it) => &it.service_name,
            ServiceResult::Error(it) => &it.service_name,
        }
    }

    /// The severity, `none` where nothing was evaluated.
    pub fn severity(&self) -> Severity {
        match self {
            ServiceResult::AnomalyDetected(it) | ServiceResult::NoAnomaly(it) => {
                it.overall_severity
            }
            _ => Severity::None,
        }
    }

    /// The evaluation, where there was one.
    pub fn evaluation(&self) -> Option<&Evaluation> {
        match self {
            ServiceResult::AnomalyDetected(it) | ServiceResult::NoAnomaly(it) => Some(it),
            _ => None,
        }
    }
}
