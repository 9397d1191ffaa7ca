//! Whether what was found matters: service level objectives have their say on every service.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use detect::impact::Impact;
use detect::model::PeriodModel;
use detect::pattern;
use detect::residual::ExpectedBand;
use detect::rows::Observation;
use domain::config::objectives::SloSettings;
use domain::config::valid::Config;
use domain::{Period, ServiceName, Severity};
use payload::result::{Anomaly, Evaluation, ServiceResult};
use payload::slo::SloEvaluation;
use slo::{
    Baseline, Baselines, BurnWindow, Counters, Metrics, REQUESTS_MIN, Reading, Situation,
    SloStatus, SyntheticAnomaly, Verdict,
};

use crate::infer::gather::{CycleInput, ServiceInput};

/// A service at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub service: &'a ServiceName,
    pub at: DateTime<Utc>,
    pub period: Period,
    /// Seconds that the metrics are averages over.
    pub window_s: u32,
    pub time_confidence: f64,
    /// What its anomaly means for the business.
    pub impact: Option<&'a Impact>,
    /// What is usual at this hour of the week, by metric, as far as it is known.
    pub bands: &'a [ExpectedBand],
    /// Failures of the past, for the error budget; empty without one.
    pub burn: &'a [BurnWindow],
}

/// Metrics that do not keep their objective now, whatever was found in them.
pub(super) fn breached(
    observation: &Observation,
    it: &ServiceInput,
    input: &CycleInput,
    config: &Config,
) -> Vec<String> {
    let Some(settings) = &config.slos else { return Vec::new() };
    let named = config.metrics.iter().zip(&observation.values);
    let metrics = named.map(|(metric, value)| (metric.name.clone(), *value)).collect();
    let subject = Subject {
        service: &it.service,
        at: input.at,
        period: it.period,
        window_s: it.model.as_ref().map_or(0, |routed| width_s(&routed.model)),
        time_confidence: 1.0,
        impact: None,
        bands: &[],
        burn: &[],
    };
    failing(&metrics, &subject, settings)
}

/// The service's own names of latency and error rate, of what is at its warning limit or beyond.
fn failing(
    metrics: &BTreeMap<String, Option<f64>>,
    subject: &Subject<'_>,
    settings: &SloSettings,
) -> Vec<String> {
    let verdict = judge(&[], metrics, &BTreeMap::new(), subject, settings).evaluation;
    let statuses = [
        ("application_latency", verdict.latency.reading),
        ("error_rate", verdict.error_rate.ladder.reading),
    ];
    let is_bad = |reading: &Reading| reading.status >= SloStatus::Warning;
    let bad = statuses.into_iter().filter(|(_, reading)| reading.as_ref().is_some_and(is_bad));
    bad.map(|(name, _)| own_name(metrics, name).to_owned()).collect()
}

/// Seconds that the values of a model are averages over.
pub(super) fn width_s(model: &PeriodModel) -> u32 {
    u32::try_from(model.training.row_width_s).unwrap_or_default()
}

/// What objectives made of a service.
pub(super) struct Judged {
    pub result: ServiceResult,
    /// Names of anomalies that keep an incident and do not start one.
    pub weak: BTreeSet<String>,
    /// Names of anomalies that detection would not start an incident of, and objectives do.
    pub by_objective: BTreeSet<String>,
    /// By anomaly, the severity with limits a little tighter: what is worse does not fall below it
    /// at once.
    pub lingering: BTreeMap<String, Severity>,
    /// What objectives say where nothing weak is told.
    pub alone: SloEvaluation,
    pub counters: Counters,
}

/// The verdict after objectives: anomalies too small to matter are dropped, severities follow the
/// matrix, and an objective that is broken unseen becomes an anomaly of its own.
///
/// What is `weak` is judged like any other anomaly. It starts an incident only where the objective
/// would have started one without it.
pub(super) fn apply(
    mut evaluation: Box<Evaluation>,
    mut weak: BTreeSet<String>,
    subject: &Subject<'_>,
    settings: &SloSettings,
) -> Judged {
    let found: Vec<(String, Anomaly)> =
        std::mem::take(&mut evaluation.anomalies).into_iter().collect();
    let (metrics, baselines) = (&evaluation.current_metrics, &evaluation.training_baselines);
    let anomalies: Vec<slo::Anomaly> = found.iter().map(|(name, it)| anomaly(name, it)).collect();
    let verdict = judge(&anomalies, metrics, baselines, subject, settings);
    let nearly = raised(metrics, settings.hysteresis);
    let nearly = judge(&anomalies, &nearly, baselines, subject, settings);
    let strong: Vec<slo::Anomaly> =
        anomalies.iter().filter(|it| !weak.contains(&it.name)).cloned().collect();
    let alone = judge(&strong, metrics, baselines, subject, settings);
    let carried = carried(&verdict, &found, &evaluation, subject);
    let held = self::carried(&nearly, &found, &evaluation, subject);
    let lingering = held.iter().map(|(name, anomaly)| (name.clone(), anomaly.severity)).collect();
    let has_few = has_few_requests(metrics, subject);
    let starts = |made: &SyntheticAnomaly| !(has_few && is_latency(made.name));
    let made = verdict.synthetic.iter().filter(|made| !starts(made));
    weak.extend(made.map(|made| made.name.to_owned()));
    let is_broken = verdict.synthetic.is_empty() && alone.synthetic.iter().any(starts);
    let by_objective = if is_broken { std::mem::take(&mut weak) } else { BTreeSet::new() };
    if carried.is_empty() {
        // Close below a limit: nothing begins, and what has begun goes on.
        weak.extend(held.keys().cloned());
    }
    evaluation.set_anomalies(if carried.is_empty() { held } else { carried });
    evaluation.set_objectives(payload::slo::evaluation(&verdict.evaluation));
    Judged {
        result: ServiceResult::of(evaluation),
        weak,
        by_objective,
        lingering,
        alone: payload::slo::evaluation(&alone.evaluation),
        counters: Counters::of(&verdict),
    }
}

/// Values as they would be if limits were lower by a share of them.
fn raised(metrics: &BTreeMap<String, Option<f64>>, by: f64) -> BTreeMap<String, Option<f64>> {
    let raised = |(name, value): (&String, &Option<f64>)| {
        let is_judged = name.as_str() != "request_rate";
        let raised = value.map(|value| if is_judged { value / (1.0 - by) } else { value });
        (name.clone(), raised)
    };
    metrics.iter().map(raised).collect()
}

/// The anomalies that a verdict leaves and makes, with its severities.
fn carried(
    verdict: &Verdict,
    found: &[(String, Anomaly)],
    of: &Evaluation,
    subject: &Subject<'_>,
) -> BTreeMap<String, Anomaly> {
    let kept = verdict.kept.iter().filter_map(|it| {
        let (name, mut anomaly) = found.get(it.index).cloned()?;
        anomaly.ml_severity = Some(anomaly.severity);
        anomaly.severity = it.severity;
        if let Some(impact) = subject.impact {
            anomaly.business_impact = impact.told(it.severity);
        }
        anomaly.slo_context = it.context.as_ref().map(payload::slo::context);
        Some((name, anomaly))
    });
    let made = verdict.synthetic.iter().map(|it| {
        let root_metric = own_name(&of.current_metrics, it.root_metric);
        let it = SyntheticAnomaly { root_metric, ..it.clone() };
        let anomaly = payload::slo::synthetic(&it, of.model_name, subject.time_confidence);
        (it.name.to_owned(), anomaly)
    });
    kept.chain(made).collect()
}

/// What a service calls the metric of an objective.
pub(super) fn own_name(
    metrics: &BTreeMap<String, Option<f64>>,
    metric: &'static str,
) -> &'static str {
    let names = || slo::names_of(metric).iter().copied();
    let has_value = |name: &&str| metrics.get(*name).is_some_and(Option::is_some);
    let is_known = |name: &&str| metrics.contains_key(*name);
    names().find(has_value).or_else(|| names().find(is_known)).unwrap_or(metric)
}

/// A mean of so few requests breaks no objective by itself.
fn has_few_requests(metrics: &BTreeMap<String, Option<f64>>, subject: &Subject<'_>) -> bool {
    let rate = metrics.get("request_rate").copied().flatten();
    rate.is_some_and(|rps| rps * f64::from(subject.window_s) < REQUESTS_MIN)
}

fn is_latency(name: &str) -> bool {
    matches!(name, "slo_application_latency" | "slo_database_latency")
}

fn judge(
    anomalies: &[slo::Anomaly],
    metrics: &BTreeMap<String, Option<f64>>,
    baselines: &BTreeMap<String, f64>,
    subject: &Subject<'_>,
    settings: &SloSettings,
) -> Verdict {
    let value = |name: &str| metrics.get(name).copied().flatten();
    let band = |name: &str| subject.bands.iter().find(|it| it.metric == name)?.seasonal;
    let usual = |metric: &str| {
        let names = slo::names_of(metric);
        let period_mean = slo::first_of(names, |name| baselines.get(name).copied());
        Baseline { hour_of_week: slo::first_of(names, band), period_mean }
    };
    slo::evaluate(
        settings,
        &Situation {
            service: subject.service,
            at: subject.at,
            period: subject.period,
            metrics: Metrics::named(value),
            window_s: subject.window_s,
            baselines: Baselines {
                request_rate_rps: usual("request_rate"),
                database_latency_ms: usual("database_latency"),
            },
            anomalies,
            overall_severity: None,
            burn: subject.burn,
        },
    )
}

fn anomaly(name: &str, found: &Anomaly) -> slo::Anomaly {
    let pattern = found.pattern_name.as_deref().and_then(pattern::by_name);
    slo::Anomaly {
        name: name.to_owned(),
        root_metric: found.root_metric.clone(),
        value: found.value,
        severity: found.severity,
        is_locked: pattern.is_some_and(|pattern| pattern.is_locked),
    }
}

#[cfg(test)]
#[path = "objectives_tests.rs"]
mod tests;
