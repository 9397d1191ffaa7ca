//! Who carries the severity: the anomalies that stay, or anomalies made for it.
//!
//! Invariant: where anything is reported, its worst effective severity is the adjusted severity of
//! the service. An anomaly whose pattern fixes its severity is never raised, so it carries nothing
//! beyond that; then the objectives speak for themselves, as they do where detection found nothing.

use domain::Severity;

use crate::evaluation::{Kept, SloEvaluation, SyntheticAnomaly, Verdict};
use crate::family::{self, Family};
use crate::matrix::{self, MatrixRules};
use crate::situation::Situation;
use crate::status::{Driver, SloStatus};

pub(crate) fn carry(
    rules: MatrixRules,
    situation: &Situation,
    kept: &[usize],
    evaluation: SloEvaluation,
) -> Verdict {
    let status = evaluation.slo_status;
    let mut kept: Vec<Kept> = kept
        .iter()
        .map(|index| {
            let anomaly = &situation.anomalies[*index];
            let (severity, _) = matrix::severity(Some(anomaly.severity), status, rules);
            let most = if anomaly.is_locked { anomaly.severity } else { Severity::Critical };
            Kept { index: *index, severity: severity.min(most), context: None }
        })
        .collect();
    let synthetic = match carrier(situation, &kept, &evaluation) {
        Some(place) => {
            kept[place].severity = kept[place].severity.max(evaluation.adjusted_severity);
            Vec::new()
        }
        None => synthetic(rules, &evaluation),
    };
    Verdict { evaluation, kept, synthetic }
}

/// The place of the anomaly that has the adjusted severity: about traffic if traffic decided it,
/// else the worst, of equals the first.
fn carrier(situation: &Situation, kept: &[Kept], evaluation: &SloEvaluation) -> Option<usize> {
    let anomaly = |place: usize| &situation.anomalies[kept[place].index];
    let mut free = (0..kept.len()).filter(|place| !anomaly(*place).is_locked);
    let is_traffic = |place: &usize| family::of(anomaly(*place)) == Family::RequestRate;
    if evaluation.traffic_floor.is_some()
        && let Some(place) = free.clone().find(is_traffic)
    {
        return Some(place);
    }
    let first = free.next()?;
    Some(free.fold(
        first,
        |worst, place| {
            if kept[place].severity > kept[worst].severity { place } else { worst }
        },
    ))
}

/// One anomaly for each objective that makes the status what it is, and one for traffic.
fn synthetic(rules: MatrixRules, evaluation: &SloEvaluation) -> Vec<SyntheticAnomaly> {
    let status = evaluation.slo_status;
    let mut made = Vec::new();
    if status >= SloStatus::Warning {
        // Before the traffic floor: traffic has an anomaly of its own.
        let severity = match evaluation.traffic_floor {
            Some(_) => matrix::severity(None, status, rules).0,
            None => evaluation.adjusted_severity,
        };
        let worst = evaluation.parts.into_iter().filter(|(_, part)| *part == status);
        made.extend(worst.map(|(driver, _)| of_driver(driver, severity, evaluation)));
    }
    made.extend(evaluation.traffic_floor.map(|severity| of_traffic(severity, evaluation)));
    made
}

fn of_driver(driver: Driver, severity: Severity, evaluation: &SloEvaluation) -> SyntheticAnomaly {
    let status = evaluation.slo_status.as_str();
    let latency = evaluation.latency.reading;
    let errors = evaluation.error_rate.ladder.reading;
    let database = evaluation.database_latency.as_ref().and_then(|it| it.reading);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let (name, root_metric, value, text) = match driver {
        Driver::Latency => {
            let value = latency.map(|it| it.value);
            let text = format!("Latency {:.0} ms", value.unwrap_or_default());
            ("slo_application_latency", "application_latency", value, text)
        }
        Driver::ErrorRate => {
            let value = errors.map(|it| it.value);
            let text = format!("Error rate {}", percent(value.unwrap_or_default()));
            ("slo_error_rate", "error_rate", value, text)
        }
        Driver::DatabaseLatency => {
            let value = database.map(|it| it.value_ms);
            let text = format!("Database latency {:.1} ms", value.unwrap_or_default());
            ("slo_database_latency", "database_latency", value, text)
        }
        Driver::ErrorBudget => {
            let value = errors.map(|it| it.value);
            let left = evaluation.error_budget.as_ref().and_then(|it| it.minutes_to_exhaustion);
            let text = match left {
                Some(minutes) => format!("The error budget lasts {} at this rate", span(minutes)),
                None => "The error budget's use".to_owned(),
            };
            ("slo_error_budget", "error_rate", value, text)
        }
    };
    let description = format!("{text}: the objective is {}", status.replace('_', " "));
    SyntheticAnomaly { name, root_metric, severity, value, description }
}

/// A time in the unit that people say it in.
fn span(minutes: f64) -> String {
    match minutes {
        minutes if minutes < 120.0 => format!("{minutes:.0} minutes"),
        minutes if minutes < 2.0 * 1440.0 => format!("{:.0} hours", minutes / 60.0),
        minutes => format!("{:.0} days", minutes / 1440.0),
    }
}

fn of_traffic(severity: Severity, evaluation: &SloEvaluation) -> SyntheticAnomaly {
    let reading = evaluation.request_rate.reading;
    let value = reading.map(|it| it.value_rps);
    let description = format!(
        "{:.2} requests per second where {:.2} are usual",
        value.unwrap_or_default(),
        evaluation.request_rate.baseline_rps.unwrap_or_default()
    );
    let (name, root_metric) = ("slo_request_rate", "request_rate");
    SyntheticAnomaly { name, root_metric, severity, value, description }
}
