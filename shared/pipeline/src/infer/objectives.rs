//! Whether what was found matters: service level objectives have their say on every service.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use detect::impact::Impact;
use detect::pattern;
use detect::rows::Observation;
use domain::config::objectives::SloSettings;
use domain::config::valid::Config;
use domain::{Period, ServiceName, Severity};
use payload::result::{Anomaly, Evaluation, ServiceResult};
use slo::{Baseline, Baselines, Metrics, REQUESTS_MIN, Reading, Situation, SloStatus, Verdict};

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
    let (service, at, period) = (&it.service, input.at, it.period);
    let subject = Subject { service, at, period, window_s: 0, time_confidence: 1.0, impact: None };
    let verdict = judge(&[], &metrics, &BTreeMap::new(), &subject, settings).evaluation;
    let statuses = [
        ("application_latency", verdict.latency.reading),
        ("error_rate", verdict.error_rate.ladder.reading),
    ];
    let is_bad = |reading: &Reading| reading.status >= SloStatus::Warning;
    let bad = statuses.into_iter().filter(|(_, reading)| reading.as_ref().is_some_and(is_bad));
    bad.map(|(name, _)| name.to_owned()).collect()
}

/// What objectives made of a service.
pub(super) struct Judged {
    pub result: ServiceResult,
    /// Names of anomalies that keep an incident and do not start one.
    pub weak: BTreeSet<String>,
    /// By anomaly, the severity with limits a little tighter: what is worse does not fall below it
    /// at once.
    pub lingering: BTreeMap<String, Severity>,
}

/// The verdict after objectives: anomalies too small to matter are dropped, severities follow the
/// matrix, and an objective that is broken unseen becomes an anomaly of its own. What is `weak` is
/// left alone: it starts nothing.
pub(super) fn apply(
    mut evaluation: Box<Evaluation>,
    mut weak: BTreeSet<String>,
    subject: &Subject<'_>,
    settings: &SloSettings,
) -> Judged {
    let found = std::mem::take(&mut evaluation.anomalies);
    let (mut after, found): (BTreeMap<String, Anomaly>, BTreeMap<String, Anomaly>) =
        found.into_iter().partition(|(name, _)| weak.contains(name));
    let anomalies: Vec<slo::Anomaly> = found.iter().map(anomaly).collect();
    let found: Vec<(String, Anomaly)> = found.into_iter().collect();
    let (metrics, baselines) = (&evaluation.current_metrics, &evaluation.training_baselines);
    let verdict = judge(&anomalies, metrics, baselines, subject, settings);
    let nearly = raised(metrics, settings.hysteresis);
    let nearly = judge(&anomalies, &nearly, baselines, subject, settings);
    let anomalies_of = |verdict: &Verdict| carried(verdict, &found, evaluation.model_name, subject);
    let (carried, held) = (anomalies_of(&verdict), anomalies_of(&nearly));
    let lingering = held.iter().map(|(name, anomaly)| (name.clone(), anomaly.severity)).collect();
    if carried.is_empty() {
        // Close below a limit: nothing begins, and what has begun goes on.
        weak.extend(held.keys().cloned());
        after.extend(held);
    }
    if has_few_requests(metrics, subject) {
        let made = verdict.synthetic.iter().filter(|it| is_latency(it.name));
        weak.extend(made.map(|it| it.name.to_owned()));
    }
    after.extend(carried);
    evaluation.set_anomalies(after);
    let said = &verdict.evaluation;
    evaluation.original_severity = said.severity_changed().then_some(said.original_severity);
    evaluation.slo_evaluation = Some(payload::slo::evaluation(said));
    Judged { result: ServiceResult::of(evaluation), weak, lingering }
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
    model: Period,
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
        (it.name.to_owned(), payload::slo::synthetic(it, model, subject.time_confidence))
    });
    kept.chain(made).collect()
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
    let usual = |name: &str| Baseline::of_period(baselines.get(name).copied());
    slo::evaluate(
        settings,
        &Situation {
            service: subject.service,
            at: subject.at,
            period: subject.period,
            metrics: Metrics {
                application_latency_ms: value("application_latency"),
                error_rate: value("error_rate"),
                request_rate_rps: value("request_rate"),
                database_latency_ms: value("database_latency"),
            },
            window_s: subject.window_s,
            baselines: Baselines {
                request_rate_rps: usual("request_rate"),
                database_latency_ms: usual("database_latency"),
            },
            anomalies,
            overall_severity: None,
            burn: &[],
        },
    )
}

fn anomaly((name, found): (&String, &Anomaly)) -> slo::Anomaly {
    let pattern = found.pattern_name.as_deref().and_then(pattern::by_name);
    slo::Anomaly {
        name: name.clone(),
        root_metric: found.root_metric.clone(),
        value: found.value,
        severity: found.severity,
        is_locked: pattern.is_some_and(|pattern| pattern.is_locked),
    }
}
