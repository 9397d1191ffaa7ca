//! From what scoring found to what goes on the wire.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use detect::anomaly::{self, AnomalyKind};
use detect::evidence::{Evidence, EvidenceSignal};
use detect::model::PeriodModel;
use detect::rows::Observation;
use detect::score::{Assessment, CombinationVerdict, Direction, SeveritySource, Signal};
use domain::limits::CYCLE_S;
use domain::{MetricSet, Period, ServiceName, Severity};

use crate::result::{
    Anomaly, Comparison, Contribution, DetectionSignal, ErrorCode, Evaluation, Failure, Metadata,
    PartialFailure, PerformanceInfo, ServiceResult, SkippedReason, Unavailable,
};
use crate::{SCHEMA_VERSION, instant};

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
    /// Confidence of the period whose model was used, reduced on a fallback.
    pub time_confidence: f64,
    pub periods_available: u32,
    pub warnings: &'a [String],
    pub failed_metrics: &'a [String],
    pub assessment: &'a Assessment,
    /// What opened the anomaly, where forests did not, and by which method.
    pub evidence: Option<(&'a Evidence, &'static str)>,
    pub anomaly: Option<&'a anomaly::Anomaly>,
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
        current_metrics: current_metrics(it),
        training_baselines: baselines(it.model),
        validation_warnings: it.warnings.to_vec(),
        partial_metrics_failure: partial_failure(it),
        fingerprinting: None,
        affected_services: Vec::new(),
        root_cause: None,
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

fn render_anomaly(it: &Judged<'_>, found: &anomaly::Anomaly) -> Anomaly {
    let signals = signals(it);
    Anomaly {
        kind: match found.kind {
            AnomalyKind::Isolated => "ml_isolation",
            AnomalyKind::Consolidated => "consolidated",
            AnomalyKind::Combination => "multivariate",
        }
        .to_owned(),
        severity: found.severity,
        confidence: found.confidence,
        score: round(found.score, 4),
        description: found.description.clone(),
        root_metric: found.root_metric.clone(),
        signal_count: signals.len() as u32,
        direction: found.direction.map(|direction| direction.as_str().to_owned()),
        value: found.value.map(significant),
        detection_signals: signals,
        possible_causes: found.possible_causes.clone(),
        recommended_actions: found.recommended_actions.clone(),
        checks: found.checks.clone(),
        contributing_metrics: found.contributing_metrics.clone(),
        comparison_data: comparison(it),
        feature_contributions: contributions(it),
        time_confidence: round(it.time_confidence, 4),
        detected_by_model: it.model.period,
        cascade_analysis: None,
        tracking: None,
    }
}

/// Evidence first, where it decides; then what the forests say.
fn signals(it: &Judged<'_>) -> Vec<DetectionSignal> {
    let assessment = it.assessment;
    let mut signals: Vec<DetectionSignal> = match it.evidence {
        Some((evidence, method)) => {
            let render = |signal| render_evidence(signal, evidence.severity, method);
            evidence.signals.iter().map(render).collect()
        }
        None => assessment.signals.iter().map(render_signal).collect(),
    };
    if let Some(verdict) = assessment.combination.as_ref().filter(|verdict| verdict.is_flagged) {
        signals.push(render_verdict(verdict));
    }
    signals
}

fn render_signal(signal: &Signal) -> DetectionSignal {
    let method = match (signal.severity_source, signal.direction) {
        (SeveritySource::Rule, Direction::Activated) => "zero_normal_threshold",
        (SeveritySource::Rule, _) => "traffic_outage",
        (_, _) => "isolation_forest",
    };
    let source = match signal.severity_source {
        SeveritySource::Calibrated => "calibrated",
        SeveritySource::Tail => "tail",
        SeveritySource::Rule => "rule",
        SeveritySource::Fallback => "fallback",
    };
    DetectionSignal {
        method: method.to_owned(),
        kind: "ml_isolation".to_owned(),
        metric: Some(signal.metric.clone()),
        severity: signal.severity,
        severity_source: Some(source.to_owned()),
        score: round(signal.score, 4),
        expected: None,
        direction: Some(signal.direction.as_str().to_owned()),
        percentile: Some(round(signal.percentile, 1)),
    }
}

fn render_evidence(
    signal: &EvidenceSignal,
    severity: Severity,
    method: &'static str,
) -> DetectionSignal {
    DetectionSignal {
        method: method.to_owned(),
        kind: "residual".to_owned(),
        metric: Some(signal.metric.clone()),
        severity,
        severity_source: None,
        score: round(signal.score, 4),
        expected: Some(significant(signal.usual)),
        direction: Some(signal.direction.as_str().to_owned()),
        percentile: signal.percentile.is_finite().then(|| round(signal.percentile, 1)),
    }
}

fn render_verdict(verdict: &CombinationVerdict) -> DetectionSignal {
    DetectionSignal {
        method: "multivariate".to_owned(),
        kind: "multivariate".to_owned(),
        metric: None,
        severity: verdict.severity,
        severity_source: Some("calibrated".to_owned()),
        score: round(verdict.score, 4),
        expected: None,
        direction: None,
        percentile: None,
    }
}

fn contributions(it: &Judged<'_>) -> Option<Vec<Contribution>> {
    const USUAL_SIGMAS: f64 = 1.0;
    let verdict = it.assessment.combination.as_ref().filter(|verdict| verdict.is_flagged)?;
    let render = |(feature, share): &(String, f64)| {
        let value = value_of(it, feature)?;
        let statistics = &it.model.metric(feature)?.statistics;
        let direction = match statistics.deviation_sigma(value) {
            sigma if sigma > USUAL_SIGMAS => "elevated",
            sigma if sigma < -USUAL_SIGMAS => "reduced",
            _ => "unusual",
        };
        Some(Contribution {
            feature: feature.clone(),
            contribution: round(*share, 4),
            direction: direction.to_owned(),
            percentile: Some(round(statistics.percentile(value), 1)),
        })
    };
    Some(verdict.contributions.iter().filter_map(render).collect())
}

fn comparison(it: &Judged<'_>) -> BTreeMap<String, Comparison> {
    let compare = |metric: &detect::model::MetricModel| {
        let current = value_of(it, &metric.name)?;
        let statistics = &metric.statistics;
        let comparison = Comparison {
            current: significant(current),
            training_mean: significant(statistics.summary.mean),
            training_std: significant(statistics.summary.std),
            training_p95: significant(statistics.summary.p95),
            deviation_sigma: round(statistics.deviation_sigma(current), 2),
            percentile_estimate: round(statistics.percentile(current), 1),
        };
        Some((metric.name.clone(), comparison))
    };
    it.model.metrics.iter().filter_map(compare).collect()
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
        drift_check_enabled: false,
        drift_penalty_applied: 0.0,
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
        ("anomaly_correlation", false),
        ("contextual_severity", false),
        ("interpretations", false),
        ("named_patterns", false),
        ("recommendations", true),
    ];
    Metadata {
        service_name: it.service.to_string(),
        detection_timestamp: instant(it.at),
        models_used,
        feature_set: it.model.feature_set.as_str().to_owned(),
        is_fallback,
        is_provisional: !it.model.gate.passed,
        trained_at: trained_at.map(instant).unwrap_or_default(),
        features: features.iter().map(|(name, has)| ((*name).to_owned(), *has)).collect(),
    }
}

fn round(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    let rounded = (value * scale).round() / scale;
    // A negative zero would be written as -0.0.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// Six significant digits: enough for every metric, and stable to read.
fn significant(value: f64) -> f64 {
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
