//! The whole evaluation, step by step.

use domain::config::SloSettings;
use domain::config::objectives::Thresholds;
use domain::{ServiceName, Severity};

use crate::errors::Requests;
use crate::evaluation::{SloEvaluation, Verdict};
use crate::family::{self, Family};
use crate::matrix::MatrixRules;
use crate::situation::{Metrics, Situation};
use crate::status::{Driver, SloStatus};
use crate::{budget, busy, carry, context, database, errors, explain, floor, ladder};
use crate::{matrix, suppress, traffic};

/// Judges one service at one instant.
///
/// Total: it always has an answer. A metric that was not collected is `None` in its part, counts
/// for nothing, and makes the evaluation incomplete.
pub fn evaluate(settings: &SloSettings, situation: &Situation) -> Verdict {
    let metrics = situation.metrics.finite();
    let thresholds = thresholds_at(settings, situation);
    let (kept, suppressed) = suppress::split(situation.anomalies, &metrics, &thresholds);
    let mut evaluation = measure(settings, situation, &metrics, &thresholds);
    evaluation.suppressed = suppressed;
    let remaining = remaining_severity(situation, &kept, &evaluation);
    let rules = rules(settings, situation, &kept, &evaluation);
    decide(settings, rules, &thresholds, remaining, &mut evaluation);
    let mut verdict = carry::carry(rules, situation, &kept, evaluation);
    for anomaly in &mut verdict.kept {
        let found = &situation.anomalies[anomaly.index];
        anomaly.context = context::of(found, &metrics, &thresholds, &verdict.evaluation);
    }
    verdict.evaluation.explanation = explain::explain(&verdict.evaluation, &thresholds);
    verdict
}

/// The thresholds in force for a service at an instant.
pub fn thresholds_at(settings: &SloSettings, situation: &Situation) -> Thresholds {
    let service: &ServiceName = situation.service;
    busy::in_force(settings.thresholds_of(service), settings.is_busy(situation.at))
}

/// All parts and the status, before anything is known of severities.
fn measure(
    settings: &SloSettings,
    situation: &Situation,
    metrics: &Metrics,
    thresholds: &Thresholds,
) -> SloEvaluation {
    let is_busy_period = settings.is_busy(situation.at);
    let latency = ladder::judge(metrics.application_latency_ms, thresholds.latency_ms);
    let counted = metrics.request_rate_rps.filter(|_| situation.window_s > 0);
    let requests = counted.map(|rps| Requests::in_window(rps, situation.window_s));
    let error_rate = errors::judge(metrics.error_rate, requests, thresholds);
    let database_baseline = situation.baselines.database_latency_ms.value();
    let around = traffic::Surroundings {
        period: situation.period,
        is_busy: is_busy_period,
        is_slow: latency.status() >= SloStatus::Warning,
        has_errors: error_rate.is_bad(),
    };
    let rate_baseline = situation.baselines.request_rate_rps.value();
    let objectives = &thresholds.request_rate;
    let objective = thresholds.error_budget_objective;
    let mut evaluation = SloEvaluation {
        original_severity: original_severity(situation),
        adjusted_severity: Severity::None,
        matrix_outcome: crate::MatrixOutcome::None,
        traffic_floor: None,
        slo_status: SloStatus::Ok,
        slo_proximity: latency.proximity().max(error_rate.proximity()),
        parts: Driver::ALL.map(|driver| (driver, SloStatus::Ok)),
        driver: None,
        operational_impact: crate::OperationalImpact::None,
        is_busy_period,
        is_incomplete: false,
        latency,
        error_rate,
        database_latency: database::judge(
            metrics.database_latency_ms,
            database_baseline,
            thresholds,
        ),
        request_rate: traffic::judge(metrics.request_rate_rps, rate_baseline, objectives, around),
        error_budget: objective.and_then(|it| budget::judge(it, situation.burn)),
        suppressed: Vec::new(),
        explanation: String::new(),
    };
    evaluation.is_incomplete = evaluation.unavailable() > 0;
    combine(settings, &mut evaluation);
    evaluation
}

/// The worst of all objectives; request rate takes no part. The first of equals is the driver.
fn combine(settings: &SloSettings, evaluation: &mut SloEvaluation) {
    let database = evaluation.database_latency.as_ref();
    let budget = evaluation.error_budget.as_ref();
    let ok = SloStatus::Ok;
    evaluation.parts = Driver::ALL.map(|driver| {
        let status = match driver {
            Driver::Latency => evaluation.latency.status(),
            Driver::ErrorRate => evaluation.error_rate.status(),
            Driver::DatabaseLatency => {
                database.map_or(ok, |it| it.slo_status(settings.database_high_maps_to))
            }
            Driver::ErrorBudget => budget.map_or(ok, |it| it.status),
        };
        (driver, status)
    });
    for (driver, status) in evaluation.parts {
        if status > evaluation.slo_status {
            evaluation.slo_status = status;
            evaluation.driver = Some(driver);
        }
    }
}

fn original_severity(situation: &Situation) -> Severity {
    let worst = situation.anomalies.iter().map(|anomaly| anomaly.severity).max();
    worst.max(situation.overall_severity).unwrap_or_default()
}

/// The detector's severity of what is left after suppression; `None` if nothing is.
fn remaining_severity(
    situation: &Situation,
    kept: &[usize],
    evaluation: &SloEvaluation,
) -> Option<Severity> {
    let worst = kept.iter().map(|index| situation.anomalies[*index].severity).max();
    if !evaluation.suppressed.is_empty() {
        return worst;
    }
    let original = evaluation.original_severity;
    (worst.is_some() || original > Severity::None).then_some(original)
}

/// Nothing is called harmless on what was not seen: where no objective could be judged, or an
/// anomaly is about a metric that was not collected, anomalies keep their severity.
fn rules(
    settings: &SloSettings,
    situation: &Situation,
    kept: &[usize],
    evaluation: &SloEvaluation,
) -> MatrixRules {
    let has_latency = evaluation.latency.reading.is_some();
    let has_errors = evaluation.error_rate.ladder.reading.is_some();
    let has_database = evaluation.database_latency.as_ref().is_some_and(|it| it.reading.is_some());
    let is_seen = |index: &usize| match family::of(&situation.anomalies[*index]) {
        Family::DatabaseLatency => has_database,
        Family::ErrorRate => has_errors,
        Family::Latency | Family::RequestRate | Family::Other => true,
    };
    let is_judged = has_latency || has_errors || has_database;
    let rules = MatrixRules::from(settings);
    let may_downgrade = rules.may_downgrade && is_judged && kept.iter().all(is_seen);
    MatrixRules { may_downgrade, ..rules }
}

/// Matrix, impact and traffic floor.
fn decide(
    settings: &SloSettings,
    rules: MatrixRules,
    thresholds: &Thresholds,
    anomaly: Option<Severity>,
    evaluation: &mut SloEvaluation,
) {
    let (status, has_anomaly) = (evaluation.slo_status, anomaly.is_some());
    let reading = evaluation.request_rate.reading;
    let is_low_traffic = reading.is_some_and(|it| it.value_rps < thresholds.min_traffic_rps);
    let is_emptied = !has_anomaly && !evaluation.suppressed.is_empty();
    let (severity, outcome) = match (is_emptied, status) {
        // What was dropped must not come back as the milder row of the matrix.
        (true, SloStatus::Ok | SloStatus::ApproachingWarning) => {
            (Severity::None, crate::MatrixOutcome::None)
        }
        _ => matrix::severity(anomaly, status, rules),
    };
    let (traffic, is_busy) = (&evaluation.request_rate, evaluation.is_busy_period);
    let floor = floor::severity_floor(settings, traffic, is_busy, has_anomaly);
    evaluation.traffic_floor = floor.filter(|floor| *floor > severity);
    evaluation.adjusted_severity = evaluation.traffic_floor.unwrap_or(severity);
    evaluation.matrix_outcome = outcome;
    evaluation.operational_impact = matrix::impact(status, has_anomaly, is_low_traffic);
}
