//! Anomalies about values too small to matter are dropped, each with its reason.
//!
//! Invariant: nothing is dropped because of a metric that was not collected.

use domain::config::objectives::Thresholds;

use crate::family::{self, Family};
use crate::situation::{Anomaly, Metrics};

/// An anomaly that was dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressed {
    /// Position in the situation's anomalies.
    pub index: usize,
    pub name: String,
    pub family: Family,
    /// Milliseconds or a share, by the family.
    pub value: f64,
    pub threshold: f64,
    pub reason: String,
}

/// Splits anomalies into the positions of those that stay and those that are dropped.
pub(crate) fn split(
    anomalies: &[Anomaly],
    metrics: &Metrics,
    thresholds: &Thresholds,
) -> (Vec<usize>, Vec<Suppressed>) {
    let mut kept = Vec::new();
    let mut dropped = Vec::new();
    for (index, anomaly) in anomalies.iter().enumerate() {
        match verdict(index, anomaly, metrics, thresholds) {
            Some(suppressed) => dropped.push(suppressed),
            None => kept.push(index),
        }
    }
    (kept, dropped)
}

/// The rate below which error anomalies are dropped.
pub(crate) fn error_floor(thresholds: &Thresholds) -> f64 {
    match thresholds.error_rate_floor {
        floor if floor > 0.0 => floor,
        _ => thresholds.error_rate.acceptable,
    }
}

fn verdict(
    index: usize,
    anomaly: &Anomaly,
    metrics: &Metrics,
    thresholds: &Thresholds,
) -> Option<Suppressed> {
    let family = family::of(anomaly);
    let (value, threshold) = match family {
        Family::DatabaseLatency => {
            (metrics.database_latency_ms?, thresholds.database_latency_floor_ms)
        }
        Family::ErrorRate => (metrics.error_rate?, error_floor(thresholds)),
        Family::Latency | Family::RequestRate | Family::Other => return None,
    };
    if value >= threshold {
        return None;
    }
    let reason = match family {
        Family::ErrorRate => format!(
            "error rate {:.2} % is below {:.2} %, where errors begin to count",
            value * 100.0,
            threshold * 100.0
        ),
        _ => format!("database latency {value:.2} ms is below its floor of {threshold:.2} ms"),
    };
    Some(Suppressed { index, name: anomaly.name.clone(), family, value, threshold, reason })
}
