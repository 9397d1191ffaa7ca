//! From what scoring found to what goes on the wire.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use detect::anomaly;
use detect::drift::DriftReport;
use detect::evidence::Evidence;
use detect::model::PeriodModel;
use detect::rows::Observation;
use detect::score::Assessment;
use domain::limits::CYCLE_S;
use domain::{MetricSet, Period, ServiceName, Severity, Variant};

use crate::result::{
    Anomaly, ErrorCode, Evaluation, Failure, Metadata, PartialFailure, PerformanceInfo,
    ServiceResult, SkippedReason, Unavailable,
};
use crate::{SCHEMA_VERSION, drift, instant};

mod anomalies;

use anomalies::{render_anomaly, signals};

/// How models that know five periods of the week are called on the wire.
const MODEL_TYPE: &str = "time_aware_5period";

/// A service that was judged, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    pub service: &'a ServiceName,
    pub at: DateTime<Utc>,
    pub period: Period,
    pub metrics: &'a MetricSet,
    pub observation: &'a Observation,
    pub model: &'a PeriodModel,
    /// SHA-256 of the model's artifact.
    pub model_digest: &'a str,
    /// Whose model it is, where it is not a usual one.
    pub variant: Option<&'a Variant>,
    /// Confidence of the period whose model was used, reduced on a fallback.
    pub time_confidence: f64,
    pub periods_available: u32,
    pub warnings: &'a [String],
    pub failed_metrics: &'a [String],
    pub assessment: &'a Assessment,
    /// What opened the anomaly, where forests did not, and by which method.
    pub evidence: Option<(&'a Evidence, &'static str)>,
    pub anomaly: Option<&'a anomaly::Anomaly>,
    /// `None` where drift is not looked for.
    pub drift: Option<&'a DriftReport>,
}

/// The result of a service that was judged.
pub fn judged(it: &Judged<'_>) -> ServiceResult {
    let anomalies: BTreeMap<String, Anomaly> =
        it.anomaly.iter().map(|found| (found.name.clone(), render_anomaly(it, found))).collect();
    let severity = anomalies.values().map(|found| found.severity).max().unwrap_or(Severity::None);
    let is_fallback = it.model.period != it.period;
    let evaluation = Box::new(Evaluation {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: None,
        service_name: it.service.to_string(),
        timestamp: instant(it.at),
        cycle_id: cycle_id(it.at),
        time_period: it.period,
        model_name: it.model.period,
        model_type: MODEL_TYPE.to_owned(),
        model_version: Some(it.model_digest.chars().take(12).collect()),
        anomaly_count: anomalies.len() as u32,
        overall_severity: severity,
        original_severity: None,
        current_metrics: current_metrics(it),
        training_baselines: baselines(it.model),
        validation_warnings: it.warnings.to_vec(),
        drift_analysis: it.drift.map(drift::analysis),
        drift_warning: it.drift.and_then(drift::warning),
        partial_metrics_failure: partial_failure(it),
        slo_evaluation: None,
        fingerprinting: None,
        affected_services: Vec::new(),
        root_cause: None,
        exception_context: None,
        service_graph_context: None,
        envoy_context: None,
        truncated: None,
        performance_info: performance(it),
        metadata: metadata(it, is_fallback),
        anomalies,
    });
    if evaluation.anomalies.is_empty() {
        ServiceResult::NoAnomaly(evaluation)
    } else {
        ServiceResult::AnomalyDetected(evaluation)
    }
}

/// The result of a service whose metrics could not be trusted.
pub fn unavailable(
    service: &ServiceName,
    at: DateTime<Utc>,
    reason: SkippedReason,
    error: String,
    collection_errors: BTreeMap<String, String>,
) -> ServiceResult {
    ServiceResult::MetricsUnavailable(Box::new(Unavailable {
        schema_version: SCHEMA_VERSION.to_owned(),
        service_name: service.to_string(),
        timestamp: instant(at),
        cycle_id: cycle_id(at),
        error,
        skipped_reason: reason,
        failed_metrics: collection_errors.keys().cloned().collect(),
        collection_errors,
        anomalies: BTreeMap::new(),
        anomaly_count: 0,
        overall_severity: Severity::None,
    }))
}

/// The result of a service that could not be judged.
pub fn failure(
    service: &ServiceName,
    at: DateTime<Utc>,
    error_code: ErrorCode,
    error_message: String,
) -> ServiceResult {
    ServiceResult::Error(Box::new(Failure {
        schema_version: SCHEMA_VERSION.to_owned(),
        service_name: service.to_string(),
        timestamp: instant(at),
        cycle_id: cycle_id(at),
        error_message,
        error_code,
    }))
}

/// The number of the two-minute tick that an instant belongs to.
pub fn cycle_id(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(CYCLE_S)
}

fn value_of(it: &Judged<'_>, metric: &str) -> Option<f64> {
    it.observation.values.get(it.metrics.index_of(metric)?).copied().flatten()
}

fn current_metrics(it: &Judged<'_>) -> BTreeMap<String, Option<f64>> {
    let pairs = it.metrics.iter().zip(&it.observation.values);
    pairs.map(|(metric, value)| (metric.name.clone(), value.map(significant))).collect()
}

fn baselines(model: &PeriodModel) -> BTreeMap<String, f64> {
    let mean = |metric: &detect::model::MetricModel| {
        (metric.name.clone(), significant(metric.statistics.summary.mean))
    };
    model.metrics.iter().map(mean).collect()
}

fn partial_failure(it: &Judged<'_>) -> Option<PartialFailure> {
    if it.failed_metrics.is_empty() {
        return None;
    }
    let failure_summary = failure_summary(it.failed_metrics, it.metrics.len());
    Some(PartialFailure { failed_metrics: it.failed_metrics.to_vec(), failure_summary })
}

/// `2/5 metrics failed: a, b`
pub fn failure_summary(failed: &[String], metrics: usize) -> String {
    format!("{}/{metrics} metrics failed: {}", failed.len(), failed.join(", "))
}

fn performance(it: &Judged<'_>) -> PerformanceInfo {
    let age_s = (it.at.timestamp() - it.model.training.trained_at_s).max(0);
    PerformanceInfo {
        drift_check_enabled: it.drift.is_some(),
        drift_penalty_applied: it.drift.map_or(0.0, |drift| drift.penalty),
        lazy_loaded: true,
        models_loaded: vec![it.model.period.to_string()],
        period_used: it.model.period,
        total_available: it.periods_available,
        model_age_hours: round(age_s as f64 / 3600.0, 1),
    }
}

fn metadata(it: &Judged<'_>, is_fallback: bool) -> Metadata {
    let mut models_used: Vec<String> =
        signals(it).into_iter().map(|signal| signal.method).collect();
    models_used.sort();
    models_used.dedup();
    let trained_at = DateTime::from_timestamp(it.model.training.trained_at_s, 0);
    let features = [
        ("anomaly_correlation", true),
        ("contextual_severity", true),
        ("interpretations", true),
        ("named_patterns", true),
        ("recommendations", true),
    ];
    Metadata {
        service_name: it.service.to_string(),
        detection_timestamp: instant(it.at),
        models_used,
        feature_set: it.model.feature_set.as_str().to_owned(),
        is_fallback,
        is_holiday_variant: it.variant.is_some(),
        model_variant: it.variant.map(ToString::to_string),
        is_provisional: !it.model.gate.passed,
        trained_at: trained_at.map(instant).unwrap_or_default(),
        features: features.iter().map(|(name, has)| ((*name).to_owned(), *has)).collect(),
    }
}

pub(crate) fn round(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    let rounded = (value * scale).round() / scale;
    // A negative zero would be written as -0.0.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// Six significant digits: enough for every metric, and stable to read.
pub(crate) fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let magnitude = value.abs().log10().floor() as i32;
    if (-12..=12).contains(&magnitude) { round(value, 5 - magnitude) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_they_say() {
        assert_eq!(significant(123.456789), 123.457);
        assert_eq!(significant(0.0012345678), 0.00123457);
        assert_eq!(significant(1_234_567.0), 1_234_570.0);
        assert_eq!(significant(0.0), 0.0);
        assert!(round(-0.00001, 4).is_sign_positive());
    }

    #[test]
    fn a_tick_has_one_number() {
        let at = |text: &str| cycle_id(text.parse().unwrap());
        assert_eq!(at("2025-12-23T10:30:00Z") + 1, at("2025-12-23T10:32:00Z"));
        assert_eq!(at("2025-12-23T10:30:00Z"), at("2025-12-23T10:31:59Z"));
    }
}
