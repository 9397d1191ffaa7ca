//! The decision of a cycle: pure, synchronous, and the same for the same input.
//!
//! Per service: can its metrics be trusted, is there a model, what does the observation look like,
//! how unusual is it, and what is that called. Then for the fleet, where later steps will stand:
//! correlation along the dependency graph, SLOs, incidents.

use std::collections::BTreeMap;

use detect::anomaly::name_anomaly;
use detect::rows::{Observation, observe};
use detect::score::{ScoreSettings, assess};
use domain::ServiceName;
use domain::config::valid::Config;
use payload::render::{self, Judged};
use payload::result::{ErrorCode, ServiceResult, SkippedReason};

use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::models::{NoModel, RoutedModel};

/// A fallback model is this much less trusted than it is in its own period, and so is one that is
/// in force on probation.
const FALLBACK_CONFIDENCE: f64 = 0.85;
/// Metrics that may be missing before a service is not judged any more.
const FAILED_METRICS_MAX: usize = 2;

/// What a cycle concluded.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleOutcome {
    /// In the order of the input.
    pub results: Vec<ServiceResult>,
    /// How unusual each service is, before gates: above zero is flagged, higher is worse. `None`
    /// where nothing was judged.
    pub scores: Vec<Option<f64>>,
}

/// Judges every service of a cycle.
pub fn decide(input: &CycleInput, config: &Config) -> CycleOutcome {
    let judged = input.services.iter().map(|service| judge(service, input, config));
    let (results, scores) = judged.unzip();
    CycleOutcome { results, scores }
}

fn judge(it: &ServiceInput, input: &CycleInput, config: &Config) -> (ServiceResult, Option<f64>) {
    if let Some((reason, error)) = collection_failure(input, config) {
        return (skipped(&it.service, input, reason, error), None);
    }
    let routed = match &it.model {
        Ok(routed) => routed,
        Err(missing) => return (no_model(it, input, missing), None),
    };
    let width_s = routed.model.training.row_width_s;
    let bounds = &config.detection.bounds;
    let at_s = input.at.timestamp();
    let (observation, warnings) = observe(&it.samples, &config.metrics, bounds, at_s, width_s);
    if let Some((reason, error)) = stale(&it.service, &observation, config) {
        return (skipped(&it.service, input, reason, error), None);
    }
    assess_service(it, routed, &observation, &warnings, input, config)
}

fn assess_service(
    it: &ServiceInput,
    routed: &RoutedModel,
    observation: &Observation,
    warnings: &[String],
    input: &CycleInput,
    config: &Config,
) -> (ServiceResult, Option<f64>) {
    let settings = ScoreSettings {
        metrics: &config.metrics,
        detection: &config.detection,
        is_fallback: routed.is_fallback,
    };
    let assessment = assess(&routed.model, observation, &settings);
    let anomaly = name_anomaly(&assessment, &routed.model);
    let failed_metrics: Vec<String> = input.failed_metrics.keys().cloned().collect();
    let result = render::judged(&Judged {
        service: &it.service,
        at: input.at,
        period: it.period,
        metrics: &config.metrics,
        observation,
        model: &routed.model,
        model_digest: &routed.digest,
        time_confidence: confidence(routed, config),
        periods_available: routed.periods_available,
        warnings,
        failed_metrics: &failed_metrics,
        assessment: &assessment,
        anomaly: anomaly.as_ref(),
    });
    (result, assessment.score)
}

/// Trust in the model that was used, from the period it was trained for.
fn confidence(routed: &RoutedModel, config: &Config) -> f64 {
    let own = config.periods.confidence.get(&routed.model.period).copied().unwrap_or(0.75);
    let is_doubtful = routed.is_fallback || !routed.model.gate.passed;
    if is_doubtful { own * FALLBACK_CONFIDENCE } else { own }
}

/// Why no service can be judged: the traffic could not be read, or too little else could.
fn collection_failure(input: &CycleInput, config: &Config) -> Option<(SkippedReason, String)> {
    let failed: Vec<String> = input.failed_metrics.keys().cloned().collect();
    let traffic = config.metrics.traffic_index().and_then(|index| config.metrics.get(index));
    let summary = || render::failure_summary(&failed, config.metrics.len());
    if traffic.is_some_and(|traffic| input.failed_metrics.contains_key(&traffic.name)) {
        return Some((SkippedReason::CriticalMetricsUnavailable, summary()));
    }
    let limit = FAILED_METRICS_MAX.min(config.metrics.len() - 1);
    (failed.len() > limit).then(|| (SkippedReason::TooManyMetricsFailed, summary()))
}

/// Why this service cannot be judged although the source answered: nothing recent of it is there.
fn stale(
    service: &ServiceName,
    observation: &Observation,
    config: &Config,
) -> Option<(SkippedReason, String)> {
    let has_traffic = match config.metrics.traffic_index() {
        Some(traffic) => observation.values[traffic].is_some(),
        None => observation.values.iter().any(Option::is_some),
    };
    let metric = config
        .metrics
        .traffic_index()
        .and_then(|index| config.metrics.get(index))
        .map_or("any metric", |metric| metric.name.as_str());
    let error = || format!("the source holds no recent sample of {metric} for {service}");
    (!has_traffic).then(|| (SkippedReason::MetricsStale, error()))
}

fn skipped(
    service: &ServiceName,
    input: &CycleInput,
    reason: SkippedReason,
    error: String,
) -> ServiceResult {
    let errors: BTreeMap<String, String> = input.failed_metrics.clone();
    render::unavailable(service, input.at, reason, error, errors)
}

fn no_model(it: &ServiceInput, input: &CycleInput, missing: &NoModel) -> ServiceResult {
    let (service, period) = (&it.service, it.period);
    let (code, message) = match missing {
        NoModel::None { reason } => (
            ErrorCode::ModelNotFound,
            format!(
                "{service} has no model for {period} nor for a period that could stand in: {reason}"
            ),
        ),
        NoModel::Unusable { reason } => (
            ErrorCode::ModelUnusable,
            format!("the model of {service} for {period} cannot be used: {reason}"),
        ),
    };
    render::failure(service, input.at, code, message)
}
