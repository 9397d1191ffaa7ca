//! The decision of a cycle: pure, synchronous, and the same for the same input.
//!
//! Per service: can its metrics be trusted, is there a model, what does the observation look like,
//! how unusual is it, and what is that called. Then for the fleet: where does trouble start, along
//! the dependency graph.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use detect::evidence::{Evidence, EvidenceModel, EvidenceWindow, WindowSpan};
use detect::features::Features;
use detect::model::PeriodModel;
use detect::residual::Cause;
use detect::rows::{Observation, observe};
use detect::score::{Assessment, ScoreSettings, assess};
use domain::config::valid::{Config, Opening};
use domain::{ServiceName, Severity};
use payload::cascade::put_cause;
use payload::render::{self, Judged};
use payload::result::{ErrorCode, ServiceResult, SkippedReason};

use crate::infer::cause::{call_graph, find_causes};
use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::interpret::{Found, check_drift, interpret};
use crate::infer::models::{NoModel, RoutedModel};
use crate::infer::objectives::{self, Subject};

/// A fallback model is this much less trusted than it is in its own period, and so is one that is
/// in force on probation.
const FALLBACK_CONFIDENCE: f64 = 0.85;
/// Metrics that may be missing before a service is not judged any more.
const FAILED_METRICS_MAX: usize = 2;
/// Evidence that only keeps an incident says no more than this.
const WEAK_SEVERITY_MAX: Severity = Severity::Medium;

/// What a cycle concluded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CycleOutcome {
    /// In the order of the input.
    pub results: Vec<ServiceResult>,
    /// The same with what is strong enough to keep an incident, for whoever keeps them.
    pub candidates: Vec<Candidate>,
    /// How unusual each service is, for ranking and charts: higher is worse. Above zero a forest
    /// flags; evidence has a scale of its own. `None` where nothing was judged.
    pub scores: Vec<Option<f64>>,
    /// What opens anomalies and keeps them, where forests do not.
    pub evidence: Vec<Option<Evidence>>,
    /// Where the trouble of each service with evidence starts.
    pub causes: Vec<Option<Cause>>,
}

/// A verdict with everything that may matter to an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub result: ServiceResult,
    /// Names of anomalies that keep an incident and do not start one.
    pub weak: BTreeSet<String>,
}

/// The verdict on one service.
struct Verdict {
    candidate: Candidate,
    score: Option<f64>,
    evidence: Option<Evidence>,
    /// Trust in the model, 0 to 1, and the seconds that the metrics are averages over.
    trust: f64,
    width_s: i64,
}

impl Verdict {
    /// Nothing could be judged.
    fn none(result: ServiceResult) -> Verdict {
        let candidate = Candidate { result, weak: BTreeSet::new() };
        Verdict { candidate, score: None, evidence: None, trust: 0.0, width_s: 0 }
    }
}

impl Candidate {
    /// What is said where no incidents are kept.
    fn verdict(&self) -> ServiceResult {
        match &self.result {
            ServiceResult::AnomalyDetected(evaluation) if !self.weak.is_empty() => {
                let mut evaluation = evaluation.clone();
                let mut anomalies = std::mem::take(&mut evaluation.anomalies);
                anomalies.retain(|name, _| !self.weak.contains(name));
                evaluation.set_anomalies(anomalies);
                ServiceResult::of(evaluation)
            }
            result => result.clone(),
        }
    }
}

/// Judges every service of a cycle.
pub fn decide(input: &CycleInput, config: &Config) -> CycleOutcome {
    let mut outcome = CycleOutcome::default();
    for service in &input.services {
        let mut verdict = judge(service, input, config);
        judge_objectives(&mut verdict, service, input, config);
        outcome.candidates.push(verdict.candidate);
        outcome.scores.push(verdict.score);
        outcome.evidence.push(verdict.evidence);
    }
    outcome.causes = find_causes(input, &outcome.evidence, &call_graph(config));
    for (candidate, cause) in outcome.candidates.iter_mut().zip(&outcome.causes) {
        if let Some(cause) = cause {
            put_cause(&mut candidate.result, cause);
        }
    }
    outcome.results = outcome.candidates.iter().map(Candidate::verdict).collect();
    outcome
}

/// Objectives have their say where there are any; what does not start an incident is not theirs.
fn judge_objectives(verdict: &mut Verdict, it: &ServiceInput, input: &CycleInput, config: &Config) {
    let Some(settings) = &config.slos else { return };
    let (ServiceResult::AnomalyDetected(evaluation) | ServiceResult::NoAnomaly(evaluation)) =
        &verdict.candidate.result
    else {
        return;
    };
    let subject = Subject {
        service: &it.service,
        at: input.at,
        period: it.period,
        window_s: u32::try_from(verdict.width_s).unwrap_or_default(),
        time_confidence: verdict.trust,
    };
    verdict.candidate.result =
        objectives::apply(evaluation.clone(), &verdict.candidate.weak, &subject, settings);
}

fn judge(it: &ServiceInput, input: &CycleInput, config: &Config) -> Verdict {
    if let Some((reason, error)) = collection_failure(input, config) {
        return Verdict::none(skipped(&it.service, input, reason, error));
    }
    let routed = match &it.model {
        Ok(routed) => routed,
        Err(missing) => return Verdict::none(no_model(it, input, missing)),
    };
    if routed.model.training.opening != config.detection.opening {
        return Verdict::none(no_model(it, input, &other_opening(routed)));
    }
    let width_s = routed.model.training.row_width_s;
    let bounds = &config.detection.bounds;
    let at_s = input.at.timestamp();
    let (observation, warnings) = observe(&it.samples, &config.metrics, bounds, at_s, width_s);
    if let Some((reason, error)) = stale(&it.service, &observation, &routed.model, config) {
        return Verdict::none(skipped(&it.service, input, reason, error));
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
) -> Verdict {
    let settings = ScoreSettings {
        metrics: &config.metrics,
        detection: &config.detection,
        is_fallback: routed.is_fallback,
    };
    let weighed = weigh(it, routed, input, config);
    // Where evidence decides, forests are asked only when there is something to corroborate.
    let is_asked = match (opening(routed), &weighed) {
        (Opening::Forest, _) => true,
        (Opening::Residual, weighed) => weighed.as_ref().is_some_and(|(it, _)| it.keeps()),
    };
    let assessment = if is_asked {
        assess(&routed.model, observation, &features(it, routed, input, config), &settings)
    } else {
        Assessment::default()
    };
    let drift = check_drift(observation, it, routed, input, config);
    let evidence = weighed.as_ref().map(|(evidence, _)| evidence);
    let breached = objectives::breached(observation, it, input, config);
    let found = Found {
        observation,
        assessment: &assessment,
        evidence,
        dependencies: None,
        drift: drift.as_ref(),
        time_confidence: confidence(routed, config),
        breached: &breached,
    };
    let mut anomaly = match (opening(routed), evidence) {
        (Opening::Residual, None) => None,
        (_, _) => interpret(&found, it, routed, input, config),
    };
    let is_weak = evidence.is_some_and(|evidence| !evidence.opens());
    if let Some(anomaly) = anomaly.as_mut().filter(|_| is_weak) {
        anomaly.severity = anomaly.severity.min(WEAK_SEVERITY_MAX);
    }
    let failed_metrics: Vec<String> = input.failed_metrics.keys().cloned().collect();
    let notes = weighed.iter().flat_map(|(evidence, _)| &evidence.notes);
    let warnings: Vec<String> = warnings.iter().chain(notes).cloned().collect();
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
        warnings: &warnings,
        failed_metrics: &failed_metrics,
        assessment: &assessment,
        evidence: weighed.as_ref().map(|(evidence, method)| (evidence, *method)),
        anomaly: anomaly.as_ref(),
        drift: drift.as_ref(),
    });
    let names = anomaly.iter().filter(|_| is_weak).map(|anomaly| anomaly.name.clone());
    let candidate = Candidate { result, weak: names.collect() };
    let evidence = weighed.map(|(evidence, _)| evidence);
    let score = match opening(routed) {
        Opening::Forest => assessment.score,
        Opening::Residual => evidence.as_ref().map(|evidence| evidence.published_score),
    };
    let (trust, width_s) = (confidence(routed, config), routed.model.training.row_width_s);
    Verdict { candidate, score, evidence, trust, width_s }
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
