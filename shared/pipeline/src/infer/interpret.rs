//! From what detection found in a service to words: drift, the recent past, and the anomaly.

use detect::anomaly::{self, Anomaly, Case};
use detect::drift::{self, DriftReport, PERSISTENCE_S, WINDOW_S};
use detect::pattern::DependencyContext;
use detect::rows::{Observation, rows};
use domain::Severity;
use domain::config::valid::Config;

use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::judge::Judged;
use crate::infer::models::RoutedModel;

/// Evidence that only keeps an incident says no more than this.
const WEAK_SEVERITY_MAX: Severity = Severity::Medium;

/// The anomaly of a service: one that opens, or that would keep one which is open already.
/// `dependencies` is what the call graph says, where the fleet has been looked at.
pub(super) fn interpret(
    judged: &Judged<'_>,
    dependencies: Option<&DependencyContext>,
    input: &CycleInput,
    config: &Config,
) -> Option<Anomaly> {
    if judged.is_quiet() {
        return None;
    }
    let (it, routed) = (judged.it, judged.routed);
    let local = config.calendar_of(&it.service).local(input.at);
    let mut anomaly = anomaly::interpret(&Case {
        model: &routed.model,
        metrics: &config.metrics,
        observation: &judged.observation,
        assessment: &judged.assessment,
        evidence: judged.evidence.as_ref().map(|(evidence, _)| evidence),
        trends: judged.trends.as_ref(),
        dependencies,
        drift: judged.drift.as_ref(),
        category: &config.category_of(&it.service),
        period: it.period,
        weekday: local.weekday,
        hour: local.hour,
        is_fallback: routed.is_fallback,
        time_confidence: judged.time_confidence,
        breached: &judged.breached,
    })?;
    if judged.is_weak() {
        anomaly.severity = anomaly.severity.min(WEAK_SEVERITY_MAX);
    }
    Some(anomaly)
}

/// How far the last day of the model's period is from what it learned; `None` where drift is not
/// looked for.
pub(super) fn check_drift(
    observation: &Observation,
    it: &ServiceInput,
    routed: &RoutedModel,
    input: &CycleInput,
    config: &Config,
) -> Option<DriftReport> {
    if !config.inference.check_drift {
        return None;
    }
    let (model, metrics, at_s) = (&routed.model, &config.metrics, input.at.timestamp());
    let (bounds, width_s) = (&config.detection.bounds, model.training.row_width_s);
    let after_s = at_s - WINDOW_S - PERSISTENCE_S;
    let calendar = config.calendar_of(&it.service);
    let recent = rows(&it.samples, metrics, bounds, after_s, at_s, width_s).filter(|time_s| {
        let at = chrono::DateTime::from_timestamp(time_s, 0);
        at.is_some_and(|at| calendar.period_at(at) == model.period)
    });
    Some(drift::check(model, &recent, observation, metrics, config.inference.drift, at_s))
}
