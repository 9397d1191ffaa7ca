//! From what detection found in a service to words: drift, the recent past, and the anomaly.

use detect::anomaly::{self, Anomaly, Case};
use detect::drift::{self, DriftReport, PERSISTENCE_S, WINDOW_S};
use detect::evidence::Evidence;
use detect::pattern::DependencyContext;
use detect::rows::{Observation, rows};
use detect::score::Assessment;
use detect::trend::Trends;
use domain::config::valid::Config;

use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::models::RoutedModel;

/// What detection found, and what else is known when words are looked for.
pub(super) struct Found<'a> {
    pub observation: &'a Observation,
    pub assessment: &'a Assessment,
    /// `None` where forests open anomalies.
    pub evidence: Option<&'a Evidence>,
    pub dependencies: Option<&'a DependencyContext>,
    pub drift: Option<&'a DriftReport>,
    pub time_confidence: f64,
    /// Metrics beyond their service level objective.
    pub breached: &'a [String],
}

/// The anomaly of a service: one that opens, or that would keep one which is open already.
pub(super) fn interpret(
    found: &Found<'_>,
    it: &ServiceInput,
    routed: &RoutedModel,
    input: &CycleInput,
    config: &Config,
) -> Option<Anomaly> {
    let is_quiet = match found.evidence {
        Some(evidence) => !evidence.keeps(),
        None => found.assessment.signals.is_empty() && found.assessment.combination.is_none(),
    };
    if is_quiet {
        return None;
    }
    let local = config.calendar_of(&it.service).local(input.at);
    let (bounds, width_s) = (&config.detection.bounds, routed.model.training.row_width_s);
    let at_s = input.at.timestamp();
    let trends = Trends::of(&it.samples, &config.metrics, bounds, at_s, width_s);
    anomaly::interpret(&Case {
        model: &routed.model,
        metrics: &config.metrics,
        observation: found.observation,
        assessment: found.assessment,
        evidence: found.evidence,
        trends: Some(&trends),
        dependencies: found.dependencies,
        drift: found.drift,
        category: &config.category_of(&it.service),
        period: it.period,
        weekday: local.weekday,
        hour: local.hour,
        is_fallback: routed.is_fallback,
        time_confidence: found.time_confidence,
        breached: found.breached,
    })
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
    Some(drift::check(model, &recent, observation, metrics, at_s))
}
