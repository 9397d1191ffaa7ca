//! What the objectives say about one anomaly, for the people who read it.

use domain::config::objectives::{DatabaseRatios, Thresholds};

use crate::evaluation::SloEvaluation;
use crate::family::{self, Family};
use crate::situation::{Anomaly, Metrics};
use crate::status::TrafficKind;
use crate::suppress;

/// One anomaly's metric beside the limits in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SloContext {
    Database {
        value_ms: f64,
        baseline_ms: Option<f64>,
        ratio: Option<f64>,
        floor_ms: f64,
        ratios: DatabaseRatios,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    Latency {
        value_ms: f64,
        acceptable_ms: f64,
        critical_ms: f64,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    ErrorRate {
        value: f64,
        acceptable: f64,
        critical: f64,
        /// An anomaly below it would have been dropped.
        suppression: f64,
        within_acceptable: bool,
        is_busy_period: bool,
    },
    RequestRate {
        value_rps: f64,
        baseline_rps: Option<f64>,
        ratio: Option<f64>,
        surge_threshold_percent: f64,
        cliff_threshold_percent: f64,
        is_surge: bool,
        is_cliff: bool,
        is_busy_period: bool,
    },
}

/// The context of an anomaly; `None` if no objective is about its metric, or that is not known.
pub(crate) fn of(
    anomaly: &Anomaly,
    metrics: &Metrics,
    thresholds: &Thresholds,
    evaluation: &SloEvaluation,
) -> Option<SloContext> {
    let is_busy_period = evaluation.is_busy_period;
    match family::of(anomaly) {
        Family::DatabaseLatency => database(evaluation),
        Family::Latency => {
            let limits = thresholds.latency_ms;
            let value_ms = own_latency(anomaly, metrics)?;
            Some(SloContext::Latency {
                value_ms,
                acceptable_ms: limits.acceptable,
                critical_ms: limits.critical,
                within_acceptable: value_ms <= limits.acceptable,
                is_busy_period,
            })
        }
        Family::ErrorRate => {
            let limits = thresholds.error_rate;
            let value = metrics.error_rate?;
            Some(SloContext::ErrorRate {
                value,
                acceptable: limits.acceptable,
                critical: limits.critical,
                suppression: suppress::error_floor(thresholds),
                within_acceptable: value <= limits.acceptable,
                is_busy_period,
            })
        }
        Family::RequestRate => traffic(thresholds, evaluation),
        Family::Other => None,
    }
}

/// A dependency's latency is not the application's: an anomaly speaks of its own metric.
fn own_latency(anomaly: &Anomaly, metrics: &Metrics) -> Option<f64> {
    let is_application = match anomaly.root_metric.as_deref() {
        None => true,
        Some(metric) => {
            ["application_latency", "server_latency_avg", "latency_avg"].contains(&metric)
        }
    };
    let value = if is_application {
        metrics.application_latency_ms.or(anomaly.value)
    } else {
        anomaly.value
    };
    value.filter(|value| value.is_finite())
}

fn database(evaluation: &SloEvaluation) -> Option<SloContext> {
    let database = evaluation.database_latency.as_ref()?;
    let reading = database.reading?;
    let usual = database.baseline_ms.unwrap_or(database.floor_ms);
    Some(SloContext::Database {
        value_ms: reading.value_ms,
        baseline_ms: database.baseline_ms,
        ratio: reading.ratio,
        floor_ms: database.floor_ms,
        ratios: database.ratios,
        within_acceptable: reading.value_ms < usual * database.ratios.info,
        is_busy_period: evaluation.is_busy_period,
    })
}

fn traffic(thresholds: &Thresholds, evaluation: &SloEvaluation) -> Option<SloContext> {
    let traffic = &evaluation.request_rate;
    let reading = traffic.reading?;
    Some(SloContext::RequestRate {
        value_rps: reading.value_rps,
        baseline_rps: traffic.baseline_rps,
        ratio: reading.ratio,
        surge_threshold_percent: thresholds.request_rate.surge.threshold_percent,
        cliff_threshold_percent: thresholds.request_rate.cliff.threshold_percent,
        is_surge: reading.kind == TrafficKind::Surge,
        is_cliff: reading.kind == TrafficKind::Cliff,
        is_busy_period: evaluation.is_busy_period,
    })
}
