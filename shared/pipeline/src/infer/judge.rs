//! What is so with one service: can its metrics be trusted, is there a model, what does it look
//! like now, and how unusual is that. What it is called comes later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use detect::drift::DriftReport;
use detect::evidence::{Evidence, EvidenceModel, EvidenceWindow, WindowSpan};
use detect::features::Features;
use detect::model::PeriodModel;
use detect::rows::{Observation, observe};
use detect::score::{Assessment, ScoreSettings, assess};
use detect::trend::Trends;
use domain::ServiceName;
use domain::config::valid::{Config, Opening};
use payload::render;
use payload::result::{ErrorCode, ServiceResult, SkippedReason};

use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::interpret::check_drift;
use crate::infer::models::{NoModel, RoutedModel};
use crate::infer::objectives;

/// A fallback model is this much less trusted than it is in its own period, and so is one that is
/// in force on probation.
const FALLBACK_CONFIDENCE: f64 = 0.85;
/// Metrics that may be missing before a service is not judged any more.
const FAILED_METRICS_MAX: usize = 2;

/// A service that was judged.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub it: &'a ServiceInput,
    pub routed: &'a RoutedModel,
    pub observation: Observation,
    pub warnings: Vec<String>,
    /// What forests say; where evidence opens anomalies only if there is something to corroborate.
    pub assessment: Assessment,
    /// With its method; `None` where forests open anomalies.
    pub evidence: Option<(Evidence, &'static str)>,
    /// The recent past; `None` where there is nothing to say about it.
    pub trends: Option<Trends>,
    /// `None` where drift is not looked for.
    pub drift: Option<DriftReport>,
    /// Metrics beyond their service level objective.
    pub breached: Vec<String>,
    /// Trust in the model, 0 to 1.
    pub time_confidence: f64,
}

/// Judges one service; what is to be answered where it cannot be judged.
pub(super) fn judge<'a>(
    it: &'a ServiceInput,
    input: &CycleInput,
    config: &Config,
) -> Result<Judged<'a>, ServiceResult> {
    if let Some((reason, error)) = collection_failure(input, config) {
        return Err(skipped(&it.service, input, reason, error));
    }
    let routed = it.model.as_ref().map_err(|missing| no_model(it, input, missing))?;
    if routed.model.training.opening != config.detection.opening {
        return Err(no_model(it, input, &other_opening(routed)));
    }
    let width_s = routed.model.training.row_width_s;
    let bounds = &config.detection.bounds;
    let at_s = input.at.timestamp();
    let (observation, warnings) = observe(&it.samples, &config.metrics, bounds, at_s, width_s);
    if let Some((reason, error)) = stale(&it.service, &observation, &routed.model, config) {
        return Err(skipped(&it.service, input, reason, error));
    }
    let evidence = weigh(it, routed, input, config);
    let mut judged = Judged {
        it,
        routed,
        assessment: assess_service(it, routed, &observation, evidence.as_ref(), input, config),
        trends: None,
        drift: check_drift(&observation, it, routed, input, config),
        breached: objectives::breached(&observation, it, input, config),
        time_confidence: confidence(routed, config),
        observation,
        warnings,
        evidence,
    };
    if !judged.is_quiet() {
        let trends = Trends::of(&it.samples, &config.metrics, bounds, at_s, width_s);
        judged.trends = Some(trends);
    }
    Ok(judged)
}

impl Judged<'_> {
    /// True if there is nothing to name.
    pub(super) fn is_quiet(&self) -> bool {
        match (self.opening(), &self.evidence) {
            (_, Some((evidence, _))) => !evidence.keeps(),
            (Opening::Residual, None) => true,
            (Opening::Forest, None) => {
                self.assessment.signals.is_empty() && self.assessment.combination.is_none()
            }
        }
    }

    /// True if what was found keeps an incident and does not start one.
    pub(super) fn is_weak(&self) -> bool {
        self.evidence.as_ref().is_some_and(|(evidence, _)| !evidence.opens())
    }

    /// What opens anomalies of this service.
    pub(super) fn opening(&self) -> Opening {
        opening(self.routed)
    }

    /// How unusual the service is, for ranking and charts.
    pub(super) fn score(&self) -> Option<f64> {
        match self.opening() {
            Opening::Forest => self.assessment.score,
            Opening::Residual => self.evidence.as_ref().map(|(it, _)| it.published_score),
        }
    }
}

/// Where evidence decides, forests are asked only when there is something to corroborate.
fn assess_service(
    it: &ServiceInput,
    routed: &RoutedModel,
    observation: &Observation,
    evidence: Option<&(Evidence, &'static str)>,
    input: &CycleInput,
    config: &Config,
) -> Assessment {
    let is_asked = match opening(routed) {
        Opening::Forest => true,
        Opening::Residual => evidence.is_some_and(|(it, _)| it.keeps()),
    };
    if !is_asked {
        return Assessment::default();
    }
    let settings = ScoreSettings {
        metrics: &config.metrics,
        detection: &config.detection,
        is_fallback: routed.is_fallback,
    };
    assess(&routed.model, observation, &features(it, routed, input, config), &settings)
}

/// The evidence of the newest cycle and its method, where evidence opens anomalies.
fn weigh(
    it: &ServiceInput,
    routed: &RoutedModel,
    input: &CycleInput,
    config: &Config,
) -> Option<(Evidence, &'static str)> {
    let model = routed.model.evidence.as_ref()?;
    let at_s = input.at.timestamp();
    let window = window(it, model, at_s, config);
    let evidence = model.weigh(&window, &it.samples, &config.metrics, at_s);
    Some((evidence?, model.method()))
}

/// What the forests are given where evidence opens anomalies; the values themselves otherwise.
pub(crate) fn features(
    it: &ServiceInput,
    routed: &RoutedModel,
    input: &CycleInput,
    config: &Config,
) -> Features {
    let Some(model) = &routed.model.evidence else { return Features::default() };
    let at_s = input.at.timestamp();
    let window = window(it, model, at_s, config);
    Features::of(model, &window, &it.samples, &config.metrics, at_s)
}

/// The window that was carried on, or one made of the samples.
fn window<'a>(
    it: &'a ServiceInput,
    model: &EvidenceModel,
    at_s: i64,
    config: &Config,
) -> Cow<'a, EvidenceWindow> {
    if let Some(window) = &it.window {
        return Cow::Borrowed(window);
    }
    let calendar = config.calendar_of(&it.service);
    let (metrics, bounds) = (&config.metrics, &config.detection.bounds);
    let mut window = model.empty_window();
    let span = WindowSpan { at_s, settled_s: at_s };
    window.extend(model, &it.samples, metrics, bounds, &calendar, span);
    Cow::Owned(window)
}

/// What opens anomalies of this service: where residuals ought to and its history knows no traffic,
/// forests do.
fn opening(routed: &RoutedModel) -> Opening {
    if routed.model.evidence.is_some() { Opening::Residual } else { Opening::Forest }
}

/// A model that was trained for another way of opening is refused, not misread.
fn other_opening(routed: &RoutedModel) -> NoModel {
    let opening = routed.model.training.opening.as_str();
    let reason = format!(
        "it was trained for detection.opening \"{opening}\"; train again, or set that opening"
    );
    NoModel::Unusable { reason }
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
/// A service that never had traffic is there while any metric of it is.
fn stale(
    service: &ServiceName,
    observation: &Observation,
    model: &PeriodModel,
    config: &Config,
) -> Option<(SkippedReason, String)> {
    let traffic = config.metrics.traffic_index().and_then(|index| {
        let traffic = config.metrics.get(index)?;
        knows_traffic(model, &traffic.name).then_some((index, traffic.name.as_str()))
    });
    let (is_there, metric) = match traffic {
        Some((index, name)) => (observation.values[index].is_some(), name),
        None => (observation.values.iter().any(Option::is_some), "any metric"),
    };
    let error = || format!("the source holds no recent sample of {metric} for {service}");
    (!is_there).then(|| (SkippedReason::MetricsStale, error()))
}

fn knows_traffic(model: &PeriodModel, name: &str) -> bool {
    match &model.evidence {
        Some(EvidenceModel::Residual(_)) => true,
        Some(EvidenceModel::Generic(_)) => false,
        None => model.metric(name).is_some(),
    }
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
