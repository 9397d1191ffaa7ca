//! One line that says why, with the numbers.

use domain::config::objectives::Thresholds;
use domain::{Severity, config::objectives::Ladder};

use crate::errors::ErrorCap;
use crate::evaluation::SloEvaluation;
use crate::status::{DatabaseStatus, SloStatus, TrafficKind};
use crate::traffic::TrafficEvaluation;

/// All clauses that apply, in a fixed order.
pub(crate) fn explain(evaluation: &SloEvaluation, thresholds: &Thresholds) -> String {
    let clauses = [
        emptied(evaluation),
        change(evaluation),
        busy(evaluation, thresholds),
        latency(evaluation),
        error_rate(evaluation),
        capped(evaluation),
        within_limits(evaluation),
        database(evaluation),
        traffic(&evaluation.request_rate),
        traffic_floor(evaluation),
        budget(evaluation),
        incomplete(evaluation),
    ];
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    if clauses.is_empty() { "All objectives are kept.".to_owned() } else { clauses.join(" ") }
}

fn emptied(evaluation: &SloEvaluation) -> Option<String> {
    let count = evaluation.suppressed.len();
    let noun = if count == 1 { "anomaly" } else { "anomalies" };
    (count > 0).then(|| format!("{count} {noun} suppressed: too small to matter."))
}

fn change(evaluation: &SloEvaluation) -> Option<String> {
    let (from, to) = (evaluation.original_severity, evaluation.adjusted_severity);
    evaluation.severity_changed().then(|| format!("Severity changed from {from} to {to}."))
}

fn busy(evaluation: &SloEvaluation, thresholds: &Thresholds) -> Option<String> {
    let factor = thresholds.busy_period_factor;
    evaluation.is_busy_period.then(|| format!("Busy period: limits are {factor} times as large."))
}

fn latency(evaluation: &SloEvaluation) -> Option<String> {
    let reading = evaluation.latency.reading?;
    let limits = &evaluation.latency.limits;
    let ms = |value: f64| format!("{value:.0} ms");
    ladder("Latency", reading.value, reading.status, limits, &ms)
}

fn error_rate(evaluation: &SloEvaluation) -> Option<String> {
    let reading = evaluation.error_rate.ladder.reading?;
    let limits = &evaluation.error_rate.ladder.limits;
    ladder("Error rate", reading.value, reading.status, limits, &percent)
}

fn ladder(
    what: &str,
    value: f64,
    status: SloStatus,
    limits: &Ladder,
    shown: &dyn Fn(f64) -> String,
) -> Option<String> {
    let value = shown(value);
    let [acceptable, warning, critical] =
        [limits.acceptable, limits.warning, limits.critical].map(shown);
    match status {
        SloStatus::Ok => None,
        SloStatus::ApproachingWarning => {
            Some(format!("{what} {value} is above {acceptable}, on the way to {warning}."))
        }
        SloStatus::Warning => Some(format!(
            "{what} {value} is at or above the warning limit {warning} (critical {critical})."
        )),
        SloStatus::Breached => {
            Some(format!("{what} {value} breaks the critical limit {critical}."))
        }
    }
}

fn capped(evaluation: &SloEvaluation) -> Option<String> {
    let reason = match evaluation.error_rate.cap? {
        ErrorCap::LowTraffic => "there are too few requests to judge errors by",
        ErrorCap::FewFailures => "so few failures happen by chance at the acceptable rate",
    };
    Some(format!("The error rate counts for less: {reason}."))
}

fn within_limits(evaluation: &SloEvaluation) -> Option<String> {
    let is_kept = evaluation.slo_status == SloStatus::Ok;
    if !is_kept || evaluation.original_severity == Severity::None {
        return None;
    }
    let latency = evaluation.latency.reading.map(|it| {
        format!("latency {:.0} ms (limit {:.0} ms)", it.value, evaluation.latency.limits.acceptable)
    });
    let limits = &evaluation.error_rate.ladder.limits;
    let errors = evaluation.error_rate.ladder.reading.map(|it| {
        format!("error rate {} (limit {})", percent(it.value), percent(limits.acceptable))
    });
    let parts: Vec<String> = [latency, errors].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("Within acceptable limits: {}.", parts.join(", ")))
}

fn database(evaluation: &SloEvaluation) -> Option<String> {
    let database = evaluation.database_latency.as_ref()?;
    let reading = database.reading?;
    let value = reading.value_ms;
    if reading.below_floor {
        let is_worth_it = evaluation.original_severity > Severity::None;
        let floor = database.floor_ms;
        return is_worth_it.then(|| {
            format!("Database latency {value:.2} ms is below its floor of {floor:.2} ms.")
        });
    }
    let status = reading.status;
    let limit = match status {
        DatabaseStatus::Ok => return None,
        DatabaseStatus::Info => database.ratios.info,
        DatabaseStatus::Warning => database.ratios.warning,
        DatabaseStatus::High => database.ratios.high,
        DatabaseStatus::Critical => database.ratios.critical,
    };
    let against = match (reading.ratio, database.baseline_ms) {
        (Some(ratio), Some(usual)) => format!("{ratio:.1} times the usual {usual:.1} ms"),
        _ => format!("nothing usual is known, so against the floor {:.1} ms", database.floor_ms),
    };
    let word = status.as_str();
    Some(format!("Database latency {value:.1} ms is {word}: {against}, limit {limit} times."))
}

impl TrafficEvaluation {
    /// One line about traffic alone.
    pub fn explanation(&self) -> String {
        let found = traffic(self).or_else(|| {
            let reading = self.reading?;
            let usual = self.baseline_rps.map(|usual| format!(", usual is {usual:.2}"));
            Some(format!("Traffic: {:.2} req/s{}.", reading.value_rps, usual.unwrap_or_default()))
        });
        found.unwrap_or_else(|| "Traffic was not collected.".to_owned())
    }
}

fn traffic(traffic: &TrafficEvaluation) -> Option<String> {
    let reading = traffic.reading?;
    let value = reading.value_rps;
    let usual = traffic.baseline_rps.unwrap_or_default();
    let ratio = reading.ratio.unwrap_or_default();
    let beside = match (reading.with_errors, reading.with_latency) {
        (true, _) => ", with errors",
        (false, true) => ", with slow answers",
        (false, false) => "",
    };
    match reading.kind {
        TrafficKind::Normal | TrafficKind::NoTraffic => None,
        TrafficKind::Surge => Some(format!(
            "Traffic surge: {value:.2} req/s, {ratio:.2} times the usual {usual:.2}{beside}."
        )),
        TrafficKind::Cliff => Some(format!(
            "Traffic cliff: {value:.2} req/s, {ratio:.2} times the usual {usual:.2}{beside}."
        )),
        TrafficKind::LowTraffic => {
            let least = traffic.min_expected_rps;
            Some(format!("Low traffic: {value:.2} req/s, at least {least:.2} are expected."))
        }
    }
}

fn traffic_floor(evaluation: &SloEvaluation) -> Option<String> {
    let floor = evaluation.traffic_floor?;
    Some(format!("So few requests are {floor} at least, whatever else holds."))
}

fn budget(evaluation: &SloEvaluation) -> Option<String> {
    let budget = evaluation.error_budget.as_ref()?;
    let rule = budget.rule?;
    let at = |length_s: u32| {
        let found = budget.burn_rates.iter().find(|(length, _)| *length == length_s);
        found.map_or(0.0, |(_, burn)| *burn)
    };
    let start = format!(
        "Error budget of {} burns {:.1} times as fast as it lasts",
        percent(1.0 - budget.objective),
        at(rule.long_s)
    );
    Some(match budget.minutes_to_exhaustion {
        Some(minutes) => format!("{start}: used up in {minutes:.0} min."),
        None => format!("{start}."),
    })
}

fn incomplete(evaluation: &SloEvaluation) -> Option<String> {
    let names = [
        ("latency", evaluation.latency.reading.is_none()),
        ("error rate", evaluation.error_rate.ladder.reading.is_none()),
        (
            "database latency",
            evaluation.database_latency.as_ref().is_some_and(|it| it.reading.is_none()),
        ),
        ("request rate", evaluation.request_rate.reading.is_none()),
    ];
    let missing: Vec<&str> =
        names.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name).collect();
    (!missing.is_empty()).then(|| format!("Not collected: {}.", missing.join(", ")))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
