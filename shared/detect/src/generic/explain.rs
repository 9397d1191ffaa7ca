//! Evidence in one sentence.

use domain::MetricKind;

use super::evidence::{GenericEvidence, MetricEvidence, Side};
use crate::explain::format_value;

/// Moves below this are within what a quiet day shows, and are left out of the sentence.
const QUIET_DAYS_TOLD: f64 = 1.0;

/// One sentence about the peak of a cycle, the loudest metric first.
pub fn explain(evidence: &GenericEvidence) -> String {
    if let Some(silence) = &evidence.silence {
        return format!("{silence}.");
    }
    let told = evidence.metrics.iter().enumerate();
    let told = told.filter(|(place, metric)| *place == 0 || metric.quiet_days >= QUIET_DAYS_TOLD);
    let clauses: Vec<String> = told.map(|(_, metric)| clause(metric)).collect();
    if clauses.is_empty() {
        return "No metric moved.".to_owned();
    }
    format!("{}.", clauses.join("; "))
}

fn clause(metric: &MetricEvidence) -> String {
    let number = |value| format_value(MetricKind::Gauge, "", value);
    let (low, high) = metric.band;
    format!(
        "{} is {}, {} {} expected from the last {} (band {} to {}), {:.1} times the largest move \
         of a quiet day",
        metric.name,
        number(metric.value),
        match metric.side {
            Side::Above => "above",
            Side::Below => "below",
        },
        number(metric.expected),
        span_words(metric.span_s),
        number(low),
        number(high),
        metric.quiet_days,
    )
}

fn span_words(span_s: i64) -> String {
    if span_s < 3_600 { format!("{} min", span_s / 60) } else { format!("{} h", span_s / 3_600) }
}
