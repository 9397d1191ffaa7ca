//! What a cycle found out about one service, in the words of incidents.

use std::collections::{BTreeMap, BTreeSet};

use detect::evidence::EvidenceModel;
use detect::residual::Cause;
use domain::limits::FEATURE_WINDOW_S;
use domain::{BadDirection, MetricSet, ServiceName, Severity};
use incident::{Cycle, Detection, Evaluated, Evaluation, RootCause, Step};
use payload::resolution::{BaselineComparison, HealthSummary, ResolutionContext};
use payload::result::{self, Anomaly, ServiceResult};
use payload::slo::{SLO_THRESHOLD, SloEvaluation};

use crate::infer::decide::{Candidate, CycleOutcome};
use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::objectives::own_name;

/// Requests of a cycle from which a metric that is missing is missing, and not idle.
const REQUESTS_MIN: f64 = 20.0;

/// One service of a cycle: the verdict, and what its incidents are to make of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub service: ServiceName,
    pub cycle: Cycle,
    pub evaluation: Evaluation,
    /// Another service where the trouble seems to start.
    pub root_cause: Option<RootCause>,
    /// The verdict, with every anomaly that is strong enough to keep an incident.
    pub result: ServiceResult,
    /// Names of anomalies that are too weak to start one.
    pub weak: BTreeSet<String>,
    /// What objectives say where nothing weak is told.
    pub alone: Option<Box<SloEvaluation>>,
    /// How the service looks now, for incidents that end.
    pub context: Option<ResolutionContext>,
}

impl Finding {
    /// What its incidents are taken through; neighbours are put in later.
    pub fn step(&self) -> Step {
        let root_cause = self.root_cause.clone();
        Step { root_cause, ..Step::new(self.cycle, self.evaluation.clone()) }
    }
}

/// The findings of all services of a cycle, in their order.
pub fn findings(input: &CycleInput, outcome: &CycleOutcome, metrics: &MetricSet) -> Vec<Finding> {
    let services = input.services.iter().zip(&outcome.candidates);
    let found = services.zip(&outcome.causes).map(|((it, candidate), cause)| {
        let (cycle, result) = (cycle_of(it, input), &candidate.result);
        let evaluation = match evaluated(candidate, it, input, metrics) {
            Some(evaluated) => Evaluation::Evaluated(evaluated),
            None => Evaluation::NotEvaluated { reason: reason(result) },
        };
        let root_cause = cause.as_ref().and_then(root_cause);
        let is_watched = input.heads.get(&it.service).is_some_and(|it| !it.head.is_quiet());
        let context = if is_watched { context(it, result) } else { None };
        let (service, result) = (it.service.clone(), result.clone());
        let weak = candidate.weak.clone();
        let alone = candidate.alone.clone();
        Finding { service, cycle, evaluation, root_cause, result, weak, alone, context }
    });
    found.collect()
}

/// Services with incidents while nothing can be read at all: their incidents wait.
pub fn unseen(input: &CycleInput, reason: &str) -> Vec<Finding> {
    let at_ms = input.at.timestamp_millis();
    let unseen = input.heads.iter().filter(|(_, stored)| !stored.head.active.is_empty());
    unseen
        .map(|(service, stored)| Finding {
            service: service.clone(),
            cycle: Cycle::at(at_ms, stored.head.cycle_length_s),
            evaluation: Evaluation::NotEvaluated { reason: reason.to_owned() },
            root_cause: None,
            result: payload::render::unavailable(
                service,
                input.at,
                result::SkippedReason::CriticalMetricsUnavailable,
                reason.to_owned(),
                BTreeMap::new(),
            ),
            weak: BTreeSet::new(),
            alone: None,
            context: None,
        })
        .collect()
}

fn cycle_of(it: &ServiceInput, input: &CycleInput) -> Cycle {
    Cycle::at(input.at.timestamp_millis(), evidence_of(it).map_or(0, EvidenceModel::cycle_s))
}

/// Another service where the trouble starts, in the words of incidents.
pub(crate) fn root_cause(cause: &Cause) -> Option<RootCause> {
    let path = cause.path.iter().map(|stop| stop.service.clone());
    cause.root().map(|root| RootCause { service: root.clone(), path: path.collect() })
}

/// What incidents make of a verdict; `None` where there is none.
pub(crate) fn evaluated(
    candidate: &Candidate,
    it: &ServiceInput,
    input: &CycleInput,
    metrics: &MetricSet,
) -> Option<Evaluated> {
    let evaluation = candidate.result.evaluation()?;
    // Forests and objectives look at one cycle; evidence has a persistence of its own.
    let is_single = |name: &String, anomaly: &Anomaly| {
        let is_objective = anomaly.kind == SLO_THRESHOLD || candidate.by_objective.contains(name);
        is_objective || evidence_of(it).is_none()
    };
    let found = |(name, anomaly): (&String, &Anomaly)| Detection {
        is_single: is_single(name, anomaly),
        lingering: candidate.lingering.get(name).copied().unwrap_or_default(),
        ..detection(name, anomaly, &candidate.weak)
    };
    Some(Evaluated {
        detections: evaluation.anomalies.iter().map(found).collect(),
        unavailable_metrics: unavailable(it, input, metrics),
        slo_breaches: breaches(evaluation),
        model: Some(evaluation.model_name),
    })
}

/// Metrics that nothing is known of now: their query failed, or the service has traffic and none of
/// them. Without traffic there is no latency, and its absence tells that all is calm.
fn unavailable(it: &ServiceInput, input: &CycleInput, metrics: &MetricSet) -> BTreeSet<String> {
    let mut unavailable: BTreeSet<String> = input.failed_metrics.keys().cloned().collect();
    let Ok(routed) = &it.model else { return unavailable };
    let cycle_s = evidence_of(it).map_or(FEATURE_WINDOW_S, EvidenceModel::cycle_s);
    let until_s = input.at.timestamp();
    let newest = |index: usize| {
        let series = it.samples.series.get(index)?.as_ref()?;
        let values = series.between(until_s - cycle_s, until_s).map(|(_, value)| value);
        values.filter(|value| value.is_finite()).last()
    };
    let rate = metrics.traffic_index().and_then(newest);
    if rate.is_none_or(|rate| rate * (cycle_s as f64) < REQUESTS_MIN) {
        return unavailable;
    }
    let silent = metrics.iter().enumerate().filter(|(index, metric)| {
        let is_expected = !metric.zero_is_normal && routed.model.metric(&metric.name).is_some();
        is_expected && newest(*index).is_none()
    });
    unavailable.extend(silent.map(|(_, metric)| metric.name.clone()));
    unavailable
}

fn evidence_of(it: &ServiceInput) -> Option<&EvidenceModel> {
    it.model.as_ref().ok().and_then(|routed| routed.model.evidence.as_ref())
}

fn detection(name: &str, anomaly: &Anomaly, weak: &BTreeSet<String>) -> Detection {
    let signal = anomaly.detection_signals.first();
    let own = anomaly.detection_signals.iter().find(|it| it.metric == anomaly.root_metric);
    Detection {
        anomaly: name.to_owned(),
        root_metric: anomaly.root_metric.clone(),
        severity: anomaly.severity,
        ml_severity: anomaly.ml_severity.unwrap_or(anomaly.severity),
        confidence: anomaly.confidence,
        score: anomaly.score,
        value: anomaly.value,
        threshold: own.and_then(|signal| signal.expected),
        method: signal.map(|signal| signal.method.clone()),
        description: Some(anomaly.description.clone()),
        opens: !weak.contains(name),
        is_single: false,
        lingering: Severity::None,
    }
}

/// Metrics at the warning limit of their objective or beyond, under every name that an incident may
/// have for them.
fn breaches(evaluation: &result::Evaluation) -> BTreeSet<String> {
    let Some(said) = &evaluation.slo_evaluation else { return BTreeSet::new() };
    let database = said.database_latency_evaluation.as_ref();
    let judged = [
        ("application_latency", Some(&said.latency_evaluation.status)),
        ("error_rate", Some(&said.error_rate_evaluation.ladder.status)),
        ("database_latency", database.map(|it| &it.status)),
    ];
    // The words of a database are its own; below `warning` none is a breach.
    let is_bad = |status: &str| matches!(status, "warning" | "breached" | "high" | "critical");
    let bad = judged.into_iter().filter(|(_, status)| status.is_some_and(|it| is_bad(it)));
    bad.flat_map(|(name, _)| slo::names_of(name)).map(|name| (*name).to_owned()).collect()
}

fn reason(result: &ServiceResult) -> String {
    match result {
        ServiceResult::MetricsUnavailable(it) => it.error.clone(),
        ServiceResult::Error(it) => it.error_message.clone(),
        _ => String::new(),
    }
}

/// How a service looks beside its training, in numbers and in a sentence.
fn context(it: &ServiceInput, result: &ServiceResult) -> Option<ResolutionContext> {
    let (evaluation, routed) = (result.evaluation()?, it.model.as_ref().ok()?);
    let mut comparison = BTreeMap::new();
    let mut all_metrics_normal = true;
    for metric in &routed.model.metrics {
        let value = evaluation.current_metrics.get(&metric.name).copied().flatten();
        let Some(current) = value else { continue };
        let seen = &metric.statistics.summary;
        let compared = BaselineComparison::new(current, seen.mean, seen.std);
        all_metrics_normal &= compared.is_normal(metric.bad_direction != BadDirection::Up);
        comparison.insert(metric.name.clone(), compared);
    }
    let objectives = evaluation.slo_evaluation.as_ref();
    Some(ResolutionContext {
        metrics_at_resolution: evaluation.current_metrics.clone(),
        comparison_to_baseline: comparison,
        slo_evaluation: objectives.cloned(),
        health_summary: HealthSummary {
            all_metrics_normal,
            slo_compliant: objectives.is_none_or(|it| it.slo_status == "ok"),
            summary: summary(evaluation),
        },
    })
}

fn summary(evaluation: &result::Evaluation) -> String {
    let objectives = evaluation.slo_evaluation.as_ref();
    let metrics = &evaluation.current_metrics;
    let value = |name: &'static str| metrics.get(own_name(metrics, name)).copied().flatten();
    let mut parts: Vec<String> = Vec::new();
    if let Some(said) = objectives {
        parts.push(format!("objectives: {}", said.slo_status));
    }
    if let Some(latency_ms) = value("application_latency") {
        let limit = objectives.map(|it| it.latency_evaluation.threshold_acceptable);
        let limit = limit.map(|limit| format!(" (acceptable: {limit:.0} ms)"));
        parts.push(format!("latency {latency_ms:.0} ms{}", limit.unwrap_or_default()));
    }
    if let Some(share) = value("error_rate") {
        let limit = objectives.map(|it| it.error_rate_evaluation.ladder.threshold_acceptable);
        let limit = limit.map(|limit| format!(" (acceptable: {:.2} %)", 100.0 * limit));
        parts.push(format!("errors {:.2} %{}", 100.0 * share, limit.unwrap_or_default()));
    }
    if parts.is_empty() { "no metrics are known".to_owned() } else { parts.join(", ") }
}
